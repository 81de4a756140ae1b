//! The life of a sandbox; `SandboxStatus` in the API has it drawn.

use std::future::poll_fn;
use std::ops::Deref;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use parking_lot::Mutex;
use stillbox_api::{Limits, SandboxInfo, SandboxSpec, SandboxStatus, TerminationReason, WrongStatus};
use stillbox_kernel::wait::WaitSet;

use crate::engine::Shared;
use crate::metrics::count;
use crate::sandbox::Live;
use crate::sandbox::idle::Busy;
use crate::sandbox::suspend::{Kept, Rest};

/// One sandbox, from its making until it is forgotten.
pub(crate) struct Inner {
    pub(crate) id: String,
    /// How many sandboxes the engine had made before.
    pub(crate) number: u64,
    /// What it was asked to be. The name, the timeouts and the limits in it may have changed since.
    pub(crate) spec: SandboxSpec,
    created_at_ms: u64,
    pub(crate) engine: Weak<Shared>,
    /// Whose turn it is to hold the sandbox still, or to wake it up.
    pub(crate) turn: futures::lock::Mutex<()>,
    state: Mutex<State>,
    changed: WaitSet,
}

/// What runs in a sandbox, in use by one call.
pub(crate) struct InUse {
    live: Arc<Live>,
    _busy: Busy,
}

impl Deref for InUse {
    type Target = Arc<Live>;

    fn deref(&self) -> &Arc<Live> {
        &self.live
    }
}

/// What a sandbox leaves that ends: what ran, or what it would have gone on from.
type Left = (Option<Arc<Live>>, Option<Rest>);

struct State {
    status: SandboxStatus,
    name: Option<String>,
    /// What runs: there while the sandbox is usable.
    live: Option<Arc<Live>>,
    /// What it goes on from: there while it is suspended.
    rest: Option<Rest>,
    limits: Limits,
    idle_timeout: Option<Duration>,
    auto_resume: bool,
    ended: Option<(TerminationReason, u64)>,
}

impl State {
    /// Returns what runs, or has stayed of what will run again.
    fn in_memory(&self) -> Option<&Arc<Live>> {
        let kept = self.rest.as_ref().and_then(|rest| rest.kept.as_ref()).map(|kept| &kept.live);
        self.live.as_ref().or(kept)
    }
}

impl Inner {
    /// Returns a sandbox that is pending.
    pub(crate) fn new(engine: Weak<Shared>, id: String, number: u64, spec: SandboxSpec) -> Arc<Self> {
        Arc::new(Self::pending(engine, id, number, spec))
    }

    /// Returns a sandbox that is suspended, and goes on from a checkpoint.
    pub(crate) fn resting(
        engine: Weak<Shared>,
        id: String,
        number: u64,
        spec: SandboxSpec,
        (checkpoint, created_at_ms): (String, u64),
    ) -> Arc<Self> {
        let mut inner = Self { created_at_ms, ..Self::pending(engine, id, number, spec) };
        let state = inner.state.get_mut();
        state.status = SandboxStatus::Suspended;
        state.rest = Some(Rest { checkpoint, kept: None });
        Arc::new(inner)
    }

    fn pending(engine: Weak<Shared>, id: String, number: u64, spec: SandboxSpec) -> Self {
        let state = State {
            status: SandboxStatus::Pending,
            name: spec.name.clone(),
            live: None,
            rest: None,
            limits: spec.limits.clone(),
            idle_timeout: spec.idle_timeout,
            auto_resume: spec.auto_resume,
            ended: None,
        };
        let (turn, changed) = (futures::lock::Mutex::default(), WaitSet::default());
        Self { id, number, spec, created_at_ms: now_ms(), engine, turn, state: Mutex::new(state), changed }
    }

    /// Goes over into a state that lasts for as long as what is returned is there.
    ///
    /// # Errors
    ///
    /// If the sandbox doesn't run.
    pub(crate) fn begin(self: &Arc<Self>, status: SandboxStatus) -> Result<Moment, WrongStatus> {
        let mut state = self.state.lock();
        let live = match &state.live {
            Some(live) if state.status.can_become(status) => live.clone(),
            _ => return Err(self.wrong_status(state.status)),
        };
        state.status.advance(status);
        drop(state);
        self.changed.wake();
        Ok(Moment { inner: self.clone(), live, status })
    }

    /// Returns what a suspended sandbox goes on from.
    ///
    /// # Errors
    ///
    /// If the sandbox isn't suspended.
    pub(crate) fn rest(&self) -> Result<(String, Option<Arc<Live>>), WrongStatus> {
        let state = self.state.lock();
        let rest = state.rest.as_ref().ok_or_else(|| self.wrong_status(state.status))?;
        Ok((rest.checkpoint.clone(), rest.kept.as_ref().map(|kept| kept.live.clone())))
    }

    /// Keeps nothing of a suspended sandbox in memory: another engine goes on with it. Returns whether it is suspended.
    pub(crate) fn leave_to_others(&self) -> bool {
        let kept = match &mut self.state.lock().rest {
            Some(rest) => rest.kept.take(),
            None => return false,
        };
        if let Some(kept) = kept {
            kept.live.end_at_rest();
        }
        true
    }

    /// Has a suspended sandbox run again.
    ///
    /// # Errors
    ///
    /// If the sandbox isn't suspended any more.
    pub(crate) fn wake(&self, live: &Arc<Live>) -> Result<(), WrongStatus> {
        let mut state = self.state.lock();
        if state.status != SandboxStatus::Suspended {
            return Err(self.wrong_status(state.status));
        }
        state.status.advance(SandboxStatus::Running);
        state.live = Some(live.clone());
        let rest = state.rest.take();
        drop(state);
        drop(rest);
        self.changed.wake();
        Ok(())
    }

    /// Has other things run in the place of what runs now, which is returned.
    ///
    /// # Errors
    ///
    /// If the sandbox doesn't run.
    pub(crate) fn replace(&self, live: &Arc<Live>) -> Result<Arc<Live>, WrongStatus> {
        let mut state = self.state.lock();
        match &mut state.live {
            Some(before) => Ok(std::mem::replace(before, live.clone())),
            None => Err(self.wrong_status(state.status)),
        }
    }

    /// Says that the sandbox can be used from now on.
    ///
    /// # Errors
    ///
    /// If it was terminated meanwhile.
    pub(crate) fn set_running(&self, live: Arc<Live>) -> Result<(), WrongStatus> {
        let mut state = self.state.lock();
        if state.status == SandboxStatus::Terminated {
            return Err(self.wrong_status(state.status));
        }
        state.status.advance(SandboxStatus::Running);
        count(&live.table.runtime.counters.sandboxes_created);
        state.live = Some(live);
        drop(state);
        self.changed.wake();
        Ok(())
    }

    /// Returns what runs, which is not idle while the caller uses it.
    ///
    /// # Errors
    ///
    /// If the sandbox can't be used.
    pub(crate) fn live(&self) -> Result<InUse, WrongStatus> {
        let live = {
            let state = self.state.lock();
            state.live.clone().ok_or_else(|| self.wrong_status(state.status))?
        };
        Ok(InUse { _busy: live.idle.busy(), live })
    }

    /// Returns what runs, if it does, without counting as a use of the sandbox.
    pub(crate) fn running(&self) -> Option<Arc<Live>> {
        self.state.lock().live.clone()
    }

    pub(crate) fn status(&self) -> SandboxStatus {
        self.state.lock().status
    }

    pub(crate) fn name(&self) -> Option<String> {
        self.state.lock().name.clone()
    }

    pub(crate) fn set_name(&self, name: String) {
        self.state.lock().name = Some(name);
    }

    pub(crate) fn idle_timeout(&self) -> Option<Duration> {
        self.state.lock().idle_timeout
    }

    pub(crate) fn auto_resume(&self) -> bool {
        self.state.lock().auto_resume
    }

    pub(crate) fn limits(&self) -> Limits {
        self.state.lock().limits.clone()
    }

    pub(crate) fn set_limits(&self, limits: Limits) {
        let mut state = self.state.lock();
        // Under the lock, so that of two changes the same one is the last for everybody.
        if let Some(live) = state.in_memory() {
            live.set_limits(&limits);
        }
        state.limits = limits;
    }

    /// Changes the timeouts; what is `None` of the second stays.
    pub(crate) fn set_timeouts(&self, idle_timeout: Option<Duration>, auto_resume: Option<bool>) {
        let mut state = self.state.lock();
        state.idle_timeout = idle_timeout;
        state.auto_resume = auto_resume.unwrap_or(state.auto_resume);
        let live = state.in_memory().cloned();
        drop(state);
        if let Some(live) = live {
            live.set_idle_timeout(idle_timeout);
        }
    }

    /// Waits until the status is another than `from`, and returns it.
    pub(crate) async fn changed_from(&self, from: SandboxStatus) -> SandboxStatus {
        poll_fn(|cx| self.poll_changed(cx, from)).await
    }

    fn poll_changed(&self, cx: &mut Context<'_>, from: SandboxStatus) -> Poll<SandboxStatus> {
        let status = self.status();
        if status != from {
            return Poll::Ready(status);
        }
        self.changed.register(cx);
        // It may have changed before the waker was there.
        let status = self.status();
        if status == from { Poll::Pending } else { Poll::Ready(status) }
    }

    /// Ends the sandbox, unless it has ended: kills everything in it, resolves every wait, and frees the name.
    pub(crate) fn terminate(&self, reason: TerminationReason) {
        let ended = match self.engine.upgrade() {
            Some(engine) => engine.registry.retire(&self.id, || self.end(reason)),
            // The engine is going away, and its registry with it.
            None => self.end(reason).map(|(_, what)| what),
        };
        let Some((live, rest)) = ended else { return };
        let mut live = live;
        if let Some(Rest { checkpoint, kept }) = rest {
            if let Some(engine) = self.engine.upgrade() {
                engine.snapshots.forget(checkpoint);
            }
            if let Some(Kept { live: rested, .. }) = kept {
                rested.end_at_rest();
                live = Some(rested);
            }
        }
        if let Some(live) = live {
            count(&live.table.runtime.counters.sandboxes_terminated);
            live.close();
        }
        tracing::debug!(id = self.id, ?reason, "sandbox terminated");
        self.changed.wake();
    }

    /// Goes over into the last state, and returns the name and what was running; `None` if it is there already.
    fn end(&self, reason: TerminationReason) -> Option<(Option<String>, Left)> {
        let mut state = self.state.lock();
        if state.status == SandboxStatus::Terminated {
            return None;
        }
        state.status.advance(SandboxStatus::Terminated);
        state.ended = Some((reason, now_ms()));
        Some((state.name.clone(), (state.live.take(), state.rest.take())))
    }

    pub(crate) fn info(&self) -> SandboxInfo {
        let state = self.state.lock();
        SandboxInfo {
            id: self.id.clone(),
            name: state.name.clone(),
            status: state.status,
            termination_reason: state.ended.map(|(reason, _)| reason),
            image: self.spec.image.clone(),
            snapshot_id: self.spec.snapshot_id.clone(),
            runtime: "wasmtime".into(),
            limits: state.limits.clone(),
            idle_timeout: state.idle_timeout,
            auto_resume: state.auto_resume,
            created_at_ms: self.created_at_ms,
            terminated_at_ms: state.ended.map(|(_, at_ms)| at_ms),
        }
    }

    pub(crate) fn wrong_status(&self, status: SandboxStatus) -> WrongStatus {
        WrongStatus { id: self.id.clone(), status }
    }
}

/// A state of a sandbox that lasts for a while: it runs again when this is dropped, unless it has ended or rests.
pub(crate) struct Moment {
    inner: Arc<Inner>,
    live: Arc<Live>,
    status: SandboxStatus,
}

impl Moment {
    /// Returns what runs.
    pub(crate) fn live(&self) -> &Arc<Live> {
        &self.live
    }

    /// Puts the sandbox to rest.
    ///
    /// # Errors
    ///
    /// If it has ended meanwhile.
    pub(crate) fn rest(self, rest: Rest) -> Result<(), WrongStatus> {
        let mut state = self.inner.state.lock();
        if state.status != self.status {
            return Err(self.inner.wrong_status(state.status));
        }
        state.status.advance(SandboxStatus::Suspended);
        state.live = None;
        state.rest = Some(rest);
        Ok(())
    }
}

impl Drop for Moment {
    fn drop(&mut self) {
        let mut state = self.inner.state.lock();
        if state.status == self.status {
            state.status.advance(SandboxStatus::Running);
        }
        drop(state);
        self.inner.changed.wake();
    }
}

/// Returns the host's time. The records of an engine are about the host, and so not by a sandbox's own clock.
fn now_ms() -> u64 {
    stillbox_kernel::clock::Clock::real().wall_ns() / 1_000_000
}
