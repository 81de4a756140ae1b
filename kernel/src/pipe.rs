//! Pipes: bounded byte queues between processes, and between a process and the host.
//!
//! Behaviour follows POSIX `pipe` and `write`: a read of an empty pipe waits while there is a writer and then gives end
//! of file, a write of at most [`PIPE_BUF`] bytes is atomic, and a write without a reader fails with [`Errno::Pipe`].

pub mod persist;

use std::collections::VecDeque;
use std::io::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use crate::account::{Account, Charge};
use crate::errno::Errno;
use crate::wait::WaitSet;

/// The largest write, in bytes, that is never interleaved with another (POSIX asks for at least 512).
pub const PIPE_BUF: usize = 4096;

/// What a pipe takes beside its bytes: this module's own state, and the descriptions of its two ends in the layer above.
const OVERHEAD_BYTES: usize = 1024;

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    readable: WaitSet,
    writable: WaitSet,
}

#[derive(Debug)]
struct State {
    bytes: VecDeque<u8>,
    capacity: usize,
    readers: usize,
    writers: usize,
    /// What the pipe is counted as, until both ends are closed.
    _charge: Option<Charge>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The end of a pipe that bytes come out of. Clones share the end; it is closed when the last is dropped.
#[derive(Debug)]
pub struct PipeReader(Arc<Shared>);

/// The end of a pipe that bytes go into. Clones share the end; it is closed when the last is dropped.
#[derive(Debug)]
pub struct PipeWriter(Arc<Shared>);

/// Returns the two ends of a new pipe that holds up to `capacity` bytes, at least [`PIPE_BUF`].
pub fn pipe(capacity: usize) -> (PipeReader, PipeWriter) {
    with_charge(capacity, None)
}

/// Returns the two ends of a new pipe, counted against `account` as if it were full. It holds up to `capacity` bytes, or
/// only [`PIPE_BUF`] where that is all there is room for, as on Linux.
///
/// # Errors
///
/// [`Errno::Nfile`] if the account has no room for a pipe at all.
pub fn charged_pipe(capacity: usize, account: &Account) -> Result<(PipeReader, PipeWriter), Errno> {
    let charge = |capacity: usize| account.charge((capacity + OVERHEAD_BYTES) as u64);
    match charge(capacity.max(PIPE_BUF)) {
        Ok(charge) => Ok(with_charge(capacity, Some(charge))),
        Err(_) => charge(PIPE_BUF).map(|charge| with_charge(PIPE_BUF, Some(charge))).map_err(|_| Errno::Nfile),
    }
}

fn with_charge(capacity: usize, charge: Option<Charge>) -> (PipeReader, PipeWriter) {
    let capacity = capacity.max(PIPE_BUF);
    let state = State { bytes: VecDeque::new(), capacity, readers: 1, writers: 1, _charge: charge };
    let shared =
        Arc::new(Shared { state: Mutex::new(state), readable: WaitSet::default(), writable: WaitSet::default() });
    (PipeReader(shared.clone()), PipeWriter(shared))
}

/// What a `poll` of one end of a pipe tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Readiness {
    /// How many bytes can be read, or written, without waiting.
    pub bytes: usize,
    /// Whether the other end is closed.
    pub hangup: bool,
}

impl PipeReader {
    /// Reads what there is, up to the length of `buf`; 0 is end of file. Pending while the pipe is empty and has a writer.
    pub fn poll_read(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<usize> {
        if buf.is_empty() {
            return Poll::Ready(0);
        }
        let mut state = self.0.lock();
        if state.bytes.is_empty() {
            if state.writers == 0 {
                return Poll::Ready(0);
            }
            self.0.readable.register(cx);
            return Poll::Pending;
        }
        let count = buf.len().min(state.bytes.len());
        let (front, back) = state.bytes.as_slices();
        let from_front = count.min(front.len());
        buf[..from_front].copy_from_slice(&front[..from_front]);
        buf[from_front..count].copy_from_slice(&back[..count - from_front]);
        state.bytes.drain(..count);
        drop(state);
        self.0.writable.wake();
        Poll::Ready(count)
    }

    /// Tells whether a read would wait; if so, `cx` is woken when that changes.
    pub fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<Readiness> {
        let state = self.0.lock();
        let readiness = Readiness { bytes: state.bytes.len(), hangup: state.writers == 0 };
        if readiness.bytes == 0 && !readiness.hangup {
            self.0.readable.register(cx);
            return Poll::Pending;
        }
        Poll::Ready(readiness)
    }
}

impl PipeWriter {
    /// Writes what fits, at least one byte. Pending while nothing fits, or while a write of at most [`PIPE_BUF`] bytes
    /// doesn't fit whole.
    ///
    /// # Errors
    ///
    /// [`Errno::Pipe`] if there is no reader.
    pub fn poll_write(&self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<Result<usize, Errno>> {
        let mut state = self.0.lock();
        if state.readers == 0 {
            return Poll::Ready(Err(Errno::Pipe));
        }
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let room = state.capacity - state.bytes.len();
        let wanted = if buf.len() <= PIPE_BUF { buf.len() } else { 1 };
        if room < wanted {
            self.0.writable.register(cx);
            return Poll::Pending;
        }
        let count = buf.len().min(room);
        let held = state.bytes.len() + count;
        if held > state.bytes.capacity() {
            // It grows by doubling, but never past what the pipe may hold.
            let (len, target) = (state.bytes.len(), held.next_power_of_two().min(state.capacity));
            state.bytes.reserve_exact(target - len);
        }
        // Writing to a `VecDeque` in memory can't fail.
        let _ = state.bytes.write_all(&buf[..count]);
        drop(state);
        self.0.readable.wake();
        Poll::Ready(Ok(count))
    }

    /// Tells whether a write of [`PIPE_BUF`] bytes would wait; if so, `cx` is woken when that changes.
    pub fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<Readiness> {
        let state = self.0.lock();
        let readiness = Readiness { bytes: state.capacity - state.bytes.len(), hangup: state.readers == 0 };
        if readiness.bytes < PIPE_BUF && !readiness.hangup {
            self.0.writable.register(cx);
            return Poll::Pending;
        }
        Poll::Ready(readiness)
    }
}

impl Clone for PipeReader {
    fn clone(&self) -> Self {
        self.0.lock().readers += 1;
        Self(self.0.clone())
    }
}

impl Clone for PipeWriter {
    fn clone(&self) -> Self {
        self.0.lock().writers += 1;
        Self(self.0.clone())
    }
}

impl Drop for PipeReader {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.readers -= 1;
        if state.readers == 0 {
            // Nobody can read them any more, so the bytes need not be held.
            state.bytes = VecDeque::new();
            drop(state);
            self.0.writable.wake();
        }
    }
}

impl Drop for PipeWriter {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.writers -= 1;
        if state.writers == 0 {
            drop(state);
            self.0.readable.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;
    use crate::wait::block_on;

    fn read(reader: &PipeReader, len: usize) -> Vec<u8> {
        let mut buf = vec![0; len];
        let count = block_on(None, |cx| reader.poll_read(cx, &mut buf)).unwrap_or_default();
        buf.truncate(count);
        buf
    }

    #[test]
    fn end_of_file_comes_after_the_bytes() {
        let (reader, writer) = pipe(16);
        let mut cx = Context::from_waker(Waker::noop());
        assert_eq!(writer.poll_write(&mut cx, b"abc"), Poll::Ready(Ok(3)));
        drop(writer);
        assert_eq!(read(&reader, 2), b"ab");
        assert_eq!(read(&reader, 2), b"c");
        assert_eq!(read(&reader, 2), b"");
    }

    #[test]
    fn a_small_write_is_whole_or_waits() {
        let (reader, writer) = pipe(PIPE_BUF);
        let mut cx = Context::from_waker(Waker::noop());
        assert_eq!(writer.poll_write(&mut cx, &[1; 4000]), Poll::Ready(Ok(4000)));
        assert_eq!(writer.poll_write(&mut cx, &[2; 100]), Poll::Pending);
        assert_eq!(writer.poll_write(&mut cx, &[3; 5000]), Poll::Ready(Ok(96)));
        assert_eq!(read(&reader, 5000).len(), 4096);
    }

    #[test]
    fn a_write_without_reader_is_a_broken_pipe() {
        let (reader, writer) = pipe(16);
        let second = reader.clone();
        drop(reader);
        let mut cx = Context::from_waker(Waker::noop());
        assert_eq!(writer.poll_write(&mut cx, b"x"), Poll::Ready(Ok(1)));
        drop(second);
        assert_eq!(writer.poll_write(&mut cx, b"x"), Poll::Ready(Err(Errno::Pipe)));
    }

    #[test]
    fn a_charged_pipe_counts_as_if_full_and_is_small_where_room_is() {
        let account = Account::new(20_000);
        let (first, second) = (charged_pipe(8192, &account).unwrap(), charged_pipe(8192, &account).unwrap());
        assert_eq!(account.used(), 2 * (8192 + 1024));
        assert_eq!(charged_pipe(8192, &account).unwrap_err(), Errno::Nfile);
        drop(first.0);
        assert_eq!(account.used(), 2 * (8192 + 1024), "one end is left");
        drop(first.1);
        let (_reader, writer) = charged_pipe(16_384, &account).unwrap();
        let mut cx = Context::from_waker(Waker::noop());
        assert_eq!(writer.poll_write(&mut cx, &[0; 8192]), Poll::Ready(Ok(PIPE_BUF)));
        drop(second);
        assert_eq!(account.used(), 4096 + 1024);
    }

    #[test]
    fn a_full_pipe_takes_no_more_memory_than_it_holds() {
        let (reader, writer) = pipe(65_536);
        let mut cx = Context::from_waker(Waker::noop());
        while writer.poll_write(&mut cx, &[0; 3_000]).is_ready() {}
        assert!(writer.0.lock().bytes.capacity() <= 65_536);
        drop(reader);
    }

    #[test]
    fn a_million_bytes_cross_threads_unchanged() {
        let (reader, writer) = pipe(65536);
        let sent: Vec<u8> = (0..1_000_000_u32).map(|n| (n % 251) as u8).collect();
        let to_send = sent.clone();
        let thread = std::thread::spawn(move || {
            let mut rest = &to_send[..];
            while !rest.is_empty() {
                let count = block_on(None, |cx| writer.poll_write(cx, rest)).and_then(Result::ok).unwrap_or(0);
                rest = &rest[count..];
            }
        });
        let mut received = Vec::new();
        loop {
            let part = read(&reader, 10_000);
            if part.is_empty() {
                break;
            }
            received.extend(part);
        }
        assert!(thread.join().is_ok());
        assert!(received == sent);
    }
}
