//! The bytes of a file.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use super::chunk::Chunk;
use super::radix::Radix;
use crate::Errno;
use crate::chunk::ChunkId;

/// How much of a file is copied when a byte of it is first written, and what a hole is a multiple of.
pub(crate) const CHUNK: u64 = 64 * 1024;

/// The largest content that is given out in one piece. A sparse file of a terabyte costs its guest nothing, and must not
/// cost the host one.
pub(crate) const LARGEST_WHOLE: u64 = 4 << 30;

/// A file's content: an immutable blob below, and chunks that were written over it.
///
/// What is in no chunk shows the blob, and past the blob's end zeros. A blob of the image costs the sandbox nothing and
/// is overlaid chunk by chunk. A blob that the host wrote counts, and is broken into chunks when a guest first changes it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Content {
    len: u64,
    /// Never longer than `len`, so that what was truncated away can't come back.
    blob: Bytes,
    blob_counts: bool,
    /// The ids of the blob's parts, once someone has asked for them.
    blob_ids: OnceLock<Arc<[ChunkId]>>,
    /// Each is at most `CHUNK` long; what is missing at its end is zeros.
    chunks: Radix<Arc<Chunk>>,
    /// The bytes in chunks, and in the blob if it counts.
    held: u64,
    /// How many chunks there are.
    pieces: u64,
    id: ContentId,
}

impl Content {
    /// Returns content of the image, which counts for nothing.
    pub fn of_image(blob: Bytes) -> Self {
        Self { len: blob.len() as u64, blob, id: ContentId::new(), ..Self::default() }
    }

    /// Returns content of the sandbox's own.
    pub fn owned(blob: Bytes) -> Self {
        let len = blob.len() as u64;
        Self { len, blob, blob_counts: true, held: len, ..Self::default() }
    }

    pub fn len(&self) -> u64 {
        self.len
    }

    /// Returns the bytes that count against the quota.
    pub fn held(&self) -> u64 {
        self.held
    }

    /// Returns how many pieces the content is in, beside the blob: what each costs on top of its bytes is the host's.
    pub fn pieces(&self) -> u64 {
        self.pieces
    }

    /// Returns `held` and `pieces` counted anew.
    pub fn recount(&self) -> (u64, u64) {
        let chunks: u64 = self.chunks.iter().map(|(_, chunk)| chunk.len() as u64).sum();
        let held = chunks + if self.blob_counts { self.blob.len() as u64 } else { 0 };
        (held, self.chunks.iter().count() as u64)
    }

    /// Returns a number that no other content of this process has, unless it is equal.
    pub fn id(&self) -> u64 {
        self.id.get()
    }

    /// Reads at `offset`, and returns how much: less than the buffer only at the end of the file.
    pub fn read(&self, offset: u64, buffer: &mut [u8]) -> usize {
        let left = usize::try_from(self.len.saturating_sub(offset)).unwrap_or(usize::MAX);
        let total = left.min(buffer.len());
        let (mut position, mut rest) = (offset, &mut buffer[..total]);
        while !rest.is_empty() {
            let (index, within) = place(position);
            let size = rest.len().min(CHUNK as usize - within);
            let (part, after) = rest.split_at_mut(size);
            let shown = self.shown(index).get(within..).unwrap_or_default();
            let copied = shown.len().min(size);
            part[..copied].copy_from_slice(&shown[..copied]);
            part[copied..].fill(0);
            (position, rest) = (position + size as u64, after);
        }
        total
    }

    /// Writes at `offset`, holding at most `available` bytes more, and returns how much of `data` went in.
    pub fn write(&mut self, offset: u64, data: &[u8], available: u64) -> usize {
        self.changed();
        self.break_blob();
        let (mut available, mut written) = (available, 0);
        while written < data.len() {
            let position = offset + written as u64;
            let (index, within) = place(position);
            let rest = &data[written..];
            let mut size = rest.len().min(CHUNK as usize - within);
            let before = self.chunks.get(index).map_or(0, |chunk| chunk.len());
            let shown = self.shown(index).len();
            let most = usize::try_from(available).unwrap_or(usize::MAX).saturating_add(before);
            if shown > most || within >= most.max(shown) {
                break;
            }
            if within + size > shown {
                size = size.min(most - within);
            }
            let chunk = self.chunk_mut(index);
            let overwritten = chunk.len().saturating_sub(within).min(size);
            if within > chunk.len() {
                chunk.resize(within, 0);
            }
            chunk[within..within + overwritten].copy_from_slice(&rest[..overwritten]);
            chunk.extend_from_slice(&rest[overwritten..size]);
            let grown = (chunk.len() - before) as u64;
            self.held += grown;
            available -= grown;
            written += size;
            self.len = self.len.max(position + size as u64);
        }
        written
    }

    /// Cuts the content off, or lengthens it with a hole.
    pub fn set_len(&mut self, len: u64) {
        self.changed();
        if len < self.len {
            if len == 0 {
                *self = Self::default();
                return;
            }
            self.break_blob();
            let (index, within) = place(len);
            let (mut freed, mut gone) = (0, 0);
            self.chunks.truncate(index + u64::from(within > 0), |chunk| {
                freed += chunk.len() as u64;
                gone += 1;
            });
            self.pieces -= gone;
            if within > 0 && self.chunks.get(index).is_some_and(|chunk| chunk.len() > within) {
                let chunk = self.chunk_mut(index);
                freed += (chunk.len() - within) as u64;
                chunk.truncate(within);
                chunk.shrink_to_fit();
            }
            self.held -= freed;
            self.blob.truncate(usize::try_from(len).unwrap_or(usize::MAX));
            self.blob_ids = OnceLock::new();
        }
        self.len = len;
    }

    /// Makes sure that writing `offset..offset + len` needs no more space, and that the file reaches to its end.
    ///
    /// # Errors
    /// `NOSPC` when that would hold more than `available` bytes more; then nothing has changed.
    pub fn allocate(&mut self, offset: u64, len: u64, available: u64) -> Result<(), Errno> {
        let end = offset + len;
        // A first bound, so that the loop below is never longer than the quota.
        if len.saturating_sub(self.held) > available {
            return Err(Errno::Nospc);
        }
        self.break_blob();
        let pieces = || {
            let mut position = offset;
            std::iter::from_fn(move || {
                let (index, within) = place(position);
                let size = (end - position).min(CHUNK - within as u64);
                position += size;
                (size > 0).then_some((index, within + size as usize))
            })
        };
        let mut needed = 0;
        for (index, reach) in pieces() {
            let before = self.chunks.get(index).map_or(0, |chunk| chunk.len());
            needed += (self.shown(index).len().max(reach) - before) as u64;
        }
        if needed > available {
            return Err(Errno::Nospc);
        }
        for (index, reach) in pieces() {
            let chunk = self.chunk_mut(index);
            if chunk.len() < reach {
                chunk.resize(reach, 0);
            }
        }
        self.held += needed;
        if end > self.len {
            self.changed();
            self.len = end;
        }
        Ok(())
    }

    /// Returns everything in one piece, without copying where it is in one piece already.
    ///
    /// # Errors
    /// `FBIG` past 4 GiB.
    pub fn whole(&self) -> Result<Bytes, Errno> {
        if self.len > LARGEST_WHOLE {
            return Err(Errno::Fbig);
        }
        let len = self.len as usize;
        match self.chunks.next(0) {
            None if self.blob.len() == len => Ok(self.blob.clone()),
            Some((0, chunk)) if chunk.len() == len => Ok(chunk.lend()),
            _ => {
                // Only what is there is copied: the zeros of a hole are pages that nobody has touched.
                let mut whole = vec![0; len];
                whole[..self.blob.len()].copy_from_slice(&self.blob);
                for (index, chunk) in self.chunks.iter() {
                    // Made from what the blob has in its place, a chunk is never shorter than that.
                    whole[(index * CHUNK) as usize..][..chunk.len()].copy_from_slice(chunk);
                }
                Ok(whole.into())
            }
        }
    }

    /// Returns the blob, and whether it counts against the quota.
    pub fn blob(&self) -> (&Bytes, bool) {
        (&self.blob, self.blob_counts)
    }

    /// Returns the blob in parts of a chunk's size, with their ids, which are computed once.
    pub fn blob_parts(&self) -> impl Iterator<Item = (ChunkId, Bytes)> {
        let parts = || self.blob.chunks(CHUNK as usize);
        let ids = self.blob_ids.get_or_init(|| parts().map(ChunkId::of).collect());
        ids.iter().copied().zip(parts().map(|part| self.blob.slice_ref(part)))
    }

    /// Returns what was written over the blob, by its place in chunks.
    pub fn chunks(&self) -> impl Iterator<Item = (u64, &Arc<Chunk>)> {
        self.chunks.iter()
    }

    /// Returns content of the image, `len` bytes long, whose parts have been hashed already.
    pub fn of_hashed_image(len: u64, blob: Bytes, ids: Vec<ChunkId>) -> Self {
        Self { len, blob_ids: OnceLock::from(Arc::from(ids)), ..Self::of_image(blob) }
    }

    /// Puts content together: `len` bytes long, over a blob of the image, with chunks that were written.
    ///
    /// # Errors
    /// What is wrong with them, in words.
    pub fn from_parts(
        len: u64,
        blob: Bytes,
        parts: impl IntoIterator<Item = (u64, Chunk)>,
    ) -> Result<Self, &'static str> {
        if blob.len() as u64 > len {
            return Err("a blob is longer than its file");
        }
        let mut content = Self { len, blob, ..Self::default() };
        for (index, chunk) in parts {
            let end = index.checked_mul(CHUNK).and_then(|start| start.checked_add(chunk.len() as u64));
            if chunk.len() as u64 > CHUNK || end.is_none_or(|end| end > len) {
                return Err("a chunk reaches past the end of its file");
            }
            if chunk.len() < content.blob_part(index).len() {
                return Err("a chunk is shorter than what it replaces");
            }
            content.held += chunk.len() as u64;
            content.pieces += 1;
            if content.chunks.insert(index, Arc::new(chunk)).is_some() {
                return Err("two chunks have the same place");
            }
        }
        Ok(content)
    }

    /// Returns what shows in a chunk's place.
    fn shown(&self, index: u64) -> &[u8] {
        match self.chunks.get(index) {
            Some(chunk) => chunk,
            None => self.blob_part(index),
        }
    }

    fn blob_part(&self, index: u64) -> &[u8] {
        let start = usize::try_from(index * CHUNK).unwrap_or(usize::MAX).min(self.blob.len());
        let end = (start + CHUNK as usize).min(self.blob.len());
        &self.blob[start..end]
    }

    /// Returns a chunk for writing, made from what shows in its place.
    fn chunk_mut(&mut self, index: u64) -> &mut Vec<u8> {
        if self.chunks.get(index).is_none() {
            let copy = self.blob_part(index).to_vec();
            self.chunks.insert(index, Arc::new(copy.into()));
            self.pieces += 1;
        }
        Arc::make_mut(self.chunks.get_mut(index).expect("the chunk is there or was just made")).make_mut()
    }

    /// Breaks a blob that counts into chunks, so that a byte is never counted both in the blob and in a chunk over it.
    fn break_blob(&mut self) {
        if !self.blob_counts {
            return;
        }
        let blob = std::mem::take(&mut self.blob);
        self.blob_counts = false;
        self.blob_ids = OnceLock::new();
        for (index, part) in blob.chunks(CHUNK as usize).enumerate() {
            self.chunks.insert(index as u64, Arc::new(part.to_vec().into()));
            self.pieces += 1;
        }
    }

    fn changed(&mut self) {
        self.id = ContentId::default();
    }
}

/// Returns the chunk that a position is in, and where in it.
fn place(position: u64) -> (u64, usize) {
    (position / CHUNK, (position % CHUNK) as usize)
}

/// Returns a content id that nothing else in this process has.
pub(crate) fn new_id() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    LAST.fetch_add(1, Ordering::Relaxed) + 1
}

/// The number of a content, given when it is first asked for, so that writing costs no trip to a global counter.
///
/// It is shared by branches that share the content, whichever of them asks first.
#[derive(Debug, Default)]
struct ContentId(AtomicU64);

impl ContentId {
    fn new() -> Self {
        Self(AtomicU64::new(new_id()))
    }

    fn get(&self) -> u64 {
        let known = self.0.load(Ordering::Acquire);
        if known != 0 {
            return known;
        }
        let new = new_id();
        self.0.compare_exchange(0, new, Ordering::AcqRel, Ordering::Acquire).map_or_else(|other| other, |_| new)
    }
}

impl Clone for ContentId {
    fn clone(&self) -> Self {
        Self(AtomicU64::new(self.0.load(Ordering::Acquire)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BIG: u64 = 1 << 40;

    fn all(content: &Content) -> Vec<u8> {
        content.whole().unwrap().to_vec()
    }

    #[test]
    fn an_image_blob_is_overlaid_and_only_what_was_written_counts() {
        let blob = Bytes::from(vec![7; 3 * CHUNK as usize + 10]);
        let mut content = Content::of_image(blob.clone());
        assert_eq!(content.held(), 0);
        assert_eq!(content.whole().unwrap().as_ptr(), blob.as_ptr(), "an untouched blob is not copied");
        assert_eq!(content.write(CHUNK + 5, b"abc", BIG), 3);
        assert_eq!(content.held(), CHUNK);
        let mut expected = blob.to_vec();
        expected[CHUNK as usize + 5..][..3].copy_from_slice(b"abc");
        assert_eq!(all(&content), expected);

        // What is cut off does not show again.
        content.set_len(CHUNK + 6);
        content.set_len(2 * CHUNK + 1);
        expected.truncate(CHUNK as usize + 6);
        expected.resize(2 * CHUNK as usize + 1, 0);
        assert_eq!(all(&content), expected);
        assert_eq!(content.held(), 6);
        assert_eq!(content.recount(), (6, 1));
    }

    #[test]
    fn a_blob_of_the_host_counts_once_whatever_is_done_to_it() {
        let mut content = Content::owned(vec![1; CHUNK as usize + 1].into());
        assert_eq!(content.held(), CHUNK + 1);
        assert_eq!(content.write(0, &[2; 100], 0), 100, "overwriting needs no space");
        assert_eq!((content.held(), content.pieces()), (CHUNK + 1, 2));
        assert_eq!(content.recount(), (CHUNK + 1, 2));
    }

    #[test]
    fn a_write_takes_what_fits() {
        let mut content = Content::default();
        assert_eq!(content.write(0, &[1; 100], 60), 60);
        assert_eq!(content.write(60, &[1; 100], 0), 0);
        assert_eq!(content.write(10, &[2; 100], 0), 50);
        assert_eq!((content.len(), content.held(), content.recount()), (60, 60, (60, 1)));
        // The first byte of a chunk of the image needs room for the chunk.
        let mut content = Content::of_image(vec![1; 100].into());
        assert_eq!(content.write(0, &[2; 10], 99), 0);
        assert_eq!(content.write(0, &[2; 10], 100), 10);
    }

    #[test]
    fn holes_are_free_and_read_as_zeros() {
        let mut content = Content::default();
        content.set_len(1 << 40);
        assert_eq!(content.held(), 0);
        assert_eq!(content.write((1 << 39) + CHUNK - 2, b"xyzw", BIG), 4);
        assert_eq!(content.held(), CHUNK + 2);
        let mut buffer = [9; 8];
        assert_eq!(content.read((1 << 39) + CHUNK - 4, &mut buffer), 8);
        assert_eq!(&buffer, b"\0\0xyzw\0\0");
        assert_eq!(content.read((1 << 40) - 3, &mut buffer), 3);
        assert_eq!(content.whole(), Err(Errno::Fbig));
    }

    #[test]
    fn allocated_space_is_taken_at_once_or_not_at_all() {
        let mut content = Content::default();
        assert_eq!(content.allocate(10, 2 * CHUNK, 2 * CHUNK), Err(Errno::Nospc));
        assert_eq!((content.len(), content.held()), (0, 0));
        content.allocate(10, 2 * CHUNK, 2 * CHUNK + 10).unwrap();
        assert_eq!(
            (content.len(), content.held(), content.recount()),
            (2 * CHUNK + 10, 2 * CHUNK + 10, (2 * CHUNK + 10, 3))
        );
        assert_eq!(content.write(0, &[1; CHUNK as usize], 0), CHUNK as usize);
        assert_eq!(content.allocate(0, u64::MAX / 2, BIG), Err(Errno::Nospc));
    }

    #[test]
    fn the_id_changes_with_the_content_and_is_shared_by_clones() {
        let mut content = Content::owned(Bytes::from_static(b"abc"));
        let clone = content.clone();
        let id = content.id();
        assert_eq!(id, content.id());
        assert_ne!(clone.id(), 0);
        content.write(0, b"x", BIG);
        assert_ne!(content.id(), id);
        let id = content.id();
        assert_eq!(content.clone().id(), id);
        content.set_len(1);
        assert_ne!(content.id(), id);
    }
}
