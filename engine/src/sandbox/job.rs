//! A process as the API knows it: what the host started, with its pipes to the host and how it ended.

pub(super) mod persist;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Wake, Waker};

use parking_lot::Mutex;
use stillbox_api::{LogLevel, ProcessInfo, ProcessStatus};
use stillbox_kernel::pipe::PipeWriter;
use stillbox_kernel::tty::Tty;
use stillbox_kernel::wait::WaitSet;

use crate::metrics::KillReason;
use crate::process::output::Output;
use crate::process::{Exit, Pid, Process, Signal, Table};
use crate::sandbox::idle::Busy;
use crate::sandbox::log::Log;
use crate::sandbox::managed::Managed;
use crate::timers::Timer;

/// A process that the host started, running or ended.
pub(crate) struct Job {
    pub(crate) process: Arc<Process>,
    pub(crate) output: Arc<Output>,
    pub(crate) name: Option<String>,
    /// What it is one of several processes of, if it is managed.
    pub(crate) managed: Option<Arc<Managed>>,
    command: String,
    args: Vec<String>,
    /// Where its end is noted.
    log: Option<Arc<Log>>,
    /// The host's end of standard input, if that is a pipe and hasn't been closed.
    pub(crate) stdin: Mutex<Option<PipeWriter>>,
    /// The terminal that it runs on, if the host made one for it.
    terminal: Option<Tty>,
    /// What happens to the process when its time is up.
    deadline: Mutex<Option<Timer>>,
    timed_out: AtomicBool,
    /// Keeps the sandbox from counting as idle.
    busy: Mutex<Option<Busy>>,
    end: OnceLock<End>,
    ended: WaitSet,
}

/// How a job ended, and when.
#[derive(Clone, Copy)]
pub(crate) struct End {
    pub(crate) status: ProcessStatus,
    pub(crate) timed_out: bool,
    pub(crate) at_ms: u64,
}

impl End {
    /// Says it in words, as of somebody.
    pub(super) fn text(self) -> String {
        match self.status {
            _ if self.timed_out => "ran for longer than its timeout, and was killed".into(),
            ProcessStatus::Running => "runs".into(),
            ProcessStatus::Exited(code) => format!("exited with code {code}"),
            ProcessStatus::Signaled(signal) => format!("was ended by signal {signal}"),
            ProcessStatus::OomKilled => "was killed for using too much memory".into(),
        }
    }
}

/// What the host knows of a job beside its process.
pub(crate) struct Record {
    pub(crate) output: Arc<Output>,
    pub(crate) stdin: Option<PipeWriter>,
    pub(crate) terminal: Option<Tty>,
    pub(crate) name: Option<String>,
    pub(crate) managed: Option<Arc<Managed>>,
    pub(crate) command: String,
    pub(crate) args: Vec<String>,
    pub(crate) log: Option<Arc<Log>>,
    pub(crate) busy: Busy,
}

impl Job {
    /// Returns the job of a process that was just started, and has it take note of the process's end.
    pub(super) fn new(process: Arc<Process>, record: Record) -> Arc<Self> {
        let job = Arc::new(Self::unfinished(process, record));
        // The waker is the job itself: it does what is to be done on the thread of the process, at once, and without a
        // task that somebody would have to run.
        let waker = Waker::from(job.clone());
        if let Poll::Ready(exit) = job.process.poll_exit(&mut Context::from_waker(&waker)) {
            job.finish(job.status_of(exit));
        }
        job
    }

    fn unfinished(process: Arc<Process>, record: Record) -> Self {
        let Record { output, stdin, terminal, name, managed, command, args, log, busy } = record;
        Self {
            process,
            output,
            name,
            managed,
            command,
            args,
            log,
            stdin: Mutex::new(stdin),
            terminal,
            deadline: Mutex::default(),
            timed_out: false.into(),
            busy: Mutex::new(Some(busy)),
            end: OnceLock::new(),
            ended: WaitSet::default(),
        }
    }

    pub(crate) fn pid(&self) -> Pid {
        self.process.pid
    }

    /// Returns how the job ended; `None` while it runs.
    pub(crate) fn end(&self) -> Option<End> {
        self.end.get().copied()
    }

    /// Waits for the end.
    pub(crate) fn poll_end(&self, cx: &mut Context<'_>) -> Poll<End> {
        if self.end().is_none() {
            self.ended.register(cx);
        }
        self.end().map_or(Poll::Pending, Poll::Ready)
    }

    /// Returns whether the job has ended and no supervisor starts it again.
    pub(crate) fn is_over(&self) -> bool {
        self.end().is_some() && self.managed.as_ref().is_none_or(|managed| managed.is_over())
    }

    pub(crate) fn started_at_ms(&self) -> u64 {
        self.process.started_ns / 1_000_000
    }

    /// Sends a signal to the group of the process.
    pub(crate) fn signal_group(&self, signal: Signal) {
        self.process.table.signal_group(self.process.group(), signal);
    }

    /// Kills the process and all its descendants, those that left its group too.
    pub(crate) fn kill(&self) {
        self.process.table.kill_job(self.pid(), KillReason::Requested);
    }

    /// Kills as [`kill`](Self::kill), because the command's own timeout has passed.
    pub(super) fn time_out(&self) {
        // A process that ends at this moment has ended by itself.
        if self.end().is_none() {
            self.timed_out.store(true, Ordering::Release);
            self.process.table.kill_job(self.pid(), KillReason::Timeout);
        }
    }

    /// Has no time pass for the job.
    pub(super) fn stop_timer(&self) {
        let deadline = self.deadline.lock().take();
        drop(deadline);
    }

    /// Sets what happens when the job's time is up, unless it has ended by then.
    pub(super) fn set_deadline(&self, timer: Timer) {
        *self.deadline.lock() = Some(timer);
        if self.end().is_some() {
            self.deadline.lock().take();
        }
    }

    /// Takes note of the end: followers end, the pipe is closed, waiters are woken. Only the first end counts.
    pub(super) fn finish(&self, status: ProcessStatus) {
        let at_ms = self.process.table.clock.wall_ns() / 1_000_000;
        let killed = status == ProcessStatus::Signaled(Signal::KILL.number().into());
        let timed_out = killed && self.timed_out.load(Ordering::Acquire);
        // The pipe goes first, so that whoever learns of the end finds it closed.
        drop(self.stdin.lock().take());
        let end = End { status, timed_out, at_ms };
        if self.end.set(end).is_err() {
            return;
        }
        if let Some(log) = &self.log {
            let level = if status == ProcessStatus::Exited(0) { LogLevel::Info } else { LogLevel::Warn };
            log.process_ended(self.pid(), level, &end.text());
        }
        // What is managed may go on to be written by another process.
        if self.managed.is_none() {
            self.output.close(at_ms);
        }
        if let Some(terminal) = &self.terminal {
            self.hang_up(terminal);
        }
        let deadline = self.deadline.lock().take();
        drop(deadline);
        let busy = self.busy.lock().take();
        drop(busy);
        self.ended.wake();
    }

    /// Returns what the API says of an end. As on Unix, an exit code has eight bits.
    fn status_of(&self, exit: Exit) -> ProcessStatus {
        match exit {
            Exit::Code(code) => ProcessStatus::Exited((code & 0xff) as i32),
            Exit::Signal(Signal::KILL) if self.process.kill_reason() == Some(KillReason::Memory) => {
                ProcessStatus::OomKilled
            }
            Exit::Signal(signal) => ProcessStatus::Signaled(signal.number().into()),
        }
    }

    /// Ends the terminal with the one who led its session; whoever is in its foreground is told.
    fn hang_up(&self, terminal: &Tty) {
        terminal.hang_up();
        let table = &self.process.table;
        table.signal_group(terminal.foreground(), Signal::HUP);
        table.signal_group(terminal.foreground(), Signal::CONT);
    }

    /// Returns what is known about the process now.
    pub(crate) fn info(&self) -> ProcessInfo {
        let end = self.end();
        ProcessInfo {
            pid: self.pid(),
            name: self.name.clone(),
            status: end.map_or(ProcessStatus::Running, |end| end.status),
            timed_out: end.is_some_and(|end| end.timed_out),
            stdin_writable: self.stdin.lock().is_some(),
            command: self.command.clone(),
            args: self.args.clone(),
            started_at_ms: self.started_at_ms(),
            ended_at_ms: end.map(|end| end.at_ms),
            managed: self.managed.as_ref().map(|managed| Box::new(managed.info(end.is_none()))),
        }
    }
}

/// Kills a process and its descendants, also when nobody knows the job any more.
pub(super) struct Killer {
    table: Arc<Table>,
    pid: Pid,
}

/// Kills when it is dropped.
pub(super) struct KillOnDrop(Killer);

impl Killer {
    pub(super) fn of(job: &Job) -> Self {
        Self { table: job.process.table.clone(), pid: job.pid() }
    }

    pub(super) fn kill(&self) {
        self.table.kill_job(self.pid, KillReason::Requested);
    }

    pub(super) fn on_drop(self) -> KillOnDrop {
        KillOnDrop(self)
    }
}

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        self.0.kill();
    }
}

impl Wake for Job {
    fn wake(self: Arc<Self>) {
        if let Some(exit) = self.process.exit() {
            self.finish(self.status_of(exit));
        }
    }
}
