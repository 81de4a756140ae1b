//! Turns at what few may do at the same time.

use parking_lot::{Condvar, Mutex};

/// Lets so many threads through at a time.
pub(super) struct Gate {
    turns: usize,
    free: Mutex<usize>,
    freed: Condvar,
}

/// A thread's turn at a [`Gate`].
pub(super) struct Turn<'a>(&'a Gate);

impl Gate {
    /// Returns a gate with this many turns.
    pub(super) fn new(turns: usize) -> Self {
        Self { turns, free: Mutex::new(turns), freed: Condvar::new() }
    }

    /// Waits until nobody has a turn.
    pub(super) fn wait_until_free(&self) {
        self.freed.wait_while(&mut self.free.lock(), |free| *free < self.turns);
    }

    /// Waits for a turn, which lasts until it is dropped.
    pub(super) fn enter(&self) -> Turn<'_> {
        let mut free = self.free.lock();
        self.freed.wait_while(&mut free, |free| *free == 0);
        *free -= 1;
        Turn(self)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *self.0.free.lock() += 1;
        self.0.freed.notify_all();
    }
}
