//! The chunks of a checkpoint: contents by their names.

use std::collections::HashMap;
use std::fmt::Debug;
use std::fs::File;
use std::sync::Arc;

use bytes::Bytes;
use stillbox_kernel::chunk::{ChunkError, ChunkId, ChunkReader, ChunkRef, ChunkWriter};

/// The largest chunk, in bytes: that of a file. Those of memories are [`PAGE_BYTES`](crate::pages::PAGE_BYTES).
pub const CHUNK_BYTES_MAX: u32 = 64 << 10;

/// The chunks of one checkpoint, named by numbers from 0.
///
/// Reading one gives as many bytes as [`describe`](Self::describe) says. Ids of chunks from outside have been checked
/// against their bytes, so that one can't pass for another.
pub trait Chunks: ChunkReader + Debug + Send + Sync {
    /// Returns how many there are.
    fn count(&self) -> u32;

    /// Returns a chunk's id and its length in bytes, without reading it.
    fn describe(&self, index: u32) -> Option<(ChunkId, u32)>;

    /// Returns where a chunk lies as it is in a file that doesn't change, so that it can be mapped from there.
    fn place(&self, _index: u32) -> Option<Place> {
        None
    }
}

/// Where bytes lie in a file.
#[derive(Clone, Debug)]
pub struct Place {
    /// The file, which must not be written to.
    pub file: Arc<File>,
    /// The position of the first byte.
    pub offset: u64,
}

/// Chunks in memory: what a new checkpoint is gathered in.
#[derive(Clone, Debug, Default)]
pub struct ChunkTable {
    list: Vec<(ChunkId, Bytes)>,
    known: HashMap<ChunkId, u32>,
}

impl ChunkTable {
    /// Returns an empty table.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns a table of chunks in this order. Their ids have been checked.
    pub(crate) fn of(list: Vec<(ChunkId, Bytes)>) -> Self {
        Self { list, known: HashMap::new() }
    }
}

impl ChunkWriter for ChunkTable {
    fn put(&mut self, id: ChunkId, bytes: Bytes) -> ChunkRef {
        let index = *self.known.entry(id).or_insert_with(|| {
            self.list.push((id, bytes));
            // A table of so many chunks would take more memory than there is.
            u32::try_from(self.list.len() - 1).expect("fewer than 2^32 chunks")
        });
        ChunkRef(index)
    }
}

impl ChunkReader for ChunkTable {
    fn len(&self, chunk: ChunkRef) -> Result<u32, ChunkError> {
        described_len(self, chunk)
    }

    fn get(&self, chunk: ChunkRef) -> Result<(ChunkId, Bytes), ChunkError> {
        self.list.get(chunk.0 as usize).cloned().ok_or(ChunkError::Missing { index: chunk.0 })
    }
}

impl Chunks for ChunkTable {
    fn count(&self) -> u32 {
        self.list.len() as u32
    }

    fn describe(&self, index: u32) -> Option<(ChunkId, u32)> {
        self.list.get(index as usize).map(|(id, bytes)| (*id, bytes.len() as u32))
    }
}

/// Returns the length that a chunk is described with.
pub(crate) fn described_len(chunks: &dyn Chunks, chunk: ChunkRef) -> Result<u32, ChunkError> {
    chunks.describe(chunk.0).map(|(_, len)| len).ok_or(ChunkError::Missing { index: chunk.0 })
}
