//! Two columns: `diff -y`.

use std::io::{self, Write};

use super::file::Pair;

const TAB: usize = 8;

/// How the two columns are set.
pub struct Columns {
    /// The width of a line of output.
    pub width: usize,
    /// Whether lines that are the same are left out.
    pub only_changes: bool,
    /// Whether lines that are the same are shown on the left only.
    pub left_only: bool,
}

struct Layout {
    /// What is left of a half for text.
    half: usize,
    /// Where the right half begins.
    right: usize,
}

/// Prints both files side by side.
pub fn side_by_side(pair: &Pair<'_>, columns: &Columns, out: &mut dyn Write) -> io::Result<()> {
    let offset = (columns.width + TAB + 3) / (2 * TAB) * TAB;
    let half = offset.saturating_sub(3).min(columns.width.saturating_sub(offset));
    let layout = Layout { half, right: if half > 0 { offset } else { columns.width } };
    let (mut x, mut y) = (0, 0);
    for change in pair.changes.iter().filter(|change| !change.ignorable) {
        common(pair, columns, &layout, (&mut x, &mut y), change.left.start, out)?;
        let (left, right) = (&pair.left[change.left.clone()], &pair.right[change.right.clone()]);
        for at in 0..left.len().max(right.len()) {
            let (a, b) = (left.get(at).copied(), right.get(at).copied());
            let mark = match (a, b) {
                (Some(_), Some(_)) => '|',
                (Some(_), None) => '<',
                _ => '>',
            };
            layout.line(a, mark, b, out)?;
        }
        (x, y) = (change.left.end, change.right.end);
    }
    common(pair, columns, &layout, (&mut x, &mut y), pair.left.len(), out)
}

fn common(
    pair: &Pair<'_>,
    columns: &Columns,
    layout: &Layout,
    (x, y): (&mut usize, &mut usize),
    end: usize,
    out: &mut dyn Write,
) -> io::Result<()> {
    while *x < end {
        let (left, right) = (pair.left.get(*x).copied(), pair.right.get(*y).copied());
        if !columns.only_changes {
            match columns.left_only {
                true => layout.line(left, '(', None, out)?,
                false => layout.line(left, ' ', right, out)?,
            }
        }
        *x += 1;
        *y += 1;
    }
    Ok(())
}

impl Layout {
    fn line(&self, left: Option<&[u8]>, mark: char, right: Option<&[u8]>, out: &mut dyn Write) -> io::Result<()> {
        let has_newline = |line: Option<&[u8]>| line.is_some_and(|line| line.ends_with(b"\n"));
        let (left_ends, right_ends) = (has_newline(left), has_newline(right));
        // A line that lacks its newline differs in that, too.
        let mark = match mark {
            '|' if left_ends && !right_ends => '/',
            '|' if right_ends && !left_ends => '\\',
            mark => mark,
        };
        let mut column = match left {
            Some(text) => self.half_line(text, 0, out)?,
            None => 0,
        };
        if mark != ' ' {
            column = advance(column, (self.half + self.right - 1) / 2, out)? + 1;
            write!(out, "{mark}")?;
        }
        if let Some(text) = right.filter(|text| *text != b"\n") {
            advance(column, self.right, out)?;
            self.half_line(text, self.right, out)?;
        }
        if left_ends || right_ends { out.write_all(b"\n") } else { Ok(()) }
    }

    /// Prints as much of a line as has room, from `indent` on; returns the column reached.
    fn half_line(&self, text: &[u8], indent: usize, out: &mut dyn Write) -> io::Result<usize> {
        let (mut wanted, mut reached) = (0, 0);
        for c in String::from_utf8_lossy(text).trim_end_matches('\n').chars() {
            if c == '\t' {
                let spaces = TAB - wanted % TAB;
                if wanted == reached && reached + spaces < self.half {
                    out.write_all(b"\t")?;
                    reached += spaces;
                }
                wanted += spaces;
            } else {
                wanted += 1;
                if wanted <= self.half {
                    write!(out, "{c}")?;
                    reached = wanted;
                }
            }
        }
        Ok(indent + reached)
    }
}

/// Prints tabs and blanks up to a column.
fn advance(mut from: usize, to: usize, out: &mut dyn Write) -> io::Result<usize> {
    while from + TAB - from % TAB <= to {
        out.write_all(b"\t")?;
        from += TAB - from % TAB;
    }
    while from < to {
        out.write_all(b" ")?;
        from += 1;
    }
    Ok(from)
}
