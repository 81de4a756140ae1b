//! What a checkpoint holds of a terminal: how it is set, the line that is being typed, and what it shows.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::line::Line;
use super::screen::Screen;
use super::{ControlChars, Modes, Shared, Size, State, Tty};
use crate::blob::Blob;
use crate::wait::WaitSet;

/// A terminal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TerminalState {
    /// The id under which the host addresses it, if it does.
    pub id: Option<String>,
    /// The height of its window, in lines.
    pub rows: u16,
    /// The width of its window, in columns.
    pub cols: u16,
    /// `c_iflag`, `c_oflag` and `c_lflag` of its `termios`, with Linux's numbers.
    pub flags: [u32; 3],
    /// Its control characters: intr, quit, erase, kill, eof, time, min, susp, eol, reprint, werase, lnext, eol2.
    pub chars: Vec<u8>,
    /// The line that is being edited.
    pub edited: Blob,
    /// The column in which that begins on the screen.
    pub column: u32,
    /// Whether the next character that is typed stands for itself.
    pub literal: bool,
    /// What was typed and can be read.
    pub ready: Blob,
    /// How many bytes of it each line takes; one of 0 bytes is an end of file.
    pub lines: Vec<u32>,
    /// How much it holds of what was typed, in bytes.
    pub input_capacity: u32,
    /// What was shown last.
    pub screen: Blob,
    /// How many bytes were shown before that.
    pub screen_start: u64,
    /// The column that the cursor is in.
    pub cursor: u32,
    /// How much it keeps of what was shown, in bytes.
    pub screen_capacity: u32,
    /// The number of its session.
    pub session: u32,
    /// The number of the process group in the foreground.
    pub foreground: u32,
    /// Whether it was hung up.
    pub hung_up: bool,
}

/// Tells terminals apart while they live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TtyId(usize);

/// A terminal can't be as a checkpoint has it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a terminal {reason}")]
pub struct LoadTtyError {
    /// What is wrong with it.
    pub reason: &'static str,
}

impl Tty {
    /// Returns what tells the terminal from others.
    pub fn id(&self) -> TtyId {
        TtyId(Arc::as_ptr(&self.0).addr())
    }

    /// Saves the terminal, which the host addresses by `id`, if it does.
    pub fn save(&self, id: Option<String>) -> TerminalState {
        let state = self.lock();
        let Modes { input, output, local, chars } = state.modes;
        let mut saved = TerminalState {
            id,
            rows: state.size.rows,
            cols: state.size.cols,
            flags: [input, output, local],
            chars: save_chars(&chars),
            edited: Blob::default(),
            column: 0,
            literal: false,
            ready: Blob::default(),
            lines: Vec::new(),
            input_capacity: 0,
            screen: Blob::default(),
            screen_start: 0,
            cursor: 0,
            screen_capacity: 0,
            session: state.session,
            foreground: state.foreground,
            hung_up: state.hung_up,
        };
        state.line.save(&mut saved);
        state.screen.save(&mut saved);
        saved
    }

    /// Makes the terminal that was saved, which holds at most as much as `most` says.
    ///
    /// # Errors
    /// When it holds more than it says, or than it may: the state may come from anyone.
    pub fn load(state: &TerminalState, most: super::Capacity) -> Result<Self, LoadTtyError> {
        let fail = |reason| Err(LoadTtyError { reason });
        let [input, output, local] = state.flags;
        let Some(chars) = load_chars(&state.chars) else { return fail("has other control characters") };
        let Some(line) = Line::load(state, most.input) else { return fail("holds more input than it can") };
        let Some(screen) = Screen::load(state, most.screen) else {
            return fail("keeps more of its screen than it can");
        };
        let state = State {
            size: Size { rows: state.rows.max(1), cols: state.cols.max(1) },
            modes: Modes { input, output, local, chars },
            line,
            screen,
            session: state.session,
            foreground: state.foreground,
            hung_up: state.hung_up,
        };
        Ok(Self(Arc::new(Shared {
            state: std::sync::Mutex::new(state),
            readable: WaitSet::default(),
            typeable: WaitSet::default(),
            shown: WaitSet::default(),
        })))
    }
}

fn save_chars(chars: &ControlChars) -> Vec<u8> {
    let ControlChars { intr, quit, erase, kill, eof, time, min, susp, eol, reprint, werase, lnext, eol2 } = *chars;
    vec![intr, quit, erase, kill, eof, time, min, susp, eol, reprint, werase, lnext, eol2]
}

fn load_chars(chars: &[u8]) -> Option<ControlChars> {
    let &[intr, quit, erase, kill, eof, time, min, susp, eol, reprint, werase, lnext, eol2] = chars else {
        return None;
    };
    Some(ControlChars { intr, quit, erase, kill, eof, time, min, susp, eol, reprint, werase, lnext, eol2 })
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Poll, Waker};

    use super::super::Capacity;
    use super::*;

    const CAPACITY: Capacity = Capacity { input: 8192, screen: 4096 };

    fn typed(tty: &Tty, bytes: &[u8]) {
        let mut cx = Context::from_waker(Waker::noop());
        assert!(matches!(tty.type_input(&mut cx, bytes), Poll::Ready(Ok(input)) if input.taken == bytes.len()));
    }

    fn read(tty: &Tty) -> Poll<Vec<u8>> {
        let mut buffer = [0; 64];
        let mut cx = Context::from_waker(Waker::noop());
        tty.read(&mut cx, &mut buffer).map(|count| buffer[..count].to_vec())
    }

    #[test]
    fn a_half_typed_line_goes_on_where_it_was() {
        let tty = Tty::new(Size { rows: 24, cols: 80 }, CAPACITY);
        tty.set_session(7);
        tty.write(b"$ ").unwrap();
        typed(&tty, b"whole\nha\x7f");
        let state = tty.save(Some("pty-7".into()));
        let loaded = Tty::load(&state, CAPACITY).unwrap();
        assert_eq!(loaded.save(Some("pty-7".into())), state);
        assert_eq!((loaded.session(), loaded.size()), (7, Size { rows: 24, cols: 80 }));
        for tty in [&tty, &loaded] {
            typed(tty, b"i\n");
            assert_eq!(read(tty), Poll::Ready(b"whole\n".to_vec()));
            assert_eq!(read(tty), Poll::Ready(b"hi\n".to_vec()));
            assert_eq!(read(tty), Poll::Pending);
        }
        assert_eq!(loaded.save(None), tty.save(None));
    }

    #[test]
    fn impossible_terminals_are_refused() {
        let state = Tty::new(Size { rows: 24, cols: 80 }, CAPACITY).save(None);
        let load = |change: fn(&mut TerminalState)| {
            let mut state = state.clone();
            change(&mut state);
            Tty::load(&state, CAPACITY)
        };
        assert!(load(|_| {}).is_ok());
        assert!(load(|state| state.chars.truncate(12)).is_err());
        assert!(load(|state| state.lines = vec![1]).is_err());
        assert!(load(|state| state.lines = vec![u32::MAX; 3]).is_err());
        assert!(load(|state| state.ready = vec![0; 9000].into()).is_err());
        assert!(load(|state| state.edited = vec![0; 5000].into()).is_err());
        assert!(load(|state| state.screen = vec![0; 5000].into()).is_err());
        assert!(load(|state| state.input_capacity = u32::MAX).is_err());
        assert!(load(|state| state.screen_capacity = u32::MAX).is_err());
        assert!(load(|state| state.screen_start = u64::MAX).is_err());
        assert!(load(|state| state.cursor = u32::MAX).is_ok());
    }
}
