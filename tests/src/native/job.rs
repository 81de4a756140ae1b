//! One process of the host, and the thread that reads what it writes until nobody can write any more.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command as HostCommand, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use rustix::process::{Pid as HostPid, PidfdFlags, kill_process_group, pidfd_open};
use stillbox::{Command, InputMode, LogLevel, OutputMode, OutputStream, Pid, ProcessError, ProcessStatus};
use tokio::sync::watch;

use super::log::Log;
use super::output::Output;
use super::{now_ms, tree};

/// How much of a pipe is surely free when it can be written to at all: `PIPE_BUF`.
const WRITE_BYTES_MAX: usize = 4096;

/// How long a writer waits before it looks whether the pipe has room again.
const PIPE_FULL_PAUSE: Duration = Duration::from_millis(5);

/// One process of the host.
pub(super) struct Job {
    pub(super) pid: Pid,
    pub(super) started_at_ms: u64,
    pub(super) output: Arc<Output>,
    /// Marks it and its descendants.
    mark: String,
    stdin: Mutex<Option<Arc<ChildStdin>>>,
    end: watch::Sender<Option<End>>,
    timed_out: Mutex<bool>,
}

/// How a job ended, and when.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    pub(super) status: ProcessStatus,
    pub(super) timed_out: bool,
    pub(super) at_ms: u64,
}

/// Where a process starts, and what becomes of what it writes.
pub(super) struct Surroundings<'a> {
    pub(super) cwd: &'a Path,
    pub(super) env: Vec<(String, String)>,
    pub(super) mark: String,
    pub(super) output: Arc<Output>,
    /// Whether the output ends with this process.
    pub(super) is_last: bool,
    pub(super) log: Option<Arc<Log>>,
    /// What it has as all its standard streams, and leads a session on.
    pub(super) terminal: Option<OwnedFd>,
}

impl Job {
    /// Starts a process.
    pub(super) fn start(command: &Command, within: Surroundings<'_>) -> Result<Arc<Self>, ProcessError> {
        let mut host = HostCommand::new(&command.program);
        host.args(&command.args).env_clear().envs(within.env).env(tree::JOB, &within.mark);
        host.current_dir(within.cwd);
        match within.terminal {
            Some(terminal) => lead_session_on(&mut host, &terminal).map_err(|error| ProcessError::NotExecutable {
                program: command.program.clone(),
                source: error.into(),
            })?,
            None => {
                host.process_group(0);
                host.stdin(if command.stdin == InputMode::Closed { Stdio::null() } else { Stdio::piped() });
                host.stdout(piped(&command.stdout)).stderr(piped(&command.stderr));
            }
        }
        let mut child = host.spawn().map_err(|error| start_error(&command.program, error))?;

        let pid = child.id();
        // It holds the program's end of a terminal open, which nobody would see the end of then.
        drop(host);
        let stdin = child.stdin.take().and_then(|stdin| feed(stdin, &command.stdin));
        let job = Arc::new(Self {
            pid,
            started_at_ms: now_ms(),
            output: within.output,
            mark: within.mark,
            stdin: Mutex::new(stdin.map(Arc::new)),
            end: watch::Sender::new(None),
            timed_out: Mutex::new(false),
        });
        let to = |mode: &OutputMode, stream| match mode {
            OutputMode::Stream(sink) => Target::Sink(sink.clone()),
            _ => Target::Captured(job.output.clone(), within.log.clone(), pid, stream),
        };
        let streams = [
            child.stdout.take().map(|pipe| Source::new(pipe, to(&command.stdout, OutputStream::Stdout))),
            child.stderr.take().map(|pipe| Source::new(pipe, to(&command.stderr, OutputStream::Stderr))),
        ];
        let (reader, log, is_last) = (job.clone(), within.log, within.is_last);
        std::thread::spawn(move || {
            if let Err(error) = attend(&mut child, streams, |status| reader.finish(status, is_last, log.as_deref())) {
                panic!("process {pid} cannot be attended to: {error}");
            }
        });
        Ok(job)
    }

    pub(super) fn end(&self) -> Option<End> {
        *self.end.borrow()
    }

    /// Waits for the end.
    pub(super) async fn ended(&self) -> End {
        let mut end = self.end.subscribe();
        let ended = end.wait_for(|end| end.is_some()).await.expect("the sender is in `self`");
        ended.expect("that is what was waited for")
    }

    /// Takes note that it is over, which only the first call does.
    pub(super) fn finish(&self, status: ProcessStatus, is_last: bool, log: Option<&Log>) {
        let timed_out = *self.timed_out.lock().unwrap_or_else(PoisonError::into_inner);
        let end = End { status, timed_out: timed_out && status == ProcessStatus::Signaled(9), at_ms: now_ms() };
        self.close_stdin();
        if self.end().is_some() {
            return;
        }
        if let Some(log) = log {
            let level = if status == ProcessStatus::Exited(0) { LogLevel::Info } else { LogLevel::Warn };
            log.ended(self.pid, level, format!("ended: {status:?}"));
        }
        if is_last {
            self.output.set_closed(true);
        }
        self.end.send_if_modified(|known| known.is_none() && known.replace(end).is_none());
    }

    /// Kills the process and all its descendants, also when it has ended.
    pub(super) fn kill(&self) {
        if self.end().is_none() {
            let _ = self.signal(9);
        }
        tree::kill(tree::JOB, &self.mark);
    }

    /// Kills as `kill` does, because its time is up.
    pub(super) fn time_out(&self) {
        *self.timed_out.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.kill();
    }

    /// Sends a signal to the group.
    pub(super) fn signal(&self, number: i32) -> Result<(), ProcessError> {
        let signal = rustix::process::Signal::from_named_raw(number);
        let signal = signal.ok_or(ProcessError::InvalidSignal { signal: number })?;
        let not_running = ProcessError::NotRunning { pid: self.pid };
        if self.end().is_some() {
            return Err(not_running);
        }
        let group = HostPid::from_raw(self.pid as i32).expect("a child has a number");
        kill_process_group(group, signal).map_err(|_| not_running)
    }

    pub(super) fn stdin_writable(&self) -> bool {
        self.stdin.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Closes the pipe at its standard input, and returns whether there was one.
    pub(super) fn close_stdin(&self) -> bool {
        self.stdin.lock().unwrap_or_else(PoisonError::into_inner).take().is_some()
    }

    /// Writes all of `data` to its standard input, waiting while the pipe is full.
    pub(super) async fn write_stdin(&self, data: &[u8]) -> Result<(), ProcessError> {
        let not_writable = || ProcessError::StdinNotWritable { pid: self.pid };
        let stdin = self.stdin.lock().unwrap_or_else(PoisonError::into_inner).clone().ok_or_else(not_writable)?;
        let mut rest = data;
        while !rest.is_empty() {
            // The end of the process closes the pipe for everybody.
            if self.end().is_some() {
                return Err(not_writable());
            }
            if poll(&[(stdin.as_fd(), libc::POLLOUT)], 0).is_ok_and(|ready| ready[0]) {
                let piece = &rest[..rest.len().min(WRITE_BYTES_MAX)];
                let count = (&*stdin).write(piece).map_err(|_| not_writable())?;
                rest = &rest[count..];
            } else {
                tokio::time::sleep(PIPE_FULL_PAUSE).await;
            }
        }
        Ok(())
    }
}

fn piped(mode: &OutputMode) -> Stdio {
    match mode {
        OutputMode::Discard => Stdio::null(),
        OutputMode::Capture | OutputMode::Stream(_) => Stdio::piped(),
    }
}

nix::ioctl_write_int_bad!(
    /// Makes a terminal that of the session which the caller leads.
    take_terminal,
    libc::TIOCSCTTY
);

/// Has a process begin with a terminal, and a session on it.
fn lead_session_on(host: &mut HostCommand, terminal: &OwnedFd) -> io::Result<()> {
    host.stdin(terminal.try_clone()?).stdout(terminal.try_clone()?).stderr(terminal.try_clone()?);
    let take = || {
        nix::unistd::setsid()?;
        // SAFETY: descriptor 0 is the terminal, and the command takes a number.
        unsafe { take_terminal(0, 0) }?;
        Ok(())
    };
    // SAFETY: both are system calls, which may be made between fork and exec.
    unsafe { host.pre_exec(take) };
    Ok(())
}

/// Returns the pipe that the caller writes to, or has the bytes that it gave written by a thread.
fn feed(mut stdin: ChildStdin, mode: &InputMode) -> Option<ChildStdin> {
    let InputMode::Bytes(bytes) = mode else { return Some(stdin) };
    let bytes: Bytes = bytes.clone();
    // A process may well end before it has read all of it.
    std::thread::spawn(move || drop(stdin.write_all(&bytes)));
    None
}

/// A pipe that a process writes to, and where that goes.
struct Source {
    pipe: Box<dyn Pipe>,
    target: Target,
}

trait Pipe: Read + std::os::fd::AsFd + Send {}
impl<P: Read + std::os::fd::AsFd + Send> Pipe for P {}

enum Target {
    Captured(Arc<Output>, Option<Arc<Log>>, Pid, OutputStream),
    Sink(Arc<dyn stillbox::OutputSink>),
}

impl Source {
    fn new(pipe: impl Pipe + 'static, target: Target) -> Self {
        Self { pipe: Box::new(pipe), target }
    }

    /// Passes on what there is to read, and returns whether more can come.
    fn pass_on(&mut self) -> bool {
        let mut buffer = [0; 1 << 16];
        let count = self.pipe.read(&mut buffer).unwrap_or(0);
        let bytes = &buffer[..count];
        match &self.target {
            _ if count == 0 => false,
            Target::Sink(sink) => sink.write(bytes).is_ok(),
            Target::Captured(output, log, pid, stream) => {
                if let Some(log) = log {
                    log.append(*pid, *stream, bytes);
                }
                output.append(*stream, bytes);
                true
            }
        }
    }
}

/// Reads from the streams of a process, calls `ended` when it has ended and all that it wrote was read, and goes on to read
/// as long as anybody can write: its descendants may, and are not to break their pipes.
fn attend(child: &mut Child, mut streams: [Option<Source>; 2], ended: impl FnOnce(ProcessStatus)) -> io::Result<()> {
    let pid = HostPid::from_raw(child.id() as i32).expect("a child has a number");
    let process = pidfd_open(pid, PidfdFlags::empty())?;
    while !pass_on_ready(&mut streams, Some(process.as_fd()), -1)?.has_ended {}
    while pass_on_ready(&mut streams, None, 0)?.has_read {}
    ended(status_of(child.wait()?));
    while streams.iter().any(Option::is_some) {
        pass_on_ready(&mut streams, None, -1)?;
    }
    Ok(())
}

/// What there was when one looked.
struct Ready {
    has_read: bool,
    has_ended: bool,
}

/// Waits until something can be read or the process has ended, and passes on what was read.
fn pass_on_ready(
    streams: &mut [Option<Source>; 2],
    process: Option<BorrowedFd<'_>>,
    timeout_ms: i32,
) -> io::Result<Ready> {
    let pipes = streams.iter().flatten().map(|source| source.pipe.as_fd());
    let fds: Vec<_> = pipes.chain(process).map(|fd| (fd, libc::POLLIN)).collect();
    let ready = poll(&fds, timeout_ms)?;
    let mut has_read = false;
    for (stream, ready) in streams.iter_mut().filter(|stream| stream.is_some()).zip(&ready) {
        if *ready && let Some(source) = stream {
            has_read = true;
            if !source.pass_on() {
                *stream = None;
            }
        }
    }
    Ok(Ready { has_read, has_ended: process.is_some() && ready.last() == Some(&true) })
}

/// Waits until one of the descriptors is ready for its event, or is at an end, and says for each whether it is.
fn poll(fds: &[(BorrowedFd<'_>, i16)], timeout_ms: i32) -> io::Result<Vec<bool>> {
    let mut polled: Vec<libc::pollfd> =
        fds.iter().map(|(fd, events)| libc::pollfd { fd: fd.as_raw_fd(), events: *events, revents: 0 }).collect();
    loop {
        // SAFETY: the pointer is to as many initialised `pollfd`s as the number says, and nothing else uses them.
        let count = unsafe { libc::poll(polled.as_mut_ptr(), polled.len() as libc::nfds_t, timeout_ms) };
        let error = io::Error::last_os_error();
        if count >= 0 {
            return Ok(polled.iter().map(|polled| polled.revents != 0).collect());
        }
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

fn status_of(status: ExitStatus) -> ProcessStatus {
    match (status.code(), status.signal()) {
        (Some(code), _) => ProcessStatus::Exited(code),
        (None, signal) => ProcessStatus::Signaled(signal.expect("what ends without a code ends by a signal")),
    }
}

fn start_error(program: &str, error: io::Error) -> ProcessError {
    let program = program.to_owned();
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => ProcessError::NoSuchProgram { program },
        _ => ProcessError::NotExecutable { program, source: error.into() },
    }
}
