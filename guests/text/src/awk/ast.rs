//! A program, with every name resolved to its place.

use super::value::Str;
use crate::regex::Regex;
use std::rc::Rc;

/// The variables that awk itself reads or sets. They are the first globals, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Special {
    Nf,
    Nr,
    Fnr,
    Fs,
    Ofs,
    Ors,
    Rs,
    Subsep,
    Convfmt,
    Ofmt,
    Rstart,
    Rlength,
    Filename,
    Environ,
    Argc,
    Argv,
    Rt,
    IgnoreCase,
    Procinfo,
}

/// The names of `Special`, in its order.
pub const SPECIALS: &[(&str, Special)] = &[
    ("NF", Special::Nf),
    ("NR", Special::Nr),
    ("FNR", Special::Fnr),
    ("FS", Special::Fs),
    ("OFS", Special::Ofs),
    ("ORS", Special::Ors),
    ("RS", Special::Rs),
    ("SUBSEP", Special::Subsep),
    ("CONVFMT", Special::Convfmt),
    ("OFMT", Special::Ofmt),
    ("RSTART", Special::Rstart),
    ("RLENGTH", Special::Rlength),
    ("FILENAME", Special::Filename),
    ("ENVIRON", Special::Environ),
    ("ARGC", Special::Argc),
    ("ARGV", Special::Argv),
    ("RT", Special::Rt),
    ("IGNORECASE", Special::IgnoreCase),
    ("PROCINFO", Special::Procinfo),
];

/// Where a variable is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Var {
    Global(usize),
    Local(usize),
    Special(Special),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Pow,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cmp {
    Less,
    LessEq,
    Equal,
    NotEqual,
    Greater,
    GreaterEq,
}

/// A place that can be assigned to.
#[derive(Debug)]
pub enum Place {
    Var(Var),
    Field(Box<Expr>),
    Element(Var, Vec<Expr>),
}

#[derive(Debug)]
pub enum Expr {
    Number(f64),
    Text(Str),
    /// `/re/` alone: matches the record.
    Regex(Rc<Pattern>),
    Place(Place),
    In(Var, Vec<Expr>),
    Assign(Place, Box<Expr>),
    /// `x = x y z`: adds to a string without copying it.
    AppendTo(Var, Vec<Expr>),
    Update(Op, Place, Box<Expr>),
    /// `++x`, `x--`: whether the new value is the result, and what is added.
    Step {
        place: Place,
        prefix: bool,
        by: f64,
    },
    Binary(Op, Box<Expr>, Box<Expr>),
    Concat(Vec<Expr>),
    Compare(Cmp, Box<Expr>, Box<Expr>),
    Match {
        text: Box<Expr>,
        pattern: Box<Expr>,
        negated: bool,
    },
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    Not(Box<Expr>),
    Negate(Box<Expr>),
    ToNumber(Box<Expr>),
    Conditional(Box<Expr>, Box<Expr>, Box<Expr>),
    Call(usize, Vec<Expr>),
    Builtin(Builtin, Vec<Expr>),
    Getline(Source, Option<Place>),
    /// What stands in parentheses: `(a b) > c` in a `print` is no redirection.
    Group(Box<Expr>),
}

/// A regular expression of the program's text.
pub struct Pattern {
    pub source: Str,
    pub regex: Regex,
}

impl std::fmt::Debug for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "/{}/", String::from_utf8_lossy(&self.source))
    }
}

/// Where `getline` reads.
#[derive(Debug)]
pub enum Source {
    Main,
    File(Box<Expr>),
    Command(Box<Expr>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Builtin {
    Atan2,
    Close,
    Cos,
    Exp,
    Fflush,
    Gensub,
    Gsub,
    Index,
    Int,
    Length,
    Log,
    Match,
    Mktime,
    Rand,
    Sin,
    Split,
    Sprintf,
    Sqrt,
    Srand,
    Strftime,
    Strtonum,
    Sub,
    Substr,
    System,
    Systime,
    Tolower,
    Toupper,
    Asort,
    Asorti,
    And,
    Or,
    Xor,
    Lshift,
    Rshift,
    Compl,
}

/// The name of each builtin, and how few and how many arguments it takes.
pub const BUILTINS: &[(&str, Builtin, usize, usize)] = &[
    ("atan2", Builtin::Atan2, 2, 2),
    ("close", Builtin::Close, 1, 2),
    ("cos", Builtin::Cos, 1, 1),
    ("exp", Builtin::Exp, 1, 1),
    ("fflush", Builtin::Fflush, 0, 1),
    ("gensub", Builtin::Gensub, 3, 4),
    ("gsub", Builtin::Gsub, 2, 3),
    ("index", Builtin::Index, 2, 2),
    ("int", Builtin::Int, 1, 1),
    ("length", Builtin::Length, 0, 1),
    ("log", Builtin::Log, 1, 1),
    ("match", Builtin::Match, 2, 3),
    ("mktime", Builtin::Mktime, 1, 2),
    ("rand", Builtin::Rand, 0, 0),
    ("sin", Builtin::Sin, 1, 1),
    ("split", Builtin::Split, 2, 4),
    ("sprintf", Builtin::Sprintf, 1, usize::MAX),
    ("sqrt", Builtin::Sqrt, 1, 1),
    ("srand", Builtin::Srand, 0, 1),
    ("strftime", Builtin::Strftime, 0, 3),
    ("strtonum", Builtin::Strtonum, 1, 1),
    ("sub", Builtin::Sub, 2, 3),
    ("substr", Builtin::Substr, 2, 3),
    ("system", Builtin::System, 1, 1),
    ("systime", Builtin::Systime, 0, 0),
    ("tolower", Builtin::Tolower, 1, 1),
    ("toupper", Builtin::Toupper, 1, 1),
    ("asort", Builtin::Asort, 1, 2),
    ("asorti", Builtin::Asorti, 1, 2),
    ("and", Builtin::And, 2, 2),
    ("or", Builtin::Or, 2, 2),
    ("xor", Builtin::Xor, 2, 2),
    ("lshift", Builtin::Lshift, 2, 2),
    ("rshift", Builtin::Rshift, 2, 2),
    ("compl", Builtin::Compl, 1, 1),
];

impl Builtin {
    /// Tells whether the argument of this index is an array.
    pub fn takes_array(self, index: usize) -> bool {
        match self {
            Builtin::Split => index == 1 || index == 3,
            Builtin::Match => index == 2,
            Builtin::Asort | Builtin::Asorti => true,
            _ => false,
        }
    }
}

/// Where output goes.
#[derive(Debug)]
pub enum Redirect {
    Write(Expr),
    Append(Expr),
    Pipe(Expr),
}

#[derive(Debug)]
pub enum Stmt {
    Expr(Expr),
    Print(Vec<Expr>, Option<Redirect>),
    Printf(Vec<Expr>, Option<Redirect>),
    If(Expr, Box<Stmt>, Option<Box<Stmt>>),
    While(Expr, Box<Stmt>),
    DoWhile(Box<Stmt>, Expr),
    For(Option<Box<Stmt>>, Option<Expr>, Option<Box<Stmt>>, Box<Stmt>),
    ForIn(Place, Var, Box<Stmt>),
    Block(Vec<Stmt>),
    Delete(Var, Option<Vec<Expr>>),
    Next,
    NextFile,
    Exit(Option<Expr>),
    Return(Option<Expr>),
    Break,
    Continue,
}

/// When a rule applies.
#[derive(Debug)]
pub enum When {
    Always,
    If(Expr),
    /// From a record that the first fits to one that the second fits; the number tells ranges apart.
    Range(Expr, Expr, usize),
}

#[derive(Debug)]
pub struct Rule {
    pub when: When,
    /// `None` prints the record.
    pub body: Option<Stmt>,
}

#[derive(Debug, Default)]
pub struct Function {
    pub name: String,
    pub params: Vec<String>,
    /// Which parameters are arrays.
    pub arrays: Vec<bool>,
    pub body: Vec<Stmt>,
}

#[derive(Debug, Default)]
pub struct Program {
    pub begin: Vec<Stmt>,
    pub rules: Vec<Rule>,
    pub end: Vec<Stmt>,
    pub functions: Vec<Function>,
    /// The names of the globals that are not special.
    pub globals: Vec<String>,
    pub ranges: usize,
}
