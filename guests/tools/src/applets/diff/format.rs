//! How changes are printed: normal, unified, context.

use std::io::{self, Write};
use std::ops::Range;

use super::file::{Change, Pair};

/// An output style; the numbers are lines of context.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Style {
    Normal,
    Unified(usize),
    Context(usize),
    SideBySide,
}

impl Style {
    /// Returns how many unchanged lines are shown around a change.
    pub fn context(self) -> usize {
        match self {
            Self::Normal => 0,
            // All lines are shown.
            Self::SideBySide => usize::MAX,
            Self::Unified(lines) | Self::Context(lines) => lines,
        }
    }
}

const NO_NEWLINE: &[u8] = b"\n\\ No newline at end of file\n";

fn write_line(out: &mut dyn Write, prefix: &str, line: &[u8]) -> io::Result<()> {
    out.write_all(prefix.as_bytes())?;
    out.write_all(line)?;
    if !line.ends_with(b"\n") {
        out.write_all(NO_NEWLINE)?;
    }
    Ok(())
}

/// Prints ed-like hunks: `5,6c7`.
pub fn normal(pair: &Pair<'_>, out: &mut dyn Write) -> io::Result<()> {
    for change in pair.changes.iter().filter(|change| !change.ignorable) {
        let letter = match (change.left.is_empty(), change.right.is_empty()) {
            (true, _) => 'a',
            (_, true) => 'd',
            _ => 'c',
        };
        writeln!(out, "{}{letter}{}", numbers(&change.left), numbers(&change.right))?;
        for line in &pair.left[change.left.clone()] {
            write_line(out, "< ", line)?;
        }
        if letter == 'c' {
            out.write_all(b"---\n")?;
        }
        for line in &pair.right[change.right.clone()] {
            write_line(out, "> ", line)?;
        }
    }
    Ok(())
}

/// Returns `first,last`, one number for one line, and the line before for none.
fn numbers(range: &Range<usize>) -> String {
    match range.len() {
        0 => range.start.to_string(),
        1 => (range.start + 1).to_string(),
        _ => format!("{},{}", range.start + 1, range.end),
    }
}

/// A hunk: changes whose contexts touch, and the lines that they cover with it.
struct Hunk<'a> {
    changes: &'a [Change],
    left: Range<usize>,
    right: Range<usize>,
}

fn hunks<'a>(pair: &'a Pair<'_>, context: usize) -> Vec<Hunk<'a>> {
    let mut result = Vec::new();
    let mut start = 0;
    for at in 0..pair.changes.len() {
        let change = &pair.changes[at];
        // An ignorable change is only shown where another change's context reaches it.
        let joins = pair.changes.get(at + 1).is_some_and(|next| {
            let threshold = if change.ignorable || next.ignorable { context } else { 2 * context };
            next.left.start - change.left.end <= threshold
        });
        if joins {
            continue;
        }
        let changes = &pair.changes[start..=at];
        start = at + 1;
        if changes.iter().all(|change| change.ignorable) {
            continue;
        }
        let (first, last) = (&changes[0], &changes[changes.len() - 1]);
        let before = context.min(first.left.start).min(first.right.start);
        let after = context.min(pair.left.len() - last.left.end).min(pair.right.len() - last.right.end);
        let left = first.left.start - before..last.left.end + after;
        let right = first.right.start - before..last.right.end + after;
        result.push(Hunk { changes, left, right });
    }
    result
}

/// Prints unified hunks, without the file header.
pub fn unified(pair: &Pair<'_>, context: usize, functions: bool, out: &mut dyn Write) -> io::Result<()> {
    for hunk in hunks(pair, context) {
        let range = |range: &Range<usize>| match range.len() {
            0 => format!("{},0", range.start),
            1 => (range.start + 1).to_string(),
            length => format!("{},{length}", range.start + 1),
        };
        write!(out, "@@ -{} +{} @@", range(&hunk.left), range(&hunk.right))?;
        write_function(pair, &hunk, functions, out)?;
        let mut at = hunk.left.start;
        for change in hunk.changes {
            for line in &pair.left[at..change.left.start] {
                write_line(out, " ", line)?;
            }
            for line in &pair.left[change.left.clone()] {
                write_line(out, "-", line)?;
            }
            for line in &pair.right[change.right.clone()] {
                write_line(out, "+", line)?;
            }
            at = change.left.end;
        }
        for line in &pair.left[at..hunk.left.end] {
            write_line(out, " ", line)?;
        }
    }
    Ok(())
}

/// Prints context hunks, without the file header.
pub fn context(pair: &Pair<'_>, context: usize, functions: bool, out: &mut dyn Write) -> io::Result<()> {
    for hunk in hunks(pair, context) {
        write!(out, "***************")?;
        write_function(pair, &hunk, functions, out)?;
        let range = |range: &Range<usize>| match range.len() {
            0 => range.start.to_string(),
            1 => (range.start + 1).to_string(),
            _ => format!("{},{}", range.start + 1, range.end),
        };
        writeln!(out, "*** {} ****", range(&hunk.left))?;
        let mark =
            |change: &Change, alone| if change.left.is_empty() || change.right.is_empty() { alone } else { "! " };
        if hunk.changes.iter().any(|change| !change.left.is_empty()) {
            let mut at = hunk.left.start;
            for change in hunk.changes {
                for line in &pair.left[at..change.left.start] {
                    write_line(out, "  ", line)?;
                }
                for line in &pair.left[change.left.clone()] {
                    write_line(out, mark(change, "- "), line)?;
                }
                at = change.left.end;
            }
            for line in &pair.left[at..hunk.left.end] {
                write_line(out, "  ", line)?;
            }
        }
        writeln!(out, "--- {} ----", range(&hunk.right))?;
        if hunk.changes.iter().any(|change| !change.right.is_empty()) {
            let mut at = hunk.right.start;
            for change in hunk.changes {
                for line in &pair.right[at..change.right.start] {
                    write_line(out, "  ", line)?;
                }
                for line in &pair.right[change.right.clone()] {
                    write_line(out, mark(change, "+ "), line)?;
                }
                at = change.right.end;
            }
            for line in &pair.right[at..hunk.right.end] {
                write_line(out, "  ", line)?;
            }
        }
    }
    Ok(())
}

/// Ends a hunk's header, with the nearest line above that looks like a function's head when those are wanted.
fn write_function(pair: &Pair<'_>, hunk: &Hunk<'_>, wanted: bool, out: &mut dyn Write) -> io::Result<()> {
    let is_head = |line: &&&[u8]| line.first().is_some_and(|byte| byte.is_ascii_alphabetic() || b"_$".contains(byte));
    let head = pair.left[..hunk.left.start].iter().rev().find(is_head).filter(|_| wanted);
    if let Some(head) = head {
        let text = String::from_utf8_lossy(head);
        let text: String = text.trim_end().chars().take(40).collect();
        write!(out, " {}", text.trim_end())?;
    }
    out.write_all(b"\n")
}
