//! Text as characters, of one byte each in the `C` locale.

use crate::locale::is_utf8;

/// Returns how many characters `text` has.
pub fn length(text: &[u8]) -> usize {
    if is_utf8() { text.iter().filter(|&&byte| byte & 0xC0 != 0x80).count() } else { text.len() }
}

/// Returns where the character after the first `count` ones starts, or the end of `text`.
pub fn offset(text: &[u8], count: usize) -> usize {
    if !is_utf8() || text.get(..count).is_some_and(<[u8]>::is_ascii) {
        return count.min(text.len());
    }
    let mut starts = text.iter().enumerate().filter(|(_, byte)| **byte & 0xC0 != 0x80).map(|(at, _)| at);
    starts.nth(count).unwrap_or(text.len())
}

/// Changes the case of every letter.
pub fn change_case(text: &[u8], upper: bool) -> Vec<u8> {
    if text.is_ascii() || !is_utf8() {
        return if upper { text.to_ascii_uppercase() } else { text.to_ascii_lowercase() };
    }
    let mut result = Vec::with_capacity(text.len());
    for chunk in text.utf8_chunks() {
        let valid = chunk.valid();
        result.extend_from_slice(if upper { valid.to_uppercase() } else { valid.to_lowercase() }.as_bytes());
        result.extend_from_slice(chunk.invalid());
    }
    result
}
