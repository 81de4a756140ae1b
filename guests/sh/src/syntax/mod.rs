//! From text to commands.
//!
//! The parser reads one complete command at a time, as shells do: what comes before an error or an `exit` has run
//! before the rest is looked at, and commands read from a terminal or a pipe run as soon as they are whole.

pub mod ast;
mod brace;
mod compound;
mod lexer;
mod parameter;
mod parser;
mod print;
mod redirect;
mod word;

pub use parser::{ParseError, Parser};
pub use print::{and_or_text, function_text, pipeline_text, word_text, words_text};
