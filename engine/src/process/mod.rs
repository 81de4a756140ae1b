//! Processes: what one is to the kernel and the host.
//!
//! ```text
//!   Table::spawn                    the guest's own thread (threads.rs)
//!        |                                    |
//!        v                                    v
//!     Process  <--- shared state --->  run::run(process, program)
//!   fds, cwd, signals, exit              one wasmtime Store, `Guest` inside; loops on exec
//! ```
//!
//! A process runs on a thread of its own and blocks it; [`Process::block`] is the one place where that happens, and every
//! signal reaches it there. A guest that computes polls its control word ([`Process::interrupt`]) and suspends itself.
//! Either way it can be held still ([`hold`]).

pub(crate) mod cpu;
pub(crate) mod exit;
pub(crate) mod hold;
pub(crate) mod output;
pub(crate) mod persist;
pub(crate) mod proc_fs;
pub(crate) mod run;
pub(crate) mod session;
pub(crate) mod signals;
pub(crate) mod spawn;
pub(crate) mod table;
pub(crate) mod threads;
pub(crate) mod time_limits;

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use parking_lot::Mutex;
use stillbox_api::Limits;
use stillbox_capture::host::ControlWord;
use stillbox_kernel::Errno;
use stillbox_kernel::wait::{WaitSet, block_on};

use crate::metrics::KillReason;
use crate::program::CommandLine;
use crate::wasi::fd_table::FdTable;
use crate::wasi::files::Cwd;

pub(crate) use cpu::CpuTime;
pub(crate) use exit::{Departure, Exit};
use hold::Standing;
pub(crate) use run::Guest;
pub(crate) use session::Session;
pub(crate) use signals::{Effect, Signal, Signals};
pub(crate) use table::Table;
use time_limits::TimeLimits;

/// A process's number in its sandbox.
pub(crate) type Pid = u32;

/// The number that orphans have as their parent, and processes that the host started. It is nobody's own.
pub(crate) const INIT: Pid = 1;

/// One process, running or ended.
pub(crate) struct Process {
    pub(crate) pid: Pid,
    /// The process that the host started and that this one descends from, which is what "the whole tree" means to a
    /// kill: it holds for a child that left its group, or lost its parent, too.
    pub(crate) job: Pid,
    pub(crate) table: Arc<Table>,
    /// What it may use, as that was when it started.
    pub(crate) limits: Arc<Limits>,
    pub(crate) fds: Mutex<FdTable>,
    pub(crate) cwd: Mutex<Cwd>,
    pub(crate) umask: AtomicU32,
    pub(crate) parent: AtomicU32,
    pub(crate) group: AtomicU32,
    pub(crate) session: Mutex<Arc<Session>>,
    /// What runs, with its arguments and environment. An exec replaces it.
    pub(crate) command: Mutex<Arc<CommandLine>>,
    pub(crate) signals: Signals,
    /// Bytes of linear memory in use.
    pub(crate) memory_bytes: AtomicU64,
    pub(crate) cpu: CpuTime,
    /// CPU time in nanoseconds of children that were waited for, and of theirs.
    pub(crate) children_cpu_ns: AtomicU64,
    /// Why the engine has ended the process, if it has.
    kill_reason: OnceLock<KillReason>,
    time_limits: TimeLimits,
    /// When it was started, in nanoseconds since the Unix epoch.
    pub(crate) started_ns: u64,
    /// Wakes the thread of the guest out of a blocked call.
    waker: Mutex<Option<Waker>>,
    /// Where a computing guest looks whether it is to suspend itself. It is there while its instance is.
    control: Mutex<Option<ControlWord>>,
    /// Whether the guest is where its stack can be saved: suspended, or in a call that can be issued again.
    can_stand: AtomicBool,
    pub(crate) standing: Standing,
    /// Whether what it runs can be saved at all.
    is_capturable: AtomicBool,
    /// Woken when a child of this process ends, stops or continues.
    pub(crate) child_changed: WaitSet,
    exit: OnceLock<Exit>,
    ended: WaitSet,
}

impl Process {
    /// Returns how the process ended; `None` while it runs.
    pub(crate) fn exit(&self) -> Option<Exit> {
        self.exit.get().copied()
    }

    /// Waits for the end of the process.
    pub(crate) fn poll_exit(&self, cx: &mut Context<'_>) -> Poll<Exit> {
        if self.exit().is_none() {
            self.ended.register(cx);
        }
        self.exit().map_or(Poll::Pending, Poll::Ready)
    }

    /// Sends a signal to this process. One that has ended takes no notice.
    pub(crate) fn signal(&self, signal: Signal) {
        if self.exit().is_some() || self.is_left_alone_by(signal) {
            return;
        }
        let effect = self.signals.deliver(signal);
        if effect == Effect::Ignore {
            return;
        }
        tracing::trace!(pid = self.pid, signal = signal.number(), ?effect, "signal");
        self.interrupt();
        // Woken last: a guest that goes on after a blocked call finds the interruption there.
        self.wake();
        if matches!(effect, Effect::Stop | Effect::Continue) {
            self.tell_parent();
        }
    }

    /// Ends this process for a reason of the engine's.
    pub(crate) fn kill(&self, reason: KillReason) {
        self.set_kill_reason(reason);
        self.signal(Signal::KILL);
    }

    /// Says why the engine ends this process, and returns whether that wasn't said before.
    pub(crate) fn set_kill_reason(&self, reason: KillReason) -> bool {
        self.kill_reason.set(reason).is_ok()
    }

    /// Returns why the engine has ended this process, if it has.
    pub(crate) fn kill_reason(&self) -> Option<KillReason> {
        self.kill_reason.get().copied()
    }

    /// Blocks the guest's thread until `poll` is ready.
    ///
    /// # Errors
    ///
    /// - `Stop::Departure` when a signal ends the process.
    /// - `Stop::Hold` when the process is to stand still: the call is issued again later.
    /// - [`Errno::Intr`] when the guest has a handler to run.
    /// - [`Errno::Timedout`] when `deadline` has passed.
    pub(crate) fn block<T>(
        &self,
        deadline: Option<Instant>,
        mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Result<T, Stop> {
        let deadline = self.standing.deadline_of(deadline);
        let ready = block_on(deadline, |cx| {
            if self.signals.wants_attention() {
                if let Err(departure) = self.check_killed() {
                    return Poll::Ready(Err(departure.into()));
                }
                if self.can_stand() && self.table.is_held() {
                    self.standing.leave_call(deadline);
                    return Poll::Ready(Err(Stop::Hold));
                }
                if self.signals.is_stopped() {
                    return Poll::Pending;
                }
                if self.signals.has_pending() {
                    // What is ready comes first, so that a stream of signals doesn't starve the call. The handler runs
                    // before the call returns.
                    return match poll(cx) {
                        Poll::Ready(value) => Poll::Ready(Ok(value)),
                        Poll::Pending => Poll::Ready(Err(Stop::Errno(Errno::Intr))),
                    };
                }
            }
            poll(cx).map(Ok)
        });
        ready.unwrap_or(Err(Stop::Errno(Errno::Timedout)))
    }

    /// Says whether the guest is where its stack can be saved.
    pub(crate) fn set_can_stand(&self, can_stand: bool) {
        self.can_stand.store(can_stand, Ordering::Relaxed);
    }

    fn can_stand(&self) -> bool {
        self.can_stand.load(Ordering::Relaxed)
    }

    /// Waits while the process is stopped, or until it is to stand still where it can.
    ///
    /// # Errors
    ///
    /// The departure, when a signal ends the process.
    pub(crate) fn wait_while_stopped(&self) -> Result<(), Departure> {
        let waited = self.block(None, |_| Poll::Ready(()));
        match waited {
            Err(Stop::Departure(departure)) => Err(departure),
            _ => Ok(()),
        }
    }

    /// Says which thread runs the guest from here on.
    pub(crate) fn set_waker(&self, waker: Waker) {
        *self.waker.lock() = Some(waker);
    }

    /// Takes note that no thread runs the guest.
    fn take_waker(&self) {
        let waker = self.waker.lock().take();
        drop(waker);
    }

    /// Wakes the guest's thread out of whatever it waits for, to look again.
    fn wake(&self) {
        if let Some(waker) = &*self.waker.lock() {
            waker.wake_by_ref();
        }
    }

    /// Returns whether `signal` would end the process by default, and does so: the end of a write to a broken pipe.
    pub(crate) fn raise(&self, signal: Signal) -> Result<(), Departure> {
        self.signals.deliver(signal);
        self.interrupt();
        self.check_killed()
    }

    /// Has the guest suspend itself at its next loop or call.
    fn interrupt(&self) {
        if let Some(word) = *self.control.lock() {
            // SAFETY: `Interruptible` takes the word away, under this lock, before the instance's store goes.
            unsafe { word.request() };
        }
    }

    /// Calls an interruption off.
    fn resume_uninterrupted(&self) {
        if let Some(word) = *self.control.lock() {
            // SAFETY: as for `interrupt`.
            unsafe { word.clear() };
        }
    }

    /// Lets [`interrupt`](Self::interrupt) reach the instance that polls `word`, until what is returned is dropped, which
    /// must be before the instance's store is.
    fn interruptible(self: &Arc<Self>, word: ControlWord) -> Interruptible {
        *self.control.lock() = Some(word);
        Interruptible(self.clone())
    }

    /// Returns the departure of a process that a signal ends, as an error.
    pub(crate) fn check_killed(&self) -> Result<(), Departure> {
        self.signals.fatal().map_or(Ok(()), |signal| Err(Departure::Exit(Exit::Signal(signal))))
    }

    /// Takes note of the end. Descriptors are closed first, so that whoever learns of the end finds the pipes closed.
    fn finish(&self, exit: Exit) {
        let fds = std::mem::take(&mut *self.fds.lock());
        drop(fds);
        self.take_waker();
        self.table.released(self.memory_bytes.swap(0, Ordering::AcqRel));
        self.table.runtime.counters.process_ended(exit, self.kill_reason());
        if self.exit.set(exit).is_ok() {
            self.time_limits.clear();
            self.table.ended(self);
            self.ended.wake();
            self.tell_holder();
        }
    }

    /// Tells the parent that this process ended, stopped or continued.
    pub(crate) fn tell_parent(&self) {
        if let Some(parent) = self.table.get(self.parent.load(Ordering::Acquire)) {
            parent.child_changed.wake();
            parent.signal(Signal::CHLD);
        }
    }
}

/// While this is there, its process can be interrupted.
struct Interruptible(Arc<Process>);

impl Drop for Interruptible {
    fn drop(&mut self) {
        self.0.control.lock().take();
    }
}

/// Why a call of a guest doesn't return a value.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The guest gets an error number.
    Errno(Errno),
    /// The guest's stack is left.
    Departure(Departure),
    /// The guest's stack is unwound, and the call issued again when the process goes on.
    Hold,
}

impl From<Errno> for Stop {
    fn from(errno: Errno) -> Self {
        Self::Errno(errno)
    }
}

impl From<Departure> for Stop {
    fn from(departure: Departure) -> Self {
        Self::Departure(departure)
    }
}
