//! Bytes as text, without loss.
//!
//! The shell works with characters, but files and arguments hold any bytes. A byte that is not part of valid UTF-8 is
//! kept as a character of its own from the last private-use plane, and becomes the byte again on its way out.

/// The character that stands for the stray byte 0; byte `b` is `BASE + b`.
const BASE: u32 = 0x10_FF00;

/// Decodes bytes from outside.
pub fn decode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|b| stray(*b)));
    }
    text
}

/// Decodes bytes that are most likely valid already.
pub fn decode_vec(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| decode(error.as_bytes()))
}

/// Returns the character that stands for a stray byte.
pub fn stray(byte: u8) -> char {
    char::from_u32(BASE + u32::from(byte)).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// Returns the byte that a character stands for, if it is such a one.
pub fn stray_byte(c: char) -> Option<u8> {
    u8::try_from((c as u32).checked_sub(BASE)?).ok()
}

/// Encodes text for the outside.
pub fn encode(text: &str) -> Vec<u8> {
    // Every stand-in starts with this byte, so ordinary text is a plain copy.
    if !text.as_bytes().contains(&0xF4) {
        return text.as_bytes().to_vec();
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut buffer = [0; 4];
    for c in text.chars() {
        match stray_byte(c) {
            Some(byte) => bytes.push(byte),
            None => bytes.extend(c.encode_utf8(&mut buffer).as_bytes()),
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_bytes_survive_the_round_trip() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(encode(&decode(&all)), all);
        assert_eq!(decode("grün".as_bytes()), "grün");
    }
}
