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

/// The pages of one memory at one instant, hashed. Clones share them.
#[derive(Clone, Debug)]
pub struct Pages(Arc<Vec<Page>>);

#[derive(Clone, Debug)]
enum Page {
    Zero,
    Content(ChunkId, Bytes),
}

impl Page {
    fn of(bytes: Bytes) -> Self {
        if is_zero(&bytes) { Self::Zero } else { Self::Content(ChunkId::of(&bytes), bytes) }
    }
}

impl Pages {
    /// Returns the pages of a memory. They share the bytes, which therefore must be those of one instant: an image of the
    /// memory, or a copy.
    ///
    /// # Panics
    /// When the length is not a multiple of [`PAGE_BYTES`], which that of a memory is.
    pub fn new(memory: &Bytes) -> Self {
        assert!(memory.len().is_multiple_of(PAGE), "a memory is made of whole pages");
        Self(Arc::new(page_numbers(memory).map(|at| Page::of(page(memory, at))).collect()))
    }

    /// Returns the pages of a memory that has zeros outside of the ranges in `data`, in bytes: there it is not read.
    ///
    /// # Panics
    /// As [`new`](Self::new).
    pub fn within(memory: &Bytes, data: impl IntoIterator<Item = Range<u64>>) -> Self {
        assert!(memory.len().is_multiple_of(PAGE), "a memory is made of whole pages");
        Self(Arc::new(vec![Page::Zero; memory.len() / PAGE])).changed(memory, data)
    }

    /// Returns the pages of the same memory at a later instant, of which only the ranges in `changed`, in bytes, may differ.
    /// The others are neither read nor hashed again. Memories grow and never shrink.
    ///
    /// # Panics
    /// As [`new`](Self::new).
    pub fn changed(&self, memory: &Bytes, changed: impl IntoIterator<Item = Range<u64>>) -> Self {
        assert!(memory.len().is_multiple_of(PAGE), "a memory is made of whole pages");
        let mut pages: Vec<Option<Page>> = self.0.iter().cloned().map(Some).collect();
        pages.resize(memory.len() / PAGE, None);
        for range in changed {
            let first = range.start / u64::from(PAGE_BYTES);
            let end = range.end.div_ceil(u64::from(PAGE_BYTES)).min(pages.len() as u64);
            pages.get_mut(first as usize..end as usize).unwrap_or_default().fill(None);
        }
        let pages = pages.into_iter().enumerate();
        Self(Arc::new(pages.map(|(at, known)| known.unwrap_or_else(|| Page::of(page(memory, at)))).collect()))
    }

    /// Returns the length of the memory, in bytes.
    pub fn bytes(&self) -> u64 {
        self.0.len() as u64 * u64::from(PAGE_BYTES)
    }

    /// Saves the memory.
    pub fn save(&self, chunks: &mut dyn ChunkWriter) -> MemoryState {
        let mut runs: Vec<Run> = Vec::new();
        for page in self.0.iter() {
            let content = match page {
                Page::Zero => RunContent::Zero,
                Page::Content(id, bytes) => RunContent::Chunks(chunks.put(*id, bytes.clone())),
            };
            match runs.last_mut() {
                Some(run) if follows(run, content) => run.pages += 1,
                _ => runs.push(Run { pages: 1, content }),
            }
        }
        if matches!(runs.last(), Some(Run { content: RunContent::Zero, .. })) {
            runs.pop();
        }
        MemoryState { bytes: self.bytes(), runs }
    }
}

/// Tells whether `content` is what one more page of `run` would hold.
fn follows(run: &Run, content: RunContent) -> bool {
    match (run.content, content) {
        (RunContent::Zero, RunContent::Zero) => true,
        (RunContent::Chunks(first), RunContent::Chunks(next)) => first.0.checked_add(run.pages) == Some(next.0),
        _ => false,
    }
}

fn page_numbers(memory: &Bytes) -> Range<usize> {
    0..memory.len() / PAGE
}

fn page(memory: &Bytes, at: usize) -> Bytes {
    memory.slice(at * PAGE..(at + 1) * PAGE)
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
