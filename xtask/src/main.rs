//! `cargo xtask VERB`: everything that is done to this repository by a program.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The repository's own commands")]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    Ci(xtask::ci::Ci),
    Goldens(xtask::goldens::Goldens),
    Guests(xtask::guests::Guests),
    Tidy(xtask::tidy::Tidy),
}

fn main() -> ExitCode {
    let done = match Cli::parse().verb {
        Verb::Ci(verb) => verb.run(),
        Verb::Goldens(verb) => verb.run(),
        Verb::Guests(verb) => verb.run(),
        Verb::Tidy(verb) => verb.run(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
