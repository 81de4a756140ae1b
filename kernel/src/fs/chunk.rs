//! A chunk of a file: what is copied when a byte of it is first written.

use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use crate::chunk::ChunkId;

/// Some bytes of a file, and their id once someone has asked for it.
#[derive(Clone, Debug)]
pub(crate) struct Chunk {
    bytes: Held,
    id: OnceLock<ChunkId>,
}

#[derive(Clone, Debug)]
enum Held {
    Own(Vec<u8>),
    /// Part of something larger, such as a mapped file: it came with a checkpoint and has not been written since.
    Shared(Bytes),
}

impl Chunk {
    /// Returns a chunk of bytes that are held elsewhere, and whose id is known.
    pub fn shared(bytes: Bytes, id: ChunkId) -> Self {
        Self { bytes: Held::Shared(bytes), id: OnceLock::from(id) }
    }

    /// Returns the id of the bytes, which is computed once for all that share the chunk.
    pub fn id(&self) -> ChunkId {
        *self.id.get_or_init(|| ChunkId::of(self))
    }

    /// Returns the bytes for changing; shared ones are copied first.
    pub fn make_mut(&mut self) -> &mut Vec<u8> {
        self.id = OnceLock::new();
        if let Held::Shared(bytes) = &self.bytes {
            self.bytes = Held::Own(bytes.to_vec());
        }
        match &mut self.bytes {
            Held::Own(bytes) => bytes,
            Held::Shared(_) => unreachable!("shared bytes were just copied"),
        }
    }

    /// Lends the bytes out without copying them. Whoever writes to the chunk meanwhile makes a copy.
    pub fn lend(self: &Arc<Self>) -> Bytes {
        match &self.bytes {
            Held::Own(_) => Bytes::from_owner(Lent(Arc::clone(self))),
            Held::Shared(bytes) => bytes.clone(),
        }
    }
}

impl From<Vec<u8>> for Chunk {
    fn from(bytes: Vec<u8>) -> Self {
        Self { bytes: Held::Own(bytes), id: OnceLock::new() }
    }
}

impl Deref for Chunk {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.bytes {
            Held::Own(bytes) => bytes,
            Held::Shared(bytes) => bytes,
        }
    }
}

struct Lent(Arc<Chunk>);

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}
