//! Words: quotes and the expansions in them.

use std::rc::Rc;

use super::ast::{AssignedValue, CommandText, Element, Part, Quotes, Word};
use super::lexer::{is_meta, push_text};
use super::parser::{ParseError, Parser, Result};

/// Says where a word ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// At a blank or an operator.
    Meta,
    /// The same, in an assignment: a tilde counts after colons too.
    Assigned,
    /// The same, but a regular expression may hold `(`, `)` and `|`.
    Regex,
    /// At an unquoted one of two bytes.
    At(u8, u8),
    /// At the end of the text; quotes are text.
    End,
}

impl Parser<'_> {
    /// Reads a word of a command.
    pub(super) fn word(&mut self) -> Result<Word> {
        self.skip_blanks();
        Ok(Word { parts: self.parts(Stop::Meta, false)? })
    }

    /// Reads the whole text as if it stood in double quotes.
    pub fn whole_text(&mut self) -> Result<Word> {
        Ok(Word { parts: vec![Part::Double(self.parts(Stop::End, false)?)] })
    }

    pub(super) fn regex_word(&mut self) -> Result<Word> {
        Ok(Word { parts: self.parts(Stop::Regex, false)? })
    }

    /// Reads the parts of a word up to where it stops; `quoted` says that double quotes surround it.
    pub(super) fn parts(&mut self, stop: Stop, quoted: bool) -> Result<Vec<Part>> {
        let mut parts = Vec::new();
        let mut depth = 0_u32;
        if !quoted && stop != Stop::End {
            self.tilde(&mut parts, stop);
        }
        while let Some(byte) = self.peek() {
            match stop {
                Stop::Meta | Stop::Assigned if is_meta(byte) => {
                    if !(matches!(byte, b'<' | b'>') && self.peek_at(1) == Some(b'(')) {
                        break;
                    }
                    parts.push(self.process_substitution()?);
                    continue;
                }
                Stop::Regex => match byte {
                    b'(' => depth += 1,
                    b')' if depth == 0 => break,
                    b')' => depth -= 1,
                    b' ' | b'\t' | b'\n' if depth == 0 => break,
                    _ => {}
                },
                Stop::At(a, b) if byte == a || byte == b => break,
                _ => {}
            }
            self.part(&mut parts, byte, stop, quoted)?;
        }
        Ok(parts)
    }

    fn part(&mut self, parts: &mut Vec<Part>, byte: u8, stop: Stop, quoted: bool) -> Result<()> {
        match byte {
            b'\\' => self.backslash(parts, quoted || stop == Stop::End, stop == Stop::End),
            b'\'' if !quoted && stop != Stop::End => {
                let text = self.single_quoted()?;
                parts.push(Part::Quoted { text, source: Quotes::Single });
            }
            b'"' if stop != Stop::End => {
                self.pos += 1;
                parts.push(Part::Double(self.double_quoted()?));
            }
            b'$' => match self.dollar(quoted || stop == Stop::End)? {
                Some(part) => parts.push(part),
                None => push_text(parts, '$'),
            },
            b'`' => parts.push(self.backquoted(quoted)?),
            b'?' | b'*' | b'+' | b'@' | b'!'
                if matches!(stop, Stop::Meta | Stop::Assigned) && self.peek_at(1) == Some(b'(') =>
            {
                self.extended_pattern(parts)?;
            }
            _ => {
                if let Some(c) = self.bump() {
                    push_text(parts, c);
                    // An argument that looks like an assignment is treated as one.
                    let assigns = stop == Stop::Meta
                        && c == '='
                        && matches!(parts.as_slice(), [Part::Text(text)] if crate::variables::is_name(&text[..text.len() - 1]));
                    if assigns || (stop == Stop::Assigned && c == ':') {
                        self.tilde(parts, stop);
                    }
                }
            }
        }
        Ok(())
    }

    /// Reads `@(a|b)` and its like, whose parentheses do not end the word.
    fn extended_pattern(&mut self, parts: &mut Vec<Part>) -> Result<()> {
        let line = self.line;
        for _ in 0..2 {
            if let Some(c) = self.bump() {
                push_text(parts, c);
            }
        }
        let mut depth = 1;
        while let Some(byte) = self.peek() {
            match byte {
                b'(' => depth += 1,
                b')' => depth -= 1,
                _ => {}
            }
            // The stop is one that no byte of the loop meets.
            self.part(parts, byte, Stop::At(0, 0), false)?;
            if depth == 0 {
                return Ok(());
            }
        }
        Err(self.unclosed(line, ")"))
    }

    fn tilde(&mut self, parts: &mut Vec<Part>, stop: Stop) {
        if self.peek() != Some(b'~') {
            return;
        }
        let rest = &self.src.as_bytes()[self.pos + 1..];
        let len = rest
            .iter()
            .position(|b| !(b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'+' | b'.')))
            .unwrap_or(rest.len());
        let ends = match rest.get(len) {
            None | Some(b'/') => true,
            Some(b':') => stop == Stop::Assigned,
            Some(b'}') => matches!(stop, Stop::At(b'}', _)),
            Some(byte) => is_meta(*byte),
        };
        if ends {
            parts.push(Part::Tilde(self.src[self.pos + 1..self.pos + 1 + len].to_owned()));
            self.pos += 1 + len;
        }
    }

    fn backslash(&mut self, parts: &mut Vec<Part>, quoted: bool, here_doc: bool) {
        self.pos += 1;
        match self.bump() {
            Some('\n') => {}
            None => push_text(parts, '\\'),
            Some(c) if !quoted => parts.push(Part::Quoted { text: c.to_string(), source: Quotes::Backslash }),
            Some(c @ ('$' | '`' | '\\')) => parts.push(Part::Quoted { text: c.to_string(), source: Quotes::Backslash }),
            Some(c @ ('"' | '}')) if !here_doc => {
                parts.push(Part::Quoted { text: c.to_string(), source: Quotes::Backslash });
            }
            Some(c) => {
                push_text(parts, '\\');
                push_text(parts, c);
            }
        }
    }

    fn single_quoted(&mut self) -> Result<String> {
        let line = self.line;
        self.pos += 1;
        let Some(len) = self.rest().find('\'') else { return Err(self.unclosed(line, "'")) };
        let text = self.src[self.pos..self.pos + len].to_owned();
        self.line += text.bytes().filter(|b| *b == b'\n').count() as u32;
        self.pos += len + 1;
        Ok(text)
    }

    fn double_quoted(&mut self) -> Result<Vec<Part>> {
        let line = self.line;
        let mut parts = Vec::new();
        loop {
            match self.peek() {
                None => return Err(self.unclosed(line, "\"")),
                Some(b'"') => {
                    self.pos += 1;
                    return Ok(parts);
                }
                Some(b'\\') => match self.peek_at(1) {
                    Some(b'}') => {
                        self.pos += 1;
                        push_text(&mut parts, '\\');
                    }
                    _ => self.backslash(&mut parts, true, false),
                },
                Some(b'$') => match self.dollar(true)? {
                    Some(part) => parts.push(part),
                    None => push_text(&mut parts, '$'),
                },
                Some(b'`') => parts.push(self.backquoted(true)?),
                Some(_) => {
                    if let Some(c) = self.bump() {
                        push_text(&mut parts, c);
                    }
                }
            }
        }
    }

    /// Reads what a `$` introduces; `None` if that is only itself, which is then taken.
    fn dollar(&mut self, quoted: bool) -> Result<Option<Part>> {
        let line = self.line;
        self.pos += 1;
        match self.peek() {
            Some(b'(') if self.peek_at(1) == Some(b'(') => {
                let start = self.pos;
                self.pos += 2;
                match self.arith_text("))") {
                    Ok(word) => Ok(Some(Part::Arith(word))),
                    Err(_) => {
                        (self.pos, self.line) = (start + 1, line);
                        Ok(Some(Part::Command(self.command_text()?)))
                    }
                }
            }
            Some(b'(') => {
                self.pos += 1;
                Ok(Some(Part::Command(self.command_text()?)))
            }
            Some(b'[') => {
                self.pos += 1;
                Ok(Some(Part::Arith(self.arith_text("]")?)))
            }
            Some(b'{') => {
                self.pos += 1;
                self.braced_parameter(quoted).map(|parameter| Some(Part::Parameter(Box::new(parameter))))
            }
            Some(b'\'') if !quoted => {
                self.pos += 1;
                let start = self.pos;
                loop {
                    match self.bump() {
                        None => return Err(self.unclosed(line, "'")),
                        Some('\\') => drop(self.bump()),
                        Some('\'') => break,
                        Some(_) => {}
                    }
                }
                let text = crate::escape::dollar_quoted(&self.src[start..self.pos - 1]);
                Ok(Some(Part::Quoted { text, source: Quotes::Dollar }))
            }
            Some(b'"') if !quoted => {
                self.pos += 1;
                Ok(Some(Part::Double(self.double_quoted()?)))
            }
            _ => Ok(self.plain_parameter().map(|parameter| Part::Parameter(Box::new(parameter)))),
        }
    }

    /// Reads a command up to the `)` that ends it.
    pub(super) fn command_text(&mut self) -> Result<Rc<CommandText>> {
        let (start, line) = (self.pos, self.line);
        let outer = std::mem::take(&mut self.pending);
        self.nesting += 1;
        if self.nesting > 200 {
            return Err(ParseError::new(line, "maximum nesting of commands exceeded"));
        }
        let list = self.maybe_empty_list()?;
        self.nesting -= 1;
        let inner = std::mem::replace(&mut self.pending, outer);
        self.pending.extend(inner);
        self.skip_blanks();
        if self.peek() != Some(b')') {
            let error = self.unexpected();
            return Err(if error.incomplete { self.unclosed(line, ")") } else { error });
        }
        let text = self.src[start..self.pos].to_owned();
        self.pos += 1;
        Ok(Rc::new(CommandText { list, text }))
    }

    fn process_substitution(&mut self) -> Result<Part> {
        let input = self.peek() == Some(b'<');
        self.pos += 2;
        Ok(Part::Process { input, command: self.command_text()? })
    }

    fn backquoted(&mut self, quoted: bool) -> Result<Part> {
        let line = self.line;
        self.pos += 1;
        let mut text = String::new();
        loop {
            match self.bump() {
                None => return Err(self.unclosed(line, "`")),
                Some('`') => break,
                Some('\\') => match self.bump() {
                    Some(c @ ('$' | '`' | '\\')) => text.push(c),
                    Some('"') if quoted => text.push('"'),
                    Some(c) => text.extend(['\\', c]),
                    None => text.push('\\'),
                },
                Some(c) => text.push(c),
            }
        }
        let mut inner = Parser::new(&text, line, self.source);
        inner.nesting = self.nesting + 1;
        let mut list = Vec::new();
        while let Some(commands) = inner.next_command()? {
            list.extend(commands);
        }
        Ok(Part::Command(Rc::new(CommandText { list, text })))
    }

    /// Reads the value after `=`.
    pub(super) fn assigned_value(&mut self) -> Result<AssignedValue> {
        if self.peek() != Some(b'(') {
            return Ok(AssignedValue::Scalar(Word { parts: self.parts(Stop::Assigned, false)? }));
        }
        self.pos += 1;
        let mut elements = Vec::new();
        loop {
            self.skip_newlines()?;
            if self.eat(")") {
                return Ok(AssignedValue::Array(elements));
            }
            if self.peek() == Some(b'[')
                && let Some(element) = self.keyed_element()?
            {
                elements.push(element);
                continue;
            }
            if self.at_word_end() {
                return Err(self.unexpected());
            }
            elements.extend(super::brace::expand(self.word()?).into_iter().map(Element::Word));
        }
    }

    fn keyed_element(&mut self) -> Result<Option<Element>> {
        let (start, line) = (self.pos, self.line);
        if let Ok(index) = self.bracketed_index() {
            let append = self.starts_with("+=");
            if append || self.peek() == Some(b'=') {
                self.pos += 1 + usize::from(append);
                let value = Word { parts: self.parts(Stop::Assigned, false)? };
                return Ok(Some(Element::Keyed { index, append, value }));
            }
        }
        (self.pos, self.line) = (start, line);
        Ok(None)
    }

    /// Reads arithmetic up to the text that ends it, which is outside all parentheses.
    pub(super) fn arith_text(&mut self, end: &str) -> Result<Word> {
        let line = self.line;
        let mut parts = Vec::new();
        let (mut depth, mut brackets) = (0_u32, 0_u32);
        loop {
            let Some(byte) = self.peek() else { return Err(self.unclosed(line, end)) };
            if depth == 0 && brackets == 0 && self.starts_with(end) {
                self.pos += end.len();
                return Ok(Word { parts });
            }
            match byte {
                b'(' => depth += 1,
                b')' if depth == 0 => return Err(self.unexpected()),
                b')' => depth -= 1,
                b'[' => brackets += 1,
                b']' => brackets = brackets.saturating_sub(1),
                _ => {}
            }
            match byte {
                b'"' => {
                    self.pos += 1;
                    parts.extend(self.double_quoted()?);
                }
                b'\'' => {
                    let text = self.single_quoted()?;
                    parts.push(Part::Quoted { text, source: Quotes::Single });
                }
                _ => self.part(&mut parts, byte, Stop::At(0, 0), true)?,
            }
        }
    }

    /// Reads `[index]`.
    pub(super) fn bracketed_index(&mut self) -> Result<Word> {
        let line = self.line;
        self.pos += 1;
        let mut parts = Vec::new();
        let mut depth = 0_u32;
        loop {
            match self.peek() {
                None | Some(b'\n') => return Err(self.unclosed(line, "]")),
                Some(b']') if depth == 0 => {
                    self.pos += 1;
                    return Ok(Word { parts });
                }
                Some(byte) => {
                    match byte {
                        b'[' => depth += 1,
                        b']' => depth -= 1,
                        _ => {}
                    }
                    self.part(&mut parts, byte, Stop::At(0, 0), false)?;
                }
            }
        }
    }
}
