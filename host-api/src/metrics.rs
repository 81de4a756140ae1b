//! What an engine counts, for a host to export.

/// What an engine has done since it started, and what it holds now.
///
/// The counters only grow and are exact. The gauges are each read at its own moment, so two of them may not fit together to
/// the last byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Metrics {
    /// Counter: sandboxes made.
    pub sandboxes_created: u64,
    /// Counter: sandboxes that ended, for whatever reason.
    pub sandboxes_terminated: u64,
    /// Gauge: sandboxes that have not ended.
    pub sandboxes_live: u64,
    /// Counter: processes started, by hosts and by guests.
    pub processes_started: u64,
    /// Counter: processes that ended by themselves, with whatever code.
    pub processes_exited: u64,
    /// Counter: processes that a signal ended. Those that the engine sent it to are told apart in `kills`.
    pub processes_signaled: u64,
    /// Counters: processes that the engine ended, by reason. Each is among `processes_signaled`.
    pub kills: Kills,
    /// Gauge: processes that run, are stopped, or wait.
    pub processes_live: u64,
    /// Gauge: bytes of the linear memories of all processes.
    pub memory_bytes: u64,
    /// Gauge: bytes that the files of all sandboxes hold beyond their images.
    pub file_bytes: u64,
    /// Gauge: bytes reserved for captured output.
    pub captured_bytes: u64,
    /// Gauge: bytes reserved for what is in flight in pipes.
    pub pipe_bytes: u64,
    /// Gauge: bytes that count against [`Limits::kernel_bytes`](crate::Limits::kernel_bytes); pipes are among them.
    pub kernel_bytes: u64,
    /// Counter: programs compiled.
    pub programs_compiled: u64,
    /// Counter: programs that were found compiled on disk.
    pub programs_loaded: u64,
    /// Counter: starts whose program was in memory already.
    pub program_hits: u64,
    /// Gauge: bytes of compiled code in memory.
    pub program_bytes: u64,
    /// Gauge: threads that run guests or other work of the engine.
    pub threads_busy: u64,
    /// Gauge: threads that wait for the next.
    pub threads_idle: u64,
}

/// How many processes an engine has ended, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kills {
    /// The host asked for it, or gave up waiting for `run`.
    pub requested: u64,
    /// Their own [`timeout`](crate::Command::timeout) had passed.
    pub timeout: u64,
    /// Past [`Limits::wall_time`](crate::Limits::wall_time).
    pub wall_time: u64,
    /// Past [`Limits::cpu_time`](crate::Limits::cpu_time).
    pub cpu_time: u64,
    /// There was no memory to start them in.
    pub memory: u64,
    /// Their sandbox ended.
    pub terminated: u64,
}
