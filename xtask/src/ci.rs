//! `cargo xtask ci`: everything that has to pass before a change is taken.

use std::env;
use std::process::Command;

use anyhow::Result;

use crate::guests::Guests;
use crate::tidy::Tidy;
use crate::{repository, shell};

/// Run every check: format, lints, invariants, prebuilt guests, tests, the tour, documentation, dependencies
#[derive(clap::Args)]
pub struct Ci {}

impl Ci {
    /// Runs the checks, the quick ones first, and stops at the first that fails.
    pub fn run(self) -> Result<()> {
        let guests = repository().join("guests");
        step("format", || shell::run(cargo().args(["fmt", "--all", "--check"])))?;
        step("format of the guests", || shell::run(cargo().args(["fmt", "--all", "--check"]).current_dir(guests)))?;
        step("invariants", || Tidy {}.run())?;
        step("prebuilt guests", || Guests::check().run())?;
        step("lints", || shell::run(cargo().args(["clippy", "--all-targets", "--", "-D", "warnings"])))?;
        step("tests", || shell::run(cargo().arg("test")))?;
        step("the tour", || shell::run(cargo().args(["run", "--example", "tour"])))?;
        step("documentation", || shell::run(cargo().args(["doc", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings")))?;
        step("dependencies", dependencies)
    }
}

fn step(name: &str, check: impl FnOnce() -> Result<()>) -> Result<()> {
    println!("== {name}");
    check()
}

/// Checks licences and advisories where the tool for it is installed.
fn dependencies() -> Result<()> {
    let installed = cargo().args(["deny", "--version"]).output().is_ok_and(|output| output.status.success());
    if !installed {
        println!("skipped: cargo-deny is not installed");
        return Ok(());
    }
    shell::run(cargo().args(["deny", "check"]))
}

fn cargo() -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(repository());
    cargo
}
