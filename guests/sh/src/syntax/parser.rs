//! Lists, pipelines and simple commands.

use std::cell::RefCell;
use std::rc::Rc;

use super::ast::{AndOr, Argument, Assignment, Command, Connector, HereDoc, Item, List, Pipeline, Simple, Timed};

/// How deeply commands may nest in each other; deeper ones would overflow the stack.
const MAX_NESTING: u32 = 200;

/// Is why text is not a program.
#[derive(Debug, Clone)]
pub struct ParseError {
    pub line: u32,
    pub message: String,
    /// Whether more text could complete it.
    pub incomplete: bool,
}

impl ParseError {
    pub(super) fn new(line: u32, message: impl Into<String>) -> Self {
        ParseError { line, message: message.into(), incomplete: false }
    }

    pub(super) fn incomplete(line: u32, message: &str) -> Self {
        ParseError { line, message: message.to_owned(), incomplete: true }
    }
}

pub type Result<T> = std::result::Result<T, ParseError>;

/// Reads commands from text.
pub struct Parser<'a> {
    pub(super) src: &'a str,
    pub(super) pos: usize,
    pub(super) line: u32,
    /// The file's name, for the functions defined in it.
    pub(super) source: &'a str,
    /// Here-documents whose bodies start after the current line.
    pub(super) pending: Vec<Rc<RefCell<HereDoc>>>,
    pub(super) nesting: u32,
    /// Whether an unclosed here-document is an error, because more text can come.
    pub interactive: bool,
}

impl<'a> Parser<'a> {
    /// Starts at a line number.
    pub fn new(src: &'a str, line: u32, source: &'a str) -> Self {
        Parser { src, pos: 0, line, source, pending: Vec::new(), nesting: 0, interactive: false }
    }

    /// Returns how much of the text has been read.
    pub fn position(&self) -> usize {
        self.pos
    }

    /// Reads one complete command: everything up to the end of a line that ends a command. `None` is the end.
    pub fn next_command(&mut self) -> Result<Option<List>> {
        self.skip_newlines()?;
        if self.pos >= self.src.len() {
            return Ok(None);
        }
        let mut list = Vec::new();
        loop {
            let and_or = self.and_or()?;
            match self.operator() {
                op @ (";" | "&") => {
                    self.pos += 1;
                    list.push(Item { and_or, background: op == "&" });
                }
                _ => list.push(Item { and_or, background: false }),
            }
            match self.operator() {
                "\n" => {
                    self.newline()?;
                    break;
                }
                _ if self.pos >= self.src.len() => {
                    self.read_here_docs()?;
                    break;
                }
                _ if list.last().is_some_and(|item| item.background) || self.after_semicolon() => {}
                _ => return Err(self.unexpected()),
            }
        }
        Ok(Some(list))
    }

    fn after_semicolon(&self) -> bool {
        self.src[..self.pos].trim_end_matches([' ', '\t']).ends_with(';')
    }

    /// Reads a list up to a keyword or operator that ends it, which the caller expects.
    pub(super) fn compound_list(&mut self) -> Result<List> {
        let list = self.maybe_empty_list()?;
        if list.is_empty() { Err(self.unexpected()) } else { Ok(list) }
    }

    pub(super) fn maybe_empty_list(&mut self) -> Result<List> {
        let mut list = Vec::new();
        loop {
            self.skip_newlines()?;
            if self.at_list_end() {
                return Ok(list);
            }
            let and_or = self.and_or()?;
            let mut background = false;
            let more = match self.operator() {
                ";" => {
                    self.pos += 1;
                    true
                }
                "&" => {
                    self.pos += 1;
                    background = true;
                    true
                }
                "\n" => true,
                _ => false,
            };
            list.push(Item { and_or, background });
            if !more {
                return Ok(list);
            }
        }
    }

    fn at_list_end(&mut self) -> bool {
        if self.pos >= self.src.len() || matches!(self.operator(), ")" | "))" | ";;" | ";&" | ";;&") {
            return true;
        }
        matches!(self.peek_keyword(), "}" | "do" | "done" | "then" | "elif" | "else" | "fi" | "esac")
    }

    fn and_or(&mut self) -> Result<AndOr> {
        let first = self.pipeline()?;
        let mut rest = Vec::new();
        loop {
            let connector = match self.operator() {
                "&&" => Connector::And,
                "||" => Connector::Or,
                _ => return Ok(AndOr { first, rest }),
            };
            self.pos += 2;
            self.skip_newlines()?;
            rest.push((connector, self.pipeline()?));
        }
    }

    fn pipeline(&mut self) -> Result<Pipeline> {
        let mut pipeline = Pipeline { negated: false, timed: None, commands: Vec::new() };
        loop {
            match self.peek_keyword() {
                "!" => {
                    self.pos += 1;
                    pipeline.negated = !pipeline.negated;
                }
                "time" => {
                    self.pos += 4;
                    pipeline.timed = Some(if self.eat_keyword("-p") { Timed::Posix } else { Timed::Bash });
                    self.eat_keyword("--");
                }
                _ => break,
            }
        }
        let prefixed = pipeline.negated || pipeline.timed.is_some();
        if prefixed && (matches!(self.operator(), ";" | "\n" | ")" | "&") || self.pos >= self.src.len()) {
            return Ok(pipeline);
        }
        loop {
            let mut command = self.command()?;
            match self.operator() {
                "|" => self.pos += 1,
                "|&" => {
                    self.pos += 2;
                    super::redirect::add_error_to_output(&mut command);
                    pipeline.commands.push(command);
                    self.skip_newlines()?;
                    continue;
                }
                _ => {
                    pipeline.commands.push(command);
                    return Ok(pipeline);
                }
            }
            pipeline.commands.push(command);
            self.skip_newlines()?;
        }
    }

    pub(super) fn command(&mut self) -> Result<Command> {
        if self.nesting >= MAX_NESTING {
            return Err(ParseError::new(self.line, "maximum nesting of commands exceeded"));
        }
        self.nesting += 1;
        let command = self.nested_command();
        self.nesting -= 1;
        command
    }

    fn nested_command(&mut self) -> Result<Command> {
        if let Some(compound) = self.compound()? {
            return Ok(compound);
        }
        self.simple()
    }

    fn simple(&mut self) -> Result<Command> {
        self.skip_blanks();
        let mut simple = Simple { line: self.line, assignments: Vec::new(), words: Vec::new(), redirects: Vec::new() };
        loop {
            if let Some(redirect) = self.redirect()? {
                simple.redirects.push(redirect);
                continue;
            }
            if self.at_word_end() {
                break;
            }
            if simple.words.is_empty() {
                if let Some(assignment) = self.assignment()? {
                    simple.assignments.push(assignment);
                    continue;
                }
            } else if takes_assignments(&simple.words) {
                let start = self.pos;
                if let Some(assignment) = self.assignment()? {
                    let word = super::ast::Word::literal(&self.src[start..self.pos]);
                    simple.words.push(Argument::Assignment(assignment, word));
                    continue;
                }
            }
            let word = self.word()?;
            if simple.words.is_empty() && simple.assignments.is_empty() && self.operator() == "(" {
                return self.function_after_name(&word, simple.line);
            }
            for word in super::brace::expand(word) {
                simple.words.push(Argument::Word(word));
            }
        }
        if simple.words.is_empty() && simple.assignments.is_empty() && simple.redirects.is_empty() {
            return Err(self.unexpected());
        }
        Ok(Command::Simple(simple))
    }

    /// Returns whether no word can start here; `<(` and `>(` do start one.
    pub(super) fn at_word_end(&mut self) -> bool {
        self.skip_blanks();
        match self.peek() {
            None => true,
            Some(b'<' | b'>') => self.peek_at(1) != Some(b'('),
            Some(byte) => super::lexer::is_meta(byte),
        }
    }

    /// Reads `name=`, `name+=`, `name[index]=` and the value, if that is what comes next.
    pub(super) fn assignment(&mut self) -> Result<Option<Assignment>> {
        let (start, start_line) = (self.pos, self.line);
        let Some(name) = self.variable_name() else { return Ok(None) };
        let index = if self.peek() == Some(b'[') {
            match self.bracketed_index() {
                Ok(index) => Some(index),
                Err(_) => {
                    (self.pos, self.line) = (start, start_line);
                    return Ok(None);
                }
            }
        } else {
            None
        };
        let append = self.starts_with("+=");
        if !append && self.peek() != Some(b'=') {
            (self.pos, self.line) = (start, start_line);
            return Ok(None);
        }
        self.pos += 1 + usize::from(append);
        let value = self.assigned_value()?;
        Ok(Some(Assignment { name, index, append, value }))
    }
}

/// Returns whether the command takes assignments as arguments, so that `a=(1 2)` and `a=$b` are read as such.
fn takes_assignments(words: &[Argument]) -> bool {
    let mut names = words.iter().map(|argument| match argument {
        Argument::Word(word) => word.as_literal().unwrap_or_default(),
        Argument::Assignment(..) => "",
    });
    let mut first = names.next();
    while matches!(first, Some("command" | "builtin")) {
        first = names.next();
    }
    matches!(first, Some("declare" | "typeset" | "local" | "export" | "readonly" | "eval" | "alias"))
}
