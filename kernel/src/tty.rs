//! Terminals: what a guest sees of a terminal that the host holds the other end of.
//!
//! The host's end edits lines and echoes, so input arrives as whole lines; [`Tty::set_size`] follows the host's window.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use crate::errno::Errno;
use crate::pipe::{PipeReader, PipeWriter};

/// The size of a terminal's window, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Lines.
    pub rows: u16,
    /// Characters in a line.
    pub cols: u16,
}

impl Default for Size {
    fn default() -> Self {
        Self { rows: 24, cols: 80 }
    }
}

/// How a terminal treats its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mode {
    /// Whether what is typed is shown.
    pub echo: bool,
    /// Whether input arrives by lines.
    pub line_buffered: bool,
}

impl Default for Mode {
    fn default() -> Self {
        Self { echo: true, line_buffered: true }
    }
}

#[derive(Debug)]
struct State {
    size: Size,
    mode: Mode,
}

/// A guest's end of a terminal. Clones are the same terminal.
#[derive(Clone, Debug)]
pub struct Tty {
    input: Arc<PipeReader>,
    output: Arc<PipeWriter>,
    state: Arc<Mutex<State>>,
}

impl Tty {
    /// Returns a terminal that reads what the host writes into the other end of `input`, and writes to `output`.
    pub fn new(input: PipeReader, output: PipeWriter, size: Size) -> Self {
        let state = State { size, mode: Mode::default() };
        Self { input: Arc::new(input), output: Arc::new(output), state: Arc::new(Mutex::new(state)) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the size of the window.
    pub fn size(&self) -> Size {
        self.lock().size
    }

    /// Sets the size of the window.
    pub fn set_size(&self, size: Size) {
        self.lock().size = size;
    }

    /// Returns how input is treated.
    pub fn mode(&self) -> Mode {
        self.lock().mode
    }

    /// Sets how input is treated. The host's end reads it and acts on it.
    pub fn set_mode(&self, mode: Mode) {
        self.lock().mode = mode;
    }

    /// Returns the end that input is read from, to be polled.
    pub fn input(&self) -> &PipeReader {
        &self.input
    }

    /// Returns the end that output is written to, to be polled.
    pub fn output(&self) -> &PipeWriter {
        &self.output
    }

    /// Reads what was typed; see [`PipeReader::poll_read`].
    pub fn poll_read(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<usize> {
        self.input.poll_read(cx, buf)
    }

    /// Writes to the screen; see [`PipeWriter::poll_write`].
    pub fn poll_write(&self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<Result<usize, Errno>> {
        self.output.poll_write(cx, buf)
    }
}
