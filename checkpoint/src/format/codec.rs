//! The codec of everything that has structure. Nothing else names bincode.
//!
//! A decoder takes a small multiple of its input's length in memory, or a mebibyte if that is more.

use bincode::config::{Configuration, Fixint, Limit, LittleEndian};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::FormatError;

/// The most bytes of one encoded value.
pub(crate) const META_BYTES_MAX: usize = 256 << 20;

/// Little-endian, every number at its full length. That costs some bytes and saves the question whether two encodings of a
/// value are the same.
type Config<const BYTES_MAX: usize> = Configuration<LittleEndian, Fixint, Limit<BYTES_MAX>>;

const fn config<const BYTES_MAX: usize>() -> Config<BYTES_MAX> {
    bincode::config::standard().with_fixed_int_encoding().with_limit::<BYTES_MAX>()
}

/// Encodes a value.
pub(crate) fn encode(part: &'static str, value: &impl Serialize) -> Result<Vec<u8>, FormatError> {
    let bytes = bincode::serde::encode_to_vec(value, config::<META_BYTES_MAX>())
        .map_err(|error| FormatError::malformed(part, error))?;
    if bytes.len() > META_BYTES_MAX { Err(FormatError::TooLong { part }) } else { Ok(bytes) }
}

/// Decodes a value, which takes all of `bytes`.
pub(crate) fn decode<T: DeserializeOwned>(part: &'static str, bytes: &[u8]) -> Result<T, FormatError> {
    // The decoder makes room for a string before it looks whether there is one. It believes lengths up to its limit, which
    // can only be a constant: so the smallest of a few that the input fits in.
    match bytes.len() {
        0..=0xffff => decode_within::<T, 0x1_0000>(part, bytes),
        0x1_0000..=0xf_ffff => decode_within::<T, 0x10_0000>(part, bytes),
        0x10_0000..=0xff_ffff => decode_within::<T, 0x100_0000>(part, bytes),
        0x100_0000..=META_BYTES_MAX => decode_within::<T, META_BYTES_MAX>(part, bytes),
        _ => Err(FormatError::TooLong { part }),
    }
}

fn decode_within<T: DeserializeOwned, const BYTES_MAX: usize>(
    part: &'static str,
    bytes: &[u8],
) -> Result<T, FormatError> {
    let (value, read) = bincode::serde::decode_from_slice(bytes, config::<BYTES_MAX>())
        .map_err(|error| FormatError::malformed(part, error))?;
    if read != bytes.len() {
        return Err(FormatError::malformed(part, "something follows it"));
    }
    Ok(value)
}
