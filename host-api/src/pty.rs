//! Terminals: a process with a screen and a keyboard.

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;

use crate::{Command, Pid, ProcessError};

/// A program to run on a terminal of its own.
#[derive(Clone, Debug)]
pub struct PtySpec {
    /// The program. Its stdin, stdout and stderr modes don't count: all three are the terminal. It leads a session of its
    /// own, in the foreground. `TERM` is `xterm-256color` unless a variable says otherwise.
    pub command: Command,
    /// The height of the screen, in lines; 0 counts as 1.
    pub rows: u16,
    /// The width of the screen, in columns; 0 counts as 1.
    pub cols: u16,
}

impl PtySpec {
    /// Returns a terminal of 24 lines and 80 columns for `command`.
    pub fn new(command: Command) -> Self {
        Self { command, rows: 24, cols: 80 }
    }
}

/// What is known about a terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PtyInfo {
    /// The id of the session.
    pub id: String,
    /// The number of the program's process.
    pub pid: Pid,
    /// The program.
    pub command: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// The height of the screen, in lines.
    pub rows: u16,
    /// The width of the screen, in columns.
    pub cols: u16,
    /// When the program was started, in milliseconds since the Unix epoch.
    pub started_at_ms: u64,
    /// When it ended, if it has.
    pub ended_at_ms: Option<u64>,
    /// Its exit code, or its negated signal, if it has ended.
    pub exit_code: Option<i32>,
}

/// A terminal with its program.
///
/// The session goes on when nobody is attached, and is found again by its id. It ends with its program, which may leave
/// others behind, and with its sandbox; what the screen showed last can be read after that. Any number of callers may type
/// and watch at once. While the sandbox is suspended, what is typed waits: [`connect_pty`](crate::AsyncSandbox::connect_pty)
/// resumes it, as other calls of the sandbox do.
#[async_trait]
pub trait Pty: Send + Sync {
    /// Returns the id of the session.
    fn id(&self) -> &str;

    /// Returns the number of the program's process.
    fn pid(&self) -> Pid;

    /// Returns what is known about the terminal now.
    async fn info(&self) -> Result<PtyInfo, ProcessError>;

    /// Types `input`, as a keyboard would send it: Enter is a carriage return. Waits while the program doesn't read what was
    /// typed before; what makes a signal, as ^C does, never waits.
    ///
    /// # Errors
    ///
    /// [`NotRunning`](ProcessError::NotRunning) if the program has ended, part of `input` perhaps typed.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: part of `input` may have been typed.
    async fn send_input(&self, input: &[u8]) -> Result<(), ProcessError>;

    /// Changes the size of the screen, and sends SIGWINCH if that is another.
    ///
    /// # Errors
    ///
    /// [`NotRunning`](ProcessError::NotRunning) if the program has ended.
    async fn resize(&self, rows: u16, cols: u16) -> Result<(), ProcessError>;

    /// Follows the screen: the recent past first ([`Limits::terminal_bytes`](crate::Limits::terminal_bytes)), then live, until
    /// the session ends.
    ///
    /// The program doesn't wait for whoever follows: one who comes late finds the oldest output displaced, and goes on at
    /// the first whole line that is left.
    async fn output(&self) -> Result<BoxStream<'static, Bytes>, ProcessError>;

    /// Waits for the program to end, and returns its exit code, or its negated signal.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    async fn wait(&self) -> Result<i32, ProcessError>;

    /// Hangs up: SIGHUP to all processes of the session, and SIGKILL to the program and its descendants if it still runs five
    /// seconds later. Returns at once; does nothing if the program has ended.
    async fn kill(&self) -> Result<(), ProcessError>;
}
