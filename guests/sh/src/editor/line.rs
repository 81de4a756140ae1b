//! The line that is being edited.

/// Is text with a cursor in it.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Line {
    pub chars: Vec<char>,
    /// How many characters are before the cursor.
    pub cursor: usize,
    /// What was removed last, to be put back elsewhere.
    killed: Vec<char>,
}

impl Line {
    pub fn text(&self) -> String {
        self.chars.iter().collect()
    }

    /// Replaces the text, with the cursor behind it.
    pub fn set(&mut self, text: &str) {
        self.chars = text.chars().collect();
        self.cursor = self.chars.len();
    }

    pub fn insert(&mut self, text: impl IntoIterator<Item = char>) {
        for char in text {
            self.chars.insert(self.cursor, char);
            self.cursor += 1;
        }
    }

    pub fn backspace(&mut self) {
        if self.cursor > 0 {
            self.cursor -= 1;
            self.chars.remove(self.cursor);
        }
    }

    pub fn delete(&mut self) {
        if self.cursor < self.chars.len() {
            self.chars.remove(self.cursor);
        }
    }

    pub fn left(&mut self) {
        self.cursor = self.cursor.saturating_sub(1);
    }

    pub fn right(&mut self) {
        self.cursor = (self.cursor + 1).min(self.chars.len());
    }

    /// Moves to the beginning of the word before.
    pub fn word_left(&mut self) {
        self.cursor = self.back_over(char::is_alphanumeric);
    }

    /// Moves to the end of the word behind.
    pub fn word_right(&mut self) {
        self.cursor = self.word_end();
    }

    /// Removes what is between the cursor and `at`.
    pub fn kill_to(&mut self, at: usize) {
        let (from, to) = (at.min(self.cursor), at.max(self.cursor));
        if from < to {
            self.killed = self.chars.drain(from..to).collect();
            self.cursor = from;
        }
    }

    pub fn kill_word(&mut self) {
        self.kill_to(self.back_over(char::is_alphanumeric));
    }

    pub fn kill_blank_word(&mut self) {
        self.kill_to(self.back_over(|char| !char.is_whitespace()));
    }

    pub fn kill_next_word(&mut self) {
        self.kill_to(self.word_end());
    }

    pub fn yank(&mut self) {
        self.insert(self.killed.clone());
    }

    /// Exchanges the characters around the cursor, or the last two.
    pub fn transpose(&mut self) {
        let at = if self.cursor == self.chars.len() { self.cursor.saturating_sub(1) } else { self.cursor };
        if at > 0 {
            self.chars.swap(at - 1, at);
            self.cursor = at + 1;
        }
    }

    fn back_over(&self, is_word: fn(char) -> bool) -> usize {
        let mut at = self.cursor;
        while at > 0 && !is_word(self.chars[at - 1]) {
            at -= 1;
        }
        while at > 0 && is_word(self.chars[at - 1]) {
            at -= 1;
        }
        at
    }

    fn word_end(&self) -> usize {
        let rest = &self.chars[self.cursor..];
        let skipped = rest.iter().take_while(|char| !char.is_alphanumeric()).count();
        let word = rest[skipped..].iter().take_while(|char| char.is_alphanumeric()).count();
        self.cursor + skipped + word
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Line {
        let mut line = Line::default();
        line.set(text);
        line
    }

    #[test]
    fn words_are_killed_and_put_back() {
        let mut line = line("one two/three  ");
        line.kill_word();
        assert_eq!(line.text(), "one two/");
        line.yank();
        assert_eq!(line.text(), "one two/three  ");
        line.kill_blank_word();
        assert_eq!(line.text(), "one ");
        line.cursor = 0;
        line.kill_next_word();
        assert_eq!((line.text().as_str(), line.cursor), (" ", 0));
    }

    #[test]
    fn the_cursor_stays_in_the_line() {
        let mut line = line("äb");
        for _ in 0..3 {
            line.right();
        }
        line.delete();
        line.transpose();
        assert_eq!((line.text().as_str(), line.cursor), ("bä", 2));
        for _ in 0..3 {
            line.left();
        }
        line.backspace();
        line.transpose();
        line.word_left();
        assert_eq!((line.text().as_str(), line.cursor), ("bä", 0));
        line.word_right();
        assert_eq!(line.cursor, 2);
    }
}
