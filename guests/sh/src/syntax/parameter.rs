//! `$name` and `${..}`.

use super::ast::{CaseKind, Index, Name, Op, Parameter, ReplaceKind, TestOp, Word};
use super::parser::{Parser, Result};
use super::word::Stop;

fn is_special(byte: u8) -> bool {
    matches!(byte, b'@' | b'*' | b'#' | b'?' | b'-' | b'$' | b'!')
}

impl Parser<'_> {
    pub(super) fn variable_name(&mut self) -> Option<String> {
        let bytes = &self.src.as_bytes()[self.pos..];
        if !bytes.first().is_some_and(|b| b.is_ascii_alphabetic() || *b == b'_') {
            return None;
        }
        let len = bytes.iter().position(|b| !(b.is_ascii_alphanumeric() || *b == b'_')).unwrap_or(bytes.len());
        let name = self.src[self.pos..self.pos + len].to_owned();
        self.pos += len;
        Some(name)
    }

    /// Reads a parameter without braces, after the `$`.
    pub(super) fn plain_parameter(&mut self) -> Option<Parameter> {
        let start = self.pos;
        let name = match self.peek()? {
            byte @ b'1'..=b'9' => {
                self.pos += 1;
                Name::Positional(u32::from(byte - b'0'))
            }
            byte if is_special(byte) || byte == b'0' => {
                self.pos += 1;
                Name::Special(byte.into())
            }
            _ => Name::Variable(self.variable_name()?),
        };
        Some(Parameter { name, index: None, indirect: false, op: Op::None, text: self.src[start..self.pos].to_owned() })
    }

    fn parameter_name(&mut self) -> Option<Name> {
        match self.peek()? {
            b'0'..=b'9' => {
                let bytes = &self.src.as_bytes()[self.pos..];
                let len = bytes.iter().position(|b| !b.is_ascii_digit()).unwrap_or(bytes.len());
                let number = self.src[self.pos..self.pos + len].parse().unwrap_or(u32::MAX);
                self.pos += len;
                Some(if number == 0 { Name::Special('0') } else { Name::Positional(number) })
            }
            byte if is_special(byte) => {
                self.pos += 1;
                Some(Name::Special(byte.into()))
            }
            _ => self.variable_name().map(Name::Variable),
        }
    }

    /// Reads what stands between `${` and `}`.
    pub(super) fn braced_parameter(&mut self, quoted: bool) -> Result<Parameter> {
        let (start, line) = (self.pos, self.line);
        let mut parameter = match self.braced_inside(quoted)? {
            Some(parameter) if self.peek() == Some(b'}') => parameter,
            _ => {
                // It is an error, but only if the command runs.
                (self.pos, self.line) = (start, line);
                self.parts(Stop::At(b'}', b'}'), quoted)?;
                Parameter { name: Name::Special('?'), index: None, indirect: false, op: Op::Bad, text: String::new() }
            }
        };
        if self.peek() != Some(b'}') {
            return Err(self.unclosed(line, "}"));
        }
        parameter.text = self.src[start..self.pos].to_owned();
        self.pos += 1;
        Ok(parameter)
    }

    fn braced_inside(&mut self, quoted: bool) -> Result<Option<Parameter>> {
        if self.peek() == Some(b'#') && self.peek_at(1) != Some(b'}') {
            let start = self.pos;
            self.pos += 1;
            if let Some((name, index)) = self.subject()?
                && self.peek() == Some(b'}')
            {
                let op = Op::Length;
                return Ok(Some(Parameter { name, index, indirect: false, op, text: String::new() }));
            }
            self.pos = start;
        }
        let mut indirect = false;
        if self.peek() == Some(b'!')
            && self
                .peek_at(1)
                .is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'@' | b'*' | b'#' | b'?'))
        {
            self.pos += 1;
            indirect = true;
        }
        let Some((name, index)) = self.subject()? else { return Ok(None) };
        let (mut op, mut index) = (Op::None, index);
        if indirect && matches!(name, Name::Variable(_)) {
            match (&index, self.peek(), self.peek_at(1)) {
                (None, Some(sign @ (b'*' | b'@')), Some(b'}')) => {
                    self.pos += 1;
                    op = Op::Names { star: sign == b'*' };
                }
                (Some(found @ (Index::At | Index::Star)), Some(b'}'), _) => {
                    op = Op::Keys { star: matches!(found, Index::Star) };
                    index = None;
                }
                _ => {}
            }
        }
        if matches!(op, Op::None) {
            match self.parameter_op(quoted)? {
                Some(found) => op = found,
                None => return Ok(None),
            }
        }
        Ok(Some(Parameter { name, index, indirect, op, text: String::new() }))
    }

    fn subject(&mut self) -> Result<Option<(Name, Option<Index>)>> {
        let Some(name) = self.parameter_name() else { return Ok(None) };
        let mut index = None;
        if self.peek() == Some(b'[') && matches!(name, Name::Variable(_)) {
            index = Some(if self.eat("[@]") {
                Index::At
            } else if self.eat("[*]") {
                Index::Star
            } else {
                Index::Word(self.bracketed_index()?)
            });
        }
        Ok(Some((name, index)))
    }

    fn op_word(&mut self, stop: Stop, quoted: bool) -> Result<Word> {
        Ok(Word { parts: self.parts(stop, quoted)? })
    }

    /// Reads the operator and its words; `None` if it is not one.
    fn parameter_op(&mut self, quoted: bool) -> Result<Option<Op>> {
        const TO_END: Stop = Stop::At(b'}', b'}');
        let Some(byte) = self.peek() else { return Ok(Some(Op::None)) };
        let test_op = |byte| match byte {
            Some(b'-') => Some(TestOp::Default),
            Some(b'=') => Some(TestOp::Assign),
            Some(b'?') => Some(TestOp::Error),
            Some(b'+') => Some(TestOp::Alternative),
            _ => None,
        };
        if let Some(kind) = test_op(Some(byte)) {
            self.pos += 1;
            return Ok(Some(Op::Test { kind, colon: false, word: self.op_word(TO_END, quoted)? }));
        }
        Ok(Some(match byte {
            b'}' => Op::None,
            b':' => {
                self.pos += 1;
                if let Some(kind) = test_op(self.peek()) {
                    self.pos += 1;
                    return Ok(Some(Op::Test { kind, colon: true, word: self.op_word(TO_END, quoted)? }));
                }
                let offset = self.substring_part()?;
                let length = if self.eat(":") { Some(self.substring_part()?) } else { None };
                Op::Substring { offset, length }
            }
            b'#' | b'%' => {
                self.pos += 1;
                let longest = self.peek() == Some(byte);
                self.pos += usize::from(longest);
                let pattern = self.op_word(TO_END, false)?;
                if byte == b'#' { Op::RemovePrefix { longest, pattern } } else { Op::RemoveSuffix { longest, pattern } }
            }
            b'/' => {
                self.pos += 1;
                let kind = match self.peek() {
                    Some(b'/') => ReplaceKind::All,
                    Some(b'#') => ReplaceKind::Prefix,
                    Some(b'%') => ReplaceKind::Suffix,
                    _ => ReplaceKind::First,
                };
                self.pos += usize::from(kind != ReplaceKind::First);
                let pattern = self.op_word(Stop::At(b'/', b'}'), false)?;
                let with = if self.eat("/") { self.op_word(TO_END, false)? } else { Word::default() };
                Op::Replace { kind, pattern, with }
            }
            b'^' | b',' | b'~' => {
                self.pos += 1;
                let all = self.peek() == Some(byte);
                self.pos += usize::from(all);
                let kind = match byte {
                    b'^' => CaseKind::Upper,
                    b',' => CaseKind::Lower,
                    _ => CaseKind::Toggle,
                };
                let pattern = if self.peek() == Some(b'}') { None } else { Some(self.op_word(TO_END, false)?) };
                Op::Case { kind, all, pattern }
            }
            b'@' => match (self.peek_at(1), self.peek_at(2)) {
                (Some(op @ (b'Q' | b'E' | b'P' | b'A' | b'K' | b'a' | b'k' | b'u' | b'U' | b'L')), Some(b'}')) => {
                    self.pos += 2;
                    Op::Transform(op.into())
                }
                _ => return Ok(None),
            },
            _ => return Ok(None),
        }))
    }

    /// Reads an offset or length; the `:` of a `?:` belongs to it.
    fn substring_part(&mut self) -> Result<Word> {
        let mut word = Word::default();
        let mut questions = 0;
        loop {
            let parts = self.parts_until_colon()?;
            questions += parts.iter().filter(|p| matches!(p, super::ast::Part::Text(t) if t.contains('?'))).count();
            word.parts.extend(parts);
            if self.peek() != Some(b':') || questions == 0 {
                return Ok(word);
            }
            questions -= 1;
            self.pos += 1;
            super::lexer::push_text(&mut word.parts, ':');
        }
    }

    fn parts_until_colon(&mut self) -> Result<Vec<super::ast::Part>> {
        self.parts(Stop::At(b':', b'}'), false)
    }
}
