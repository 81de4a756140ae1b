//! Each check finds what it is there for, and leaves the rest alone.

use super::{File, broken, committed, length};
use crate::repository;

fn file(path: &str, text: &str) -> File {
    File { path: path.to_owned(), text: text.to_owned() }
}

fn check(path: &str, text: &str) -> String {
    broken(&[file(path, text)]).join("\n")
}

#[test]
fn finds_a_crate_that_knows_too_much() {
    assert_eq!(
        check("cli/src/main.rs", "use wasmtime::Engine;"),
        "cli/src/main.rs:1: `wasmtime::`: only the engine and what it captures programs with know the runtime"
    );
    assert_eq!(check("engine/src/lib.rs", "use wasmtime::Engine;"), "");
    assert_eq!(check("cli/src/main.rs", "// wasmtime::Engine is not used here."), "");
    assert!(check("kernel/src/pipe.rs", "let now = std::time::Instant::now();").contains("the clock alone"));
    assert_eq!(check("kernel/src/clock.rs", "let now = std::time::Instant::now();"), "");
    assert_eq!(check("kernel/src/fs/mount/tests.rs", "std::fs::write(a, b);"), "");
    assert!(check("kernel/src/fs/tree.rs", "use std::fs;").contains("no I/O"));
    assert_eq!(check("kernel/src/fs/mount.rs", "use cap_std::fs::Dir;"), "");
    assert!(check("host-api/src/lib.rs", "tokio::spawn(x);").contains("names no runtime"));
}

#[test]
fn finds_an_exception_without_a_reason() {
    assert!(check("a/src/lib.rs", "    #[ignore]\n").contains("without a reason"));
    assert_eq!(check("a/src/lib.rs", "    #[ignore = \"needs a terminal\"]\n"), "");
    assert!(check("Cargo.toml", "[workspace.lints.clippy]\nall = \"allow\"\n").contains("without a comment"));
    assert_eq!(check("Cargo.toml", "[workspace.lints.clippy]\n# It is wrong.\nall = \"allow\"\n"), "");
}

#[test]
fn finds_the_machine() {
    assert!(check("README.md", "see https://index.crates.io/").contains("one machine"));
    assert!(check("README.md", &format!("cd {}/cli", repository().display())).contains("one machine"));
    assert_eq!(check("README.md", "HOME=/root"), "");
}

#[test]
fn finds_a_manifest_that_goes_its_own_way() {
    assert!(check("a/Cargo.toml", "[package]\nname = \"a\"\n").contains("lints"));
    assert!(
        check("kernel/Cargo.toml", "[dependencies]\nwasmtime.workspace = true\n").contains("depends on the runtime")
    );
}

#[test]
fn finds_a_forgotten_test() {
    let files = [
        file("tests/tests/all/main.rs", "mod exec;\n"),
        file("tests/tests/all/fs.rs", ""),
        file("tests/tests/all/exec.rs", ""),
    ];
    assert_eq!(broken(&files), ["tests/tests/all/fs.rs: is not named in main.rs"]);
}

#[test]
fn notes_a_long_file() {
    assert_eq!(length::notes(&[file("a.rs", &"\n".repeat(601))]), ["a.rs: 601 lines"]);
}

#[test]
fn the_repository_is_tidy() {
    let files = committed(&repository()).expect("git lists the repository's files");
    assert_eq!(broken(&files), Vec::<String>::new());
}
