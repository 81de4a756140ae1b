//! What texts are: their encoding, their line ends, and what they are written in.

use super::{Kind, LOOK};

/// Returns what a text is, or `None` if the bytes are none.
pub fn identify(bytes: &[u8]) -> Option<Kind> {
    // The rest of a character that the look ended in is no error.
    let valid = match std::str::from_utf8(bytes) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none() && bytes.len() as u64 >= LOOK,
    };
    let is_text = |byte: &u8| !matches!(byte, 0..=6 | 14..=26 | 28..=31 | 127);
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        let order = if bytes[0] == 0xff { "little" } else { "big" };
        let words = format!("Unicode text, UTF-16, {order}-endian text");
        return Some(Kind::new(words, "text/plain", if bytes[0] == 0xff { "utf-16le" } else { "utf-16be" }));
    }
    if !bytes.iter().all(is_text) {
        return None;
    }
    let ascii = bytes.is_ascii();
    let (encoding, charset) = match (ascii, valid) {
        (true, _) => ("ASCII text", "us-ascii"),
        (_, true) if bytes.starts_with(b"\xef\xbb\xbf") => ("Unicode text, UTF-8 (with BOM) text", "utf-8"),
        (_, true) => ("Unicode text, UTF-8 text", "utf-8"),
        _ if bytes.iter().any(|byte| (0x80..0xa0).contains(byte)) => ("Non-ISO extended-ASCII text", "unknown-8bit"),
        _ => ("ISO-8859 text", "iso-8859-1"),
    };
    let decoded = String::from_utf8_lossy(bytes);
    let (language, mime) = language(&decoded);
    let mut words = String::new();
    if let Some(language) = language {
        words.push_str(&language);
        words.push_str(", ");
    }
    words.push_str(encoding);
    if language_is_script(mime) {
        words.push_str(" executable");
    }
    if decoded.lines().any(|line| line.len() > 300) {
        words.push_str(", with very long lines (");
        words.push_str(&decoded.lines().map(str::len).max().unwrap_or(0).to_string());
        words.push(')');
    }
    let crlf = bytes.windows(2).filter(|pair| pair == b"\r\n").count();
    let newlines = bytes.iter().filter(|byte| **byte == b'\n').count();
    match (crlf, newlines) {
        (0, 0) => words.push_str(", with no line terminators"),
        (0, _) => {}
        (some, all) if some == all => words.push_str(", with CRLF line terminators"),
        _ => words.push_str(", with CRLF, LF line terminators"),
    }
    if bytes.contains(&27) {
        words.push_str(", with escape sequences");
    }
    if mime == "application/json" {
        words = "JSON text data".into();
    }
    Some(Kind::new(words, mime, charset))
}

fn language_is_script(mime: &str) -> bool {
    matches!(
        mime,
        "text/x-shellscript" | "text/x-script.python" | "text/x-perl" | "text/x-ruby" | "application/javascript"
    )
}

/// Returns what a text is written in, if its beginning tells.
fn language(text: &str) -> (Option<String>, &'static str) {
    if let Some(line) = text.strip_prefix("#!").and_then(|rest| rest.lines().next()) {
        let mut words = line.split_ascii_whitespace();
        let first = words.next().unwrap_or_default();
        let base = |path: &str| path.rsplit('/').next().unwrap_or(path).to_owned();
        let mut program = base(first);
        if program == "env" {
            program = words.find(|word| !word.starts_with('-')).map(base).unwrap_or_default();
        }
        let (name, mime) = match program.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.') {
            "sh" | "dash" => ("POSIX shell".into(), "text/x-shellscript"),
            "bash" => ("Bourne-Again shell".into(), "text/x-shellscript"),
            "zsh" => ("Paul Falstad's zsh".into(), "text/x-shellscript"),
            "python" => ("Python".into(), "text/x-script.python"),
            "perl" => ("Perl".into(), "text/x-perl"),
            "ruby" => ("Ruby".into(), "text/x-ruby"),
            "node" => ("Node.js".into(), "application/javascript"),
            _ => return (Some(format!("a {first} script")), "text/plain"),
        };
        let name: String = name;
        return (Some(format!("{name} script")), mime);
    }
    let start = text.trim_start();
    let lower = start.get(..64.min(start.len())).unwrap_or(start).to_ascii_lowercase();
    if lower.starts_with("<?xml") {
        let version = start.split("version=").nth(1).and_then(|rest| rest.get(1..4)).unwrap_or("1.0");
        return (Some(format!("XML {version} document")), "text/xml");
    }
    if lower.starts_with("<!doctype html") || lower.starts_with("<html") {
        return (Some("HTML document".into()), "text/html");
    }
    if lower.starts_with("<?php") {
        return (Some("PHP script".into()), "text/x-php");
    }
    if start.starts_with("diff ") || start.starts_with("--- ") && start.contains("\n+++ ") {
        let kind = if start.contains("\n@@ ") { "unified diff output" } else { "diff output" };
        return (Some(kind.into()), "text/x-diff");
    }
    if is_json(start) {
        return (None, "application/json");
    }
    let has = |marks: &[&str]| marks.iter().any(|mark| text.starts_with(mark) || text.contains(&format!("\n{mark}")));
    if has(&["#include <", "#include \""]) {
        return (Some("C source".into()), "text/x-c");
    }
    if has(&["import ", "from "]) && has(&["def ", "class "]) {
        return (Some("Python script".into()), "text/x-script.python");
    }
    (None, "text/plain")
}

/// Returns whether a text is one JSON object or array, as far as brackets and strings tell.
fn is_json(text: &str) -> bool {
    let text = text.trim_end();
    let ends = text.starts_with('{') && text.ends_with('}') || text.starts_with('[') && text.ends_with(']');
    if !ends {
        return false;
    }
    let (mut open, mut in_string, mut escaped) = (Vec::new(), false, false);
    for (at, c) in text.char_indices() {
        if in_string {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match c {
            '"' => in_string = true,
            '{' => open.push('}'),
            '[' => open.push(']'),
            '}' | ']' => {
                if open.pop() != Some(c) || open.is_empty() && at + 1 != text.len() {
                    return false;
                }
            }
            c if c.is_ascii_alphanumeric() || ":,.+-".contains(c) || c.is_whitespace() => {}
            _ => return false,
        }
    }
    // An object must have quoted keys.
    open.is_empty() && !in_string && (!text.starts_with('{') || text[1..].trim_start().starts_with(['"', '}']))
}
