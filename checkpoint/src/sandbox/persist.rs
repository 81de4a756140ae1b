//! What a checkpoint holds of a sandbox as a whole. The engine fills all of it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use stillbox_api::Limits;

/// A sandbox as a whole. Its id and name are in the record, since those that continue from a snapshot have their own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SandboxState {
    /// The name of the image that it was asked to begin with.
    pub image: Option<String>,
    /// The environment of processes that the host starts.
    pub env: BTreeMap<String, String>,
    /// The directory in which they start.
    pub working_dir: String,
    /// How long it may be idle, in milliseconds.
    pub idle_timeout_ms: Option<u64>,
    /// Whether a call resumes it when it is suspended.
    pub auto_resume: bool,
    /// When it was made, in milliseconds since the Unix epoch.
    pub created_at_ms: u64,
    /// What it may use.
    pub limits: LimitsState,
    /// Directories of the host that it saw. They have to be supplied again.
    pub mounts: Vec<MountState>,
    /// The number that the next process gets.
    pub next_pid: u32,
}

/// A mount, without what was in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountState {
    /// Where the sandbox saw it.
    pub guest_path: String,
    /// Where it was on the host, as a hint: another host may have it elsewhere.
    pub host_path: String,
    /// Whether it could be changed.
    pub writable: bool,
}

/// [`Limits`], in a form that keeps its meaning whatever is added to them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitsState {
    /// [`Limits::process_memory_bytes`]
    pub process_memory_bytes: u64,
    /// [`Limits::memory_bytes`]
    pub memory_bytes: u64,
    /// [`Limits::cpu_time`], in nanoseconds
    pub cpu_time_ns: Option<u64>,
    /// [`Limits::wall_time`], in nanoseconds
    pub wall_time_ns: Option<u64>,
    /// [`Limits::processes`]
    pub processes: u32,
    /// [`Limits::finished_processes`]
    pub finished_processes: u32,
    /// [`Limits::fds`]
    pub fds: u32,
    /// [`Limits::argument_bytes`]
    pub argument_bytes: u32,
    /// [`Limits::pipe_bytes`]
    pub pipe_bytes: u32,
    /// [`Limits::output_bytes`]
    pub output_bytes: u64,
    /// [`Limits::file_bytes`]
    pub file_bytes: u64,
    /// [`Limits::inodes`]
    pub inodes: u64,
    /// [`Limits::path_bytes`]
    pub path_bytes: u32,
    /// [`Limits::stack_bytes`]
    pub stack_bytes: u32,
    /// [`Limits::host_fds`]
    pub host_fds: u32,
    /// [`Limits::kernel_bytes`]
    pub kernel_bytes: u64,
    /// [`Limits::captured_bytes`]
    pub captured_bytes: u64,
    /// [`Limits::program_bytes`]
    pub program_bytes: u64,
    /// [`Limits::log_bytes`]
    pub log_bytes: u64,
    /// [`Limits::terminals`]
    pub terminals: u32,
    /// [`Limits::terminal_bytes`]
    pub terminal_bytes: u32,
}

impl From<&Limits> for LimitsState {
    fn from(limits: &Limits) -> Self {
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        Self {
            process_memory_bytes: limits.process_memory_bytes,
            memory_bytes: limits.memory_bytes,
            cpu_time_ns: limits.cpu_time.map(nanos),
            wall_time_ns: limits.wall_time.map(nanos),
            processes: limits.processes,
            finished_processes: limits.finished_processes,
            fds: limits.fds,
            argument_bytes: limits.argument_bytes,
            pipe_bytes: limits.pipe_bytes,
            output_bytes: limits.output_bytes,
            file_bytes: limits.file_bytes,
            inodes: limits.inodes,
            path_bytes: limits.path_bytes,
            stack_bytes: limits.stack_bytes,
            host_fds: limits.host_fds,
            kernel_bytes: limits.kernel_bytes,
            captured_bytes: limits.captured_bytes,
            program_bytes: limits.program_bytes,
            log_bytes: limits.log_bytes,
            terminals: limits.terminals,
            terminal_bytes: limits.terminal_bytes,
        }
    }
}

impl LimitsState {
    /// Returns the limits; those that this version has and the checkpoint doesn't are as in `default`.
    pub fn load(&self, default: Limits) -> Limits {
        let mut limits = default;
        limits.process_memory_bytes = self.process_memory_bytes;
        limits.memory_bytes = self.memory_bytes;
        limits.cpu_time = self.cpu_time_ns.map(Duration::from_nanos);
        limits.wall_time = self.wall_time_ns.map(Duration::from_nanos);
        limits.processes = self.processes;
        limits.finished_processes = self.finished_processes;
        limits.fds = self.fds;
        limits.argument_bytes = self.argument_bytes;
        limits.pipe_bytes = self.pipe_bytes;
        limits.output_bytes = self.output_bytes;
        limits.file_bytes = self.file_bytes;
        limits.inodes = self.inodes;
        limits.path_bytes = self.path_bytes;
        limits.stack_bytes = self.stack_bytes;
        limits.host_fds = self.host_fds;
        limits.kernel_bytes = self.kernel_bytes;
        limits.captured_bytes = self.captured_bytes;
        limits.program_bytes = self.program_bytes;
        limits.log_bytes = self.log_bytes;
        limits.terminals = self.terminals;
        limits.terminal_bytes = self.terminal_bytes;
        limits
    }
}
