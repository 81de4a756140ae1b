//! Each line of `tests/lines/*.txt` is run by `sh` in an empty directory, once with these tools first in `PATH` and
//! once with the system's. Both have to print the same and end the same; what they say on stderr may differ.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs, process};

/// The command lines, by the file that holds them.
const LINES: [(&str, &str); 7] = [
    ("archives", include_str!("lines/archives.txt")),
    ("bc", include_str!("lines/bc.txt")),
    ("changes", include_str!("lines/changes.txt")),
    ("files", include_str!("lines/files.txt")),
    ("json", include_str!("lines/json.txt")),
    ("processes", include_str!("lines/processes.txt")),
    ("text", include_str!("lines/text.txt")),
];

/// The lines that differ, by how they start, and why they may. One that does not differ any more fails the test.
const KNOWN: [(&str, &str); 10] = [
    ("jq -e empty </dev/null", "jq 1.6 takes no input for no fault; 1.7 gives 4, as its manual says"),
    ("echo 'x' | jq .", BAD_INPUT),
    ("echo '{' | jq .", BAD_INPUT),
    ("echo '1 2 x 3' | jq .", BAD_INPUT),
    ("echo '[1,2' | jq .", BAD_INPUT),
    ("echo 'nan' | jq .", BAD_INPUT),
    ("printf '1\\n2\\n' | jq -n 'input, input, (try", "jq 1.6 says \"break\" where later ones say \"No more inputs\""),
    ("jq; echo $?", "jq 1.6 prints its help and gives 0; 1.7 gives 2"),
    ("jq -nc 'null | setpath", "jaq has no slices of null as paths"),
    ("jq -nc '$__loc__'", "jaq's language has no $__loc__"),
];

const BAD_INPUT: &str = "jq 1.6 gives 4 for bad input; the manual and 1.7 say 2";

/// How many lines have to be comparable.
const COMPARED_MIN: usize = 120;

/// The programs under test, with links to them by the names of their applets.
struct Tools {
    links: PathBuf,
    names: Vec<String>,
}

impl Tools {
    fn install(directory: &Path) -> Self {
        let links = directory.join("links");
        fs::create_dir_all(&links).expect("a directory for the links");
        let mut names = vec!["jq".to_owned()];
        let programs = [env!("CARGO_BIN_EXE_tools"), env!("CARGO_BIN_EXE_archive")];
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_jq"), links.join("jq")).expect("a link");
        for program in programs {
            let list = Command::new(program).arg("--list").output().expect("the list of applets");
            for name in String::from_utf8(list.stdout).expect("names").lines() {
                std::os::unix::fs::symlink(program, links.join(name)).expect("a link");
                names.push(name.to_owned());
            }
        }
        Self { links, names }
    }

    /// Returns a program of these that the line uses and the system lacks.
    fn missing(&self, line: &str) -> Option<&str> {
        let path = env::var_os("PATH").unwrap_or_default();
        let is_there = |name: &str| env::split_paths(&path).any(|directory| directory.join(name).is_file());
        let words: Vec<&str> = line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-').collect();
        self.names.iter().map(String::as_str).find(|name| words.contains(name) && !is_there(name))
    }
}

/// What a command line printed, and how it ended.
#[derive(PartialEq)]
struct Outcome {
    stdout: Vec<u8>,
    status: Option<i32>,
}

fn run(line: &str, directory: &Path, first_in_path: Option<&Path>) -> (Outcome, String) {
    let _ = fs::remove_dir_all(directory);
    fs::create_dir_all(directory).expect("a directory to run in");
    let mut path = env::var_os("PATH").unwrap_or_default();
    if let Some(first) = first_in_path {
        let all = [first.to_path_buf()].into_iter().chain(env::split_paths(&path));
        path = env::join_paths(all).expect("a PATH");
    }
    let output = Command::new("sh")
        .args(["-c", line])
        .current_dir(directory)
        .env("PATH", path)
        .env("TZ", "UTC")
        .env("LC_ALL", "C.UTF-8")
        .env("TERM", "xterm")
        .stdin(Stdio::null())
        .output()
        .expect("sh runs");
    let outcome = Outcome { stdout: output.stdout, status: output.status.code() };
    (outcome, String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn lines_do_the_same_as_the_system_s() {
    let directory = env::temp_dir().join(format!("stillbox-tools-{}", process::id()));
    let tools = Tools::install(&directory);
    let (mut compared, mut wrong) = (0, Vec::new());
    for (file, lines) in LINES {
        for line in lines.lines().filter(|line| !line.is_empty()) {
            if let Some(name) = tools.missing(line) {
                println!("{file}: no {name} here to compare with: {line}");
                continue;
            }
            let here = directory.join("here");
            let (ours, stderr) = run(line, &here, Some(&tools.links));
            let (theirs, _) = run(line, &here, None);
            compared += 1;
            let known = KNOWN.iter().find(|(start, _)| line.starts_with(start));
            match (known, ours == theirs) {
                (None, false) => wrong.push(format!(
                    "{file}: {line}\n--- status {:?}, not {:?}; ours:\n{}--- theirs:\n{}--- stderr:\n{stderr}",
                    ours.status,
                    theirs.status,
                    String::from_utf8_lossy(&ours.stdout),
                    String::from_utf8_lossy(&theirs.stdout),
                )),
                (Some((start, _)), true) => wrong.push(format!("{file}: {start} does not differ any more")),
                _ => {}
            }
        }
    }
    fs::remove_dir_all(&directory).expect("the directory goes");
    println!("{compared} lines compared");
    assert!(wrong.is_empty(), "{} of {compared} lines differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(compared >= COMPARED_MIN, "only {compared} lines were compared");
}
