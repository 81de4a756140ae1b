//! Runs command lines with our programs and with the system's, and compares what they print and how they end.
//!
//! The commands are in `commands/`, one a line. Each runs in a directory of its own, made by `commands/setup.sh`.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const OURS: &str = env!("CARGO_BIN_EXE_text");

/// What the programs are called, and what they are compared with.
struct Suite {
    name: &'static str,
    commands: &'static str,
    /// The system's program, and a word that its `--version` must have.
    peer: (&'static str, &'static str),
    programs: &'static [&'static str],
}

/// Returns the path of the system's `name`, if its version has `word`.
fn find_peer(name: &str, word: &str) -> Option<PathBuf> {
    let path = ["/usr/bin", "/bin", "/usr/local/bin"]
        .iter()
        .map(|dir| Path::new(dir).join(name))
        .find(|path| path.exists())?;
    let output = Command::new(&path).arg("--version").stdin(Stdio::null()).output().ok()?;
    String::from_utf8_lossy(&output.stdout).contains(word).then_some(path)
}

/// What a command printed, and its exit status.
type Outcome = (String, Option<i32>);

/// Makes the files that the commands work on.
fn set_up(directory: &Path) {
    fs::create_dir_all(directory).expect("a scratch directory");
    let setup = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/commands/setup.sh");
    let made = Command::new("sh").arg(setup).current_dir(directory).status().expect("a shell");
    assert!(made.success(), "the files to work on could not be made");
}

fn run(command: &str, programs: &Path, files: &Path, directory: &Path) -> Outcome {
    fs::remove_dir_all(directory).ok();
    let copied = Command::new("cp").arg("-a").args([files, directory]).status().expect("cp");
    assert!(copied.success(), "the files to work on could not be copied");
    let output = Command::new("sh")
        .args(["-c", command])
        .current_dir(directory)
        .env_clear()
        .env("PATH", format!("{}:/usr/bin:/bin", programs.display()))
        .env("LC_ALL", "C.UTF-8")
        .env("TZ", "UTC0")
        .stdin(Stdio::null())
        .output()
        .expect("a shell");
    (String::from_utf8_lossy(&output.stdout).into_owned(), output.status.code())
}

fn compare(suite: &Suite) {
    let (peer, word) = suite.peer;
    let Some(peer) = find_peer(peer, word) else {
        eprintln!("skipped: {}: there is no {peer} ({word}) to compare with", suite.name);
        return;
    };
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR")).join(suite.name);
    let (ours, theirs) = (scratch.join("ours"), scratch.join("theirs"));
    fs::remove_dir_all(&scratch).ok();
    for directory in [&ours, &theirs] {
        fs::create_dir_all(directory).expect("a scratch directory");
    }
    for program in suite.programs {
        symlink(OURS, ours.join(program)).expect("a link to our program");
    }
    if suite.programs == ["awk"] {
        symlink(&peer, theirs.join("awk")).expect("a link to the system's program");
    }
    let (files, place) = (scratch.join("files"), scratch.join("work"));
    set_up(&files);
    let commands: Vec<&str> = suite.commands.lines().filter(|line| !line.is_empty()).collect();
    let mut different = Vec::new();
    for command in &commands {
        let (expected, found) = (run(command, &theirs, &files, &place), run(command, &ours, &files, &place));
        if expected != found {
            different.push(format!("$ {command}\nexpected {expected:?}\nfound    {found:?}"));
        }
    }
    assert!(different.is_empty(), "{} of {} differ:\n{}", different.len(), commands.len(), different.join("\n\n"));
}

#[test]
fn grep_does_as_gnu_grep() {
    compare(&Suite {
        name: "grep",
        commands: include_str!("commands/grep.txt"),
        peer: ("grep", "GNU grep"),
        programs: &["grep", "egrep", "fgrep"],
    });
}

#[test]
fn sed_does_as_gnu_sed() {
    compare(&Suite {
        name: "sed",
        commands: include_str!("commands/sed.txt"),
        peer: ("sed", "GNU sed"),
        programs: &["sed"],
    });
}

#[test]
fn awk_does_as_mawk() {
    let (peer, word) = if find_peer("mawk", "mawk").is_some() { ("mawk", "mawk") } else { ("gawk", "GNU Awk") };
    compare(&Suite { name: "awk", commands: include_str!("commands/awk.txt"), peer: (peer, word), programs: &["awk"] });
}

#[test]
fn awk_does_as_gawk() {
    let commands = concat!(include_str!("commands/awk.txt"), include_str!("commands/gawk.txt"));
    compare(&Suite { name: "gawk", commands, peer: ("gawk", "GNU Awk"), programs: &["awk"] });
}

#[test]
fn find_does_as_gnu_find() {
    compare(&Suite {
        name: "find",
        commands: include_str!("commands/find.txt"),
        peer: ("find", "GNU findutils"),
        programs: &["find"],
    });
}

#[test]
fn xargs_does_as_gnu_xargs() {
    compare(&Suite {
        name: "xargs",
        commands: include_str!("commands/xargs.txt"),
        peer: ("xargs", "GNU findutils"),
        programs: &["xargs", "find"],
    });
}

/// A reader that leaves early must end us quietly, as the signal ends the system's programs.
#[test]
fn a_closed_pipe_ends_a_program_quietly() {
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pipe");
    fs::remove_dir_all(&scratch).ok();
    fs::create_dir_all(&scratch).expect("a scratch directory");
    for program in ["grep", "sed", "awk", "find"] {
        symlink(OURS, scratch.join(program)).expect("a link to our program");
    }
    for command in ["yes | grep y", "yes | sed s/y/n/", "yes | awk '{print $1}'", "awk 'BEGIN{for(;;) print}'"] {
        let output = Command::new("sh")
            .args(["-c", &format!("{command} | head -n 1")])
            .env("PATH", format!("{}:/usr/bin:/bin", scratch.display()))
            .output()
            .expect("a shell");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{command}");
        assert!(output.status.success(), "{command}");
    }
}
