//! `sub`, `gsub` and `gensub`.

use crate::regex::{Groups, Options, Regex, Syntax};

/// A part of a replacement.
pub enum Part {
    Text(Vec<u8>),
    Group(usize),
}

/// Which matches are replaced.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Which {
    All,
    /// One, counted from 1.
    Nth(usize),
}

/// Splits a replacement into its parts; with `groups`, `\1` is the first group.
pub fn parse(text: &[u8], groups: bool) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut literal = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let (part, length) = match &text[at..] {
            [b'&', ..] => (Some(0), 1),
            [b'\\', b'&', ..] => {
                literal.push(b'&');
                (None, 2)
            }
            [b'\\', b'\\', ..] => {
                literal.push(b'\\');
                (None, 2)
            }
            [b'\\', digit @ b'0'..=b'9', ..] if groups => (Some(usize::from(digit - b'0')), 2),
            [byte, ..] => {
                literal.push(*byte);
                (None, 1)
            }
            [] => break,
        };
        at += length;
        if let Some(group) = part {
            if !literal.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut literal)));
            }
            parts.push(Part::Group(group));
        }
    }
    parts.push(Part::Text(literal));
    parts
}

/// Replaces matches in `text`; returns the result and how many were replaced.
pub fn apply(regex: &Regex, text: &[u8], parts: &[Part], which: Which) -> (Vec<u8>, usize) {
    let options = Options::new(Syntax::Awk);
    let wants_groups = parts.iter().any(|part| matches!(part, Part::Group(1..)));
    let mut groups = Groups::new();
    let mut result = Vec::with_capacity(text.len());
    let (mut copied, mut from, mut seen, mut count) = (0, 0, 0, 0);
    let mut last_end = None;
    while from <= text.len() {
        if wants_groups {
            if !regex.groups_at(text, from, &mut groups) {
                break;
            }
        } else {
            groups.clear();
            match regex.find_at(text, from) {
                Some(found) => groups.push(Some(found)),
                None => break,
            }
        }
        let Some((start, end)) = groups[0] else { break };
        // Right behind a match an empty one does not count.
        if start < end || last_end != Some(start) {
            seen += 1;
            if which == Which::All || which == Which::Nth(seen) {
                count += 1;
                result.extend_from_slice(&text[copied..start]);
                for part in parts {
                    match part {
                        Part::Text(literal) => result.extend_from_slice(literal),
                        Part::Group(group) => {
                            if let Some((start, end)) = groups.get(*group).copied().flatten() {
                                result.extend_from_slice(&text[start..end]);
                            }
                        }
                    }
                }
                copied = end;
                if which != Which::All {
                    break;
                }
            }
        }
        last_end = Some(end);
        from = if start < end { end } else { end + options.char_len(text, end) };
    }
    result.extend_from_slice(&text[copied..]);
    (result, count)
}
