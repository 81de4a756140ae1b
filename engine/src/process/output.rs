//! What a process wrote, captured in bounded memory, and those who follow it.
//!
//! ```text
//!   guest's thread                                                    host's tasks
//!   stdout --------append--.                              .--------> snapshot: everything so far
//!                          v                              |
//!                    ring: bytes, and marks that say when each part came and after what
//!                          ^                              |
//!   stderr --------append--'                              '--------> Follower: line by line, from where it is
//! ```
//!
//! A follower has a position and no queue: it costs the writer nothing, and when the ring has gone past it, it is told
//! how much it missed. A stream that is redirected goes to a sink of the host's instead, behind what the ring held.

mod persist;

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::Stream;
use parking_lot::Mutex;
use stillbox_api::{OutputEvent, OutputSink, OutputStream, ProcessError};
use stillbox_kernel::account::{Account, Charge};
use stillbox_kernel::wait::WaitSet;

/// The least that a ring holds, in bytes: some lines, and what describes them.
const LIMIT_MIN: usize = 1024;

const STREAMS: [OutputStream; 2] = [OutputStream::Stdout, OutputStream::Stderr];

/// The captured output of one process.
pub(crate) struct Output {
    state: Mutex<State>,
    changed: WaitSet,
    /// Where each stream goes in place of the ring, once it is redirected. Locked while something is written, so that
    /// nothing overtakes what the ring held.
    sinks: [Mutex<Option<Arc<dyn OutputSink>>>; 2],
}

struct State {
    rings: [Ring; 2],
    /// The number of the newest mark of either ring.
    arrival: u64,
    /// When the process ended. Nothing is captured after that.
    closed_ms: Option<u64>,
}

/// What was captured at one moment.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Captured {
    pub(crate) lines: Vec<String>,
    pub(crate) bytes: Bytes,
    pub(crate) missed_bytes: u64,
}

impl Output {
    /// Returns an empty output that holds `limit` bytes of each stream, or what `account` has room for.
    pub(crate) fn new(limit: u64, account: &Account) -> Arc<Self> {
        let ring = || Ring::new(usize::try_from(limit).unwrap_or(usize::MAX), account.nothing());
        let state = State { rings: [ring(), ring()], arrival: 0, closed_ms: None };
        Arc::new(Self { state: Mutex::new(state), changed: WaitSet::default(), sinks: Default::default() })
    }

    /// Takes what a process writes: captures it, or passes it on if the stream is redirected.
    ///
    /// # Errors
    ///
    /// What the sink says.
    pub(crate) fn write(&self, stream: OutputStream, bytes: &[u8], time_ms: u64) -> io::Result<()> {
        match &*self.sinks[stream as usize].lock() {
            Some(sink) => sink.write(bytes)?,
            None => self.append(stream, bytes, time_ms),
        }
        Ok(())
    }

    /// Passes a stream on to `sink`: what is captured of it now, and all that is written later.
    pub(crate) fn redirect(&self, stream: OutputStream, sink: Arc<dyn OutputSink>) {
        let mut redirected = self.sinks[stream as usize].lock();
        let (captured, _missed) = self.take(stream);
        if !captured.is_empty()
            && let Err(error) = sink.write(&captured)
        {
            // Whoever writes next is told.
            tracing::debug!(%error, "captured output could not be passed on");
        }
        *redirected = Some(sink);
    }

    /// Captures `bytes`. What a descendant writes after the process has ended goes nowhere.
    pub(crate) fn append(&self, stream: OutputStream, bytes: &[u8], time_ms: u64) {
        let mut state = self.state.lock();
        if state.closed_ms.is_some() {
            return;
        }
        let newest_before = state.arrival;
        let ring = &mut state.rings[stream as usize];
        // Parts that came at the same time, with nothing from the other stream in between, need one mark only.
        let is_new_mark = ring.marks.back().is_none_or(|mark| mark.arrival != newest_before || mark.time_ms != time_ms);
        if is_new_mark {
            ring.marks.push_back(Mark { start: ring.end(), arrival: newest_before + 1, time_ms });
        }
        ring.append(bytes);
        state.arrival += u64::from(is_new_mark);
        drop(state);
        if bytes.contains(&b'\n') {
            self.changed.wake();
        }
    }

    /// Takes note that the process has ended: followers end after the last line.
    pub(crate) fn close(&self, time_ms: u64) {
        self.state.lock().closed_ms.get_or_insert(time_ms);
        self.changed.wake();
    }

    /// Takes note that another process goes on where the last one ended.
    pub(crate) fn reopen(&self) {
        self.state.lock().closed_ms = None;
    }

    /// Returns everything captured so far, of one stream or of both in the order of arrival.
    pub(crate) fn captured(&self, stream: Option<OutputStream>) -> Captured {
        let state = self.state.lock();
        let mut cursor = Cursor::new(stream);
        let mut lines = Vec::new();
        while let Some(event) = cursor.next(&state, true) {
            lines.push(event.line);
        }
        let missed_bytes = state.wanted(stream).map(|(_, ring)| ring.start).sum();
        let bytes = match stream {
            Some(stream) => state.rings[stream as usize].bytes.iter().copied().collect(),
            None => state.interleaved(),
        };
        Captured { lines, bytes, missed_bytes }
    }

    /// Takes the captured bytes of a stream out, with the number of those displaced before.
    pub(crate) fn take(&self, stream: OutputStream) -> (Bytes, u64) {
        let mut state = self.state.lock();
        let ring = &mut state.rings[stream as usize];
        let missed = ring.start;
        let bytes = std::mem::take(&mut ring.bytes);
        ring.start += bytes.len() as u64;
        ring.marks.clear();
        ring.charge.clear();
        (Vec::from(bytes).into(), missed)
    }

    /// Follows one stream or both: everything captured so far, then live, until the process ends.
    pub(crate) fn follow(self: &Arc<Self>, stream: Option<OutputStream>) -> Follower {
        Follower { output: self.clone(), cursor: Cursor::new(stream) }
    }
}

/// Returns the lines of `bytes` as one text, joined by `\n`, without a newline at the end.
pub(crate) fn text_of(bytes: &[u8]) -> String {
    let body = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    if !body.contains(&b'\r') {
        return String::from_utf8_lossy(body).into_owned();
    }
    let lines: Vec<String> = body.split(|&byte| byte == b'\n').map(line_of).collect();
    lines.join("\n")
}

/// Returns a line as text, without a carriage return at its end.
pub(crate) fn line_of(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.strip_suffix(b"\r").unwrap_or(bytes)).into_owned()
}

impl State {
    /// Returns the rings of one stream or of both.
    fn wanted(&self, stream: Option<OutputStream>) -> impl Iterator<Item = (OutputStream, &Ring)> {
        STREAMS.into_iter().zip(&self.rings).filter(move |(of, _)| stream.is_none_or(|stream| stream == *of))
    }

    /// Returns the bytes of both streams, part by part as they arrived.
    fn interleaved(&self) -> Bytes {
        let mut parts: Vec<(u64, &Ring, u64, u64)> = Vec::new();
        for ring in &self.rings {
            for (index, mark) in ring.marks.iter().enumerate() {
                let end = ring.marks.get(index + 1).map_or(ring.end(), |next| next.start);
                parts.push((mark.arrival, ring, mark.start, end));
            }
        }
        parts.sort_unstable_by_key(|(arrival, ..)| *arrival);
        let mut bytes = Vec::with_capacity(self.rings.iter().map(|ring| ring.bytes.len()).sum());
        for (_, ring, start, end) in parts {
            ring.copy_to(start, end, &mut bytes);
        }
        bytes.into()
    }
}

/// The newest bytes of one stream. Positions count from the first byte that was ever written.
struct Ring {
    bytes: VecDeque<u8>,
    /// The position of the first byte that is kept: the beginning of a line, unless a line is longer than the ring.
    start: u64,
    /// When the bytes came, by position. The first mark covers `start`.
    marks: VecDeque<Mark>,
    limit: usize,
    /// What the ring has room for, beyond the least.
    charge: Charge,
}

#[derive(Clone, Copy)]
struct Mark {
    start: u64,
    /// Which part of both streams this is, in the order of arrival.
    arrival: u64,
    time_ms: u64,
}

impl Ring {
    fn new(limit: usize, charge: Charge) -> Self {
        Self { bytes: VecDeque::new(), start: 0, marks: VecDeque::new(), limit: limit.max(LIMIT_MIN), charge }
    }

    /// Returns what is held. Marks count as well: a guest that writes byte by byte must not make the host hold more than
    /// the limit.
    fn used(&self) -> usize {
        self.bytes.len() + self.marks.len() * size_of::<Mark>()
    }

    /// Makes room for `more` bytes as far as limits allow, and returns how much room there is then in all.
    fn room(&mut self, more: usize) -> usize {
        let wanted = self.used().saturating_add(more).min(self.limit);
        let room = (self.charge.amount() as usize).max(LIMIT_MIN);
        if wanted <= room {
            return room.min(self.limit);
        }
        // By doubling, as the memory behind it grows.
        let doubled = wanted.checked_next_power_of_two().unwrap_or(wanted).min(self.limit);
        match self.charge.resize(doubled as u64) {
            Ok(()) => doubled,
            Err(_) => room,
        }
    }

    fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }

    fn append(&mut self, bytes: &[u8]) {
        let room = self.room(bytes.len());
        // Of more than fits, only the end would stay.
        let excess = bytes.len().saturating_sub(room);
        if excess > 0 {
            self.start += (self.bytes.len() + excess) as u64;
            self.bytes.clear();
            self.forget_marks();
        }
        self.bytes.extend(&bytes[excess..]);
        let used = self.used();
        if used > room {
            // Making room for an eighth at once keeps the search for the end of a line rare.
            self.evict((used - room + room / 8) as u64);
        }
    }

    /// Drops the oldest bytes and marks, at least `excess` bytes in all, up to the end of a line if there is one.
    fn evict(&mut self, mut excess: u64) {
        let mut cut = self.start;
        for index in 0..self.marks.len() {
            let part_end = self.marks.get(index + 1).map_or(self.end(), |next| next.start);
            let dropped = excess.min(part_end - cut);
            cut += dropped;
            excess -= dropped;
            if cut < part_end || excess == 0 {
                break;
            }
            excess = excess.saturating_sub(size_of::<Mark>() as u64);
        }
        let newline = self.newline_from(cut.saturating_sub(1).max(self.start));
        // A line that is the last is cut rather than dropped, so that something is left to tell the loss with.
        if let Some(newline) = newline.filter(|newline| newline + 1 < self.end()) {
            cut = newline + 1;
        }
        self.bytes.drain(..(cut - self.start) as usize);
        self.start = cut;
        self.forget_marks();
    }

    /// Drops the marks of bytes that are no longer kept.
    fn forget_marks(&mut self) {
        while self.marks.get(1).is_some_and(|next| next.start <= self.start) {
            self.marks.pop_front();
        }
        if let Some(first) = self.marks.front_mut() {
            first.start = first.start.max(self.start);
        }
    }

    /// Returns the position of the first newline at or after `position`.
    fn newline_from(&self, position: u64) -> Option<u64> {
        let offset = (position - self.start) as usize;
        let (front, back) = self.bytes.as_slices();
        let find = |bytes: &[u8]| bytes.iter().position(|&byte| byte == b'\n');
        let in_front = front.get(offset..).and_then(find).map(|index| offset + index);
        let found = in_front.or_else(|| {
            let skipped = offset.saturating_sub(front.len());
            back.get(skipped..).and_then(find).map(|index| front.len() + skipped + index)
        });
        found.map(|offset| self.start + offset as u64)
    }

    /// Copies the bytes from one position to another.
    fn copy_to(&self, from: u64, to: u64, bytes: &mut Vec<u8>) {
        let (from, to) = ((from - self.start) as usize, (to - self.start) as usize);
        let (front, back) = self.bytes.as_slices();
        bytes.extend_from_slice(&front[from.min(front.len())..to.min(front.len())]);
        bytes.extend_from_slice(&back[from.saturating_sub(front.len())..to.saturating_sub(front.len())]);
    }

    /// Returns the mark of the byte at `position`.
    fn mark_at(&self, position: u64) -> Option<Mark> {
        let after = self.marks.partition_point(|mark| mark.start <= position);
        after.checked_sub(1).map(|index| self.marks[index])
    }
}

/// How far a reader has come in each stream.
struct Cursor {
    stream: Option<OutputStream>,
    /// Where the next line begins.
    next: [u64; 2],
    /// Up to where there is known to be no newline.
    searched: [u64; 2],
}

/// A line that can be read: where it ends, and what comes before it in which order.
struct Line {
    stream: OutputStream,
    end: u64,
    ended: bool,
    order: (bool, u64),
    time_ms: u64,
}

impl Cursor {
    fn new(stream: Option<OutputStream>) -> Self {
        Self { stream, next: [0; 2], searched: [0; 2] }
    }

    /// Returns the next line, the one that ended first if both streams have one. A last line without a newline ends when
    /// the process does; `all` gives it before that.
    fn next(&mut self, state: &State, all: bool) -> Option<OutputEvent> {
        let lines = state.wanted(self.stream).filter_map(|(stream, ring)| {
            let index = stream as usize;
            let begin = self.next[index].max(ring.start);
            let from = self.searched[index].max(begin);
            if let Some(end) = ring.newline_from(from) {
                self.searched[index] = end;
                let mark = ring.mark_at(end)?;
                return Some(Line { stream, end, ended: true, order: (false, mark.arrival), time_ms: mark.time_ms });
            }
            self.searched[index] = ring.end();
            if begin == ring.end() || !(all || state.closed_ms.is_some()) {
                return None;
            }
            let mark = ring.mark_at(ring.end() - 1)?;
            let time_ms = state.closed_ms.unwrap_or(mark.time_ms);
            Some(Line { stream, end: ring.end(), ended: false, order: (true, mark.arrival), time_ms })
        });
        let line = lines.min_by_key(|line| line.order)?;

        let index = line.stream as usize;
        let ring = &state.rings[index];
        let begin = self.next[index].max(ring.start);
        let missed_bytes = begin - self.next[index];
        let mut bytes = Vec::new();
        ring.copy_to(begin, line.end, &mut bytes);
        self.next[index] = line.end + u64::from(line.ended);
        Some(OutputEvent { line: line_of(&bytes), timestamp_ms: line.time_ms, stream: line.stream, missed_bytes })
    }
}

/// The output of a process, line by line, as a stream that ends when the process does.
pub(crate) struct Follower {
    output: Arc<Output>,
    cursor: Cursor,
}

impl Stream for Follower {
    type Item = Result<OutputEvent, ProcessError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Self { output, cursor } = self.get_mut();
        let state = output.state.lock();
        match cursor.next(&state, false) {
            Some(event) => Poll::Ready(Some(Ok(event))),
            None if state.closed_ms.is_some() => Poll::Ready(None),
            None => {
                // The lock is held, so that nothing can come between the look and this.
                output.changed.register(cx);
                Poll::Pending
            }
        }
    }
}

#[cfg(test)]
mod tests;
