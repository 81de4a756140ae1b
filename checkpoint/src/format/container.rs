//! The outer layer: magic, version, and sections with their lengths and hashes.

use bytes::Bytes;

use super::codec::META_BYTES_MAX;
use super::{FormatError, VERSION};

pub(super) const MAGIC: [u8; 8] = *b"\x89STILL\r\n";
const SECTIONS_MAX: u32 = 8;
const LINE: usize = 48;

/// What a section holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Tag {
    Info,
    Packs,
    Chunks,
    Meta,
    Data,
}

/// Every section, in the order in which they come: tag, name, and the most bytes it may have.
const TAGS: [(Tag, [u8; 4], &str, u64); 5] = [
    (Tag::Info, *b"INFO", "the record", 64 << 10),
    (Tag::Packs, *b"PACK", "the list of packs", 64 << 20),
    (Tag::Chunks, *b"CHNK", "the table of chunks", 1 << 30),
    (Tag::Meta, *b"META", "the state", META_BYTES_MAX as u64),
    (Tag::Data, *b"DATA", "the content", 1 << 44),
];

impl Tag {
    pub(crate) fn name(self) -> &'static str {
        TAGS[self as usize].2
    }
}

/// The sections of a checkpoint, as slices of it.
#[derive(Debug)]
pub(crate) struct Sections {
    list: Vec<(Tag, Bytes)>,
}

impl Sections {
    /// Returns a section.
    pub(crate) fn get(&self, tag: Tag) -> Result<&Bytes, FormatError> {
        let found = self.list.iter().find(|(other, _)| *other == tag);
        found.map(|(_, bytes)| bytes).ok_or_else(|| FormatError::malformed(tag.name(), "it is not there"))
    }
}

/// Returns what comes before the sections. The length of `Data` is given apart, since its bytes are written as they come.
pub(crate) fn header(sections: &[(Tag, &[u8])], data_len: Option<u64>) -> Vec<u8> {
    let count = sections.len() + usize::from(data_len.is_some());
    let mut header = Vec::with_capacity(16 + count * LINE + 32);
    header.extend_from_slice(&MAGIC);
    header.extend_from_slice(&VERSION.to_le_bytes());
    header.extend_from_slice(&(count as u32).to_le_bytes());
    let mut line = |tag: Tag, len: u64, hash: &[u8; 32]| {
        header.extend_from_slice(&TAGS[tag as usize].1);
        header.extend_from_slice(&[0; 4]);
        header.extend_from_slice(&len.to_le_bytes());
        header.extend_from_slice(hash);
    };
    for (tag, bytes) in sections {
        line(*tag, bytes.len() as u64, blake3::hash(bytes).as_bytes());
    }
    if let Some(len) = data_len {
        line(Tag::Data, len, &[0; 32]);
    }
    let hash = blake3::hash(&header);
    header.extend_from_slice(hash.as_bytes());
    header
}

/// Finds the sections, and checks those that `wanted` asks for against their hashes.
pub(crate) fn parse(bytes: &Bytes, wanted: &[Tag]) -> Result<Sections, FormatError> {
    let header = bytes.get(..16).ok_or(FormatError::Truncated)?;
    if header[..8] != MAGIC {
        return Err(FormatError::NotACheckpoint);
    }
    let found = u32_at(header, 8);
    if found != VERSION {
        return Err(FormatError::Version { found });
    }
    let count = u32_at(header, 12);
    if count > SECTIONS_MAX {
        return Err(FormatError::TooLong { part: "the list of sections" });
    }
    let end = 16 + count as usize * LINE;
    let lines = bytes.get(16..end).ok_or(FormatError::Truncated)?;
    let hash = bytes.get(end..end + 32).ok_or(FormatError::Truncated)?;
    if *blake3::hash(&bytes[..end]).as_bytes() != hash {
        return Err(FormatError::Damaged { part: "the header" });
    }
    let mut at = end + 32;
    let mut list: Vec<(Tag, Bytes)> = Vec::new();
    for line in lines.chunks_exact(LINE) {
        let known = TAGS.iter().find(|(_, tag, ..)| *tag == line[..4]);
        let Some((tag, _, part, len_max)) = known else {
            return Err(FormatError::malformed("the header", "it has a section that is not known"));
        };
        if list.last().is_some_and(|(before, _)| before >= tag) {
            return Err(FormatError::malformed("the header", "the sections are out of order"));
        }
        let len = u64::from_le_bytes(std::array::from_fn(|index| line[8 + index]));
        if len > *len_max {
            return Err(FormatError::TooLong { part });
        }
        let end = usize::try_from(len).ok().and_then(|len| at.checked_add(len)).filter(|end| *end <= bytes.len());
        let end = end.ok_or(FormatError::Truncated)?;
        let section = bytes.slice(at..end);
        let is_checked = wanted.contains(tag) && *tag != Tag::Data;
        if is_checked && blake3::hash(&section).as_bytes() != &line[16..] {
            return Err(FormatError::Damaged { part });
        }
        list.push((*tag, section));
        at = end;
    }
    if at != bytes.len() {
        return Err(FormatError::malformed("the checkpoint", "something follows it"));
    }
    Ok(Sections { list })
}

/// Reads a number at a place that is there.
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(std::array::from_fn(|index| bytes[at + index]))
}
