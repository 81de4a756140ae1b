//! A process as the API knows it: a job, or one job after another with a supervisor.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use stillbox::{
    Command, HealthStatus, LastExit, ManagedInfo, ManagedStatus, ProcessError, ProcessInfo, ProcessStatus,
    RestartPolicy,
};
use tokio::sync::{mpsc, oneshot, watch};

use super::job::Job;

pub(super) struct Entry {
    pub(super) command: Command,
    pub(super) managed: Option<Managed>,
    job: Mutex<Arc<Job>>,
}

/// What a supervisor and the API say to each other.
pub(super) struct Managed {
    pub(super) policy: RestartPolicy,
    pub(super) requests: mpsc::UnboundedSender<Request>,
    pub(super) state: Mutex<State>,
    pub(super) is_over: watch::Sender<bool>,
}

pub(super) enum Request {
    Stop,
    Restart(oneshot::Sender<Result<ProcessInfo, ProcessError>>),
}

pub(super) struct State {
    pub(super) is_stopping: bool,
    pub(super) restart_count: u32,
    pub(super) health: HealthStatus,
    pub(super) health_failures: u32,
    pub(super) last_exit: Option<LastExit>,
    pub(super) last_error: Option<String>,
    pub(super) next_restart_at_ms: Option<u64>,
}

impl Managed {
    pub(super) fn new(command: &Command, requests: mpsc::UnboundedSender<Request>) -> Self {
        let state = State {
            is_stopping: false,
            restart_count: 0,
            health: first_health(command),
            health_failures: 0,
            last_exit: None,
            last_error: None,
            next_restart_at_ms: None,
        };
        let policy = command.restart.unwrap_or_default();
        Self { policy, requests, state: Mutex::new(state), is_over: watch::Sender::new(false) }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the health of a process that has just started.
pub(super) fn first_health(command: &Command) -> HealthStatus {
    if command.health_check.is_some() { HealthStatus::Starting } else { HealthStatus::Disabled }
}

impl Entry {
    pub(super) fn new(command: Command, job: Arc<Job>, managed: Option<Managed>) -> Arc<Self> {
        Arc::new(Self { command, managed, job: Mutex::new(job) })
    }

    /// Returns the job that runs, or the last one that did.
    pub(super) fn job(&self) -> Arc<Job> {
        self.job.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes note of another process.
    pub(super) fn restarted(&self, managed: &Managed, job: Arc<Job>) {
        let mut state = managed.state();
        state.restart_count += 1;
        (state.health, state.health_failures) = (first_health(&self.command), 0);
        (state.last_error, state.next_restart_at_ms) = (None, None);
        *self.job.lock().unwrap_or_else(PoisonError::into_inner) = job;
    }

    /// Returns whether it has ended and nobody starts it again.
    pub(super) fn is_over(&self) -> bool {
        self.job().end().is_some() && self.managed.as_ref().is_none_or(|managed| *managed.is_over.borrow())
    }

    /// Waits until it is over.
    pub(super) async fn over(&self) {
        match &self.managed {
            None => drop(self.job().ended().await),
            Some(managed) => {
                let mut is_over = managed.is_over.subscribe();
                let waited = is_over.wait_for(|is_over| *is_over).await;
                drop(waited.expect("the sender is in `self`"));
            }
        }
    }

    pub(super) fn info(&self) -> ProcessInfo {
        let job = self.job();
        let end = job.end();
        ProcessInfo {
            pid: job.pid,
            name: self.command.name.clone(),
            status: end.map_or(ProcessStatus::Running, |end| end.status),
            timed_out: end.is_some_and(|end| end.timed_out),
            stdin_writable: job.stdin_writable(),
            command: self.command.program.clone(),
            args: self.command.args.clone(),
            started_at_ms: job.started_at_ms,
            ended_at_ms: end.map(|end| end.at_ms),
            managed: self.managed.as_ref().map(|managed| Box::new(self.managed_info(managed, end.is_none()))),
        }
    }

    fn managed_info(&self, managed: &Managed, is_running: bool) -> ManagedInfo {
        let state = managed.state();
        let status = match state.health {
            _ if state.is_stopping || *managed.is_over.borrow() => ManagedStatus::Stopped,
            _ if !is_running => ManagedStatus::BackingOff,
            HealthStatus::Starting => ManagedStatus::Starting,
            _ => ManagedStatus::Running,
        };
        ManagedInfo {
            id: self.command.name.clone().unwrap_or_else(|| format!("managed at {:p}", managed)),
            status,
            restart: managed.policy,
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
