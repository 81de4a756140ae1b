//! Basic and extended regular expressions of POSIX, with GNU's escapes.

use super::ast::{Greed, Node};
use super::cursor::{Cursor, Escapes, Unit};
use super::{Error, Options, Syntax, class};
use regex_syntax::hir::{ClassUnicode, Look};

/// The highest count of an interval.
const DUP_MAX: u32 = 32767;

/// Parses `pattern`; returns what it means and how many groups it has.
pub fn parse(pattern: &[u8], options: &Options) -> Result<(Node, usize), Error> {
    let mut parser = Parser {
        cursor: Cursor::new(pattern, options.utf8),
        options,
        extended: options.syntax != Syntax::Basic,
        groups: 0,
        closed: Vec::new(),
        depth: 0,
    };
    let node = parser.alternation()?;
    if !parser.cursor.at_end() {
        return Err(Error::new("Unmatched ) or \\)"));
    }
    Ok((node, parser.groups))
}

struct Parser<'a> {
    cursor: Cursor,
    options: &'a Options,
    extended: bool,
    groups: usize,
    closed: Vec<usize>,
    depth: usize,
}

impl Parser<'_> {
    fn alternation(&mut self) -> Result<Node, Error> {
        let mut branches = vec![self.branch()?];
        while self.cursor.eat(if self.extended { "|" } else { "\\|" }) {
            branches.push(self.branch()?);
        }
        Ok(Node::alt(branches))
    }

    /// Tells whether a branch ends here.
    fn at_branch_end(&self) -> bool {
        let (first, second) = (self.cursor.peek(), self.cursor.peek_at(1));
        if self.cursor.at_end() {
            return true;
        }
        if self.extended {
            let literal_close = self.options.literal_close && self.depth == 0;
            return first == Some('|') || (first == Some(')') && !literal_close);
        }
        first == Some('\\') && matches!(second, Some('|' | ')'))
    }

    fn branch(&mut self) -> Result<Node, Error> {
        let mut nodes = Vec::new();
        while !self.at_branch_end() {
            let at_start = nodes.is_empty();
            let atom = self.atom(at_start)?;
            // In a basic expression a `*` after the anchor at the start is a plain star.
            if !self.extended && at_start && matches!(atom, Node::Look(Look::Start | Look::StartLF)) {
                nodes.push(atom);
                if self.cursor.eat("*") {
                    nodes.push(self.repeated(Node::Char('*'))?);
                }
                continue;
            }
            nodes.push(self.repeated(atom)?);
        }
        Ok(Node::concat(nodes))
    }

    /// Applies the repetition operators that follow `node`.
    fn repeated(&mut self, mut node: Node) -> Result<Node, Error> {
        for _ in 0..super::MAX_DEPTH {
            let bounds = if self.cursor.eat("*") {
                (0, None)
            } else if self.cursor.eat(if self.extended { "+" } else { "\\+" }) {
                (1, None)
            } else if self.cursor.eat(if self.extended { "?" } else { "\\?" }) {
                (0, Some(1))
            } else if self.extended && self.cursor.peek() == Some('{') {
                let start = self.cursor.position();
                self.cursor.eat("{");
                match self.cursor.interval("}") {
                    Some(bounds) => bounds,
                    None => {
                        self.cursor.rewind(start);
                        return Ok(node);
                    }
                }
            } else if !self.extended && self.cursor.eat("\\{") {
                match self.cursor.interval("\\}") {
                    Some(bounds) => bounds,
                    None if self.cursor.until("\\}").is_some() => return Err(Error::new("Invalid content of \\{\\}")),
                    None => return Err(Error::new("Unmatched { or \\{")),
                }
            } else {
                return Ok(node);
            };
            let (min, max) = bounds;
            if max.is_some_and(|max| max < min) {
                return Err(Error::new("Invalid content of \\{\\}"));
            }
            if min > DUP_MAX || max.is_some_and(|max| max > DUP_MAX) {
                return Err(Error::new("Regular expression too big"));
            }
            node = Node::repeat(node, min, max, Greed::Greedy);
        }
        Err(Error::new("Regular expression too big"))
    }

    fn atom(&mut self, at_start: bool) -> Result<Node, Error> {
        let c = match self.cursor.next() {
            Some(Unit::Char(c)) => c,
            Some(Unit::Byte(byte)) => return Ok(Node::Byte(byte)),
            None => return Ok(Node::Empty),
        };
        match c {
            '.' => Ok(Node::Set(self.options.any_char())),
            '[' => Ok(Node::Set(self.cursor.bracket(self.options, self.bracket_escapes())?)),
            '\\' => self.escape(),
            '*' if at_start && self.extended => Ok(Node::Empty),
            '(' if self.extended => self.group(),
            '+' | '?' if self.extended && at_start => Ok(Node::Empty),
            '^' if self.extended || at_start => Ok(Node::Look(self.options.line_start())),
            '$' if self.extended || self.at_branch_end() => Ok(Node::Look(self.options.line_end())),
            _ => Ok(self.options.literal(c)),
        }
    }

    fn bracket_escapes(&self) -> Escapes {
        if self.options.syntax == Syntax::Awk { Escapes::Awk } else { Escapes::None }
    }

    fn group(&mut self) -> Result<Node, Error> {
        self.groups += 1;
        let index = self.groups;
        self.depth += 1;
        if self.depth > super::MAX_DEPTH {
            return Err(Error::new("Regular expression too big"));
        }
        let inner = self.alternation()?;
        self.depth -= 1;
        if !self.cursor.eat(if self.extended { ")" } else { "\\)" }) {
            return Err(Error::new("Unmatched ( or \\("));
        }
        self.closed.push(index);
        Ok(Node::Group(Box::new(inner), index))
    }

    fn escape(&mut self) -> Result<Node, Error> {
        let Some(c) = self.cursor.peek() else {
            return match self.cursor.next() {
                Some(Unit::Byte(byte)) => Ok(Node::Byte(byte)),
                _ => Err(Error::new("Trailing backslash")),
            };
        };
        let awk = self.options.syntax == Syntax::Awk;
        if awk && matches!(c, 'n' | 't' | 'r' | 'f' | 'v' | 'a' | 'b' | '0'..='7') {
            return Ok(self.options.literal(awk_escape(&mut self.cursor)?));
        }
        self.cursor.next();
        let utf8 = self.options.utf8;
        let word_set = || class::named("word", utf8).unwrap_or_else(ClassUnicode::empty);
        let space_set = || class::named("space", utf8).unwrap_or_else(ClassUnicode::empty);
        let word = |unicode: Look, ascii: Look| if utf8 { unicode } else { ascii };
        Ok(match c {
            '(' if !self.extended => return self.group(),
            '{' if !self.extended => return Err(Error::new("Invalid preceding regular expression")),
            '1'..='9' if !awk => {
                let index = c as usize - '0' as usize;
                if !self.closed.contains(&index) {
                    return Err(Error::new("Invalid back reference"));
                }
                Node::Backref(index)
            }
            'w' => Node::Set(word_set()),
            'W' => Node::Set(class::negate(&word_set(), utf8)),
            's' => Node::Set(space_set()),
            'S' => Node::Set(class::negate(&space_set(), utf8)),
            '<' => Node::Look(word(Look::WordStartUnicode, Look::WordStartAscii)),
            '>' => Node::Look(word(Look::WordEndUnicode, Look::WordEndAscii)),
            'b' => Node::Look(word(Look::WordUnicode, Look::WordAscii)),
            'y' if awk => Node::Look(word(Look::WordUnicode, Look::WordAscii)),
            'B' => Node::Look(word(Look::WordUnicodeNegate, Look::WordAsciiNegate)),
            '`' => Node::Look(Look::Start),
            '\'' => Node::Look(Look::End),
            _ => self.options.literal(c),
        })
    }
}

/// Takes what follows a backslash in awk's strings and regular expressions.
pub fn awk_escape(cursor: &mut Cursor) -> Result<char, Error> {
    let octal: String = (0..3).map_while(|i| cursor.peek_at(i)).take_while(|c| ('0'..='7').contains(c)).collect();
    if !octal.is_empty() {
        cursor.eat(&octal);
        return Ok(char::from(u32::from_str_radix(&octal, 8).unwrap_or(0) as u8));
    }
    match cursor.next() {
        Some(Unit::Char(c)) => Ok(match c {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'f' => '\x0c',
            'v' => '\x0b',
            'a' => '\x07',
            'b' => '\x08',
            other => other,
        }),
        _ => Err(Error::new("Trailing backslash")),
    }
}
