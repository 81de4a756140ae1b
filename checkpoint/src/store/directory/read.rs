//! The chunks of a stored checkpoint, read when they are asked for.

use std::sync::Arc;

use bytes::Bytes;
use stillbox_kernel::chunk::{ChunkError, ChunkId, ChunkReader, ChunkRef};

use super::index::{Found, Index};
use crate::FormatError;
use crate::chunks::{Chunks, Place, described_len};
use crate::format::container::Tag;
use crate::store::packing::{self, Codec};

/// Chunks in packs. It keeps the packs open, so what it has stays readable when they are removed.
#[derive(Debug)]
pub(super) struct StoredChunks {
    list: Vec<(ChunkId, Found)>,
}

impl StoredChunks {
    /// Finds every chunk of a table.
    pub(super) fn find(index: &Index, table: &[(ChunkId, u32)]) -> Result<Self, FormatError> {
        let find = |&(id, len): &(ChunkId, u32)| match index.get(id) {
            Some(found) if found.slot.len == len => Ok((id, found.clone())),
            Some(_) => Err(FormatError::malformed(Tag::Chunks.name(), "a chunk has another length than in its pack")),
            None => Err(FormatError::malformed(Tag::Chunks.name(), "a chunk is in no pack")),
        };
        Ok(Self { list: table.iter().map(find).collect::<Result<_, _>>()? })
    }
}

impl ChunkReader for StoredChunks {
    fn len(&self, chunk: ChunkRef) -> Result<u32, ChunkError> {
        described_len(self, chunk)
    }

    fn get(&self, chunk: ChunkRef) -> Result<(ChunkId, Bytes), ChunkError> {
        let index = chunk.0;
        let (id, found) = self.list.get(index as usize).ok_or(ChunkError::Missing { index })?;
        let bytes = packing::unpack(found.pack.stored(&found.slot), found.slot.codec, found.slot.len);
        let damaged = || ChunkError::Unreadable { index, source: Arc::new(FormatError::Damaged { part: "a chunk" }) };
        Ok((*id, bytes.ok_or_else(damaged)?))
    }
}

impl Chunks for StoredChunks {
    fn count(&self) -> u32 {
        self.list.len() as u32
    }

    fn describe(&self, index: u32) -> Option<(ChunkId, u32)> {
        self.list.get(index as usize).map(|(id, found)| (*id, found.slot.len))
    }

    fn place(&self, index: u32) -> Option<Place> {
        let (_, found) = self.list.get(index as usize)?;
        let file = found.pack.file.as_ref().filter(|_| found.slot.codec == Codec::Raw)?;
        Some(Place { file: Arc::clone(file), offset: found.slot.offset })
    }
}
