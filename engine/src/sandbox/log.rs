//! The log of a sandbox: what happened in it and what its processes wrote, in bounded memory.
//!
//! What is written is kept as it came, part by part; it is cut into lines when somebody reads the log.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::Arc;

use parking_lot::Mutex;
use stillbox_api::{LogFilter, LogLevel, LogLine, OutputSink, OutputStream};
use stillbox_kernel::clock::Clock;

use crate::process::Pid;
use crate::process::output::{Output, line_of};

/// A full log of output has at least so many parts.
const PARTS_MIN: usize = 16;

/// How much of a text that a caller gave an event quotes, in bytes.
pub(super) const QUOTED_BYTES_MAX: usize = 200;

/// The log of one sandbox.
pub(crate) struct Log {
    clock: Clock,
    state: Mutex<State>,
}

struct State {
    bytes: VecDeque<u8>,
    parts: VecDeque<Part>,
    /// How many bytes were forgotten, which is the position of the first one that is kept.
    start: u64,
    limit: usize,
}

/// Bytes that came from one source at one time.
struct Part {
    len: usize,
    source: Source,
    time_ms: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    /// Written by a process or one of its descendants.
    Output(Pid, OutputStream),
    /// The engine's own words, about a process or the sandbox.
    Event(Option<Pid>, LogLevel),
    /// The same, about the end of a process, which ends its lines too.
    End(Pid, LogLevel),
}

impl Log {
    /// Returns an empty log that holds `limit` bytes.
    pub(super) fn new(limit: u64, clock: Clock) -> Arc<Self> {
        let state = State { bytes: VecDeque::new(), parts: VecDeque::new(), start: 0, limit: 0 };
        let log = Arc::new(Self { clock, state: Mutex::new(state) });
        log.set_limit(limit);
        log
    }

    /// Changes how much the log holds.
    pub(super) fn set_limit(&self, limit: u64) {
        let mut state = self.state.lock();
        state.limit = usize::try_from(limit).unwrap_or(usize::MAX);
        state.evict();
    }

    /// Takes note of something about the sandbox as a whole.
    pub(super) fn event(&self, level: LogLevel, text: &str) {
        self.append(Source::Event(None, level), text.as_bytes(), self.now_ms());
    }

    /// Takes note of something about a process.
    pub(super) fn process_event(&self, pid: Pid, level: LogLevel, text: &str) {
        self.append(Source::Event(Some(pid), level), text.as_bytes(), self.now_ms());
    }

    /// Takes note of the end of a process.
    pub(super) fn process_ended(&self, pid: Pid, level: LogLevel, text: &str) {
        self.append(Source::End(pid, level), text.as_bytes(), self.now_ms());
    }

    /// Returns where a process writes one of its streams to: into its captured output and into the log.
    pub(crate) fn sink(self: &Arc<Self>, pid: Pid, output: Arc<Output>, stream: OutputStream) -> Arc<dyn OutputSink> {
        Arc::new(Recorder { log: self.clone(), pid, output, stream })
    }

    /// Returns the lines that are wanted.
    pub(super) fn lines(&self, filter: &LogFilter) -> Vec<LogLine> {
        filter.apply(self.state.lock().lines())
    }

    fn append(&self, source: Source, bytes: &[u8], time_ms: u64) {
        self.state.lock().append(source, bytes, time_ms);
    }

    fn now_ms(&self) -> u64 {
        self.clock.wall_ns() / 1_000_000
    }
}

impl State {
    fn append(&mut self, source: Source, bytes: &[u8], time_ms: u64) {
        let skipped = bytes.len().saturating_sub(self.limit);
        if skipped > 0 {
            self.forget_all();
            self.start += skipped as u64;
        }
        // Parts are forgotten as a whole, so what a process writes is many; an event is one.
        let part_len_max = match source {
            Source::Output(..) => (self.limit / PARTS_MIN).max(1),
            Source::Event(..) | Source::End(..) => self.limit.max(1),
        };
        for bytes in bytes[skipped..].chunks(part_len_max) {
            self.bytes.extend(bytes);
            match self.parts.back_mut() {
                Some(last) if last.continues(source, time_ms) && last.len + bytes.len() <= part_len_max => {
                    last.len += bytes.len();
                }
                _ => self.parts.push_back(Part { len: bytes.len(), source, time_ms }),
            }
        }
        self.evict();
    }

    fn forget_all(&mut self) {
        self.start += self.bytes.len() as u64;
        self.bytes.clear();
        self.parts.clear();
    }

    /// Forgets the oldest parts, which count with what describes them, until the rest is as little as may be held.
    fn evict(&mut self) {
        while self.bytes.len() + self.parts.len() * size_of::<Part>() > self.limit {
            let Some(oldest) = self.parts.pop_front() else { break };
            self.bytes.drain(..oldest.len);
            self.start += oldest.len as u64;
        }
    }

    /// Returns all lines, in the order in which they ended. The oldest ones may lack their beginnings.
    fn lines(&self) -> Vec<LogLine> {
        let mut lines = Vec::new();
        let mut unended: HashMap<(Pid, OutputStream), Vec<u8>> = HashMap::new();
        let mut bytes = self.bytes.iter().copied();
        let mut position = self.start;
        for part in &self.parts {
            let written: Vec<u8> = bytes.by_ref().take(part.len).collect();
            match part.source {
                Source::Output(pid, stream) => {
                    let line = unended.entry((pid, stream)).or_default();
                    for (number, byte) in (position..).zip(written) {
                        if byte == b'\n' {
                            lines.push(part.line_of(number, pid, stream, line));
                            line.clear();
                        } else {
                            line.push(byte);
                        }
                    }
                }
                Source::Event(pid, level) => lines.push(part.event(position, pid, level, &written)),
                Source::End(pid, level) => {
                    // The event's own bytes give numbers to what it ends.
                    let mut number = position;
                    for stream in [OutputStream::Stdout, OutputStream::Stderr] {
                        let line = unended.remove(&(pid, stream)).filter(|line| !line.is_empty());
                        lines.extend(line.map(|line| part.line_of(number, pid, stream, &line)));
                        number += 1;
                    }
                    lines.push(part.event(number, Some(pid), level, &written));
                }
            }
            position += part.len as u64;
        }
        lines
    }
}

impl Part {
    /// Returns whether more of a source belongs to this part. Each event is one of its own.
    fn continues(&self, source: Source, time_ms: u64) -> bool {
        matches!(source, Source::Output(..)) && self.source == source && self.time_ms == time_ms
    }

    fn line_of(&self, number: u64, pid: Pid, stream: OutputStream, bytes: &[u8]) -> LogLine {
        let level = match stream {
            OutputStream::Stdout => LogLevel::Info,
            OutputStream::Stderr => LogLevel::Error,
        };
        LogLine {
            number,
            pid: Some(pid),
            stream: Some(stream),
            level,
            timestamp_ms: self.time_ms,
            line: line_of(bytes),
        }
    }

    fn event(&self, number: u64, pid: Option<Pid>, level: LogLevel, text: &[u8]) -> LogLine {
        let line = String::from_utf8_lossy(text).into_owned();
        LogLine { number, pid, stream: None, level, timestamp_ms: self.time_ms, line }
    }
}

/// A process's way to one stream of its output.
struct Recorder {
    log: Arc<Log>,
    pid: Pid,
    output: Arc<Output>,
    stream: OutputStream,
}

impl OutputSink for Recorder {
    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let time_ms = self.log.now_ms();
        self.log.append(Source::Output(self.pid, self.stream), bytes, time_ms);
        self.output.write(self.stream, bytes, time_ms)
    }
}

/// Returns the beginning of a text that may be long.
pub(super) fn quoted(text: &str) -> &str {
    &text[..text.floor_char_boundary(QUOTED_BYTES_MAX)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(log: &Log) -> Vec<String> {
        log.lines(&LogFilter::default()).into_iter().map(|line| line.line).collect()
    }

    fn write(log: &Log, pid: Pid, stream: OutputStream, text: &str) {
        log.append(Source::Output(pid, stream), text.as_bytes(), 1);
    }

    #[test]
    fn lines_are_whole_and_come_in_the_order_of_their_ends() {
        let log = Log::new(1 << 16, Clock::real());
        log.event(LogLevel::Info, "made");
        write(&log, 2, OutputStream::Stdout, "a");
        write(&log, 3, OutputStream::Stdout, "x\r\ny");
        write(&log, 2, OutputStream::Stderr, "e");
        write(&log, 2, OutputStream::Stdout, "b\nc");
        assert_eq!(texts(&log), ["made", "x", "ab"]);
        log.process_ended(2, LogLevel::Info, "exited with 0");
        assert_eq!(texts(&log), ["made", "x", "ab", "c", "e", "exited with 0"]);
        let numbers: Vec<u64> = log.lines(&LogFilter::default()).into_iter().map(|line| line.number).collect();
        assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
        let rest = log.lines(&LogFilter { after: Some(numbers[3]), ..LogFilter::default() });
        assert_eq!(rest.len(), 2);
    }

    #[test]
    fn what_is_held_is_bounded_whatever_is_written() {
        for (size, limit) in [(1, 4096), (100, 4096), (10_000, 4096), (3, 0), (3, 10)] {
            let log = Log::new(limit, Clock::real());
            for time_ms in 0..5000 {
                log.append(Source::Output(time_ms as Pid % 7, OutputStream::Stdout), &vec![b'x'; size], time_ms);
                let state = log.state.lock();
                assert!(state.bytes.len() + state.parts.len() * size_of::<Part>() <= limit as usize);
                assert_eq!(state.parts.iter().map(|part| part.len).sum::<usize>(), state.bytes.len());
                assert_eq!(state.start + state.bytes.len() as u64, (time_ms + 1) * size as u64);
            }
        }
    }
}
