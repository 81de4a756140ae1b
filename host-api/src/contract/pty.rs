//! What is promised of terminals.

use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::BoxStream;

use super::{assert_fails, within};
use crate::{AsyncSandbox, Command, ProcessError, Pty, PtySpec};

async fn start(sandbox: &dyn AsyncSandbox, command: Command) -> Arc<dyn Pty> {
    sandbox.create_pty(PtySpec::new(command)).await.unwrap()
}

/// Watches until `text` was shown, and returns all that was.
async fn until(output: &mut BoxStream<'static, Bytes>, text: &str) -> String {
    let mut shown = Vec::new();
    loop {
        let so_far = String::from_utf8_lossy(&shown).into_owned();
        if so_far.contains(text) {
            return so_far;
        }
        match output.next().await {
            Some(bytes) => shown.extend_from_slice(&bytes),
            None => panic!("the session ended without showing {text:?}, only {so_far:?}"),
        }
    }
}

/// Watches to the end, and returns all that was shown.
async fn to_the_end(output: BoxStream<'static, Bytes>) -> String {
    let chunks: Vec<Bytes> = output.collect().await;
    String::from_utf8_lossy(&chunks.concat()).into_owned()
}

pub(super) async fn types_and_shows(sandbox: &dyn AsyncSandbox) {
    let pty = start(sandbox, Command::new("cat")).await;
    let mut output = pty.output().await.unwrap();
    pty.send_input(b"helo\x7flo\r").await.unwrap();
    // Once as it is typed, with what takes the erased letter off the screen, and once by `cat`.
    until(&mut output, "lo\r\nhello\r\n").await;
    pty.send_input(b"\x04").await.unwrap();
    assert_eq!(pty.wait().await.unwrap(), 0);
    assert_eq!(to_the_end(output).await, "");
}

pub(super) async fn exit_code_and_signal(sandbox: &dyn AsyncSandbox) {
    let pty = start(sandbox, Command::shell("echo to both; echo streams >&2; exit 7")).await;
    assert_eq!(pty.wait().await.unwrap(), 7);
    assert_eq!(to_the_end(pty.output().await.unwrap()).await, "to both\r\nstreams\r\n");
    let info = pty.info().await.unwrap();
    assert_eq!((info.exit_code, info.pid, &*info.id), (Some(7), pty.pid(), pty.id()));
    assert!(info.ended_at_ms >= Some(info.started_at_ms));
    assert_eq!((info.rows, info.cols, &*info.command), (24, 80, "sh"));

    let pty = start(sandbox, Command::shell("kill -9 $$")).await;
    assert_eq!(pty.wait().await.unwrap(), -9);
}

pub(super) async fn keys_send_signals(sandbox: &dyn AsyncSandbox) {
    for (key, signal) in [(b"\x03", 2), (b"\x1c", 3)] {
        // The whole group in the foreground gets it.
        let pty = start(sandbox, Command::shell("echo ready; sleep 60 | cat")).await;
        until(&mut pty.output().await.unwrap(), "ready").await;
        pty.send_input(key).await.unwrap();
        assert_eq!(pty.wait().await.unwrap(), -signal);
    }
    // A shell may leave `read` when it has run a trap.
    let script = "trap 'echo caught' INT; echo ready; while ! read line; do :; done; echo \"<$line>\"";
    let pty = start(sandbox, Command::shell(script)).await;
    let mut output = pty.output().await.unwrap();
    until(&mut output, "ready").await;
    pty.send_input(b"forgotten\x03").await.unwrap();
    until(&mut output, "caught").await;
    pty.send_input(b"kept\r").await.unwrap();
    assert_eq!(pty.wait().await.unwrap(), 0);
    let rest = to_the_end(output).await;
    assert!(rest.ends_with("<kept>\r\n"), "{rest:?}");
}

pub(super) async fn resize_sends_a_signal(sandbox: &dyn AsyncSandbox) {
    let script = "trap 'echo changed; exit 4' WINCH; echo ready; while :; do sleep 0.1; done";
    let pty = start(sandbox, Command::shell(script)).await;
    until(&mut pty.output().await.unwrap(), "ready").await;
    pty.resize(50, 132).await.unwrap();
    assert_eq!(pty.wait().await.unwrap(), 4);
    let info = pty.info().await.unwrap();
    assert_eq!((info.rows, info.cols), (50, 132));
    assert_fails!(pty.resize(24, 80).await, ProcessError::NotRunning { .. });
}

pub(super) async fn goes_on_and_is_found_again(sandbox: &dyn AsyncSandbox) {
    let pty = start(sandbox, Command::shell("echo first; read a; echo \"<$a>\"; read b; echo \"<$b>\"")).await;
    let id = pty.id().to_owned();
    until(&mut pty.output().await.unwrap(), "first").await;
    drop(pty);

    let one = sandbox.connect_pty(&id).await.unwrap();
    let two = sandbox.connect_pty(&id).await.unwrap();
    let (mut first, mut second) = (one.output().await.unwrap(), two.output().await.unwrap());
    one.send_input(b"one\r").await.unwrap();
    for output in [&mut first, &mut second] {
        assert!(until(output, "<one>").await.starts_with("first\r\n"), "the past comes first");
    }
    two.send_input(b"two\r").await.unwrap();
    assert_eq!(one.wait().await.unwrap(), 0);
    let (first, second) = futures::join!(to_the_end(first), to_the_end(second));
    assert!(first.ends_with("<two>\r\n") && second.ends_with("<two>\r\n"), "{first:?} {second:?}");

    let listed = sandbox.list_ptys().await.unwrap();
    assert_eq!(listed.iter().map(|info| &*info.id).collect::<Vec<_>>(), [&*id]);
    // What it showed last can be read after its end.
    let past = to_the_end(sandbox.connect_pty(&id).await.unwrap().output().await.unwrap()).await;
    assert!(past.starts_with("first\r\n") && past.ends_with("<two>\r\n"), "{past:?}");
}

pub(super) async fn slow_watcher_slows_nothing(sandbox: &dyn AsyncSandbox) {
    let last = 400_000;
    let seq = Command::new("seq").args(["1".to_owned(), last.to_string()]);
    let pty = start(sandbox, seq).await;
    let output = pty.output().await.unwrap();
    assert_eq!(pty.wait().await.unwrap(), 0);
    let shown = to_the_end(output).await;
    let limit = sandbox.info().await.unwrap().limits.terminal_bytes as usize;
    // What was still on its way to the screen when the program ended may come behind what was read first.
    let late = 64 << 10;
    assert!(shown.len() <= limit + late && shown.len() > limit / 2, "{}", shown.len());
    // What is left begins with a whole line, and nothing is missing behind that.
    let first: usize = shown.lines().next().unwrap().parse().unwrap();
    let expected: Vec<_> = (first..=last).map(|number| number.to_string()).collect();
    assert!(shown.lines().eq(expected), "something is missing in the middle");
    assert!(shown.ends_with(&format!("{last}\r\n")));
}

/// Types to a program that doesn't read until no more can be typed.
async fn fill(sandbox: &dyn AsyncSandbox) -> Arc<dyn Pty> {
    let pty = start(sandbox, Command::new("sleep").arg("60")).await;
    let lines = b"some line\r".repeat(100_000);
    let typed = within(sandbox, "0.3", pty.send_input(&lines)).await;
    assert!(typed.is_none(), "a megabyte was typed to a program that reads nothing");
    pty
}

pub(super) async fn input_waits(sandbox: &dyn AsyncSandbox) {
    let pty = fill(sandbox).await;
    // The end of the reader ends the waiting.
    let (typed, _) = futures::join!(pty.send_input(b"more\r"), sandbox.kill_process(pty.pid().into()));
    assert_fails!(typed, ProcessError::NotRunning { .. });
    assert_eq!(pty.wait().await.unwrap(), -9);
}

pub(super) async fn signals_pass_what_waits(sandbox: &dyn AsyncSandbox) {
    let pty = fill(sandbox).await;
    let typed = within(sandbox, "3", pty.send_input(b"\x03")).await;
    typed.expect("the key can be pressed").unwrap();
    let ended = within(sandbox, "10", pty.wait()).await;
    assert_eq!(ended.expect("it is interrupted").unwrap(), -2);
}

pub(super) async fn kill_hangs_up(sandbox: &dyn AsyncSandbox) {
    let pty = start(sandbox, Command::new("sleep").arg("60")).await;
    pty.kill().await.unwrap();
    assert_eq!(pty.wait().await.unwrap(), -1);
    pty.kill().await.unwrap();

    let pty = start(sandbox, Command::shell("trap 'exit 5' HUP; echo ready; while :; do sleep 0.1; done")).await;
    until(&mut pty.output().await.unwrap(), "ready").await;
    pty.kill().await.unwrap();
    assert_eq!(pty.wait().await.unwrap(), 5);
}

pub(super) async fn kill_is_heeded_in_the_end(sandbox: &dyn AsyncSandbox) {
    let pty = start(sandbox, Command::shell("trap '' HUP; echo ready; while :; do sleep 0.1; done")).await;
    until(&mut pty.output().await.unwrap(), "ready").await;
    pty.kill().await.unwrap();
    assert_eq!(pty.wait().await.unwrap(), -9);
}

pub(super) async fn shell_is_interactive(sandbox: &dyn AsyncSandbox) {
    let pty = start(sandbox, Command::new("sh").arg("-i").env("PS1", "ready> ")).await;
    let mut output = pty.output().await.unwrap();
    until(&mut output, "ready> ").await;
    pty.send_input(b"kept=$((6*7))\r").await.unwrap();
    // An interrupt ends a loop, and neither the shell nor its variables.
    pty.send_input(b"while :; do :; done\r").await.unwrap();
    super::pause(sandbox, "0.5").await;
    pty.send_input(b"\x03").await.unwrap();
    pty.send_input(b"echo \"<$kept>\"\r").await.unwrap();
    until(&mut output, "<42>").await;
    pty.send_input(b"exit 3\r").await.unwrap();
    assert_eq!(pty.wait().await.unwrap(), 3);
}

pub(super) async fn errors(sandbox: &dyn AsyncSandbox) {
    let no_such = sandbox.create_pty(PtySpec::new(Command::new("no-such-program"))).await.map(drop);
    assert_fails!(no_such, ProcessError::NoSuchProgram { .. });
    assert_fails!(sandbox.connect_pty("no-such-pty").await.map(drop), ProcessError::NoSuchPty { .. });
    assert!(sandbox.list_ptys().await.unwrap().is_empty());
}

pub(super) async fn number_is_bounded(sandbox: &dyn AsyncSandbox) {
    let terminals = sandbox.info().await.unwrap().limits.terminals as usize;
    let ended = start(sandbox, Command::new("true")).await;
    ended.wait().await.unwrap();
    for _ in 0..terminals {
        start(sandbox, Command::new("sleep").arg("60")).await;
    }
    assert_fails!(sandbox.connect_pty(ended.id()).await.map(drop), ProcessError::NoSuchPty { .. });
    let one_more = sandbox.create_pty(PtySpec::new(Command::new("true"))).await.map(drop);
    assert_fails!(one_more, ProcessError::Limit { limit: "terminals", .. });
}

pub(super) async fn ends_with_its_sandbox(sandbox: &dyn AsyncSandbox) {
    let pty = start(sandbox, Command::shell("echo ready; sleep 60")).await;
    let mut output = pty.output().await.unwrap();
    until(&mut output, "ready").await;
    let (ended, terminated) = futures::join!(pty.wait(), sandbox.terminate());
    terminated.unwrap();
    assert_eq!(ended.unwrap(), -9);
    to_the_end(output).await;
    assert_fails!(sandbox.connect_pty(pty.id()).await.map(drop), ProcessError::WrongStatus(_));
}
