//! A whole life: a sandbox is made, runs a program and ends.

use anyhow::Result;
use stillbox::blocking::Engine;
use stillbox::{Command, SandboxSpec};

use crate::{host, run};

/// Makes a sandbox and ends it.
pub fn create_terminate(engine: &Engine) -> Result<()> {
    engine.create(SandboxSpec::default())?.terminate()?;
    Ok(())
}

/// Makes a sandbox, runs a program that does nothing, and ends it.
pub fn life(engine: &Engine) -> Result<()> {
    let sandbox = engine.create(SandboxSpec::default())?;
    run(&sandbox, Command::new("true"))?;
    sandbox.terminate()?;
    Ok(())
}

/// The yardstick: a program that does nothing, on the host, without any sandbox.
pub fn native() -> Result<()> {
    host::run("/bin/true", &[]).map(drop)
}

/// Returns whether the host has bubblewrap and may use it.
pub fn has_bubblewrap() -> bool {
    host::has("bwrap") && bubblewrap().is_ok()
}

/// A program that does nothing in a sandbox of namespaces.
pub const BUBBLEWRAP: [&str; 6] = ["--ro-bind", "/", "/", "--unshare-all", "--die-with-parent", "/bin/true"];

/// The other yardstick: the same program in a sandbox of namespaces.
pub fn bubblewrap() -> Result<()> {
    host::run("bwrap", &BUBBLEWRAP).map(drop)
}
