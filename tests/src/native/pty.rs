//! A program on a pseudo-terminal of the host, and what that has shown.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::{BoxStream, unfold};
use nix::pty::{Winsize, openpty};
use stillbox::{Command, Pid, ProcessError, ProcessStatus, Pty, PtyInfo};
use tokio::sync::watch;

use super::job::{End, Job};

nix::ioctl_write_ptr_bad!(
    /// Sets the size of a terminal, which tells its foreground.
    set_winsize,
    libc::TIOCSWINSZ,
    Winsize
);

/// How long a program may take to end when its terminal is hung up.
const GRACE: Duration = Duration::from_secs(5);

/// How long one who types waits before it looks whether there is room again.
const FULL_PAUSE: Duration = Duration::from_millis(5);

/// A terminal and the job on it.
pub(super) struct Session {
    id: String,
    command: Command,
    job: Arc<Job>,
    /// The end of the one who types and watches.
    master: File,
    size: Mutex<(u16, u16)>,
    screen: Arc<Screen>,
}

/// A new terminal: the end of the one who types and watches, and the one of the program.
pub(super) struct Ends {
    pub(super) master: File,
    pub(super) program: OwnedFd,
}

impl Ends {
    pub(super) fn new(rows: u16, cols: u16) -> io::Result<Self> {
        let pty = openpty(&winsize(rows, cols), None)?;
        let master = File::from(pty.master);
        // SAFETY: the descriptor is open, and the command takes a number.
        if unsafe { libc::fcntl(master.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) } < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(Self { master, program: pty.slave })
    }
}

fn winsize(rows: u16, cols: u16) -> Winsize {
    Winsize { ws_row: rows.max(1), ws_col: cols.max(1), ws_xpixel: 0, ws_ypixel: 0 }
}

impl Session {
    pub(super) fn new(
        command: Command,
        job: Arc<Job>,
        master: File,
        (rows, cols): (u16, u16),
        screen_bytes: usize,
    ) -> io::Result<Arc<Self>> {
        let screen = Arc::new(Screen { limit: screen_bytes, state: Mutex::default(), changed: watch::Sender::new(()) });
        let (reader, shown) = (master.try_clone()?, screen.clone());
        std::thread::spawn(move || shown.watch(reader));
        let id = format!("pty-{}", job.pid);
        Ok(Arc::new(Self { id, command, job, master, size: Mutex::new((rows.max(1), cols.max(1))), screen }))
    }

    pub(super) fn has_ended(&self) -> bool {
        self.job.end().is_some()
    }

    pub(super) fn info_now(&self) -> PtyInfo {
        let (rows, cols) = *self.size.lock().unwrap_or_else(PoisonError::into_inner);
        let end = self.job.end();
        PtyInfo {
            id: self.id.clone(),
            pid: self.job.pid,
            command: self.command.program.clone(),
            args: self.command.args.clone(),
            rows,
            cols,
            started_at_ms: self.job.started_at_ms,
            ended_at_ms: end.map(|end| end.at_ms),
            exit_code: end.map(exit_code),
        }
    }

    fn require_running(&self) -> Result<(), ProcessError> {
        if self.has_ended() { Err(ProcessError::NotRunning { pid: self.job.pid }) } else { Ok(()) }
    }
}

fn exit_code(end: End) -> i32 {
    match end.status {
        ProcessStatus::Exited(code) => code,
        status => -status.signal().unwrap_or(9),
    }
}

#[async_trait]
impl Pty for Session {
    fn id(&self) -> &str {
        &self.id
    }

    fn pid(&self) -> Pid {
        self.job.pid
    }

    async fn info(&self) -> Result<PtyInfo, ProcessError> {
        Ok(self.info_now())
    }

    async fn send_input(&self, input: &[u8]) -> Result<(), ProcessError> {
        let mut rest = input;
        while !rest.is_empty() {
            self.require_running()?;
            match (&self.master).write(rest) {
                Ok(0) => tokio::time::sleep(FULL_PAUSE).await,
                Ok(count) => rest = &rest[count..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => tokio::time::sleep(FULL_PAUSE).await,
                Err(error) => return Err(ProcessError::Engine(error.into())),
            }
        }
        Ok(())
    }

    async fn resize(&self, rows: u16, cols: u16) -> Result<(), ProcessError> {
        self.require_running()?;
        *self.size.lock().unwrap_or_else(PoisonError::into_inner) = (rows.max(1), cols.max(1));
        // SAFETY: the descriptor is open, and the size is valid for reads.
        let resized = unsafe { set_winsize(self.master.as_raw_fd(), &winsize(rows, cols)) };
        resized.map(drop).map_err(|error| ProcessError::Engine(error.into()))
    }

    async fn output(&self) -> Result<BoxStream<'static, Bytes>, ProcessError> {
        Ok(self.screen.clone().follow())
    }

    async fn wait(&self) -> Result<i32, ProcessError> {
        Ok(exit_code(self.job.ended().await))
    }

    async fn kill(&self) -> Result<(), ProcessError> {
        if self.job.signal(1).is_ok() {
            let job = self.job.clone();
            tokio::spawn(async move {
                if tokio::time::timeout(GRACE, job.ended()).await.is_err() {
                    job.kill();
                }
            });
        }
        Ok(())
    }
}

/// What a terminal has shown last.
struct Screen {
    limit: usize,
    state: Mutex<State>,
    changed: watch::Sender<()>,
}

#[derive(Default)]
struct State {
    bytes: VecDeque<u8>,
    /// How many bytes came before those that are kept.
    start: usize,
    is_closed: bool,
}

impl Screen {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads until nobody has the terminal open any more.
    fn watch(&self, mut master: File) {
        let mut buffer = [0; 1 << 16];
        loop {
            match master.read(&mut buffer) {
                Ok(count @ 1..) => self.append(&buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let mut polled = libc::pollfd { fd: master.as_raw_fd(), events: libc::POLLIN, revents: 0 };
                    // SAFETY: the pointer is to one initialised `pollfd`, which nothing else uses.
                    unsafe { libc::poll(&raw mut polled, 1, -1) };
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(0) | Err(_) => break,
            }
        }
        self.state().is_closed = true;
        self.changed.send_replace(());
    }

    fn append(&self, bytes: &[u8]) {
        let mut state = self.state();
        state.bytes.extend(bytes);
        let excess = state.bytes.len().saturating_sub(self.limit);
        state.bytes.drain(..excess);
        state.start += excess;
        drop(state);
        self.changed.send_replace(());
    }

    fn follow(self: Arc<Self>) -> BoxStream<'static, Bytes> {
        unfold((self.changed.subscribe(), self, 0), |(mut changed, screen, mut position)| async move {
            loop {
                changed.mark_unchanged();
                let (bytes, is_closed) = {
                    let state = screen.state();
                    (state.read(&mut position), state.is_closed)
                };
                if !bytes.is_empty() {
                    return Some((bytes, (changed, screen, position)));
                }
                if is_closed {
                    return None;
                }
                changed.changed().await.ok()?;
            }
        })
        .boxed()
    }
}

impl State {
    /// Returns what comes at `position`, or at the first whole line behind it that is kept.
    fn read(&self, position: &mut usize) -> Bytes {
        if *position < self.start {
            let newline = self.bytes.iter().position(|&byte| byte == b'\n');
            *position = self.start + newline.map_or(0, |newline| newline + 1);
        }
        let bytes = self.bytes.range(*position - self.start..).copied().collect();
        *position = self.start + self.bytes.len();
        bytes
    }
}
