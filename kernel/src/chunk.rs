//! Chunks: how large contents leave the kernel for a checkpoint, and come back.
//!
//! What is small and has structure is saved as plain data, by the `persist.rs` of its module. Contents are saved as chunks:
//! runs of bytes that are known by their hash, so that a checkpoint holds each of them once, and the next checkpoint only
//! costs what has changed since.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// The identity of some bytes: their BLAKE3 hash.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChunkId(pub [u8; 32]);

impl ChunkId {
    /// Returns the id of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }
}

impl fmt::Debug for ChunkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChunkId({})", blake3::Hash::from_bytes(self.0).to_hex())
    }
}

/// Names a chunk within one checkpoint: its place in the checkpoint's table of chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ChunkRef(pub u32);

/// Takes the chunks of what is being saved.
pub trait ChunkWriter {
    /// Takes a chunk whose id is known, and returns the name that it has in the checkpoint; equal chunks have the same.
    fn put(&mut self, id: ChunkId, bytes: Bytes) -> ChunkRef;
}

/// Gives the chunks of what is being restored.
pub trait ChunkReader {
    /// Returns the length of a chunk in bytes, without reading it.
    ///
    /// # Errors
    /// [`ChunkError::Missing`].
    fn len(&self, chunk: ChunkRef) -> Result<u32, ChunkError>;

    /// Returns a chunk and its id.
    ///
    /// # Errors
    /// When there is none of that name, or it can't be read.
    fn get(&self, chunk: ChunkRef) -> Result<(ChunkId, Bytes), ChunkError>;
}

/// A chunk could not be had.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChunkError {
    /// The checkpoint has no chunk of this name.
    #[error("there is no chunk {index}")]
    Missing {
        /// The name.
        index: u32,
    },
    /// It is there but can't be read.
    #[error("chunk {index} cannot be read")]
    Unreadable {
        /// The name.
        index: u32,
        /// Why not.
        source: Arc<dyn Error + Send + Sync>,
    },
}
