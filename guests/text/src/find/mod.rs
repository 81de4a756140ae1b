//! `find`: POSIX's, with GNU's common tests and actions.
//!
//! Entries of a directory come in the order in which the file system gives them.

mod action;
mod expr;
mod parse;
mod printf;
mod walk;

use expr::Expr;

/// Which symbolic links are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follow {
    Never,
    /// Those on the command line.
    Operands,
    Always,
}

/// What the command line asks for.
pub struct Command {
    pub follow: Follow,
    pub roots: Vec<String>,
    pub expr: Expr,
    pub depth_first: bool,
    pub min_depth: usize,
    pub max_depth: usize,
    pub one_file_system: bool,
}

/// Runs `find`; returns the exit status: 1 after any error.
pub fn main(args: Vec<String>) -> i32 {
    match parse::parse(args) {
        Ok(Some(command)) => walk::Walk::new(&command).run(),
        Ok(None) => 0,
        Err(message) => {
            eprintln!("find: {message}");
            1
        }
    }
}
