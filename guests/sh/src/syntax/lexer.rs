//! Characters, blanks, newlines and operators.

use super::ast::Part;
use super::parser::{ParseError, Parser};

/// The operators of commands, longest first.
const OPERATORS: [&str; 27] = [
    "&>>", "<<<", "<<-", ";;&", "&&", "||", ";;", ";&", "|&", "&>", "<<", ">>", "<&", ">&", "<>", ">|", "((", "))",
    "&", "|", ";", "<", ">", "(", ")", "\n", "",
];

/// Returns whether a byte ends an unquoted word.
pub fn is_meta(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'|' | b'&' | b';' | b'<' | b'>' | b'(' | b')')
}

impl Parser<'_> {
    pub(super) fn peek(&self) -> Option<u8> {
        self.src.as_bytes().get(self.pos).copied()
    }

    pub(super) fn peek_at(&self, offset: usize) -> Option<u8> {
        self.src.as_bytes().get(self.pos + offset).copied()
    }

    pub(super) fn rest(&self) -> &str {
        &self.src[self.pos..]
    }

    pub(super) fn starts_with(&self, text: &str) -> bool {
        self.src.as_bytes()[self.pos..].starts_with(text.as_bytes())
    }

    /// Takes one character, counting lines.
    pub(super) fn bump(&mut self) -> Option<char> {
        let c = self.rest().chars().next()?;
        self.pos += c.len_utf8();
        if c == '\n' {
            self.line += 1;
        }
        Some(c)
    }

    pub(super) fn eat(&mut self, text: &str) -> bool {
        let found = self.starts_with(text);
        if found {
            self.pos += text.len();
            self.line += text.bytes().filter(|b| *b == b'\n').count() as u32;
        }
        found
    }

    /// Skips blanks, joined lines and a comment.
    pub(super) fn skip_blanks(&mut self) {
        loop {
            match self.peek() {
                Some(b' ' | b'\t' | b'\r') => self.pos += 1,
                Some(b'\\') if self.peek_at(1) == Some(b'\n') => {
                    self.pos += 2;
                    self.line += 1;
                }
                Some(b'#') => {
                    let end = self.rest().find('\n').unwrap_or(self.rest().len());
                    self.pos += end;
                }
                _ => return,
            }
        }
    }

    /// Skips blanks, comments and newlines.
    pub(super) fn skip_newlines(&mut self) -> Result<(), ParseError> {
        loop {
            self.skip_blanks();
            if self.peek() != Some(b'\n') {
                return Ok(());
            }
            self.newline()?;
        }
    }

    /// Takes a newline, and the bodies of the here-documents that its line announced.
    pub(super) fn newline(&mut self) -> Result<(), ParseError> {
        self.bump();
        self.read_here_docs()
    }

    /// Returns the operator that comes next, after blanks; an empty text if something else does.
    pub(super) fn operator(&mut self) -> &'static str {
        self.skip_blanks();
        OPERATORS.iter().find(|op| self.starts_with(op)).copied().unwrap_or_default()
    }

    pub(super) fn eat_operator(&mut self, operator: &str) -> bool {
        self.operator() == operator && {
            self.pos += operator.len();
            true
        }
    }

    /// Returns the plain word that comes next, after blanks, without taking it.
    pub(super) fn peek_keyword(&mut self) -> &str {
        self.skip_blanks();
        let bytes = &self.src.as_bytes()[self.pos..];
        let end = bytes.iter().position(|b| is_meta(*b)).unwrap_or(bytes.len());
        // A quoted or expanded word is never a keyword; its quoting characters keep it from comparing equal to one.
        self.src.get(self.pos..self.pos + end).unwrap_or_default()
    }

    pub(super) fn eat_keyword(&mut self, keyword: &str) -> bool {
        let found = self.peek_keyword() == keyword;
        if found {
            self.pos += keyword.len();
        }
        found
    }

    pub(super) fn expect_keyword(&mut self, keyword: &str) -> Result<(), ParseError> {
        if self.eat_keyword(keyword) { Ok(()) } else { Err(self.unexpected()) }
    }

    pub(super) fn expect_operator(&mut self, operator: &str) -> Result<(), ParseError> {
        if self.eat_operator(operator) { Ok(()) } else { Err(self.unexpected()) }
    }

    /// Makes the error for what comes next.
    pub(super) fn unexpected(&mut self) -> ParseError {
        self.skip_blanks();
        if self.pos >= self.src.len() {
            return ParseError::incomplete(self.line, "syntax error: unexpected end of file");
        }
        let operator = self.operator();
        let token = match operator {
            "\n" => "newline".to_owned(),
            "" => self.peek_keyword().to_owned(),
            operator => operator.to_owned(),
        };
        ParseError::new(self.line, format!("syntax error near unexpected token `{token}'"))
    }

    /// Returns the error for a quote or bracket that nothing closes.
    pub(super) fn unclosed(&self, line: u32, closer: &str) -> ParseError {
        ParseError::incomplete(line, &format!("unexpected EOF while looking for matching `{closer}'"))
    }
}

/// Adds text to parts, joining it with text before it.
pub fn push_text(parts: &mut Vec<Part>, c: char) {
    if let Some(Part::Text(text)) = parts.last_mut() {
        text.push(c);
    } else {
        parts.push(Part::Text(c.to_string()));
    }
}
