//! The process table of one sandbox, and what its processes share.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::task::{Context, Poll};

use parking_lot::{Mutex, RwLock};
use stillbox_api::Limits;
use stillbox_kernel::Errno;
use stillbox_kernel::account::Account;
use stillbox_kernel::clock::Clock;
use stillbox_kernel::fs::FileSystem;

use crate::metrics::KillReason;
use crate::process::hold::Hold;
use crate::process::{Exit, INIT, Pid, Process, Signal};
use crate::runtime::Runtime;

/// The processes of one sandbox, and what they share.
pub(crate) struct Table {
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) fs: FileSystem,
    pub(crate) clock: Clock,
    limits: RwLock<Arc<Limits>>,
    /// What the sandbox makes the host hold beside linear memories, files and captured output.
    pub(crate) kernel: Account,
    /// The part of that which is pipes.
    pub(crate) pipes: Account,
    /// The files of the host's mounts that are open.
    pub(crate) host_fds: Account,
    /// What of captured output is held.
    pub(crate) captured: Account,
    /// The sandbox's span, which all that happens in it is told in.
    pub(crate) span: tracing::Span,
    processes: Mutex<HashMap<Pid, Arc<Process>>>,
    /// What processes are to stand still for.
    pub(super) hold: Mutex<Option<Arc<Hold>>>,
    next_pid: AtomicU32,
    /// Bytes of linear memory that all processes use together.
    memory_bytes: AtomicU64,
    /// Whether the sandbox has ended, so that nothing may be started any more.
    closed: std::sync::atomic::AtomicBool,
}

/// Which children a wait is for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Which {
    Any,
    Pid(Pid),
}

/// What a wait learns of a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChildChange {
    Ended(Exit),
    Stopped(Signal),
}

impl Table {
    /// Returns an empty table over a file system.
    pub(crate) fn new(
        runtime: Arc<Runtime>,
        fs: FileSystem,
        clock: Clock,
        limits: Limits,
        span: tracing::Span,
    ) -> Arc<Self> {
        let kernel = Account::new(limits.kernel_bytes);
        let table = Arc::new(Self {
            runtime,
            fs,
            clock,
            pipes: kernel.part(),
            kernel,
            host_fds: Account::new(limits.host_fds.into()),
            captured: Account::new(limits.captured_bytes),
            span,
            limits: RwLock::new(Arc::new(limits)),
            processes: Mutex::default(),
            hold: Mutex::default(),
            next_pid: AtomicU32::new(INIT + 1),
            memory_bytes: AtomicU64::new(0),
            closed: false.into(),
        });
        crate::process::proc_fs::mount(&table);
        table
    }

    /// Returns what a process that starts now may use, and what all of them may use together.
    pub(crate) fn limits(&self) -> Arc<Limits> {
        self.limits.read().clone()
    }

    /// Changes the limits. Those of one process stay for those that run.
    pub(crate) fn set_limits(&self, limits: Limits) {
        self.kernel.set_limit(limits.kernel_bytes);
        self.host_fds.set_limit(limits.host_fds.into());
        self.captured.set_limit(limits.captured_bytes);
        *self.limits.write() = Arc::new(limits);
    }

    /// Returns the process of a number, which may have ended but was not waited for.
    pub(crate) fn get(&self, pid: Pid) -> Option<Arc<Process>> {
        self.processes.lock().get(&pid).cloned()
    }

    /// Returns all processes, zombies included, by number.
    pub(crate) fn list(&self) -> Vec<Arc<Process>> {
        let mut list: Vec<_> = self.processes.lock().values().cloned().collect();
        list.sort_unstable_by_key(|process| process.pid);
        list
    }

    /// Returns bytes of linear memory that all processes use together.
    pub(crate) fn memory_bytes(&self) -> u64 {
        self.memory_bytes.load(Ordering::Relaxed)
    }

    /// Returns the number that the next process gets.
    pub(crate) fn next_pid(&self) -> Pid {
        self.next_pid.load(Ordering::Relaxed)
    }

    /// Says which number the next process gets.
    pub(crate) fn set_next_pid(&self, pid: Pid) {
        self.next_pid.store(pid, Ordering::Relaxed);
    }

    /// Returns the next process number, and takes it.
    pub(crate) fn allocate_pid(&self) -> Pid {
        self.next_pid.fetch_add(1, Ordering::Relaxed)
    }

    /// Enters a process.
    ///
    /// # Errors
    ///
    /// [`Errno::Again`] when the sandbox has as many as it may, or has ended.
    pub(super) fn enter(&self, process: Arc<Process>) -> Result<(), Errno> {
        let mut processes = self.processes.lock();
        let full = processes.len() >= self.limits().processes as usize;
        // A process that is being killed may still be in the call that starts another: see `kill_all`.
        let parent = processes.get(&process.parent.load(Ordering::Acquire));
        let orphaned = parent.is_some_and(|parent| parent.signals.fatal().is_some());
        if full || orphaned || self.closed.load(Ordering::Acquire) {
            return Err(Errno::Again);
        }
        if self.is_held() {
            process.call();
        }
        processes.insert(process.pid, process);
        Ok(())
    }

    /// Takes a process out that could not be started after all.
    pub(super) fn remove(&self, pid: Pid) {
        self.processes.lock().remove(&pid);
    }

    /// Counts `more` bytes of linear memory, if the sandbox may still use them.
    pub(crate) fn reserve(&self, more: u64) -> bool {
        let limit = self.limits().memory_bytes;
        self.memory_bytes
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |used| {
                used.checked_add(more).filter(|&total| total <= limit)
            })
            .is_ok()
    }

    /// Counts `bytes` of linear memory as free again.
    pub(crate) fn released(&self, bytes: u64) {
        self.memory_bytes.fetch_sub(bytes, Ordering::AcqRel);
    }

    /// Does what the end of a process asks for: its children become orphans, and it stays as a zombie only if it has a
    /// parent that can wait for it.
    pub(super) fn ended(&self, process: &Process) {
        let mut processes = self.processes.lock();
        let mut stopped = Vec::new();
        processes.retain(|_, child| {
            if child.parent.load(Ordering::Acquire) != process.pid {
                return true;
            }
            child.parent.store(INIT, Ordering::Release);
            if child.signals.is_stopped() {
                stopped.push(child.clone());
            }
            child.exit().is_none()
        });
        if !processes.contains_key(&process.parent.load(Ordering::Acquire)) {
            processes.remove(&process.pid);
        }
        drop(processes);
        self.hang_up_orphans(stopped);
        process.tell_parent();
    }

    /// Looks for a child of `parent` that ended, and takes it out of the table; or, with `stopped`, for one that was
    /// stopped since it was last looked for. Pending while there are children but none such.
    ///
    /// # Errors
    ///
    /// [`Errno::Child`] if `parent` has no such child.
    pub(crate) fn poll_wait(
        &self,
        cx: &mut Context<'_>,
        parent: &Process,
        which: Which,
        stopped: bool,
    ) -> Poll<Result<(Pid, ChildChange), Errno>> {
        parent.child_changed.register(cx);
        let mut processes = self.processes.lock();
        let mut candidates = 0;
        let mut found = None;
        for child in processes.values() {
            let wanted = match which {
                Which::Any => true,
                Which::Pid(pid) => child.pid == pid,
            };
            if !wanted || child.parent.load(Ordering::Acquire) != parent.pid {
                continue;
            }
            candidates += 1;
            let change = match child.exit() {
                Some(exit) => ChildChange::Ended(exit),
                None => match child.signals.untold_stop().filter(|_| stopped) {
                    Some(signal) => ChildChange::Stopped(signal),
                    None => continue,
                },
            };
            // Of several, the first that was started: a wait is repeatable, whatever the order of a map.
            if found.is_none_or(|(pid, _)| child.pid < pid) {
                found = Some((child.pid, change));
            }
        }
        match found {
            Some((pid, change)) => {
                if let ChildChange::Stopped(_) = change {
                    processes[&pid].signals.stop_was_told();
                } else if let Some(child) = processes.remove(&pid) {
                    let used = child.cpu.used_ns() + child.children_cpu_ns.load(Ordering::Relaxed);
                    parent.children_cpu_ns.fetch_add(used, Ordering::Relaxed);
                }
                Poll::Ready(Ok((pid, change)))
            }
            None if candidates == 0 => Poll::Ready(Err(Errno::Child)),
            None => Poll::Pending,
        }
    }

    /// Sends a signal to all processes for which `is_meant` holds, and returns how many those were.
    pub(crate) fn signal_all(&self, signal: Signal, is_meant: impl Fn(&Process) -> bool) -> usize {
        let meant: Vec<_> = self.list().into_iter().filter(|process| is_meant(process)).collect();
        for process in &meant {
            process.signal(signal);
        }
        meant.len()
    }

    /// Kills every process that descends from the one of this number that the host started, and it too.
    pub(crate) fn kill_job(&self, job: Pid, reason: KillReason) {
        self.kill_all(reason, |process| process.job == job);
    }

    /// Kills all processes and lets no more be started.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.kill_all(KillReason::Terminated, |_| true);
    }

    /// Kills all that are meant, those too that they start meanwhile: who has been killed starts no more.
    fn kill_all(&self, reason: KillReason, is_meant: impl Fn(&Process) -> bool) {
        loop {
            let lives = |process: &Process| process.exit().is_none() && process.signals.fatal().is_none();
            let meant: Vec<_> = self.list().into_iter().filter(|process| is_meant(process) && lives(process)).collect();
            meant.iter().for_each(|process| process.kill(reason));
            if meant.is_empty() {
                return;
            }
        }
    }
}
