//! The log of a sandbox, as a bounded list of lines.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use stillbox::{LogFilter, LogLevel, LogLine, OutputStream, Pid};

use super::now_ms;

#[derive(Default)]
pub(super) struct Log(Mutex<State>);

#[derive(Default)]
struct State {
    lines: VecDeque<LogLine>,
    bytes: usize,
    limit: usize,
    count: u64,
    unended: HashMap<(Pid, OutputStream), Vec<u8>>,
}

impl Log {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_limit(&self, limit: u64) {
        self.state().limit = limit as usize;
    }

    pub(super) fn event(&self, pid: Option<Pid>, level: LogLevel, text: String) {
        self.state().push(pid, None, level, text);
    }

    /// Takes what a process wrote.
    pub(super) fn append(&self, pid: Pid, stream: OutputStream, bytes: &[u8]) {
        let mut state = self.state();
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            state.unended.entry((pid, stream)).or_default().extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                state.end_line(pid, stream);
            }
        }
    }

    /// Takes note of the end of a process.
    pub(super) fn ended(&self, pid: Pid, level: LogLevel, text: String) {
        let mut state = self.state();
        for stream in [OutputStream::Stdout, OutputStream::Stderr] {
            state.end_line(pid, stream);
        }
        state.push(Some(pid), None, level, text);
    }

    pub(super) fn lines(&self, filter: &LogFilter) -> Vec<LogLine> {
        filter.apply(self.state().lines.iter().cloned())
    }
}

impl State {
    fn end_line(&mut self, pid: Pid, stream: OutputStream) {
        let Some(bytes) = self.unended.remove(&(pid, stream)) else { return };
        let text = String::from_utf8_lossy(&bytes);
        let text = text.strip_suffix('\n').unwrap_or(&text);
        let text = text.strip_suffix('\r').unwrap_or(text).to_owned();
        let level = if stream == OutputStream::Stdout { LogLevel::Info } else { LogLevel::Error };
        self.push(Some(pid), Some(stream), level, text);
    }

    fn push(&mut self, pid: Option<Pid>, stream: Option<OutputStream>, level: LogLevel, line: String) {
        self.count += 1;
        self.bytes += line.len() + 1;
        self.lines.push_back(LogLine { number: self.count, pid, stream, level, timestamp_ms: now_ms(), line });
        while self.bytes > self.limit {
            let Some(oldest) = self.lines.pop_front() else { break };
            self.bytes -= oldest.line.len() + 1;
        }
    }
}
