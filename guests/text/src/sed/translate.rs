//! `y/abc/xyz/`

use std::collections::HashMap;

/// Which character becomes which.
pub struct Table {
    ascii: [u8; 128],
    others: HashMap<char, char>,
}

impl Table {
    /// Returns the table that maps the characters of `from` to those of `to`; `None` if there is not one for each.
    pub fn new(from: &[char], to: &[char]) -> Option<Table> {
        if from.len() != to.len() {
            return None;
        }
        let mut table = Table { ascii: std::array::from_fn(|byte| byte as u8), others: HashMap::new() };
        // Of several rules for one character the first holds.
        for (&from, &to) in from.iter().zip(to).rev() {
            table.others.insert(from, to);
            if from.is_ascii() && to.is_ascii() {
                table.ascii[from as usize] = to as u8;
            }
        }
        if table.others.iter().all(|(from, to)| from.is_ascii() && to.is_ascii()) {
            table.others.clear();
        }
        Some(table)
    }

    /// Translates all of `text`.
    pub fn apply(&self, text: &mut Vec<u8>) {
        if self.others.is_empty() {
            for byte in text.iter_mut().filter(|byte| byte.is_ascii()) {
                *byte = self.ascii[usize::from(*byte)];
            }
            return;
        }
        let mut result = Vec::with_capacity(text.len());
        for chunk in text.utf8_chunks() {
            for c in chunk.valid().chars() {
                let mapped = self.others.get(&c).copied().unwrap_or(c);
                result.extend_from_slice(mapped.encode_utf8(&mut [0; 4]).as_bytes());
            }
            result.extend_from_slice(chunk.invalid());
        }
        *text = result;
    }
}
