//! The expression that says what is done with each file.

use super::printf::Format;
use crate::regex::Regex;
use std::cell::RefCell;

/// A number that a test compares with: `+5`, `-5`, `5`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    More(u64),
    Less(u64),
    Exactly(u64),
}

impl Amount {
    /// Tells whether `value` is as asked.
    pub fn fits(self, value: u64) -> bool {
        match self {
            Amount::More(bound) => value > bound,
            Amount::Less(bound) => value < bound,
            Amount::Exactly(wanted) => value == wanted,
        }
    }
}

/// One of a file's times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Time {
    Access,
    Modified,
    Changed,
}

/// How permissions are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Perm {
    Exactly(u32),
    /// `-mode`: all of these bits.
    All(u32),
    /// `/mode`: any of these bits.
    Any(u32),
}

/// What may be done to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Read,
    Write,
    Execute,
}

/// A command for many files, and those that it has not had yet.
pub struct Batch {
    pub command: Vec<String>,
    /// The directory to run in, and the files.
    pub waiting: RefCell<(String, Vec<String>)>,
}

pub enum Expr {
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    /// `a , b`: both, and the value of the second.
    List(Box<Expr>, Box<Expr>),
    Not(Box<Expr>),
    True,
    False,
    Name {
        pattern: String,
        ignore_case: bool,
    },
    Path {
        pattern: String,
        ignore_case: bool,
    },
    LinkName {
        pattern: String,
        ignore_case: bool,
    },
    Regex(Box<Regex>),
    /// Letters as in `-type f,d`; `-xtype` looks through links.
    Type {
        letters: String,
        through: bool,
    },
    Size {
        amount: Amount,
        unit: u64,
    },
    Empty,
    /// How many units of so many seconds before `from` (seconds and nanoseconds) a time is.
    Age {
        time: Time,
        amount: Amount,
        seconds: u64,
        from: (i64, u32),
    },
    Newer {
        time: Time,
        than: (i64, u32),
    },
    Perm(Perm),
    Access(Access),
    Links(Amount),
    Inode(Amount),
    SameFile(u64, u64),
    User(u32),
    Group(u32),
    Print,
    Print0,
    Printf(Format),
    Ls,
    Delete,
    Prune,
    Quit,
    /// A command for each file; `directory` runs it where the file is, and `ask` asks first.
    Exec {
        command: Vec<String>,
        directory: bool,
        ask: bool,
    },
    /// A command for many files.
    ExecBatch {
        batch: Batch,
        directory: bool,
    },
}
