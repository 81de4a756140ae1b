//! Signal numbers and names (Linux's), and the ones that have arrived.

use std::sync::atomic::{AtomicU64, Ordering};

/// Is the number of a signal, as Linux has them.
pub type Signal = i32;

/// Says what a signal does to this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// What the signal does by itself, for most of them death.
    Default,
    /// Nothing.
    Ignore,
    /// It is recorded for [`take_pending_signals`], and interrupts a call that blocks.
    Catch,
}

/// Lists number, name without `SIG`, and the words that describe a death by it.
pub const SIGNALS: [(Signal, &str, &str); 31] = [
    (1, "HUP", "Hangup"),
    (2, "INT", "Interrupt"),
    (3, "QUIT", "Quit"),
    (4, "ILL", "Illegal instruction"),
    (5, "TRAP", "Trace/breakpoint trap"),
    (6, "ABRT", "Aborted"),
    (7, "BUS", "Bus error"),
    (8, "FPE", "Floating point exception"),
    (9, "KILL", "Killed"),
    (10, "USR1", "User defined signal 1"),
    (11, "SEGV", "Segmentation fault"),
    (12, "USR2", "User defined signal 2"),
    (13, "PIPE", "Broken pipe"),
    (14, "ALRM", "Alarm clock"),
    (15, "TERM", "Terminated"),
    (16, "STKFLT", "Stack fault"),
    (17, "CHLD", "Child exited"),
    (18, "CONT", "Continued"),
    (19, "STOP", "Stopped (signal)"),
    (20, "TSTP", "Stopped"),
    (21, "TTIN", "Stopped (tty input)"),
    (22, "TTOU", "Stopped (tty output)"),
    (23, "URG", "Urgent I/O condition"),
    (24, "XCPU", "CPU time limit exceeded"),
    (25, "XFSZ", "File size limit exceeded"),
    (26, "VTALRM", "Virtual timer expired"),
    (27, "PROF", "Profiling timer expired"),
    (28, "WINCH", "Window changed"),
    (29, "IO", "I/O possible"),
    (30, "PWR", "Power failure"),
    (31, "SYS", "Bad system call"),
];

/// Returns the name without `SIG`.
#[must_use]
pub fn signal_name(signal: Signal) -> Option<&'static str> {
    SIGNALS.iter().find(|s| s.0 == signal).map(|s| s.1)
}

/// Returns the words that describe a death by this signal, as `"Terminated"`.
#[must_use]
pub fn signal_description(signal: Signal) -> Option<&'static str> {
    SIGNALS.iter().find(|s| s.0 == signal).map(|s| s.2)
}

/// Returns the number for `"TERM"`, `"SIGTERM"`, `"term"` or `"15"`.
#[must_use]
pub fn signal_number(name: &str) -> Option<Signal> {
    if let Ok(number) = name.parse::<Signal>() {
        return (0..=64).contains(&number).then_some(number);
    }
    let upper = name.to_ascii_uppercase();
    let bare = upper.strip_prefix("SIG").unwrap_or(&upper);
    SIGNALS.iter().find(|s| s.1 == bare).map(|s| s.0)
}

static PENDING: AtomicU64 = AtomicU64::new(0);

/// Notes a caught signal. Nothing else is safe in a handler.
pub(crate) fn record(signal: Signal) {
    if let Ok(bit @ 0..64) = u32::try_from(signal) {
        PENDING.fetch_or(1 << bit, Ordering::Relaxed);
    }
}

/// Returns the caught signals that arrived since the last call, lowest first; one that came twice counts once.
///
/// A host runs the handler when the guest enters a function. This one must be entered, not inlined, so that a signal
/// that interrupted the call before is among those it returns.
#[inline(never)]
pub fn take_pending_signals() -> impl Iterator<Item = Signal> {
    // The load keeps the common case, nothing pending, free of a write.
    let bits = if PENDING.load(Ordering::Relaxed) == 0 { 0 } else { PENDING.swap(0, Ordering::Relaxed) };
    (0..64).filter(move |bit| bits & (1 << bit) != 0)
}
