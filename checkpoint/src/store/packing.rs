//! How a chunk is stored: as it is, or compressed.

use bytes::Bytes;

/// How stored bytes become a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Codec {
    /// They are it.
    Raw = 0,
    /// They are an LZ4 block.
    Lz4 = 1,
}

impl Codec {
    pub(crate) fn of(number: u32) -> Option<Self> {
        [Self::Raw, Self::Lz4].into_iter().find(|codec| *codec as u32 == number)
    }
}

/// A chunk as it is to be stored.
pub(crate) enum Packed {
    Raw,
    Lz4(Vec<u8>),
}

impl Packed {
    pub(crate) fn codec(&self) -> Codec {
        match self {
            Self::Raw => Codec::Raw,
            Self::Lz4(_) => Codec::Lz4,
        }
    }

    /// Returns the bytes to store, of a chunk that holds `raw`.
    pub(crate) fn bytes<'a>(&'a self, raw: &'a [u8]) -> &'a [u8] {
        match self {
            Self::Raw => raw,
            Self::Lz4(bytes) => bytes,
        }
    }
}

/// Returns a chunk as it is to be stored; compressed if that is wanted and saves an eighth.
pub(crate) fn pack(raw: &[u8], compress: bool) -> Packed {
    if !compress || raw.len() < 64 {
        return Packed::Raw;
    }
    let packed = lz4_flex::block::compress(raw);
    if packed.len() > raw.len() / 8 * 7 { Packed::Raw } else { Packed::Lz4(packed) }
}

/// Returns the chunk of stored bytes, if they are one of `len` bytes.
pub(crate) fn unpack(stored: Bytes, codec: Codec, len: u32) -> Option<Bytes> {
    match codec {
        Codec::Raw => (stored.len() == len as usize).then_some(stored),
        Codec::Lz4 => {
            let bytes = lz4_flex::block::decompress(&stored, len as usize).ok()?;
            (bytes.len() == len as usize).then(|| bytes.into())
        }
    }
}
