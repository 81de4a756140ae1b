//! What ends a process that has lived, or computed, for as long as it may.
//!
//! The engine's timers do both. A process can't compute for longer than it lives, so the first look at its CPU time is due
//! when it could have used all of it, and each further one when it could have used the rest. Nothing is looked at where no
//! limit is set.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::metrics::KillReason;
use crate::process::{Process, Signal};
use crate::timers::Timer;

/// The shortest time between two looks at the CPU time of a process that has nearly used it up.
const LOOK: Duration = Duration::from_millis(10);

/// How long a process has that handles SIGXCPU.
const GRACE: Duration = Duration::from_millis(100);

/// The timers of one process.
#[derive(Default)]
pub(crate) struct TimeLimits {
    wall: Mutex<Option<Timer>>,
    cpu: Mutex<Option<Timer>>,
}

impl TimeLimits {
    /// Returns how much of the process's life is left, if that is limited.
    pub(super) fn wall_time_left(&self) -> Option<Duration> {
        self.wall.lock().as_ref().map(Timer::left)
    }

    /// Calls everything off.
    pub(super) fn clear(&self) {
        let timers = (self.wall.lock().take(), self.cpu.lock().take());
        drop(timers);
    }
}

/// Has a process ended when it has lived for `wall_time`, or used up the CPU time that its sandbox's limits give it.
pub(super) fn watch(process: &Arc<Process>, wall_time: Option<Duration>) {
    if let Some(wall_time) = wall_time {
        set(process, |limits| &limits.wall, wall_time, |process| process.kill(KillReason::WallTime));
    }
    if let Some(cpu_time) = process.limits.cpu_time {
        look_in(process, cpu_time.saturating_sub(Duration::from_nanos(process.cpu.used_ns())), cpu_time);
    }
}

/// Looks at the CPU time of a process after `wait`.
fn look_in(process: &Arc<Process>, wait: Duration, limit: Duration) {
    set(
        process,
        |limits| &limits.cpu,
        wait,
        move |process| {
            let used = Duration::from_nanos(process.cpu.used_ns());
            if used < limit {
                return look_in(process, (limit - used).max(LOOK), limit);
            }
            let first = process.set_kill_reason(KillReason::CpuTime);
            process.signal(if first { Signal::XCPU } else { Signal::KILL });
            if first {
                look_in(process, GRACE, limit);
            }
        },
    );
}

/// Does something to a process after `wait`, unless it has ended by then.
fn set(
    process: &Arc<Process>,
    slot: fn(&TimeLimits) -> &Mutex<Option<Timer>>,
    wait: Duration,
    then: impl FnOnce(&Arc<Process>) + Send + 'static,
) {
    let weak = Arc::downgrade(process);
    let timer = process.table.runtime.timers.after(wait, move || {
        if let Some(process) = weak.upgrade() {
            then(&process);
        }
    });
    let before = slot(&process.time_limits).lock().replace(timer);
    drop(before);
    // One that ended meanwhile has called its timers off already.
    if process.exit().is_some() {
        process.time_limits.clear();
    }
}
