//! A sandbox that is none: a directory of the host, and the processes that were started in it.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use stillbox::{
    Command, FileError, Limits, LogLevel, Probe, ProcessError, ProcessRef, ProcessStatus, PtySpec, SandboxInfo,
    SandboxSpec, SandboxStatus, SandboxUpdate, TerminationReason, Unsupported, WrongStatus,
};
use tempfile::TempDir;
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;

use super::entry::{Entry, Managed};
use super::job::{Job, Surroundings};
use super::log::Log;
use super::output::Output;
use super::pty::{Ends, Session};
use super::supervise::Supervisor;
use super::{files, now_ms, tree};

/// A sandbox, until its last handle is gone.
pub(super) struct Inner {
    pub(super) id: String,
    dir: TempDir,
    spec: SandboxSpec,
    pub(super) log: Arc<Log>,
    pub(super) status: watch::Sender<SandboxStatus>,
    state: Mutex<State>,
    jobs_made: AtomicU64,
    created_at_ms: u64,
}

pub(super) struct State {
    name: Option<String>,
    limits: Limits,
    idle_timeout: Option<Duration>,
    used: Instant,
    auto_resume: bool,
    pub(super) entries: Vec<Arc<Entry>>,
    pub(super) ptys: Vec<Arc<Session>>,
    ended: Option<(TerminationReason, u64)>,
    tasks: Vec<AbortHandle>,
}

impl Inner {
    pub(super) fn new(id: String, spec: SandboxSpec) -> std::io::Result<Arc<Self>> {
        let state = State {
            name: spec.name.clone(),
            limits: spec.limits.clone(),
            idle_timeout: spec.idle_timeout,
            used: Instant::now(),
            auto_resume: spec.auto_resume,
            entries: Vec::new(),
            ptys: Vec::new(),
            ended: None,
            tasks: Vec::new(),
        };
        let log = Log::default();
        log.set_limit(spec.limits.log_bytes);
        log.event(None, LogLevel::Info, "sandbox created".into());
        let inner = Arc::new(Self {
            id,
            dir: tempfile::tempdir()?,
            spec,
            log: Arc::new(log),
            status: watch::Sender::new(SandboxStatus::Pending),
            state: Mutex::new(state),
            jobs_made: AtomicU64::new(0),
            created_at_ms: now_ms(),
        });
        std::fs::create_dir_all(inner.home())?;
        inner.status.send_modify(|status| status.advance(SandboxStatus::Running));
        let watch = tokio::spawn(end_when_idle(Arc::downgrade(&inner)));
        inner.state().tasks.push(watch.abort_handle());
        Ok(inner)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn name(&self) -> Option<String> {
        self.state().name.clone()
    }

    pub(super) fn status(&self) -> SandboxStatus {
        *self.status.borrow()
    }

    /// Returns where paths begin, as the host's programs see it.
    fn home(&self) -> PathBuf {
        let dir = self.dir.path().canonicalize().unwrap_or_else(|_| self.dir.path().to_owned());
        self.spec.working_dir.as_ref().map_or(dir.clone(), |below| dir.join(below.trim_start_matches('/')))
    }

    /// Checks that the sandbox can be used, and takes note that it is.
    pub(super) fn used(&self) -> Result<MutexGuard<'_, State>, WrongStatus> {
        let mut state = self.state();
        state.used = Instant::now();
        match self.status() {
            SandboxStatus::Running => Ok(state),
            status => Err(WrongStatus { id: self.id.clone(), status }),
        }
    }

    pub(super) fn terminate(&self, reason: TerminationReason) {
        let mut state = self.state();
        if state.ended.is_some() {
            return;
        }
        state.ended = Some((reason, now_ms()));
        state.tasks.drain(..).for_each(|task| task.abort());
        let entries = std::mem::take(&mut state.entries);
        drop(state);
        self.status.send_modify(|status| status.advance(SandboxStatus::Terminated));
        tree::kill(tree::SANDBOX, &self.id);
        for entry in &entries {
            entry.job().finish(ProcessStatus::Signaled(9), true, None);
            if let Some(managed) = &entry.managed {
                managed.is_over.send_replace(true);
                entry.job().output.set_closed(true);
            }
        }
    }

    pub(super) fn find(&self, process: ProcessRef<'_>) -> Result<Arc<Entry>, ProcessError> {
        let state = self.used()?;
        let found = state.entries.iter().rev().find(|entry| match process {
            ProcessRef::Pid(pid) => entry.job().pid == pid,
            ProcessRef::Name(name) => entry.command.name.as_deref() == Some(name),
        });
        found.cloned().ok_or_else(|| ProcessError::NotFound { process: process.to_string() })
    }

    /// Starts a command, as a managed process if it asks for that and may be one.
    pub(super) fn start(self: &Arc<Self>, command: Command, may_manage: bool) -> Result<Arc<Entry>, ProcessError> {
        check(&command)?;
        // Whether it may have its name and that it has it are one step.
        let mut state = self.used()?;
        if let Some(name) = command.name.as_ref().filter(|name| state.holds(name)) {
            return Err(ProcessError::NameTaken { name: name.clone() });
        }
        let is_managed = may_manage && command.is_managed();
        let output = Output::new(state.limits.output_bytes);
        let wall_time = state.limits.wall_time;
        let job = self.start_job(&command, output, !is_managed, Some(self.log.clone()), wall_time, None)?;
        let (sender, requests) = mpsc::unbounded_channel();
        let managed = is_managed.then(|| Managed::new(&command, sender));
        let entry = Entry::new(command, job, managed);
        if is_managed {
            let sandbox = Arc::downgrade(self);
            let supervisor = Supervisor { sandbox, entry: entry.clone(), requests, restarts: 0, in_a_row: 0 };
            state.tasks.push(tokio::spawn(supervisor.work()).abort_handle());
        }
        state.entries.push(entry.clone());
        state.forget_oldest();
        Ok(entry)
    }

    /// Starts a command on a terminal of its own.
    pub(super) fn create_pty(self: &Arc<Self>, spec: PtySpec) -> Result<Arc<Session>, ProcessError> {
        let PtySpec { command, rows, cols } = spec;
        check(&command)?;
        let mut state = self.used()?;
        if let Some(name) = command.name.as_ref().filter(|name| state.holds(name)) {
            return Err(ProcessError::NameTaken { name: name.clone() });
        }
        if state.ptys.len() >= state.limits.terminals as usize {
            let ended = state.ptys.iter().position(|session| session.has_ended());
            let limit = || ProcessError::Limit { program: command.program.clone(), limit: "terminals" };
            state.ptys.remove(ended.ok_or_else(limit)?);
        }
        let failed = |error: std::io::Error| ProcessError::Engine(error.into());
        let Ends { master, program } = Ends::new(rows, cols).map_err(failed)?;
        let output = Output::new(state.limits.output_bytes);
        let (log, wall_time) = (Some(self.log.clone()), state.limits.wall_time);
        let job = self.start_job(&command, output, true, log, wall_time, Some(program))?;
        let screen_bytes = state.limits.terminal_bytes as usize;
        let session = Session::new(command.clone(), job.clone(), master, (rows, cols), screen_bytes).map_err(failed)?;
        state.ptys.push(session.clone());
        state.entries.push(Entry::new(command, job, None));
        state.forget_oldest();
        Ok(session)
    }

    /// Starts another process of a managed one.
    pub(super) fn launch(
        self: &Arc<Self>,
        command: &Command,
        output: Option<Arc<Output>>,
        is_logged: bool,
    ) -> Result<Arc<Job>, ProcessError> {
        let state = self.used()?;
        let output = output.unwrap_or_else(|| Output::new(state.limits.output_bytes));
        let log = is_logged.then(|| self.log.clone());
        self.start_job(command, output, false, log, state.limits.wall_time, None)
    }

    /// Starts a look at a process.
    pub(super) fn probe(self: &Arc<Self>, command: &Command) -> Result<Arc<Job>, ProcessError> {
        self.launch(command, None, false)
    }

    fn start_job(
        &self,
        command: &Command,
        output: Arc<Output>,
        is_last: bool,
        log: Option<Arc<Log>>,
        wall_time: Option<Duration>,
        terminal: Option<OwnedFd>,
    ) -> Result<Arc<Job>, ProcessError> {
        let cwd = command.working_dir.as_ref().map_or(self.home(), |dir| self.home().join(dir));
        if !cwd.is_dir() {
            let working_dir = command.working_dir.clone().unwrap_or_default();
            return Err(ProcessError::NoWorkingDir { program: command.program.clone(), working_dir });
        }
        let mut env: BTreeMap<String, String> = super::ENV.map(|(key, value)| (key.into(), value.into())).into();
        env.insert("PATH".into(), std::env::var("PATH").unwrap_or_default());
        env.insert("PWD".into(), cwd.to_string_lossy().into_owned());
        env.extend(self.spec.env.clone());
        env.extend(command.env.clone());
        env.insert(tree::SANDBOX.into(), self.id.clone());
        let mark = format!("{}.{}", self.id, self.jobs_made.fetch_add(1, Ordering::Relaxed));
        let within = Surroundings {
            cwd: &cwd,
            env: env.into_iter().collect(),
            mark,
            output,
            is_last,
            log: log.clone(),
            terminal,
        };
        let job = Job::start(command, within)?;
        if let Some(log) = log {
            log.event(Some(job.pid), LogLevel::Info, format!("started: {} {:?}", command.program, command.args));
        }
        if let Some(limit) = [command.timeout, wall_time].into_iter().flatten().min() {
            let (job, is_timeout) = (job.clone(), command.timeout == Some(limit));
            tokio::spawn(async move {
                if tokio::time::timeout(limit, job.ended()).await.is_err() {
                    if is_timeout { job.time_out() } else { job.kill() }
                }
            });
        }
        Ok(job)
    }

    pub(super) fn info(&self) -> SandboxInfo {
        let state = self.state();
        SandboxInfo {
            id: self.id.clone(),
            name: state.name.clone(),
            status: self.status(),
            termination_reason: state.ended.map(|(reason, _)| reason),
            image: None,
            snapshot_id: None,
            runtime: "native".into(),
            limits: state.limits.clone(),
            idle_timeout: state.idle_timeout,
            auto_resume: state.auto_resume,
            created_at_ms: self.created_at_ms,
            terminated_at_ms: state.ended.map(|(_, at_ms)| at_ms),
        }
    }

    /// Makes an update, of which everything has been checked but the name.
    pub(super) fn set(&self, update: SandboxUpdate) {
        let mut state = self.state();
        state.name = update.name.or(state.name.take());
        if let Some(limits) = update.limits {
            self.log.set_limit(limits.log_bytes);
            state.limits = limits;
        }
        state.idle_timeout = update.idle_timeout.unwrap_or(state.idle_timeout);
        state.auto_resume = update.auto_resume.unwrap_or(state.auto_resume);
    }

    pub(super) fn path(&self, path: &str) -> Result<PathBuf, FileError> {
        let path_bytes = self.used()?.limits.path_bytes;
        let root = if path.starts_with('/') { self.dir.path().to_owned() } else { self.home() };
        files::host_path(&root, path, path_bytes)
    }
}

impl State {
    pub(super) fn holds(&self, name: &str) -> bool {
        self.entries.iter().any(|entry| entry.command.name.as_deref() == Some(name) && !entry.is_over())
    }

    fn forget_oldest(&mut self) {
        let over = self.entries.iter().filter(|entry| entry.is_over()).count();
        let mut excess = over.saturating_sub(self.limits.finished_processes as usize);
        self.entries.retain(|entry| {
            let forgets = excess > 0 && entry.is_over();
            excess -= usize::from(forgets);
            !forgets
        });
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.terminate(TerminationReason::Requested);
    }
}

/// Ends a sandbox when no process has run in it, and nobody has called it, for its timeout.
async fn end_when_idle(sandbox: Weak<Inner>) {
    loop {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let Some(sandbox) = sandbox.upgrade() else { return };
        let mut state = sandbox.state();
        if state.entries.iter().any(|entry| !entry.is_over()) {
            state.used = Instant::now();
        }
        let is_due = state.idle_timeout.is_some_and(|timeout| state.used.elapsed() >= timeout);
        drop(state);
        if is_due {
            sandbox.terminate(TerminationReason::IdleTimeout);
        }
    }
}

/// Refuses what no process can have.
fn check(command: &Command) -> Result<(), ProcessError> {
    let invalid = |reason: &str| Err(ProcessError::InvalidCommand { reason: reason.into() });
    let variables = command.env.iter().flat_map(|(key, value)| [key, value]);
    if command.args.iter().chain([&command.program]).chain(variables).any(|text| text.contains('\0')) {
        return invalid("a NUL");
    }
    let is_name =
        |name: &str| !name.is_empty() && !name.contains('/') && !name.bytes().all(|byte| byte.is_ascii_digit());
    if command.name.as_deref().is_some_and(|name| !is_name(name)) {
        return invalid("not a name");
    }
    if command.user.as_deref().is_some_and(|user| user.is_empty() || user.contains('/') || user.ends_with(':')) {
        return invalid("not a user");
    }
    match &command.health_check {
        Some(check) if matches!(check.probe, Probe::Tcp { .. } | Probe::Http { .. }) => {
            let reason = "the network is the host's, and not the sandbox's";
            Err(Unsupported { operation: "a network probe", reason }.into())
        }
        _ => Ok(()),
    }
}
