//! What a key stands for: the sequences that terminals of the xterm family send.

use stillbox_sys::{self as sys, Errno, Fd};

/// Is what a key asks the editor for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    Insert(char),
    Accept,
    Interrupt,
    /// The end of the input, or the removal of the next character.
    EndOrDelete,
    Delete,
    Backspace,
    Left,
    Right,
    WordLeft,
    WordRight,
    Home,
    End,
    Up,
    Down,
    Search,
    Complete,
    KillToEnd,
    KillToStart,
    /// Back to a blank.
    KillBlankWord,
    /// Back over letters and digits.
    KillWord,
    KillNextWord,
    Yank,
    Transpose,
    ClearScreen,
    /// The next key is inserted as it is.
    Literal,
    /// The line is shown anew: the size has changed.
    Redraw,
    /// It means nothing here.
    None,
    /// Nothing can be read any more.
    Closed,
}

/// Reads the next key. One byte at a time, since what is typed ahead belongs to the programs that come.
pub fn read(fd: Fd) -> Key {
    let byte = match byte(fd) {
        Ok(byte) => byte,
        Err(key) => return key,
    };
    match byte {
        b'\r' | b'\n' => Key::Accept,
        0x01 => Key::Home,
        0x02 => Key::Left,
        0x03 => Key::Interrupt,
        0x04 => Key::EndOrDelete,
        0x05 => Key::End,
        0x06 => Key::Right,
        0x08 | 0x7f => Key::Backspace,
        b'\t' => Key::Complete,
        0x0b => Key::KillToEnd,
        0x0c => Key::ClearScreen,
        0x0e => Key::Down,
        0x10 => Key::Up,
        0x12 => Key::Search,
        0x14 => Key::Transpose,
        0x15 => Key::KillToStart,
        0x16 => Key::Literal,
        0x17 => Key::KillBlankWord,
        0x19 => Key::Yank,
        0x1b => escape(fd),
        0x00..0x20 => Key::None,
        byte => character(fd, byte),
    }
}

/// Reads a key that is inserted whatever it is.
pub fn read_literal(fd: Fd) -> Key {
    match byte(fd) {
        Ok(byte) if byte < 0x80 => Key::Insert(byte.into()),
        Ok(byte) => character(fd, byte),
        Err(key) => key,
    }
}

fn byte(fd: Fd) -> Result<u8, Key> {
    let mut byte = [0];
    match sys::read(fd, &mut byte) {
        Ok(1) => Ok(byte[0]),
        Err(Errno::INTR) if sys::take_pending_signals().any(|signal| signal == 2) => Err(Key::Interrupt),
        Err(Errno::INTR) => Err(Key::Redraw),
        _ => Err(Key::Closed),
    }
}

fn character(fd: Fd, first: u8) -> Key {
    let len = match first {
        0xc0..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf7 => 4,
        first if first < 0x80 => 1,
        _ => return Key::None,
    };
    let mut bytes = vec![first];
    while bytes.len() < len {
        match byte(fd) {
            Ok(byte) => bytes.push(byte),
            Err(key) => return key,
        }
    }
    let decoded = std::str::from_utf8(&bytes).ok().and_then(|text| text.chars().next());
    decoded.map_or(Key::None, Key::Insert)
}

fn escape(fd: Fd) -> Key {
    match byte(fd) {
        Ok(b'[' | b'O') => sequence(fd),
        Ok(b'b' | b'B') => Key::WordLeft,
        Ok(b'f' | b'F') => Key::WordRight,
        Ok(b'd' | b'D') => Key::KillNextWord,
        Ok(0x08 | 0x7f) => Key::KillWord,
        Ok(_) => Key::None,
        Err(key) => key,
    }
}

/// Reads the rest of a control sequence: numbers, and the letter that ends it.
fn sequence(fd: Fd) -> Key {
    let mut parameters = String::new();
    loop {
        match byte(fd) {
            Ok(byte @ 0x40..=0x7e) => return named(&parameters, byte),
            Ok(byte) if parameters.len() < 16 => parameters.push(byte.into()),
            Ok(_) => return Key::None,
            Err(key) => return key,
        }
    }
}

fn named(parameters: &str, last: u8) -> Key {
    // The second number says which modifiers were held: 1 is none.
    let is_modified = parameters.split(';').nth(1).is_some_and(|modifiers| modifiers != "1");
    match (last, parameters) {
        (b'A', _) => Key::Up,
        (b'B', _) => Key::Down,
        (b'C', _) if is_modified => Key::WordRight,
        (b'D', _) if is_modified => Key::WordLeft,
        (b'C', _) => Key::Right,
        (b'D', _) => Key::Left,
        (b'H', _) | (b'~', "1" | "7") => Key::Home,
        (b'F', _) | (b'~', "4" | "8") => Key::End,
        (b'~', "3") => Key::Delete,
        _ => Key::None,
    }
}
