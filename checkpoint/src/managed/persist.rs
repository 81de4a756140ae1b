//! What a checkpoint holds of a managed process beside the job that runs: what its supervisor goes by. The engine fills all
//! of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use stillbox_kernel::blob::Blob;

use crate::output::persist::EndState;

/// A managed process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManagedState {
    /// What it is called.
    pub id: String,
    /// What is started, each time anew.
    pub command: CommandState,
    /// After which ends it is started again.
    pub condition: ConditionState,
    /// How often at most.
    pub restarts_max: Option<u32>,
    /// The first pause before a restart, in nanoseconds.
    pub backoff_initial_ns: u64,
    /// The longest, in nanoseconds.
    pub backoff_max_ns: u64,
    /// How it is probed.
    pub health_check: Option<HealthCheckState>,
    /// How often it was started again.
    pub restart_count: u32,
    /// How it ended last, if it has.
    pub last_exit: Option<EndState>,
    /// Why it could not be started, if that failed last.
    pub last_error: Option<String>,
    /// Whether it is over: it has ended and is not started again.
    pub is_over: bool,
}

/// A command that the host gave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandState {
    /// The program.
    pub program: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Variables that are added to its environment.
    pub env: BTreeMap<String, String>,
    /// Where it starts, if not where others do.
    pub working_dir: Option<String>,
    /// Its input.
    pub stdin: InputState,
    /// Whether what it writes to standard output goes nowhere.
    pub discards_stdout: bool,
    /// Whether what it writes to standard error goes nowhere.
    pub discards_stderr: bool,
    /// The user that it was to run as.
    pub user: Option<String>,
    /// How long each run of it may take, in nanoseconds.
    pub timeout_ns: Option<u64>,
    /// Its name.
    pub name: Option<String>,
    /// How long it has to end when it is asked to, in nanoseconds.
    pub stop_grace_ns: u64,
}

/// The input of a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum InputState {
    /// None.
    Closed,
    /// Given whole.
    Bytes(Blob),
    /// What the host writes.
    Pipe,
}

/// After which ends a process is started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ConditionState {
    /// None.
    Never,
    /// All but an exit with 0.
    OnFailure,
    /// All.
    Always,
}

/// How a process is probed: by a program that runs beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthCheckState {
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// The time before the first probe, in nanoseconds.
    pub initial_delay_ns: u64,
    /// The time between two, in nanoseconds.
    pub interval_ns: u64,
    /// How long one may take, in nanoseconds.
    pub timeout_ns: u64,
    /// After how many failures in a row it is unhealthy.
    pub failure_threshold: u32,
}
