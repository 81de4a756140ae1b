//! Sandboxes that outlive the command, and snapshots: what was begun by one process goes on in another.

mod common;

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use common::{in_home, json, next_line, send, start, text};
use tempfile::TempDir;

/// The exit code of a command that was suspended.
const SUSPENDED: i32 = 148;

/// Computes, says how far it has come, and ends with code 5. It takes some seconds, whatever the machine.
const COMPUTE: &str = r#"
    step() { sum=$(( (sum * 31 + $1) % 1000003 )); }
    sum=7
    for i in $(seq 1 40); do
        j=0
        while [ $j -lt 100 ]; do step $j; j=$((j + 1)); done
        echo "$i $sum"
        sleep 0.1
    done
    exit 5
"#;

/// What it says undisturbed.
fn computed() -> String {
    let mut sum = 7_u64;
    let mut lines = String::new();
    for number in 1..=40 {
        (0..100).for_each(|step| sum = (sum * 31 + step) % 1_000_003);
        lines.push_str(&format!("{number} {sum}\n"));
    }
    lines
}

/// A user with data of their own. Compiled programs are shared with the other tests.
struct User(TempDir);

impl User {
    fn new() -> Self {
        static CACHE: OnceLock<PathBuf> = OnceLock::new();
        let shared = CACHE.get_or_init(|| Path::new(env!("CARGO_TARGET_TMPDIR")).join("home/cache"));
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        fs::create_dir_all(shared).unwrap();
        std::os::unix::fs::symlink(shared, dir.path().join("cache")).unwrap();
        Self(dir)
    }

    fn command(&self, args: &[&str]) -> Command {
        in_home(self.0.path(), args)
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(args).stderr(Stdio::piped()).output().unwrap()
    }

    /// Runs what must succeed, and returns its output.
    fn ok(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert!(output.status.success(), "{args:?}: {}", text(&output.stderr));
        text(&output.stdout).to_owned()
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    fn ps(&self) -> serde_json::Value {
        json(&self.run(&["ps", "--json"]))
    }
}

/// Has a command go on until it has said `lines` lines, then does something, and returns all that it says and its exit code.
fn until(command: Command, lines: usize, then: impl FnOnce(&std::process::Child)) -> (String, Option<i32>) {
    let (mut child, mut stdout) = start(command);
    let mut said: String = (0..lines).map(|_| next_line(&mut stdout)).collect();
    then(&child);
    stdout.read_to_string(&mut said).unwrap();
    (said, child.wait().unwrap().code())
}

#[test]
fn a_sandbox_is_made_used_listed_and_removed() {
    let user = User::new();
    user.ok(&["create", "box", "--env", "A=1", "--workdir", "/srv/job"]);
    let output = user.run(&["exec", "box", "sh", "-c", "echo $A $PWD >state; exit 3"]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    assert_eq!(user.ok(&["exec", "box", "cat", "state"]), "1 /srv/job\n");
    let listed = user.ps();
    assert_eq!((&listed[0]["name"], &listed[0]["status"]), (&"box".into(), &"suspended".into()));
    assert_eq!(listed.as_array().unwrap().len(), 1);

    let again = user.run(&["create", "box"]);
    assert_eq!(again.status.code(), Some(1));
    assert!(text(&again.stderr).contains("there is a sandbox box already"), "{}", text(&again.stderr));
    user.ok(&["rm", "box"]);
    assert_eq!(user.ps(), serde_json::json!([]));
    let gone = user.run(&["exec", "box", "true"]);
    assert_eq!((gone.status.code(), text(&gone.stderr)), (Some(125), "stillbox: no sandbox \"box\"\n"));
}

#[test]
fn a_mount_is_there_again_when_a_sandbox_wakes_up() {
    let user = User::new();
    let shown = tempfile::tempdir().unwrap();
    fs::write(shown.path().join("file"), "shown\n").unwrap();
    user.ok(&["create", "box", "--mount", &format!("{}:/mnt/host", shown.path().display())]);
    assert_eq!(user.ok(&["exec", "box", "cat", "/mnt/host/file"]), "shown\n");
}

#[test]
fn a_run_is_suspended_and_goes_on_in_another_process() {
    let user = User::new();
    let suspend = |_: &_| assert_eq!(user.ok(&["suspend", "work"]), "work is suspended\n");
    let (mut said, code) = until(user.command(&["run", "--name", "work", "sh", "-c", COMPUTE]), 2, suspend);
    assert_eq!(code, Some(SUSPENDED));
    for _ in 0..2 {
        assert_eq!(user.ps()[0]["status"], "suspended");
        let (more, code) = until(user.command(&["resume", "work"]), 1, suspend);
        said.push_str(&more);
        assert_eq!(code, Some(SUSPENDED));
    }
    let (rest, code) = until(user.command(&["resume", "work"]), 1, |_| {
        let listed = user.ps();
        assert_eq!((&listed[0]["status"], &listed[0]["processes"]), (&"running".into(), &1.into()));
        let refused = user.run(&["rm", "work"]);
        assert_eq!(refused.status.code(), Some(1), "{}", text(&refused.stdout));
    });
    said.push_str(&rest);
    assert_eq!((said, code), (computed(), Some(5)));
    // Its end is told again, its output isn't.
    let again = user.run(&["resume", "work"]);
    assert_eq!((text(&again.stdout), again.status.code()), ("", Some(5)));
}

#[test]
fn a_resumed_process_has_input_and_signals() {
    let user = User::new();
    let script =
        "trap 'echo caught; exit 9' INT; read a; echo \"got $a\"; read b; echo \"got $b\"; while :; do :; done";
    let fed = |args: &[&str], line: &str| {
        let (mut child, mut stdout) = start({
            let mut command = user.command(args);
            command.stdin(Stdio::piped());
            command
        });
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(line.as_bytes()).unwrap();
        assert_eq!(next_line(&mut stdout), format!("got {line}"));
        (child, stdout, stdin)
    };
    let (mut child, _stdout, _stdin) = fed(&["run", "--name", "talk", "sh", "-c", script], "one\n");
    user.ok(&["suspend", "talk"]);
    assert_eq!(child.wait().unwrap().code(), Some(SUSPENDED));
    let (mut child, mut stdout, _stdin) = fed(&["resume", "talk"], "two\n");
    send(&child, "-INT");
    assert_eq!((next_line(&mut stdout).as_str(), child.wait().unwrap().code()), ("caught\n", Some(9)));
}

#[test]
fn what_runs_is_removed_by_force() {
    let user = User::new();
    let (_, code) = until(user.command(&["run", "--name", "work", "sh", "-c", COMPUTE]), 1, |_| {
        user.ok(&["rm", "--force", "work"]);
    });
    assert_eq!((code, user.ps()), (Some(137), serde_json::json!([])));
}

#[test]
fn a_killed_host_leaves_its_snapshots() {
    let user = User::new();
    let mut id = String::new();
    let (said, code) = until(user.command(&["run", "--name", "work", "sh", "-c", COMPUTE]), 2, |child| {
        id = user.ok(&["checkpoint", "work"]).trim().to_owned();
        send(child, "-KILL");
    });
    assert_eq!(code, None);
    assert_eq!(user.ps(), serde_json::json!([]));
    let restored = user.run(&["restore", &id]);
    let rest = text(&restored.stdout);
    assert_eq!(restored.status.code(), Some(5), "{}", text(&restored.stderr));
    assert!(computed().starts_with(&said), "{said}");
    assert!(computed().ends_with(rest) && said.len() + rest.len() >= computed().len(), "{rest}");
    // The snapshot is there for as long as it is wanted.
    user.ok(&["restore", &id, "--name", "again", "--detach"]);
    assert_eq!(user.ps().as_array().unwrap().len(), 2);
    user.ok(&["snapshots", "rm", &id]);
    assert_eq!(json(&user.run(&["snapshots", "--json"])), serde_json::json!([]));
    assert_eq!(user.run(&["resume", "again"]).status.code(), Some(5));
}

#[test]
fn copies_finish_each_by_itself() {
    let user = User::new();
    let (said, code) = until(user.command(&["run", "--name", "work", "sh", "-c", COMPUTE]), 2, |_| {
        assert_eq!(user.ok(&["fork", "work", "--times", "2"]), "work-1\nwork-2\n");
    });
    assert_eq!((said, code), (computed(), Some(5)));
    for copy in ["work-1", "work-2"] {
        let resumed = user.run(&["resume", copy]);
        let rest = text(&resumed.stdout);
        assert_eq!(resumed.status.code(), Some(5), "{}", text(&resumed.stderr));
        assert!(!rest.is_empty() && computed().ends_with(rest), "{rest}");
    }
}

#[test]
fn a_snapshot_goes_to_another_home_as_a_file() {
    let (user, other) = (User::new(), User::new());
    let run = user.command(&["run", "--name", "work", "sh", "-c", COMPUTE]);
    let (said, code) = until(run, 2, |child| send(child, "-TERM"));
    assert_eq!(code, Some(SUSPENDED));
    let id = user.ok(&["checkpoint", "work"]);
    let file = user.path("work.still");
    user.ok(&["snapshots", "export", id.trim(), &file]);
    assert_eq!(other.ok(&["snapshots", "import", &file]), id);
    assert_ne!(other.ok(&["snapshots", "import", &file]), id, "what is imported twice has two ids");

    let restored = other.run(&["restore", id.trim(), "--name", "moved"]);
    assert_eq!(restored.status.code(), Some(5), "{}", text(&restored.stderr));
    assert_eq!(said + text(&restored.stdout), computed());
}

#[test]
fn what_is_no_snapshot_is_not_imported() {
    let user = User::new();
    user.ok(&["create", "box"]);
    let id = user.ok(&["checkpoint", "box", "--files"]);
    let file = user.path("box.still");
    user.ok(&["snapshots", "export", id.trim(), &file]);
    user.ok(&["snapshots", "rm", id.trim()]);
    let whole = fs::read(&file).unwrap();
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 4;
    let mut other_version = whole.clone();
    other_version[8] ^= 0x40;
    let hostile = [b"no snapshot".to_vec(), Vec::new(), whole[..whole.len() - 1].to_vec(), flipped, other_version];
    for bytes in hostile {
        fs::write(&file, bytes).unwrap();
        let output = user.run(&["snapshots", "import", &file]);
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{error}");
        assert!(error.contains("cannot import") && !error.contains("panicked"), "{error}");
    }
    assert_eq!(json(&user.run(&["snapshots", "--json"])), serde_json::json!([]));
    assert_eq!(user.run(&["restore", id.trim()]).status.code(), Some(125));
}
