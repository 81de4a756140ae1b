//! The items of the input.

use super::{Settings, Split};
use crate::io::Input;
use std::io;

/// One item, and whether its line ends with it.
#[derive(Debug, PartialEq, Eq)]
pub struct Item {
    pub text: String,
    pub ends_line: bool,
}

/// Reads items.
pub struct Items {
    input: Input,
    split: Split,
    end: Option<String>,
    done: bool,
}

impl Items {
    pub fn new(input: Input, settings: &Settings) -> Items {
        Items { input, split: settings.split.clone(), end: settings.end.clone(), done: false }
    }

    /// Returns the next item, `None` at the end, or what is wrong with the input.
    pub fn next(&mut self) -> Result<Option<Item>, String> {
        if self.done {
            return Ok(None);
        }
        let item = match self.split {
            Split::Byte(end) => self.delimited(end),
            Split::Words => self.word(false),
            Split::Lines => self.word(true),
        }?;
        let is_end =
            item.as_ref().is_some_and(|item| self.split == Split::Words && Some(&item.text) == self.end.as_ref());
        self.done = is_end || item.is_none();
        Ok(item.filter(|_| !is_end))
    }

    fn delimited(&mut self, end: u8) -> Result<Option<Item>, String> {
        let mut text = Vec::new();
        let read = self.input.read_record(end, &mut text).map_err(read_error)?;
        Ok(read.map(|_| Item { text: into_text(text), ends_line: true }))
    }

    fn next_byte(&mut self) -> Result<Option<u8>, String> {
        if self.input.buffered().is_empty() && !self.input.fill().map_err(read_error)? {
            return Ok(None);
        }
        let byte = self.input.buffered()[0];
        self.input.consume(1);
        Ok(Some(byte))
    }

    /// Reads a word, or a line as `-I` takes it; quotes and backslashes protect characters.
    fn word(&mut self, by_line: bool) -> Result<Option<Item>, String> {
        let mut text = Vec::new();
        let mut started = false;
        loop {
            let Some(byte) = self.next_byte()? else {
                return Ok(started.then(|| Item { text: into_text(text), ends_line: true }));
            };
            match byte {
                b'\n' if started => return Ok(Some(Item { text: into_text(text), ends_line: true })),
                b'\n' => {}
                b' ' | b'\t' if !started => {}
                b' ' | b'\t' if !by_line => {
                    let ends_line = self.at_line_end()?;
                    return Ok(Some(Item { text: into_text(text), ends_line }));
                }
                b'\'' | b'"' => {
                    started = true;
                    loop {
                        match self.next_byte()? {
                            Some(inner) if inner == byte => break,
                            None | Some(b'\n') => {
                                let kind = if byte == b'"' { "double" } else { "single" };
                                return Err(format!(
                                    "unmatched {kind} quote; by default quotes are special to xargs unless you use the -0 option"
                                ));
                            }
                            Some(inner) => text.push(inner),
                        }
                    }
                }
                b'\\' => {
                    started = true;
                    text.extend(self.next_byte()?);
                }
                byte => {
                    started = true;
                    text.push(byte);
                }
            }
        }
    }

    /// Tells whether only blanks follow on the line, which are taken then. For `-L`, a line that ends in a blank goes on.
    fn at_line_end(&mut self) -> Result<bool, String> {
        loop {
            if self.input.buffered().is_empty() && !self.input.fill().map_err(read_error)? {
                return Ok(true);
            }
            match self.input.buffered()[0] {
                b' ' | b'\t' => self.input.consume(1),
                _ => return Ok(false),
            }
        }
    }
}

fn read_error(error: io::Error) -> String {
    format!("read error: {}", crate::io::message(&error))
}

fn into_text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}
