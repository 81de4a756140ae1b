//! Clocks as guests read them.

use std::time::{Duration, Instant};

use stillbox_kernel::Errno;

use crate::process::{Process, Stop};
use crate::wasi::abi::types::Clockid;

/// Returns the time of a clock, in nanoseconds.
pub(crate) fn now_ns(process: &Process, id: Clockid) -> u64 {
    match id {
        Clockid::Realtime => process.table.clock.wall_ns(),
        Clockid::Monotonic => process.table.clock.monotonic_ns(),
        // A guest has one thread.
        Clockid::ProcessCputimeId | Clockid::ThreadCputimeId => process.cpu.used_ns(),
    }
}

/// Returns the resolution of a clock, in nanoseconds.
pub(crate) fn resolution_ns(process: &Process, id: Clockid) -> u64 {
    match id {
        Clockid::Realtime | Clockid::Monotonic => process.table.clock.resolution_ns(),
        Clockid::ProcessCputimeId | Clockid::ThreadCputimeId => 1,
    }
}

/// Returns the moment that a timeout of the clock ends at: `timeout_ns` from now, or at that time of the clock if it is
/// absolute. `None` if it lies so far ahead that it never comes.
///
/// # Errors
///
/// [`Errno::Notsup`] for the CPU clocks, which don't advance while the guest waits.
pub(crate) fn deadline(
    process: &Process,
    id: Clockid,
    timeout_ns: u64,
    absolute: bool,
) -> Result<Option<Instant>, Errno> {
    if matches!(id, Clockid::ProcessCputimeId | Clockid::ThreadCputimeId) {
        return Err(Errno::Notsup);
    }
    let left = if absolute { timeout_ns.saturating_sub(now_ns(process, id)) } else { timeout_ns };
    Ok(Instant::now().checked_add(Duration::from_nanos(left)))
}

/// Sleeps for a time.
///
/// # Errors
///
/// [`Errno::Intr`] when a handler is to run, or the departure when a signal ends the process.
pub(crate) fn sleep(process: &Process, duration_ns: u64) -> Result<(), Stop> {
    let deadline = Instant::now().checked_add(Duration::from_nanos(duration_ns));
    match process.block::<()>(deadline, |_| std::task::Poll::Pending) {
        Ok(()) | Err(Stop::Errno(Errno::Timedout)) => Ok(()),
        Err(stop) => Err(stop),
    }
}
