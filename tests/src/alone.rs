//! Tests that need a process of the host to themselves.

use std::process::{Command, Stdio};

use crate::engine;

/// Runs an ignored test of this binary in a process of its own, where no other test computes, allocates or opens anything.
///
/// # Panics
///
/// If the test fails, with what it printed, or if there is none of this name.
#[track_caller]
pub fn alone(test: &str) {
    let output = command(test).output().expect("the test's own file can be run");
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));
    assert!(told.contains("1 passed"), "there is no test {test}: {told}");
    print!("{told}");
}

/// Returns the command of the host's that runs an ignored test of this binary in a process of its own.
///
/// # Panics
///
/// If this binary can't be found.
pub fn command(test: &str) -> Command {
    engine::compile_programs();
    let mut command = Command::new(std::env::current_exe().expect("a test knows its own file"));
    command.env(engine::COMPILED, "1");
    command.args(["--exact", test, "--ignored", "--nocapture"]).stdin(Stdio::null());
    command
}
