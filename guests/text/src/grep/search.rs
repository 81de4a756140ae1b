//! Finds the lines to select.

use super::options::{Binary, Command};
use super::print::{Kind, Line, Printer};
use crate::io::Input;
use crate::regex::{Error, Options, Regex, Syntax};
use std::collections::VecDeque;
use std::io;

/// Finds lines that match.
pub struct Searcher {
    /// `None` if there is no pattern, which no line matches.
    regex: Option<Regex>,
    end: u8,
    /// Whether many lines can be searched in one go.
    in_blocks: bool,
}

impl Searcher {
    /// Compiles the patterns.
    pub fn new(command: &Command) -> Result<Searcher, Error> {
        let end = if command.null_data { b'\0' } else { b'\n' };
        let mut options = Options::new(command.syntax);
        options.ignore_case = command.ignore_case;
        options.whole_word = command.whole_word;
        options.whole_line = command.whole_line;
        options.multi_line = true;
        options.literal_close = true;
        options.terminator = Some(end);
        let regex = match command.patterns.as_slice() {
            [] => None,
            patterns => Some(Regex::any_of(patterns, &options)?),
        };
        // These anchors are the start and the end of the line, not of a block of lines.
        let anchored = command.patterns.iter().any(|pattern| {
            let has = |anchor: &[u8]| pattern.windows(2).any(|pair| pair == anchor);
            match command.syntax {
                Syntax::Fixed => false,
                Syntax::Perl => has(b"\\A") || has(b"\\z") || has(b"\\Z"),
                _ => has(b"\\`") || has(b"\\'"),
            }
        });
        let in_blocks = !command.null_data && !anchored && regex.as_ref().is_none_or(Regex::is_regular);
        Ok(Searcher { regex, end, in_blocks })
    }

    /// Searches all of `input`, giving each line to `target` until it wants no more.
    pub fn search(&self, input: &mut Input, target: &mut Target<'_>) -> io::Result<()> {
        while target.wants_more() {
            let mut searched = 0;
            let length = loop {
                let buffered = input.buffered();
                match memchr::memrchr(self.end, &buffered[searched..]) {
                    Some(found) => break searched + found + 1,
                    None => searched = buffered.len(),
                }
                if !input.fill()? {
                    break searched;
                }
            };
            if length == 0 {
                break;
            }
            let block = &input.buffered()[..length];
            target.look_for_nul(block);
            self.block(block, target);
            input.consume(length);
        }
        Ok(())
    }

    fn block(&self, block: &[u8], target: &mut Target<'_>) {
        let mut at = 0;
        while at < block.len() && target.wants_more() {
            let next = self.next_match(block, at);
            let (start, end) = next.unwrap_or((block.len(), block.len()));
            target.take(&block[at..start], false, self);
            if start < end && target.wants_more() {
                target.take(&block[start..end], true, self);
            }
            at = end;
        }
    }

    /// Returns the first line at or after `from` that matches, with its end byte.
    fn next_match(&self, block: &[u8], from: usize) -> Option<(usize, usize)> {
        let regex = self.regex.as_ref()?;
        let line_end = |at: usize| memchr::memchr(self.end, &block[at..]).map_or(block.len(), |found| at + found + 1);
        if self.in_blocks {
            let (found, _) = regex.first_at(block, from)?;
            let start = memchr::memrchr(self.end, &block[from..found]).map_or(from, |before| from + before + 1);
            // Behind the last line's end there is no line, though an empty pattern matches there.
            return (start < block.len()).then(|| (start, line_end(found)));
        }
        let mut start = from;
        while start < block.len() {
            let end = line_end(start);
            if regex.is_match(block[start..end].strip_suffix(&[self.end]).unwrap_or(&block[start..end])) {
                return Some((start, end));
            }
            start = end;
        }
        None
    }

    /// Calls `each` with every match in `line` that is not empty.
    pub fn each_match(&self, line: &[u8], mut each: impl FnMut(usize, usize)) {
        let Some(regex) = &self.regex else { return };
        let mut at = 0;
        while let Some((start, end)) = regex.find_at(line, at) {
            if start < end {
                each(start, end);
                at = end;
            } else {
                at = end + Options::new(Syntax::Fixed).char_len(line, end);
            }
            if at > line.len() {
                break;
            }
        }
    }

    /// Returns the byte that ends a line.
    pub fn line_end(&self) -> u8 {
        self.end
    }
}

/// What becomes of the lines of one file.
pub struct Target<'a> {
    command: &'a Command,
    printer: &'a mut Printer,
    name: &'a str,
    /// How many lines were selected.
    pub selected: u64,
    /// Whether a line was selected that can't be shown, as it is not text.
    pub is_binary: bool,
    has_nul: bool,
    /// Lines and bytes that are behind.
    lines: u64,
    offset: u64,
    /// Lines that may become leading context: where they are, and their text.
    before: VecDeque<(u64, u64, Vec<u8>)>,
    /// How many lines of trailing context are still to print.
    after: usize,
    /// The number of the last line printed.
    last_printed: Option<u64>,
    done: bool,
}

impl<'a> Target<'a> {
    /// Returns a target for the file called `name`.
    pub fn new(command: &'a Command, printer: &'a mut Printer, name: &'a str) -> Target<'a> {
        Target {
            command,
            printer,
            name,
            selected: 0,
            is_binary: false,
            has_nul: false,
            lines: 0,
            offset: 0,
            before: VecDeque::new(),
            after: 0,
            last_printed: None,
            done: command.max_count == Some(0),
        }
    }

    fn wants_more(&self) -> bool {
        !self.done || self.after > 0
    }

    fn look_for_nul(&mut self, block: &[u8]) {
        let searched = self.command.binary != Binary::Text && !self.has_nul;
        // With -z lines end in NUL, and a byte of 0x80 and more that is no character says "binary".
        if searched && !self.command.null_data && memchr::memchr(0, block).is_some() {
            self.has_nul = true;
            if self.command.binary == Binary::Skip {
                self.done = true;
                self.after = 0;
            }
        }
    }

    /// Takes lines that all match the patterns or all don't.
    fn take(&mut self, lines: &[u8], matched: bool, searcher: &Searcher) {
        if lines.is_empty() {
            return;
        }
        let selected = matched != self.command.invert;
        let quick = self.command.before == 0 && self.after == 0 && !self.done;
        if !selected && quick {
            if self.command.line_number {
                self.lines += memchr::memchr_iter(searcher.end, lines).count() as u64;
            }
            self.offset += lines.len() as u64;
            return;
        }
        let mut rest = lines;
        while !rest.is_empty() && self.wants_more() {
            let length = memchr::memchr(searcher.end, rest).map_or(rest.len(), |found| found + 1);
            let (line, next) = rest.split_at(length);
            let text = line.strip_suffix(&[searcher.end]).unwrap_or(line);
            self.lines += 1;
            if selected && !self.done {
                self.select(text, searcher);
            } else {
                self.pass(text, searcher);
            }
            self.offset += length as u64;
            rest = next;
        }
    }

    fn select(&mut self, text: &[u8], searcher: &Searcher) {
        self.selected += 1;
        let command = self.command;
        self.done = command.max_count == Some(self.selected);
        if command.only_names_or_counts() {
            self.done |= !command.count || command.files_with.is_some() || command.quiet;
            return;
        }
        if self.is_hidden(text) {
            (self.done, self.after) = (true, 0);
            self.is_binary = command.binary == Binary::Tell;
            if command.binary == Binary::Skip {
                self.selected = 0;
            }
            return;
        }
        for (number, offset, text) in std::mem::take(&mut self.before) {
            self.show(Kind::Context, number, offset, &text, searcher);
        }
        self.show(Kind::Selected, self.lines, self.offset, text, searcher);
        self.after = command.after;
    }

    /// Tells whether showing `text` could harm a terminal.
    fn is_hidden(&self, text: &[u8]) -> bool {
        let is_text = || !crate::locale::is_utf8() || std::str::from_utf8(text).is_ok();
        self.command.binary != Binary::Text && (self.has_nul || !is_text())
    }

    /// Takes a line that is not selected, but may be context.
    fn pass(&mut self, text: &[u8], searcher: &Searcher) {
        if self.command.only_names_or_counts() {
            self.after = 0;
        } else if self.after > 0 {
            self.after -= 1;
            self.show(Kind::Context, self.lines, self.offset, text, searcher);
        } else if self.command.before > 0 {
            if self.before.len() >= self.command.before {
                self.before.pop_front();
            }
            self.before.push_back((self.lines, self.offset, text.to_vec()));
        }
    }

    fn show(&mut self, kind: Kind, number: u64, offset: u64, text: &[u8], searcher: &Searcher) {
        let has_context = self.command.before > 0 || self.command.after > 0;
        if has_context && self.last_printed.map_or(self.printer.has_printed(), |last| last + 1 < number) {
            self.printer.separator();
        }
        self.last_printed = Some(number);
        self.printer.line(&Line { kind, name: self.name, number, offset, text }, searcher);
    }
}
