//! What a checkpoint holds of a process that the host started, beside the process: its record, and what it wrote. The engine
//! fills all of it.

use serde::{Deserialize, Serialize};
use stillbox_kernel::blob::Blob;

use crate::managed::persist::ManagedState;
use crate::process::persist::ExitState;

/// What the host knows of a process that it started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobState {
    /// The process's number.
    pub pid: u32,
    /// The name that the host gave it.
    pub name: Option<String>,
    /// The program, as the host named it.
    pub command: String,
    /// The arguments.
    pub args: Vec<String>,
    /// When it was started, in milliseconds since the Unix epoch.
    pub started_at_ms: u64,
    /// How it ended, if it has.
    pub end: Option<EndState>,
    /// The pipe that the host writes its input to, by its place in [`State::pipes`](crate::State::pipes), until the host
    /// closes it.
    pub stdin_pipe: Option<u32>,
    /// How much is left of its time, in nanoseconds, if that is limited.
    pub time_left_ns: Option<u64>,
    /// The terminal that it runs on, by its place in [`State::terminals`](crate::State::terminals).
    pub terminal: Option<u32>,
    /// What it is one of several processes of, if it is managed.
    pub managed: Option<ManagedState>,
    /// What it wrote.
    pub output: OutputState,
}

/// How a process that the host started ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndState {
    /// Its exit.
    pub exit: ExitState,
    /// Whether its time was up.
    pub timed_out: bool,
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: u64,
}

/// The captured output of a process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputState {
    /// Standard output.
    pub stdout: RingState,
    /// Standard error.
    pub stderr: RingState,
    /// The number of the newest mark of either.
    pub arrival: u64,
    /// When the process ended, in milliseconds since the Unix epoch: nothing is captured after that.
    pub closed_ms: Option<u64>,
}

/// What is kept of one stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RingState {
    /// The bytes.
    pub bytes: Blob,
    /// How many were written before the first of them.
    pub start: u64,
    /// When they came, in ascending order.
    pub marks: Vec<MarkState>,
}

/// When a part of a stream came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarkState {
    /// The position of its first byte, counted from the first that was ever written.
    pub start: u64,
    /// Which part of both streams it is, in the order of arrival.
    pub arrival: u64,
    /// When, in milliseconds since the Unix epoch.
    pub time_ms: u64,
}
