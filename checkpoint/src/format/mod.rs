//! The format of checkpoints as bytes.
//!
//! ```text
//!    0  magic            89 53 54 49 4c 4c 0d 0a   as PNG's: text-mode transfers and 7-bit lines damage it visibly
//!    8  version          u32
//!   12  sections         u32, at most 8
//!   16  a line for each: tag [u8; 4], reserved u32 = 0, length u64, BLAKE3 of the section [u8; 32]
//!       BLAKE3 of all before it
//!       the sections, one behind the other, in this order:
//!
//!       INFO   SnapshotRecord                        bincode
//!       PACK   names of the packs it lies in         32 bytes each; in a store only
//!       CHNK   id and length of each chunk           36 bytes each
//!       META   State                                 bincode
//!       DATA   the chunks' bytes, in their order     in a file of its own only; the hash is 0, each chunk has its own
//! ```
//!
//! Numbers are little-endian. Every length is compared with the most it may be, and with what there is, before anything is
//! made of it. `tripwires.rs` tells when a change would be another format; `docs/checkpoint-format.md` says what to do then.

pub(crate) mod codec;
pub(crate) mod container;
mod file;
pub mod sample;
mod table;
mod tripwires;

pub use file::{export, import};
pub use tripwires::{SCHEMA, schema};

pub(crate) use table::{decode_table, encode_table};

/// The version of the format that is written, and the only one that is read.
pub const VERSION: u32 = 1;

/// Why bytes are no checkpoint.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// They don't begin as one.
    #[error("it does not begin as a checkpoint does")]
    NotACheckpoint,
    /// It has been written by a version that this one doesn't know.
    #[error("it has version {found}, and this program reads version {VERSION}")]
    Version {
        /// Its version.
        found: u32,
    },
    /// It ends before it should.
    #[error("it is cut off")]
    Truncated,
    /// A part is longer than it may be.
    #[error("{part} is too long")]
    TooLong {
        /// The part.
        part: &'static str,
    },
    /// A part is not what was written.
    #[error("{part} is damaged")]
    Damaged {
        /// The part.
        part: &'static str,
    },
    /// A part doesn't hold what it should.
    #[error("{part} is malformed: {reason}")]
    Malformed {
        /// The part.
        part: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// Its parts do not fit together.
    #[error("its parts do not fit together")]
    State(#[from] crate::StateError),
}

impl FormatError {
    pub(crate) fn malformed(part: &'static str, reason: impl ToString) -> Self {
        Self::Malformed { part, reason: reason.to_string() }
    }
}
