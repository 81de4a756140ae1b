//! What the sandbox's shell shows: everything it writes, except for the prompts that it announces.
//!
//! An announcement is `ESC _ mark ; kind ; directory ESC \`, an application program command, which terminals ignore. The
//! mark is different each time, so that no file that a command shows can fake one.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context as _;
use parking_lot::Mutex;
use stillbox::OutputSink;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// What ends an announcement.
const END: &[u8] = b"\x1b\\";

/// The longest announcement, in bytes: what is longer isn't one.
const ANNOUNCEMENT_BYTES_MAX: usize = 16 << 10;

/// The shell waits for a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Prompt {
    /// Whether it wants more of a command that isn't complete.
    pub(super) more: bool,
    /// Its working directory.
    pub(super) cwd: String,
}

/// Our terminal as a shell writes to it.
pub(super) struct Screen {
    stdout: Arc<Stream>,
    stderr: Arc<Stream>,
    at_line_start: Arc<AtomicBool>,
}

struct Stream {
    file: File,
    filter: Mutex<Filter>,
    prompts: UnboundedSender<Prompt>,
    at_line_start: Arc<AtomicBool>,
}

impl Screen {
    /// Returns our terminal, and the prompts that are announced with `mark`.
    pub(super) fn new(mark: &str) -> anyhow::Result<(Self, UnboundedReceiver<Prompt>)> {
        let (sender, prompts) = unbounded_channel();
        let at_line_start = Arc::new(AtomicBool::new(true));
        let stream = |output: &dyn AsFd| {
            let file = output.as_fd().try_clone_to_owned().context("cannot use the terminal")?;
            let (prompts, at_line_start) = (sender.clone(), at_line_start.clone());
            anyhow::Ok(Arc::new(Stream {
                file: file.into(),
                filter: Mutex::new(Filter::new(mark)),
                prompts,
                at_line_start,
            }))
        };
        let (stdout, stderr) = (stream(&io::stdout())?, stream(&io::stderr())?);
        Ok((Self { stdout, stderr, at_line_start }, prompts))
    }

    pub(super) fn stdout(&self) -> Arc<dyn OutputSink> {
        self.stdout.clone()
    }

    pub(super) fn stderr(&self) -> Arc<dyn OutputSink> {
        self.stderr.clone()
    }

    /// Goes to the beginning of a line, lest the prompt overwrite what a command left in it.
    pub(super) fn begin_line(&self) -> io::Result<()> {
        if !self.at_line_start.swap(true, Ordering::AcqRel) {
            (&self.stdout.file).write_all(b"\n")?;
        }
        Ok(())
    }
}

impl OutputSink for Stream {
    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let mut filter = self.filter.lock();
        let mut shown = Vec::with_capacity(bytes.len());
        let prompts = filter.pass(bytes, &mut shown);
        if let Some(last) = shown.last() {
            (&self.file).write_all(&shown)?;
            self.at_line_start.store(*last == b'\n', Ordering::Release);
        }
        for prompt in prompts {
            // Nobody waits for a prompt any more when the session is over.
            let _ = self.prompts.send(prompt);
        }
        Ok(())
    }
}

/// Takes announcements out of a stream of bytes, wherever it is cut.
struct Filter {
    begin: Vec<u8>,
    /// What may become an announcement: it begins as one.
    held: Vec<u8>,
}

impl Filter {
    fn new(mark: &str) -> Self {
        Self { begin: format!("\x1b_{mark};").into_bytes(), held: Vec::new() }
    }

    /// Appends to `shown` what is to be shown of `bytes` and of what was held back, and returns what was announced.
    fn pass(&mut self, bytes: &[u8], shown: &mut Vec<u8>) -> Vec<Prompt> {
        let mut prompts = Vec::new();
        for &byte in bytes {
            self.held.push(byte);
            if self.held.len() <= self.begin.len() {
                // An announcement has one ESC at its beginning, so what doesn't go on as one can at most begin anew.
                if !self.begin.starts_with(&self.held) {
                    self.held.pop();
                    shown.append(&mut self.held);
                    if byte == self.begin[0] { self.held.push(byte) } else { shown.push(byte) }
                }
            } else if self.held.ends_with(END) {
                let text = &self.held[self.begin.len()..self.held.len() - END.len()];
                prompts.extend(parse(text));
                self.held.clear();
            } else if self.held.len() > ANNOUNCEMENT_BYTES_MAX {
                shown.append(&mut self.held);
            }
        }
        prompts
    }
}

fn parse(text: &[u8]) -> Option<Prompt> {
    let text = String::from_utf8_lossy(text);
    let (kind, cwd) = text.split_once(';')?;
    Some(Prompt { more: kind == "more", cwd: cwd.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prompt(more: bool, cwd: &str) -> Prompt {
        Prompt { more, cwd: cwd.to_owned() }
    }

    #[test]
    fn announcements_are_taken_out_wherever_the_stream_is_cut() {
        let text = b"a\x1b_m;command;/tmp/x\x1b\\b\x1b[1m\x1b\x1b_m;more;/\x1b\\c\x1b_n;more;/\x1b\\";
        for size in 1..=text.len() {
            let (mut filter, mut shown, mut prompts) = (Filter::new("m"), Vec::new(), Vec::new());
            for chunk in text.chunks(size) {
                prompts.extend(filter.pass(chunk, &mut shown));
            }
            assert_eq!(shown, b"ab\x1b[1m\x1bc\x1b_n;more;/\x1b\\", "in pieces of {size}");
            assert_eq!(prompts, [prompt(false, "/tmp/x"), prompt(true, "/")]);
        }
    }

    #[test]
    fn what_never_ends_is_shown() {
        let (mut filter, mut shown) = (Filter::new("m"), Vec::new());
        let text = [b"\x1b_m;", &[b'x'; ANNOUNCEMENT_BYTES_MAX][..]].concat();
        assert_eq!(filter.pass(&text, &mut shown), []);
        assert_eq!(shown, text);
    }
}
