//! The line editor of an interactive shell: it has the terminal by keys while a line is typed, and the keys are those of
//! Emacs, as in other shells.

mod complete;
mod history;
mod keys;
mod line;
mod screen;

use stillbox_sys::{self as sys, Fd, TtyModes};
use unicode_width::UnicodeWidthStr as _;

use crate::shell::Shell;
use crate::text;
use keys::Key;
use line::Line;
use screen::Screen;

pub use history::History;

/// How many candidates are shown without a question; there is no question, so more are left out.
const CANDIDATES_MAX: usize = 400;

/// Is what the user answers to a prompt.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    Line(String),
    Interrupted,
    End,
}

/// Is whether the editor goes on after a key.
enum Next {
    Key,
    Answer(Answer),
}

struct Editor<'a> {
    shell: &'a mut Shell,
    terminal: Fd,
    screen: Screen,
    /// The last line of the prompt.
    prompt: String,
    line: Line,
    /// The line of the history that is shown; behind the last is what is new.
    recalled: usize,
    /// What was typed before a line of the history was recalled.
    typed: String,
}

/// Has the user edit a line behind a prompt.
pub fn read(shell: &mut Shell, terminal: Fd, modes: TtyModes, prompt: &str) -> Answer {
    let (above, prompt) = prompt.rsplit_once('\n').map_or(("", prompt), |(above, last)| (above, last));
    if !above.is_empty() {
        let _ = sys::write_all(terminal, &text::encode(&format!("{above}\n")));
    }
    let _ = sys::set_tty_modes(terminal, &modes.by_key(), false);
    let recalled = shell.history.lines().len();
    let mut editor = Editor {
        shell,
        terminal,
        screen: Screen::new(terminal),
        prompt: prompt.to_owned(),
        line: Line::default(),
        recalled,
        typed: String::new(),
    };
    let answer = editor.edit();
    let _ = sys::set_tty_modes(terminal, &modes, false);
    if let Answer::Line(line) = &answer {
        shell.history.add(line);
    }
    answer
}

impl Editor<'_> {
    fn edit(&mut self) -> Answer {
        loop {
            self.draw();
            let key = keys::read(self.terminal);
            if let Next::Answer(answer) = self.press(key) {
                return answer;
            }
        }
    }

    fn draw(&mut self) {
        self.screen.draw(&self.prompt, &self.line.chars, self.line.cursor);
    }

    fn leave(&mut self, note: &str) {
        self.screen.leave(&self.prompt, &self.line.chars, note);
    }

    fn press(&mut self, key: Key) -> Next {
        let line = &mut self.line;
        match key {
            Key::Insert(char) => line.insert([char]),
            Key::Accept => {
                self.leave("");
                return Next::Answer(Answer::Line(self.line.text()));
            }
            Key::Interrupt => {
                self.leave("^C");
                return Next::Answer(Answer::Interrupted);
            }
            Key::Closed => return Next::Answer(Answer::End),
            Key::EndOrDelete if line.chars.is_empty() => return Next::Answer(Answer::End),
            Key::EndOrDelete | Key::Delete => line.delete(),
            Key::Backspace => line.backspace(),
            Key::Left => line.left(),
            Key::Right => line.right(),
            Key::WordLeft => line.word_left(),
            Key::WordRight => line.word_right(),
            Key::Home => line.cursor = 0,
            Key::End => line.cursor = line.chars.len(),
            Key::KillToEnd => line.kill_to(line.chars.len()),
            Key::KillToStart => line.kill_to(0),
            Key::KillBlankWord => line.kill_blank_word(),
            Key::KillWord => line.kill_word(),
            Key::KillNextWord => line.kill_next_word(),
            Key::Yank => line.yank(),
            Key::Transpose => line.transpose(),
            Key::Up => self.recall(self.recalled.checked_sub(1)),
            Key::Down => self.recall(Some(self.recalled + 1)),
            Key::Complete => self.complete(),
            Key::Search => {
                let key = self.search();
                return self.press(key);
            }
            Key::Literal => {
                if let Key::Insert(char) = keys::read_literal(self.terminal) {
                    self.line.insert([char]);
                }
            }
            Key::ClearScreen => self.screen.clear(),
            Key::Redraw | Key::None => {}
        }
        Next::Key
    }

    /// Shows another line of the history, or what was typed behind it.
    fn recall(&mut self, wanted: Option<usize>) {
        let lines = self.shell.history.lines();
        let Some(wanted) = wanted.filter(|wanted| *wanted <= lines.len()) else { return self.screen.bell() };
        if self.recalled == lines.len() {
            self.typed = self.line.text();
        }
        self.recalled = wanted;
        match lines.get(wanted) {
            Some(text) => self.line.set(text),
            None => self.line.set(&self.typed),
        }
    }

    /// Looks for a line of the history that has in it what is typed. Returns the key that ended the search.
    fn search(&mut self) -> Key {
        let before = self.line.clone();
        let mut wanted = String::new();
        let mut at = self.shell.history.lines().len();
        loop {
            let prompt = format!("(reverse-i-search)`{wanted}': ");
            self.screen.draw(&prompt, &self.line.chars, self.line.cursor);
            let found = match keys::read(self.terminal) {
                Key::Insert(char) => {
                    wanted.push(char);
                    self.shell.history.find(&wanted, at + 1)
                }
                Key::Backspace => {
                    wanted.pop();
                    at = self.shell.history.lines().len();
                    self.shell.history.find(&wanted, at)
                }
                Key::Search => self.shell.history.find(&wanted, at),
                Key::Redraw => Some(at),
                Key::Interrupt => {
                    self.line = before;
                    return Key::None;
                }
                key => {
                    self.recalled = at;
                    return key;
                }
            };
            match found.filter(|_| !wanted.is_empty()) {
                Some(found) => {
                    at = found;
                    if let Some(text) = self.shell.history.lines().get(found) {
                        self.line.set(text);
                    }
                }
                None => self.screen.bell(),
            }
        }
    }

    /// Completes the word before the cursor, or shows what it can become.
    fn complete(&mut self) {
        let before = &self.line.chars[..self.line.cursor];
        let completion = complete::complete(self.shell, before);
        let typed: String = before[completion.start..].iter().collect();
        if completion.candidates.is_empty() {
            self.screen.bell();
        } else if completion.common.len() > typed.len() {
            self.line.chars.drain(completion.start..self.line.cursor);
            self.line.cursor = completion.start;
            self.line.insert(completion.common.chars());
        } else {
            let columns = sys::tty_size(self.terminal).map_or(80, |size| size.cols.into());
            let shown = in_columns(&completion.candidates, columns);
            self.screen.show_below(&self.prompt, &self.line.chars, &shown);
        }
    }
}

/// Returns names in as many columns as fit, down before across.
fn in_columns(names: &[String], columns: usize) -> String {
    let names = &names[..names.len().min(CANDIDATES_MAX)];
    let widest = names.iter().map(|name| name.width()).max().unwrap_or(0) + 2;
    let across = (columns / widest).max(1);
    let down = names.len().div_ceil(across);
    let mut shown = String::new();
    for row in 0..down {
        for name in names.iter().skip(row).step_by(down) {
            shown.push_str(name);
            shown.push_str(&" ".repeat(widest - name.width()));
        }
        shown.truncate(shown.trim_end().len());
        shown.push('\n');
    }
    shown
}
