//! What is known about a process, and how it ended.
//!
//! ```text
//!   start_process, run
//!        |
//!        v      exit(code)
//!     running ----------------> exited(code)
//!        |      signal, kill, timeout
//!        |--------------------> signaled(signal)
//!        |      past its memory limit
//!        '--------------------> oom_killed           (signal 9)
//! ```
//!
//! An ended process stays listed, with its output, until newer ones displace it
//! ([`Limits::finished_processes`](crate::Limits::finished_processes)) or its sandbox ends.

use std::fmt;

use bytes::Bytes;

use crate::{ManagedInfo, ManagedStatus};

/// The number of a process in its sandbox.
pub type Pid = u32;

/// A process as a caller names it: by its number, or by the name it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProcessRef<'a> {
    /// By its number.
    Pid(Pid),
    /// By its name.
    Name(&'a str),
}

impl From<Pid> for ProcessRef<'_> {
    fn from(pid: Pid) -> Self {
        Self::Pid(pid)
    }
}

impl<'a> From<&'a str> for ProcessRef<'a> {
    /// Takes text that is all digits as a number, which is why names may not be all digits.
    fn from(text: &'a str) -> Self {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        match text.parse() {
            Ok(pid) if digits => Self::Pid(pid),
            _ => Self::Name(text),
        }
    }
}

impl From<&ProcessInfo> for ProcessRef<'_> {
    fn from(info: &ProcessInfo) -> Self {
        Self::Pid(info.pid)
    }
}

impl fmt::Display for ProcessRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pid(pid) => write!(f, "{pid}"),
            Self::Name(name) => write!(f, "{name:?}"),
        }
    }
}

/// The number of a signal, as Linux numbers them: 2 is SIGINT, 9 is SIGKILL, 15 is SIGTERM.
pub type Signal = i32;

/// Whether a process runs, and how it ended if it doesn't.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProcessStatus {
    /// It runs, or is stopped by a signal.
    Running,
    /// It ended by itself, with this exit code.
    Exited(i32),
    /// A signal ended it.
    Signaled(Signal),
    /// It was killed for using more memory than it may, which counts as signal 9.
    OomKilled,
}

impl ProcessStatus {
    /// Returns whether the process has not ended.
    pub fn is_running(self) -> bool {
        self == Self::Running
    }

    /// Returns the exit code of a process that ended by itself.
    pub fn exit_code(self) -> Option<i32> {
        match self {
            Self::Exited(code) => Some(code),
            _ => None,
        }
    }

    /// Returns the signal that ended the process.
    pub fn signal(self) -> Option<Signal> {
        match self {
            Self::Signaled(signal) => Some(signal),
            Self::OomKilled => Some(9),
            Self::Running | Self::Exited(_) => None,
        }
    }

    /// Returns the status as the wire protocol names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Exited(_) => "exited",
            Self::Signaled(_) => "signaled",
            Self::OomKilled => "oom_killed",
        }
    }
}

/// What is known about a process at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessInfo {
    /// Its number. A managed process gets a new one at each restart.
    pub pid: Pid,
    /// Its name, if it was given one.
    pub name: Option<String>,
    /// Whether it runs, or how it ended.
    pub status: ProcessStatus,
    /// Whether its end was brought about by [`Command::timeout`](crate::Command::timeout).
    pub timed_out: bool,
    /// Whether `write_stdin` has a pipe to write to: false after `close_stdin`, and after the end.
    pub stdin_writable: bool,
    /// The program, as the caller named it.
    pub command: String,
    /// The arguments after the program's name.
    pub args: Vec<String>,
    /// When it started, in milliseconds since the Unix epoch.
    pub started_at_ms: u64,
    /// When it ended, in milliseconds since the Unix epoch.
    pub ended_at_ms: Option<u64>,
    /// How it is supervised, if it is managed.
    pub managed: Option<Box<ManagedInfo>>,
}

impl ProcessInfo {
    /// Returns whether the process has ended and won't be started again by a supervisor.
    pub fn is_over(&self) -> bool {
        let is_supervised = |managed: &ManagedInfo| managed.status != ManagedStatus::Stopped;
        !self.status.is_running() && !self.managed.as_deref().is_some_and(is_supervised)
    }
}

/// Why a command is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ExitReason {
    /// It ended by itself.
    Exited,
    /// A signal ended it.
    Signaled,
    /// It used more memory than it may.
    OomKilled,
    /// It ran longer than its timeout.
    TimedOut,
}

impl ExitReason {
    /// Returns the reason as the wire protocol names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Exited => "exited",
            Self::Signaled => "signaled",
            Self::OomKilled => "oom_killed",
            Self::TimedOut => "timed_out",
        }
    }
}

/// How a command that was run to its end went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandResult {
    /// The number that the process had.
    pub pid: Pid,
    /// The exit code, or the negated signal: a killed process has -9, never 137.
    pub exit_code: i32,
    /// Why the command is over.
    pub reason: ExitReason,
    /// The lines of standard output, joined by `\n`, without a newline at the end, and with U+FFFD for what isn't UTF-8.
    pub stdout: String,
    /// The lines of standard error, in the same form.
    pub stderr: String,
    /// Standard output, byte for byte.
    pub stdout_bytes: Bytes,
    /// Standard error, byte for byte.
    pub stderr_bytes: Bytes,
    /// How many bytes at the beginning of standard output are missing, because the buffer holds
    /// [`Limits::output_bytes`](crate::Limits::output_bytes) at most.
    pub stdout_missed_bytes: u64,
    /// How many bytes at the beginning of standard error are missing.
    pub stderr_missed_bytes: u64,
}

impl CommandResult {
    /// Returns whether the command ended by itself with exit code 0.
    pub fn success(&self) -> bool {
        self.reason == ExitReason::Exited && self.exit_code == 0
    }

    /// Returns whether the command was killed because its timeout had passed.
    pub fn timed_out(&self) -> bool {
        self.reason == ExitReason::TimedOut
    }

    /// Returns the signal that ended the command.
    pub fn signal(&self) -> Option<Signal> {
        (self.reason != ExitReason::Exited).then_some(-self.exit_code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_a_code_or_a_signal() {
        use ProcessStatus::{Exited, OomKilled, Running, Signaled};
        for (status, name, exit_code, signal) in [
            (Running, "running", None, None),
            (Exited(137), "exited", Some(137), None),
            (Signaled(15), "signaled", None, Some(15)),
            (OomKilled, "oom_killed", None, Some(9)),
        ] {
            assert_eq!((status.as_str(), status.exit_code(), status.signal()), (name, exit_code, signal));
        }
    }

    #[test]
    fn text_of_digits_is_a_number() {
        assert_eq!(ProcessRef::from("17"), ProcessRef::Pid(17));
        for name in ["", "web", "1a", "+1", "-1", "99999999999", "1 "] {
            assert_eq!(ProcessRef::from(name), ProcessRef::Name(name));
        }
    }
}
