//! What happened in a sandbox and what its processes wrote, as one log.
//!
//! A log has two kinds of lines: what processes wrote to their captured streams, and events, such as the start and the end
//! of a process. It is bounded by [`Limits::log_bytes`](crate::Limits::log_bytes); the oldest lines go first.

use crate::{OutputStream, Pid};

/// Which part of a sandbox's log is wanted; by default all of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogFilter {
    /// Only lines about these processes, or of them; all if empty.
    pub processes: Vec<Pid>,
    /// Only lines of these levels; all if empty.
    pub levels: Vec<LogLevel>,
    /// Only what was written to this stream.
    pub stream: Option<OutputStream>,
    /// Only lines that hold this text.
    pub contains: Option<String>,
    /// Only lines after the one with this number: how a log is read on.
    pub after: Option<u64>,
    /// Only the first so many of those.
    pub head: Option<usize>,
    /// Only the last so many of those.
    pub tail: Option<usize>,
}

impl LogFilter {
    /// Returns whether a line is wanted, as far as that doesn't depend on others.
    pub fn matches(&self, line: &LogLine) -> bool {
        let among = |pid: Option<Pid>| pid.is_some_and(|pid| self.processes.contains(&pid));
        (self.processes.is_empty() || among(line.pid))
            && (self.levels.is_empty() || self.levels.contains(&line.level))
            && self.stream.is_none_or(|stream| line.stream == Some(stream))
            && self.contains.as_deref().is_none_or(|text| line.line.contains(text))
            && self.after.is_none_or(|number| line.number > number)
    }

    /// Returns the wanted ones of `lines`, which are all there are.
    pub fn apply(&self, lines: impl IntoIterator<Item = LogLine>) -> Vec<LogLine> {
        let matching = lines.into_iter().filter(|line| self.matches(line));
        let mut wanted: Vec<_> = matching.take(self.head.unwrap_or(usize::MAX)).collect();
        let excess = wanted.len().saturating_sub(self.tail.unwrap_or(usize::MAX));
        wanted.drain(..excess);
        wanted
    }
}

/// One line of a sandbox's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// Its number, which grows from line to line, though not by one.
    pub number: u64,
    /// The process that wrote it or that it is about; `None` if it is about the sandbox.
    pub pid: Option<Pid>,
    /// Where it was written to; `None` for an event.
    pub stream: Option<OutputStream>,
    /// How much it matters: [`Info`](LogLevel::Info) on standard output, [`Error`](LogLevel::Error) on standard error.
    pub level: LogLevel,
    /// When, in milliseconds since the Unix epoch.
    pub timestamp_ms: u64,
    /// The line, without what ended it.
    pub line: String,
}

/// How much a line of a log matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LogLevel {
    /// What only a search for a defect needs.
    Trace = 1,
    /// What a developer needs.
    Debug,
    /// What is as it should be.
    Info,
    /// What may not be as it should be.
    Warn,
    /// What isn't as it should be.
    Error,
    /// What ends everything.
    Fatal,
}

impl LogLevel {
    /// All of them, from the least to the most.
    pub const ALL: [Self; 6] = [Self::Trace, Self::Debug, Self::Info, Self::Warn, Self::Error, Self::Fatal];

    /// Returns the level's number in the wire protocol: 1 to 6.
    pub fn number(self) -> u8 {
        self as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_takes_the_first_of_what_matches_and_the_last_of_those() {
        let line = |number: u64| LogLine {
            number,
            pid: Some(number as Pid % 2),
            stream: Some(OutputStream::Stdout),
            level: LogLevel::Info,
            timestamp_ms: number,
            line: format!("line {number}"),
        };
        let numbers = |filter: LogFilter| -> Vec<u64> {
            filter.apply((0..10).map(line)).into_iter().map(|line| line.number).collect()
        };
        let all = LogFilter::default();
        assert_eq!(numbers(all.clone()), (0..10).collect::<Vec<_>>());
        assert_eq!(numbers(LogFilter { tail: Some(2), ..all.clone() }), [8, 9]);
        assert_eq!(numbers(LogFilter { head: Some(3), tail: Some(2), ..all.clone() }), [1, 2]);
        assert_eq!(numbers(LogFilter { processes: vec![1], after: Some(5), ..all.clone() }), [7, 9]);
        assert_eq!(numbers(LogFilter { contains: Some("5".into()), ..all.clone() }), [5]);
        assert_eq!(numbers(LogFilter { levels: vec![LogLevel::Error], ..all.clone() }), []);
        assert_eq!(numbers(LogFilter { stream: Some(OutputStream::Stderr), ..all }), []);
    }
}
