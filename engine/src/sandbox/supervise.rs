//! The supervisor of a managed process: a task that probes it while it runs, and starts it again when it has ended.
//!
//! ```text
//!   start_process --> attend --------> pause --------> start --> attend ...
//!                       |  ended, or     |  its time     ^
//!                       |  unhealthy     |  has come     |  restart_process, from everywhere
//!                       |                |
//!                       '----------------'--> over       the policy says no, kill_process, or the sandbox ends
//! ```

use std::future::{pending, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Weak};

use futures::channel::oneshot;
use futures::future::{Either, select};
use stillbox_api::{
    Command, HealthCheck, HealthStatus, LastExit, LogLevel, OutputMode, Probe, ProcessError, ProcessInfo, ProcessRef,
    ProcessStatus,
};
use tracing::Instrument as _;

use crate::process::Signal;
use crate::sandbox::Live;
use crate::sandbox::job::{End, Job, Killer};
use crate::sandbox::managed::{Managed, Request, Restarted, describe};
use crate::sandbox::start::Role;
use crate::task;
use crate::timers::Timers;

/// How a process counts as having ended that could not be started: as a shell has it.
const NOT_STARTED: ProcessStatus = ProcessStatus::Exited(127);

/// How a process counts as having ended that was unhealthy, whatever it made of SIGTERM.
const UNHEALTHY: ProcessStatus = ProcessStatus::Signaled(15);

/// A supervisor at work.
struct Supervisor {
    /// Weak, so that a process that is never over doesn't keep its sandbox.
    live: Weak<Live>,
    timers: Timers,
    managed: Arc<Managed>,
    /// Restarts since the host last started the process: what the policy's maximum is about.
    restarts: u32,
    /// Restarts since then, or since the process last ran for long: what the pause depends on.
    restarts_in_a_row: u32,
}

/// What a supervisor does next.
enum Step {
    Attend(Arc<Job>),
    Pause,
    /// Starts the process, at the request of those in the list if there are any.
    Start(Vec<Restarted>),
    Over,
}

impl Live {
    /// Has a managed process supervised that was just started.
    pub(super) fn supervise(self: &Arc<Self>, managed: Arc<Managed>, job: Arc<Job>) {
        self.begin(managed, Step::Attend(job));
    }

    /// Has a managed process supervised that goes on where it stood still, or waits for its next start.
    pub(super) fn supervise_again(self: &Arc<Self>, managed: Arc<Managed>, job: Arc<Job>) {
        managed.started(&job);
        match job.end() {
            _ if managed.is_over() => {}
            None => self.begin(managed, Step::Attend(job)),
            Some(_) => self.begin(managed, Step::Pause),
        }
    }

    /// Starts a managed process again, at the host's request.
    pub(crate) async fn restart_process(
        self: &Arc<Self>,
        process: ProcessRef<'_>,
    ) -> Result<ProcessInfo, ProcessError> {
        let job = self.jobs.find(process)?;
        let managed = job.managed.clone().ok_or(ProcessError::NotManaged { pid: job.pid() })?;
        let (sender, receiver) = oneshot::channel();
        let busy = self.idle.busy();
        if let Some(wanted) = self.jobs.revive(&job, || managed.ask_to_restart(sender, busy))? {
            self.begin(managed, Step::Start(vec![wanted]));
        }
        match receiver.await {
            Ok(restarted) => restarted,
            // A kill, or the end of the sandbox, came first.
            Err(oneshot::Canceled) if self.is_over() => Err(self.over().into()),
            Err(oneshot::Canceled) => Err(ProcessError::NotRunning { pid: job.pid() }),
        }
    }

    fn begin(self: &Arc<Self>, managed: Arc<Managed>, first: Step) {
        let (live, timers) = (Arc::downgrade(self), self.table.runtime.timers.clone());
        let supervisor = Supervisor { live, timers, managed, restarts: 0, restarts_in_a_row: 0 };
        let span = self.table.span.clone();
        task::spawn(&self.table.runtime.threads, supervisor.work(first).instrument(span));
    }
}

impl Supervisor {
    async fn work(mut self, first: Step) {
        let mut step = first;
        loop {
            step = match step {
                Step::Attend(job) => self.attend(&job).await,
                Step::Pause => self.pause().await,
                Step::Start(wanted) => self.start(wanted).await,
                Step::Over => match self.managed.finish(self.now_ms()) {
                    Some(wanted) => Step::Start(wanted),
                    None => return,
                },
            };
        }
    }

    /// Waits until a process has ended, or has been ended because it is unhealthy or the host said so.
    async fn attend(&mut self, job: &Arc<Job>) -> Step {
        let step = self.disturbed(job).await;
        let end = self.end(job).await;
        self.managed.exited(LastExit { status: end.status, ended_at_ms: end.at_ms });
        if u128::from(end.at_ms.saturating_sub(job.started_at_ms())) > self.managed.policy.backoff_max.as_millis() {
            self.restarts_in_a_row = 0;
        }
        match step {
            Either::Left(status) => self.step_after(status),
            Either::Right(request) => request.into(),
        }
    }

    /// Waits until a process has ended or is unhealthy, which is to be judged, or until the host asks for something.
    async fn disturbed(&self, job: &Arc<Job>) -> Either<ProcessStatus, Request> {
        let ended = pin!(poll_fn(|cx| job.poll_end(cx)));
        let (requested, unhealthy) = (pin!(self.requested()), pin!(self.unhealthy(job)));
        match select(ended, select(requested, unhealthy)).await {
            Either::Left((end, _)) => Either::Left(end.status),
            Either::Right((Either::Left((request, _)), _)) => Either::Right(request),
            Either::Right((Either::Right(_), _)) => Either::Left(UNHEALTHY),
        }
    }

    /// Has a process end: asks it to, and kills what is left of it when its grace is over. Does nothing if it has ended.
    async fn end(&self, job: &Arc<Job>) -> End {
        if job.end().is_none() {
            let killer = Killer::of(job);
            self.managed.set_sweep(self.timers.after(self.managed.command.stop_grace, move || killer.kill()));
            self.log(job, LogLevel::Info, "asked to end");
            job.signal_group(Signal::TERM);
        }
        poll_fn(|cx| job.poll_end(cx)).await
    }

    /// Waits for as long as the policy says before a restart.
    async fn pause(&mut self) -> Step {
        let pause = self.managed.policy.backoff(self.restarts_in_a_row);
        self.managed.backs_off_until(self.now_ms().saturating_add(pause.as_millis() as u64));
        match select(pin!(self.timers.sleep(pause)), pin!(self.requested())).await {
            Either::Left(_) => Step::Start(Vec::new()),
            Either::Right((request, _)) => request.into(),
        }
    }

    /// Starts the process again, after what its predecessor left running has been killed.
    async fn start(&mut self, wanted: Vec<Restarted>) -> Step {
        if wanted.is_empty() {
            self.restarts += 1;
            self.restarts_in_a_row += 1;
        } else {
            (self.restarts, self.restarts_in_a_row) = (0, 0);
        }
        let Some(live) = self.live.upgrade().filter(|live| !live.is_over()) else { return Step::Over };
        match live.start_again(&self.managed).await {
            Ok(job) => {
                for wanted in wanted {
                    // Who waits may have gone.
                    let _ = wanted.send(Ok(job.info()));
                }
                Step::Attend(job)
            }
            Err(_) if live.is_over() => Step::Over,
            Err(error) => {
                self.managed.failed_to_start(&error);
                // The error can be given to one of those who wait; the others find it in the record.
                if let Some(wanted) = wanted.into_iter().next() {
                    let _ = wanted.send(Err(error));
                }
                self.step_after(NOT_STARTED)
            }
        }
    }

    /// Returns what the policy says about an end.
    fn step_after(&self, status: ProcessStatus) -> Step {
        if self.managed.policy.restarts_after(status, self.restarts) { Step::Pause } else { Step::Over }
    }

    /// Waits until the host asks for something.
    async fn requested(&self) -> Request {
        poll_fn(|cx| self.managed.poll_request(cx)).await
    }

    /// Waits until a process is so unhealthy that it is to be restarted, probing it again and again.
    async fn unhealthy(&self, job: &Arc<Job>) {
        let Some(check) = &self.managed.command.health_check else { return pending().await };
        self.timers.sleep(check.initial_delay).await;
        loop {
            // Nothing runs in a sandbox that is suspended, and nothing is unhealthy.
            if self.live.upgrade().is_some_and(|live| live.is_resting()) {
                self.timers.sleep(check.interval).await;
                continue;
            }
            let failure = self.probe(check).await.err();
            let (before, after) = self.managed.probed(failure.is_none());
            if before != after && after == HealthStatus::Healthy {
                self.log(job, LogLevel::Info, "healthy");
            }
            if after == HealthStatus::Unhealthy {
                if before != after {
                    self.log(job, LogLevel::Error, &format!("unhealthy: {}", failure.unwrap_or_default()));
                }
                if self.managed.policy.restarts_after(UNHEALTHY, self.restarts) {
                    return;
                }
            }
            self.timers.sleep(check.interval).await;
        }
    }

    /// Makes one probe, which fails with what it showed.
    async fn probe(&self, check: &HealthCheck) -> Result<(), String> {
        let Probe::Exec { argv } = &check.probe else { return Err("this engine has no such probe".into()) };
        let [program, args @ ..] = &argv[..] else { return Err("the probe names no program".into()) };
        let Some(live) = self.live.upgrade() else { return pending().await };
        let probed = &self.managed.command;
        let mut probe = Command::new(program).args(args).timeout(check.timeout);
        probe = probe.stdout(OutputMode::Discard).stderr(OutputMode::Discard);
        (probe.env, probe.working_dir) = (probed.env.clone(), probed.working_dir.clone());

        let job = live.launch(probe, Role::Probe).await.map_err(|error| describe(&error))?;
        // Nobody but this future knows the process: if it goes away, so does that.
        drop(live);
        let _kills = Killer::of(&job).on_drop();
        match poll_fn(|cx| job.poll_end(cx)).await {
            end if end.status == ProcessStatus::Exited(0) => Ok(()),
            end if end.timed_out => Err(format!("the probe took longer than {:?}", check.timeout)),
            end => Err(format!("the probe {}", end.text())),
        }
    }

    fn log(&self, job: &Job, level: LogLevel, text: &str) {
        if let Some(live) = self.live.upgrade() {
            live.log.process_event(job.pid(), level, text);
        }
    }

    fn now_ms(&self) -> u64 {
        self.live.upgrade().map_or(0, |live| live.table.clock.wall_ns() / 1_000_000)
    }
}

impl From<Request> for Step {
    fn from(request: Request) -> Self {
        match request {
            Request::Stop => Self::Over,
            Request::Restart(wanted) => Self::Start(wanted),
        }
    }
}
