//! What a terminal shows: the recent past of its output, bounded, for any number of readers that come and go.
//!
//! A reader has a position of its own. Writers never wait for it: one that is too slow finds the oldest output gone, and
//! goes on at the first whole line that is left.

use std::collections::VecDeque;

use unicode_width::UnicodeWidthChar as _;

use super::persist::TerminalState;

/// The distance between two tab stops, in columns.
const TAB: usize = 8;

#[derive(Debug)]
pub(super) struct Screen {
    bytes: VecDeque<u8>,
    /// How many bytes were written before the first that is kept.
    start: u64,
    capacity: usize,
    cursor: Cursor,
}

impl Screen {
    pub(super) fn new(capacity: usize) -> Self {
        Self { bytes: VecDeque::new(), start: 0, capacity: capacity.max(1), cursor: Cursor::default() }
    }

    /// Fills in what is saved of the screen. A control sequence that is half written is taken for a whole one.
    pub(super) fn save(&self, state: &mut TerminalState) {
        state.screen = Vec::from(self.bytes.clone()).into();
        state.screen_start = self.start;
        state.cursor = u32::try_from(self.cursor.column).unwrap_or(u32::MAX);
        state.screen_capacity = u32::try_from(self.capacity).unwrap_or(u32::MAX);
    }

    /// Returns the screen that was saved, of `most` bytes at most; nothing if it can't be.
    pub(super) fn load(state: &TerminalState, most: usize) -> Option<Self> {
        let (capacity, bytes) = (state.screen_capacity as usize, &state.screen.0);
        // So that positions never run over.
        let starts = state.screen_start < 1 << 60;
        let cursor = Cursor { column: state.cursor as usize, within: Within::Nothing };
        let fits = capacity <= most.max(1) && bytes.len() <= capacity && starts;
        fits.then(|| Self { bytes: bytes.to_vec().into(), start: state.screen_start, cursor, ..Self::new(capacity) })
    }

    /// Shows bytes, of which the oldest make room for the newest.
    pub(super) fn show(&mut self, bytes: &[u8]) {
        self.cursor.follow(bytes);
        let skipped = bytes.len().saturating_sub(self.capacity);
        let kept = &bytes[skipped..];
        let displaced = (self.bytes.len() + kept.len()).saturating_sub(self.capacity);
        self.bytes.drain(..displaced);
        self.bytes.extend(kept);
        self.start += (skipped + displaced) as u64;
    }

    /// Returns the column that the cursor is in, from 0, as far as that can be told without knowing the screen.
    pub(super) fn column(&self) -> usize {
        self.cursor.column
    }

    /// Returns up to `max` bytes from `position` on, and moves it behind them.
    pub(super) fn read(&self, position: &mut u64, max: usize) -> Vec<u8> {
        if *position < self.start {
            *position = self.first_whole_line();
        }
        let offset = (*position - self.start) as usize;
        let count = max.min(self.bytes.len() - offset);
        *position += count as u64;
        self.bytes.range(offset..offset + count).copied().collect()
    }

    /// Returns where the first line begins that is kept whole, or else the first character.
    fn first_whole_line(&self) -> u64 {
        let newline = self.bytes.iter().position(|&byte| byte == b'\n').map(|index| index + 1);
        let character = || self.bytes.iter().position(|&byte| !is_continuation(byte));
        self.start + newline.or_else(character).unwrap_or(self.bytes.len()) as u64
    }
}

/// Returns whether a byte goes on with a UTF-8 character.
pub(super) fn is_continuation(byte: u8) -> bool {
    byte & 0xc0 == 0x80
}

/// Returns the columns that a character takes.
pub(super) fn width(character: char) -> usize {
    character.width().unwrap_or(0)
}

/// Where output leaves the cursor in its line. Control sequences count as nothing.
#[derive(Debug, Default)]
struct Cursor {
    column: usize,
    within: Within,
}

/// What the last byte may be the beginning of.
#[derive(Debug, Default)]
enum Within {
    #[default]
    Nothing,
    Escape,
    /// A control sequence, up to its last byte.
    Sequence,
    /// A UTF-8 character: its bits so far, and how many bytes are missing.
    Character(u32, u8),
}

impl Cursor {
    fn follow(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.within = match (&self.within, byte) {
                (Within::Escape, b'[') => Within::Sequence,
                (Within::Escape, _) => Within::Nothing,
                (Within::Sequence, 0x40..=0x7e) => Within::Nothing,
                (Within::Sequence, _) => Within::Sequence,
                (Within::Character(bits, missing), 0x80..=0xbf) => {
                    let bits = bits << 6 | u32::from(byte & 0x3f);
                    if *missing == 1 {
                        self.column += char::from_u32(bits).map_or(0, width);
                        Within::Nothing
                    } else {
                        Within::Character(bits, missing - 1)
                    }
                }
                _ => self.begin(byte),
            };
        }
    }

    fn begin(&mut self, byte: u8) -> Within {
        match byte {
            b'\r' | b'\n' => self.column = 0,
            8 => self.column = self.column.saturating_sub(1),
            b'\t' => self.column = after_tab(self.column),
            0x1b => return Within::Escape,
            0x20..=0x7e => self.column += 1,
            0xc0..=0xdf => return Within::Character((byte & 0x1f).into(), 1),
            0xe0..=0xef => return Within::Character((byte & 0x0f).into(), 2),
            0xf0..=0xf7 => return Within::Character((byte & 0x07).into(), 3),
            _ => {}
        }
        Within::Nothing
    }
}

/// Returns the column behind a tab in `column`.
pub(super) fn after_tab(column: usize) -> usize {
    column / TAB * TAB + TAB
}
