//! The `stillbox` command, and what it is made of for programs that want the same guests and the same image.
//!
//! - [`guests`] fetches, keeps and lists programs such as Python, which are too large to be built in.
//! - [`image`] makes the engine whose sandboxes have the built-in programs and the added ones.
//! - [`home`] says where all of that lives.
//! - `args` is the command line, and `verbs` has one file for each thing that it can ask for.

mod args;
mod output;
mod sandbox;
mod signals;
mod terminal;
mod verbs;

pub mod guests;
pub mod home;
pub mod image;

use std::process::ExitCode;

use clap::Parser as _;
use tracing_subscriber::EnvFilter;

use args::{Cli, Verb};

/// Does what this process's command line asks for, and returns its exit code.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let filter = EnvFilter::try_from_env("STILLBOX_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();

    match cli.verb {
        Verb::Run(args) => verbs::run::main(args).unwrap_or_else(|error| output::not_run(&error)),
        Verb::Shell(args) => verbs::shell::main(args).unwrap_or_else(|error| output::not_run(&error)),
        Verb::Guests(args) => match verbs::guests::main(args.verb) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => output::failed(&error),
        },
    }
}
