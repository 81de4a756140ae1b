//! A pack: the chunks that one checkpoint brought into the store, in one file.
//!
//! ```text
//!   0  magic, version u32, 0 u32
//!      the chunks; pages that are stored as they are begin at a multiple of 4096, so that they can be mapped
//!      index: id [u8; 32], position u64, stored length u32, length u32, codec u32, for each chunk
//!      count u64, position of the index u64, BLAKE3 of the index [u8; 32], magic
//! ```
//!
//! A pack is named by the hash of its index, and never changes. Thousands of small files, each made durable, take seconds
//! (4 ms each on the disk this was measured on); one takes milliseconds.

use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;

use bytes::Bytes;
use stillbox_kernel::chunk::ChunkId;

use crate::chunks::CHUNK_BYTES_MAX;
use crate::format::FormatError;
use crate::format::container::u32_at;
use crate::store::disk::{Disk, DiskFile};
use crate::store::packing::{Codec, Packed};

const MAGIC: [u8; 8] = *b"\x89SBPACK\n";
const VERSION: u32 = 1;
const LINE: usize = 52;
const FOOTER: usize = 56;
const ALIGNMENT: u64 = 4096;

/// The name of a pack: the hash of its index.
pub(super) type PackName = [u8; 32];

/// A pack that can be read.
#[derive(Debug)]
pub(super) struct Pack {
    pub(super) name: PackName,
    pub(super) bytes: Bytes,
    pub(super) file: Option<Arc<File>>,
}

/// Where a chunk lies in its pack.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    pub(super) offset: u64,
    pub(super) stored: u32,
    pub(super) len: u32,
    pub(super) codec: Codec,
}

impl Pack {
    /// Returns the path of the pack of a name.
    pub(super) fn path(name: &PackName) -> String {
        format!("packs/{}.pack", blake3::Hash::from_bytes(*name).to_hex())
    }

    /// Returns the name of the pack at a path below `packs`.
    pub(super) fn name(file_name: &str) -> Option<PackName> {
        Some(*blake3::Hash::from_hex(file_name.strip_suffix(".pack")?).ok()?.as_bytes())
    }

    /// Opens a pack, and returns it with its index.
    pub(super) fn open(disk: &dyn Disk, name: PackName) -> io::Result<(Self, Vec<(ChunkId, Slot)>)> {
        let (bytes, file) = disk.map(&Self::path(&name))?;
        let index = read_index(&bytes, &name).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        Ok((Self { name, bytes, file }, index))
    }

    /// Returns the bytes of a slot as they are stored.
    pub(super) fn stored(&self, slot: &Slot) -> Bytes {
        let start = slot.offset as usize;
        self.bytes.slice(start..start + slot.stored as usize)
    }
}

fn read_index(bytes: &Bytes, name: &PackName) -> Result<Vec<(ChunkId, Slot)>, FormatError> {
    let part = "a pack";
    let u64_at = |bytes: &[u8], at: usize| u64::from_le_bytes(std::array::from_fn(|index| bytes[at + index]));
    let end = bytes.len().checked_sub(FOOTER).filter(|end| *end >= 16).ok_or(FormatError::Truncated)?;
    let footer = &bytes[end..];
    if bytes[..8] != MAGIC || footer[48..] != MAGIC {
        return Err(FormatError::NotACheckpoint);
    }
    let found = u32_at(bytes, 8);
    if found != VERSION {
        return Err(FormatError::Version { found });
    }
    let (count, start) = (u64_at(footer, 0), u64_at(footer, 8));
    let is_index = count.checked_mul(LINE as u64).and_then(|len| start.checked_add(len)) == Some(end as u64);
    if !is_index {
        return Err(FormatError::malformed(part, "its index has another length than it says"));
    }
    let index = &bytes[start as usize..end];
    let hash = blake3::hash(index);
    if hash.as_bytes() != &footer[16..48] || hash.as_bytes() != name {
        return Err(FormatError::Damaged { part });
    }
    let line = |line: &[u8]| {
        let id = ChunkId(std::array::from_fn(|at| line[at]));
        let (offset, stored, len) = (u64_at(line, 32), u32_at(line, 40), u32_at(line, 44));
        let codec = Codec::of(u32_at(line, 48)).ok_or_else(|| FormatError::malformed(part, "an unknown codec"))?;
        let fits = offset.checked_add(stored.into()).is_some_and(|end| end <= start);
        if !fits || len > CHUNK_BYTES_MAX {
            return Err(FormatError::malformed(part, "a chunk is not in it"));
        }
        Ok((id, Slot { offset, stored, len, codec }))
    };
    index.chunks_exact(LINE).map(line).collect()
}

/// Writes a pack.
pub(super) struct PackWriter {
    file: io::BufWriter<Box<dyn DiskFile>>,
    position: u64,
    index: Vec<u8>,
    count: u64,
}

impl PackWriter {
    pub(super) fn new(file: Box<dyn DiskFile>) -> io::Result<Self> {
        let mut writer =
            Self { file: io::BufWriter::with_capacity(1 << 20, file), position: 0, index: Vec::new(), count: 0 };
        writer.write(&MAGIC)?;
        writer.write(&VERSION.to_le_bytes())?;
        writer.write(&[0; 4])?;
        Ok(writer)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.position += bytes.len() as u64;
        Ok(())
    }

    /// Adds a chunk, already packed.
    pub(super) fn add(&mut self, id: ChunkId, raw: &[u8], packed: &Packed) -> io::Result<()> {
        let stored = packed.bytes(raw);
        self.add_stored(id, stored, packed.codec(), raw.len() as u32)
    }

    /// Adds a chunk as another pack had it stored.
    pub(super) fn add_stored(&mut self, id: ChunkId, stored: &[u8], codec: Codec, len: u32) -> io::Result<()> {
        let is_pages = codec == Codec::Raw && u64::from(len).is_multiple_of(ALIGNMENT);
        if is_pages {
            let padding = self.position.next_multiple_of(ALIGNMENT) - self.position;
            self.write(&[0; ALIGNMENT as usize][..padding as usize])?;
        }
        self.index.extend_from_slice(&id.0);
        self.index.extend_from_slice(&self.position.to_le_bytes());
        self.index.extend_from_slice(&(stored.len() as u32).to_le_bytes());
        self.index.extend_from_slice(&len.to_le_bytes());
        self.index.extend_from_slice(&(codec as u32).to_le_bytes());
        self.count += 1;
        self.write(stored)
    }

    /// Writes the index, makes everything durable, and returns the pack's name and length.
    pub(super) fn finish(mut self) -> io::Result<(PackName, u64)> {
        let (index, start) = (std::mem::take(&mut self.index), self.position);
        let name = *blake3::hash(&index).as_bytes();
        self.write(&index)?;
        self.write(&self.count.to_le_bytes())?;
        self.write(&start.to_le_bytes())?;
        self.write(&name)?;
        self.write(&MAGIC)?;
        self.file.flush()?;
        self.file.get_mut().sync()?;
        Ok((name, self.position))
    }
}
