//! Shows selected lines and what surrounds them.

use super::options::Command;
use super::search::Searcher;
use crate::io::Output;

/// Why a line is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Selected,
    Context,
}

/// One line to show.
pub struct Line<'a> {
    pub kind: Kind,
    pub name: &'a str,
    pub number: u64,
    pub offset: u64,
    /// The line without its end.
    pub text: &'a [u8],
}

// The default colours of GNU's grep.
const NAME: &str = "35";
const NUMBER: &str = "32";
const SEPARATOR: &str = "36";
const MATCH: &str = "01;31";

/// Writes the results.
pub struct Printer {
    out: Output,
    with_filename: bool,
    line_number: bool,
    byte_offset: bool,
    initial_tab: bool,
    null_names: bool,
    only_matching: bool,
    invert: bool,
    color: bool,
    group_separator: Option<String>,
    has_printed: bool,
}

impl Printer {
    /// Returns a printer to the standard output.
    pub fn new(command: &Command) -> Printer {
        let mut out = Output::stdout();
        if command.line_buffered {
            out.set_unbuffered();
        }
        Printer {
            out,
            with_filename: command.with_filename,
            line_number: command.line_number,
            byte_offset: command.byte_offset,
            initial_tab: command.initial_tab,
            null_names: command.null_names,
            only_matching: command.only_matching,
            invert: command.invert,
            color: command.color,
            group_separator: command.group_separator.clone(),
            has_printed: false,
        }
    }

    pub fn flush(&mut self) {
        self.out.flush();
    }

    /// Tells whether any line was shown.
    pub fn has_printed(&self) -> bool {
        self.has_printed
    }

    fn colored(&mut self, color: &str, text: &[u8]) {
        if self.color {
            self.out.write(format!("\x1b[{color}m\x1b[K").as_bytes());
            self.out.write(text);
            self.out.write(b"\x1b[m\x1b[K");
        } else {
            self.out.write(text);
        }
    }

    /// Writes the name of a file that has matches, or has none.
    pub fn name(&mut self, name: &str) {
        self.colored(NAME, name.as_bytes());
        self.out.write(if self.null_names { b"\0" } else { b"\n" });
    }

    /// Writes how many lines of a file were selected.
    pub fn count(&mut self, name: &str, count: u64) {
        if self.with_filename {
            self.colored(NAME, name.as_bytes());
            if self.null_names {
                self.out.write(b"\0");
            } else {
                self.colored(SEPARATOR, b":");
            }
        }
        self.out.write(format!("{count}\n").as_bytes());
    }

    /// Says that a file that can't be shown matches.
    pub fn binary(&mut self, name: &str) {
        self.out.flush();
        eprintln!("{}: {name}: binary file matches", crate::program());
    }

    /// Writes what stands between groups of lines that do not touch.
    pub fn separator(&mut self) {
        if let Some(separator) = self.group_separator.clone() {
            self.colored(SEPARATOR, separator.as_bytes());
            self.out.write(b"\n");
        }
    }

    /// Writes a line, or the parts of it that match.
    pub fn line(&mut self, line: &Line<'_>, searcher: &Searcher) {
        self.has_printed = true;
        let end = [searcher.line_end()];
        if self.only_matching {
            if line.kind == Kind::Selected && !self.invert {
                searcher.each_match(line.text, |start, stop| {
                    self.prefix(line, line.offset + start as u64);
                    self.colored(MATCH, &line.text[start..stop]);
                    self.out.write(&end);
                });
            }
            return;
        }
        self.prefix(line, line.offset);
        if self.color && (line.kind == Kind::Selected) != self.invert {
            let mut shown = 0;
            searcher.each_match(line.text, |start, stop| {
                self.out.write(&line.text[shown..start]);
                self.colored(MATCH, &line.text[start..stop]);
                shown = stop;
            });
            self.out.write(&line.text[shown..]);
        } else {
            self.out.write(line.text);
        }
        self.out.write(&end);
    }

    /// Writes what stands before a line: the file, the line's number, its offset.
    fn prefix(&mut self, line: &Line<'_>, offset: u64) {
        let separator: &[u8] = if line.kind == Kind::Selected { b":" } else { b"-" };
        if self.with_filename {
            self.colored(NAME, line.name.as_bytes());
            if self.null_names {
                self.out.write(b"\0");
            } else {
                self.colored(SEPARATOR, separator);
            }
        }
        let width = if self.initial_tab { 4 } else { 0 };
        if self.line_number {
            self.colored(NUMBER, format!("{:>width$}", line.number).as_bytes());
            self.colored(SEPARATOR, separator);
        }
        if self.byte_offset {
            self.colored(NUMBER, format!("{offset:>width$}").as_bytes());
            self.colored(SEPARATOR, separator);
        }
        if self.initial_tab && (self.with_filename || self.line_number || self.byte_offset) {
            self.out.write(b"\t");
        }
    }
}
