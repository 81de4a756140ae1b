//! The CPU time of a process: what its thread has used since the process began on it.
//!
//! Threads are used again, so a process counts from where its thread's clock stood; and that clock can be read by any
//! other thread while the process runs.

use parking_lot::Mutex;

/// The CPU time of one process.
#[derive(Default)]
pub(crate) struct CpuTime(Mutex<State>);

enum State {
    Running {
        clock: ThreadClock,
        /// What the clock said when this began.
        before_ns: u64,
        /// What was used on other threads, before that.
        elsewhere_ns: u64,
    },
    /// On no thread: not yet, not any more, or not for now.
    Off { used_ns: u64 },
}

impl Default for State {
    fn default() -> Self {
        Self::Off { used_ns: 0 }
    }
}

impl CpuTime {
    /// Returns the CPU time of a process that has used some already, in nanoseconds.
    pub(super) fn from(used_ns: u64) -> Self {
        Self(Mutex::new(State::Off { used_ns }))
    }

    /// Takes note that the process runs on this thread from here on.
    pub(super) fn start(&self) {
        let clock = ThreadClock::current();
        let mut state = self.0.lock();
        *state = State::Running { before_ns: clock.now_ns(), clock, elsewhere_ns: state.used_ns() };
    }

    /// Takes note that the process has left its thread.
    pub(super) fn stop(&self) {
        let mut state = self.0.lock();
        *state = State::Off { used_ns: state.used_ns() };
    }

    /// Returns the time used so far, in nanoseconds. Any thread may ask.
    pub(crate) fn used_ns(&self) -> u64 {
        // Under the lock the thread is still there: it has to take it to stop.
        self.0.lock().used_ns()
    }
}

impl State {
    fn used_ns(&self) -> u64 {
        match self {
            Self::Running { clock, before_ns, elsewhere_ns } => {
                elsewhere_ns.saturating_add(clock.now_ns().saturating_sub(*before_ns))
            }
            Self::Off { used_ns } => *used_ns,
        }
    }
}

/// The CPU-time clock of a thread.
struct ThreadClock(libc::clockid_t);

impl ThreadClock {
    /// Returns the clock of this thread.
    fn current() -> Self {
        let mut id = libc::CLOCK_THREAD_CPUTIME_ID;
        // SAFETY: the thread is the caller, so it exists, and `id` is a valid place for the result.
        let failed = unsafe { libc::pthread_getcpuclockid(libc::pthread_self(), &raw mut id) };
        // It fails only for a thread that has ended.
        debug_assert_eq!(failed, 0);
        Self(id)
    }

    /// Returns the time of the clock in nanoseconds; 0 once the thread has ended.
    fn now_ns(&self) -> u64 {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: `time` is a valid place for the result; an id of a clock that is gone gives an error.
        unsafe { libc::clock_gettime(self.0, &raw mut time) };
        let part = |value: i64| u64::try_from(value).unwrap_or_default();
        part(time.tv_sec) * 1_000_000_000 + part(time.tv_nsec)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::CpuTime;

    fn compute(duration: Duration) {
        let begun = Instant::now();
        while begun.elapsed() < duration {
            std::hint::black_box(begun);
        }
    }

    #[test]
    fn a_process_counts_from_where_its_thread_stood_and_others_can_read_it() {
        compute(Duration::from_millis(50));
        let cpu = CpuTime::default();
        assert_eq!(cpu.used_ns(), 0);
        cpu.start();
        let at_start = cpu.used_ns();
        assert!(at_start < 20_000_000, "{at_start}");
        compute(Duration::from_millis(30));
        let seen = std::thread::scope(|scope| scope.spawn(|| cpu.used_ns()).join()).unwrap();
        assert!(seen > at_start, "{seen}");
        cpu.stop();
        let used = cpu.used_ns();
        assert!(used >= seen, "{used}");
        compute(Duration::from_millis(5));
        assert_eq!(cpu.used_ns(), used);
    }
}
