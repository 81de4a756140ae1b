//! The format of `-printf`, and `-ls`.

use super::walk::Entry;
use crate::stat::Stat;
use stillbox_sys::date;

/// A parsed format.
pub struct Format(Vec<Piece>);

enum Piece {
    Text(Vec<u8>),
    /// `%5s`: the flags and width, and the letter with, for times, a second one.
    Directive {
        left: bool,
        zero: bool,
        width: usize,
        precision: Option<usize>,
        letter: char,
        second: char,
    },
}

impl Format {
    /// Parses a format.
    pub fn parse(text: &str) -> Result<Format, String> {
        let mut pieces = Vec::new();
        let mut literal = Vec::new();
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '\\' => match chars.next() {
                    Some('a') => literal.push(7),
                    Some('b') => literal.push(8),
                    Some('f') => literal.push(12),
                    Some('n') => literal.push(b'\n'),
                    Some('r') => literal.push(b'\r'),
                    Some('t') => literal.push(b'\t'),
                    Some('v') => literal.push(11),
                    Some('\\') | None => literal.push(b'\\'),
                    Some('c') => break,
                    Some(digit @ '0'..='7') => {
                        let mut value = digit as u32 - '0' as u32;
                        for _ in 0..2 {
                            let Some(next) = chars.next_if(|c| ('0'..='7').contains(c)) else { break };
                            value = value * 8 + (next as u32 - '0' as u32);
                        }
                        literal.push(value as u8);
                    }
                    Some(other) => literal.extend_from_slice(format!("\\{other}").as_bytes()),
                },
                '%' => {
                    let (mut left, mut zero, mut width, mut precision) = (false, false, 0_usize, None);
                    while let Some(flag) = chars.next_if(|c| matches!(c, '-' | '0' | '+' | ' ' | '#')) {
                        left |= flag == '-';
                        zero |= flag == '0';
                    }
                    let mut digits = |width: &mut usize| {
                        while let Some(digit) = chars.next_if(char::is_ascii_digit) {
                            *width = (*width * 10 + (digit as usize - '0' as usize)).min(1 << 16);
                        }
                    };
                    digits(&mut width);
                    if chars.next_if_eq(&'.').is_some() {
                        let mut value = 0;
                        while let Some(digit) = chars.next_if(char::is_ascii_digit) {
                            value = (value * 10 + (digit as usize - '0' as usize)).min(1 << 16);
                        }
                        precision = Some(value);
                    }
                    let Some(letter) = chars.next() else {
                        return Err("error: the format directive `%' is incomplete".to_owned());
                    };
                    if letter == '%' {
                        literal.push(b'%');
                        continue;
                    }
                    let second =
                        if matches!(letter, 'A' | 'B' | 'C' | 'T') { chars.next().unwrap_or('@') } else { ' ' };
                    if !literal.is_empty() {
                        pieces.push(Piece::Text(std::mem::take(&mut literal)));
                    }
                    pieces.push(Piece::Directive { left, zero, width, precision, letter, second });
                }
                c => literal.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        pieces.push(Piece::Text(literal));
        Ok(Format(pieces))
    }

    /// Adds the text for `entry`.
    pub fn apply(&self, entry: &Entry<'_>, out: &mut Vec<u8>) {
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => out.extend_from_slice(text),
                Piece::Directive { left, zero, width, precision, letter, second } => {
                    let mut text = directive(entry, *letter, *second);
                    if let Some(precision) = precision {
                        text = text.chars().take(*precision).collect();
                    }
                    let text = match (*left, *zero) {
                        (true, _) => format!("{text:<width$}"),
                        (_, true) => format!("{text:0>width$}"),
                        _ => format!("{text:>width$}"),
                    };
                    out.extend_from_slice(text.as_bytes());
                }
            }
        }
    }
}

fn directive(entry: &Entry<'_>, letter: char, second: char) -> String {
    let stat = entry.stat;
    match letter {
        'p' => entry.path.to_owned(),
        'P' => entry.path.strip_prefix(entry.root).unwrap_or(entry.path).trim_start_matches('/').to_owned(),
        'H' => entry.root.to_owned(),
        'f' => entry.name().to_owned(),
        'h' => match entry.path.trim_end_matches('/').rsplit_once('/') {
            Some((directory, _)) => directory.to_owned(),
            None => ".".to_owned(),
        },
        'd' => entry.depth.to_string(),
        's' => stat.size.to_string(),
        'b' => stat.blocks.to_string(),
        'k' => stat.blocks.div_ceil(2).to_string(),
        'm' => format!("{:o}", stat.mode & 0o7777),
        'M' => permissions(stat),
        'n' => stat.nlink.to_string(),
        'i' => stat.ino.to_string(),
        'D' => stat.dev.to_string(),
        'U' => stat.uid.to_string(),
        'G' => stat.gid.to_string(),
        'u' => id_name(stat.uid),
        'g' => id_name(stat.gid),
        'l' => {
            if stat.is_symlink() {
                link_target(entry.path)
            } else {
                String::new()
            }
        }
        'y' => stat.type_letter().to_string(),
        'Y' => match Stat::of(entry.path, true) {
            Ok(target) => target.type_letter().to_string(),
            Err(_) => "N".to_owned(),
        },
        'F' => "unknown".to_owned(),
        't' => time_text(stat.mtime, None),
        'a' => time_text(stat.atime, None),
        'c' => time_text(stat.ctime, None),
        'T' => time_text(stat.mtime, Some(second)),
        'A' => time_text(stat.atime, Some(second)),
        'C' => time_text(stat.ctime, Some(second)),
        other => format!("%{other}"),
    }
}

/// Formats a time, with nanoseconds and a digit more, as `find` does.
fn time_text((seconds, nanos): (i64, u32), letter: Option<char>) -> String {
    let formatted = |format: &str| String::from_utf8_lossy(&date::format(format.as_bytes(), seconds)).into_owned();
    match letter {
        None => format!("{}.{nanos:09}0 {}", formatted("%a %b %e %H:%M:%S"), formatted("%Y")),
        Some('@') => format!("{seconds}.{nanos:09}0"),
        Some('S') => format!("{}.{nanos:09}0", formatted("%S")),
        Some('T' | 'X') => format!("{}.{nanos:09}0", formatted("%H:%M:%S")),
        Some('+') => format!("{}.{nanos:09}0", formatted("%Y-%m-%d+%H:%M:%S")),
        Some(letter) => formatted(&format!("%{letter}")),
    }
}

fn id_name(id: u32) -> String {
    if id == 0 { "root".to_owned() } else { id.to_string() }
}

/// Returns where the link at `path` leads, or nothing if that can't be known.
pub fn link_target(path: &str) -> String {
    std::fs::read_link(path).map(|target| target.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Returns the permissions as `ls -l` shows them.
fn permissions(stat: &Stat) -> String {
    let mut text = String::new();
    text.push(match stat.type_letter() {
        'f' => '-',
        letter => letter,
    });
    for (shift, special, set, unset) in [(6, 0o4000, 's', 'S'), (3, 0o2000, 's', 'S'), (0, 0o1000, 't', 'T')] {
        let bits = stat.mode >> shift;
        text.push(if bits & 4 != 0 { 'r' } else { '-' });
        text.push(if bits & 2 != 0 { 'w' } else { '-' });
        text.push(match (stat.mode & special != 0, bits & 1 != 0) {
            (true, true) => set,
            (true, false) => unset,
            (false, true) => 'x',
            (false, false) => '-',
        });
    }
    text
}

/// Adds what `-ls` shows of `entry`.
pub fn list(entry: &Entry<'_>, now: i64, out: &mut Vec<u8>) {
    let stat = entry.stat;
    // The time of day of what is older than half a year says less than the year.
    let age = now - stat.mtime.0;
    let format: &[u8] = if (0..15_778_476).contains(&age) { b"%b %e %H:%M" } else { b"%b %e  %Y" };
    let when = String::from_utf8_lossy(&date::format(format, stat.mtime.0)).into_owned();
    let target = if stat.is_symlink() { format!(" -> {}", link_target(entry.path)) } else { String::new() };
    let line = format!(
        "{:9} {:6} {} {:3} {:8} {:8} {:8} {} {}{}\n",
        stat.ino,
        stat.blocks.div_ceil(2),
        permissions(stat),
        stat.nlink,
        id_name(stat.uid),
        id_name(stat.gid),
        stat.size,
        when,
        entry.path,
        target
    );
    out.extend_from_slice(line.as_bytes());
}
