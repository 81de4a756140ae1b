//! Waiting: how a reader of an empty pipe, or a parent of a running child, is told that it is worth looking again.

use std::sync::Mutex;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Instant;

/// The wakers of everyone who waits for one object.
///
/// Guests block a thread and the host's callers block a task; both are a [`Waker`], so an object has one set for both.
/// A waker that fires without need costs its owner one more look, so nothing is ever unregistered; a set holds each
/// waker once and is emptied when it fires.
#[derive(Debug, Default)]
pub struct WaitSet {
    wakers: Mutex<Vec<Waker>>,
}

impl WaitSet {
    /// Remembers the waker of `cx` until the next [`WaitSet::wake`].
    ///
    /// Register first and look at the object's state after, or hold the object's lock across both: a change in
    /// between would be missed.
    pub fn register(&self, cx: &Context<'_>) {
        let mut wakers = self.lock();
        if !wakers.iter().any(|known| known.will_wake(cx.waker())) {
            wakers.push(cx.waker().clone());
        }
    }

    /// Wakes everyone who registered since the last call.
    pub fn wake(&self) {
        // Wakers run without the lock: one may register again at once.
        let wakers = std::mem::take(&mut *self.lock());
        for waker in wakers {
            waker.wake();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Waker>> {
        self.wakers.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// A waker that unparks the thread it was made on.
struct Unpark(std::thread::Thread);

impl Wake for Unpark {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.unpark();
    }

    fn wake_by_ref(self: &std::sync::Arc<Self>) {
        self.0.unpark();
    }
}

/// Returns a waker that unparks this thread, made once per thread.
pub fn thread_waker() -> Waker {
    thread_local! {
        static WAKER: Waker = Waker::from(std::sync::Arc::new(Unpark(std::thread::current())));
    }
    WAKER.with(Waker::clone)
}

/// Blocks this thread until `poll` is ready, or until `deadline` has passed, which gives `None`.
pub fn block_on<T>(deadline: Option<Instant>, mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> Option<T> {
    let waker = thread_waker();
    let mut cx = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(value) = poll(&mut cx) {
            return Some(value);
        }
        match deadline {
            None => std::thread::park(),
            Some(deadline) => {
                let left = deadline.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return None;
                }
                std::thread::park_timeout(left);
            }
        }
    }
}
