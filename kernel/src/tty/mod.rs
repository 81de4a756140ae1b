//! Terminals: a line discipline between one who types and watches, the host, and programs that read and write.
//!
//! ```text
//!   host --type_input--> Line (line.rs: editing, echo, signals) --> read   programs
//!   host <----read_screen---- Screen (screen.rs: bounded past) <-- write   programs
//! ```
//!
//! Behaviour follows POSIX "General Terminal Interface", with the numbers and defaults of Linux. A terminal knows its
//! session and which of its process groups is in the foreground, by number; the signals that it gives rise to are told to
//! the caller, who knows the processes.

mod line;
mod modes;
pub mod persist;
mod screen;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use crate::errno::Errno;
use crate::pipe::Readiness;
use crate::wait::WaitSet;
use line::{Line, Typed};
use screen::Screen;

pub use line::MAX_CANON;
pub use modes::*;

/// A signal that a terminal gives rise to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGINT, by ^C.
    Interrupt,
    /// SIGQUIT, by ^\.
    Quit,
    /// SIGTSTP, by ^Z.
    Suspend,
    /// SIGWINCH: the size has changed.
    WindowChanged,
}

/// How much a terminal holds, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// What was typed and not read; at least twice [`MAX_CANON`].
    pub input: usize,
    /// What was shown last.
    pub screen: usize,
}

/// What came of typing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Input {
    /// How many bytes were taken, from the first on.
    pub taken: usize,
    /// What the last of them is to send to the group in the foreground.
    pub signal: Option<Signal>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Woken when there is more to read.
    readable: WaitSet,
    /// Woken when more can be typed.
    typeable: WaitSet,
    /// Woken when more is shown.
    shown: WaitSet,
}

#[derive(Debug)]
struct State {
    size: Size,
    modes: Modes,
    line: Line,
    screen: Screen,
    session: u32,
    foreground: u32,
    hung_up: bool,
}

/// A terminal. Clones are the same one.
#[derive(Clone, Debug)]
pub struct Tty(Arc<Shared>);

impl Tty {
    /// Returns a terminal that nobody uses yet.
    pub fn new(size: Size, capacity: Capacity) -> Self {
        let state = State {
            size,
            modes: Modes::default(),
            line: Line::new(capacity.input),
            screen: Screen::new(capacity.screen),
            session: 0,
            foreground: 0,
            hung_up: false,
        };
        Self(Arc::new(Shared {
            state: Mutex::new(state),
            readable: WaitSet::default(),
            typeable: WaitSet::default(),
            shown: WaitSet::default(),
        }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // ---- The one who types and watches.

    /// Types bytes: as many as are taken before one sends a signal. Pending while none can be taken before something is
    /// read.
    ///
    /// # Errors
    ///
    /// [`Errno::Io`] once the terminal was hung up.
    pub fn type_input(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<Input, Errno>> {
        let mut state = self.lock();
        let State { modes, line, screen, hung_up, .. } = &mut *state;
        if *hung_up {
            return Poll::Ready(Err(Errno::Io));
        }
        let mut input = Input { taken: 0, signal: None };
        for &byte in bytes {
            match line.type_byte(byte, modes, screen) {
                Typed::Taken => input.taken += 1,
                Typed::Signal(signal) => {
                    input = Input { taken: input.taken + 1, signal: Some(signal) };
                    break;
                }
                Typed::Full => break,
            }
        }
        if input.taken == 0 && !bytes.is_empty() {
            self.0.typeable.register(cx);
            return Poll::Pending;
        }
        drop(state);
        self.0.readable.wake();
        self.0.shown.wake();
        if input.signal.is_some() {
            // It may have made room.
            self.0.typeable.wake();
        }
        Poll::Ready(Ok(input))
    }

    /// Reads what was shown from `position` on, up to `max` bytes, and moves it; a position of 0 begins with the oldest
    /// that is kept. Nothing is the end. Pending while there is no more.
    pub fn read_screen(&self, cx: &mut Context<'_>, position: &mut u64, max: usize) -> Poll<Vec<u8>> {
        let state = self.lock();
        let bytes = state.screen.read(position, max);
        if bytes.is_empty() && !state.hung_up {
            self.0.shown.register(cx);
            return Poll::Pending;
        }
        Poll::Ready(bytes)
    }

    /// Takes the line away: reads are at the end from now on, writes fail, and nothing more is shown.
    pub fn hang_up(&self) {
        let mut state = self.lock();
        state.hung_up = true;
        state.line.flush();
        drop(state);
        self.0.readable.wake();
        self.0.typeable.wake();
        self.0.shown.wake();
    }

    // ---- Programs.

    /// Reads what was typed, up to the length of `buf`; 0 is end of file. Pending while there isn't enough.
    pub fn read(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<usize> {
        let mut state = self.lock();
        let State { modes, line, hung_up, .. } = &mut *state;
        if *hung_up || buf.is_empty() {
            return Poll::Ready(0);
        }
        let is_timed = !modes.is_canonical() && modes.chars.min == 0 && modes.chars.time > 0;
        match line.read(modes, buf) {
            // With a timeout, nothing is not enough before it has passed.
            Some(0) if is_timed => {}
            Some(count) => {
                drop(state);
                self.0.typeable.wake();
                return Poll::Ready(count);
            }
            None => {}
        }
        self.0.readable.register(cx);
        Poll::Pending
    }

    /// Returns how long a read waits before it gives nothing; `None` is for ever.
    pub fn read_timeout(&self) -> Option<Duration> {
        let modes = self.lock().modes;
        let is_timed = !modes.is_canonical() && modes.chars.min == 0;
        is_timed.then(|| Duration::from_millis(100) * modes.chars.time.into())
    }

    /// Tells whether a read would wait; if so, `cx` is woken when that changes.
    pub fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<Readiness> {
        let state = self.lock();
        if !state.hung_up && !state.line.has_input(&state.modes) {
            self.0.readable.register(cx);
            return Poll::Pending;
        }
        Poll::Ready(Readiness { bytes: state.line.readable_bytes(&state.modes), hangup: state.hung_up })
    }

    /// Shows bytes. Never waits: what is shown displaces what was shown before, and whoever watches can be late.
    ///
    /// # Errors
    ///
    /// [`Errno::Io`] once the terminal was hung up.
    pub fn write(&self, bytes: &[u8]) -> Result<(), Errno> {
        let mut state = self.lock();
        let State { modes, screen, hung_up, .. } = &mut *state;
        if *hung_up {
            return Err(Errno::Io);
        }
        line::show(bytes, modes, screen);
        drop(state);
        self.0.shown.wake();
        Ok(())
    }

    /// Returns how the terminal is set.
    pub fn modes(&self) -> Modes {
        self.lock().modes
    }

    /// Sets the terminal. `flush` forgets what was typed and not read.
    pub fn set_modes(&self, modes: Modes, flush: bool) {
        let mut state = self.lock();
        let before = std::mem::replace(&mut state.modes, modes);
        state.line.change_modes(&before, &modes);
        if flush {
            state.line.flush();
        }
        drop(state);
        self.0.readable.wake();
        self.0.typeable.wake();
    }

    /// Returns the size of the window.
    pub fn size(&self) -> Size {
        self.lock().size
    }

    /// Sets the size of the window, and returns what that is to send to the group in the foreground.
    pub fn set_size(&self, size: Size) -> Option<Signal> {
        let before = std::mem::replace(&mut self.lock().size, size);
        (before != size).then_some(Signal::WindowChanged)
    }

    // ---- The session.

    /// Gives the terminal to a session, whose leader's group is in the foreground.
    pub fn set_session(&self, session: u32) {
        let mut state = self.lock();
        (state.session, state.foreground) = (session, session);
    }

    /// Returns the session, and 0 without one.
    pub fn session(&self) -> u32 {
        self.lock().session
    }

    /// Returns the process group in the foreground, and 0 without one.
    pub fn foreground(&self) -> u32 {
        self.lock().foreground
    }

    /// Puts a process group into the foreground.
    pub fn set_foreground(&self, group: u32) {
        self.lock().foreground = group;
    }

    /// Returns whether this is the terminal of `session`, and another group than `group` is in the foreground.
    pub fn is_background(&self, session: u32, group: u32) -> bool {
        let state = self.lock();
        state.session == session && state.foreground != group
    }
}

#[cfg(test)]
mod tests;
