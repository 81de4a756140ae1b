//! What is printed, and the exit codes.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use indicatif::{ProgressBar, ProgressFinish, ProgressStyle};
use serde::Serialize;
use stillbox::{ProcessError, ProcessInfo, ProcessStatus};

use crate::foreground::Outcome;

/// How often what is shown while something is done changes.
const TICK: Duration = Duration::from_millis(100);

/// The time was up, as `timeout` says it.
const TIMED_OUT: u8 = 124;
/// Stillbox itself failed, before or beside the command.
const FAILED: u8 = 125;
/// The command is there but can't be run, as a shell says it.
const NOT_EXECUTABLE: u8 = 126;
/// There is no such command, as a shell says it.
const NOT_FOUND: u8 = 127;

/// The command was suspended with its sandbox, as a shell says it of what SIGTSTP has stopped.
const SUSPENDED: u8 = 128 + 20;

/// Says something that isn't output. The terminal may be gone, which is no reason not to go on.
pub(crate) fn note(text: &str) {
    let _ = writeln!(std::io::stderr(), "stillbox: {text}");
}

/// Prints an error with its causes, and returns the exit code for it.
pub(crate) fn failed(error: &anyhow::Error) -> ExitCode {
    note(&format!("{error:#}"));
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

/// Returns the exit code for what became of a command.
pub(crate) fn outcome_code(outcome: &Outcome) -> ExitCode {
    match outcome {
        Outcome::Ended(process) => exit_code(process),
        Outcome::Suspended => ExitCode::from(SUSPENDED),
    }
}

/// Returns the exit code for a command that has ended, as a shell gives it: 128 and the signal for a killed one.
fn exit_code(process: &ProcessInfo) -> ExitCode {
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

/// Shows on a terminal that something is being done, until what is returned is finished or dropped.
pub(crate) fn spinner(message: String) -> ProgressBar {
    bar(ProgressBar::new_spinner(), "{spinner} {msg} ({elapsed})", message)
}

/// Shows how much of an unknown amount has gone through.
pub(crate) fn transfer(message: String) -> ProgressBar {
    bar(ProgressBar::new_spinner(), "{spinner} {msg} {bytes} ({bytes_per_sec})", message)
}

/// Shows how much of an amount has gone through.
pub(crate) fn transfer_of(total_bytes: u64, message: String) -> ProgressBar {
    bar(ProgressBar::new(total_bytes), "{spinner} {msg} {bar:30} {bytes}/{total_bytes}", message)
}

fn bar(bar: ProgressBar, template: &str, message: String) -> ProgressBar {
    let style = ProgressStyle::with_template(template).expect("the template is well formed");
    let bar = bar.with_style(style).with_message(message).with_finish(ProgressFinish::AndClear);
    bar.enable_steady_tick(TICK);
    bar
}

/// Returns how long ago something was, for people.
pub(crate) fn age(since_ms: u64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    match now.saturating_sub(Duration::from_millis(since_ms)).as_secs() {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds @ 60..3600 => format!("{} min", seconds / 60),
        seconds @ 3600..86_400 => format!("{} h", seconds / 3600),
        seconds => format!("{} d", seconds / 86_400),
    }
}

/// Returns a size for people, in units of 1024.
pub(crate) fn bytes(count: u64) -> String {
    match count {
        0..1024 => format!("{count} B"),
        1024..1_048_576 => format!("{:.1} KiB", count as f64 / 1024.0),
        _ => format!("{:.1} MiB", count as f64 / 1_048_576.0),
    }
}
