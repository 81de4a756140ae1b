//! The script's characters, and the parts of it that are quoted.

use super::parse::Error;

/// A position in a script.
pub struct Source {
    text: Vec<u8>,
    at: usize,
}

impl Source {
    pub fn new(text: Vec<u8>) -> Source {
        Source { text, at: 0 }
    }

    pub fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    pub fn next(&mut self) -> Option<u8> {
        let byte = self.peek();
        self.at += usize::from(byte.is_some());
        byte
    }

    pub fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    pub fn position(&self) -> usize {
        self.at
    }

    /// Skips spaces and tabs.
    pub fn skip_blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t')) {
            self.at += 1;
        }
    }

    /// Skips white space and the semicolons between commands.
    pub fn skip_separators(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace() || byte == b';') {
            self.at += 1;
        }
    }

    /// Takes a decimal number, if one is next.
    pub fn number(&mut self) -> Option<u64> {
        let mut value = None;
        while let Some(digit) = self.peek().filter(u8::is_ascii_digit) {
            value = Some(value.unwrap_or(0_u64).saturating_mul(10).saturating_add(u64::from(digit - b'0')));
            self.at += 1;
        }
        value
    }

    /// Takes the rest of the line, without its end.
    pub fn line(&mut self) -> Vec<u8> {
        let mut line = Vec::new();
        while let Some(byte) = self.next().filter(|&byte| byte != b'\n') {
            line.push(byte);
        }
        line
    }

    /// Takes the characters for which `wanted` holds.
    pub fn take_while(&mut self, wanted: impl Fn(u8) -> bool) -> Vec<u8> {
        let start = self.at;
        while self.peek().is_some_and(&wanted) {
            self.at += 1;
        }
        self.text[start..self.at].to_vec()
    }

    /// Takes text up to the next `delimiter` that has no backslash, and the delimiter.
    ///
    /// A backslash before a delimiter goes away. In a pattern `\n` becomes a line end.
    pub fn delimited(&mut self, delimiter: u8, is_pattern: bool) -> Option<Vec<u8>> {
        let mut text = Vec::new();
        loop {
            let byte = self.next()?;
            if byte == delimiter {
                return Some(text);
            }
            if byte == b'[' && is_pattern {
                text.push(byte);
                text.extend(self.bracket(delimiter));
                continue;
            }
            if byte != b'\\' {
                text.push(byte);
                continue;
            }
            match self.next()? {
                b'n' if is_pattern && delimiter != b'n' => text.push(b'\n'),
                // An ampersand as the delimiter keeps its backslash in a replacement: there, alone, it means the match.
                escaped if escaped == delimiter && (is_pattern || escaped != b'&') => text.push(escaped),
                escaped => text.extend([b'\\', escaped]),
            }
        }
    }

    /// Takes the rest of a bracket expression, in which the delimiter is a character like others.
    ///
    /// What has no end is no bracket expression: nothing is taken.
    fn bracket(&mut self, delimiter: u8) -> Vec<u8> {
        let start = self.at;
        let mut text = Vec::new();
        text.extend(self.eat(b'^').then_some(b'^'));
        text.extend(self.eat(b']').then_some(b']'));
        while let Some(byte) = self.next().filter(|&byte| byte != b'\n') {
            match byte {
                b'\\' if self.peek() == Some(delimiter) => continue,
                b'[' if matches!(self.peek(), Some(b':' | b'.' | b'=')) => {
                    let close = [self.text[self.at], b']'];
                    let rest = &self.text[self.at + 1..];
                    let length = rest.windows(2).position(|pair| pair == close).map_or(0, |found| found + 3);
                    text.push(byte);
                    text.extend_from_slice(&self.text[self.at..self.at + length]);
                    self.at += length;
                    continue;
                }
                _ => text.push(byte),
            }
            if byte == b']' {
                return text;
            }
        }
        self.at = start;
        Vec::new()
    }

    /// Takes the text of `a`, `i` or `c`.
    pub fn inserted(&mut self) -> Result<Vec<u8>, Error> {
        self.skip_blanks();
        if self.peek().is_none() {
            return Err("expected \\ after `a', `c' or `i'".into());
        }
        if self.eat(b'\\') {
            let start = self.at;
            self.skip_blanks();
            if !self.eat(b'\n') {
                // One line after all: `a\text`, whose leading blanks are kept.
                self.at = start;
            }
            if self.peek().is_none() {
                return Ok(Vec::new());
            }
        }
        let mut text = Vec::new();
        while let Some(byte) = self.next() {
            match byte {
                b'\n' => break,
                b'\\' => match self.peek() {
                    None => {}
                    Some(b'n') => {
                        text.push(b'\n');
                        self.at += 1;
                    }
                    Some(byte) => match self.escape() {
                        Some(c) => text.extend(c),
                        None => {
                            text.push(byte);
                            self.at += 1;
                        }
                    },
                },
                byte => text.push(byte),
            }
        }
        text.push(b'\n');
        Ok(text)
    }

    /// Takes what follows a backslash, if it stands for a character by its code: `\t`, `\x41`.
    pub fn escape(&mut self) -> Option<Vec<u8>> {
        let (value, length) = decode_escape(&self.text[self.at..])?;
        self.at += length;
        Some(vec![value])
    }
}

/// Reads what follows a backslash if it stands for a byte; returns the byte and how long the escape is.
pub fn decode_escape(text: &[u8]) -> Option<(u8, usize)> {
    let numbered = |radix: u32, digits: usize| {
        let length = text[1..].iter().take(digits).take_while(|byte| char::from(**byte).is_digit(radix)).count();
        let digits = std::str::from_utf8(&text[1..1 + length]).ok()?;
        Some((u32::from_str_radix(digits, radix).ok()? as u8, 1 + length))
    };
    match *text.first()? {
        b'a' => Some((7, 1)),
        b'f' => Some((12, 1)),
        b'r' => Some((b'\r', 1)),
        b't' => Some((b'\t', 1)),
        b'v' => Some((11, 1)),
        b'd' => numbered(10, 3),
        b'o' => numbered(8, 3),
        b'x' => numbered(16, 2),
        b'c' => text.get(1).map(|byte| (byte.to_ascii_uppercase() ^ 0x40, 2)),
        _ => None,
    }
}

/// Replaces the escapes in a pattern that stand for characters, which then stand for themselves.
pub fn unescape_pattern(pattern: &[u8]) -> Vec<u8> {
    let mut result = Vec::with_capacity(pattern.len());
    let mut at = 0;
    let mut in_bracket = false;
    while at < pattern.len() {
        let byte = pattern[at];
        at += 1;
        match byte {
            b'[' if !in_bracket => {
                in_bracket = true;
                result.push(byte);
                // Here a bracket is no end.
                for first in *b"^]" {
                    if pattern.get(at) == Some(&first) {
                        result.push(first);
                        at += 1;
                    }
                }
            }
            b'[' if matches!(pattern.get(at), Some(b':' | b'.' | b'=')) => {
                let close = [pattern[at], b']'];
                let length = pattern[at + 1..].windows(2).position(|pair| pair == close).map_or(0, |found| found + 3);
                result.push(byte);
                result.extend_from_slice(&pattern[at..at + length]);
                at += length;
            }
            b']' if in_bracket => {
                in_bracket = false;
                result.push(byte);
            }
            b'\\' => match decode_escape(&pattern[at..]) {
                Some((value, length)) => {
                    // These two could not do anything useful as operators.
                    if !in_bracket && matches!(value, b'^' | b'[') {
                        result.push(b'\\');
                    }
                    result.push(value);
                    at += length;
                }
                None if in_bracket && pattern.get(at) == Some(&b'n') => {
                    result.push(b'\n');
                    at += 1;
                }
                None => {
                    result.push(b'\\');
                    if !in_bracket {
                        result.extend(pattern.get(at));
                        at += 1;
                    }
                }
            },
            byte => result.push(byte),
        }
    }
    result
}
