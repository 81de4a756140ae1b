//! Files, pipes and records.

use crate::io::{Input, Output};
use crate::process;
use crate::regex::Regex;
use std::collections::HashMap;
use std::io;
use std::rc::Rc;
use stillbox_sys::{Pid, Status};

/// What records end in.
pub enum RecordEnd {
    Byte(u8),
    /// Empty lines.
    Paragraph,
    Regex(Rc<Regex>),
}

/// Takes the next record of `input` into `record` and what it ended in into `end`; returns whether there was one.
pub fn read_record(input: &mut Input, how: &RecordEnd, record: &mut Vec<u8>, end: &mut Vec<u8>) -> io::Result<bool> {
    end.clear();
    match how {
        RecordEnd::Byte(byte) => {
            let read = input.read_record(*byte, record)?;
            end.extend((read == Some(true)).then_some(*byte));
            Ok(read.is_some())
        }
        RecordEnd::Paragraph => paragraph(input, record, end),
        RecordEnd::Regex(regex) => {
            record.clear();
            loop {
                let buffered = input.buffered();
                let mut from = 0;
                let mut found = None;
                while let Some((start, stop)) = regex.find_at(buffered, from) {
                    if stop > start {
                        found = Some((start, stop));
                        break;
                    }
                    from = stop + 1;
                    if from > buffered.len() {
                        break;
                    }
                }
                // A match at the end of what is there may get longer.
                let is_certain = found.is_some_and(|(_, stop)| stop < buffered.len());
                if !is_certain && input.fill()? {
                    continue;
                }
                let buffered = input.buffered();
                let (start, stop) = found.unwrap_or((buffered.len(), buffered.len()));
                if buffered.is_empty() {
                    return Ok(false);
                }
                record.extend_from_slice(&buffered[..start]);
                end.extend_from_slice(&buffered[start..stop]);
                input.consume(stop);
                return Ok(true);
            }
        }
    }
}

fn paragraph(input: &mut Input, record: &mut Vec<u8>, end: &mut Vec<u8>) -> io::Result<bool> {
    record.clear();
    let mut line = Vec::new();
    loop {
        match input.read_record(b'\n', &mut line)? {
            None => return Ok(!record.is_empty()),
            Some(_) if line.is_empty() && record.is_empty() => {}
            Some(_) if line.is_empty() => break,
            Some(_) => {
                if !record.is_empty() {
                    record.push(b'\n');
                }
                record.extend_from_slice(&line);
            }
        }
    }
    end.extend_from_slice(b"\n\n");
    // All further empty lines belong to this end.
    loop {
        let buffered = input.buffered();
        let lines = buffered.iter().take_while(|&&byte| byte == b'\n').count();
        let at_end = lines == buffered.len();
        end.resize(end.len() + lines, b'\n');
        input.consume(lines);
        if !at_end || !input.fill()? {
            return Ok(true);
        }
    }
}

/// Returns the number that `close` and `system` give for how a program ended.
pub fn status_number(status: Status) -> f64 {
    match status {
        Status::Exited(code) => f64::from(code),
        Status::Signaled(signal) | Status::Stopped(signal) => f64::from(256 + signal),
    }
}

struct Reader {
    input: Input,
    /// The program that writes it.
    child: Option<Pid>,
}

struct Writer {
    output: Output,
    child: Option<Pid>,
}

/// The files and programs that a program reads and writes, by the text that names them.
#[derive(Default)]
pub struct Streams {
    readers: HashMap<Vec<u8>, Reader>,
    writers: HashMap<Vec<u8>, Writer>,
    /// The names in `writers`, in the order in which they were opened.
    order: Vec<Vec<u8>>,
}

/// How a file is opened for writing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Write,
    Append,
    Pipe,
}

impl Streams {
    /// Returns the file to read called `name`.
    pub fn file(&mut self, name: &[u8]) -> io::Result<&mut Input> {
        if !self.readers.contains_key(name) {
            let text = String::from_utf8_lossy(name);
            let path = if text == "/dev/stdin" { "-" } else { &text };
            let reader = Reader { input: Input::open(path)?, child: None };
            self.readers.insert(name.to_vec(), reader);
        }
        self.readers.get_mut(name).map(|reader| &mut reader.input).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Returns what the command `name` writes.
    pub fn command(&mut self, name: &[u8]) -> io::Result<&mut Input> {
        if !self.readers.contains_key(name) {
            let (pid, end) =
                process::read_from(process::shell(name)).map_err(|errno| io::Error::other(errno.to_string()))?;
            self.readers.insert(name.to_vec(), Reader { input: Input::new(Box::new(end)), child: Some(pid) });
        }
        self.readers.get_mut(name).map(|reader| &mut reader.input).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Tells whether the command `name` is being read.
    pub fn is_reading(&self, name: &[u8]) -> bool {
        self.readers.contains_key(name)
    }

    /// Tells whether something is written under `name`.
    pub fn is_writing(&self, name: &[u8]) -> bool {
        self.writers.contains_key(name)
    }

    /// Returns the file or command to write called `name`.
    pub fn writer(&mut self, name: &[u8], mode: Mode) -> io::Result<&mut Output> {
        if !self.writers.contains_key(name) {
            let path = String::from_utf8_lossy(name);
            let writer = match (mode, &*path) {
                (Mode::Pipe, _) => {
                    let (pid, end) =
                        process::write_to(process::shell(name)).map_err(|errno| io::Error::other(errno.to_string()))?;
                    Writer { output: Output::writer(Box::new(end)), child: Some(pid) }
                }
                (_, "/dev/stderr") => Writer { output: Output::stderr(), child: None },
                (mode, path) => {
                    let mut options = std::fs::OpenOptions::new();
                    options.create(true);
                    match mode {
                        Mode::Append => options.append(true),
                        _ => options.write(true).truncate(true),
                    };
                    Writer { output: Output::file(options.open(path)?), child: None }
                }
            };
            self.order.push(name.to_vec());
            self.writers.insert(name.to_vec(), writer);
        }
        self.writers.get_mut(name).map(|writer| &mut writer.output).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Writes what is buffered for `name`; returns whether something is written under it.
    pub fn flush(&mut self, name: &[u8]) -> bool {
        self.writers.get_mut(name).is_some_and(|writer| writer.output.try_flush().is_ok())
    }

    /// Writes everything that is buffered.
    pub fn flush_all(&mut self) {
        for writer in self.writers.values_mut() {
            // A program that reads no more is its own business.
            let _ = writer.output.try_flush();
        }
    }

    /// Closes what is read or written under `name`; returns how its program ended, 0 for a file, -1 if there is none.
    pub fn close(&mut self, name: &[u8]) -> f64 {
        let mut result = -1.0;
        if let Some(mut writer) = self.writers.remove(name) {
            self.order.retain(|open| open != name);
            let failed = writer.output.try_flush().is_err();
            drop(writer.output);
            result = if failed { -1.0 } else { 0.0 };
            if let Some(pid) = writer.child {
                result = process::wait(pid).map_or(-1.0, status_number);
            }
        }
        if let Some(reader) = self.readers.remove(name) {
            drop(reader.input);
            result = reader.child.map_or(0.0, |pid| process::wait(pid).map_or(-1.0, status_number));
        }
        result
    }

    /// Closes everything, in the order in which it was opened.
    pub fn close_all(&mut self) {
        for name in std::mem::take(&mut self.order) {
            self.close(&name);
        }
        let names: Vec<Vec<u8>> = self.readers.keys().cloned().collect();
        for name in names {
            self.close(&name);
        }
    }
}
