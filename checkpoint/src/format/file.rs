//! A checkpoint as one file, which needs no store.

use std::io::{self, Write};
use std::sync::Arc;

use bytes::Bytes;
use stillbox_kernel::chunk::{ChunkId, ChunkRef};

use super::codec;
use super::container::{self, Tag, u32_at};
use super::{FormatError, decode_table, encode_table};
use crate::chunks::ChunkTable;
use crate::store::packing::{self, Codec, Packed};
use crate::{Checkpoint, SnapshotRecord};

/// What comes before each chunk: its length as it is stored, and how it is encoded.
const CHUNK_HEADER: usize = 8;

/// Writes a checkpoint as one file, its chunks compressed, and returns its length.
///
/// The file has an image's contents only if the state includes the image. Chunks are compressed twice rather than kept, so
/// that memory stays bounded.
///
/// # Errors
/// When a chunk can't be read, or `writer` fails.
pub fn export(record: &SnapshotRecord, checkpoint: &Checkpoint, writer: &mut dyn Write) -> io::Result<u64> {
    let info = codec::encode(Tag::Info.name(), record).map_err(io::Error::other)?;
    let meta = codec::encode(Tag::Meta.name(), &*checkpoint.state).map_err(io::Error::other)?;
    let table = encode_table(&*checkpoint.chunks);
    let packed = |index| -> io::Result<(Bytes, Packed)> {
        let (_, bytes) = checkpoint.chunks.get(ChunkRef(index)).map_err(io::Error::other)?;
        let packed = packing::pack(&bytes, true);
        Ok((bytes, packed))
    };
    let mut data_len = 0;
    for index in 0..checkpoint.chunks.count() {
        let (bytes, packed) = packed(index)?;
        data_len += (CHUNK_HEADER + packed.bytes(&bytes).len()) as u64;
    }
    let header = container::header(&[(Tag::Info, &info), (Tag::Chunks, &table), (Tag::Meta, &meta)], Some(data_len));
    for part in [&header, &info, &table, &meta] {
        writer.write_all(part)?;
    }
    for index in 0..checkpoint.chunks.count() {
        let (bytes, packed) = packed(index)?;
        let stored = packed.bytes(&bytes);
        writer.write_all(&(stored.len() as u32).to_le_bytes())?;
        writer.write_all(&(packed.codec() as u32).to_le_bytes())?;
        writer.write_all(stored)?;
    }
    let before = header.len() + info.len() + table.len() + meta.len();
    Ok(before as u64 + data_len)
}

/// Reads a checkpoint from the bytes of one file, which may be mapped. Every byte is checked against a hash.
///
/// Chunks that are not compressed are shared with `bytes`. The others take memory: 255 times what they take in the file at
/// most, which is as much as LZ4 can save.
///
/// # Errors
/// [`FormatError`] says what is wrong with them.
pub fn import(bytes: &Bytes) -> Result<(SnapshotRecord, Checkpoint), FormatError> {
    let sections = container::parse(bytes, &[Tag::Info, Tag::Chunks, Tag::Meta])?;
    let record: SnapshotRecord = codec::decode(Tag::Info.name(), sections.get(Tag::Info)?)?;
    if !crate::record::is_id(&record.id) {
        return Err(FormatError::malformed(Tag::Info.name(), "it has an id that is none"));
    }
    let table = decode_table(sections.get(Tag::Chunks)?)?;
    let state = codec::decode(Tag::Meta.name(), sections.get(Tag::Meta)?)?;
    let chunks = read_chunks(&table, sections.get(Tag::Data)?)?;
    Ok((record, Checkpoint::new(state, Arc::new(ChunkTable::of(chunks)))?))
}

fn read_chunks(table: &[(ChunkId, u32)], data: &Bytes) -> Result<Vec<(ChunkId, Bytes)>, FormatError> {
    let damaged = || FormatError::Damaged { part: "a chunk" };
    let mut at = 0;
    // Not made beforehand for all of a table that may lie about how much follows.
    let mut chunks = Vec::new();
    for (id, len) in table {
        let header = data.get(at..at + CHUNK_HEADER).ok_or(FormatError::Truncated)?;
        let (stored, codec) = (u32_at(header, 0) as usize, u32_at(header, 4));
        at += CHUNK_HEADER;
        let end = at.checked_add(stored).filter(|end| *end <= data.len()).ok_or(FormatError::Truncated)?;
        let codec = Codec::of(codec).ok_or_else(damaged)?;
        let bytes = packing::unpack(data.slice(at..end), codec, *len).ok_or_else(damaged)?;
        if ChunkId::of(&bytes) != *id {
            return Err(damaged());
        }
        chunks.push((*id, bytes));
        at = end;
    }
    if at != data.len() {
        return Err(FormatError::malformed(Tag::Data.name(), "something follows it"));
    }
    Ok(chunks)
}
