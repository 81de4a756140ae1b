//! Reads a script.

use super::command::{Action, Address, Case, Command, Part, Pattern, RangeEnd, Script, Selector, Substitute};
use super::text::{self, Source};
use super::translate::Table;
use crate::regex::{Options, Regex, Syntax};
use std::collections::HashMap;
use std::rc::Rc;

/// What is wrong with a script.
pub type Error = std::borrow::Cow<'static, str>;

/// Parses `script`; on failure returns where and why.
pub fn parse(script: &[u8], extended: bool) -> Result<Script, (usize, Error)> {
    let quiet = script.starts_with(b"#n\n") || script == b"#n";
    let mut parser = Parser {
        source: Source::new(script.to_vec()),
        syntax: if extended { Syntax::Extended } else { Syntax::Basic },
        commands: Vec::new(),
        outputs: Vec::new(),
        blocks: Vec::new(),
        labels: HashMap::new(),
        jumps: Vec::new(),
    };
    match parser.script() {
        Ok(()) => Ok(Script { commands: parser.commands, outputs: parser.outputs, quiet }),
        Err(error) => Err((parser.source.position(), error)),
    }
}

struct Parser {
    source: Source,
    syntax: Syntax,
    commands: Vec<Command>,
    outputs: Vec<String>,
    /// The numbers of the open `{` commands.
    blocks: Vec<usize>,
    labels: HashMap<Vec<u8>, usize>,
    /// Branches whose label may come later.
    jumps: Vec<(usize, Vec<u8>)>,
}

impl Parser {
    fn script(&mut self) -> Result<(), Error> {
        loop {
            self.source.skip_separators();
            if self.source.peek().is_none() {
                break;
            }
            self.command()?;
        }
        if !self.blocks.is_empty() {
            return Err("unmatched `{'".into());
        }
        for (command, label) in std::mem::take(&mut self.jumps) {
            let target = *self
                .labels
                .get(&label)
                .ok_or_else(|| format!("can't find label for jump to `{}'", String::from_utf8_lossy(&label)))?;
            match &mut self.commands[command].action {
                Action::Branch(to) | Action::BranchIf(to) | Action::BranchUnless(to) => *to = Some(target),
                _ => {}
            }
        }
        Ok(())
    }

    fn command(&mut self) -> Result<(), Error> {
        let selector = self.selector()?;
        self.source.skip_blanks();
        let mut negated = false;
        while self.source.eat(b'!') {
            negated = true;
            self.source.skip_blanks();
        }
        let Some(letter) = self.source.next() else {
            return Err("missing command".into());
        };
        if selector.is_some() && matches!(letter, b':' | b'}' | b'#') {
            return Err(match letter {
                b':' => ": doesn't want any addresses".into(),
                b'#' => "comments don't accept any addresses".into(),
                _ => "} doesn't want any addresses".into(),
            });
        }
        let action = self.action(letter)?;
        self.commands.push(Command { selector, negated, action });
        Ok(())
    }

    fn selector(&mut self) -> Result<Option<Selector>, Error> {
        let Some(first) = self.address()? else { return Ok(None) };
        self.source.skip_blanks();
        if !self.source.eat(b',') {
            if matches!(first, Address::Zero) {
                return Err("invalid usage of line address 0".into());
            }
            return Ok(Some(Selector { first, end: None }));
        }
        self.source.skip_blanks();
        let end = if self.source.eat(b'+') {
            RangeEnd::Lines(self.source.number().ok_or("expected newer version of sed")?)
        } else if self.source.eat(b'~') {
            RangeEnd::Multiple(self.source.number().ok_or("expected newer version of sed")?)
        } else {
            match self.address()? {
                Some(Address::Line(line)) => RangeEnd::Line(line),
                Some(Address::Zero) => RangeEnd::Line(0),
                // As an end, a step is the line it starts from.
                Some(Address::Step(line, _)) => RangeEnd::Line(line),
                Some(Address::Last) => RangeEnd::Last,
                Some(Address::Pattern(pattern)) => RangeEnd::Pattern(pattern),
                None => return Err("unexpected `,'".into()),
            }
        };
        if matches!(first, Address::Zero) && !matches!(end, RangeEnd::Pattern(_)) {
            return Err("invalid usage of line address 0".into());
        }
        Ok(Some(Selector { first, end: Some(end) }))
    }

    fn address(&mut self) -> Result<Option<Address>, Error> {
        let delimiter = match self.source.peek() {
            Some(b'$') => {
                self.source.next();
                return Ok(Some(Address::Last));
            }
            Some(b'0'..=b'9') => {
                let line = self.source.number().unwrap_or(0);
                return Ok(Some(if self.source.eat(b'~') {
                    Address::Step(line, self.source.number().unwrap_or(0))
                } else if line == 0 {
                    Address::Zero
                } else {
                    Address::Line(line)
                }));
            }
            Some(b'/') => b'/',
            Some(b'\\') => {
                self.source.next();
                self.source.peek().ok_or("unterminated address regex")?
            }
            _ => return Ok(None),
        };
        self.source.next();
        let pattern = self.source.delimited(delimiter, true).ok_or("unterminated address regex")?;
        let (mut ignore_case, mut multi_line) = (false, false);
        loop {
            if self.source.eat(b'I') {
                ignore_case = true;
            } else if self.source.eat(b'M') {
                multi_line = true;
            } else {
                return Ok(Some(Address::Pattern(self.pattern(&pattern, ignore_case, multi_line)?)));
            }
        }
    }

    fn pattern(&self, pattern: &[u8], ignore_case: bool, multi_line: bool) -> Result<Pattern, Error> {
        if pattern.is_empty() {
            return Ok(None);
        }
        let mut options = Options::new(self.syntax);
        options.ignore_case = ignore_case;
        options.multi_line = multi_line;
        let regex = Regex::new(&text::unescape_pattern(pattern), &options).map_err(|error| error.to_string())?;
        Ok(Some(Rc::new(regex)))
    }

    fn action(&mut self, letter: u8) -> Result<Action, Error> {
        let action = match letter {
            b'{' => {
                self.blocks.push(self.commands.len());
                return Ok(Action::Block(0));
            }
            b'}' => {
                let start = self.blocks.pop().ok_or("unexpected `}'")?;
                self.commands[start].action = Action::Block(self.commands.len());
                Action::Nothing
            }
            b'#' => {
                self.source.line();
                return Ok(Action::Nothing);
            }
            b':' => {
                self.source.skip_blanks();
                let label = self.source.take_while(|byte| !byte.is_ascii_whitespace() && byte != b';');
                if label.is_empty() {
                    return Err("\":\" lacks a label".into());
                }
                self.labels.insert(label, self.commands.len());
                return Ok(Action::Nothing);
            }
            b'a' => return Ok(Action::Append(self.source.inserted()?)),
            b'i' => return Ok(Action::Insert(self.source.inserted()?)),
            b'c' => return Ok(Action::Change(self.source.inserted()?)),
            b'b' => return Ok(self.branch(Action::Branch(None))),
            b't' => return Ok(self.branch(Action::BranchIf(None))),
            b'T' => return Ok(self.branch(Action::BranchUnless(None))),
            b'd' => Action::Delete,
            b'D' => Action::DeleteFirst,
            b'e' => {
                self.source.skip_blanks();
                return Ok(Action::Execute(self.source.line()));
            }
            b'F' => Action::FileName,
            b'g' => Action::Get,
            b'G' => Action::GetAppend,
            b'h' => Action::Hold,
            b'H' => Action::HoldAppend,
            b'x' => Action::Exchange,
            b'l' => {
                self.source.skip_blanks();
                Action::List(self.source.number().map(|width| width as usize))
            }
            b'n' => Action::Next,
            b'N' => Action::NextAppend,
            b'p' => Action::Print,
            b'P' => Action::PrintFirst,
            b'q' => Action::Quit(self.exit_code()),
            b'Q' => Action::QuitSilently(self.exit_code()),
            b'r' => return Ok(Action::ReadFile(self.file_name()?)),
            b'R' => return Ok(Action::ReadLine(self.file_name()?)),
            b'w' => return Ok(Action::Write(self.output()?)),
            b'W' => return Ok(Action::WriteFirst(self.output()?)),
            b's' => Action::Substitute(Box::new(self.substitute()?)),
            b'y' => Action::Translate(Box::new(self.translate()?)),
            b'z' => Action::Zap,
            b'=' => Action::LineNumber,
            b'v' => {
                self.source.take_while(|byte| byte != b'\n' && byte != b';');
                Action::Nothing
            }
            other => return Err(format!("unknown command: `{}'", char::from(other)).into()),
        };
        self.end_of_command()?;
        Ok(action)
    }

    fn end_of_command(&mut self) -> Result<(), Error> {
        self.source.skip_blanks();
        match self.source.peek() {
            None | Some(b'\n' | b';' | b'}' | b'#') => Ok(()),
            Some(b'\r') => Ok(()),
            Some(_) => Err("extra characters after command".into()),
        }
    }

    fn branch(&mut self, action: Action) -> Action {
        self.source.skip_blanks();
        let label = self.source.take_while(|byte| !byte.is_ascii_whitespace() && byte != b';' && byte != b'}');
        if !label.is_empty() {
            self.jumps.push((self.commands.len(), label));
        }
        action
    }

    fn exit_code(&mut self) -> i32 {
        self.source.skip_blanks();
        self.source.number().map_or(0, |code| (code & 0xFF) as i32)
    }

    fn file_name(&mut self) -> Result<String, Error> {
        self.source.skip_blanks();
        let name = String::from_utf8_lossy(&self.source.line()).into_owned();
        if name.is_empty() { Err("missing filename in r/R/w/W commands".into()) } else { Ok(name) }
    }

    fn output(&mut self) -> Result<usize, Error> {
        let name = self.file_name()?;
        Ok(match self.outputs.iter().position(|known| *known == name) {
            Some(index) => index,
            None => {
                self.outputs.push(name);
                self.outputs.len() - 1
            }
        })
    }

    fn substitute(&mut self) -> Result<Substitute, Error> {
        let unterminated = || Error::from("unterminated `s' command");
        let delimiter = self.source.next().ok_or_else(unterminated)?;
        if delimiter == b'\n' || delimiter == b'\\' {
            return Err(unterminated());
        }
        let pattern = self.source.delimited(delimiter, true).ok_or_else(unterminated)?;
        let replacement = self.source.delimited(delimiter, false).ok_or_else(unterminated)?;
        let mut substitute = Substitute {
            pattern: None,
            replacement: parse_replacement(&replacement),
            global: false,
            print: false,
            nth: 1,
            evaluate: false,
            write: None,
        };
        let (mut ignore_case, mut multi_line) = (false, false);
        loop {
            match self.source.peek() {
                Some(b'g') if substitute.global => return Err("multiple `g' options to `s' command".into()),
                Some(b'p') if substitute.print => return Err("multiple `p' options to `s' command".into()),
                Some(b'g') => substitute.global = true,
                Some(b'p') => substitute.print = true,
                Some(b'i' | b'I') => ignore_case = true,
                Some(b'm' | b'M') => multi_line = true,
                Some(b'e') => substitute.evaluate = true,
                Some(b'0'..=b'9') => {
                    substitute.nth = self.source.number().unwrap_or(0) as usize;
                    if substitute.nth == 0 {
                        return Err("number option to `s' command may not be zero".into());
                    }
                    continue;
                }
                Some(b'w') => {
                    self.source.next();
                    substitute.write = Some(self.output()?);
                    break;
                }
                None | Some(b' ' | b'\t' | b'\r' | b'\n' | b';' | b'}' | b'#') => break,
                Some(_) => return Err("unknown option to `s'".into()),
            }
            self.source.next();
        }
        substitute.pattern = self.pattern(&pattern, ignore_case, multi_line)?;
        if let Some(regex) = &substitute.pattern {
            let highest = substitute.replacement.iter().filter_map(|part| match part {
                Part::Group(group) => Some(*group),
                _ => None,
            });
            if let Some(group) = highest.max().filter(|&group| group > regex.group_count()) {
                return Err(format!("invalid reference \\{group} on `s' command's RHS").into());
            }
        }
        Ok(substitute)
    }

    fn translate(&mut self) -> Result<Table, Error> {
        let unterminated = || Error::from("unterminated `y' command");
        let delimiter = self.source.next().ok_or_else(unterminated)?;
        let mut side = || -> Result<Vec<char>, Error> {
            let text = self.source.delimited(delimiter, true).ok_or_else(unterminated)?;
            let text = String::from_utf8_lossy(&text).into_owned();
            let mut chars = Vec::new();
            let mut rest = text.as_str();
            while let Some(c) = rest.chars().next() {
                rest = &rest[c.len_utf8()..];
                if c != '\\' {
                    chars.push(c);
                } else if let Some(escaped) = rest.strip_prefix('\\') {
                    chars.push('\\');
                    rest = escaped;
                } else if let Some((byte, length)) = text::decode_escape(rest.as_bytes()) {
                    chars.push(char::from(byte));
                    rest = &rest[length..];
                } else {
                    chars.push('\\');
                }
            }
            Ok(chars)
        };
        let (from, to) = (side()?, side()?);
        Table::new(&from, &to).ok_or_else(|| "strings for `y' command are different lengths".into())
    }
}

/// Splits the replacement of an `s` command into its parts.
fn parse_replacement(text: &[u8]) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut literal = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let byte = text[at];
        at += 1;
        let special = match (byte, text.get(at)) {
            (b'&', _) => Some(Part::Group(0)),
            (b'\\', Some(&escaped)) => {
                at += 1;
                match escaped {
                    b'0'..=b'9' => Some(Part::Group(usize::from(escaped - b'0'))),
                    b'U' => Some(Part::Case(Case::Upper)),
                    b'L' => Some(Part::Case(Case::Lower)),
                    b'E' => Some(Part::Case(Case::Keep)),
                    b'u' => Some(Part::Case(Case::UpperNext)),
                    b'l' => Some(Part::Case(Case::LowerNext)),
                    b'n' => {
                        literal.push(b'\n');
                        None
                    }
                    _ => {
                        match text::decode_escape(&text[at - 1..]) {
                            Some((value, length)) => {
                                literal.push(value);
                                at += length - 1;
                            }
                            None => literal.push(escaped),
                        }
                        None
                    }
                }
            }
            _ => {
                literal.push(byte);
                None
            }
        };
        if let Some(part) = special {
            if !literal.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut literal)));
            }
            parts.push(part);
        }
    }
    if !literal.is_empty() {
        parts.push(Part::Text(literal));
    }
    parts
}
