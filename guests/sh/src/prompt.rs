//! Prompts.

use stillbox_sys as sys;

use crate::shell::Shell;
use crate::syntax::Parser;

impl Shell {
    /// Expands the escapes and then the parameters of a prompt.
    pub fn prompt(&mut self, source: &str) -> String {
        let mut text = String::new();
        let mut chars = source.chars().peekable();
        while let Some(c) = chars.next() {
            if c != '\\' {
                text.push(c);
                continue;
            }
            match chars.next() {
                Some('n') => text.push('\n'),
                Some('r') => text.push('\r'),
                Some('a') => text.push('\x07'),
                Some('e') => text.push('\x1b'),
                Some('[' | ']') => {}
                Some('$') => text.push('#'),
                Some('u') => text.push_str("root"),
                Some('s') => text.push_str(self.arg0.rsplit('/').next().unwrap_or("sh")),
                Some(c @ ('h' | 'H')) => {
                    let host = self.get("HOSTNAME").unwrap_or_default();
                    text.push_str(if c == 'h' { host.split('.').next().unwrap_or_default() } else { &host });
                }
                Some(c @ ('w' | 'W')) => text.push_str(&self.prompt_directory(c == 'W')),
                Some('?') => text.push_str(&self.status.to_string()),
                Some('v') => text.push_str("5.2"),
                Some('V') => text.push_str("5.2.15"),
                Some('j') => text.push_str(&self.jobs.running().len().to_string()),
                Some('\\') => text.push('\\'),
                Some(c @ '0'..='7') => {
                    let mut value = c.to_digit(8).unwrap_or(0);
                    for _ in 0..2 {
                        if let Some(digit) = chars.peek().and_then(|c| c.to_digit(8)) {
                            value = value * 8 + digit;
                            chars.next();
                        }
                    }
                    text.extend(char::from_u32(value));
                }
                Some(c) => text.extend(['\\', c]),
                None => text.push('\\'),
            }
        }
        self.expand_prompt_text(&text)
    }

    fn prompt_directory(&mut self, last: bool) -> String {
        let cwd = self.cwd.clone();
        let home = self.get("HOME").unwrap_or_default();
        let shown = match cwd.strip_prefix(&home) {
            Some("") if !home.is_empty() => "~".to_owned(),
            Some(rest) if rest.starts_with('/') && home.len() > 1 => format!("~{rest}"),
            _ => cwd,
        };
        if last && shown.len() > 1 { shown.rsplit('/').next().unwrap_or(&shown).to_owned() } else { shown }
    }

    /// Expands parameters and commands as in double quotes.
    pub fn expand_prompt_text(&mut self, text: &str) -> String {
        if !text.contains(['$', '`', '\\']) {
            return text.to_owned();
        }
        match Parser::new(text, self.line, "").whole_text() {
            Ok(word) => self.expand_text(&word).unwrap_or_else(|_| text.to_owned()),
            Err(_) => text.to_owned(),
        }
    }

    /// Shows a prompt variable.
    pub fn show_prompt(&mut self, name: &str, default: &str) {
        let source = self.get(name).unwrap_or_else(|| default.to_owned());
        let text = self.prompt(&source);
        let _ = sys::write_all(2, &crate::text::encode(&text));
    }
}
