//! `cargo xtask goldens`: the checkpoints of every version of the format, which have to stay readable.

use std::env;
use std::process::Command;

use anyhow::Result;

use crate::{repository, shell};

/// Write, or check, the checkpoints that keep the format's versions readable
#[derive(clap::Args)]
pub struct Goldens {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    /// Write those of the format's present version; fail if there are some
    Add,
    /// Read those of all versions
    Check,
}

impl Goldens {
    /// Runs the test that reads them, and writes them first if it is to.
    pub fn run(self) -> Result<()> {
        let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.current_dir(repository()).args(["test", "-p", "stillbox-checkpoint", "--test", "goldens"]);
        match self.verb {
            Verb::Add => cargo.env("STILLBOX_GOLDENS", "add"),
            Verb::Check => cargo.env_remove("STILLBOX_GOLDENS"),
        };
        shell::run(&mut cargo)
    }
}
