//! The same commands on the host, with its own tools.

use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// How a command ended, and what it wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The exit code, or the negated signal.
    pub code: i32,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error, which differs from one implementation of a tool to the next.
    pub stderr: String,
}

/// The variables that commands get, here and in a sandbox, so that both speak the same language.
pub const ENV: [(&str, &str); 3] = [("HOME", "/root"), ("LC_ALL", "C"), ("TZ", "UTC")];

/// Runs `bash` with these arguments in a directory of the host, without any input.
///
/// # Panics
///
/// If there is no `bash`, without which a comparison would be worth nothing.
pub fn bash(dir: &Path, args: &[&str]) -> Outcome {
    bash_with(dir, args, &[])
}

/// Runs `bash` with these variables beside those of [`ENV`].
///
/// # Panics
///
/// As [`bash`].
pub fn bash_with(dir: &Path, args: &[&str], env: &[(&str, &str)]) -> Outcome {
    let mut command = Command::new("bash");
    command.args(args).current_dir(dir).stdin(Stdio::null());
    command.env_clear().envs(ENV).envs(env.iter().copied());
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    let output = command.output().expect("bash is installed: the tests compare with it");
    let status = output.status;
    let code = status.code().or_else(|| Some(-status.signal()?)).expect("a process ends with a code or by a signal");
    Outcome { code, stdout: output.stdout, stderr: String::from_utf8_lossy(&output.stderr).into_owned() }
}

/// Returns whether the host has a program of this name.
pub fn has(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(program).is_file())
}
