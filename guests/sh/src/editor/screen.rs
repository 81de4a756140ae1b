//! Showing the line: it may take several rows, which are drawn anew after each key.

use stillbox_sys::{self as sys, Fd};
use unicode_width::UnicodeWidthChar as _;

use crate::text;

/// Is where the cursor is, from the beginning of the prompt's last line.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Place {
    row: usize,
    column: usize,
}

impl Place {
    /// Moves behind a character; one that doesn't fit into its row goes to the next.
    fn pass(&mut self, width: usize, columns: usize) {
        if self.column + width > columns {
            *self = Place { row: self.row + 1, column: 0 };
        }
        self.column += width;
        if self.column >= columns {
            *self = Place { row: self.row + 1, column: 0 };
        }
    }
}

/// Is the part of the screen that shows the line.
#[derive(Debug)]
pub struct Screen {
    fd: Fd,
    /// The row that the cursor is in.
    row: usize,
}

impl Screen {
    pub fn new(fd: Fd) -> Screen {
        Screen { fd, row: 0 }
    }

    fn columns(&self) -> usize {
        match sys::tty_size(self.fd) {
            Ok(size) if size.cols > 0 => size.cols.into(),
            _ => 80,
        }
    }

    fn write(&self, shown: &str) {
        // A terminal that is gone is noticed when it is read.
        let _ = sys::write_all(self.fd, &text::encode(shown));
    }

    pub fn bell(&self) {
        self.write("\x07");
    }

    /// Shows a prompt, of which the last line is drawn anew with the line, and the characters with the cursor among them.
    pub fn draw(&mut self, prompt: &str, chars: &[char], cursor: usize) {
        let (shown, at, end) = layout(prompt, chars, cursor, self.columns());
        let up = if self.row > 0 { format!("\x1b[{}A", self.row) } else { String::new() };
        let back = end.row - at.row;
        let back = if back > 0 { format!("\x1b[{back}A") } else { String::new() };
        let right = if at.column > 0 { format!("\x1b[{}C", at.column) } else { String::new() };
        self.write(&format!("{up}\r\x1b[J{shown}{back}\r{right}"));
        self.row = at.row;
    }

    /// Goes to the beginning of the line behind what is shown.
    pub fn leave(&mut self, prompt: &str, chars: &[char], note: &str) {
        self.draw(prompt, chars, chars.len());
        self.write(&format!("{note}\n"));
        self.row = 0;
    }

    /// Shows something behind the line, which is drawn below it then.
    pub fn show_below(&mut self, prompt: &str, chars: &[char], lines: &str) {
        self.leave(prompt, chars, "");
        self.write(lines);
    }

    /// Clears the whole screen.
    pub fn clear(&mut self) {
        self.write("\x1b[H\x1b[2J");
        self.row = 0;
    }
}

/// Returns what shows a prompt and a line, and where the cursor and the end are then.
fn layout(prompt: &str, chars: &[char], cursor: usize, columns: usize) -> (String, Place, Place) {
    let mut shown = prompt.to_owned();
    let mut place = Place::default();
    for width in visible_widths(prompt) {
        place.pass(width, columns);
    }
    let mut at = place;
    for (index, &char) in chars.iter().enumerate() {
        if index == cursor {
            at = place;
        }
        match char {
            char if char.is_ascii_control() => {
                shown.extend(['^', char::from(char as u8 ^ 0x40)]);
                place.pass(1, columns);
                place.pass(1, columns);
            }
            char => {
                shown.push(char);
                place.pass(char.width().unwrap_or(0), columns);
            }
        }
    }
    if cursor >= chars.len() {
        at = place;
    }
    // A terminal goes to the next row only when there is something to show in it.
    if place.column == 0 && place.row > 0 {
        shown.push_str("\r\n");
    }
    (shown, at, place)
}

/// Returns the widths of the characters of a prompt, without its control sequences.
fn visible_widths(prompt: &str) -> Vec<usize> {
    let mut widths = Vec::new();
    let mut chars = prompt.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '\x1b' if chars.peek() == Some(&'[') => {
                chars.next();
                while chars.next().is_some_and(|char| !('\x40'..='\x7e').contains(&char)) {}
            }
            '\x1b' if chars.peek() == Some(&']') => {
                while chars.next().is_some_and(|char| !matches!(char, '\x07' | '\\')) {}
            }
            char => widths.push(char.width().unwrap_or(0)),
        }
    }
    widths
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(prompt: &str, line: &str, cursor: usize, columns: usize) -> ((usize, usize), (usize, usize)) {
        let chars: Vec<char> = line.chars().collect();
        let (_, at, end) = layout(prompt, &chars, cursor, columns);
        ((at.row, at.column), (end.row, end.column))
    }

    #[test]
    fn places_count_columns() {
        assert_eq!(places("\x1b[1m$\x1b[m ", "abc", 1, 10), ((0, 3), (0, 5)));
        assert_eq!(places("$ ", "日本", 1, 10), ((0, 4), (0, 6)));
        assert_eq!(places("$ ", "\x03", 1, 10), ((0, 4), (0, 4)));
    }

    #[test]
    fn lines_are_folded() {
        assert_eq!(places("$ ", "abcdefgh", 8, 5), ((2, 0), (2, 0)));
        assert_eq!(places("$ ", "ab日本", 4, 5), ((1, 4), (1, 4)));
        assert_eq!(places("$ ", "abc", 3, 5), ((1, 0), (1, 0)));
    }
}
