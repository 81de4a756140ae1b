//! Deadlines: one thread for all of an engine, which sleeps until the next one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::channel::oneshot;
use parking_lot::{Condvar, Mutex};

/// Returns a time in nanoseconds, as a checkpoint has it. What doesn't fit is far enough away.
pub(crate) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

type Action = Box<dyn FnOnce() + Send>;

/// When an action is due, and a number that tells it from others of the same moment.
type Key = (Instant, u64);

/// Calls actions when their time has come. Clones share the thread, which starts with the first action.
#[derive(Clone, Default)]
pub(crate) struct Timers(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    actions: BTreeMap<Key, Action>,
    last_number: u64,
    is_running: bool,
}

/// An action that is due later. Dropping it calls it off.
#[must_use = "dropping a timer calls its action off"]
pub(crate) struct Timer {
    shared: Arc<Shared>,
    key: Key,
}

impl Timers {
    /// Calls `action`, which must be quick, in `duration` from now.
    pub(crate) fn after(&self, duration: Duration, action: impl FnOnce() + Send + 'static) -> Timer {
        // A time that doesn't fit is so far away that it might as well be a century.
        let due = Instant::now() + duration.min(Duration::from_secs(100 * 365 * 86_400));
        let mut state = self.0.state.lock();
        state.last_number += 1;
        let key = (due, state.last_number);
        let is_next = state.actions.first_key_value().is_none_or(|(first, _)| key < *first);
        state.actions.insert(key, Box::new(action));
        if !state.is_running {
            state.is_running = true;
            let shared = self.0.clone();
            let spawned = std::thread::Builder::new().name("stillbox-timers".into()).spawn(move || shared.run());
            if let Err(error) = spawned {
                tracing::error!(%error, "no thread for timers");
                state.is_running = false;
            }
        } else if is_next {
            self.0.changed.notify_one();
        }
        Timer { shared: self.0.clone(), key }
    }
}

impl Timers {
    /// Waits for `duration`.
    pub(crate) async fn sleep(&self, duration: Duration) {
        let (sender, receiver) = oneshot::channel();
        let _timer = self.after(duration, move || {
            let _ = sender.send(());
        });
        // The sender is dropped without a value only if the timer is, which this future does.
        let _ = receiver.await;
    }
}

impl Shared {
    /// Waits for actions, and ends when there are none.
    fn run(&self) {
        /// How long the thread stays without anything to wait for: a new one costs more than a timer.
        const IDLE: Duration = Duration::from_secs(10);

        let mut state = self.state.lock();
        loop {
            let now = Instant::now();
            match state.actions.first_entry() {
                Some(first) if first.key().0 <= now => {
                    let action = first.remove();
                    drop(state);
                    action();
                    state = self.state.lock();
                }
                Some(first) => {
                    let due = first.key().0;
                    self.changed.wait_until(&mut state, due);
                }
                None => {
                    let timed_out = self.changed.wait_for(&mut state, IDLE).timed_out();
                    if timed_out && state.actions.is_empty() {
                        state.is_running = false;
                        return;
                    }
                }
            }
        }
    }
}

impl Timer {
    /// Returns how long it is until the action is due.
    pub(crate) fn left(&self) -> Duration {
        self.key.0.saturating_duration_since(Instant::now())
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        // The action is dropped without the lock: what it holds may have timers of its own.
        let action = self.shared.state.lock().actions.remove(&self.key);
        drop(action);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn actions_come_in_the_order_of_their_time_and_can_be_called_off() {
        let timers = Timers::default();
        let (sender, receiver) = channel();
        let after = |ms, name: &'static str| {
            let sender = sender.clone();
            timers.after(Duration::from_millis(ms), move || sender.send(name).unwrap())
        };
        let begun = Instant::now();
        let (_late, off, _soon) = (after(60, "late"), after(40, "off"), after(20, "soon"));
        let _far = timers.after(Duration::MAX, || unreachable!());
        drop(off);
        assert_eq!(receiver.recv(), Ok("soon"));
        assert!(begun.elapsed() >= Duration::from_millis(20));
        assert_eq!(receiver.recv(), Ok("late"));
        assert!(begun.elapsed() >= Duration::from_millis(60));
    }
}
