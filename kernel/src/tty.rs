//! Terminals: what a guest can ask and tell of one. The bytes go through the streams that it stands for.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The size of a terminal's window, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Lines.
    pub rows: u16,
    /// Characters in a line.
    pub cols: u16,
}

/// How a terminal treats its input. The host's end of it reads this and acts on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mode {
    /// Whether what is typed is shown.
    pub echo: bool,
    /// Whether input arrives by lines.
    pub line_buffered: bool,
}

#[derive(Debug)]
struct State {
    size: Size,
    mode: Mode,
}

/// A terminal. Clones are the same one.
#[derive(Clone, Debug)]
pub struct Tty(Arc<Mutex<State>>);

impl Tty {
    /// Returns a terminal that echoes and gives input by lines.
    pub fn new(size: Size) -> Self {
        Self(Arc::new(Mutex::new(State { size, mode: Mode { echo: true, line_buffered: true } })))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the size of the window.
    pub fn size(&self) -> Size {
        self.lock().size
    }

    /// Returns how input is treated.
    pub fn mode(&self) -> Mode {
        self.lock().mode
    }

    /// Sets how input is treated.
    pub fn set_mode(&self, mode: Mode) {
        self.lock().mode = mode;
    }
}
