//! Running a program on the host.

use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

/// Starts a program, reads its output to the end, and waits for it. It has to succeed.
///
/// Rust's standard library starts programs with `posix_spawn`, which shares the memory of the caller until the program
/// is loaded: faster than `fork`, and so the stricter yardstick.
pub fn run(program: &str, args: &[&str]) -> Result<Vec<u8>> {
    let mut command = Command::new(program);
    let output = command.args(args).stdin(Stdio::null()).output().with_context(|| format!("cannot run {program}"))?;
    ensure!(output.status.success(), "{program}: {}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    Ok(output.stdout)
}

/// Returns whether the host has a program of this name.
pub fn has(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(program).is_file())
}
