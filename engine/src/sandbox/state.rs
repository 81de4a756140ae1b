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

/// One sandbox, from its making until it is forgotten.
pub(crate) struct Inner {
    pub(crate) id: String,
    /// How many sandboxes the engine had made before.
    pub(crate) number: u64,
    /// What it was asked to be. The name, the timeouts and the limits in it may have changed since.
    pub(crate) spec: SandboxSpec,
    created_at_ms: u64,
    engine: Weak<Shared>,
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

struct State {
    status: SandboxStatus,
    name: Option<String>,
    /// What runs: there while the sandbox is usable.
    live: Option<Arc<Live>>,
    limits: Limits,
    idle_timeout: Option<Duration>,
    auto_resume: bool,
    ended: Option<(TerminationReason, u64)>,
}

impl Inner {
    /// Returns a sandbox that is pending.
    pub(crate) fn new(engine: Weak<Shared>, id: String, number: u64, spec: SandboxSpec) -> Arc<Self> {
        let state = State {
            status: SandboxStatus::Pending,
            name: spec.name.clone(),
            live: None,
            limits: spec.limits.clone(),
            idle_timeout: spec.idle_timeout,
            auto_resume: spec.auto_resume,
            ended: None,
        };
        let changed = WaitSet::default();
        Arc::new(Self { id, number, spec, created_at_ms: now_ms(), engine, state: Mutex::new(state), changed })
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

    pub(crate) fn set_limits(&self, limits: Limits) {
        let mut state = self.state.lock();
        // Under the lock, so that of two changes the same one is the last for everybody.
        if let Some(live) = &state.live {
            live.set_limits(&limits);
        }
        state.limits = limits;
    }

    /// Changes the timeouts; what is `None` of the second stays.
    pub(crate) fn set_timeouts(&self, idle_timeout: Option<Duration>, auto_resume: Option<bool>) {
        let mut state = self.state.lock();
        state.idle_timeout = idle_timeout;
        state.auto_resume = auto_resume.unwrap_or(state.auto_resume);
        let live = state.live.clone();
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
            None => self.end(reason).map(|(_, live)| live),
        };
        let Some(live) = ended else { return };
        if let Some(live) = live {
            count(&live.table.runtime.counters.sandboxes_terminated);
            live.close();
        }
        tracing::debug!(id = self.id, ?reason, "sandbox terminated");
        self.changed.wake();
    }

    /// Goes over into the last state, and returns the name and what was running; `None` if it is there already.
    fn end(&self, reason: TerminationReason) -> Option<(Option<String>, Option<Arc<Live>>)> {
        let mut state = self.state.lock();
        if state.status == SandboxStatus::Terminated {
            return None;
        }
        state.status.advance(SandboxStatus::Terminated);
        state.ended = Some((reason, now_ms()));
        Some((state.name.clone(), state.live.take()))
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

/// Returns the host's time. The records of an engine are about the host, and so not by a sandbox's own clock.
fn now_ms() -> u64 {
    stillbox_kernel::clock::Clock::real().wall_ns() / 1_000_000
}
