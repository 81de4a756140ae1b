//! Processes of the host that carry a mark in their environment, and their end.

use std::fs;
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// Marks the processes of a sandbox.
pub(super) const SANDBOX: &str = "STILLBOX_NATIVE_SANDBOX";

/// Marks the processes of a job.
pub(super) const JOB: &str = "STILLBOX_NATIVE_JOB";

/// How many looks in a row must find nobody. A process that is just executing a program has no environment for a moment.
const LOOKS: usize = 3;

/// Kills every process whose environment has `variable` with this value, until there is none.
pub(super) fn kill(variable: &str, value: &str) {
    let mark = format!("{variable}={value}").into_bytes();
    let mut looks_without = 0;
    while looks_without < LOOKS {
        looks_without = if kill_those_seen(&mark) { 0 } else { looks_without + 1 };
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Kills the processes that are there now, and returns whether there were any.
fn kill_those_seen(mark: &[u8]) -> bool {
    let entries = fs::read_dir("/proc").expect("Linux has a /proc");
    let numbers = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let mut any = false;
    for pid in numbers.filter_map(Pid::from_raw) {
        if !has_mark(pid, mark) {
            continue;
        }
        // Between the look and the signal the number may have gone to a stranger. With a descriptor it can't.
        let Ok(process) = pidfd_open(pid, PidfdFlags::empty()) else { continue };
        if has_mark(pid, mark) && pidfd_send_signal(&process, Signal::KILL).is_ok() {
            any = true;
        }
    }
    any
}

/// Returns whether a process has the mark. One that has ended has no environment, and so none.
fn has_mark(pid: Pid, mark: &[u8]) -> bool {
    let environ = fs::read(format!("/proc/{}/environ", pid.as_raw_nonzero())).unwrap_or_default();
    environ.split(|&byte| byte == 0).any(|variable| variable == mark)
}
