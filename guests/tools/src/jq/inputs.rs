//! The values that a filter is run on.

use std::cell::Cell;
use std::collections::VecDeque;

use jaq_json::{Val, read};
use stillbox_tools::program::{read_input, reason, warn};

use super::options::Options;
use super::{Ctx, file_of};

/// Reads the files one after the other, or stdin when there are none.
pub struct Inputs<'a> {
    options: &'a Options,
    /// The file that is being read, for `input_filename`.
    file: &'a Cell<Option<usize>>,
    /// Whether a file could not be read.
    unreadable: &'a Cell<bool>,
    next_file: usize,
    /// The values of the file that is being read.
    values: Box<dyn Iterator<Item = Result<Val, String>>>,
    slurped: bool,
    /// Events of `--stream` that are still to come.
    events: VecDeque<Val>,
}

impl<'a> Inputs<'a> {
    pub fn new(options: &'a Options, file: &'a Cell<Option<usize>>, unreadable: &'a Cell<bool>) -> Self {
        Self {
            options,
            file,
            unreadable,
            next_file: 0,
            values: Box::new(std::iter::empty()),
            slurped: false,
            events: VecDeque::new(),
        }
    }

    /// Returns the next file's bytes; a file that cannot be read is complained of and passed over.
    fn next_bytes(&mut self) -> Option<Vec<u8>> {
        loop {
            let at = self.next_file;
            let name = match self.options.files.get(at) {
                Some(name) => name.as_str(),
                None if at == 0 => "-",
                None => return None,
            };
            self.next_file += 1;
            match read_input(name) {
                Ok(bytes) => {
                    self.file.set((at < self.options.files.len()).then_some(at));
                    return Some(bytes);
                }
                Err(error) => {
                    warn(format_args!("error: Could not open {name}: {}", reason(&error)));
                    self.unreadable.set(true);
                }
            }
            if at >= self.options.files.len() {
                return None;
            }
        }
    }

    fn parse(&self, bytes: Vec<u8>) -> Box<dyn Iterator<Item = Result<Val, String>>> {
        let mut values = Vec::new();
        if self.options.raw_input {
            let body = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
            if !bytes.is_empty() {
                values.extend(body.split(|byte| *byte == b'\n').map(|line| Ok(Val::utf8_str(line.to_vec()))));
            }
            return Box::new(values.into_iter());
        }
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
        for value in read::parse_many(bytes) {
            let failed = value.is_err();
            values.push(value.map_err(|error| format!("parse error: {error}")));
            if failed {
                break;
            }
        }
        Box::new(values.into_iter())
    }

    fn next_value(&mut self) -> Option<Result<Val, String>> {
        if self.options.slurp {
            if std::mem::replace(&mut self.slurped, true) {
                return None;
            }
            return Some(self.slurp());
        }
        loop {
            if let Some(value) = self.values.next() {
                return Some(value);
            }
            let bytes = self.next_bytes()?;
            self.values = self.parse(bytes);
        }
    }

    fn slurp(&mut self) -> Result<Val, String> {
        let mut text = Vec::new();
        let mut values = Vec::new();
        while let Some(bytes) = self.next_bytes() {
            if self.options.raw_input {
                text.extend(bytes);
            } else {
                for value in self.parse(bytes) {
                    values.push(value?);
                }
            }
        }
        Ok(if self.options.raw_input { Val::utf8_str(text) } else { values.into_iter().collect() })
    }
}

impl Iterator for Inputs<'_> {
    type Item = Result<Val, String>;

    fn next(&mut self) -> Option<Self::Item> {
        if !self.options.stream {
            return self.next_value();
        }
        if self.events.is_empty() {
            match self.next_value()? {
                Ok(value) => events(&value, &mut Vec::new(), &mut self.events),
                Err(error) => return Some(Err(error)),
            }
        }
        self.events.pop_front().map(Ok)
    }
}

/// Takes a value apart as `--stream` shows it: each leaf with its path, and the end of each array and object.
fn events(value: &Val, path: &mut Vec<Val>, events_out: &mut VecDeque<Val>) {
    let children: Vec<(Val, Val)> = match value {
        Val::Arr(items) => items.iter().enumerate().map(|(at, item)| (Val::from(at as isize), item.clone())).collect(),
        Val::Obj(fields) => fields.iter().map(|(key, field)| (key.clone(), field.clone())).collect(),
        _ => Vec::new(),
    };
    let path_value = |path: &[Val]| path.iter().cloned().collect::<Val>();
    if children.is_empty() {
        events_out.push_back([path_value(path), value.clone()].into_iter().collect());
        return;
    }
    let last = children.last().map(|(key, _)| key.clone());
    for (key, child) in children {
        path.push(key);
        events(&child, path, events_out);
        path.pop();
    }
    path.extend(last);
    events_out.push_back([path_value(path)].into_iter().collect());
    path.pop();
}

/// Returns where the current input is from, for messages.
pub fn place<'a>(context: &Ctx<'a>) -> &'a str {
    file_of(context).unwrap_or("<stdin>")
}
