//! Tasks of the engine's own, such as the supervision of a process: futures that are polled on its threads.
//!
//! The engine has no runtime of the host's to rely on, and a thread that only waits would be one too many.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures::future::{BoxFuture, FutureExt as _};
use parking_lot::Mutex;

use crate::process::threads::Threads;

/// A future, polled on a thread of the engine each time that it is woken.
struct Task {
    threads: Threads,
    /// What is left to do; nothing once it is done.
    future: Mutex<Option<BoxFuture<'static, ()>>>,
    /// Whether a poll is about to begin.
    is_scheduled: AtomicBool,
}

/// Runs `future` to its end.
pub(crate) fn spawn(threads: &Threads, future: impl Future<Output = ()> + Send + 'static) {
    let future = Mutex::new(Some(future.boxed()));
    Arc::new(Task { threads: threads.clone(), future, is_scheduled: false.into() }).wake();
}

impl Task {
    fn poll(self: &Arc<Self>) {
        // Another poll may be under way. This one waits for it, as it was asked for later.
        let mut future = self.future.lock();
        self.is_scheduled.store(false, Ordering::SeqCst);
        let waker = Waker::from(self.clone());
        let polled = future.as_mut().map(|future| future.as_mut().poll(&mut Context::from_waker(&waker)));
        if let Some(Poll::Ready(())) = polled {
            *future = None;
        }
    }
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        if self.is_scheduled.swap(true, Ordering::SeqCst) {
            return;
        }
        let task = self.clone();
        if let Err(error) = self.threads.run(Box::new(move || task.poll())) {
            tracing::warn!(%error, "no thread for a task of the engine, which is polled where it was woken");
            self.poll();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use super::*;
    use crate::timers::Timers;

    #[test]
    fn a_task_is_woken_from_elsewhere_and_goes_on_to_its_end() {
        let (sender, receiver) = channel();
        let timers = Timers::default();
        spawn(&Threads::default(), async move {
            for step in 0..3 {
                timers.sleep(Duration::from_millis(1)).await;
                sender.send(step).unwrap();
            }
        });
        assert_eq!(receiver.iter().collect::<Vec<_>>(), [0, 1, 2]);
    }
}
