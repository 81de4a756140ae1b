//! `s`: finds matches and puts the replacement in their place.

use super::command::{Case, Part, Substitute};
use crate::regex::{Groups, Options, Regex, Syntax};

/// Replaces what `substitute` wants in `text`, into `result`; returns whether anything was.
pub fn apply(substitute: &Substitute, regex: &Regex, text: &[u8], result: &mut Vec<u8>) -> bool {
    let options = Options::new(Syntax::Basic);
    let mut groups = Groups::new();
    let (mut copied, mut from, mut count) = (0, 0, 0);
    let mut last_end = None;
    let mut replaced = false;
    result.clear();
    while from <= text.len() && regex.groups_at(text, from, &mut groups) {
        let Some((start, end)) = groups[0] else { break };
        // Right behind a match an empty one does not count.
        if start < end || last_end != Some(start) {
            count += 1;
            if count >= substitute.nth {
                result.extend_from_slice(&text[copied..start]);
                expand(&substitute.replacement, text, &groups, result);
                copied = end;
                replaced = true;
                if !substitute.global {
                    break;
                }
            }
        }
        last_end = Some(end);
        from = if start < end { end } else { end + options.char_len(text, end) };
    }
    result.extend_from_slice(&text[copied..]);
    replaced
}

fn expand(parts: &[Part], text: &[u8], groups: &Groups, result: &mut Vec<u8>) {
    let mut case = Case::Keep;
    let mut next = Case::Keep;
    for part in parts {
        let piece: &[u8] = match part {
            Part::Text(literal) => literal,
            Part::Group(group) => match groups.get(*group).copied().flatten() {
                Some((start, end)) => &text[start..end],
                None => b"",
            },
            Part::Case(change @ (Case::UpperNext | Case::LowerNext)) => {
                next = *change;
                continue;
            }
            Part::Case(change) => {
                (case, next) = (*change, Case::Keep);
                continue;
            }
        };
        if case == Case::Keep && next == Case::Keep {
            result.extend_from_slice(piece);
            continue;
        }
        for chunk in piece.utf8_chunks() {
            for c in chunk.valid().chars() {
                let change = if next == Case::Keep { case } else { std::mem::replace(&mut next, Case::Keep) };
                push_changed(c, change, result);
            }
            result.extend_from_slice(chunk.invalid());
        }
    }
}

fn push_changed(c: char, case: Case, result: &mut Vec<u8>) {
    let mut push = |c: char| result.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    match case {
        Case::Upper | Case::UpperNext => c.to_uppercase().for_each(&mut push),
        Case::Lower | Case::LowerNext => c.to_lowercase().for_each(&mut push),
        Case::Keep => push(c),
    }
}
