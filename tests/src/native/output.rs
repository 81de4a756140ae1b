//! What a process wrote: a bounded list of lines, and followers that go along it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::StreamExt as _;
use futures::stream::unfold;
use stillbox::{OutputEvent, OutputEvents, OutputResponse, OutputStream, Pid};
use tokio::sync::watch;

use super::now_ms;

const STREAMS: [OutputStream; 2] = [OutputStream::Stdout, OutputStream::Stderr];

/// The output of one process, or of all processes of a managed one.
pub(super) struct Output {
    limit: usize,
    state: Mutex<State>,
    changed: watch::Sender<()>,
}

#[derive(Default)]
struct State {
    /// The lines of both streams, in the order of their ends.
    lines: VecDeque<Line>,
    /// By stream: what has come of a line that isn't ended.
    unended: [Line; 2],
    /// By stream: bytes that are kept.
    kept: [usize; 2],
    ended_count: u64,
    is_closed: bool,
}

#[derive(Clone, Default)]
struct Line {
    stream: usize,
    /// Which line of both streams it is, once it is ended.
    number: u64,
    /// How many bytes of its stream came before it.
    start: u64,
    time_ms: u64,
    /// With the newline.
    bytes: Vec<u8>,
}

impl Line {
    fn text(&self) -> String {
        let line = self.bytes.strip_suffix(b"\n").unwrap_or(&self.bytes);
        String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line)).into_owned()
    }

    fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }
}

impl Output {
    pub(super) fn new(limit: u64) -> Arc<Self> {
        Arc::new(Self { limit: limit as usize, state: Mutex::default(), changed: watch::Sender::new(()) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what a process wrote, unless it has ended.
    pub(super) fn append(&self, stream: OutputStream, bytes: &[u8]) {
        let mut state = self.state();
        if !state.is_closed {
            for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
                state.append(stream as usize, piece, self.limit);
            }
        }
        drop(state);
        self.changed.send_replace(());
    }

    pub(super) fn set_closed(&self, is_closed: bool) {
        self.state().is_closed = is_closed;
        self.changed.send_replace(());
    }

    /// Returns what is kept of one stream, or of both.
    pub(super) fn response(&self, pid: Pid, wanted: Option<OutputStream>) -> OutputResponse {
        let state = self.state();
        let mut response = OutputResponse { pid, ..OutputResponse::default() };
        let mut bytes = Vec::new();
        for line in state.all().filter(|line| is_wanted(wanted, line)) {
            response.lines.push(line.text());
            bytes.extend_from_slice(&line.bytes);
        }
        response.bytes = bytes.into();
        let wanted = STREAMS.into_iter().filter(|stream| wanted.is_none_or(|wanted| wanted == *stream));
        response.missed_bytes = wanted.map(|stream| state.missed(stream as usize)).sum();
        response
    }

    /// Follows one stream, or both: what is kept, and then what comes.
    pub(super) fn follow(self: Arc<Self>, wanted: Option<OutputStream>) -> OutputEvents {
        let follower = (self.changed.subscribe(), self, Position::default());
        unfold(follower, move |(mut changed, output, mut position)| async move {
            loop {
                changed.mark_unchanged();
                let (event, is_closed) = {
                    let state = output.state();
                    (state.next(wanted, &position).map(|line| position.pass(line)), state.is_closed)
                };
                if let Some(event) = event {
                    return Some((Ok(event), (changed, output, position)));
                }
                if is_closed {
                    return None;
                }
                changed.changed().await.ok()?;
            }
        })
        .boxed()
    }
}

fn is_wanted(wanted: Option<OutputStream>, line: &Line) -> bool {
    wanted.is_none_or(|wanted| wanted as usize == line.stream)
}

impl State {
    fn append(&mut self, stream: usize, piece: &[u8], limit: usize) {
        let line = &mut self.unended[stream];
        line.stream = stream;
        line.time_ms = now_ms();
        line.bytes.extend_from_slice(piece);
        self.kept[stream] += piece.len();
        if piece.ends_with(b"\n") {
            let next = Line { start: line.end(), stream, ..Line::default() };
            let mut ended = std::mem::replace(line, next);
            ended.number = self.ended_count;
            self.ended_count += 1;
            self.lines.push_back(ended);
        }
        while self.kept[stream] > limit {
            self.forget_oldest(stream, limit);
        }
    }

    /// Forgets the oldest line of a stream; of one that is longer than all that may be kept, its beginning.
    fn forget_oldest(&mut self, stream: usize, limit: usize) {
        let oldest = self.lines.iter().position(|line| line.stream == stream);
        if let Some(line) = oldest.and_then(|index| self.lines.remove(index)) {
            self.kept[stream] -= line.bytes.len();
            return;
        }
        let line = &mut self.unended[stream];
        let excess = line.bytes.len() - limit;
        line.bytes.drain(..excess);
        line.start += excess as u64;
        self.kept[stream] -= excess;
    }

    /// Returns all lines, the ones last that aren't ended.
    fn all(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter().chain(self.unended.iter().filter(|line| !line.bytes.is_empty()))
    }

    /// Returns how many bytes of a stream came before the first that is kept.
    fn missed(&self, stream: usize) -> u64 {
        let first = self.lines.iter().find(|line| line.stream == stream);
        first.unwrap_or(&self.unended[stream]).start
    }

    /// Returns the line that a follower gets next. One that isn't ended waits for the end of the process.
    fn next(&self, wanted: Option<OutputStream>, at: &Position) -> Option<&Line> {
        let first = self.lines.partition_point(|line| line.number < at.number);
        let ended = self.lines.range(first..).find(|line| is_wanted(wanted, line));
        let is_left = |line: &&Line| is_wanted(wanted, line) && line.end() > at.bytes[line.stream];
        ended.or_else(|| self.unended.iter().filter(|_| self.is_closed).find(is_left))
    }
}

/// How far a follower has come.
#[derive(Default)]
struct Position {
    /// The number of the next line.
    number: u64,
    /// By stream: the bytes before that.
    bytes: [u64; 2],
}

impl Position {
    /// Goes past a line, and returns it as the follower is told of it.
    fn pass(&mut self, line: &Line) -> OutputEvent {
        let missed_bytes = line.start.saturating_sub(self.bytes[line.stream]);
        self.bytes[line.stream] = line.end();
        self.number = self.number.max(line.number + 1);
        OutputEvent { line: line.text(), timestamp_ms: line.time_ms, stream: STREAMS[line.stream], missed_bytes }
    }
}
