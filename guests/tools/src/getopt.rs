//! Options as GNU's `getopt_long` reads them: clusters, values attached or apart, unambiguous abbreviations of long
//! names, operands anywhere, `--`. The errors have its wording, since scripts and people know it.

use crate::program::Failure;

/// A long option: its name, followed by `=` when it takes a value and `=?` when it may, and the key to report.
pub type Long = (&'static str, &'static str);

/// An option that was given: its key and its value.
pub type Given = (&'static str, Option<String>);

/// Reads a command's arguments one option at a time.
pub struct Getopt<'a> {
    args: &'a [String],
    next: usize,
    /// What is left of a cluster of short options such as `-abc`.
    cluster: &'a str,
    operands: Vec<String>,
    short: &'static str,
    long: &'a [Long],
    stops_at_operand: bool,
    status: i32,
}

#[derive(Clone, Copy, PartialEq)]
enum Takes {
    Nothing,
    Value,
    MaybeValue,
}

impl<'a> Getopt<'a> {
    /// Returns a reader of `args`. `short` is getopt's own notation: `ab:c::`, with a leading `+` to stop at the first
    /// operand. A short option's key is its letter.
    pub fn new(args: &'a [String], short: &'static str, long: &'a [Long]) -> Self {
        let stops_at_operand = short.starts_with('+');
        let short = short.trim_start_matches('+');
        Self { args, next: 0, cluster: "", operands: Vec::new(), short, long, stops_at_operand, status: 1 }
    }

    /// Sets the exit status of a usage error; it is 1 otherwise.
    pub fn usage_status(mut self, status: i32) -> Self {
        self.status = status;
        self
    }

    /// Returns the next option, or `None` when only operands are left.
    ///
    /// # Errors
    /// An unknown or ambiguous option, a missing value, a value where none is allowed.
    pub fn next_option(&mut self) -> Result<Option<Given>, Failure> {
        loop {
            if !self.cluster.is_empty() {
                return self.short_option().map(Some);
            }
            let Some(arg) = self.args.get(self.next) else { return Ok(None) };
            self.next += 1;
            if arg == "--" {
                self.operands.extend_from_slice(&self.args[self.next..]);
                self.next = self.args.len();
            } else if let Some(long) = arg.strip_prefix("--") {
                return self.long_option(long).map(Some);
            } else if arg.len() > 1 && arg.starts_with('-') {
                self.cluster = &arg[1..];
            } else if self.stops_at_operand {
                self.operands.extend_from_slice(&self.args[self.next - 1..]);
                self.next = self.args.len();
            } else {
                self.operands.push(arg.clone());
            }
        }
    }

    /// Returns the arguments that have not been looked at.
    pub fn rest(&self) -> &'a [String] {
        &self.args[self.next..]
    }

    /// Returns the operands; call it after the last option.
    pub fn operands(self) -> Vec<String> {
        self.operands
    }

    fn usage<T>(&self, message: String) -> Result<T, Failure> {
        Err(Failure::usage(self.status, message))
    }

    fn short_option(&mut self) -> Result<Given, Failure> {
        let letter = self.cluster.chars().next().unwrap_or_default();
        self.cluster = &self.cluster[letter.len_utf8()..];
        let position = if letter == ':' { None } else { self.short.find(letter) };
        let Some(position) = position else {
            return self.usage(format!("invalid option -- '{letter}'"));
        };
        let key = &self.short[position..position + letter.len_utf8()];
        let takes = match &self.short.as_bytes()[position + letter.len_utf8()..] {
            [b':', b':', ..] => Takes::MaybeValue,
            [b':', ..] => Takes::Value,
            _ => Takes::Nothing,
        };
        if takes == Takes::Nothing {
            return Ok((key, None));
        }
        if !self.cluster.is_empty() {
            return Ok((key, Some(std::mem::take(&mut self.cluster).to_owned())));
        }
        match (takes, self.take_arg()) {
            (Takes::MaybeValue, None) => Ok((key, None)),
            // An optional value must be attached.
            (Takes::MaybeValue, Some(_)) => {
                self.next -= 1;
                Ok((key, None))
            }
            (_, Some(value)) => Ok((key, Some(value))),
            (_, None) => self.usage(format!("option requires an argument -- '{letter}'")),
        }
    }

    fn long_option(&mut self, text: &'a str) -> Result<Given, Failure> {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (text, None),
        };
        let (full, takes, key) = self.find_long(name)?;
        match (takes, value) {
            (Takes::Nothing, Some(_)) => self.usage(format!("option '--{full}' doesn't allow an argument")),
            (Takes::Value, None) => match self.take_arg() {
                Some(value) => Ok((key, Some(value))),
                None => self.usage(format!("option '--{full}' requires an argument")),
            },
            (_, value) => Ok((key, value)),
        }
    }

    fn find_long(&self, name: &str) -> Result<(&'static str, Takes, &'static str), Failure> {
        let mut found: Vec<(&'static str, Takes, &'static str)> = Vec::new();
        for &(spec, key) in self.long {
            let (full, takes) = if let Some(full) = spec.strip_suffix("=?") {
                (full, Takes::MaybeValue)
            } else if let Some(full) = spec.strip_suffix('=') {
                (full, Takes::Value)
            } else {
                (spec, Takes::Nothing)
            };
            if full == name {
                return Ok((full, takes, key));
            }
            if full.starts_with(name) && !found.iter().any(|other| other.2 == key) {
                found.push((full, takes, key));
            }
        }
        match found.as_slice() {
            [] => self.usage(format!("unrecognized option '--{name}'")),
            [only] => Ok(*only),
            several => {
                let names: String = several.iter().map(|each| format!(" '--{}'", each.0)).collect();
                self.usage(format!("option '--{name}' is ambiguous; possibilities:{names}"))
            }
        }
    }

    fn take_arg(&mut self) -> Option<String> {
        let value = self.args.get(self.next)?.clone();
        self.next += 1;
        Some(value)
    }
}
