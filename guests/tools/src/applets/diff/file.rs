//! The comparison of two files: their lines, which of them count as equal, and the list of changes.

use std::collections::HashMap;
use std::ops::Range;

use super::Settings;
use super::algorithm;

/// One change: lines of the left file that were replaced by lines of the right one. Either may be empty.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    pub left: Range<usize>,
    pub right: Range<usize>,
    /// Whether `-B` says not to mind it.
    pub ignorable: bool,
}

/// Two files as lines, each with its newline if it has one.
pub struct Pair<'a> {
    pub left: Vec<&'a [u8]>,
    pub right: Vec<&'a [u8]>,
    pub changes: Vec<Change>,
}

impl<'a> Pair<'a> {
    /// Compares two files' contents.
    pub fn new(left: &'a [u8], right: &'a [u8], settings: &Settings) -> Self {
        let left: Vec<&[u8]> = left.split_inclusive(|byte| *byte == b'\n').collect();
        let right: Vec<&[u8]> = right.split_inclusive(|byte| *byte == b'\n').collect();
        let mut classes = HashMap::new();
        let mut classify = |lines: &[&[u8]]| -> Vec<usize> {
            let mut result = Vec::with_capacity(lines.len());
            for line in lines {
                let next = classes.len();
                result.push(*classes.entry(normalized(line, settings)).or_insert(next));
            }
            result
        };
        let (left_classes, right_classes) = (classify(&left), classify(&right));
        let (start, end) = same_ends(&left, &right, settings.style.context());
        let flags = algorithm::compare(
            &left_classes[start..left_classes.len() - end],
            &right_classes[start..right_classes.len() - end],
        );
        let changes = collect(&flags, start, &left, &right, settings);
        Self { left, right, changes }
    }

    /// Returns whether any change counts.
    pub fn differs(&self) -> bool {
        self.changes.iter().any(|change| !change.ignorable)
    }
}

/// Returns how many lines at the start and at the end need no search because they are the same, less the lines that a
/// hunk shows around it: changes may be slid that far.
fn same_ends(left: &[&[u8]], right: &[&[u8]], context: usize) -> (usize, usize) {
    let start = left.iter().zip(right).take_while(|(a, b)| a == b).count();
    let rest = left.len().min(right.len()) - start;
    let end = left.iter().rev().zip(right.iter().rev()).take(rest).take_while(|(a, b)| a == b).count();
    (start.saturating_sub(context), end.saturating_sub(context))
}

fn normalized(line: &[u8], settings: &Settings) -> Vec<u8> {
    let mut text = line.to_vec();
    if settings.strip_trailing_cr && text.ends_with(b"\r\n") {
        text.truncate(text.len() - 2);
        text.push(b'\n');
    }
    if settings.ignore_case {
        text = match String::from_utf8(text) {
            Ok(text) => text.to_lowercase().into_bytes(),
            Err(error) => error.into_bytes().to_ascii_lowercase(),
        };
    }
    let is_space = |byte: &u8| byte.is_ascii_whitespace() || *byte == 11;
    if settings.ignore_all_space {
        text.retain(|byte| !is_space(byte));
    } else if settings.ignore_space_change || settings.ignore_trailing_space {
        let end = text.iter().rposition(|byte| !is_space(byte)).map_or(0, |at| at + 1);
        text.truncate(end);
        if settings.ignore_space_change {
            let mut squeezed = Vec::with_capacity(text.len());
            for byte in text {
                let space = is_space(&byte);
                if !space || squeezed.last() != Some(&b' ') {
                    squeezed.push(if space { b' ' } else { byte });
                }
            }
            text = squeezed;
        }
    }
    text
}

fn collect(
    flags: &algorithm::Changes,
    start: usize,
    left: &[&[u8]],
    right: &[&[u8]],
    settings: &Settings,
) -> Vec<Change> {
    let mut changes = Vec::new();
    let (mut x, mut y) = (start, start);
    let is_set = |flags: &[bool], at: usize| flags.get(at - start).copied().unwrap_or(false);
    while x < left.len() || y < right.len() {
        let (x0, y0) = (x, y);
        while is_set(&flags.left, x) {
            x += 1;
        }
        while is_set(&flags.right, y) {
            y += 1;
        }
        if x0 < x || y0 < y {
            let blank = |line: &&[u8]| match settings.ignore_all_space || settings.ignore_space_change {
                true => line.iter().all(u8::is_ascii_whitespace),
                false => matches!(*line, b"\n" | b""),
            };
            let ignorable =
                settings.ignore_blank_lines && left[x0..x].iter().all(blank) && right[y0..y].iter().all(blank);
            changes.push(Change { left: x0..x, right: y0..y, ignorable });
        }
        x += 1;
        y += 1;
    }
    changes
}
