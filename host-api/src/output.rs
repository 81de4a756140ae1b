//! What a process wrote: captured, or followed live.
//!
//! Output is captured as bytes, and shown as lines: cut at `\n`, with the `\n` and a `\r` before it taken off, and
//! with U+FFFD in place of what isn't UTF-8. The last line counts even if nothing ends it.

use bytes::Bytes;
use futures::stream::BoxStream;

use crate::{Pid, ProcessError};

/// One of a process's two output streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum OutputStream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

impl OutputStream {
    /// Returns the stream as the wire protocol names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }
}

/// What has been captured of a process's output so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutputResponse {
    /// The process.
    pub pid: Pid,
    /// The lines; of both streams in the order of their arrival, if both were asked for.
    pub lines: Vec<String>,
    /// The same output, byte for byte.
    pub bytes: Bytes,
    /// How many bytes before these were displaced, because the buffer of a stream holds
    /// [`Limits::output_bytes`](crate::Limits::output_bytes) at most.
    pub missed_bytes: u64,
}

impl OutputResponse {
    /// Returns how many lines there are.
    pub fn line_count(&self) -> usize {
        self.lines.len()
    }
}

/// One line of output, as a follower is told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputEvent {
    /// The line, without what ended it.
    pub line: String,
    /// When the end of the line was written, in milliseconds since the Unix epoch.
    pub timestamp_ms: u64,
    /// Where it was written to.
    pub stream: OutputStream,
    /// How many bytes before this line the follower missed, because it was slower than the writer for longer than the
    /// buffer lasts. 0 for a follower that keeps up.
    pub missed_bytes: u64,
}

/// A process's output, line by line: everything captured so far, then live, until the process ends.
///
/// A slow follower slows nothing down; it misses lines and is told so. Dropping the stream stops following.
/// An `Err` ends the stream, and means that the connection to the sandbox was lost, not that the process ended.
pub type OutputEvents = BoxStream<'static, Result<OutputEvent, ProcessError>>;
