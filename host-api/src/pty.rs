//! Terminals: a process with a screen and a keyboard.

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;

use crate::{Command, ProcessError};

/// A program to run on a terminal of its own.
#[derive(Clone, Debug)]
pub struct PtySpec {
    /// The program. Its stdin, stdout and stderr modes don't count: all three are the terminal.
    pub command: Command,
    /// The height of the screen, in lines.
    pub rows: u16,
    /// The width of the screen, in columns.
    pub cols: u16,
}

impl PtySpec {
    /// Returns a terminal of 24 lines and 80 columns for `command`.
    pub fn new(command: Command) -> Self {
        Self { command, rows: 24, cols: 80 }
    }
}

/// A terminal with its program. It goes on when nobody is attached, and is addressed by its id again.
#[async_trait]
pub trait Pty: Send + Sync {
    /// Returns the id of the session.
    fn id(&self) -> &str;

    /// Types `input`. Waits while the program doesn't read.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: part of `input` may have been typed.
    async fn send_input(&self, input: &[u8]) -> Result<(), ProcessError>;

    /// Changes the size of the screen, and sends SIGWINCH.
    async fn resize(&self, rows: u16, cols: u16) -> Result<(), ProcessError>;

    /// Follows the screen: the recent past first, then live, until the program ends.
    async fn output(&self) -> Result<BoxStream<'static, Bytes>, ProcessError>;

    /// Waits for the program to end, and returns its exit code, or its negated signal.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    async fn wait(&self) -> Result<i32, ProcessError>;

    /// Hangs up: SIGHUP, and SIGKILL if the program doesn't heed it.
    async fn kill(&self) -> Result<(), ProcessError>;
}
