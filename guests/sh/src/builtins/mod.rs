//! The commands that are part of the shell, one file per group.

pub mod conditions;
mod control;
mod declare;
mod directories;
mod info;
mod output;
mod printf;
mod processes;
mod read;
mod settings;

use crate::shell::{Flow, Shell};

pub use declare::{Declared, DeclaredValue, declaration, declare};
pub use processes::job_line;

/// Runs a builtin; the first argument is its name.
pub type Builtin = fn(&mut Shell, &[String]) -> Flow<i32>;

/// Every builtin but those that `exec` runs itself: the declarations, and `exec`.
const BUILTINS: [(&str, Builtin); 52] = [
    (".", control::source),
    (":", control::colon),
    ("[", conditions::bracket),
    ("alias", info::alias),
    ("bg", processes::bg),
    ("break", control::break_),
    ("builtin", info::builtin),
    ("caller", info::caller),
    ("cd", directories::cd),
    ("command", info::command),
    ("continue", control::continue_),
    ("dirs", directories::dirs),
    ("disown", processes::disown),
    ("echo", output::echo),
    ("enable", control::colon),
    ("eval", control::eval),
    ("exit", control::exit),
    ("false", control::false_),
    ("fg", processes::fg),
    ("getopts", settings::getopts),
    ("hash", info::hash),
    ("help", info::help),
    ("history", info::history),
    ("jobs", processes::jobs),
    ("kill", processes::kill),
    ("let", control::let_),
    ("logout", control::exit),
    ("mapfile", read::mapfile),
    ("popd", directories::popd),
    ("printf", printf::printf),
    ("pushd", directories::pushd),
    ("pwd", directories::pwd),
    ("read", read::read),
    ("readarray", read::mapfile),
    ("return", control::return_),
    ("set", settings::set),
    ("shift", control::shift),
    ("shopt", settings::shopt),
    ("source", control::source),
    ("suspend", processes::suspend),
    ("test", conditions::test),
    ("times", info::times),
    ("trap", processes::trap),
    ("true", control::colon),
    ("type", info::type_),
    ("ulimit", info::ulimit),
    ("umask", info::umask),
    ("unalias", info::alias),
    ("unset", settings::unset),
    ("wait", processes::wait),
    ("bind", control::colon),
    ("complete", control::colon),
];

/// Returns the builtin of this name.
pub fn find(name: &str) -> Option<Builtin> {
    // `exec` and the declarations are here for `type`, `builtin` and words that only expansion makes commands.
    match name {
        "exec" => Some(control::exec),
        name if is_declaration(name) => Some(declare::from_texts),
        name => BUILTINS.iter().find(|builtin| builtin.0 == name).map(|builtin| builtin.1),
    }
}

/// Returns the names of all builtins.
pub fn names() -> impl Iterator<Item = &'static str> {
    BUILTINS.iter().map(|builtin| builtin.0).chain(["declare", "exec", "export", "local", "readonly", "typeset"])
}

/// Returns whether arguments of this command that look like assignments are assignments.
pub fn is_declaration(name: &str) -> bool {
    matches!(name, "declare" | "typeset" | "local" | "export" | "readonly")
}

/// Is the options of a command, each with its value, and the arguments after them.
type Parsed<'a> = (Vec<(char, String)>, &'a [String]);

/// Splits single-letter options off the arguments; `with_value` lists those that take the next text.
///
/// The inner error is the offending letter.
pub fn options<'a>(arguments: &'a [String], allowed: &str, with_value: &str) -> Result<Parsed<'a>, char> {
    let mut found = Vec::new();
    let mut at = 1;
    while let Some(argument) = arguments.get(at) {
        if argument == "--" {
            at += 1;
            break;
        }
        let Some(letters) = argument.strip_prefix('-').filter(|letters| !letters.is_empty()) else { break };
        at += 1;
        for (offset, letter) in letters.char_indices() {
            if with_value.contains(letter) {
                let inline = &letters[offset + letter.len_utf8()..];
                let value = if inline.is_empty() {
                    at += 1;
                    arguments.get(at - 1).cloned().ok_or(letter)?
                } else {
                    inline.to_owned()
                };
                found.push((letter, value));
                break;
            }
            if !allowed.contains(letter) {
                return Err(letter);
            }
            found.push((letter, String::new()));
        }
    }
    Ok((found, arguments.get(at..).unwrap_or_default()))
}

impl Shell {
    /// Reports an option that a builtin does not have.
    pub fn bad_option(&mut self, name: &str, letter: char) -> i32 {
        self.error(format_args!("{name}: -{letter}: invalid option"));
        2
    }
}
