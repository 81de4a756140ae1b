//! The content of linear memories, as pages that are hashed once.
//!
//! A page of a checkpoint is 16 KiB. On a dump of a 44 MiB heap of Python smaller ones found nothing more to share and took
//! longer to hash (4 KiB: 1.3 GB/s, 16 KiB: 1.7 GB/s, 64 KiB: 2.6 GB/s), while with one in a hundred 4 KiB pages changed the
//! next checkpoint writes 0.4, 1.8 and 7.0 MiB and its table takes 0.4, 0.1 and 0.02 MiB.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use bytes::Bytes;
use stillbox_kernel::chunk::{ChunkError, ChunkId, ChunkReader, ChunkRef, ChunkWriter};

use crate::chunks::{Chunks, Place};
use crate::memory::persist::{MemoryState, Run, RunContent};

/// The length of a page of a checkpoint, in bytes. Every page of WebAssembly is some of them.
pub const PAGE_BYTES: u32 = 16 << 10;

const PAGE: usize = PAGE_BYTES as usize;

/// The pages of one memory at one instant: the ids of those that are not zero. Clones share them.
///
/// They take 36 bytes for each of these, a fifth of a percent of what it holds. The bytes are elsewhere, and must be those of
/// one instant: an image of the memory, or a copy.
#[derive(Clone, Debug, Default)]
pub struct Pages {
    /// By position, in pages.
    ids: Arc<[(u32, ChunkId)]>,
    count: u32,
    hashed: usize,
}

impl PartialEq for Pages {
    fn eq(&self, other: &Self) -> bool {
        (self.count, &self.ids) == (other.count, &other.ids)
    }
}

impl Pages {
    /// Returns the pages of a memory.
    ///
    /// # Panics
    /// When the length is not a multiple of [`PAGE_BYTES`], which that of a memory is.
    pub fn new(memory: &[u8]) -> Self {
        Self::within(memory, std::iter::once(0..memory.len() as u64))
    }

    /// Returns the pages of a memory that has zeros outside of the ranges in `data`, in bytes: there it is not read.
    ///
    /// # Panics
    /// As [`new`](Self::new).
    pub fn within(memory: &[u8], data: impl IntoIterator<Item = Range<u64>>) -> Self {
        Self::default().changed(memory, [], data)
    }

    /// Returns the pages of the same memory at a later instant, of which only the ranges in `changed` may differ, and what
    /// it has grown by. The others are neither read nor hashed again, and nothing outside of `data` is, as in
    /// [`within`](Self::within).
    ///
    /// # Panics
    /// As [`new`](Self::new).
    pub fn changed(
        &self,
        memory: &[u8],
        changed: impl IntoIterator<Item = Range<u64>>,
        data: impl IntoIterator<Item = Range<u64>>,
    ) -> Self {
        let (pages, rest) = memory.as_chunks::<PAGE>();
        assert!(rest.is_empty(), "a memory is made of whole pages");
        let (changed, data) = (touched(pages.len(), changed), touched(pages.len(), data));
        let mut known = self.ids.iter().peekable();
        let mut hashed = 0;
        let mut ids = Vec::new();
        for (at, page) in (0..).zip(pages) {
            let (was, index) = (known.next_if(|(position, _)| *position == at), at as usize);
            if at < self.count && !changed[index] {
                ids.extend(was);
            } else if data[index] && !is_zero(page) {
                ids.push((at, ChunkId::of(page)));
                hashed += 1;
            }
        }
        Self { ids: ids.into(), count: pages.len() as u32, hashed }
    }

    /// Returns how many pages were hashed to make this, beside those that were known.
    pub fn hashed(&self) -> usize {
        self.hashed
    }

    /// Returns the length of the memory, in bytes.
    pub fn bytes(&self) -> u64 {
        u64::from(self.count) * u64::from(PAGE_BYTES)
    }

    /// Saves the memory that these are the pages of. The chunks share its bytes.
    ///
    /// # Panics
    /// When the memory is of another length.
    pub fn save(&self, memory: &Bytes, chunks: &mut dyn ChunkWriter) -> MemoryState {
        assert_eq!(memory.len() as u64, self.bytes(), "these are the pages of another memory");
        let mut runs: Vec<Run> = Vec::new();
        let mut end = 0;
        for (at, id) in self.ids.iter() {
            if *at > end {
                runs.push(Run { pages: at - end, content: RunContent::Zero });
            }
            end = at + 1;
            let start = *at as usize * PAGE;
            let chunk = chunks.put(*id, memory.slice(start..start + PAGE));
            match runs.last_mut() {
                Some(run) if follows(run, chunk) => run.pages += 1,
                _ => runs.push(Run { pages: 1, content: RunContent::Chunks(chunk) }),
            }
        }
        MemoryState { bytes: self.bytes(), runs }
    }
}

/// Tells whether `chunk` is what one more page of `run` would hold.
fn follows(run: &Run, chunk: ChunkRef) -> bool {
    matches!(run.content, RunContent::Chunks(first) if first.0.checked_add(run.pages) == Some(chunk.0))
}

/// Tells for each page whether any of these ranges, in bytes, touches it.
fn touched(pages: usize, ranges: impl IntoIterator<Item = Range<u64>>) -> Vec<bool> {
    let mut touched = vec![false; pages];
    for range in ranges {
        let first = range.start / u64::from(PAGE_BYTES);
        let end = range.end.div_ceil(u64::from(PAGE_BYTES)).min(pages as u64);
        touched.get_mut(first as usize..end as usize).unwrap_or_default().fill(true);
    }
    touched
}

fn is_zero(bytes: &[u8]) -> bool {
    let (words, rest) = bytes.as_chunks::<64>();
    words.iter().all(|word| *word == [0; 64]) && rest.iter().all(|byte| *byte == 0)
}

impl MemoryState {
    /// Returns the pages that are not zero: the position of each in the memory and its chunk.
    fn contents(&self) -> impl Iterator<Item = (u64, ChunkRef)> {
        let mut position: u64 = 0;
        self.runs.iter().flat_map(move |run| {
            let start = position;
            position += u64::from(run.pages) * u64::from(PAGE_BYTES);
            let first = match run.content {
                RunContent::Zero => None,
                RunContent::Chunks(first) => Some(first.0),
            };
            let pages = if first.is_some() { run.pages } else { 0 };
            (0..pages).map(move |at| {
                (start + u64::from(at) * u64::from(PAGE_BYTES), ChunkRef(first.unwrap_or(0).wrapping_add(at)))
            })
        })
    }

    /// Returns the pages from the first to the last that is not zero, as the chunks are described. `None` if one is missing.
    ///
    /// The state must have been checked, as that of a checkpoint has: its length is believed.
    pub fn pages(&self, chunks: &dyn Chunks) -> Option<Pages> {
        let id = |(position, chunk): (u64, ChunkRef)| {
            let (id, _) = chunks.describe(chunk.0)?;
            Some(((position / u64::from(PAGE_BYTES)) as u32, id))
        };
        let ids = self.contents().map(id).collect::<Option<_>>()?;
        Some(Pages { ids, count: self.runs.iter().map(|run| run.pages).sum(), hashed: 0 })
    }

    /// Writes the memory into a file, from `offset` on. Zeros are not written: there the file has to have a hole, or zeros.
    ///
    /// # Errors
    /// When a chunk can't be read, or the file can't be written.
    pub fn write_to(&self, chunks: &dyn ChunkReader, file: &File, offset: u64) -> io::Result<()> {
        let mut gathered = Gathered::new(file, offset);
        for (position, chunk) in self.contents() {
            let (_, bytes) = chunks.get(chunk).map_err(io::Error::other)?;
            gathered.add(position, &bytes)?;
        }
        gathered.flush()
    }

    /// Reads the memory, for one that is small.
    ///
    /// # Errors
    /// When a chunk can't be read.
    pub fn read(&self, chunks: &dyn ChunkReader) -> Result<Vec<u8>, ChunkError> {
        let mut memory = vec![0; self.bytes as usize];
        for (position, chunk) in self.contents() {
            let (_, bytes) = chunks.get(chunk)?;
            if let Some(place) = memory.get_mut(position as usize..).and_then(|rest| rest.get_mut(..bytes.len())) {
                place.copy_from_slice(&bytes);
            }
        }
        Ok(memory)
    }

    /// Returns where the content lies in files, so that it can be mapped from there instead of being read: neighbours in
    /// one file come as one. `None` if any of it lies in no file as it is.
    pub fn extents(&self, chunks: &dyn Chunks) -> Option<Vec<Extent>> {
        let mut extents: Vec<Extent> = Vec::new();
        for (position, chunk) in self.contents() {
            let place = chunks.place(chunk.0)?;
            match extents.last_mut() {
                Some(last) if last.continues(position, &place) => last.len += u64::from(PAGE_BYTES),
                _ => extents.push(Extent { position, len: PAGE_BYTES.into(), place }),
            }
        }
        Some(extents)
    }
}

/// A part of a memory that lies in a file.
#[derive(Clone, Debug)]
pub struct Extent {
    /// Where it begins in the memory, in bytes.
    pub position: u64,
    /// How long it is.
    pub len: u64,
    /// Where it lies.
    pub place: Place,
}

impl Extent {
    fn continues(&self, position: u64, place: &Place) -> bool {
        self.position + self.len == position
            && Arc::ptr_eq(&self.place.file, &place.file)
            && self.place.offset + self.len == place.offset
    }
}

/// Neighbouring pages, to be written with one call.
struct Gathered<'f> {
    file: &'f File,
    offset: u64,
    position: u64,
    bytes: Vec<u8>,
}

/// How much is written with one call.
const GATHERED_BYTES: usize = 1 << 20;

impl<'f> Gathered<'f> {
    fn new(file: &'f File, offset: u64) -> Self {
        Self { file, offset, position: 0, bytes: Vec::with_capacity(GATHERED_BYTES) }
    }

    fn add(&mut self, position: u64, bytes: &[u8]) -> io::Result<()> {
        let is_neighbour = self.position + self.bytes.len() as u64 == position;
        if !is_neighbour || self.bytes.len() + bytes.len() > GATHERED_BYTES {
            self.flush()?;
            self.position = position;
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        let at = self.offset.checked_add(self.position).ok_or(io::ErrorKind::InvalidInput)?;
        self.file.write_all_at(&self.bytes, at)?;
        self.bytes.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ChunkTable;

    /// Returns a memory in which every page is another one, but for every eighth, which is zero.
    fn memory(pages: usize) -> Vec<u8> {
        (0..pages * PAGE).map(|at| if at / PAGE % 8 == 7 { 0 } else { (at / PAGE + 1) as u8 }).collect()
    }

    fn at(page: usize) -> u64 {
        (page * PAGE) as u64
    }

    fn all(memory: &[u8]) -> std::iter::Once<Range<u64>> {
        std::iter::once(0..memory.len() as u64)
    }

    #[test]
    fn only_what_changed_is_hashed() {
        let mut memory = memory(64);
        let first = Pages::new(&memory);
        assert_eq!(first.hashed(), 56);
        // A part of one page, the end of one and the beginning of the next, and one that is zero from here on.
        for at in [3 * PAGE + 100, 10 * PAGE - 1, 10 * PAGE] {
            memory[at] = 99;
        }
        memory[20 * PAGE..21 * PAGE].fill(0);
        let changed = [at(3) + 100..at(3) + 101, at(10) - 1..at(10) + 1, at(20)..at(21)];
        let next = first.changed(&memory, changed, all(&memory));
        assert_eq!(next.hashed(), 3);
        assert_eq!(next, Pages::new(&memory));
        // Nothing has changed, and then it has grown.
        assert_eq!(next.changed(&memory, [], all(&memory)).hashed(), 0);
        memory.resize(66 * PAGE, 5);
        let grown = next.changed(&memory, [], all(&memory));
        assert_eq!((grown.hashed(), grown), (2, Pages::new(&memory)));
    }

    #[test]
    fn what_was_restored_is_not_hashed_again() {
        let memory = Bytes::from(memory(24));
        let pages = Pages::new(&memory);
        let mut chunks = ChunkTable::new();
        let state = pages.save(&memory, &mut chunks);
        let restored = state.pages(&chunks).unwrap();
        assert_eq!((restored.hashed(), restored.bytes(), &restored.ids), (0, at(23), &pages.ids));
        assert!(
            MemoryState { runs: vec![Run { pages: 1, content: RunContent::Chunks(ChunkRef(99)) }], ..state }
                .pages(&chunks)
                .is_none()
        );
    }

    #[test]
    fn what_holds_no_data_is_not_hashed() {
        let memory = memory(16);
        let pages = Pages::within(&memory, [at(2)..at(4), at(9) + 1..at(9) + 2]);
        let held: Vec<_> = pages.ids.iter().map(|(at, _)| *at).collect();
        assert_eq!((pages.hashed(), held), (3, vec![2, 3, 9]));
    }
}
