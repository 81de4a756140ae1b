//! What is known of a managed process, across its restarts. `managed.rs` in the API has its states drawn.

pub(super) mod persist;

use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use futures::channel::oneshot;
use parking_lot::Mutex;
use stillbox_api::{
    Command, HealthStatus, LastExit, ManagedInfo, ManagedStatus, ProcessError, ProcessInfo, RestartPolicy,
};
use stillbox_kernel::wait::WaitSet;

use crate::process::output::Output;
use crate::sandbox::idle::Busy;
use crate::sandbox::job::Job;
use crate::timers::Timer;

/// A managed process: what is started, and what its supervisor and the host say to each other.
pub(crate) struct Managed {
    pub(super) id: String,
    /// What is started, each time anew.
    pub(super) command: Command,
    pub(super) policy: RestartPolicy,
    /// What all its processes wrote, one after another.
    pub(super) output: Arc<Output>,
    state: Mutex<State>,
    /// Woken when the host asks for something, and when it is over.
    changed: WaitSet,
}

struct State {
    /// The process that runs, or the last one that did. The table of jobs keeps it.
    current: Weak<Job>,
    /// Whether it is over, or about to be: no supervisor starts it again.
    is_stopped: bool,
    is_over: bool,
    restart_count: u32,
    health: HealthStatus,
    health_failures: u32,
    last_exit: Option<LastExit>,
    last_error: Option<String>,
    next_restart_at_ms: Option<u64>,
    /// Who waits for a restart that the host asked for. The supervisor has not seen these yet.
    restarts_wanted: Vec<Restarted>,
    /// Keeps the sandbox from counting as idle.
    busy: Option<Busy>,
    /// Kills what is left when the grace is over.
    sweep: Option<Timer>,
}

/// Where the outcome of a restart goes that the host asked for.
pub(super) type Restarted = oneshot::Sender<Result<ProcessInfo, ProcessError>>;

/// What the host asks of a supervisor.
pub(super) enum Request {
    Stop,
    Restart(Vec<Restarted>),
}

impl Managed {
    /// Returns the record of a command whose first process is about to start. `number` is unique in the sandbox.
    pub(super) fn new(command: Command, number: u32, output: Arc<Output>, busy: Busy) -> Arc<Self> {
        let id = command.name.clone().unwrap_or_else(|| format!("managed-{number}"));
        let (policy, health) = (command.restart.unwrap_or_default(), first_health(&command));
        let state = State {
            current: Weak::new(),
            is_stopped: false,
            is_over: false,
            restart_count: 0,
            health,
            health_failures: 0,
            last_exit: None,
            last_error: None,
            next_restart_at_ms: None,
            restarts_wanted: Vec::new(),
            busy: Some(busy),
            sweep: None,
        };
        Arc::new(Self { id, command, policy, output, state: Mutex::new(state), changed: WaitSet::default() })
    }

    /// Takes note of its first process.
    pub(super) fn started(&self, job: &Arc<Job>) {
        self.state.lock().current = Arc::downgrade(job);
    }

    /// Takes note of another process, and returns how many times it was started again.
    pub(super) fn restarted(&self, job: &Arc<Job>) -> u32 {
        let mut state = self.state.lock();
        state.current = Arc::downgrade(job);
        state.restart_count += 1;
        state.health = first_health(&self.command);
        state.health_failures = 0;
        state.last_error = None;
        state.next_restart_at_ms = None;
        let sweep = state.sweep.take();
        let count = state.restart_count;
        drop(state);
        drop(sweep);
        count
    }

    /// Takes note of how its process ended.
    pub(super) fn exited(&self, exit: LastExit) {
        self.state.lock().last_exit = Some(exit);
    }

    /// Takes note of why it could not be started.
    pub(super) fn failed_to_start(&self, error: &ProcessError) {
        self.state.lock().last_error = Some(describe(error));
    }

    /// Takes note of when it will be started again.
    pub(super) fn backs_off_until(&self, at_ms: u64) {
        self.state.lock().next_restart_at_ms = Some(at_ms);
    }

    /// Takes note of what a probe showed, and returns the health that follows from it, and the one before.
    pub(super) fn probed(&self, is_well: bool) -> (HealthStatus, HealthStatus) {
        let threshold = self.command.health_check.as_ref().map_or(1, |check| check.failure_threshold.max(1));
        let mut state = self.state.lock();
        let before = state.health;
        state.health_failures = if is_well { 0 } else { state.health_failures.saturating_add(1) };
        if is_well {
            state.health = HealthStatus::Healthy;
        } else if state.health_failures >= threshold {
            state.health = HealthStatus::Unhealthy;
        }
        (before, state.health)
    }

    /// Asks the supervisor to end the process and not to start it again. Returns whether there is a supervisor.
    pub(super) fn ask_to_stop(&self) -> bool {
        let mut state = self.state.lock();
        if state.is_over {
            return false;
        }
        state.is_stopped = true;
        // Whoever waits for a restart learns that none comes when the sender is dropped.
        let dropped = std::mem::take(&mut state.restarts_wanted);
        drop(state);
        drop(dropped);
        self.changed.wake();
        true
    }

    /// Asks the supervisor to start the process again. If it was over, it isn't any more, but has no supervisor: the caller
    /// gets the request back, to call one for it.
    pub(super) fn ask_to_restart(&self, restarted: Restarted, busy: Busy) -> Option<Restarted> {
        let mut state = self.state.lock();
        state.is_stopped = false;
        if std::mem::replace(&mut state.is_over, false) {
            state.busy = Some(busy);
            return Some(restarted);
        }
        state.restarts_wanted.push(restarted);
        drop(state);
        self.changed.wake();
        None
    }

    /// Waits until the host asks for something. It is asked for once only; that it is to stop stays so.
    pub(super) fn poll_request(&self, cx: &Context<'_>) -> Poll<Request> {
        self.changed.register(cx);
        let mut state = self.state.lock();
        if !state.restarts_wanted.is_empty() {
            return Poll::Ready(Request::Restart(std::mem::take(&mut state.restarts_wanted)));
        }
        if state.is_stopped { Poll::Ready(Request::Stop) } else { Poll::Pending }
    }

    /// Takes note that it is over. If the host has asked for restarts meanwhile, it isn't, and those are returned.
    pub(super) fn finish(&self, at_ms: u64) -> Option<Vec<Restarted>> {
        let mut state = self.state.lock();
        if !state.restarts_wanted.is_empty() {
            return Some(std::mem::take(&mut state.restarts_wanted));
        }
        state.is_stopped = true;
        state.is_over = true;
        state.next_restart_at_ms = None;
        let busy = state.busy.take();
        drop(state);
        self.output.close(at_ms);
        self.changed.wake();
        drop(busy);
        None
    }

    /// Takes note that its sandbox is over, and it with it.
    pub(super) fn close(&self, at_ms: u64) {
        let waiting = std::mem::take(&mut self.state.lock().restarts_wanted);
        drop(waiting);
        self.finish(at_ms);
    }

    /// Sets what kills the rest of it when its grace is over.
    pub(super) fn set_sweep(&self, timer: Timer) {
        let before = self.state.lock().sweep.replace(timer);
        drop(before);
    }

    /// Returns the process that runs, or the last one that did, while that is remembered.
    pub(super) fn job(&self) -> Option<Arc<Job>> {
        self.state.lock().current.upgrade()
    }

    /// Returns whether it is over: it has ended, and no supervisor starts it again.
    pub(super) fn is_over(&self) -> bool {
        self.state.lock().is_over
    }

    /// Waits until it is over, and returns its last process.
    pub(super) fn poll_over(&self, cx: &Context<'_>) -> Poll<Option<Arc<Job>>> {
        self.changed.register(cx);
        let state = self.state.lock();
        if state.is_over { Poll::Ready(state.current.upgrade()) } else { Poll::Pending }
    }

    /// Returns what is known about it now, when its process runs or doesn't.
    pub(super) fn info(&self, is_running: bool) -> ManagedInfo {
        let state = self.state.lock();
        let status = match state.health {
            _ if state.is_stopped => ManagedStatus::Stopped,
            _ if !is_running => ManagedStatus::BackingOff,
            HealthStatus::Starting => ManagedStatus::Starting,
            _ => ManagedStatus::Running,
        };
        ManagedInfo {
            id: self.id.clone(),
            status,
            restart: self.policy,
            restart_count: state.restart_count,
            health_check: self.command.health_check.clone(),
            health: state.health,
            consecutive_health_failures: state.health_failures,
            last_exit: state.last_exit,
            last_error: state.last_error.clone(),
            next_restart_at_ms: state.next_restart_at_ms,
        }
    }
}

/// Returns the health of a process that has just started.
fn first_health(command: &Command) -> HealthStatus {
    if command.health_check.is_some() { HealthStatus::Starting } else { HealthStatus::Disabled }
}

/// Returns an error with its sources as one text.
pub(super) fn describe(error: &ProcessError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}
