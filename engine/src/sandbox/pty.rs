//! Terminals that the host makes: a job on each, and whoever is attached.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{BoxStream, Stream, StreamExt as _};
use parking_lot::Mutex;
use stillbox_api::{Pid, ProcessError, ProcessStatus, Pty, PtyInfo, PtySpec};
use stillbox_kernel::tty::{self, Capacity, Size, Tty};

use crate::process::Signal;
use crate::sandbox::Live;
use crate::sandbox::job::{End, Job};
use crate::timers::Timer;

/// How long a program may take to end when its terminal is hung up.
const GRACE: Duration = Duration::from_secs(5);

/// How much of a screen is given to a watcher at a time, in bytes.
const CHUNK_BYTES: usize = 64 << 10;

/// A terminal and the job on it.
pub(crate) struct Session {
    id: String,
    terminal: Tty,
    job: Arc<Job>,
    /// What happens if the program doesn't heed that its terminal was hung up.
    last_resort: Mutex<Option<Timer>>,
}

/// The terminals of one sandbox.
#[derive(Default)]
pub(crate) struct Ptys(Mutex<Known>);

#[derive(Default)]
struct Known {
    /// Oldest first.
    sessions: VecDeque<Arc<Session>>,
    /// How many are about to start.
    starting: usize,
}

/// The right to start one more.
struct Slot<'a>(&'a Ptys);

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        self.0.0.lock().starting -= 1;
    }
}

impl Ptys {
    /// Makes room for one more among `max`: of those whose programs have ended, the oldest is forgotten.
    fn make_room(&self, max: usize) -> Option<Slot<'_>> {
        let mut known = self.0.lock();
        if known.sessions.len() + known.starting >= max {
            let ended = known.sessions.iter().position(|session| session.job.end().is_some())?;
            known.sessions.remove(ended);
        }
        known.starting += 1;
        Some(Slot(self))
    }

    /// Returns the terminal with this id.
    ///
    /// # Errors
    ///
    /// [`ProcessError::NoSuchPty`].
    pub(crate) fn find(&self, id: &str) -> Result<Arc<Session>, ProcessError> {
        let found = self.0.lock().sessions.iter().find(|session| session.id == id).cloned();
        found.ok_or_else(|| ProcessError::NoSuchPty { id: id.to_owned() })
    }

    /// Returns the id of the terminal that a job is on.
    pub(super) fn id_of(&self, pid: Pid) -> Option<String> {
        self.0.lock().sessions.iter().find(|session| session.job.pid() == pid).map(|session| session.id.clone())
    }

    /// Takes a terminal over that was saved, with the job on it.
    pub(super) fn adopt(&self, id: String, terminal: Tty, job: Arc<Job>) {
        let session = Session { id, terminal, job, last_resort: Mutex::default() };
        self.0.lock().sessions.push_back(Arc::new(session));
    }

    pub(crate) fn list(&self) -> Vec<PtyInfo> {
        self.0.lock().sessions.iter().map(|session| session.info_now()).collect()
    }
}

impl Live {
    pub(crate) async fn create_pty(self: &Arc<Self>, spec: PtySpec) -> Result<Arc<Session>, ProcessError> {
        let PtySpec { mut command, rows, cols } = spec;
        if command.restart.is_some() || command.health_check.is_some() {
            let reason = "what has a terminal is run once: it has neither a restart policy nor a health check";
            return Err(ProcessError::InvalidCommand { reason: reason.into() });
        }
        let limits = self.table.limits();
        let Some(_slot) = self.ptys.make_room(limits.terminals as usize) else {
            return Err(ProcessError::Limit { program: command.program, limit: "terminals" });
        };
        if !self.env.contains_key("TERM") {
            command.env.entry("TERM".into()).or_insert_with(|| "xterm-256color".into());
        }
        let capacity = Capacity { input: limits.pipe_bytes as usize, screen: limits.terminal_bytes as usize };
        let terminal = Tty::new(size(rows, cols), capacity);
        let job = self.start_on(terminal.clone(), command).await?;
        let session =
            Arc::new(Session { id: format!("pty-{}", job.pid()), terminal, job, last_resort: Mutex::default() });
        self.ptys.0.lock().sessions.push_back(session.clone());
        Ok(session)
    }
}

/// Returns a size that a terminal can have.
fn size(rows: u16, cols: u16) -> Size {
    Size { rows: rows.max(1), cols: cols.max(1) }
}

/// Returns the exit code of a program, or its negated signal.
fn exit_code(end: End) -> i32 {
    match end.status {
        ProcessStatus::Exited(code) => code,
        ProcessStatus::Signaled(signal) => -signal,
        // A process that has ended doesn't run; all that is left is this.
        ProcessStatus::OomKilled | ProcessStatus::Running => -9,
    }
}

impl Session {
    fn info_now(&self) -> PtyInfo {
        let process = self.job.info();
        let Size { rows, cols } = self.terminal.size();
        PtyInfo {
            id: self.id.clone(),
            pid: process.pid,
            command: process.command,
            args: process.args,
            rows,
            cols,
            started_at_ms: process.started_at_ms,
            ended_at_ms: process.ended_at_ms,
            exit_code: self.job.end().map(exit_code),
        }
    }

    fn not_running(&self) -> ProcessError {
        ProcessError::NotRunning { pid: self.job.pid() }
    }

    fn signal_foreground(&self, signal: tty::Signal) {
        self.job.process.table.signal_group(self.terminal.foreground(), signal.into());
    }
}

#[async_trait]
impl Pty for Session {
    fn id(&self) -> &str {
        &self.id
    }

    fn pid(&self) -> Pid {
        self.job.pid()
    }

    async fn info(&self) -> Result<PtyInfo, ProcessError> {
        Ok(self.info_now())
    }

    async fn send_input(&self, input: &[u8]) -> Result<(), ProcessError> {
        let mut rest = input;
        while !rest.is_empty() {
            let typed = poll_fn(|cx| self.terminal.type_input(cx, rest)).await.map_err(|_| self.not_running())?;
            rest = &rest[typed.taken..];
            if let Some(signal) = typed.signal {
                self.signal_foreground(signal);
            }
        }
        Ok(())
    }

    async fn resize(&self, rows: u16, cols: u16) -> Result<(), ProcessError> {
        if self.job.end().is_some() {
            return Err(self.not_running());
        }
        if let Some(signal) = self.terminal.set_size(size(rows, cols)) {
            self.signal_foreground(signal);
        }
        Ok(())
    }

    async fn output(&self) -> Result<BoxStream<'static, Bytes>, ProcessError> {
        Ok(Watcher { terminal: self.terminal.clone(), position: 0 }.boxed())
    }

    async fn wait(&self) -> Result<i32, ProcessError> {
        Ok(exit_code(poll_fn(|cx| self.job.poll_end(cx)).await))
    }

    async fn kill(&self) -> Result<(), ProcessError> {
        if self.job.end().is_some() {
            return Ok(());
        }
        let job = Arc::downgrade(&self.job);
        let last_resort = self.job.process.table.runtime.timers.after(GRACE, move || {
            if let Some(job) = job.upgrade().filter(|job| job.end().is_none()) {
                job.kill();
            }
        });
        *self.last_resort.lock() = Some(last_resort);
        let table = &self.job.process.table;
        // A stopped program has to go on to end.
        table.signal_session(self.job.pid(), Signal::HUP);
        table.signal_session(self.job.pid(), Signal::CONT);
        Ok(())
    }
}

/// One who watches the screen: the stream ends when it shows nothing more.
struct Watcher {
    terminal: Tty,
    position: u64,
}

impl Stream for Watcher {
    type Item = Bytes;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let Self { terminal, position } = self.get_mut();
        let shown = terminal.read_screen(cx, position, CHUNK_BYTES);
        shown.map(|bytes| (!bytes.is_empty()).then(|| bytes.into()))
    }
}
