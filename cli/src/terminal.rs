//! The terminal that we were started on, lent to a program in a sandbox.
//!
//! The program has a terminal of its own, whose line discipline edits, echoes and sends signals. Ours only passes bytes on
//! in both directions, and changes of its size.

use std::fs::File;
use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use futures::future::{BoxFuture, FutureExt as _, OptionFuture};
use futures::stream::{BoxStream, StreamExt as _};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use stillbox::{AsyncSandbox, Command, ProcessError, Pty, PtySpec};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::signal::unix::{SignalKind, signal};

use crate::foreground::{self, Outcome};
use crate::signals::{SIGINT, SIGQUIT, Signals};

/// How much is passed on at a time, in bytes.
const CHUNK_BYTES: usize = 4096;

/// How much may be typed ahead of a program that doesn't read, in bytes. More is lost, with the keyboard's bell.
const AHEAD_BYTES_MAX: usize = 64 << 10;

/// How long is waited for what a suspended program showed last.
const LAST_OUTPUT: Duration = Duration::from_millis(100);

/// The keys that send signals, unless a program has set others.
const SIGNAL_KEYS: [u8; 3] = [0x03, 0x1a, 0x1c];

/// Returns whether all three standard streams are on a terminal, so that a program can have it.
pub(crate) fn is_ours() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal() && io::stderr().is_terminal()
}

/// Runs a command on our terminal until it ends.
pub(crate) async fn run(sandbox: &dyn AsyncSandbox, mut command: Command) -> anyhow::Result<Outcome> {
    if let Ok(term) = std::env::var("TERM") {
        command.env.entry("TERM".into()).or_insert(term);
    }
    let (rows, cols) = size();
    let pty = sandbox.create_pty(PtySpec { command, rows, cols }).await?;
    attach(sandbox, pty).await
}

/// Lends our terminal to a program that is on one until it ends. What it showed of late is shown first.
pub(crate) async fn attach(sandbox: &dyn AsyncSandbox, pty: Arc<dyn Pty>) -> anyhow::Result<Outcome> {
    let raw = Raw::new()?;
    let mut shown = tokio::spawn(show(pty.output().await?));
    let (rows, cols) = size();
    expect_running(pty.resize(rows, cols).await)?;
    let passed = tokio::select! {
        passed = pass_input(sandbox, pty.clone()) => passed,
        rests = foreground::suspended(sandbox) => rests.map(|()| Left::Suspended).map_err(Into::into),
    };
    // What the program showed last may still be on its way. The screen of a suspended one has no end, and is shown again.
    let shown = match &passed {
        Ok(Left::Ended) => (&mut shown).await.context("the output was not shown")?,
        Ok(Left::Suspended) | Err(_) => {
            let _ = tokio::time::timeout(LAST_OUTPUT, &mut shown).await;
            shown.abort();
            Ok(())
        }
    };
    drop(raw);
    let left = passed?;
    shown?;
    Ok(match left {
        Left::Ended => Outcome::Ended(sandbox.get_process(pty.pid().into()).await?),
        Left::Suspended => Outcome::Suspended,
    })
}

/// Why input isn't passed on any more.
enum Left {
    Ended,
    Suspended,
}

/// Returns the height and the width of our terminal.
fn size() -> (u16, u16) {
    match tcgetwinsize(io::stdout()) {
        // A terminal that doesn't know its size says 0.
        Ok(size) if size.ws_row > 0 && size.ws_col > 0 => (size.ws_row, size.ws_col),
        _ => (24, 80),
    }
}

/// Our terminal in raw mode, until this is dropped.
struct Raw {
    before: Termios,
}

impl Raw {
    fn new() -> anyhow::Result<Self> {
        let before = tcgetattr(io::stdin()).context("cannot use the terminal")?;
        let mut modes = before.clone();
        modes.make_raw();
        tcsetattr(io::stdin(), OptionalActions::Drain, &modes).context("cannot use the terminal")?;
        Ok(Self { before })
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // A terminal that is gone needs no mending.
        let _ = tcsetattr(io::stdin(), OptionalActions::Drain, &self.before);
    }
}

/// Shows what a terminal shows on ours.
async fn show(mut output: BoxStream<'static, bytes::Bytes>) -> io::Result<()> {
    let mut screen = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    while let Some(bytes) = output.next().await {
        tokio::task::block_in_place(|| screen.write_all(&bytes))?;
    }
    Ok(())
}

/// Passes on what is typed, and what happens to our terminal, until the program ends. When the terminal is hung up, or we
/// are to end, a named sandbox is suspended, and another one hung up as well.
async fn pass_input(sandbox: &dyn AsyncSandbox, pty: Arc<dyn Pty>) -> anyhow::Result<Left> {
    // SAFETY: standard input stays open as long as this process lives.
    let keyboard = unsafe { AsyncFd::register_with_interest(io::stdin(), Interest::READABLE) };
    let keyboard = keyboard.context("cannot wait for the terminal")?;
    let mut input = File::from(io::stdin().as_fd().try_clone_to_owned().context("cannot read the terminal")?);
    let mut resized = signal(SignalKind::window_change()).context("cannot handle signals")?;
    let mut signals = Signals::new().context("cannot handle signals")?;
    let mut keys = Keys { pty: pty.clone(), typing: None, ahead: Vec::new() };
    let (mut open, mut leaves) = (true, false);
    loop {
        tokio::select! {
            ended = pty.wait() => return Ok(ended.map(|_| Left::Ended)?),
            typed = OptionFuture::from(keys.typing.as_mut()), if keys.typing.is_some() => {
                keys.typed(typed.unwrap_or(Ok(())))?;
            }
            ready = keyboard.readable(), if open => {
                let mut buffer = [0; CHUNK_BYTES];
                let read = input.read(&mut buffer).context("cannot read the terminal")?;
                ready?.clear_ready();
                open = read > 0;
                keys.press(&buffer[..read]);
            }
            _ = resized.recv() => {
                let (rows, cols) = size();
                expect_running(pty.resize(rows, cols).await)?;
            }
            signal = signals.next() => match signal {
                SIGINT | SIGQUIT => expect_running(pty.send_input(&[SIGNAL_KEYS[usize::from(signal == SIGQUIT) * 2]]).await)?,
                _ => leaves = true,
            },
        }
        // Nobody can type any more when the terminal was hung up.
        if leaves || !open {
            if foreground::suspend_named(sandbox).await {
                return Ok(Left::Suspended);
            }
            pty.kill().await?;
            leaves = false;
        }
    }
}

/// What is typed, on its way to a program that may not read it.
struct Keys {
    pty: Arc<dyn Pty>,
    typing: Option<BoxFuture<'static, Result<(), ProcessError>>>,
    /// What waits until `typing` is done.
    ahead: Vec<u8>,
}

impl Keys {
    fn press(&mut self, bytes: &[u8]) {
        if self.typing.is_none() {
            return self.begin(bytes.to_vec());
        }
        for &byte in bytes {
            // A signal doesn't wait behind what nobody reads, and takes effect at once.
            if SIGNAL_KEYS.contains(&byte) && self.pty.send_input(&[byte]).now_or_never().is_some() {
                self.ahead.clear();
            } else if self.ahead.len() < AHEAD_BYTES_MAX {
                self.ahead.push(byte);
            } else {
                // The bell is a courtesy.
                let _ = io::stdout().write_all(b"\x07").and_then(|()| io::stdout().flush());
            }
        }
    }

    fn begin(&mut self, bytes: Vec<u8>) {
        let pty = self.pty.clone();
        self.typing = Some(async move { pty.send_input(&bytes).await }.boxed());
    }

    fn typed(&mut self, result: Result<(), ProcessError>) -> Result<(), ProcessError> {
        self.typing = None;
        if !self.ahead.is_empty() {
            let ahead = std::mem::take(&mut self.ahead);
            self.begin(ahead);
        }
        expect_running(result)
    }
}

/// Takes what fails because the program has just ended as done: its end is about to be noticed.
fn expect_running(result: Result<(), ProcessError>) -> Result<(), ProcessError> {
    match result {
        Err(ProcessError::NotRunning { .. }) => Ok(()),
        result => result,
    }
}
