//! Regular expressions: POSIX basic and extended, awk's and Perl's, over bytes.
//!
//! A pattern is parsed into one tree. The `regex_automata` crate's engines find where it matches; as they prefer the
//! leftmost *first* alternative, a second, anchored automaton finds how long the *longest* match at that place is, where
//! the two can differ. A back-tracking matcher of our own does what no automaton can (back-references, look-around),
//! and finds the groups of a match that had to be made longer.
//!
//! What differs from POSIX: where alternatives let the same longest match be divided in several ways, its groups are those
//! of the alternative written first and not of the longest one, so that `(a|ab)(c|bcd)` divides `abcd` as `a` and `bcd`.

mod ast;
mod bracket;
mod class;
mod cursor;
mod exact;
mod hir;
mod perl;
mod posix;
mod program;

#[cfg(test)]
mod tests;

use ast::Node;
use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::meta;
use regex_automata::nfa::thompson;
use regex_automata::util::captures::Captures;
use regex_automata::{Anchored, Input, MatchKind};
use regex_syntax::hir::{ClassUnicode, Look};
use std::cell::{OnceCell, RefCell};
use std::fmt;

/// How deeply groups may nest: a bound on our own recursion, not on anybody's patterns.
const MAX_DEPTH: usize = 250;

/// How large one automaton may become.
const SIZE_LIMIT: usize = 32 << 20;

/// Which language a pattern is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syntax {
    Basic,
    Extended,
    Awk,
    Perl,
    /// No operators at all.
    Fixed,
}

/// How a pattern is read and matched.
#[derive(Clone, Debug)]
pub struct Options {
    pub syntax: Syntax,
    pub ignore_case: bool,
    /// `^` and `$` match at the lines of the text, too.
    pub multi_line: bool,
    /// The match must be the whole line.
    pub whole_line: bool,
    /// The match must not touch other word characters.
    pub whole_word: bool,
    /// In an extended expression, a `)` that closes nothing is itself.
    pub literal_close: bool,
    /// A byte that nothing in the pattern matches, so that a text of many lines can be searched in one go.
    pub terminator: Option<u8>,
    /// Text is UTF-8; otherwise each byte is a character.
    pub utf8: bool,
}

impl Options {
    /// Returns the defaults for `syntax`, in the process's locale.
    pub fn new(syntax: Syntax) -> Options {
        Options {
            syntax,
            ignore_case: false,
            multi_line: false,
            whole_line: false,
            whole_word: false,
            literal_close: false,
            terminator: None,
            utf8: crate::locale::is_utf8(),
        }
    }

    fn line_start(&self) -> Look {
        if self.multi_line { Look::StartLF } else { Look::Start }
    }

    fn line_end(&self) -> Look {
        if self.multi_line { Look::EndLF } else { Look::End }
    }

    fn any_char(&self) -> ClassUnicode {
        class::everything(self.utf8)
    }

    /// Returns what matches the character `c`, in either case if case does not matter.
    fn literal(&self, c: char) -> Node {
        if self.ignore_case {
            let mut set = class::range(c, c);
            class::fold_case(&mut set, self.utf8);
            if set.ranges().len() > 1 || set.ranges().iter().any(|part| part.len() > 1) {
                return Node::Set(set);
            }
        }
        Node::Char(c)
    }
}

/// Why a pattern is none, in GNU's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error(String);

impl Error {
    fn new(message: &str) -> Error {
        Error(message.to_owned())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

/// Where a pattern and its groups matched: start and end of each, group 0 being the whole.
pub type Groups = Vec<Option<(usize, usize)>>;

/// A compiled pattern.
pub struct Regex {
    node: Node,
    options: Options,
    groups: usize,
    meta: meta::Regex,
    captures: RefCell<Option<Captures>>,
    /// Whether the first match can be shorter than the longest.
    may_grow: bool,
    longest: OnceCell<Option<Longest>>,
    /// The back-tracking form: from the start if no automaton can match the pattern, else when first needed.
    exact: OnceCell<program::Program>,
    is_regular: bool,
}

/// The automaton that finds the longest match at a place.
struct Longest {
    dfa: DFA,
    cache: RefCell<Cache>,
}

impl Regex {
    /// Compiles one pattern.
    pub fn new(pattern: &[u8], options: &Options) -> Result<Regex, Error> {
        Regex::any_of(&[pattern], options)
    }

    /// Compiles patterns into one that matches where any of them does.
    ///
    /// The groups, and so the back-references, of each pattern are numbered from 1.
    pub fn any_of<P: AsRef<[u8]>>(patterns: &[P], options: &Options) -> Result<Regex, Error> {
        let mut branches = Vec::with_capacity(patterns.len());
        let mut groups = 0;
        for pattern in patterns {
            let (node, count) = parse(pattern.as_ref(), options)?;
            branches.push(node);
            groups = groups.max(count);
        }
        let mut node = Node::alt(branches);
        if options.whole_word {
            let (start, end) = match options.utf8 {
                true => (Look::WordStartHalfUnicode, Look::WordEndHalfUnicode),
                false => (Look::WordStartHalfAscii, Look::WordEndHalfAscii),
            };
            node = Node::Concat(vec![Node::Look(start), node, Node::Look(end)]);
        }
        if options.whole_line {
            node = Node::Concat(vec![Node::Look(options.line_start()), node, Node::Look(options.line_end())]);
        }
        Regex::build(node, groups, options)
    }

    fn build(node: Node, groups: usize, options: &Options) -> Result<Regex, Error> {
        let is_regular = node.is_regular();
        // Patterns given together each number their groups from 1, and the automata want distinct ones.
        let captures =
            if is_regular && groups > 0 { thompson::WhichCaptures::All } else { thompson::WhichCaptures::Implicit };
        let config = meta::Config::new()
            .utf8_empty(false)
            .which_captures(captures)
            .nfa_size_limit(Some(SIZE_LIMIT))
            .hybrid_cache_capacity(4 << 20);
        let hir = hir::translate(&node, options);
        let meta = meta::Builder::new()
            .configure(config)
            .build_from_hir(&hir)
            .map_err(|_| Error::new("Regular expression too big"))?;
        let exact = OnceCell::new();
        if !is_regular {
            let _ = exact.set(program::compile(&node, options)?);
        }
        Ok(Regex {
            may_grow: options.syntax != Syntax::Perl && node.may_grow(),
            node,
            options: options.clone(),
            groups,
            meta,
            captures: RefCell::new(None),
            longest: OnceCell::new(),
            exact,
            is_regular,
        })
    }

    /// Returns how many groups the pattern has.
    pub fn group_count(&self) -> usize {
        self.groups
    }

    /// Tells whether the automata decide alone, so that a text of many lines can be searched in one go.
    pub fn is_regular(&self) -> bool {
        self.is_regular
    }

    /// Tells whether the pattern matches anywhere in `text`.
    pub fn is_match(&self, text: &[u8]) -> bool {
        if !self.meta.is_match(text) {
            return false;
        }
        self.is_regular || self.find_at(text, 0).is_some()
    }

    /// Returns where in `text` the first match that starts at `from` or later is, without making it the longest.
    pub fn first_at(&self, text: &[u8], from: usize) -> Option<(usize, usize)> {
        let found = self.meta.search(&Input::new(text).span(from..text.len()))?;
        Some((found.start(), found.end()))
    }

    /// Returns where in `text` the leftmost longest match that starts at `from` or later is.
    pub fn find_at(&self, text: &[u8], from: usize) -> Option<(usize, usize)> {
        let (start, end) = self.first_at(text, from)?;
        if !self.is_regular {
            return self.search_exactly(text, start)?[0];
        }
        Some((start, if self.may_grow { self.longest_end(text, start, end) } else { end }))
    }

    /// Finds the leftmost longest match that starts at `from` or later, with its groups.
    pub fn groups_at(&self, text: &[u8], from: usize, groups: &mut Groups) -> bool {
        groups.clear();
        if self.groups == 0 || !self.is_regular {
            let Some((start, _)) = self.first_at(text, from) else { return false };
            let found = if self.is_regular {
                self.find_at(text, start).map(|whole| vec![Some(whole)])
            } else {
                self.search_exactly(text, start)
            };
            return found.is_some_and(|found| {
                *groups = found;
                true
            });
        }
        let mut captures = self.captures.borrow_mut();
        let captures = captures.get_or_insert_with(|| self.meta.create_captures());
        self.meta.search_captures(&Input::new(text).span(from..text.len()), captures);
        let Some(whole) = captures.get_group(0) else { return false };
        groups.extend((0..=self.groups).map(|i| captures.get_group(i).map(|span| (span.start, span.end))));
        if self.may_grow {
            let end = self.longest_end(text, whole.start, whole.end);
            if (end != whole.end || self.node.any(&|node| matches!(node, Node::Alt(_))))
                && let Some(found) = self.program().posix_groups(text, whole.start, end)
            {
                *groups = found;
            }
        }
        true
    }

    fn program(&self) -> &program::Program {
        self.exact.get_or_init(|| program::compile(&self.node, &self.options).unwrap_or_default())
    }

    fn search_exactly(&self, text: &[u8], from: usize) -> Option<Groups> {
        let mut start = from;
        loop {
            if let Some(groups) = self.program().match_at(text, start) {
                return Some(groups);
            }
            if start >= text.len() {
                return None;
            }
            // The automaton finds the next place where a match may start.
            start = self.first_at(text, start + self.options.char_len(text, start))?.0;
        }
    }

    fn longest_end(&self, text: &[u8], start: usize, end: usize) -> usize {
        let found = self.longest.get_or_init(|| Longest::new(&self.node, &self.options)).as_ref().and_then(|longest| {
            let input = Input::new(text).span(start..text.len()).anchored(Anchored::Yes);
            longest.dfa.try_search_fwd(&mut longest.cache.borrow_mut(), &input).ok()
        });
        match found {
            Some(found) => found.map_or(end, |half| half.offset().max(end)),
            // The automaton gave up: it can't tell words in text that is not ASCII.
            None => self.program().match_at(text, start).and_then(|groups| groups[0]).map_or(end, |(_, e)| e.max(end)),
        }
    }
}

impl Options {
    /// Returns how many bytes the character of `text` at `at` has.
    pub fn char_len(&self, text: &[u8], at: usize) -> usize {
        if self.utf8 { exact::decode(text, at).map_or(1, |(_, len)| len) } else { 1 }
    }
}

impl Longest {
    fn new(node: &Node, options: &Options) -> Option<Longest> {
        let nfa = thompson::Compiler::new()
            .configure(
                thompson::Config::new()
                    .utf8(false)
                    .which_captures(thompson::WhichCaptures::None)
                    .nfa_size_limit(Some(SIZE_LIMIT)),
            )
            .build_from_hir(&hir::translate(node, options))
            .ok()?;
        let config =
            DFA::config().match_kind(MatchKind::All).unicode_word_boundary(true).skip_cache_capacity_check(true);
        let dfa = DFA::builder().configure(config).build_from_nfa(nfa).ok()?;
        let cache = RefCell::new(dfa.create_cache());
        Some(Longest { dfa, cache })
    }
}

fn parse(pattern: &[u8], options: &Options) -> Result<(Node, usize), Error> {
    match options.syntax {
        Syntax::Perl => perl::parse(pattern, options),
        Syntax::Fixed => {
            let mut cursor = cursor::Cursor::new(pattern, options.utf8);
            let mut nodes = Vec::new();
            while let Some(unit) = cursor.next() {
                nodes.push(match unit {
                    cursor::Unit::Char(c) => options.literal(c),
                    cursor::Unit::Byte(byte) => Node::Byte(byte),
                });
            }
            Ok((Node::concat(nodes), 0))
        }
        Syntax::Basic | Syntax::Extended | Syntax::Awk => posix::parse(pattern, options),
    }
}
