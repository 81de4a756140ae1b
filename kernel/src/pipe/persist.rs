//! What a checkpoint holds of a pipe: its size and the bytes in flight. Who holds which end is the descriptors' to say.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{OVERHEAD_BYTES, PIPE_BUF, PipeReader, PipeWriter, Shared, with_charge};
use crate::account::Account;
use crate::blob::Blob;

/// A pipe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PipeState {
    /// How many bytes it holds at most.
    pub capacity: u32,
    /// What was written and not yet read.
    pub bytes: Blob,
}

/// Tells pipes apart while they live: both ends of a pipe have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PipeId(usize);

/// A pipe can't be as a checkpoint has it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a pipe of {capacity} bytes with {bytes} in flight {reason}")]
pub struct LoadPipeError {
    /// How much it is to hold.
    pub capacity: u32,
    /// How much it is said to hold.
    pub bytes: usize,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl Shared {
    fn save(&self) -> PipeState {
        let state = self.lock();
        let bytes: Vec<u8> = state.bytes.iter().copied().collect();
        PipeState { capacity: u32::try_from(state.capacity).unwrap_or(u32::MAX), bytes: Blob(Bytes::from(bytes)) }
    }
}

impl PipeReader {
    /// Returns what tells the pipe from others.
    pub fn id(&self) -> PipeId {
        PipeId(std::sync::Arc::as_ptr(&self.0).addr())
    }

    /// Saves the pipe.
    pub fn save(&self) -> PipeState {
        self.0.save()
    }
}

impl PipeWriter {
    /// Returns what tells the pipe from others.
    pub fn id(&self) -> PipeId {
        PipeId(std::sync::Arc::as_ptr(&self.0).addr())
    }

    /// Saves the pipe.
    pub fn save(&self) -> PipeState {
        self.0.save()
    }
}

/// Makes the pipe that was saved, of at most `capacity_max` bytes, counted against `account`, and returns its ends. Whoever
/// has no use for an end drops it: that nobody holds an end is how a pipe is closed.
///
/// # Errors
/// When there are more bytes in flight than it holds, it is larger than it may be, or the account has no room for it: the
/// state may come from anyone.
pub fn load(
    state: &PipeState,
    capacity_max: u32,
    account: &Account,
) -> Result<(PipeReader, PipeWriter), LoadPipeError> {
    let capacity = state.capacity as usize;
    let bytes = state.bytes.0.len();
    let fail = |reason| LoadPipeError { capacity: state.capacity, bytes, reason };
    if bytes > capacity || capacity < PIPE_BUF || capacity > (capacity_max as usize).max(PIPE_BUF) {
        return Err(fail("is not possible"));
    }
    let charge = account.charge((capacity + OVERHEAD_BYTES) as u64).map_err(|_| fail("is one too many"))?;
    let (reader, writer) = with_charge(capacity, Some(charge));
    reader.0.lock().bytes = state.bytes.0.to_vec().into();
    Ok((reader, writer))
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Poll, Waker};

    use super::super::pipe;
    use super::*;
    use crate::Errno;

    #[test]
    fn bytes_in_flight_and_closed_ends_come_back() {
        let mut cx = Context::from_waker(Waker::noop());
        let (reader, writer) = pipe(PIPE_BUF);
        assert_eq!(writer.poll_write(&mut cx, b"in flight"), Poll::Ready(Ok(9)));
        assert_eq!(reader.id(), writer.id());
        assert_ne!(reader.id(), pipe(1).0.id());

        let state = writer.save();
        assert_eq!(state, reader.save());
        let (reader, writer) = load(&state, 65_536, &Account::new(1 << 20)).unwrap();
        let mut buffer = [0; 9];
        assert_eq!(writer.poll_write(&mut cx, &[0; PIPE_BUF - 8]), Poll::Pending, "9 bytes are in it already");
        drop(writer);
        assert_eq!(reader.poll_read(&mut cx, &mut buffer), Poll::Ready(9));
        assert_eq!(&buffer, b"in flight");
        assert_eq!(reader.poll_read(&mut cx, &mut buffer), Poll::Ready(0));

        let (reader, writer) = load(&state, 65_536, &Account::new(1 << 20)).unwrap();
        drop(reader);
        assert_eq!(writer.poll_write(&mut cx, b"x"), Poll::Ready(Err(Errno::Pipe)));
    }

    #[test]
    fn impossible_pipes_are_refused() {
        let state = |capacity, bytes: usize| PipeState { capacity, bytes: Blob(vec![0; bytes].into()) };
        assert!(load(&state(4096, 4097), 65_536, &Account::new(100_000)).is_err());
        assert!(load(&state(0, 0), 65_536, &Account::new(100_000)).is_err());
        assert!(load(&state(u32::MAX, 0), 65_536, &Account::new(100_000)).is_err());
        assert!(load(&state(65_536, 65_536), 65_536, &Account::new(100_000)).is_ok());
        assert!(load(&state(65_536, 0), 65_536, &Account::new(65_536)).is_err(), "there is no room for it");
    }
}
