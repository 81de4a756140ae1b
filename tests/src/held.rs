//! What this process of the host holds, and an engine in it.

use std::fs;

use stillbox::Metrics;

/// What this process holds at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Held {
    /// Open file descriptors.
    pub fds: u64,
    /// Threads.
    pub threads: u64,
    /// Resident memory, in KiB.
    pub resident_kib: u64,
}

impl Held {
    /// Returns what is held now.
    ///
    /// # Panics
    ///
    /// Where there is no `/proc`.
    pub fn now() -> Self {
        let entries = |dir| fs::read_dir(dir).expect("there is a /proc").count() as u64;
        let status = fs::read_to_string("/proc/self/status").expect("there is a /proc");
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("it says what is resident");
        let resident_kib = resident.trim().trim_end_matches(" kB").parse().expect("it is a number");
        Self { fds: entries("/proc/self/fd"), threads: entries("/proc/self/task"), resident_kib }
    }
}

/// Checks that an engine holds nothing of sandboxes any more.
///
/// # Panics
///
/// If it does.
#[track_caller]
pub fn assert_nothing_held(metrics: &Metrics) {
    let left = Metrics {
        sandboxes_live: 0,
        processes_live: 0,
        memory_bytes: 0,
        file_bytes: 0,
        captured_bytes: 0,
        pipe_bytes: 0,
        kernel_bytes: 0,
        threads_busy: 0,
        ..*metrics
    };
    assert_eq!(*metrics, left);
}
