//! What `run` promises.

use std::time::{Duration, Instant};

use super::{LATE, assert_fails, assert_late_never_comes, within};
use crate::{AsyncSandbox, Command, ExitReason, ProcessError};

pub(super) async fn exit_code(sandbox: &dyn AsyncSandbox) {
    for (command, code) in [
        (Command::new("true"), 0),
        (Command::new("false"), 1),
        (Command::shell("exit 7"), 7),
        (Command::shell("exit 255"), 255),
    ] {
        let result = sandbox.run(command).await.unwrap();
        assert_eq!((result.exit_code, result.reason), (code, ExitReason::Exited));
        assert_eq!(result.success(), code == 0);
        assert_eq!(result.signal(), None);
    }
}

pub(super) async fn output_as_lines_and_bytes(sandbox: &dyn AsyncSandbox) {
    let result = sandbox.run(Command::shell("echo one; echo two; echo three >&2")).await.unwrap();
    assert_eq!((&*result.stdout, &*result.stderr), ("one\ntwo", "three"));
    assert_eq!((&*result.stdout_bytes, &*result.stderr_bytes), (&b"one\ntwo\n"[..], &b"three\n"[..]));
    assert_eq!((result.stdout_missed_bytes, result.stderr_missed_bytes), (0, 0));
}

pub(super) async fn odd_lines(sandbox: &dyn AsyncSandbox) {
    for (written, stdout) in [
        ("", ""),
        ("\n", ""),
        ("last", "last"),
        ("a\r\nb\r", "a\nb"),
        ("a\rb\n", "a\rb"),
        ("\n\na\n\n", "\n\na\n"),
        ("grüße\n", "grüße"),
    ] {
        let result = sandbox.run(Command::new("cat").stdin(written)).await.unwrap();
        assert_eq!(result.stdout, stdout, "of {written:?}");
        assert_eq!(result.stdout_bytes, written.as_bytes());
    }
}

pub(super) async fn binary_passes_through(sandbox: &dyn AsyncSandbox) {
    let bytes: Vec<u8> = (0..1_000_000_u32).map(|i| (i.wrapping_mul(i) >> 7) as u8).collect();
    let result = sandbox.run(Command::new("cat").stdin(bytes::Bytes::from(bytes.clone()))).await.unwrap();
    assert!(result.stdout_bytes == bytes, "cat changed its input");
    let result = sandbox.run(Command::new("cat").stdin(bytes::Bytes::from_static(b"a\xffb\n"))).await.unwrap();
    assert_eq!(result.stdout, "a\u{fffd}b");
}

pub(super) async fn exit_by_signal_is_minus_n(sandbox: &dyn AsyncSandbox) {
    for signal in [1, 9, 15] {
        let result = sandbox.run(Command::shell(format!("kill -{signal} $$"))).await.unwrap();
        assert_eq!((result.exit_code, result.reason), (-signal, ExitReason::Signaled));
        assert_eq!(result.signal(), Some(signal));
    }
}

/// 128 + n is what a shell makes of it, and an exit code like any other.
pub(super) async fn signal_of_a_child_is_a_code(sandbox: &dyn AsyncSandbox) {
    let result = sandbox.run(Command::shell("sh -c 'kill -9 $$'; exit $?")).await.unwrap();
    assert_eq!((result.exit_code, result.reason), (137, ExitReason::Exited));
}

pub(super) async fn timeout_is_not_an_error(sandbox: &dyn AsyncSandbox) {
    let begun = Instant::now();
    let command = Command::shell("echo before; sleep 60; echo after").timeout(Duration::from_millis(500));
    let result = sandbox.run(command).await.unwrap();
    assert_eq!((result.exit_code, result.reason), (-9, ExitReason::TimedOut));
    assert!(result.timed_out() && !result.success());
    assert_eq!(result.stdout, "before");
    assert!(begun.elapsed() < Duration::from_secs(20), "the timeout took {:?}", begun.elapsed());

    let result = sandbox.run(Command::new("true").timeout(Duration::from_secs(30))).await.unwrap();
    assert!(result.success(), "{result:?}");
}

pub(super) async fn timeout_kills_the_tree(sandbox: &dyn AsyncSandbox) {
    let result = sandbox.run(Command::shell(LATE).timeout(Duration::from_millis(300))).await.unwrap();
    assert!(result.timed_out());
    assert_late_never_comes(sandbox).await;
}

pub(super) async fn busy_loop_times_out(sandbox: &dyn AsyncSandbox) {
    let result = sandbox.run(Command::shell("while :; do :; done").timeout(Duration::from_millis(300))).await.unwrap();
    assert_eq!((result.exit_code, result.reason), (-9, ExitReason::TimedOut));
}

pub(super) async fn output_is_bounded(sandbox: &dyn AsyncSandbox) {
    let bound = sandbox.info().await.unwrap().limits.output_bytes;
    let lines = bound / 6;
    let result = sandbox.run(Command::new("seq").args(["1".to_owned(), lines.to_string()])).await.unwrap();
    let kept = result.stdout_bytes.len() as u64;
    assert!(result.success());
    assert!(kept <= bound && kept > bound / 2, "{kept} bytes are kept, {bound} may be");
    let written: u64 = (1..=lines).map(|line| u64::from(line.ilog10()) + 2).sum();
    assert_eq!(kept + result.stdout_missed_bytes, written);
    assert!(result.stdout.ends_with(&format!("\n{lines}")), "the newest output is kept");
}

pub(super) async fn start_errors(sandbox: &dyn AsyncSandbox) {
    let run = |command| sandbox.run(command);
    assert_fails!(run(Command::new("no-such-program")).await, ProcessError::NoSuchProgram { .. });
    assert_fails!(run(Command::new("./no/such/program")).await, ProcessError::NoSuchProgram { .. });
    assert_fails!(
        run(Command::new("")).await,
        ProcessError::NoSuchProgram { .. } | ProcessError::InvalidCommand { .. }
    );
    assert_fails!(run(Command::new("true").arg("a\0b")).await, ProcessError::InvalidCommand { .. });
    assert_fails!(run(Command::new("true").working_dir("no-such-dir")).await, ProcessError::NoWorkingDir { .. });

    sandbox.write_file("dir/plain.txt", "text".into()).await.unwrap();
    assert_fails!(run(Command::new("./dir/plain.txt")).await, ProcessError::NotExecutable { .. });
    assert_fails!(run(Command::new("./dir")).await, ProcessError::NotExecutable { .. });
    assert_fails!(run(Command::new("true").working_dir("dir/plain.txt")).await, ProcessError::NoWorkingDir { .. });
}

pub(super) async fn env_is_added(sandbox: &dyn AsyncSandbox) {
    let result = sandbox.run(Command::new("env").env("GREETING", "hello there")).await.unwrap();
    let lines: Vec<&str> = result.stdout.lines().collect();
    assert!(lines.contains(&"GREETING=hello there"), "{lines:?}");
    assert!(lines.iter().any(|line| line.starts_with("PATH=")), "{lines:?}");
    let result = sandbox.run(Command::shell("echo \"$GREETING\"")).await.unwrap();
    assert_eq!(result.stdout, "", "a command's variable is its own");
}

pub(super) async fn working_dir_is_relative_to_the_sandbox(sandbox: &dyn AsyncSandbox) {
    sandbox.write_file("one/two/file", "found".into()).await.unwrap();
    let home = sandbox.run(Command::new("pwd")).await.unwrap().stdout;
    let result = sandbox.run(Command::new("pwd").working_dir("one/two")).await.unwrap();
    assert_eq!(result.stdout, format!("{}/one/two", home.trim_end_matches('/')));
    let result = sandbox.run(Command::new("cat").arg("file").working_dir("one/two")).await.unwrap();
    assert_eq!(result.stdout, "found");
}

pub(super) async fn dropping_kills(sandbox: &dyn AsyncSandbox) {
    assert!(within(sandbox, "0.3", sandbox.run(Command::shell(LATE))).await.is_none());
    assert_late_never_comes(sandbox).await;
}
