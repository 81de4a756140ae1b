//! Redirections, and the bodies of here-documents.

use std::cell::RefCell;
use std::rc::Rc;

use super::ast::{Command, HereDoc, Part, Quotes, Redirect, RedirectFd, RedirectKind, Word};
use super::parser::{ParseError, Parser, Result};
use super::word::Stop;

impl Parser<'_> {
    /// Reads a redirection, if one comes next.
    pub(super) fn redirect(&mut self) -> Result<Option<Redirect>> {
        self.skip_blanks();
        let (start, line) = (self.pos, self.line);
        let fd = self.redirect_fd();
        let operator = if matches!(self.peek(), Some(b'<' | b'>' | b'&')) { self.operator() } else { "" };
        // `<(` and `>(` start a word.
        let substitution = matches!(operator, "<" | ">") && self.peek_at(1) == Some(b'(');
        if substitution
            || !matches!(operator, "<" | ">" | ">>" | "<>" | ">|" | "<&" | ">&" | "&>" | "&>>" | "<<<" | "<<" | "<<-")
            || (fd.is_some() && operator.starts_with('&'))
        {
            self.pos = start;
            return Ok(None);
        }
        self.pos += operator.len();
        self.skip_blanks();
        if operator.starts_with("<<") && operator != "<<<" {
            let here_doc = self.here_doc_start(operator == "<<-")?;
            return Ok(Some(Redirect { fd, kind: RedirectKind::HereDoc(here_doc), line }));
        }
        if self.at_word_end() {
            return Err(self.unexpected());
        }
        let word = self.word()?;
        let kind = match operator {
            "<" => RedirectKind::Read(word),
            ">" => RedirectKind::Write(word),
            ">>" => RedirectKind::Append(word),
            "<>" => RedirectKind::ReadWrite(word),
            ">|" => RedirectKind::Clobber(word),
            "<&" => RedirectKind::DupIn(word),
            ">&" => RedirectKind::DupOut(word),
            "&>" => RedirectKind::Both { word, append: false },
            "&>>" => RedirectKind::Both { word, append: true },
            _ => RedirectKind::HereString(word),
        };
        Ok(Some(Redirect { fd, kind, line }))
    }

    /// Reads `2` or `{name}` right before an operator.
    fn redirect_fd(&mut self) -> Option<RedirectFd> {
        let bytes = &self.src.as_bytes()[self.pos..];
        let digits = bytes.iter().take_while(|b| b.is_ascii_digit()).count();
        if digits > 0 {
            if !matches!(bytes.get(digits), Some(b'<' | b'>')) {
                return None;
            }
            let number = self.src[self.pos..self.pos + digits].parse().ok()?;
            self.pos += digits;
            return Some(RedirectFd::Number(number));
        }
        if bytes.first() != Some(&b'{') {
            return None;
        }
        let len = bytes.iter().position(|b| *b == b'}')?;
        let name = &self.src[self.pos + 1..self.pos + len];
        if !crate::variables::is_name(name) || !matches!(bytes.get(len + 1), Some(b'<' | b'>')) {
            return None;
        }
        let fd = RedirectFd::Variable(name.to_owned());
        self.pos += len + 1;
        Some(fd)
    }

    fn here_doc_start(&mut self, strip_tabs: bool) -> Result<Rc<RefCell<HereDoc>>> {
        if self.at_word_end() {
            return Err(self.unexpected());
        }
        let start = self.pos;
        let word = self.word()?;
        let source = &self.src[start..self.pos];
        let literal = source.contains(['\'', '"', '\\']);
        let mut delimiter = String::new();
        if literal {
            plain_text(&word.parts, &mut delimiter);
        } else {
            source.clone_into(&mut delimiter);
        }
        let here_doc = Rc::new(RefCell::new(HereDoc { body: Word::default(), delimiter, literal, strip_tabs }));
        self.pending.push(Rc::clone(&here_doc));
        Ok(here_doc)
    }

    /// Reads the bodies of the here-documents of the line that just ended.
    pub(super) fn read_here_docs(&mut self) -> Result<()> {
        for here_doc in std::mem::take(&mut self.pending) {
            let mut here_doc = here_doc.borrow_mut();
            let first_line = self.line;
            let mut body = String::new();
            loop {
                if self.pos >= self.src.len() {
                    if self.interactive {
                        return Err(ParseError::incomplete(self.line, "unexpected end of file"));
                    }
                    break;
                }
                let end = self.rest().find('\n').map_or(self.src.len(), |at| self.pos + at + 1);
                let line = &self.src[self.pos..end];
                let line = if here_doc.strip_tabs { line.trim_start_matches('\t') } else { line };
                self.pos = end;
                self.line += 1;
                if line.strip_suffix('\n').unwrap_or(line) == here_doc.delimiter {
                    break;
                }
                body.push_str(line);
            }
            here_doc.body = if here_doc.literal {
                Word { parts: vec![Part::Quoted { text: body, source: Quotes::Single }] }
            } else {
                let mut inner = Parser::new(&body, first_line, self.source);
                inner.nesting = self.nesting + 1;
                Word { parts: vec![Part::Double(inner.parts(Stop::End, false)?)] }
            };
        }
        Ok(())
    }
}

fn plain_text(parts: &[Part], text: &mut String) {
    for part in parts {
        match part {
            Part::Text(t) | Part::Quoted { text: t, .. } => text.push_str(t),
            Part::Double(parts) => plain_text(parts, text),
            Part::Tilde(name) => {
                text.push('~');
                text.push_str(name);
            }
            _ => {}
        }
    }
}

/// Adds the `2>&1` that `|&` stands for.
pub fn add_error_to_output(command: &mut Command) {
    let redirect =
        Redirect { fd: Some(RedirectFd::Number(2)), kind: RedirectKind::DupOut(Word::literal("1")), line: 0 };
    match command {
        Command::Simple(simple) => simple.redirects.push(redirect),
        Command::Compound(compound) => {
            let mut changed = compound.as_ref().clone();
            changed.redirects.push(redirect);
            *compound = Rc::new(changed);
        }
        Command::Function(_) => {}
    }
}
