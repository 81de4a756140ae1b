//! Walks over a pattern's characters.

use super::{Error, Options};
use regex_syntax::hir::ClassUnicode;

/// A position in a pattern, which may hold bytes that are no characters.
pub struct Cursor {
    units: Vec<Unit>,
    at: usize,
}

/// One character of a pattern, or a byte that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Char(char),
    Byte(u8),
}

impl Cursor {
    /// Returns a cursor at the start of `pattern`.
    pub fn new(pattern: &[u8], utf8: bool) -> Cursor {
        let units = if utf8 {
            let mut units = Vec::with_capacity(pattern.len());
            for chunk in pattern.utf8_chunks() {
                units.extend(chunk.valid().chars().map(Unit::Char));
                units.extend(chunk.invalid().iter().map(|&byte| Unit::Byte(byte)));
            }
            units
        } else {
            pattern.iter().map(|&byte| Unit::Char(char::from(byte))).collect()
        };
        Cursor { units, at: 0 }
    }

    pub fn at_end(&self) -> bool {
        self.at == self.units.len()
    }

    pub fn position(&self) -> usize {
        self.at
    }

    pub fn rewind(&mut self, position: usize) {
        self.at = position;
    }

    /// Returns the character `ahead` places on.
    pub fn peek_at(&self, ahead: usize) -> Option<char> {
        match self.units.get(self.at + ahead) {
            Some(Unit::Char(c)) => Some(*c),
            _ => None,
        }
    }

    pub fn peek(&self) -> Option<char> {
        self.peek_at(0)
    }

    pub fn next(&mut self) -> Option<Unit> {
        let unit = self.units.get(self.at).copied();
        self.at += usize::from(unit.is_some());
        unit
    }

    /// Takes the next characters if they are `text`.
    pub fn eat(&mut self, text: &str) -> bool {
        if text.chars().enumerate().all(|(i, c)| self.peek_at(i) == Some(c)) {
            self.at += text.chars().count();
            return true;
        }
        false
    }

    /// Takes a decimal number, if one is next.
    pub fn number(&mut self) -> Option<u32> {
        let mut value = None;
        while let Some(digit) = self.peek().and_then(|c| c.to_digit(10)) {
            value = Some(value.unwrap_or(0_u32).saturating_mul(10).saturating_add(digit));
            self.at += 1;
        }
        value
    }

    /// Takes the text up to `end`, and `end`.
    pub fn until(&mut self, end: &str) -> Option<String> {
        let start = self.at;
        let mut text = String::new();
        while !self.at_end() {
            if self.eat(end) {
                return Some(text);
            }
            match self.next() {
                Some(Unit::Char(c)) => text.push(c),
                _ => break,
            }
        }
        self.at = start;
        None
    }

    /// Takes what follows the `{` of an interval, up to and with `close`: the least and the most repetitions.
    pub fn interval(&mut self, close: &str) -> Option<(u32, Option<u32>)> {
        let start = self.at;
        let min = self.number();
        let bounds = match (self.eat(","), min) {
            (true, _) => Some((min.unwrap_or(0), self.number())),
            (false, Some(count)) => Some((count, Some(count))),
            (false, None) => None,
        };
        if bounds.is_some() && self.eat(close) {
            return bounds;
        }
        self.at = start;
        None
    }

    /// Takes a bracket expression, after its `[`.
    pub fn bracket(&mut self, options: &Options, escapes: Escapes) -> Result<ClassUnicode, Error> {
        super::bracket::parse(self, options, escapes)
    }
}

/// What a backslash means inside a bracket expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Escapes {
    /// Itself, as in POSIX.
    None,
    /// The escapes of awk's strings: `\n`, `\/`, `\]`.
    Awk,
    /// Those, and `\d`, `\w`, `\x{..}`.
    Perl,
}
