//! The line discipline: what becomes of the bytes that are typed, on their way to whoever reads the terminal.
//!
//! In canonical mode a line is edited here until it is complete; in raw mode bytes go straight to `ready`. What is shown
//! of all that goes to the [`Screen`].

use std::collections::VecDeque;

use super::Signal;
use super::modes::{
    ECHO, ECHOCTL, ECHOE, ECHOK, ECHOKE, ECHONL, ICRNL, IGNCR, IMAXBEL, INLCR, ISIG, IUTF8, Modes, NOFLSH, OCRNL,
    ONLCR, is,
};
use super::persist::TerminalState;
use super::screen::{Screen, after_tab, is_continuation, width};

/// The longest line that can be edited, in bytes with its newline (POSIX `MAX_CANON`). What is typed beyond is lost.
pub const MAX_CANON: usize = 4096;

const BELL: u8 = 7;

/// What became of a byte.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Typed {
    Taken,
    /// It can't be taken before something has been read.
    Full,
    Signal(Signal),
}

#[derive(Debug)]
pub(super) struct Line {
    /// The line that is being edited.
    edited: Vec<u8>,
    /// The column in which it begins on the screen.
    column: usize,
    /// Whether the next byte stands for itself.
    literal: bool,
    /// What can be read.
    ready: VecDeque<u8>,
    /// How much of `ready` each line takes, in canonical mode; one of 0 bytes is an end of file.
    lines: VecDeque<usize>,
    capacity: usize,
}

impl Line {
    /// Returns a line whose completed input takes up to `capacity` bytes, at least twice [`MAX_CANON`].
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            edited: Vec::new(),
            column: 0,
            literal: false,
            ready: VecDeque::new(),
            lines: VecDeque::new(),
            capacity: capacity.max(2 * MAX_CANON),
        }
    }

    /// Fills in what is saved of the line.
    pub(super) fn save(&self, state: &mut TerminalState) {
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        state.edited = self.edited.clone().into();
        state.column = number(self.column);
        state.literal = self.literal;
        state.ready = Vec::from(self.ready.clone()).into();
        state.lines = self.lines.iter().copied().map(number).collect();
        state.input_capacity = number(self.capacity);
    }

    /// Returns the line that was saved, of `most` bytes at most; nothing if it can't be.
    pub(super) fn load(state: &TerminalState, most: usize) -> Option<Self> {
        let capacity = state.input_capacity as usize;
        let lines: VecDeque<usize> = state.lines.iter().map(|&len| len as usize).collect();
        let in_lines = lines.iter().fold(0_usize, |sum, len| sum.saturating_add(*len));
        let ready = &state.ready.0;
        let fits = capacity <= most.max(2 * MAX_CANON)
            && ready.len() + lines.len() <= capacity.max(2 * MAX_CANON)
            && in_lines <= ready.len()
            && state.edited.0.len() <= MAX_CANON;
        fits.then(|| Self {
            edited: state.edited.0.to_vec(),
            column: state.column as usize,
            literal: state.literal,
            ready: ready.to_vec().into(),
            lines,
            ..Self::new(capacity)
        })
    }

    /// Types one byte.
    pub(super) fn type_byte(&mut self, byte: u8, modes: &Modes, screen: &mut Screen) -> Typed {
        if !self.literal
            && modes.has_local(ISIG)
            && let Some(signal) = signal_of(byte, modes)
        {
            if !modes.has_local(NOFLSH) {
                self.flush();
            }
            echo(&[byte], modes, screen);
            return Typed::Signal(signal);
        }
        let byte = match byte {
            _ if self.literal => byte,
            b'\r' if modes.has_input(IGNCR) => return Typed::Taken,
            b'\r' if modes.has_input(ICRNL) => b'\n',
            b'\n' if modes.has_input(INLCR) => b'\r',
            byte => byte,
        };
        if modes.is_canonical() { self.edit(byte, modes, screen) } else { self.pass(byte, modes, screen) }
    }

    /// Takes a byte in raw mode.
    fn pass(&mut self, byte: u8, modes: &Modes, screen: &mut Screen) -> Typed {
        if self.ready.len() >= self.capacity {
            return Typed::Full;
        }
        self.literal = false;
        self.ready.push_back(byte);
        echo(&[byte], modes, screen);
        Typed::Taken
    }

    /// Takes a byte in canonical mode.
    fn edit(&mut self, byte: u8, modes: &Modes, screen: &mut Screen) -> Typed {
        let chars = &modes.chars;
        if std::mem::take(&mut self.literal) {
            self.insert(byte, modes, screen);
        } else if is(byte, chars.erase) {
            self.erase(modes, screen);
        } else if modes.is_extended(byte, chars.werase) {
            self.erase_word(modes, screen);
        } else if is(byte, chars.kill) {
            self.kill(byte, modes, screen);
        } else if modes.is_extended(byte, chars.lnext) {
            self.literal = true;
            if modes.has_local(ECHO) && modes.has_local(ECHOCTL) {
                screen.show(b"^\x08");
            }
        } else if modes.is_extended(byte, chars.reprint) {
            echo(&[byte], modes, screen);
            newline(modes, screen);
            echo(&self.edited, modes, screen);
        } else if is(byte, chars.eof) {
            return self.complete(None, modes, screen);
        } else if modes.ends_line(byte) {
            return self.complete(Some(byte), modes, screen);
        } else {
            self.insert(byte, modes, screen);
        }
        Typed::Taken
    }

    fn insert(&mut self, byte: u8, modes: &Modes, screen: &mut Screen) {
        // Room is left for what ends the line.
        if self.edited.len() + 1 >= MAX_CANON {
            if modes.has_input(IMAXBEL) {
                screen.show(&[BELL]);
            }
            return;
        }
        if self.edited.is_empty() {
            self.column = screen.column();
        }
        self.edited.push(byte);
        echo(&[byte], modes, screen);
    }

    /// Makes the line readable, with the byte that ends it unless that is an end of file.
    fn complete(&mut self, end: Option<u8>, modes: &Modes, screen: &mut Screen) -> Typed {
        // Each line counts one more, so that ends of file are bounded too.
        let used = self.ready.len() + self.lines.len();
        let needed = self.edited.len() + 2;
        if used + needed > self.capacity {
            return Typed::Full;
        }
        if let Some(end) = end {
            self.edited.push(end);
            match end {
                b'\n' if modes.has_local(ECHO) || modes.has_local(ECHONL) => newline(modes, screen),
                end => echo(&[end], modes, screen),
            }
        }
        self.lines.push_back(self.edited.len());
        self.ready.extend(self.edited.drain(..));
        Typed::Taken
    }

    /// Removes the last character.
    fn erase(&mut self, modes: &Modes, screen: &mut Screen) {
        let Some(start) = self.last_character(modes) else { return };
        let columns = self.column_of(self.edited.len(), modes) - self.column_of(start, modes);
        self.edited.truncate(start);
        if modes.has_local(ECHO) {
            if modes.has_local(ECHOE) {
                wipe(columns, screen);
            } else {
                echo(&[modes.chars.erase], modes, screen);
            }
        }
    }

    /// Removes the last word, with the blanks behind it.
    fn erase_word(&mut self, modes: &Modes, screen: &mut Screen) {
        let is_blank = |byte: Option<&u8>| byte.is_some_and(|byte| matches!(byte, b' ' | b'\t'));
        while is_blank(self.edited.last()) {
            self.erase(modes, screen);
        }
        while !self.edited.is_empty() && !is_blank(self.edited.last()) {
            self.erase(modes, screen);
        }
    }

    /// Removes the whole line.
    fn kill(&mut self, byte: u8, modes: &Modes, screen: &mut Screen) {
        if modes.has_local(ECHOKE) && modes.has_local(ECHOE) {
            while !self.edited.is_empty() {
                self.erase(modes, screen);
            }
            return;
        }
        self.edited.clear();
        echo(&[byte], modes, screen);
        if modes.has_local(ECHO) && modes.has_local(ECHOK) {
            newline(modes, screen);
        }
    }

    /// Returns where the last character of the line begins.
    fn last_character(&self, modes: &Modes) -> Option<usize> {
        let last = self.edited.len().checked_sub(1)?;
        if !modes.has_input(IUTF8) {
            return Some(last);
        }
        // Of what is not UTF-8 a byte goes at a time.
        let start = (last.saturating_sub(3)..=last).rev().find(|&at| !is_continuation(self.edited[at]));
        Some(start.filter(|&start| std::str::from_utf8(&self.edited[start..]).is_ok()).unwrap_or(last))
    }

    /// Returns the column of the screen in which byte `end` of the line is.
    fn column_of(&self, end: usize, modes: &Modes) -> usize {
        let mut column = self.column;
        for chunk in self.edited[..end].utf8_chunks() {
            for character in chunk.valid().chars() {
                column = match character {
                    '\t' => after_tab(column),
                    character if character.is_ascii_control() && modes.has_local(ECHOCTL) => column + 2,
                    character if modes.has_input(IUTF8) => column + width(character),
                    character => column + character.len_utf8(),
                };
            }
        }
        column
    }

    /// Reads what there is, up to the length of `buf`, in canonical mode up to the end of a line. `None` if there is not
    /// enough.
    pub(super) fn read(&mut self, modes: &Modes, buf: &mut [u8]) -> Option<usize> {
        let enough = if modes.is_canonical() {
            !self.lines.is_empty()
        } else {
            self.ready.len() >= buf.len().min(modes.chars.min.into())
        };
        if !enough {
            return None;
        }
        let mut count = buf.len().min(self.ready.len());
        if modes.is_canonical()
            && let Some(line) = self.lines.front_mut()
        {
            count = count.min(*line);
            *line -= count;
            if *line == 0 {
                self.lines.pop_front();
            }
        }
        for (to, byte) in buf.iter_mut().zip(self.ready.drain(..count)) {
            *to = byte;
        }
        Some(count)
    }

    /// Returns whether there is as much as a reader waits for.
    pub(super) fn has_input(&self, modes: &Modes) -> bool {
        if modes.is_canonical() {
            !self.lines.is_empty()
        } else {
            self.ready.len() >= usize::from(modes.chars.min).max(1)
        }
    }

    /// Returns how many bytes the next read can give.
    pub(super) fn readable_bytes(&self, modes: &Modes) -> usize {
        if modes.is_canonical() { self.lines.front().copied().unwrap_or(0) } else { self.ready.len() }
    }

    /// Forgets what was typed and not read.
    pub(super) fn flush(&mut self) {
        self.edited.clear();
        self.ready.clear();
        self.lines.clear();
        self.literal = false;
    }

    /// Goes over to other modes: what was typed under the old ones can be read under the new ones.
    pub(super) fn change_modes(&mut self, from: &Modes, to: &Modes) {
        match (from.is_canonical(), to.is_canonical()) {
            (true, false) => {
                self.lines.clear();
                self.ready.extend(self.edited.drain(..));
            }
            (false, true) if !self.ready.is_empty() => self.lines.push_back(self.ready.len()),
            _ => {}
        }
    }
}

fn signal_of(byte: u8, modes: &Modes) -> Option<Signal> {
    let chars = &modes.chars;
    if is(byte, chars.intr) {
        Some(Signal::Interrupt)
    } else if is(byte, chars.quit) {
        Some(Signal::Quit)
    } else if is(byte, chars.susp) {
        Some(Signal::Suspend)
    } else {
        None
    }
}

/// Shows bytes that were typed.
fn echo(bytes: &[u8], modes: &Modes, screen: &mut Screen) {
    if !modes.has_local(ECHO) {
        return;
    }
    for &byte in bytes {
        match byte {
            b'\t' => screen.show(b"\t"),
            0x00..=0x1f | 0x7f if modes.has_local(ECHOCTL) => screen.show(&[b'^', byte ^ 0x40]),
            byte => show(&[byte], modes, screen),
        }
    }
}

fn newline(modes: &Modes, screen: &mut Screen) {
    show(b"\n", modes, screen);
}

/// Takes `columns` off the screen.
fn wipe(columns: usize, screen: &mut Screen) {
    for _ in 0..columns {
        screen.show(b"\x08 \x08");
    }
}

/// Shows bytes as the output flags say.
pub(super) fn show(bytes: &[u8], modes: &Modes, screen: &mut Screen) {
    if !modes.has_output(ONLCR | OCRNL) {
        return screen.show(bytes);
    }
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
        let (plain, special) = rest.split_at(at);
        screen.show(plain);
        match special[0] {
            b'\n' if modes.has_output(ONLCR) => screen.show(b"\r\n"),
            b'\r' if modes.has_output(OCRNL) => screen.show(b"\n"),
            byte => screen.show(&[byte]),
        }
        rest = &special[1..];
    }
    screen.show(rest);
}
