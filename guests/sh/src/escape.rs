//! Backslash escapes, and quoting text so that the shell reads it back.

use crate::text;

/// Says which escapes count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// `$'..'`
    Dollar,
    /// `echo -e`: octal numbers start with `\0`
    Echo,
    /// `printf` formats
    Format,
    /// `printf %b`: octal numbers may start with `\0`
    Percent,
}

/// Expands the escapes of `$'..'`.
pub fn dollar_quoted(source: &str) -> String {
    expand(source, Style::Dollar).0
}

/// Expands escapes; the flag says that `\c` ended the output.
pub fn expand(source: &str, style: Style) -> (String, bool) {
    let mut out = Out::default();
    let mut chars = source.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        let Some(escape) = chars.next() else {
            out.push('\\');
            break;
        };
        match escape {
            'a' => out.push('\x07'),
            'b' => out.push('\x08'),
            'e' | 'E' => out.push('\x1b'),
            'f' => out.push('\x0c'),
            'n' => out.push('\n'),
            'r' => out.push('\r'),
            't' => out.push('\t'),
            'v' => out.push('\x0b'),
            '\\' => out.push('\\'),
            '\'' | '"' | '?' if style == Style::Dollar => out.push(escape),
            '"' | '\'' if style == Style::Percent || style == Style::Format => out.push(escape),
            'c' if style == Style::Dollar => {
                if let Some(control) = chars.next() {
                    out.byte((control.to_ascii_uppercase() as u32 as u8) & 0x1f);
                }
            }
            'c' if style != Style::Format => return (out.finish(), true),
            '0' if matches!(style, Style::Echo | Style::Percent) => {
                out.byte(digits(&mut chars, 8, 3, 0).unwrap_or(0) as u8)
            }
            '0'..='7' if style != Style::Echo => {
                let first = escape.to_digit(8).unwrap_or(0);
                out.byte(digits(&mut chars, 8, 2, first).unwrap_or(first) as u8);
            }
            'x' => match digits(&mut chars, 16, 2, 0) {
                Some(value) => out.byte(value as u8),
                None => out.text("\\x"),
            },
            'u' | 'U' => match digits(&mut chars, 16, if escape == 'u' { 4 } else { 8 }, 0) {
                Some(value) => out.push(char::from_u32(value).unwrap_or(char::REPLACEMENT_CHARACTER)),
                None => {
                    out.push('\\');
                    out.push(escape);
                }
            },
            other => {
                out.push('\\');
                out.push(other);
            }
        }
    }
    (out.finish(), false)
}

fn digits(chars: &mut std::iter::Peekable<std::str::Chars<'_>>, radix: u32, most: usize, start: u32) -> Option<u32> {
    let mut value = start;
    let mut count = 0;
    while count < most
        && let Some(digit) = chars.peek().and_then(|c| c.to_digit(radix))
    {
        value = value.wrapping_mul(radix).wrapping_add(digit);
        chars.next();
        count += 1;
    }
    (count > 0).then_some(value)
}

/// Collects characters and bytes; bytes that make up a character become it.
#[derive(Default)]
struct Out {
    bytes: Vec<u8>,
}

impl Out {
    fn push(&mut self, c: char) {
        match text::stray_byte(c) {
            Some(byte) => self.bytes.push(byte),
            None => self.bytes.extend(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }

    fn text(&mut self, text: &str) {
        self.bytes.extend(text.as_bytes());
    }

    fn byte(&mut self, byte: u8) {
        self.bytes.push(byte);
    }

    fn finish(self) -> String {
        text::decode_vec(self.bytes)
    }
}

fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_-./:@%+=,^~#".contains(c) || (!c.is_ascii() && !c.is_control())
}

fn needs_dollar(text: &str) -> bool {
    text.chars().any(|c| c.is_control() || text::stray_byte(c).is_some())
}

/// Quotes as `printf %q` does: with backslashes, or as `$'..'` if there is something unprintable.
pub fn backslash_quote(text: &str) -> String {
    if text.is_empty() {
        return "''".to_owned();
    }
    if needs_dollar(text) {
        return dollar_quote(text);
    }
    let mut quoted = String::new();
    for (at, c) in text.char_indices() {
        // A tilde or comment sign only means something at the start.
        let start_only = matches!(c, '~' | '#') && at > 0;
        if start_only || (is_plain(c) && !matches!(c, '~' | '#' | '^' | ',')) {
            quoted.push(c);
        } else {
            quoted.extend(['\\', c]);
        }
    }
    quoted
}

/// Quotes as `${x@Q}` does: in single quotes, or as `$'..'`.
pub fn single_quote(text: &str) -> String {
    if needs_dollar(text) {
        return dollar_quote(text);
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Quotes only if there is need, as `set -x` and `set` do.
pub fn quote_if_needed(text: &str) -> String {
    if text.is_empty() {
        return "''".to_owned();
    }
    if needs_dollar(text) {
        return dollar_quote(text);
    }
    let starts_special = text.starts_with(['~', '#']);
    if text.chars().all(|c| is_plain(c) && c != '^') && !starts_special { text.to_owned() } else { single_quote(text) }
}

/// Quotes as `declare -p` does: in double quotes, or as `$'..'`.
pub fn double_quote(text: &str) -> String {
    if needs_dollar(text) {
        return dollar_quote(text);
    }
    let mut quoted = String::from('"');
    for c in text.chars() {
        if matches!(c, '"' | '\\' | '$' | '`') {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted.push('"');
    quoted
}

fn dollar_quote(text: &str) -> String {
    let mut quoted = String::from("$'");
    for c in text.chars() {
        match c {
            '\x07' => quoted.push_str("\\a"),
            '\x08' => quoted.push_str("\\b"),
            '\t' => quoted.push_str("\\t"),
            '\n' => quoted.push_str("\\n"),
            '\x0b' => quoted.push_str("\\v"),
            '\x0c' => quoted.push_str("\\f"),
            '\r' => quoted.push_str("\\r"),
            '\x1b' => quoted.push_str("\\E"),
            '\\' => quoted.push_str("\\\\"),
            '\'' => quoted.push_str("\\'"),
            c => match text::stray_byte(c) {
                Some(byte) => quoted.push_str(&format!("\\{byte:03o}")),
                None if c.is_ascii_control() => quoted.push_str(&format!("\\{:03o}", c as u32)),
                None => quoted.push(c),
            },
        }
    }
    quoted.push('\'');
    quoted
}
