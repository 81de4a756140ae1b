//! Splitting into arguments.

use crate::glob;

/// Is a stretch of expanded text.
#[derive(Debug, Clone)]
pub struct Piece {
    pub text: String,
    /// Whether quotes protect it from splitting and from being a pattern.
    pub quoted: bool,
    /// Whether it came from an expansion and is split.
    pub split: bool,
    /// Whether it only separates two arguments, as in `"$@"`.
    pub separator: bool,
}

impl Piece {
    pub fn quoted(text: &str) -> Piece {
        Piece { text: text.to_owned(), quoted: true, split: false, separator: false }
    }

    pub fn expanded(text: String, quoted: bool) -> Piece {
        Piece { text, quoted, split: !quoted, separator: false }
    }

    pub fn separator() -> Piece {
        Piece { text: String::new(), quoted: false, split: false, separator: true }
    }
}

/// Joins pieces into the text they show.
pub fn text(pieces: &[Piece]) -> String {
    match pieces {
        [piece] => piece.text.clone(),
        pieces => pieces.iter().map(|p| p.text.as_str()).collect(),
    }
}

/// Joins pieces into a pattern.
pub fn pattern(pieces: &[Piece]) -> String {
    let mut pattern = String::new();
    for piece in pieces {
        if piece.quoted {
            pattern.push_str(&glob::escape(&piece.text));
        } else {
            pattern.push_str(&piece.text);
        }
    }
    pattern
}

/// What ended the field before.
#[derive(PartialEq)]
enum Ended {
    /// Nothing, or something other than a delimiter.
    No,
    /// A blank of IFS, which another delimiter may still follow.
    Blank,
    /// Another character of IFS.
    Other,
}

/// Splits pieces into the fields that become arguments.
pub fn split(pieces: &[Piece], ifs: &str) -> Vec<Vec<Piece>> {
    let mut fields = Vec::new();
    let mut current: Option<Vec<Piece>> = None;
    let mut ended = Ended::No;
    for piece in pieces {
        if piece.separator {
            fields.extend(current.take());
            ended = Ended::No;
        } else if !piece.split || ifs.is_empty() {
            if piece.quoted || !piece.text.is_empty() {
                current.get_or_insert_default().push(piece.clone());
                ended = Ended::No;
            }
        } else {
            split_piece(&piece.text, ifs, &mut fields, &mut current, &mut ended);
        }
    }
    fields.extend(current);
    fields
}

fn split_piece(
    text: &str,
    ifs: &str,
    fields: &mut Vec<Vec<Piece>>,
    current: &mut Option<Vec<Piece>>,
    ended: &mut Ended,
) {
    let mut start = 0;
    let take = |from: usize, to: usize, current: &mut Option<Vec<Piece>>| {
        if from < to {
            let piece = Piece { text: text[from..to].to_owned(), quoted: false, split: false, separator: false };
            current.get_or_insert_default().push(piece);
        }
    };
    for (at, c) in text.char_indices() {
        if !ifs.contains(c) {
            *ended = Ended::No;
            continue;
        }
        take(start, at, current);
        start = at + c.len_utf8();
        let blank = matches!(c, ' ' | '\t' | '\n');
        if let Some(field) = current.take() {
            fields.push(field);
            *ended = if blank { Ended::Blank } else { Ended::Other };
        } else if !blank {
            // The first other character after a blank belongs to the same delimiter.
            if *ended != Ended::Blank {
                fields.push(Vec::new());
            }
            *ended = Ended::Other;
        }
    }
    take(start, text.len(), current);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields_of(value: &str, ifs: &str) -> Vec<String> {
        split(&[Piece::expanded(value.to_owned(), false)], ifs).iter().map(|f| text(f)).collect()
    }

    #[test]
    fn splitting_follows_posix() {
        assert_eq!(fields_of("  a  b ", " \t\n"), ["a", "b"]);
        assert_eq!(fields_of("a::b:", ":"), ["a", "", "b"]);
        assert_eq!(fields_of(":a", ":"), ["", "a"]);
        assert_eq!(fields_of(" a : b ", " :"), ["a", "b"]);
        assert_eq!(fields_of("a : : b", " :"), ["a", "", "b"]);
        assert_eq!(fields_of("a b", ""), ["a b"]);
        assert!(fields_of("   ", " ").is_empty());
    }
}
