//! Runs every script of `tests/scripts` with bash and with this shell, natively, and compares what they print and how
//! they end.
//!
//! Standard error is left out: its texts are meant to be alike, but hold process numbers and the place of bash.

#![cfg(unix)]

use std::path::Path;
use std::process::{Command, Output, Stdio};

fn run(shell: &str, script: &Path) -> Output {
    Command::new(shell)
        .arg(script.file_name().expect("a script has a name"))
        .current_dir(script.parent().expect("a script is in a folder"))
        .env("TEST_SHELL", shell)
        .env("LC_ALL", "C.UTF-8")
        .env("TZ", "UTC")
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("cannot run {shell}: {error}"))
}

/// Returns the first lines that differ, for a message that can be read.
fn difference(expected: &Output, actual: &Output) -> Option<String> {
    let text = |output: &Output| String::from_utf8_lossy(&output.stdout).into_owned();
    let (left, right) = (text(expected), text(actual));
    if expected.stdout != actual.stdout {
        let line = left.lines().zip(right.lines()).position(|(a, b)| a != b);
        let line = line.unwrap_or_else(|| left.lines().count().min(right.lines().count()));
        let at = |text: &str| text.lines().nth(line).unwrap_or("(nothing)").to_owned();
        return Some(format!("line {}: bash prints\n    {}\nbut sh prints\n    {}", line + 1, at(&left), at(&right)));
    }
    (expected.status.code() != actual.status.code())
        .then(|| format!("bash ends with {}, sh with {}", expected.status, actual.status))
}

#[test]
fn scripts_print_what_bash_prints() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts");
    let mut scripts: Vec<_> =
        std::fs::read_dir(&folder).expect("the scripts").map(|e| e.expect("an entry").path()).collect();
    scripts.sort();
    assert!(scripts.len() >= 40, "only {} scripts were found", scripts.len());
    let mut failures = Vec::new();
    for script in &scripts {
        let (bash, sh) = (run("/bin/bash", script), run(env!("CARGO_BIN_EXE_sh"), script));
        if let Some(difference) = difference(&bash, &sh) {
            let name = script.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
            failures.push(format!("{name}, {difference}\n{}", String::from_utf8_lossy(&sh.stderr)));
        }
    }
    assert!(failures.is_empty(), "{} of {} scripts differ:\n{}", failures.len(), scripts.len(), failures.join("\n"));
}
