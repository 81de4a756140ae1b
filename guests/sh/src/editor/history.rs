//! What was typed before, in this shell and in those that left it in a file.

use stillbox_sys::{self as sys, Open};

use crate::text;

/// How many lines are remembered.
const LINES_MAX: usize = 1000;

/// Is the lines that were typed, oldest first.
#[derive(Debug, Default)]
pub struct History {
    lines: Vec<String>,
    /// The file that they are kept in.
    path: Option<String>,
}

impl History {
    /// Remembers what a file has, and keeps there what comes.
    pub fn load(&mut self, path: String) {
        if let Ok(file) = sys::open(text::encode(&path), Open::READ) {
            let content = text::decode_vec(crate::input::read_all(file));
            let _ = sys::close(file);
            let lines: Vec<&str> = content.lines().filter(|line| !line.is_empty()).collect();
            self.lines = lines[lines.len().saturating_sub(LINES_MAX)..].iter().map(|line| (*line).to_owned()).collect();
        }
        self.path = Some(path);
    }

    /// Remembers a line, unless it is blank, begins with a blank, or is the last one again.
    pub fn add(&mut self, line: &str) {
        if line.is_empty() || line.starts_with([' ', '\t']) || self.lines.last().is_some_and(|last| last == line) {
            return;
        }
        if self.lines.len() == LINES_MAX {
            self.lines.remove(0);
        }
        self.lines.push(line.to_owned());
        if let Some(path) = &self.path
            && let Ok(file) = sys::open(text::encode(path), Open::APPEND)
        {
            // A history that can't be kept is no reason to disturb anybody.
            let _ = sys::write_all(file, &text::encode(&format!("{line}\n")));
            let _ = sys::close(file);
        }
    }

    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    pub fn clear(&mut self) {
        self.lines.clear();
    }

    /// Returns the newest line before `before` that has `wanted` in it.
    pub fn find(&self, wanted: &str, before: usize) -> Option<usize> {
        self.lines[..before.min(self.lines.len())].iter().rposition(|line| line.contains(wanted))
    }
}
