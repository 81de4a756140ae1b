//! Where a process stands still, so that all of it can be saved.
//!
//! ```text
//!   who holds (sandbox/hold.rs)              the process's thread
//!   Table::hold: everybody is to stand ----> leaves its blocked call, or unwinds at a poll
//!                                            stand: says that it is here
//!   all are here
//!   order Save ----------------------------> saves its stack, globals, tables and memories
//!   release, or order Leave ---------------> goes on by continuations, or gives its instance up
//! ```
//!
//! A process stands where its stack is unwound, and nowhere else: not in a handler, nor in a call that waits for nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use stillbox_capture::host::{Activation, HostError, SavedStack, State};
use stillbox_kernel::wait::{WaitSet, block_on};

use crate::memory::{self, Image};
use crate::process::run::{Captured, Guest};
use crate::process::{Departure, Process, Table};
use crate::program::Program;

/// A guest leaves its call because it is to stand still; the call is issued again.
#[derive(Debug, thiserror::Error)]
#[error("the guest is to stand still")]
pub(crate) struct Held;

/// One time at which all processes of a sandbox are held.
pub(crate) struct Hold {
    number: u64,
    /// Woken when a process stands, has done what it was ordered to, or has ended.
    pub(crate) changed: WaitSet,
}

impl Hold {
    pub(crate) fn new() -> Arc<Self> {
        static LAST: AtomicU64 = AtomicU64::new(0);
        let number = LAST.fetch_add(1, Ordering::Relaxed) + 1;
        Arc::new(Self { number, changed: WaitSet::default() })
    }
}

/// What the kernel doesn't know of a process: its instance, held still.
#[derive(Clone)]
pub(crate) struct GuestStill {
    pub(crate) program: Arc<Program>,
    pub(crate) stack: SavedStack,
    pub(crate) state: State,
    pub(crate) memories: Vec<MemoryStill>,
    /// The name of the exported function that its signals are given to.
    pub(crate) signal_handler: String,
    /// How long the call that it left would have waited.
    pub(crate) blocked_for: Option<Duration>,
}

/// A memory, held still.
#[derive(Clone)]
pub(crate) struct MemoryStill {
    /// Its size in bytes.
    pub(crate) bytes: u64,
    /// What it holds from the first byte on; zeros follow.
    pub(crate) image: Arc<Image>,
}

/// What one who stands is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Save the instance, and go on standing.
    Save,
    /// Give the instance up: somebody else will go on with what was saved.
    Leave,
}

/// What became of an order.
pub(crate) enum Done {
    Saved(Result<Box<GuestStill>, HostError>),
    Left,
}

/// How a process is held.
#[derive(Default)]
pub(crate) struct Standing(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    /// The number of the hold that it stands in; 0 is none.
    hold: u64,
    order: Option<Order>,
    done: Option<Done>,
    /// Until when the blocked call that it left waits. The call is issued again.
    deadline: Option<Instant>,
}

impl Standing {
    /// Takes note of when a call that is left would have returned.
    pub(super) fn leave_call(&self, deadline: Option<Instant>) {
        self.0.lock().deadline = deadline;
    }

    /// Returns until when a call waits that has `deadline`: a call that was left and is issued again has that of the first.
    pub(super) fn deadline_of(&self, deadline: Option<Instant>) -> Option<Instant> {
        let deadline = deadline?;
        Some(self.0.lock().deadline.take().unwrap_or(deadline))
    }

    /// Says until when the call waits that the process is in.
    pub(crate) fn resume_call(&self, blocked_for: Option<Duration>) {
        self.leave_call(blocked_for.and_then(|left| Instant::now().checked_add(left)));
    }

    /// Returns how long the call that was left still waits.
    pub(super) fn blocked_for(&self) -> Option<Duration> {
        self.0.lock().deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }
}

impl Table {
    /// Returns the hold that processes are to stand in.
    pub(crate) fn current_hold(&self) -> Option<Arc<Hold>> {
        self.hold.lock().clone()
    }

    /// Returns whether processes are to stand still.
    pub(crate) fn is_held(&self) -> bool {
        self.hold.lock().is_some()
    }

    /// Has all processes stand still from here on, those too that are started meanwhile.
    pub(crate) fn begin_hold(&self, hold: &Arc<Hold>) {
        *self.hold.lock() = Some(hold.clone());
        self.list().iter().for_each(|process| process.call());
    }

    /// Lets all processes go on.
    pub(crate) fn end_hold(&self) {
        self.hold.lock().take();
        self.list().iter().for_each(|process| process.wake());
    }
}

impl Process {
    /// Has the process look at what is wanted of it, whatever it does.
    pub(super) fn call(&self) {
        self.signals.attract();
        self.interrupt();
        self.wake();
    }

    /// Returns whether the process stands in this hold, or is a zombie.
    pub(crate) fn is_still(&self, hold: &Hold) -> bool {
        self.exit().is_some() || self.standing.0.lock().hold == hold.number
    }

    /// Returns whether the process could stand still at all.
    pub(crate) fn is_capturable(&self) -> bool {
        self.is_capturable.load(Ordering::Relaxed)
    }

    /// Tells a process that stands what to do.
    pub(crate) fn order(&self, order: Order) {
        let mut standing = self.standing.0.lock();
        standing.order = Some(order);
        standing.done = None;
        drop(standing);
        self.wake();
    }

    /// Returns what became of the order; nothing yet, or `None` from a process that has ended instead.
    pub(crate) fn poll_done(&self) -> Poll<Option<Done>> {
        let done = self.standing.0.lock().done.take();
        match done {
            Some(done) => Poll::Ready(Some(done)),
            None if self.exit().is_some() => Poll::Ready(None),
            None => Poll::Pending,
        }
    }

    /// Stands still until it is let go, and does as it is told meanwhile. Returns whether it has stood at all.
    ///
    /// # Errors
    ///
    /// The departure, when the process is to end or to give its instance up.
    pub(super) fn stand(
        &self,
        mut save: impl FnMut() -> Result<Box<GuestStill>, HostError>,
    ) -> Result<bool, Departure> {
        let Some(hold) = self.table.current_hold() else { return Ok(false) };
        self.standing.0.lock().hold = hold.number;
        hold.changed.wake();
        let end = loop {
            match self.next_order(&hold) {
                Ok(Some(Order::Save)) => {
                    let saved = save();
                    self.standing.0.lock().done = Some(Done::Saved(saved));
                    hold.changed.wake();
                }
                Ok(Some(Order::Leave)) => break Err(Departure::Leave),
                Ok(None) => break Ok(true),
                Err(departure) => break Err(departure),
            }
        };
        let mut standing = self.standing.0.lock();
        standing.hold = 0;
        standing.order = None;
        end
    }

    /// Waits for an order; `None` is to go on.
    fn next_order(&self, hold: &Arc<Hold>) -> Result<Option<Order>, Departure> {
        let order = block_on(None, |_: &mut Context<'_>| {
            if let Err(departure) = self.check_killed() {
                return Poll::Ready(Err(departure));
            }
            if let Some(order) = self.standing.0.lock().order.take() {
                return Poll::Ready(Ok(Some(order)));
            }
            match self.table.current_hold() {
                Some(current) if current.number == hold.number => Poll::Pending,
                _ => Poll::Ready(Ok(None)),
            }
        });
        // Without a deadline there is always an answer.
        order.unwrap_or(Ok(None))
    }

    /// Takes note that the instance is gone and its thread free. The process goes on when another instance is made for it.
    pub(super) fn has_left(&self) {
        self.take_waker();
        self.table.released(self.memory_bytes.swap(0, Ordering::AcqRel));
        self.table.runtime.counters.process_left();
        self.standing.0.lock().done = Some(Done::Left);
        if let Some(hold) = self.table.current_hold() {
            hold.changed.wake();
        }
    }

    /// Tells whoever holds the sandbox that this process has ended.
    pub(super) fn tell_holder(&self) {
        if let Some(hold) = self.table.current_hold() {
            hold.changed.wake();
        }
    }
}

/// Saves an instance whose stack was taken.
pub(super) fn save(
    captured: &mut Captured,
    store: &mut wasmtime::StoreContextMut<'_, Guest>,
    activation: &Activation,
) -> Result<Box<GuestStill>, HostError> {
    let guest = store.data();
    let (process, program) = (guest.process.clone(), guest.invocation.program.clone());
    let (signal_handler, images) = (guest.signal_handler.clone(), guest.images.clone());
    let stack = captured.save_stack(&mut *store, activation)?;
    let state = captured.state(&mut *store)?;
    let mut memories = Vec::new();
    let mut shown = Vec::new();
    for (index, memory) in captured.memories(&mut *store)?.into_iter().enumerate() {
        let (at, len) = (memory.data_ptr(&*store), memory.data_size(&*store));
        let base = images.get(index).and_then(Option::as_ref);
        // SAFETY: this is where the memory is, and nothing refers into it while its process stands.
        let image = unsafe { memory::save(at, len, base) }.map_err(|error| HostError::Runtime(error.into()))?;
        shown.push(Some(image.clone()));
        memories.push(MemoryStill { bytes: len as u64, image });
    }
    store.data_mut().images = shown.into();
    let blocked_for = process.standing.blocked_for();
    Ok(Box::new(GuestStill { program, stack, state, memories, signal_handler, blocked_for }))
}
