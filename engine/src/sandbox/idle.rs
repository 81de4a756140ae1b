//! When a sandbox has been left alone for long enough to end.

use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use stillbox_api::TerminationReason;

use crate::engine::Shared;
use crate::sandbox::state::Inner;
use crate::sandbox::suspend;
use crate::task;
use crate::timers::{Timer, Timers};

/// Counts what goes on in a sandbox, and ends it when nothing has for as long as its timeout.
pub(crate) struct Idle {
    timers: Timers,
    sandbox: Weak<Inner>,
    state: Mutex<State>,
}

struct State {
    busy: usize,
    timeout: Option<Duration>,
    timer: Option<Timer>,
}

/// Something that goes on. While one of these is there, the sandbox is not idle.
pub(crate) struct Busy(Arc<Idle>);

impl Idle {
    /// Returns the watch over a sandbox that begins idle.
    pub(super) fn new(timers: Timers, sandbox: &Arc<Inner>, timeout: Option<Duration>) -> Arc<Self> {
        let state = Mutex::new(State { busy: 0, timeout, timer: None });
        let idle = Arc::new(Self { timers, sandbox: Arc::downgrade(sandbox), state });
        idle.change(|_| {});
        idle
    }

    /// Sets the timeout; `None` is for ever.
    pub(super) fn set_timeout(self: &Arc<Self>, timeout: Option<Duration>) {
        self.change(|state| state.timeout = timeout);
    }

    /// Takes note that something begins: a call, or what outlives the call that began it.
    pub(super) fn busy(self: &Arc<Self>) -> Busy {
        self.change(|state| state.busy += 1);
        Busy(self.clone())
    }

    fn change(self: &Arc<Self>, change: impl FnOnce(&mut State)) {
        let mut state = self.state.lock();
        change(&mut state);
        let due = state.timeout.filter(|_| state.busy == 0);
        let weak = Arc::downgrade(self);
        let end = move || {
            if let Some(idle) = weak.upgrade() {
                idle.end();
            }
        };
        state.timer = due.map(|due| self.timers.after(due, end));
    }

    /// Ends the sandbox, unless something has begun at this moment.
    fn end(&self) {
        if self.state.lock().busy > 0 {
            return;
        }
        let Some(sandbox) = self.sandbox.upgrade() else { return };
        match sandbox.engine.upgrade() {
            Some(engine) if sandbox.name().is_some() => suspend_idle(engine, sandbox),
            _ => sandbox.terminate(TerminationReason::IdleTimeout),
        }
    }
}

/// Suspends a named sandbox, which runs on if that can't be.
fn suspend_idle(engine: Arc<Shared>, sandbox: Arc<Inner>) {
    let threads = engine.runtime.threads.clone();
    task::spawn(&threads, async move {
        if let Err(error) = suspend::suspend(&engine, &sandbox).await {
            tracing::warn!(id = sandbox.id, %error, "an idle sandbox can't be suspended");
        }
    });
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.change(|state| state.busy -= 1);
    }
}
