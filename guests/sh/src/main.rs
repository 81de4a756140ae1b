//! A POSIX shell with the parts of bash that scripts use.
//!
//! `main` picks where commands come from; `syntax` reads them, `expand` turns words into arguments, `exec` runs them
//! and `builtins` holds the commands that are part of the shell. There is no fork: `subshell` says what is done
//! instead.

mod args;
mod arith;
mod builtins;
mod control;
mod editor;
mod escape;
mod exec;
mod expand;
mod glob;
mod input;
mod jobs;
mod parameters;
mod program;
mod prompt;
mod redirect;
mod regex;
mod shell;
mod subshell;
mod syntax;
mod text;
mod trap;
mod variables;

use std::rc::Rc;

use args::{Args, OptionName};
use shell::Shell;
use stillbox_sys as sys;

fn main() {
    let mut arguments: Vec<String> = std::env::args_os().map(|a| text::decode(a.as_encoded_bytes())).collect();
    let arg0 = if arguments.is_empty() { "sh".to_owned() } else { arguments.remove(0) };
    let program = own_program(&arg0);
    let status = match arguments.as_slice() {
        [first, fd] if first == subshell::ARGUMENT => subshell::main(fd, program),
        _ => match args::parse(arguments) {
            Ok(args) => run(args, arg0, program),
            Err(message) => {
                let _ = sys::write_all(2, format!("{arg0}: {message}\n").as_bytes());
                2
            }
        },
    };
    std::process::exit(status & 0xff);
}

/// Returns the path that starts this shell again.
fn own_program(arg0: &str) -> String {
    match std::fs::read_link("/proc/self/exe") {
        Ok(path) => text::decode(path.as_os_str().as_encoded_bytes()),
        Err(_) if arg0.contains('/') => arg0.to_owned(),
        Err(_) => "/bin/sh".to_owned(),
    }
}

fn run(args: Args, arg0: String, program: String) -> i32 {
    if args.version {
        let _ = sys::write_all(1, b"stillbox sh, compatible with bash 5.2.15(1)-release\n");
        return 0;
    }
    let mut shell = Shell::new(arg0.clone(), program);
    for (name, on) in &args.options {
        let option = match name {
            OptionName::Letter(letter) => shell.options.by_letter(*letter),
            OptionName::Long(name) => shell.options.by_name(name),
            OptionName::Shopt(name) => shell.shopts.by_name(name),
        };
        match option {
            Some(option) => *option = *on,
            None => {
                let _ = sys::write_all(2, format!("{arg0}: {name:?}: invalid option\n").as_bytes());
                return 2;
            }
        }
    }
    let mut rest = args.rest.into_iter();
    let from_stdin = args.stdin && args.command.is_none();
    let first = if from_stdin { None } else { rest.next() };
    shell.params = Rc::new(rest.collect());
    shell.interactive =
        args.interactive || (args.command.is_none() && first.is_none() && sys::isatty(0) && sys::isatty(2));
    if shell.interactive {
        shell.flags.push('i');
    }
    if args.login || arg0.starts_with('-') {
        shell.source_profile(args.no_profile);
    }
    if let Some(command) = args.command {
        shell.flags.push('c');
        if let Some(first) = first {
            shell.arg0 = first;
        }
        return shell.run_program_text(&command);
    }
    match first {
        Some(script) => shell.run_script(&script),
        None => {
            shell.flags.push('s');
            shell.run_stdin()
        }
    }
}
