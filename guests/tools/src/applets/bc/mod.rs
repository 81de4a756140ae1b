//! `bc`: a calculator of any precision, with variables, control flow and functions.

mod calls;
mod expressions;
mod lexer;
mod machine;
mod math;
mod number;
mod parser;

use std::io::{self, Write};

use lexer::lex;
use machine::{Error, Flow, Machine};
use parser::Parser;
use stillbox_tools::getopt::Getopt;
use stillbox_tools::program::{Failure, Outcome, read_input, reason, stdout};

const LONG: [(&str, &str); 6] =
    [("mathlib", "l"), ("quiet", "q"), ("standard", "s"), ("warn", "w"), ("interactive", "i"), ("expression=", "e")];

pub fn main(args: &[String]) -> Outcome {
    let mut options = Getopt::new(args, "lqswie:", &LONG);
    let (mut math_library, mut expressions) = (false, String::new());
    while let Some((key, value)) = options.next_option()? {
        match key {
            "l" => math_library = true,
            "e" => {
                expressions.push_str(&value.unwrap_or_default());
                expressions.push('\n');
            }
            _ => {}
        }
    }
    let mut machine = Machine::new(stdout(), math_library);
    if !expressions.is_empty() && !run(&mut machine, &expressions)? {
        return Ok(0);
    }
    for name in options.operands() {
        let bytes = read_input(&name)
            .map_err(|error| Failure::new(1, format_args!("File {name} is unavailable: {}", reason(&error))))?;
        if !run(&mut machine, &String::from_utf8_lossy(&bytes))? {
            return Ok(0);
        }
    }
    if stillbox_sys::isatty(0) {
        // A person wants the answer after each line.
        let mut pending = String::new();
        while io::stdin().read_line(&mut pending)? > 0 {
            let open = pending.matches('{').count();
            if open > pending.matches('}').count() || pending.ends_with("\\\n") {
                continue;
            }
            if !run(&mut machine, &std::mem::take(&mut pending))? {
                return Ok(0);
            }
        }
        return Ok(0);
    }
    if expressions.is_empty() {
        let bytes = read_input("-").map_err(|error| Failure::new(1, reason(&error)))?;
        run(&mut machine, &String::from_utf8_lossy(&bytes))?;
    }
    Ok(0)
}

/// Runs a program; returns whether bc goes on after it.
fn run<W: Write>(machine: &mut Machine<W>, text: &str) -> Result<bool, Failure> {
    let complain = |machine: &mut Machine<W>, line: usize, message: &str| -> Result<(), Failure> {
        machine.flush()?;
        let _ = writeln!(io::stderr(), "(standard_in) {line}: {message}");
        Ok(())
    };
    let tokens = match lex(text) {
        Ok(tokens) => tokens,
        Err((line, message)) => {
            complain(machine, line, &message)?;
            return Ok(true);
        }
    };
    let mut parser = Parser::new(tokens);
    loop {
        let statements = match parser.line() {
            Ok(Some(statements)) => statements,
            Ok(None) => break,
            Err((line, message)) => {
                complain(machine, line, &message)?;
                parser.recover();
                continue;
            }
        };
        for statement in &statements {
            match machine.run(statement) {
                Ok(Flow::Quit) => {
                    machine.flush()?;
                    return Ok(false);
                }
                Ok(_) => {}
                Err(Error::Output(error)) => return Err(error.into()),
                Err(Error::Runtime(message)) => {
                    machine.flush()?;
                    let _ = writeln!(io::stderr(), "Runtime error (func=(main), adr=0): {message}");
                    break;
                }
            }
        }
    }
    machine.flush()?;
    Ok(true)
}
