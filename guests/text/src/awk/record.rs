//! The current record and its fields, which are split when first asked for.

use super::value::{Str, Value};
use crate::regex::{Options, Regex, Syntax};
use std::rc::Rc;

/// What fields are separated by.
pub enum Separator {
    /// Blanks and line ends, which count for nothing around the record.
    Blanks,
    Byte(u8),
    Regex(Rc<Regex>),
    /// Every character is a field.
    Nothing,
}

/// A field: a part of the record's text until somebody asks for it or sets it.
enum Field {
    Part(usize, usize),
    Value(Value),
}

/// The record.
pub struct Record {
    whole: Str,
    /// The fields from `$1` on, if `is_split`.
    fields: Vec<Field>,
    is_split: bool,
    /// Whether a field was set since `whole` was made.
    is_stale: bool,
}

impl Record {
    pub fn new() -> Record {
        Record { whole: Rc::new(Vec::new()), fields: Vec::new(), is_split: true, is_stale: false }
    }

    /// Replaces the whole record.
    pub fn set(&mut self, text: Str) {
        self.whole = text;
        self.is_split = false;
        self.is_stale = false;
    }

    /// Gives up the record's room, for the next record.
    pub fn take_buffer(&mut self) -> Vec<u8> {
        let whole = std::mem::take(&mut self.whole);
        Rc::try_unwrap(whole).unwrap_or_default()
    }

    /// Returns `$0`.
    pub fn whole(&mut self, ofs: &[u8], convfmt: &[u8]) -> Str {
        if std::mem::take(&mut self.is_stale) {
            let mut text = Vec::with_capacity(self.whole.len());
            for (index, field) in self.fields.iter_mut().enumerate() {
                if index > 0 {
                    text.extend_from_slice(ofs);
                }
                match field {
                    Field::Part(start, end) => {
                        let moved = text.len();
                        text.extend_from_slice(&self.whole[*start..*end]);
                        *field = Field::Part(moved, text.len());
                    }
                    Field::Value(value) => value.push_text(convfmt, &mut text),
                }
            }
            self.whole = Rc::new(text);
        }
        Rc::clone(&self.whole)
    }

    pub fn split(&mut self, separator: &Separator, newline_splits: bool) {
        if self.is_split {
            return;
        }
        self.is_split = true;
        self.fields.clear();
        let (whole, fields) = (&self.whole, &mut self.fields);
        let origin = whole.as_ptr() as usize;
        split(whole, separator, newline_splits, |field, _| {
            let start = field.as_ptr() as usize - origin;
            fields.push(Field::Part(start, start + field.len()));
        });
    }

    /// Returns how many fields there are. The record must be split.
    pub fn count(&self) -> usize {
        self.fields.len()
    }

    /// Returns a field, from 1 on. The record must be split.
    pub fn field(&mut self, index: usize) -> Value {
        match self.fields.get_mut(index - 1) {
            None => Value::Unset,
            Some(Field::Value(value)) => value.clone(),
            Some(Field::Part(start, end)) => {
                let value = Value::input(&self.whole[*start..*end]);
                self.fields[index - 1] = Field::Value(value.clone());
                value
            }
        }
    }

    /// Sets a field, from 1 on. The record must be split.
    pub fn set_field(&mut self, index: usize, value: Value) {
        if index > self.fields.len() {
            self.set_count(index);
        }
        self.fields[index - 1] = Field::Value(value);
        self.is_stale = true;
    }

    /// Sets how many fields there are. The record must be split.
    pub fn set_count(&mut self, count: usize) {
        self.fields.resize_with(count, || Field::Value(Value::Input(Str::default())));
        self.is_stale = true;
    }
}

/// Calls `each` with every field of `text` and the separator behind it.
pub fn split(text: &[u8], separator: &Separator, newline_splits: bool, mut each: impl FnMut(&[u8], &[u8])) {
    if text.is_empty() {
        return;
    }
    match separator {
        Separator::Blanks => {
            let is_blank = |byte: u8| matches!(byte, b' ' | b'\t' | b'\n');
            let mut at = 0;
            loop {
                while at < text.len() && is_blank(text[at]) {
                    at += 1;
                }
                if at == text.len() {
                    return;
                }
                let start = at;
                while at < text.len() && !is_blank(text[at]) {
                    at += 1;
                }
                let end = at;
                while at < text.len() && is_blank(text[at]) {
                    at += 1;
                }
                each(&text[start..end], if at < text.len() { &text[end..at] } else { b"" });
            }
        }
        Separator::Byte(byte) => {
            let mut start = 0;
            let other = if newline_splits { b'\n' } else { *byte };
            for at in memchr::memchr2_iter(*byte, other, text) {
                each(&text[start..at], &text[at..=at]);
                start = at + 1;
            }
            each(&text[start..], b"");
        }
        Separator::Regex(regex) => {
            let (mut start, mut from) = (0, 0);
            while from < text.len() {
                let newline =
                    if newline_splits { memchr::memchr(b'\n', &text[from..]).map(|at| from + at) } else { None };
                let found = match (regex.find_at(text, from), newline) {
                    (Some(found), Some(newline)) if newline < found.0 => Some((newline, newline + 1)),
                    (None, Some(newline)) => Some((newline, newline + 1)),
                    (found, _) => found,
                };
                let Some((at, end)) = found else { break };
                if at == end {
                    // A separator is never empty.
                    from = at + 1;
                    continue;
                }
                each(&text[start..at], &text[at..end]);
                (start, from) = (end, end);
            }
            each(&text[start..], b"");
        }
        Separator::Nothing => {
            let options = Options::new(Syntax::Fixed);
            let mut at = 0;
            while at < text.len() {
                let length = options.char_len(text, at);
                each(&text[at..at + length], b"");
                at += length;
            }
        }
    }
}
