//! Lines of bytes, and escapes in format strings.

use std::io::{self, BufRead};

/// Returns the lines of `bytes` without their newlines.
pub fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let body = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let empty = bytes.is_empty();
    body.split(|byte| *byte == b'\n').filter(move |_| !empty)
}

/// Calls `each` with every line of `input`, its newline included if it has one.
///
/// # Errors
/// Those of reading, and those that `each` gives.
pub fn for_each_line<E: From<io::Error>>(
    input: impl io::Read,
    mut each: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let mut input = io::BufReader::new(input);
    let mut line = Vec::new();
    loop {
        line.clear();
        if input.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        each(&line)?;
    }
}

/// Returns `text` with the escapes of C and `printf` replaced: `\n`, `\t`, `\\`, `\0NNN`, `\xHH` and so on.
pub fn unescape(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut result = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] != b'\\' || at + 1 == bytes.len() {
            result.push(bytes[at]);
            at += 1;
            continue;
        }
        at += 1;
        let letter = bytes[at];
        at += 1;
        match letter {
            b'a' => result.push(7),
            b'b' => result.push(8),
            b'e' => result.push(27),
            b'f' => result.push(12),
            b'n' => result.push(b'\n'),
            b'r' => result.push(b'\r'),
            b't' => result.push(b'\t'),
            b'v' => result.push(11),
            b'\\' | b'"' => result.push(letter),
            b'0'..=b'7' => {
                let start = at - 1;
                while at < bytes.len() && at < start + 3 && (b'0'..=b'7').contains(&bytes[at]) {
                    at += 1;
                }
                result.push(u32::from_str_radix(&text[start..at], 8).unwrap_or(0) as u8);
            }
            b'x' if bytes.get(at).is_some_and(u8::is_ascii_hexdigit) => {
                let start = at;
                while at < bytes.len() && at < start + 2 && bytes[at].is_ascii_hexdigit() {
                    at += 1;
                }
                result.push(u32::from_str_radix(&text[start..at], 16).unwrap_or(0) as u8);
            }
            other => result.extend([b'\\', other]),
        }
    }
    result
}

/// Returns whether `name` as a whole matches a shell pattern with `*`, `?` and `[...]`.
pub fn matches_glob(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    matches_from(&pattern, &name)
}

fn matches_from(pattern: &[char], name: &[char]) -> bool {
    let (mut p, mut n) = (0, 0);
    // Where to go on after a mismatch: the last star, taking one character more.
    let mut retry: Option<(usize, usize)> = None;
    while n < name.len() {
        let step = match pattern.get(p) {
            Some('*') => {
                retry = Some((p, n));
                p += 1;
                continue;
            }
            Some('?') => Some(1),
            Some('[') => match match_set(&pattern[p..], name[n]) {
                Some((length, true)) => Some(length),
                Some((_, false)) => None,
                None => (name[n] == '[').then_some(1),
            },
            Some('\\') if p + 1 < pattern.len() => (pattern[p + 1] == name[n]).then_some(2),
            Some(c) => (*c == name[n]).then_some(1),
            None => None,
        };
        match (step, retry) {
            (Some(length), _) => {
                p += length;
                n += 1;
            }
            (None, Some((star, taken))) => {
                retry = Some((star, taken + 1));
                p = star + 1;
                n = taken + 1;
            }
            (None, None) => return false,
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// Returns a set's length in the pattern and whether it holds `c`; `None` when no `]` ends it.
fn match_set(pattern: &[char], c: char) -> Option<(usize, bool)> {
    let negated = matches!(pattern.get(1), Some('!' | '^'));
    let first = if negated { 2 } else { 1 };
    let mut at = first;
    let mut found = false;
    while *pattern.get(at)? != ']' || at == first {
        if pattern.get(at + 1) == Some(&'-') && pattern.get(at + 2).is_some_and(|last| *last != ']') {
            found |= (pattern[at]..=pattern[at + 2]).contains(&c);
            at += 3;
        } else {
            found |= pattern[at] == c;
            at += 1;
        }
    }
    Some((at + 1, found != negated))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_whole_names() {
        assert!(matches_glob("*.rs", "main.rs"));
        assert!(!matches_glob("*.rs", "main.rsx"));
        assert!(matches_glob("a[0-9]?*", "a7bc"));
        assert!(!matches_glob("[!a]*", "abc"));
        assert!(matches_glob("*a*b*", "xxaxxbxx"));
        assert!(matches_glob("[", "["));
    }

    #[test]
    fn escapes_are_those_of_printf() {
        assert_eq!(unescape(r"a\tb\n\x41\101\q"), b"a\tb\nAA\\q");
    }
}
