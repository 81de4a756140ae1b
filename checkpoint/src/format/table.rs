//! The table of chunks: the id and the length of each.

use stillbox_kernel::chunk::ChunkId;

use super::FormatError;
use super::container::{Tag, u32_at};
use crate::chunks::{CHUNK_BYTES_MAX, Chunks};

const LINE: usize = 36;

/// Returns the table of a checkpoint's chunks.
pub(crate) fn encode_table(chunks: &dyn Chunks) -> Vec<u8> {
    let mut table = Vec::with_capacity(chunks.count() as usize * LINE);
    for (id, len) in (0..chunks.count()).filter_map(|index| chunks.describe(index)) {
        table.extend_from_slice(&id.0);
        table.extend_from_slice(&len.to_le_bytes());
    }
    table
}

/// Reads a table.
pub(crate) fn decode_table(bytes: &[u8]) -> Result<Vec<(ChunkId, u32)>, FormatError> {
    let part = Tag::Chunks.name();
    let lines = bytes.chunks_exact(LINE);
    if !lines.remainder().is_empty() {
        return Err(FormatError::malformed(part, "it does not end with a whole line"));
    }
    let line = |line: &[u8]| {
        let len = u32_at(line, 32);
        if len > CHUNK_BYTES_MAX {
            return Err(FormatError::TooLong { part: "a chunk" });
        }
        Ok((ChunkId(std::array::from_fn(|at| line[at])), len))
    };
    lines.map(line).collect()
}
