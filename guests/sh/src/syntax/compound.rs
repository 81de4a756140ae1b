//! Compound commands, function definitions and `[[ ]]`.

use std::rc::Rc;

use super::ast::{Arm, ArmEnd, Command, Compound, CompoundKind, Function, List, Test, Word};
use super::parser::{ParseError, Parser, Result};

impl Parser<'_> {
    /// Reads a compound command or a `function` definition, if one comes next.
    pub(super) fn compound(&mut self) -> Result<Option<Command>> {
        self.skip_blanks();
        let line = self.line;
        let kind = match self.operator() {
            "((" => match self.arith_command()? {
                Some(word) => CompoundKind::Arith(word),
                None => self.subshell()?,
            },
            "(" => self.subshell()?,
            _ => {
                let keyword = self.peek_keyword().to_owned();
                match keyword.as_str() {
                    "{" => {
                        self.pos += 1;
                        let list = self.compound_list()?;
                        self.expect_keyword("}")?;
                        CompoundKind::Group(list)
                    }
                    "if" => self.if_clause()?,
                    "while" | "until" => {
                        self.pos += keyword.len();
                        let condition = self.compound_list()?;
                        let body = self.do_group()?;
                        CompoundKind::While { condition, body, until: keyword == "until" }
                    }
                    "for" | "select" => self.for_clause(&keyword)?,
                    "case" => self.case_clause()?,
                    "[[" => {
                        self.pos += 2;
                        let test = self.test_or()?;
                        self.skip_newlines()?;
                        self.expect_keyword("]]")?;
                        CompoundKind::Test(test)
                    }
                    "function" => return self.function_keyword().map(Some),
                    "coproc" => return Err(ParseError::new(line, "coproc: coprocesses are not supported")),
                    "}" | "do" | "done" | "then" | "elif" | "else" | "fi" | "esac" | "]]" if keyword != "]]" => {
                        return Err(self.unexpected());
                    }
                    _ => return Ok(None),
                }
            }
        };
        let mut redirects = Vec::new();
        while let Some(redirect) = self.redirect()? {
            redirects.push(redirect);
        }
        Ok(Some(Command::Compound(Rc::new(Compound { kind, redirects, line }))))
    }

    fn subshell(&mut self) -> Result<CompoundKind> {
        self.pos += 1;
        let list = self.compound_list()?;
        if self.peek() != Some(b')') {
            return Err(self.unexpected());
        }
        self.pos += 1;
        Ok(CompoundKind::Subshell(list))
    }

    /// Reads `((..))`; `None` if it turns out to be a subshell in a subshell.
    fn arith_command(&mut self) -> Result<Option<Word>> {
        let (start, line) = (self.pos, self.line);
        self.pos += 2;
        match self.arith_text("))") {
            Ok(word) => Ok(Some(word)),
            Err(error) if error.incomplete && !self.arith_is_subshell(start) => Err(error),
            Err(_) => {
                (self.pos, self.line) = (start, line);
                Ok(None)
            }
        }
    }

    /// Returns whether the parentheses that open here close apart from each other, as in `( (a); b )`.
    fn arith_is_subshell(&self, start: usize) -> bool {
        let mut depth = 0;
        for (at, byte) in self.src.bytes().enumerate().skip(start) {
            match byte {
                b'(' => depth += 1,
                b')' => depth -= 1,
                _ => {}
            }
            if depth == 1 && byte == b')' {
                return self.src.as_bytes().get(at + 1) != Some(&b')');
            }
        }
        false
    }

    fn if_clause(&mut self) -> Result<CompoundKind> {
        self.pos += 2;
        let mut branches = Vec::new();
        let mut otherwise = None;
        loop {
            let condition = self.compound_list()?;
            self.expect_keyword("then")?;
            let body = self.compound_list()?;
            branches.push((condition, body));
            if self.eat_keyword("elif") {
                continue;
            }
            if self.eat_keyword("else") {
                otherwise = Some(self.compound_list()?);
            }
            self.expect_keyword("fi")?;
            return Ok(CompoundKind::If { branches, otherwise });
        }
    }

    fn do_group(&mut self) -> Result<List> {
        self.expect_keyword("do")?;
        let body = self.compound_list()?;
        self.expect_keyword("done")?;
        Ok(body)
    }

    fn for_clause(&mut self, keyword: &str) -> Result<CompoundKind> {
        self.pos += keyword.len();
        if keyword == "for" && self.operator() == "((" {
            return self.arith_for();
        }
        self.skip_blanks();
        let name = self.peek_keyword().to_owned();
        if name.is_empty() {
            return Err(self.unexpected());
        }
        if !crate::variables::is_name(&name) {
            return Err(ParseError::new(self.line, format!("`{name}': not a valid identifier")));
        }
        self.pos += name.len();
        self.skip_newlines()?;
        let words = if self.eat_keyword("in") {
            let mut words = Vec::new();
            while !self.at_word_end() {
                words.extend(super::brace::expand(self.word()?));
            }
            if !matches!(self.operator(), ";" | "\n") {
                return Err(self.unexpected());
            }
            Some(words)
        } else {
            None
        };
        self.eat_operator(";");
        self.skip_newlines()?;
        let body = self.loop_body()?;
        Ok(match keyword {
            "for" => CompoundKind::For { name, words, body },
            _ => CompoundKind::Select { name, words, body },
        })
    }

    fn loop_body(&mut self) -> Result<List> {
        if !self.eat_keyword("{") {
            return self.do_group();
        }
        let body = self.compound_list()?;
        self.expect_keyword("}")?;
        Ok(body)
    }

    fn arith_for(&mut self) -> Result<CompoundKind> {
        self.pos += 2;
        let init = self.arith_text(";")?;
        let condition = self.arith_text(";")?;
        let step = self.arith_text("))")?;
        self.eat_operator(";");
        self.skip_newlines()?;
        let body = self.loop_body()?;
        Ok(CompoundKind::ArithFor { init, condition, step, body })
    }

    fn case_clause(&mut self) -> Result<CompoundKind> {
        self.pos += 4;
        self.skip_blanks();
        let word = self.word()?;
        self.skip_newlines()?;
        self.expect_keyword("in")?;
        let mut arms = Vec::new();
        loop {
            self.skip_newlines()?;
            if self.eat_keyword("esac") {
                return Ok(CompoundKind::Case { word, arms });
            }
            self.eat_operator("(");
            let mut patterns = Vec::new();
            loop {
                self.skip_blanks();
                if self.at_word_end() {
                    return Err(self.unexpected());
                }
                patterns.push(self.word()?);
                if !self.eat_operator("|") {
                    break;
                }
            }
            // After `a)` there may be another `)`, which must not be taken with it.
            self.skip_blanks();
            if !self.eat(")") {
                return Err(self.unexpected());
            }
            let body = self.maybe_empty_list()?;
            let end = match self.operator() {
                ";;" => ArmEnd::Break,
                ";&" => ArmEnd::FallThrough,
                ";;&" => ArmEnd::TestNext,
                _ => {
                    arms.push(Arm { patterns, body, end: ArmEnd::Break });
                    self.skip_newlines()?;
                    self.expect_keyword("esac")?;
                    return Ok(CompoundKind::Case { word, arms });
                }
            };
            self.pos += self.operator().len();
            arms.push(Arm { patterns, body, end });
        }
    }

    fn function_keyword(&mut self) -> Result<Command> {
        let line = self.line;
        self.pos += "function".len();
        self.skip_blanks();
        let name = self.peek_keyword().to_owned();
        if name.is_empty() {
            return Err(self.unexpected());
        }
        self.pos += name.len();
        if self.operator() == "(" {
            self.pos += 1;
            self.expect_operator(")")?;
        }
        self.function_body(name, line)
    }

    /// Reads `() body` after the name of a function.
    pub(super) fn function_after_name(&mut self, word: &Word, line: u32) -> Result<Command> {
        let Some(name) = word.as_literal().map(str::to_owned) else { return Err(self.unexpected()) };
        let start = self.pos;
        self.pos += 1;
        if !self.eat_operator(")") {
            self.pos = start;
            return Err(self.unexpected());
        }
        self.function_body(name, line)
    }

    fn function_body(&mut self, name: String, line: u32) -> Result<Command> {
        self.skip_newlines()?;
        match self.compound()? {
            Some(body @ Command::Compound(_)) => {
                Ok(Command::Function(Rc::new(Function { name, body, line, source: self.source.to_owned() })))
            }
            _ => Err(self.unexpected()),
        }
    }

    fn test_or(&mut self) -> Result<Test> {
        let mut left = self.test_and()?;
        loop {
            self.skip_newlines()?;
            if !self.eat_operator("||") {
                return Ok(left);
            }
            left = Test::Or(Box::new(left), Box::new(self.test_and()?));
        }
    }

    fn test_and(&mut self) -> Result<Test> {
        let mut left = self.test_primary()?;
        loop {
            self.skip_newlines()?;
            if !self.eat_operator("&&") {
                return Ok(left);
            }
            left = Test::And(Box::new(left), Box::new(self.test_primary()?));
        }
    }

    fn test_primary(&mut self) -> Result<Test> {
        self.skip_newlines()?;
        if self.eat_keyword("!") {
            return Ok(Test::Not(Box::new(self.test_primary()?)));
        }
        if self.peek() == Some(b'(') {
            self.pos += 1;
            let test = self.test_or()?;
            self.skip_newlines()?;
            self.skip_blanks();
            if !self.eat(")") {
                return Err(self.unexpected());
            }
            return Ok(Test::Group(Box::new(test)));
        }
        let keyword = self.peek_keyword().to_owned();
        if keyword == "]]" {
            return Err(self.unexpected());
        }
        if keyword.len() == 2 && keyword.starts_with('-') {
            let (start, operator) = (self.pos, keyword);
            self.pos += 2;
            // `[[ -n ]]` and `[[ -f = x ]]` have the operator as a word.
            if !self.at_word_end() && !matches!(self.peek_keyword(), "]]" | "=" | "==" | "!=" | "=~") {
                return Ok(Test::Unary(operator, self.word()?));
            }
            self.pos = start;
        }
        if self.at_word_end() {
            return Err(self.unexpected());
        }
        let left = self.word()?;
        self.skip_blanks();
        let operator = match self.operator() {
            operator @ ("<" | ">") => operator.to_owned(),
            _ => match self.peek_keyword() {
                operator @ ("=" | "==" | "!=" | "=~" | "-eq" | "-ne" | "-lt" | "-le" | "-gt" | "-ge" | "-ef"
                | "-nt" | "-ot") => operator.to_owned(),
                _ => return Ok(Test::Word(left)),
            },
        };
        self.pos += operator.len();
        self.skip_blanks();
        let right = if operator == "=~" { self.regex_word()? } else { self.word()? };
        Ok(Test::Binary(left, operator, right))
    }
}
