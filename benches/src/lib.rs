//! What the benchmarks measure: functions of a size, each beside its yardstick on the host.
//!
//! The modules are named by the life of a sandbox. [`sample`] takes ours and the yardstick in turns and tells medians and
//! percentiles. Every piece of work also runs once, small, as a test.

pub mod captured;
pub mod create;
pub mod exec;
pub mod fan_out;
pub mod files;
pub mod host;
pub mod job;
pub mod load;
pub mod pipes;
pub mod plain;
pub mod sample;
pub mod still;

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use stillbox::blocking::{Engine, Sandbox};
use stillbox::{Command, CommandResult, Image, SandboxSpec};

/// Starts an engine as [`async_engine`] does, with calls that block.
pub fn engine() -> Result<Engine> {
    Ok(async_engine()?.into())
}

/// Starts an engine whose sandboxes have the probes beside the standard programs. What it compiles is kept for the next
/// run.
pub fn async_engine() -> Result<stillbox::Engine> {
    let probes = stillbox_guests::find("probes").context("the probes are not prebuilt")?;
    let mut image = Image::standard()?.extend();
    image.file("/bin/probes", probes.bytes, 0o755)?;
    Ok(stillbox::Engine::builder().cache_dir(cache()).default_image(image.finish()?).build()?)
}

/// Returns where compiled programs are kept from one run to the next.
fn cache() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/stillbox-benches"))
}

/// Makes a sandbox that ends with its handle.
pub fn sandbox(engine: &Engine) -> Result<Sandbox> {
    Ok(engine.create(SandboxSpec::default().terminate_on_drop(true))?)
}

/// Runs a command that has to succeed.
fn run(sandbox: &Sandbox, command: Command) -> Result<CommandResult> {
    let result = sandbox.run(command)?;
    ensure!(result.success(), "{:?} {}: {}", result.reason, result.exit_code, result.stderr);
    Ok(result)
}

#[cfg(test)]
mod tests;
