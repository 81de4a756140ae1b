//! Each line of `differential/*.txt` is run by `sh` in a sandbox and by `bash` on the host, over the files of
//! `differential/input`, and has to print the same and end the same. What it says on standard error may differ.

use std::path::Path;
use std::time::Duration;

use stillbox::{Command, CommandResult, SandboxSpec};
use stillbox_tests::native::{self, Outcome};
use stillbox_tests::tree::Tree;
use stillbox_tests::{Fresh, sandbox_of, test_within};

/// The command lines, by the file that holds them.
const GROUPS: &[(&str, &str)] = &[
    ("coreutils", include_str!("../../differential/coreutils.txt")),
    ("text", include_str!("../../differential/text.txt")),
    ("files", include_str!("../../differential/files.txt")),
    ("json", include_str!("../../differential/json.txt")),
    ("shell", include_str!("../../differential/shell.txt")),
];

/// The lines whose outcomes differ, and why they may. One that doesn't differ any more fails the test.
const KNOWN: &[(&str, &str)] = &[
    ("pr -t -2 -l 8 words.txt", "uutils fills columns with spaces where GNU uses tabs"),
    ("cmp left.txt right.txt", "GNU says `char` in the C locale and `byte` in all others; ours always says `byte`"),
];

/// The programs that a host may lack. Lines that need a missing one aren't compared there.
const OPTIONAL: [&str; 3] = ["jq", "column", "rev"];

/// How many lines have to be comparable on every host.
const COMPARED_MIN: usize = 120;

macro_rules! groups {
    ($($name:ident)+) => {
        $(#[test] fn $name() { same_as_native(stringify!($name)); })+

        #[test]
        fn every_group_has_a_test() {
            assert_eq!(GROUPS.iter().map(|(name, _)| *name).collect::<Vec<_>>(), [$(stringify!($name)),+]);
        }
    };
}
groups!(coreutils text files json shell);

#[test]
fn enough_lines_are_compared() {
    let all: Vec<_> = GROUPS.iter().flat_map(|(_, lines)| commands(lines)).collect();
    let compared = all.iter().filter(|line| missing(line).is_none() && known(line).is_none()).count();
    assert!(compared >= COMPARED_MIN, "{compared} of {} lines are compared", all.len());
}

#[test]
fn known_differences_are_lines_of_the_lists() {
    for (line, reason) in KNOWN {
        assert!(GROUPS.iter().any(|(_, lines)| commands(lines).any(|listed| listed == *line)), "no line {line:?}");
        assert!(!reason.is_empty());
    }
}

fn same_as_native(group: &str) {
    let (_, lines) = GROUPS.iter().find(|(name, _)| *name == group).expect("the group is listed");
    let input = Tree::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("differential/input"));
    let mut wrong = Vec::new();
    for line in commands(lines) {
        if let Some(program) = missing(line) {
            eprintln!("not compared, because the host has no {program}: {line}");
            continue;
        }
        let expected = natively(&input, line);
        let got = test_within(Duration::from_secs(60), in_a_sandbox(&input, line));
        let is_same = got.exit_code == expected.code && got.stdout_bytes == expected.stdout;
        match known(line) {
            None if !is_same => wrong.push(difference(line, &expected, &got)),
            Some(reason) if is_same => wrong.push(format!("$ {line}\n    no longer differs; it did because {reason}")),
            _ => {}
        }
    }
    assert!(wrong.is_empty(), "{} lines:\n{}", wrong.len(), wrong.join("\n"));
}

/// Returns the lines of a list that are commands.
fn commands(lines: &str) -> impl Iterator<Item = &str> {
    lines.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}

fn known(line: &str) -> Option<&'static str> {
    KNOWN.iter().find(|(known, _)| *known == line).map(|(_, reason)| *reason)
}

/// Returns a program that the line needs and the host lacks.
fn missing(line: &str) -> Option<&'static str> {
    let words = || line.split(|c: char| !c.is_alphanumeric());
    OPTIONAL.into_iter().find(|program| words().any(|word| word == *program) && !native::has(program))
}

fn natively(input: &Tree, line: &str) -> Outcome {
    let dir = tempfile::tempdir().expect("a temporary directory can be made");
    // The same name as in the sandbox, for what shows it.
    let dir = dir.path().join("work");
    input.write_to_host(&dir);
    native::bash(&dir, &["-c", line])
}

async fn in_a_sandbox(input: &Tree, line: &str) -> CommandResult {
    let spec = SandboxSpec::default().working_dir("/work");
    let spec = native::ENV.into_iter().fold(spec, |spec, (key, value)| spec.env(key, value));
    let sandbox: Fresh = sandbox_of(spec).await;
    input.write_to_sandbox(&*sandbox, "/work").await;
    // Called as bash, because it is what the line is compared with.
    sandbox.ran(Command::new("bash").args(["-c", line]).timeout(Duration::from_secs(20))).await
}

fn difference(line: &str, expected: &Outcome, got: &CommandResult) -> String {
    let shown = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        let first: String = text.chars().take(300).collect();
        if first.len() < text.len() { format!("{first:?}.. ({} bytes)", bytes.len()) } else { format!("{first:?}") }
    };
    format!(
        "$ {line}\n    host    {} {}\n    sandbox {} {}\n    stderr  {}",
        expected.code,
        shown(&expected.stdout),
        got.exit_code,
        shown(&got.stdout_bytes),
        shown(&got.stderr_bytes)
    )
}
