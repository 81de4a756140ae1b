//! What all processes of a sandbox wrote, as one log.

use crate::{OutputStream, Pid};

/// Which part of a sandbox's log is wanted; by default all of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogFilter {
    /// Only what these processes wrote; all if empty.
    pub processes: Vec<Pid>,
    /// Only what was written to this stream.
    pub stream: Option<OutputStream>,
    /// Only lines that hold this text.
    pub contains: Option<String>,
    /// Only the last so many.
    pub tail: Option<usize>,
}

/// One line of a sandbox's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// Who wrote it.
    pub pid: Pid,
    /// Where it was written to.
    pub stream: OutputStream,
    /// When, in milliseconds since the Unix epoch.
    pub timestamp_ms: u64,
    /// The line, without what ended it.
    pub line: String,
}
