//! What an engine counts: atomics that are added to where things happen, and read when a host asks.

use std::sync::atomic::{AtomicU64, Ordering};

use stillbox_api::{Kills, Metrics};

use crate::engine::Shared;
use crate::process::{Exit, Signal};

/// Why the engine ended a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KillReason {
    Requested,
    Timeout,
    WallTime,
    CpuTime,
    Memory,
    Terminated,
}

/// How many there are of a [`KillReason`].
const REASONS: usize = KillReason::Terminated as usize + 1;

/// The counters of an engine.
#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) sandboxes_created: AtomicU64,
    pub(crate) sandboxes_terminated: AtomicU64,
    processes_started: AtomicU64,
    processes_live: AtomicU64,
    processes_exited: AtomicU64,
    processes_signaled: AtomicU64,
    kills: [AtomicU64; REASONS],
    pub(crate) programs_compiled: AtomicU64,
    pub(crate) programs_loaded: AtomicU64,
    pub(crate) program_hits: AtomicU64,
}

/// Adds one to a counter.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

impl Counters {
    /// Takes note that a process is about to start, unless `max` of them are live.
    pub(crate) fn admit_process(&self, max: u64) -> bool {
        let more = |live: u64| (live < max).then_some(live + 1);
        self.processes_live.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    /// Takes note that an admitted process runs.
    pub(crate) fn process_started(&self) {
        count(&self.processes_started);
    }

    /// Takes note that a process has left its instance, and has to be admitted again to go on.
    pub(crate) fn process_left(&self) {
        self.processes_live.fetch_sub(1, Ordering::Relaxed);
    }

    /// Takes note that an admitted process could not be started after all.
    pub(crate) fn process_refused(&self) {
        self.processes_live.fetch_sub(1, Ordering::Relaxed);
    }

    /// Takes note of the end of a process, which the engine may have brought about for a reason.
    pub(crate) fn process_ended(&self, exit: Exit, reason: Option<KillReason>) {
        match exit {
            Exit::Code(_) => count(&self.processes_exited),
            Exit::Signal(signal) => {
                count(&self.processes_signaled);
                // A process may have died of something else just before.
                if let Some(reason) = reason.filter(|_| matches!(signal, Signal::KILL | Signal::XCPU)) {
                    count(&self.kills[reason as usize]);
                }
            }
        }
        self.processes_live.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Shared {
    /// Returns the counters, and the sums over all sandboxes that live.
    pub(crate) fn metrics(&self) -> Metrics {
        let counters = &self.runtime.counters;
        let killed = |reason: KillReason| read(&counters.kills[reason as usize]);
        // The later event is read first, so that no difference is negative.
        let terminated = read(&counters.sandboxes_terminated);
        let created = read(&counters.sandboxes_created);
        let (threads_busy, threads_idle) = self.runtime.threads.count();
        let mut metrics = Metrics {
            sandboxes_created: created,
            sandboxes_terminated: terminated,
            sandboxes_live: created - terminated,
            processes_exited: read(&counters.processes_exited),
            processes_signaled: read(&counters.processes_signaled),
            processes_started: read(&counters.processes_started),
            processes_live: read(&counters.processes_live),
            kills: Kills {
                requested: killed(KillReason::Requested),
                timeout: killed(KillReason::Timeout),
                wall_time: killed(KillReason::WallTime),
                cpu_time: killed(KillReason::CpuTime),
                memory: killed(KillReason::Memory),
                terminated: killed(KillReason::Terminated),
            },
            programs_compiled: read(&counters.programs_compiled),
            programs_loaded: read(&counters.programs_loaded),
            program_hits: read(&counters.program_hits),
            program_bytes: self.runtime.programs.code_bytes(),
            threads_busy,
            threads_idle,
            ..Metrics::default()
        };
        for live in self.registry.list().iter().filter_map(|inner| inner.running()) {
            let table = &live.table;
            metrics.memory_bytes += table.memory_bytes();
            metrics.file_bytes += table.fs.space().bytes_used;
            metrics.captured_bytes += table.captured.used();
            metrics.pipe_bytes += table.pipes.used();
            metrics.kernel_bytes += table.kernel.used();
        }
        metrics
    }
}
