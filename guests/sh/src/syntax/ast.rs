//! The tree of a shell program.

use std::cell::RefCell;
use std::rc::Rc;

use serde::{Deserialize, Serialize};

/// Is a sequence of commands.
pub type List = Vec<Item>;

/// Is one element of a [`List`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Item {
    pub and_or: AndOr,
    /// Whether `&` follows.
    pub background: bool,
}

/// Is pipelines joined by `&&` and `||`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AndOr {
    pub first: Pipeline,
    pub rest: Vec<(Connector, Pipeline)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Connector {
    And,
    Or,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Pipeline {
    pub negated: bool,
    pub timed: Option<Timed>,
    /// May be empty after `!` or `time`.
    pub commands: Vec<Command>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Timed {
    /// `time`
    Bash,
    /// `time -p`
    Posix,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Command {
    Simple(Simple),
    Compound(Rc<Compound>),
    /// A definition; it is shared, because the function outlives it.
    Function(Rc<Function>),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Simple {
    pub line: u32,
    pub assignments: Vec<Assignment>,
    pub words: Vec<Argument>,
    pub redirects: Vec<Redirect>,
}

/// Is a word of a simple command. `declare a=(1 2)` has an assignment as an argument.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Argument {
    Word(Word),
    Assignment(Assignment, Word),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Assignment {
    pub name: String,
    pub index: Option<Word>,
    /// Whether it is `+=`.
    pub append: bool,
    pub value: AssignedValue,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum AssignedValue {
    Scalar(Word),
    Array(Vec<Element>),
}

/// Is one element of `a=(..)`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Element {
    Word(Word),
    /// `[index]=word`, `[index]+=word`
    Keyed {
        index: Word,
        append: bool,
        value: Word,
    },
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Function {
    pub name: String,
    pub body: Command,
    pub line: u32,
    /// The file that it was read from.
    pub source: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Compound {
    pub kind: CompoundKind,
    pub redirects: Vec<Redirect>,
    pub line: u32,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum CompoundKind {
    Group(List),
    Subshell(List),
    If {
        branches: Vec<(List, List)>,
        otherwise: Option<List>,
    },
    While {
        condition: List,
        body: List,
        until: bool,
    },
    /// Without words it goes over the positional parameters.
    For {
        name: String,
        words: Option<Vec<Word>>,
        body: List,
    },
    Select {
        name: String,
        words: Option<Vec<Word>>,
        body: List,
    },
    ArithFor {
        init: Word,
        condition: Word,
        step: Word,
        body: List,
    },
    Case {
        word: Word,
        arms: Vec<Arm>,
    },
    Arith(Word),
    Test(Test),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Arm {
    pub patterns: Vec<Word>,
    pub body: List,
    pub end: ArmEnd,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ArmEnd {
    /// `;;`
    Break,
    /// `;&`
    FallThrough,
    /// `;;&`
    TestNext,
}

/// Is the inside of `[[ ]]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Test {
    Not(Box<Test>),
    And(Box<Test>, Box<Test>),
    Or(Box<Test>, Box<Test>),
    Group(Box<Test>),
    Unary(String, Word),
    Binary(Word, String, Word),
    Word(Word),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Redirect {
    /// The number or `{name}` before the operator.
    pub fd: Option<RedirectFd>,
    pub kind: RedirectKind,
    pub line: u32,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum RedirectFd {
    Number(i32),
    Variable(String),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum RedirectKind {
    Read(Word),
    Write(Word),
    /// `>|`
    Clobber(Word),
    Append(Word),
    ReadWrite(Word),
    DupIn(Word),
    DupOut(Word),
    /// `&>`, `&>>`
    Both {
        word: Word,
        append: bool,
    },
    HereString(Word),
    /// The body is read after the line that holds the operator has been parsed.
    HereDoc(Rc<RefCell<HereDoc>>),
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct HereDoc {
    pub body: Word,
    pub delimiter: String,
    /// Whether the delimiter is quoted: then nothing is expanded.
    pub literal: bool,
    /// Whether it is `<<-`.
    pub strip_tabs: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Word {
    pub parts: Vec<Part>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Part {
    /// Unquoted text.
    Text(String),
    /// Text that quotes or a backslash protect, and the source that says how.
    Quoted {
        text: String,
        source: Quotes,
    },
    /// `".."`
    Double(Vec<Part>),
    /// `~`, `~+`, `~-`, `~name` at the start of a word
    Tilde(String),
    Parameter(Box<Parameter>),
    /// `$(..)` and backquotes
    Command(Rc<CommandText>),
    Arith(Word),
    /// `<(..)` and `>(..)`
    Process {
        input: bool,
        command: Rc<CommandText>,
    },
}

// Words are compared to find literal ones only; commands in them never count as equal.
impl PartialEq for Part {
    fn eq(&self, other: &Self) -> bool {
        matches!((self, other), (Part::Text(a), Part::Text(b)) if a == b)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Quotes {
    Single,
    Backslash,
    Dollar,
}

/// Is a command inside a word, with its text for printing.
#[derive(Debug, Serialize, Deserialize)]
pub struct CommandText {
    pub list: List,
    pub text: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Parameter {
    pub name: Name,
    pub index: Option<Index>,
    /// `${!name}`
    pub indirect: bool,
    pub op: Op,
    /// What stood in the source, for messages.
    pub text: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Name {
    Variable(String),
    Positional(u32),
    /// `@ * # ? - $ ! 0`
    Special(char),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Index {
    /// `[@]`
    At,
    /// `[*]`
    Star,
    Word(Word),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Op {
    None,
    /// `${#x}`
    Length,
    /// `:-` and its like
    Test {
        kind: TestOp,
        colon: bool,
        word: Word,
    },
    RemovePrefix {
        longest: bool,
        pattern: Word,
    },
    RemoveSuffix {
        longest: bool,
        pattern: Word,
    },
    Replace {
        kind: ReplaceKind,
        pattern: Word,
        with: Word,
    },
    Substring {
        offset: Word,
        length: Option<Word>,
    },
    Case {
        kind: CaseKind,
        all: bool,
        pattern: Option<Word>,
    },
    /// `@Q` and its like
    Transform(char),
    /// `${!prefix*}`
    Names {
        star: bool,
    },
    /// `${!array[@]}`
    Keys {
        star: bool,
    },
    /// Something that is an error only when it is reached.
    Bad,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TestOp {
    Default,
    Assign,
    Error,
    Alternative,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReplaceKind {
    First,
    All,
    Prefix,
    Suffix,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum CaseKind {
    Upper,
    Lower,
    Toggle,
}

impl Word {
    /// Makes a word of plain text.
    pub fn literal(text: impl Into<String>) -> Word {
        Word { parts: vec![Part::Text(text.into())] }
    }

    /// Returns the text of a word that is nothing else.
    pub fn as_literal(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [Part::Text(text)] => Some(text),
            [] => Some(""),
            _ => None,
        }
    }
}
