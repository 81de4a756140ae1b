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
    let mut child = Command::new(std::env::current_exe().expect("a test knows its own file"));
    engine::compile_programs();
    child.env(engine::COMPILED, "1");
    child.args(["--exact", test, "--ignored", "--nocapture"]).stdin(Stdio::null());
    let output = child.output().expect("the test's own file can be run");
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));
    assert!(told.contains("1 passed"), "there is no test {test}: {told}");
    print!("{told}");
}
