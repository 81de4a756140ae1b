//! Buffered input and output that end quietly when nobody reads.

use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};

const BUFFER: usize = 64 << 10;

/// The exit status of a process that died of SIGPIPE, as a shell shows it.
const BROKEN_PIPE: i32 = 128 + 13;

/// The standard output, or a file written in its place.
pub struct Output {
    target: Target,
    buffer: Vec<u8>,
    /// Whether each line goes out at once.
    by_line: bool,
}

enum Target {
    Stdout,
    Stderr,
    Writer(Box<dyn Write>),
}

impl Output {
    /// Returns the standard output. What is written is buffered; on a terminal, by lines.
    pub fn stdout() -> Output {
        Output { target: Target::Stdout, buffer: Vec::new(), by_line: io::stdout().is_terminal() }
    }

    /// Returns the standard error, buffered by lines.
    pub fn stderr() -> Output {
        Output { target: Target::Stderr, buffer: Vec::new(), by_line: true }
    }

    /// Returns buffered output into `file`.
    pub fn file(file: File) -> Output {
        Output::writer(Box::new(file))
    }

    /// Returns buffered output into `writer`.
    pub fn writer(writer: Box<dyn Write>) -> Output {
        Output { target: Target::Writer(writer), buffer: Vec::new(), by_line: false }
    }

    /// Makes each line go out at once.
    pub fn set_unbuffered(&mut self) {
        self.by_line = true;
    }

    /// Writes all of `bytes`, sooner or later. Ends the process if nobody reads them.
    pub fn write(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= BUFFER || (self.by_line && bytes.contains(&b'\n')) {
            self.flush();
        }
    }

    /// Writes what is buffered. Ends the process if it can't be written.
    pub fn flush(&mut self) {
        if let Err(error) = self.try_flush() {
            if error.kind() == io::ErrorKind::BrokenPipe {
                std::process::exit(BROKEN_PIPE);
            }
            eprintln!("{}: write error: {}", crate::program(), message(&error));
            std::process::exit(2);
        }
    }

    /// Writes what is buffered.
    pub fn try_flush(&mut self) -> io::Result<()> {
        let result = match &mut self.target {
            Target::Stdout => {
                let mut stdout = io::stdout().lock();
                stdout.write_all(&self.buffer).and_then(|()| stdout.flush())
            }
            Target::Stderr => io::stderr().write_all(&self.buffer),
            Target::Writer(writer) => writer.write_all(&self.buffer),
        };
        self.buffer.clear();
        result
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        // What must not be lost is flushed by name; a destructor has nobody to tell.
        let _ = self.try_flush();
    }
}

/// A stream read in records that end in a given byte.
pub struct Input {
    source: Box<dyn Read>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    at_end: bool,
}

impl Input {
    /// Returns buffered input from `source`.
    pub fn new(source: Box<dyn Read>) -> Input {
        Input { source, buffer: Vec::new(), start: 0, end: 0, at_end: false }
    }

    /// Opens the file at `path`, or the standard input for `-`.
    pub fn open(path: &str) -> io::Result<Input> {
        Ok(if path == "-" { Input::stdin() } else { Input::new(Box::new(open_file(path)?)) })
    }

    /// Returns the standard input.
    pub fn stdin() -> Input {
        Input::new(Box::new(io::stdin()))
    }

    /// Returns what is buffered and not taken yet.
    pub fn buffered(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Takes `count` bytes of what is buffered.
    pub fn consume(&mut self, count: usize) {
        self.start += count;
    }

    /// Reads more behind what is buffered; returns `false` at the end of the stream.
    pub fn fill(&mut self) -> io::Result<bool> {
        if self.at_end {
            return Ok(false);
        }
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.buffer.len() - self.end < BUFFER / 2 {
            self.buffer.resize((self.buffer.len() * 2).max(BUFFER), 0);
        }
        loop {
            match self.source.read(&mut self.buffer[self.end..]) {
                Ok(0) => {
                    self.at_end = true;
                    return Ok(false);
                }
                Ok(count) => {
                    self.end += count;
                    return Ok(true);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Takes the next record into `record`, without the `end` byte; `None` at the end of the stream, else whether the
    /// record had its `end`.
    pub fn read_record(&mut self, end: u8, record: &mut Vec<u8>) -> io::Result<Option<bool>> {
        record.clear();
        let mut searched = 0;
        loop {
            let available = &self.buffer[self.start..self.end];
            if let Some(found) = memchr::memchr(end, &available[searched..]) {
                record.extend_from_slice(&available[..searched + found]);
                self.start += searched + found + 1;
                return Ok(Some(true));
            }
            searched = available.len();
            if !self.fill()? {
                if searched == 0 {
                    return Ok(None);
                }
                record.extend_from_slice(&self.buffer[self.start..self.end]);
                self.start = self.end;
                return Ok(Some(false));
            }
        }
    }

    /// Tells whether nothing is left to take.
    pub fn is_at_end(&mut self) -> io::Result<bool> {
        Ok(self.start == self.end && !self.fill()?)
    }
}

/// Opens a file for reading; a directory gives the error that reading one gives.
pub fn open_file(path: &str) -> io::Result<File> {
    let path = if path == "/dev/stdin" && !std::path::Path::new(path).exists() { "/dev/fd/0" } else { path };
    File::open(path)
}

/// Returns what a C library calls this error: `No such file or directory`.
pub fn message(error: &io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error") {
        Some(at) => text[..at].to_owned(),
        None => text,
    }
}
