//! The supervisor of a managed process.

use std::future::pending;
use std::sync::{Arc, Weak};
use std::time::Duration;

use stillbox::{Command, HealthCheck, HealthStatus, LastExit, OutputMode, Probe, ProcessStatus};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::entry::{Entry, Managed, Request};
use super::job::{End, Job};
use super::now_ms;
use super::sandbox::Inner;

/// How a process counts as having ended that was unhealthy.
const UNHEALTHY: ProcessStatus = ProcessStatus::Signaled(15);

/// How a process counts as having ended that could not be started.
const NOT_STARTED: ProcessStatus = ProcessStatus::Exited(127);

pub(super) struct Supervisor {
    pub(super) sandbox: Weak<Inner>,
    pub(super) entry: Arc<Entry>,
    pub(super) requests: mpsc::UnboundedReceiver<Request>,
    /// Restarts since the host last started the process.
    pub(super) restarts: u32,
    /// Restarts since then, or since it last ran for long.
    pub(super) in_a_row: u32,
}

/// What happened that the process has ended, or is to end, for.
enum Cause {
    Status(ProcessStatus),
    Request(Request),
}

impl Supervisor {
    /// Supervises for as long as the sandbox is there: a process that is over may be wanted again.
    pub(super) async fn work(mut self) {
        loop {
            let mut cause = Some(self.attend().await);
            while let Some(happened) = cause.take() {
                cause = self.after(happened).await;
            }
        }
    }

    fn managed(&self) -> &Managed {
        self.entry.managed.as_ref().expect("what is supervised is managed")
    }

    /// Waits until the process has ended, or has been ended for what happened.
    async fn attend(&mut self) -> Cause {
        let (entry, sandbox, restarts) = (self.entry.clone(), self.sandbox.clone(), self.restarts);
        let job = entry.job();
        let cause = tokio::select! {
            end = job.ended() => Cause::Status(end.status),
            () = unhealthy(&entry, &sandbox, restarts) => Cause::Status(UNHEALTHY),
            request = next(&mut self.requests) => Cause::Request(request),
        };
        let end = end_of(&job, &entry, matches!(cause, Cause::Request(Request::Stop))).await;
        self.managed().state().last_exit = Some(LastExit { status: end.status, ended_at_ms: end.at_ms });
        if u128::from(end.at_ms.saturating_sub(job.started_at_ms)) > self.managed().policy.backoff_max.as_millis() {
            self.in_a_row = 0;
        }
        cause
    }

    /// Starts the process again, after a pause or a request. Returns what is next if it doesn't run then.
    async fn after(&mut self, cause: Cause) -> Option<Cause> {
        let policy = self.managed().policy;
        let wanted = match cause {
            Cause::Request(Request::Restart(wanted)) => Some(wanted),
            Cause::Status(status) if policy.restarts_after(status, self.restarts) => {
                let pause = policy.backoff(self.in_a_row);
                self.managed().state().next_restart_at_ms = Some(now_ms() + pause.as_millis() as u64);
                match timeout(pause, next(&mut self.requests)).await {
                    Err(_) => None,
                    Ok(request) => return Some(Cause::Request(request)),
                }
            }
            Cause::Status(_) | Cause::Request(Request::Stop) => {
                self.managed().state().next_restart_at_ms = None;
                self.entry.job().output.set_closed(true);
                self.managed().is_over.send_replace(true);
                return Some(Cause::Request(next(&mut self.requests).await));
            }
        };
        (self.restarts, self.in_a_row) = if wanted.is_some() { (0, 0) } else { (self.restarts + 1, self.in_a_row + 1) };
        let Some(sandbox) = self.sandbox.upgrade() else { pending().await };
        // What the last one left running goes first.
        self.entry.job().kill();
        let started = sandbox.launch(&self.entry.command, Some(self.entry.job().output.clone()), true);
        match started {
            Ok(job) => {
                job.output.set_closed(false);
                self.entry.restarted(self.managed(), job);
                self.managed().state().is_stopping = false;
                self.managed().is_over.send_replace(false);
                if let Some(wanted) = wanted {
                    // Who waits may have gone.
                    let _ = wanted.send(Ok(self.entry.info()));
                }
                None
            }
            Err(error) => {
                self.managed().state().last_error = Some(error.to_string());
                if let Some(wanted) = wanted {
                    let _ = wanted.send(Err(error));
                }
                Some(Cause::Status(NOT_STARTED))
            }
        }
    }
}

async fn next(requests: &mut mpsc::UnboundedReceiver<Request>) -> Request {
    match requests.recv().await {
        Some(request) => request,
        None => pending().await,
    }
}

/// Has a process end: asks it to, and kills what is left of it after its grace.
async fn end_of(job: &Arc<Job>, entry: &Arc<Entry>, is_final: bool) -> End {
    let grace = entry.command.stop_grace;
    let asked = job.end().is_none() && job.signal(15).is_ok();
    let end = match timeout(if asked { grace } else { Duration::MAX }, job.ended()).await {
        Ok(end) => end,
        Err(_) => {
            job.kill();
            return job.ended().await;
        }
    };
    if asked && is_final {
        let job = job.clone();
        tokio::spawn(async move {
            sleep(grace).await;
            job.kill();
        });
    }
    end
}

/// Waits until the process is so unhealthy that it is to be restarted.
async fn unhealthy(entry: &Entry, sandbox: &Weak<Inner>, restarts: u32) {
    let (Some(check), Some(managed)) = (&entry.command.health_check, &entry.managed) else { return pending().await };
    sleep(check.initial_delay).await;
    loop {
        let is_well = probe(check, &entry.command, sandbox).await;
        let is_unhealthy = {
            let mut state = managed.state();
            state.health_failures = if is_well { 0 } else { state.health_failures + 1 };
            if is_well {
                state.health = HealthStatus::Healthy;
            } else if state.health_failures >= check.failure_threshold.max(1) {
                state.health = HealthStatus::Unhealthy;
            }
            state.health == HealthStatus::Unhealthy
        };
        if is_unhealthy && managed.policy.restarts_after(UNHEALTHY, restarts) {
            return;
        }
        sleep(check.interval).await;
    }
}

async fn probe(check: &HealthCheck, probed: &Command, sandbox: &Weak<Inner>) -> bool {
    let Probe::Exec { argv } = &check.probe else { return false };
    let (Some((program, args)), Some(sandbox)) = (argv.split_first(), sandbox.upgrade()) else { return false };
    let mut command = Command::new(program).args(args).stdout(OutputMode::Discard).stderr(OutputMode::Discard);
    (command.env, command.working_dir) = (probed.env.clone(), probed.working_dir.clone());
    let Ok(job) = sandbox.probe(&command) else { return false };
    drop(sandbox);
    let end = timeout(check.timeout, job.ended()).await;
    job.kill();
    end.is_ok_and(|end| end.status == ProcessStatus::Exited(0))
}
