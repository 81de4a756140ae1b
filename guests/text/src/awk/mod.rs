//! `awk`: POSIX's, with what of gawk's is common.
//!
//! A program is read into a tree in which every variable has its place; the tree is then walked. Fields are split when
//! first asked for, and strings are shared until they change.

mod ast;
mod builtins;
mod eval;
mod expr;
mod input;
mod interp;
mod lexer;
mod number;
mod parser;
mod printf;
mod record;
mod streams;
mod substitute;
mod text;
mod value;

#[cfg(test)]
mod tests;

use crate::args::{self, Arg, Long, Value as ArgValue};
use interp::{Fatal, Interp};

const HELP: &str = "\
Usage: awk [-F FS] [-v VAR=VALUE] 'PROGRAM' [FILE | VAR=VALUE]...
       awk [-F FS] [-v VAR=VALUE] -f PROGRAM-FILE [FILE | VAR=VALUE]...
";

const LONG: &[Long] = &[
    ("field-separator", 'F', ArgValue::Required),
    ("assign", 'v', ArgValue::Required),
    ("file", 'f', ArgValue::Required),
    ("source", 'e', ArgValue::Required),
    ("posix", 'P', ArgValue::None),
    ("re-interval", 'r', ArgValue::None),
    ("help", 'h', ArgValue::None),
    ("version", 'V', ArgValue::None),
];

/// Returns the number at the start of `text`, or 0.
pub fn parse_number(text: &[u8]) -> f64 {
    number::parse_prefix(text).0
}

/// Runs `awk`; returns the exit status.
pub fn main(args: Vec<String>) -> i32 {
    match run(args) {
        Ok(status) => status,
        Err(message) => {
            eprintln!("awk: {message}");
            2
        }
    }
}

fn run(args: Vec<String>) -> Result<i32, String> {
    let found = args::parse(args, "F:v:f:e:PrhV", LONG, true)?;
    let mut separator = None;
    let mut assignments = Vec::new();
    let mut source: Option<Vec<u8>> = None;
    let mut operands = Vec::new();
    for arg in found {
        match arg {
            Arg::Operand(text) => operands.push(text),
            Arg::Option('F', value) => separator = value,
            Arg::Option('v', value) => assignments.extend(value),
            Arg::Option('f', value) => add_source(&mut source, &read_source(&value.unwrap_or_default())?),
            Arg::Option('e', value) => add_source(&mut source, value.unwrap_or_default().as_bytes()),
            Arg::Option('h', _) => {
                print!("{HELP}");
                return Ok(0);
            }
            Arg::Option('V', _) => {
                println!("awk (Stillbox) {}", env!("CARGO_PKG_VERSION"));
                return Ok(0);
            }
            // Intervals and POSIX's ways are there anyway.
            Arg::Option(..) => {}
        }
    }
    let source = match source {
        Some(source) => source,
        None if operands.is_empty() => return Err(format!("no program\n{}", HELP.trim_end())),
        None => operands.remove(0).into_bytes(),
    };
    let program = parser::parse(&source)?;
    let mut interp = Interp::new(&program, operands);
    let result = prepare(&mut interp, separator, &assignments).and_then(|()| interp.run());
    match result {
        Ok(status) => Ok(status),
        Err(Fatal::Message(message)) => {
            interp.finish();
            Err(message)
        }
        Err(Fatal::Flow(_)) => Ok(interp.finish()),
    }
}

fn prepare(interp: &mut Interp<'_>, separator: Option<String>, assignments: &[String]) -> Result<(), Fatal> {
    if let Some(separator) = separator {
        // A lone `t` is a tab, as POSIX has it.
        let text = if separator == "t" { b"\t".to_vec() } else { lexer::unescape(separator.as_bytes()) };
        interp.assign_special(ast::Special::Fs, value::Value::string(text))?;
    }
    for assignment in assignments {
        if !interp.assign_operand(assignment)? {
            return Err(format!("`{assignment}' argument to `-v' not in `var=value' form").into());
        }
    }
    Ok(())
}

fn add_source(source: &mut Option<Vec<u8>>, piece: &[u8]) {
    let source = source.get_or_insert_default();
    source.extend_from_slice(piece);
    source.push(b'\n');
}

fn read_source(path: &str) -> Result<Vec<u8>, String> {
    let read = || -> std::io::Result<Vec<u8>> {
        let mut input = crate::io::Input::open(path)?;
        while input.fill()? {}
        Ok(input.buffered().to_vec())
    };
    read().map_err(|error| format!("can't open file {path} ({})", crate::io::message(&error)))
}
