//! Names alone: one a line, in columns, or separated by commas.

use std::io::{self, Write};

use super::entry::Entry;
use super::options::{Layout, Options};
use super::{long, name};

/// Between two columns.
const GAP: usize = 2;

/// Prints the names of the entries as the layout says.
pub fn print(out: &mut impl Write, entries: &[Entry], options: &Options) -> io::Result<()> {
    let cells = cells(entries, options);
    match options.layout {
        Layout::Commas => commas(out, &cells, options.width),
        Layout::Columns => grid(out, &cells, options.width, |row, column, rows, _| column * rows + row),
        Layout::Across => grid(out, &cells, options.width, |row, column, _, columns| row * columns + column),
        Layout::Lines | Layout::Long => cells.iter().try_for_each(|(text, _)| writeln!(out, "{text}")),
    }
}

/// Returns what is printed for each entry, and how wide that is.
fn cells(entries: &[Entry], options: &Options) -> Vec<(String, usize)> {
    let inodes: Vec<_> = entries.iter().map(|entry| entry.stat.st_ino.to_string()).collect();
    let blocks: Vec<_> = entries.iter().map(|entry| long::size(entry.kibibytes() * 1024, options, 1024)).collect();
    let widest = |texts: &[String]| texts.iter().map(String::len).max().unwrap_or(0);
    let (inode_width, block_width) = (widest(&inodes), widest(&blocks));
    let cell = |(at, entry): (usize, &Entry)| {
        let (mut text, mut width) = name::decorated(entry, options);
        for (wanted, column, column_width) in
            [(options.blocks, &blocks, block_width), (options.inode, &inodes, inode_width)]
        {
            if wanted {
                text = format!("{:>column_width$} {text}", column[at]);
                width += column_width + 1;
            }
        }
        (text, width)
    };
    entries.iter().enumerate().map(cell).collect()
}

fn commas(out: &mut impl Write, cells: &[(String, usize)], line_width: usize) -> io::Result<()> {
    let mut used = 0;
    for (at, (text, width)) in cells.iter().enumerate() {
        let last = at + 1 == cells.len();
        let needed = width + if last { 0 } else { 1 };
        if at > 0 {
            if used + 1 + needed > line_width {
                writeln!(out)?;
                used = 0;
            } else {
                write!(out, " ")?;
                used += 1;
            }
        }
        write!(out, "{text}{}", if last { "\n" } else { "," })?;
        used += needed;
    }
    Ok(())
}

/// Prints a table with as few rows as the line's width allows. `index` tells which cell is where.
fn grid(
    out: &mut impl Write,
    cells: &[(String, usize)],
    line_width: usize,
    index: impl Fn(usize, usize, usize, usize) -> usize,
) -> io::Result<()> {
    for rows in 1..=cells.len() {
        let columns = cells.len().div_ceil(rows);
        let width_of = |column: usize| {
            let in_column = (0..rows).filter_map(|row| cells.get(index(row, column, rows, columns)));
            in_column.map(|(_, width)| *width).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width_of).collect();
        let total = widths.iter().sum::<usize>() + GAP * (columns - 1);
        if total > line_width && columns > 1 {
            continue;
        }
        for row in 0..rows {
            let mut pending = 0;
            for (column, column_width) in widths.iter().enumerate() {
                if let Some((text, width)) = cells.get(index(row, column, rows, columns)) {
                    write!(out, "{:pending$}{text}", "")?;
                    pending = column_width - width + GAP;
                }
            }
            writeln!(out)?;
        }
        return Ok(());
    }
    Ok(())
}
