//! The one constructor of `wasmtime::Config`.
//!
//! Compiled code is only loaded by an engine with the settings that it was compiled with, so all of them are here.

use std::sync::Arc;

use stillbox_capture::Poll;
use wasmtime::{Config, Engine, InstanceAllocationStrategy, OptLevel, RegallocAlgorithm};

use crate::memory::{Memories, RESERVATION_BYTES};

/// How much of a guest thread's stack wasm code may use, in bytes. Deep recursion in an interpreter fits; beyond it the
/// guest gets a `SIGSEGV`, as a native program does.
pub(crate) const WASM_STACK_BYTES: usize = 8 << 20;

/// What the host's own frames need on top of [`WASM_STACK_BYTES`], in bytes.
pub(crate) const HOST_STACK_BYTES: usize = 1 << 20;

/// How many processes one engine can hold at once. Each has two reservations of address space, of which 128 TiB are there,
/// and with its thread some eight mappings, of which Linux gives an application 65,530 by default.
pub(crate) const PROCESSES_MAX: u32 = 6144;

/// The most elements that the tables of one instance may have together: an interpreter's function pointers are some tens
/// of thousands.
pub(crate) const TABLE_ELEMENTS_MAX: usize = 1 << 20;

/// The address space of the heap that the runtime keeps exceptions in, in bytes.
const EXCEPTIONS_BYTES: u64 = 1 << 30;

/// What programs are compiled to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Code {
    /// The machine's own code.
    #[default]
    Native,
    /// Code of the runtime's interpreter.
    Interpreted,
}

impl Code {
    /// Returns what an engine compiles to.
    pub(crate) fn of(engine: &Engine) -> Self {
        if engine.is_pulley() { Self::Interpreted } else { Self::Native }
    }

    /// Returns how programs look whether they are to stop.
    pub(crate) fn poll(self) -> Poll {
        match self {
            Self::Native => Poll::Atomic,
            Self::Interpreted => Poll::Plain,
        }
    }
}

/// Returns the configuration of every engine.
///
/// # Errors
///
/// If the runtime has no such target.
pub(crate) fn wasmtime_config(memories: Arc<Memories>, code: Code) -> wasmtime::Result<Config> {
    let mut config = Config::new();
    config
        // Memories are ours, so that a start, a restore and a copy of a process map what it holds.
        .allocation_strategy(InstanceAllocationStrategy::OnDemand)
        .with_host_memory(memories)
        .memory_reservation(RESERVATION_BYTES)
        .memory_init_cow(false)
        .gc_heap_reservation(EXCEPTIONS_BYTES)
        .max_wasm_stack(WASM_STACK_BYTES)
        // No guest runs on a stack of the runtime's own, but the two sizes are checked against each other.
        .async_stack_size(WASM_STACK_BYTES + HOST_STACK_BYTES)
        // A guest's end is an exit status; nobody reads the backtrace, and taking it costs more than a small process.
        .wasm_backtrace_max_frames(None)
        // The rewrite says that polls seldom find anything.
        .wasm_branch_hinting(true)
        .wasm_exceptions(true)
        .wasm_tail_call(true)
        .wasm_multi_memory(true)
        .wasm_extended_const(true);
    match code {
        // The control word is read by an atomic load, which isn't merged with others. No memory is shared.
        Code::Native => config.wasm_threads(true),
        // The interpreter has no atomic instructions. It checks each access to a memory, and needs no guard behind it.
        Code::Interpreted => config.target("pulley64")?,
    };
    Ok(config)
}

/// Returns the configuration of an engine that compiles for others, on one thread at a time: quickly, or well.
///
/// # Errors
///
/// As [`wasmtime_config`].
pub(crate) fn compiler_config(code: Code, quickly: bool) -> wasmtime::Result<Config> {
    let mut config = wasmtime_config(Arc::default(), code)?;
    config.parallel_compilation(false);
    if quickly {
        config.cranelift_opt_level(OptLevel::None).cranelift_regalloc_algorithm(RegallocAlgorithm::SinglePass);
    }
    Ok(config)
}
