//! What a script is made of.

use crate::regex::Regex;
use std::rc::Rc;

/// A pattern; `None` is the one that was used last.
pub type Pattern = Option<Rc<Regex>>;

/// The first address of a command.
pub enum Address {
    Line(u64),
    /// `first~step`
    Step(u64, u64),
    Last,
    Pattern(Pattern),
    /// `0`, with a pattern as the second address.
    Zero,
}

/// The second address of a command.
pub enum RangeEnd {
    Line(u64),
    Last,
    Pattern(Pattern),
    /// `+N`
    Lines(u64),
    /// `~N`
    Multiple(u64),
}

/// Which lines a command is for.
pub struct Selector {
    pub first: Address,
    pub end: Option<RangeEnd>,
}

/// One command.
pub struct Command {
    pub selector: Option<Selector>,
    pub negated: bool,
    pub action: Action,
}

/// What a command does. Commands are numbered from 0 in the order of the script.
pub enum Action {
    /// `{`: if its lines are not these, goes on behind the command of this number.
    Block(usize),
    /// `}`, a label, a comment.
    Nothing,
    Append(Vec<u8>),
    Insert(Vec<u8>),
    Change(Vec<u8>),
    /// `b`, `t`, `T`: goes to a command, or to the end of the script.
    Branch(Option<usize>),
    BranchIf(Option<usize>),
    BranchUnless(Option<usize>),
    Delete,
    DeleteFirst,
    Execute(Vec<u8>),
    FileName,
    Get,
    GetAppend,
    Hold,
    HoldAppend,
    Exchange,
    List(Option<usize>),
    Next,
    NextAppend,
    Print,
    PrintFirst,
    Quit(i32),
    QuitSilently(i32),
    ReadFile(String),
    ReadLine(String),
    Substitute(Box<Substitute>),
    Write(usize),
    WriteFirst(usize),
    Translate(Box<super::translate::Table>),
    Zap,
    LineNumber,
}

/// `s/pattern/replacement/flags`
pub struct Substitute {
    pub pattern: Pattern,
    pub replacement: Vec<Part>,
    pub global: bool,
    pub print: bool,
    /// The first match that is replaced, counted from 1.
    pub nth: usize,
    pub evaluate: bool,
    pub write: Option<usize>,
}

/// A part of a replacement.
pub enum Part {
    Text(Vec<u8>),
    Group(usize),
    Case(Case),
}

/// How the text that follows changes case.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Case {
    /// `\U`, `\L`, `\E`
    Upper,
    Lower,
    Keep,
    /// `\u`, `\l`: the next character only.
    UpperNext,
    LowerNext,
}

/// A parsed script.
pub struct Script {
    pub commands: Vec<Command>,
    /// The files that `w` writes; a command has its number here.
    pub outputs: Vec<String>,
    /// The first line is `#n`.
    pub quiet: bool,
}
