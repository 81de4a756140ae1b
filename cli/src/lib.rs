//! The `stillbox` command, and what it is made of for programs that want the same guests and the same image.
//!
//! - [`guests`] fetches, keeps and lists programs such as Python, which are too large to be built in.
//! - [`image`] makes the engine whose sandboxes have the built-in programs and the added ones.
//! - [`home`] says where all of that lives.
//! - `named` is a sandbox that outlives the commands, `claim` says which command has it awake, and `requests` is what others
//!   ask of that one; `foreground` gives a process in a sandbox our standard streams.
//! - `args` is the command line, and `verbs` has one file for each thing that it can ask for.

mod args;
mod claim;
mod foreground;
mod named;
mod output;
mod requests;
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
        Verb::Run(args) => verbs::run::main(&args).unwrap_or_else(|error| output::not_run(&error)),
        Verb::Shell(args) => verbs::shell::main(args).unwrap_or_else(|error| output::not_run(&error)),
        Verb::Exec(args) => verbs::named::exec(&args).unwrap_or_else(|error| output::not_run(&error)),
        Verb::Resume(args) => verbs::named::resume(&args).unwrap_or_else(|error| output::not_run(&error)),
        Verb::Restore(args) => verbs::snapshots::restore(&args).unwrap_or_else(|error| output::not_run(&error)),
        Verb::Create(args) => done(verbs::named::create(&args)),
        Verb::Ps { json } => done(verbs::named::list(json)),
        Verb::Rm(args) => done(verbs::named::remove(&args)),
        Verb::Suspend(args) => done(verbs::named::suspend(&args)),
        Verb::Checkpoint(args) => done(verbs::snapshots::checkpoint(&args)),
        Verb::Fork(args) => done(verbs::snapshots::fork(&args)),
        Verb::Snapshots(args) => done(verbs::snapshots::main(&args)),
        Verb::Guests(args) => done(verbs::guests::main(args.verb)),
    }
}

fn done(result: anyhow::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => output::failed(&error),
    }
}
