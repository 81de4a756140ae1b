//! What a checkpoint holds of a process. The engine fills all of it.
//!
//! All of it is in terms of WebAssembly or of the sandbox: functions by their index in the program, references by what they
//! refer to. So nothing depends on the machine that ran the process.

use serde::{Deserialize, Serialize};
use stillbox_kernel::blob::Blob;
use stillbox_kernel::chunk::ChunkRef;
use stillbox_kernel::fs::persist::OpenDirState;

use crate::descriptors::persist::DescriptorState;
use crate::memory::persist::MemoryState;

/// A process, running or ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessState {
    /// Its number.
    pub pid: u32,
    /// Its parent's; 1 for an orphan and for one that the host started.
    pub parent: u32,
    /// Its process group's.
    pub group: u32,
    /// Its session's.
    pub session: u32,
    /// That of the process that the host started and that it descends from.
    pub job: u32,
    /// When it was started, in nanoseconds since the Unix epoch.
    pub started_ns: u64,
    /// The CPU time that it has used, in nanoseconds.
    pub cpu_ns: u64,
    /// The CPU time, likewise, of children that were waited for, and of theirs.
    pub children_cpu_ns: u64,
    /// How much of its wall time is left, in nanoseconds, if that is limited.
    pub wall_time_left_ns: Option<u64>,
    /// What it runs, arguments and environment included.
    pub invocation: InvocationState,
    /// Running, or ended and not waited for.
    pub life: LifeState,
}

/// A program with its arguments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvocationState {
    /// The path under which it was found.
    pub path: String,
    /// The arguments; the first is what the program takes for its name.
    pub args: Vec<String>,
    /// The environment, as `KEY=value`, in order.
    pub env: Vec<String>,
}

/// Whether a process runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LifeState {
    /// It runs, is blocked, or is stopped.
    Running(Box<RunningState>),
    /// It has ended, and its parent has not waited for it.
    Zombie(ExitState),
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExitState {
    /// With this code.
    Code(u32),
    /// By this signal.
    Signal(u8),
}

/// What a process has while it runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunningState {
    /// Its program.
    pub program: ProgramState,
    /// Its working directory.
    pub cwd: OpenDirState,
    /// Its umask.
    pub umask: u32,
    /// Its descriptors, in ascending order of their numbers.
    pub descriptors: Vec<DescriptorState>,
    /// Its signals.
    pub signals: SignalState,
    /// Its stack, and those of the handlers that run on top of it: the first is the main one.
    pub activations: Vec<ActivationState>,
    /// How long what it is blocked in still waits at most, in nanoseconds; `None` is without end, or not blocked.
    pub blocked_for_ns: Option<u64>,
    /// Its memories, by their index.
    pub memories: Vec<MemoryState>,
    /// Its mutable globals, in the order of their indices; with those that the capture adds, which say among other things
    /// what segments have been dropped.
    pub globals: Vec<ValueState>,
    /// Its tables, by their index.
    pub tables: Vec<TableState>,
}

/// The module that a process runs, whatever its file holds by now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgramState {
    /// The BLAKE3 hash of the module.
    pub digest: [u8; 32],
    /// The module itself; empty where the restoring side is sure to have it.
    pub module: Vec<ChunkRef>,
}

/// The signals of a process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignalState {
    /// What each of the signals 1 to 31 does.
    pub actions: Vec<ActionState>,
    /// Those whose handlers are to run; bit 0 is signal 1.
    pub pending: u32,
    /// Those that are blocked, likewise.
    pub blocked: u32,
    /// The one that ends the process.
    pub fatal: Option<u8>,
    /// The one that stopped the process, if it is stopped.
    pub stopped: Option<u8>,
    /// Whether its parent hasn't been told yet that it is stopped.
    pub stop_unreported: bool,
    /// The name of the function that the program has registered to run as handler.
    pub handler: Option<String>,
}

/// What a signal does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ActionState {
    /// What it does by default.
    Default,
    /// Nothing.
    Ignore,
    /// The program's handler runs.
    Catch,
}

/// A suspended stack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActivationState {
    /// The frames, as the capture writes them. Nothing but the capture looks into them.
    pub frames: Blob,
    /// The references in frames, which name them by number: to functions, to values of the host, to exceptions.
    pub references: [Vec<ValueState>; 3],
}

/// A value of a global, or of a reference in a table or a frame.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ValueState {
    /// 32 bits: an integer.
    I32(u32),
    /// 64 bits: an integer.
    I64(u64),
    /// The bits of a 32-bit float.
    F32(u32),
    /// The bits of a 64-bit float.
    F64(u64),
    /// 128 bits, little-endian.
    V128([u8; 16]),
    /// A reference to nothing.
    Null,
    /// A reference to the function of this index.
    Func(u32),
    /// A reference to an exception.
    Exception {
        /// The index of its tag.
        tag: u32,
        /// What it carries, little-endian, each as long as its type.
        fields: Blob,
    },
}

/// A table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableState {
    /// The function in each place, if there is one.
    pub functions: Vec<Option<u32>>,
}
