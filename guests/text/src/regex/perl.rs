//! Perl's syntax, for `grep -P`.

use super::ast::{Greed, Node};
use super::cursor::{Cursor, Escapes, Unit};
use super::{Error, Options, class};
use regex_syntax::hir::{ClassUnicode, Look};

/// Parses `pattern`; returns what it means and how many groups it has.
pub fn parse(pattern: &[u8], options: &Options) -> Result<(Node, usize), Error> {
    let mut parser = Parser {
        cursor: Cursor::new(pattern, options.utf8),
        options: options.clone(),
        dot_all: false,
        multi_line: true,
        verbose: false,
        groups: 0,
        names: Vec::new(),
        depth: 0,
    };
    let node = parser.alternation()?;
    if !parser.cursor.at_end() {
        return Err(Error::new("unmatched closing parenthesis"));
    }
    Ok((node, parser.groups))
}

struct Parser {
    cursor: Cursor,
    options: Options,
    dot_all: bool,
    multi_line: bool,
    verbose: bool,
    groups: usize,
    names: Vec<(String, usize)>,
    depth: usize,
}

impl Parser {
    fn alternation(&mut self) -> Result<Node, Error> {
        // Flags set inside a group, as in `(a(?i)b)`, end with it.
        let saved = (self.options.ignore_case, self.dot_all, self.multi_line, self.verbose);
        let mut branches = vec![self.branch()?];
        while self.cursor.eat("|") {
            branches.push(self.branch()?);
        }
        (self.options.ignore_case, self.dot_all, self.multi_line, self.verbose) = saved;
        Ok(Node::alt(branches))
    }

    fn branch(&mut self) -> Result<Node, Error> {
        let mut nodes = Vec::new();
        loop {
            if self.verbose {
                self.skip_layout();
            }
            if self.cursor.at_end() || matches!(self.cursor.peek(), Some('|' | ')')) {
                return Ok(Node::concat(nodes));
            }
            let atom = self.atom()?;
            nodes.push(self.repeated(atom)?);
        }
    }

    fn skip_layout(&mut self) {
        while let Some(c) = self.cursor.peek() {
            if c == '#' {
                while !matches!(self.cursor.next(), None | Some(Unit::Char('\n'))) {}
            } else if c.is_whitespace() {
                self.cursor.next();
            } else {
                break;
            }
        }
    }

    fn repeated(&mut self, mut node: Node) -> Result<Node, Error> {
        for _ in 0..super::MAX_DEPTH {
            let start = self.cursor.position();
            let (min, max) = match self.cursor.peek() {
                Some('*') => (0, None),
                Some('+') => (1, None),
                Some('?') => (0, Some(1)),
                Some('{') if self.cursor.peek_at(1).is_some_and(|c| c.is_ascii_digit()) => {
                    self.cursor.next();
                    match self.cursor.interval("}") {
                        Some(bounds) => bounds,
                        None => {
                            self.cursor.rewind(start);
                            return Ok(node);
                        }
                    }
                }
                _ => return Ok(node),
            };
            if self.cursor.position() == start {
                self.cursor.next();
            }
            if max.is_some_and(|max| max < min) {
                return Err(Error::new("numbers out of order in {} quantifier"));
            }
            let greed = if self.cursor.eat("?") {
                Greed::Lazy
            } else if self.cursor.eat("+") {
                Greed::Possessive
            } else {
                Greed::Greedy
            };
            node = Node::repeat(node, min, max, greed);
        }
        Err(Error::new("regular expression is too large"))
    }

    fn atom(&mut self) -> Result<Node, Error> {
        let c = match self.cursor.next() {
            Some(Unit::Char(c)) => c,
            Some(Unit::Byte(byte)) => return Ok(Node::Byte(byte)),
            None => return Ok(Node::Empty),
        };
        Ok(match c {
            '.' if self.dot_all => Node::Set(class::everything(self.options.utf8)),
            '.' => Node::Set(class::negate(&class::range('\n', '\n'), self.options.utf8)),
            '^' => Node::Look(if self.multi_line { Look::StartLF } else { Look::Start }),
            '$' => Node::Look(if self.multi_line { Look::EndLF } else { Look::End }),
            '[' => Node::Set(self.cursor.bracket(&self.options, Escapes::Perl)?),
            '(' => return self.group(),
            '*' | '+' | '?' => return Err(Error::new("quantifier does not follow a repeatable item")),
            '\\' => return self.escape(),
            c => self.options.literal(c),
        })
    }

    fn group(&mut self) -> Result<Node, Error> {
        self.depth += 1;
        if self.depth > super::MAX_DEPTH {
            return Err(Error::new("parentheses are too deeply nested"));
        }
        let around = |node, behind, negated| Node::Around { node: Box::new(node), behind, negated };
        let node = if !self.cursor.eat("?") {
            self.capture()?
        } else if self.cursor.eat("#") {
            self.cursor.until(")").ok_or_else(unclosed)?;
            self.depth -= 1;
            return Ok(Node::Empty);
        } else if self.cursor.eat(":") {
            self.alternation()?
        } else if self.cursor.eat("=") {
            around(self.alternation()?, false, false)
        } else if self.cursor.eat("!") {
            around(self.alternation()?, false, true)
        } else if self.cursor.eat("<=") {
            around(self.alternation()?, true, false)
        } else if self.cursor.eat("<!") {
            around(self.alternation()?, true, true)
        } else if self.cursor.eat(">") {
            Node::Atomic(Box::new(self.alternation()?))
        } else if self.cursor.eat("|") {
            return Err(Error::new("branch reset groups are not supported"));
        } else if self.cursor.eat("P<") || self.cursor.eat("<") {
            self.named(">")?
        } else if self.cursor.eat("'") {
            self.named("'")?
        } else if self.cursor.eat("P=") {
            let name = self.cursor.until(")").ok_or_else(unclosed)?;
            self.depth -= 1;
            return self.reference(&name);
        } else {
            match self.flags()? {
                Some(node) => node,
                None => {
                    self.depth -= 1;
                    return Ok(Node::Empty);
                }
            }
        };
        self.depth -= 1;
        if self.cursor.eat(")") { Ok(node) } else { Err(unclosed()) }
    }

    fn capture(&mut self) -> Result<Node, Error> {
        self.groups += 1;
        let index = self.groups;
        Ok(Node::Group(Box::new(self.alternation()?), index))
    }

    fn named(&mut self, close: &str) -> Result<Node, Error> {
        let name = self.cursor.until(close).ok_or_else(unclosed)?;
        self.names.push((name, self.groups + 1));
        self.capture()
    }

    /// Takes `i-s:...` or `i-s` with its parenthesis, after `(?`; `None` says that the flags hold from here on.
    fn flags(&mut self) -> Result<Option<Node>, Error> {
        let saved = (self.options.ignore_case, self.dot_all, self.multi_line, self.verbose);
        let mut on = true;
        loop {
            match self.cursor.next() {
                Some(Unit::Char('-')) => on = false,
                Some(Unit::Char('i')) => self.options.ignore_case = on,
                Some(Unit::Char('s')) => self.dot_all = on,
                Some(Unit::Char('m')) => self.multi_line = on,
                Some(Unit::Char('x')) => self.verbose = on,
                Some(Unit::Char(')')) => return Ok(None),
                Some(Unit::Char(':')) => {
                    let node = self.alternation()?;
                    (self.options.ignore_case, self.dot_all, self.multi_line, self.verbose) = saved;
                    return Ok(Some(node));
                }
                _ => return Err(Error::new("unrecognized character after (? or (?-")),
            }
        }
    }

    fn reference(&self, name: &str) -> Result<Node, Error> {
        let index = match name.parse::<usize>() {
            Ok(index) => Some(index),
            Err(_) => self.names.iter().find(|(known, _)| known == name).map(|&(_, index)| index),
        };
        match index {
            Some(index) if index <= self.groups => Ok(Node::Backref(index)),
            _ => Err(Error::new("reference to non-existent subpattern")),
        }
    }

    fn escape(&mut self) -> Result<Node, Error> {
        let utf8 = self.options.utf8;
        if let Some(set) = class_escape(&mut self.cursor, utf8)? {
            return Ok(Node::Set(set));
        }
        let word = |unicode: Look, ascii: Look| Node::Look(if utf8 { unicode } else { ascii });
        let Some(c) = self.cursor.peek() else {
            return Err(Error::new("\\ at end of pattern"));
        };
        let simple = match c {
            'b' => word(Look::WordUnicode, Look::WordAscii),
            'B' => word(Look::WordUnicodeNegate, Look::WordAsciiNegate),
            'A' => Node::Look(Look::Start),
            'z' | 'Z' => Node::Look(Look::End),
            'K' => Node::Keep,
            'R' => newline_sequence(),
            'Q' => {
                self.cursor.next();
                return Ok(self.quoted());
            }
            '1'..='9' => {
                let index = self.cursor.number().unwrap_or(0);
                return self.reference(&index.to_string());
            }
            'k' | 'g' => {
                self.cursor.next();
                let close = match self.cursor.next() {
                    Some(Unit::Char('{')) => "}",
                    Some(Unit::Char('<')) => ">",
                    Some(Unit::Char('\'')) => "'",
                    Some(Unit::Char(digit)) if c == 'g' => return self.reference(&digit.to_string()),
                    _ => return Err(Error::new("a reference by name lacks its name")),
                };
                let name = self.cursor.until(close).ok_or_else(unclosed)?;
                return match name.strip_prefix('-').and_then(|back| back.parse::<usize>().ok()) {
                    Some(back) if back <= self.groups => Ok(Node::Backref(self.groups + 1 - back)),
                    _ => self.reference(&name),
                };
            }
            _ => return char_escape(&mut self.cursor, false).map(|c| self.options.literal(c)),
        };
        self.cursor.next();
        Ok(simple)
    }

    /// Takes literal text up to `\E`.
    fn quoted(&mut self) -> Node {
        let mut nodes = Vec::new();
        while !self.cursor.at_end() && !self.cursor.eat("\\E") {
            nodes.push(match self.cursor.next() {
                Some(Unit::Char(c)) => self.options.literal(c),
                Some(Unit::Byte(byte)) => Node::Byte(byte),
                None => break,
            });
        }
        Node::concat(nodes)
    }
}

fn unclosed() -> Error {
    Error::new("missing closing parenthesis")
}

fn newline_sequence() -> Node {
    let single = class::property(r"[\n-\r\u{85}\u{2028}\u{2029}]").unwrap_or_else(ClassUnicode::empty);
    Node::Alt(vec![Node::Concat(vec![Node::Char('\r'), Node::Char('\n')]), Node::Set(single)])
}

/// Takes what follows a backslash, if it is a set of characters: `\d`, `\p{Greek}`.
pub fn class_escape(cursor: &mut Cursor, utf8: bool) -> Result<Option<ClassUnicode>, Error> {
    let Some(c) = cursor.peek() else { return Ok(None) };
    // As in PCRE without UCP, digits and spaces are ASCII's, words are too.
    let pattern = match c.to_ascii_lowercase() {
        'd' => "[0-9]".to_owned(),
        'w' => if utf8 { r"\w" } else { "[0-9A-Za-z_]" }.to_owned(),
        's' => if utf8 { r"\s" } else { r"[\t-\r ]" }.to_owned(),
        'h' => r"[\t \u{A0}]".to_owned(),
        'v' if c == 'v' || c == 'V' => r"[\n-\r]".to_owned(),
        'n' if c == 'N' => r"[\n]".to_owned(),
        'p' => {
            cursor.next();
            let name = if cursor.eat("{") {
                cursor.until("}").ok_or_else(|| Error::new("malformed \\P or \\p sequence"))?
            } else {
                match cursor.next() {
                    Some(Unit::Char(c)) => c.to_string(),
                    _ => return Err(Error::new("malformed \\P or \\p sequence")),
                }
            };
            let (name, inverted) = match name.strip_prefix('^') {
                Some(rest) => (rest.to_owned(), true),
                None => (name, false),
            };
            let set = class::property(&format!("\\p{{{name}}}"))
                .ok_or_else(|| Error::new("unknown property name after \\P or \\p"))?;
            return Ok(Some(if (c == 'P') != inverted { class::negate(&set, utf8) } else { set }));
        }
        _ => return Ok(None),
    };
    cursor.next();
    let set = class::property(&pattern).unwrap_or_else(ClassUnicode::empty);
    Ok(Some(if c.is_ascii_uppercase() { class::negate(&set, utf8) } else { set }))
}

/// Takes what follows a backslash, as one character.
pub fn char_escape(cursor: &mut Cursor, in_bracket: bool) -> Result<char, Error> {
    let Some(Unit::Char(c)) = cursor.next() else {
        return Err(Error::new("\\ at end of pattern"));
    };
    let hex = |text: &str| {
        u32::from_str_radix(text, 16)
            .ok()
            .and_then(char::from_u32)
            .ok_or_else(|| Error::new("character code point value in \\x{} or \\o{} is too large"))
    };
    Ok(match c {
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        'f' => '\x0c',
        'a' => '\x07',
        'e' => '\x1b',
        'b' if in_bracket => '\x08',
        'x' if cursor.eat("{") => {
            hex(&cursor.until("}").ok_or_else(|| Error::new("missing terminating } after \\x"))?)?
        }
        'x' => {
            let digits: String = (0..2).map_while(|i| cursor.peek_at(i)).take_while(char::is_ascii_hexdigit).collect();
            cursor.eat(&digits);
            if digits.is_empty() { '\0' } else { hex(&digits)? }
        }
        '0' => {
            let digits: String =
                (0..2).map_while(|i| cursor.peek_at(i)).take_while(|c| ('0'..='7').contains(c)).collect();
            cursor.eat(&digits);
            char::from(u32::from_str_radix(&digits, 8).unwrap_or(0) as u8)
        }
        c if c.is_ascii_alphanumeric() => return Err(Error::new("unrecognized character follows \\")),
        c => c,
    })
}
