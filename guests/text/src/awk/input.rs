//! The main input, and `getline`.

use super::ast::{Place, Source, Special};
use super::interp::{Fatal, Interp};
use super::lexer;
use super::streams;
use super::value::{Cell, Value};
use crate::io::{self, Input};
use std::rc::Rc;

impl Interp<'_> {
    /// Reads the next record of the main input into `$0`; returns whether there was one.
    pub(super) fn read_main_record(&mut self) -> Result<bool, Fatal> {
        let mut record = std::mem::take(&mut self.spare);
        let read = self.next_main(&mut record)?;
        if read {
            // The old record's room is for the next one; after the last one, the record stays for END.
            self.spare = self.record.take_buffer();
            self.record.set(Rc::new(record));
        }
        Ok(read)
    }

    /// Reads the next record of the main input and counts it.
    fn next_main(&mut self, record: &mut Vec<u8>) -> Result<bool, Fatal> {
        let mut end = Vec::new();
        loop {
            let Some(mut input) = self.main_input.take() else {
                if !self.open_next()? {
                    return Ok(false);
                }
                continue;
            };
            match streams::read_record(&mut input, &self.record_end, record, &mut end) {
                Ok(true) => {
                    self.main_input = Some(input);
                    self.nr += 1.0;
                    self.fnr += 1.0;
                    self.set_terminator(end);
                    return Ok(true);
                }
                Ok(false) => {}
                Err(error) => self.warn(&format!("read error ({})", io::message(&error))),
            }
        }
    }

    fn set_terminator(&mut self, end: Vec<u8>) {
        // Only a pattern leaves anything to know.
        if !matches!(self.record_end, streams::RecordEnd::Byte(_)) {
            self.specials[Special::Rt as usize] = Cell::Scalar(Value::string(end));
        }
    }

    fn warn(&mut self, message: &str) {
        self.stdout.flush();
        eprintln!("awk: {message}");
        self.failed = true;
    }

    /// Opens the next file among the operands, doing the assignments on the way.
    fn open_next(&mut self) -> Result<bool, Fatal> {
        if self.main_is_done {
            return Ok(false);
        }
        loop {
            let argc = match &self.specials[Special::Argc as usize] {
                Cell::Scalar(value) => value.to_number() as usize,
                Cell::Array(_) => 0,
            };
            self.next_argument += 1;
            if self.next_argument >= argc {
                break;
            }
            let operand = match &self.specials[Special::Argv as usize] {
                Cell::Array(argv) => argv.borrow().get(self.next_argument.to_string().as_bytes()).cloned(),
                Cell::Scalar(_) => None,
            };
            let operand = operand.unwrap_or_default().to_text(b"%.6g");
            let operand = String::from_utf8_lossy(&operand).into_owned();
            if operand.is_empty() {
                continue;
            }
            if self.assign_operand(&operand)? {
                continue;
            }
            self.used_a_file = true;
            self.fnr = 0.0;
            self.specials[Special::Filename as usize] = Cell::Scalar(Value::string(operand.clone().into_bytes()));
            let is_dir = std::fs::metadata(&operand).is_ok_and(|file| file.is_dir());
            if is_dir {
                self.stdout.flush();
                eprintln!("awk: warning: command line argument `{operand}' is a directory: skipped");
                continue;
            }
            match Input::open(if operand == "/dev/stdin" { "-" } else { &operand }) {
                Ok(input) => {
                    self.main_input = Some(input);
                    return Ok(true);
                }
                Err(error) => return Err(format!("cannot open \"{operand}\" ({})", io::message(&error)).into()),
            }
        }
        self.main_is_done = true;
        if self.used_a_file {
            return Ok(false);
        }
        self.main_input = Some(Input::stdin());
        Ok(true)
    }

    /// Does the assignment that `operand` is; returns whether it is one.
    pub fn assign_operand(&mut self, operand: &str) -> Result<bool, Fatal> {
        let Some((name, value)) = operand.split_once('=') else { return Ok(false) };
        let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !is_name {
            return Ok(false);
        }
        let value = Value::Input(Rc::new(lexer::unescape(value.as_bytes())));
        if let Some((_, special)) = super::ast::SPECIALS.iter().find(|(special, _)| *special == name) {
            self.assign_special(*special, value)?;
        } else if let Some(index) = self.program.globals.iter().position(|global| global == name) {
            self.globals[index] = Cell::Scalar(value);
        }
        Ok(true)
    }

    /// Reads a record: returns 1, 0 at the end, or -1 if it can't.
    pub(super) fn getline(&mut self, source: &Source, place: Option<&Place>) -> Result<f64, Fatal> {
        let mut record = Vec::new();
        let mut end = Vec::new();
        let read = match source {
            Source::Main => Ok(self.next_main(&mut record)?),
            Source::File(name) => {
                let name = self.eval_text(name)?;
                self.streams
                    .file(&name)
                    .and_then(|input| streams::read_record(input, &self.record_end, &mut record, &mut end))
            }
            Source::Command(name) => {
                let name = self.eval_text(name)?;
                if !self.streams.is_reading(&name) {
                    self.stdout.flush();
                    self.streams.flush_all();
                }
                let read = self
                    .streams
                    .command(&name)
                    .and_then(|input| streams::read_record(input, &self.record_end, &mut record, &mut end));
                if matches!(read, Ok(true)) {
                    self.nr += 1.0;
                    self.fnr += 1.0;
                }
                read
            }
        };
        match read {
            Err(_) => return Ok(-1.0),
            Ok(false) => return Ok(0.0),
            Ok(true) => {}
        }
        if !matches!(source, Source::Main) {
            self.set_terminator(end);
        }
        match place {
            Some(place) => self.assign(place, Value::Input(Rc::new(record)))?,
            None => self.record.set(Rc::new(record)),
        }
        Ok(1.0)
    }
}
