//! What fails when a change makes another format of it.
//!
//! - A field or a variant that is added, removed, moved or retyped changes the bytes of [`sample`](super::sample), and so
//!   [`schema`]; a field that is added doesn't even compile there.
//! - The numbers below are part of the format and can't be changed alone.
//! - `tests/goldens` has checkpoints of every released version, which have to stay readable.
//!
//! `docs/checkpoint-format.md` says what to do about it.

use super::{VERSION, codec, sample};
use crate::chunks::CHUNK_BYTES_MAX;
use crate::pages::PAGE_BYTES;

const _: () = assert!(VERSION == 1, "another version has another schema, and goldens of its own");
const _: () = assert!(PAGE_BYTES == 16 << 10 && CHUNK_BYTES_MAX == 64 << 10, "the format fixes the sizes of chunks");
const _: () = assert!(0x1_0000_u32.is_multiple_of(PAGE_BYTES), "a page of WebAssembly is whole pages of a checkpoint");

/// What [`schema`] returns for version 1.
pub const SCHEMA: &str = "447af1376fc2d1e8d72e7244235c96338380ef8bef078b0d8072000a4a5f7988";

/// Returns the hash of a checkpoint's state that has one of everything, in the format of this build.
///
/// # Panics
/// When the sample can't be encoded, which would be a defect.
pub fn schema() -> String {
    let sample = sample::checkpoint();
    let bytes = codec::encode("the sample", &(sample::record(), &*sample.state)).expect("the sample can be encoded");
    blake3::hash(&bytes).to_hex().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_is_that_of_this_version() {
        assert_eq!(schema(), SCHEMA, "the format has changed: see docs/checkpoint-format.md");
    }
}
