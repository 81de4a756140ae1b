//! What is printed, and the exit codes.

use std::process::ExitCode;

use serde::Serialize;
use stillbox::{ProcessError, ProcessInfo, ProcessStatus};

/// The time was up, as `timeout` says it.
pub(crate) const TIMED_OUT: u8 = 124;
/// Stillbox itself failed, before or beside the command.
const FAILED: u8 = 125;
/// The command is there but can't be run, as a shell says it.
const NOT_EXECUTABLE: u8 = 126;
/// There is no such command, as a shell says it.
const NOT_FOUND: u8 = 127;

/// Prints an error with its causes, and returns the exit code for it.
pub(crate) fn failed(error: &anyhow::Error) -> ExitCode {
    eprintln!("stillbox: {error:#}");
    ExitCode::FAILURE
}

/// Prints why a command wasn't run, or not to its end, and returns the exit code for it.
pub(crate) fn not_run(error: &anyhow::Error) -> ExitCode {
    failed(error);
    ExitCode::from(match error.downcast_ref() {
        Some(ProcessError::NoSuchProgram { .. }) => NOT_FOUND,
        Some(ProcessError::NotExecutable { .. }) => NOT_EXECUTABLE,
        _ => FAILED,
    })
}

/// Returns the exit code for a command that has ended, as a shell gives it: 128 and the signal for a killed one.
pub(crate) fn exit_code(process: &ProcessInfo) -> ExitCode {
    ExitCode::from(match process.status {
        _ if process.timed_out => TIMED_OUT,
        ProcessStatus::Exited(code) => (code & 0xff) as u8,
        status => 128 + status.signal().map_or(0, |signal| (signal & 0x7f) as u8),
    })
}

/// Prints `value` as JSON, on one line.
pub(crate) fn json(value: &impl Serialize) -> anyhow::Result<()> {
    println!("{}", serde_json::to_string(value)?);
    Ok(())
}

/// Returns a size for people, in units of 1024.
pub(crate) fn bytes(count: u64) -> String {
    match count {
        0..1024 => format!("{count} B"),
        1024..1_048_576 => format!("{:.1} KiB", count as f64 / 1024.0),
        _ => format!("{:.1} MiB", count as f64 / 1_048_576.0),
    }
}
