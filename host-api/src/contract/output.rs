//! What is promised of captured and followed output.

use std::io;
use std::sync::{Arc, Mutex};

use futures::StreamExt as _;

use super::{assert_fails, lines, within};
use crate::{AsyncSandbox, Command, InputMode, OutputMode, OutputSink, OutputStream, ProcessError, ProcessStatus};

pub(super) async fn both_in_order_of_arrival(sandbox: &dyn AsyncSandbox) {
    let script = "echo a; sleep 0.1; echo b >&2; sleep 0.1; echo c";
    let pid = sandbox.start_process(Command::shell(script)).await.unwrap().pid.into();
    sandbox.wait_process(pid).await.unwrap();
    assert_eq!(sandbox.get_stdout(pid).await.unwrap().lines, ["a", "c"]);
    assert_eq!(sandbox.get_stderr(pid).await.unwrap().lines, ["b"]);
    let both = sandbox.get_output(pid).await.unwrap();
    assert_eq!((both.line_count(), &*both.bytes, both.missed_bytes), (3, &b"a\nb\nc\n"[..], 0));
    assert_eq!(both.lines, ["a", "b", "c"]);

    let events: Vec<_> = sandbox.follow_output(pid).await.unwrap().map(|event| event.unwrap()).collect().await;
    assert_eq!(events.iter().map(|event| &*event.line).collect::<String>(), "abc");
    assert_eq!(events[1].stream, OutputStream::Stderr);
    assert_eq!(events[2].stream, OutputStream::Stdout);
    assert!(events[0].timestamp_ms > 0 && events.is_sorted_by_key(|event| event.timestamp_ms));
}

pub(super) async fn discarded_is_empty(sandbox: &dyn AsyncSandbox) {
    let command = Command::shell("echo a; echo b >&2").stdout(OutputMode::Discard);
    let pid = sandbox.start_process(command).await.unwrap().pid.into();
    assert!(lines(sandbox.follow_stdout(pid).await.unwrap()).await.is_empty());
    sandbox.wait_process(pid).await.unwrap();
    assert!(sandbox.get_stdout(pid).await.unwrap().lines.is_empty());
    assert_eq!(sandbox.get_output(pid).await.unwrap().lines, ["b"]);
}

/// Following what isn't captured ends with the process, and not before.
pub(super) async fn discarded_is_followed_to_the_end(sandbox: &dyn AsyncSandbox) {
    let command = Command::new("cat").stdin(InputMode::Pipe).stdout(OutputMode::Discard).stderr(OutputMode::Discard);
    let pid = sandbox.start_process(command).await.unwrap().pid.into();
    let mut events = sandbox.follow_output(pid).await.unwrap();
    sandbox.write_stdin(pid, "unseen\n".into()).await.unwrap();
    assert!(within(sandbox, "0.3", events.next()).await.is_none(), "it ends before the process does");
    sandbox.close_stdin(pid).await.unwrap();
    assert!(events.next().await.is_none());
    assert!(sandbox.get_stderr(pid).await.unwrap().lines.is_empty());
    assert!(sandbox.get_output(pid).await.unwrap().bytes.is_empty());
}

/// A sink that takes so many bytes, and fails then.
struct Sink {
    taken: Mutex<Vec<u8>>,
    capacity: usize,
}

impl Sink {
    fn new(capacity: usize) -> Arc<Self> {
        Arc::new(Self { taken: Mutex::new(Vec::new()), capacity })
    }
}

impl OutputSink for Sink {
    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let mut taken = self.taken.lock().unwrap();
        if taken.len() + bytes.len() > self.capacity {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        taken.extend_from_slice(bytes);
        Ok(())
    }
}

pub(super) async fn sink_gets_bytes(sandbox: &dyn AsyncSandbox) {
    let sink = Sink::new(usize::MAX);
    let input = bytes::Bytes::from_iter((0..300_000_u32).map(|i| (i % 251) as u8));
    let command = Command::new("cat").stdin(input.clone()).stdout(OutputMode::Stream(sink.clone()));
    let result = sandbox.run(command).await.unwrap();
    assert!(result.success() && result.stdout_bytes.is_empty(), "{result:?}");
    assert!(*sink.taken.lock().unwrap() == input, "the sink got other bytes than were written");
}

pub(super) async fn failing_sink_is_a_broken_pipe(sandbox: &dyn AsyncSandbox) {
    let sink = Sink::new(100_000);
    let result = sandbox.run(Command::new("yes").stdout(OutputMode::Stream(sink.clone()))).await.unwrap();
    assert!(result.signal() == Some(13) || result.exit_code == 1, "{result:?}");
    assert!(sink.taken.lock().unwrap().starts_with(b"y\ny\n"));
}

pub(super) async fn redirected_goes_on_to_a_sink(sandbox: &dyn AsyncSandbox) {
    let pid = sandbox.start_process(Command::new("cat").stdin(InputMode::Pipe)).await.unwrap().pid.into();
    sandbox.write_stdin(pid, "captured\n".into()).await.unwrap();
    while sandbox.get_stdout(pid).await.unwrap().bytes.len() < 9 {
        super::pause(sandbox, "0.05").await;
    }
    let sink = Sink::new(usize::MAX);
    sandbox.redirect_output(pid, OutputStream::Stdout, sink.clone()).await.unwrap();
    assert_eq!(&**sink.taken.lock().unwrap(), b"captured\n");
    assert!(sandbox.get_stdout(pid).await.unwrap().bytes.is_empty());
    sandbox.write_stdin(pid, "live".into()).await.unwrap();
    sandbox.close_stdin(pid).await.unwrap();
    sandbox.wait_process(pid).await.unwrap();
    assert_eq!(&**sink.taken.lock().unwrap(), b"captured\nlive");
    assert!(sandbox.get_stdout(pid).await.unwrap().bytes.is_empty());

    let unknown = sandbox.redirect_output("nobody".into(), OutputStream::Stdout, sink).await;
    assert_fails!(unknown, ProcessError::NotFound { .. });
}

/// Lines are the same however they are read: without their ends, and text whatever was written.
pub(super) async fn lines_are_text_without_their_ends(sandbox: &dyn AsyncSandbox) {
    let written = bytes::Bytes::from_static(b"a\r\n\n b\xff\rc\nlast");
    let expected = ["a", "", " b\u{fffd}\rc", "last"];
    let cat = Command::new("cat").stdin(written.clone());
    let pid = sandbox.start_process(cat.clone()).await.unwrap().pid.into();
    assert_eq!(lines(sandbox.follow_stdout(pid).await.unwrap()).await, expected);
    sandbox.wait_process(pid).await.unwrap();
    for output in [sandbox.get_stdout(pid).await.unwrap(), sandbox.get_output(pid).await.unwrap()] {
        assert_eq!((output.lines, output.bytes), (expected.map(String::from).to_vec(), written.clone()));
    }
    assert_eq!(sandbox.run(cat).await.unwrap().stdout, expected.join("\n"));
}

pub(super) async fn follow_replays_then_ends_at_exit(sandbox: &dyn AsyncSandbox) {
    let pid = sandbox.start_process(Command::shell("echo a; sleep 0.3; echo b; sleep 0.1; echo c")).await.unwrap().pid;
    let live = sandbox.follow_stdout(pid.into()).await.unwrap();
    assert_eq!(lines(live).await, ["a", "b", "c"]);
    sandbox.wait_process(pid.into()).await.unwrap();
    let replayed = sandbox.follow_stdout(pid.into()).await.unwrap();
    assert_eq!(lines(replayed).await, ["a", "b", "c"]);
}

pub(super) async fn follow_is_live(sandbox: &dyn AsyncSandbox) {
    let pid = sandbox.start_process(Command::new("cat").stdin(InputMode::Pipe)).await.unwrap().pid.into();
    let mut events = sandbox.follow_stdout(pid).await.unwrap();
    for line in ["one", "two"] {
        sandbox.write_stdin(pid, format!("{line}\n").into()).await.unwrap();
        assert_eq!(events.next().await.unwrap().unwrap().line, line);
    }
    sandbox.write_stdin(pid, "unended".into()).await.unwrap();
    sandbox.close_stdin(pid).await.unwrap();
    assert_eq!(events.next().await.unwrap().unwrap().line, "unended");
    assert!(events.next().await.is_none());
}

pub(super) async fn followers_are_independent(sandbox: &dyn AsyncSandbox) {
    let pid = sandbox.start_process(Command::new("seq").args(["1", "1000"])).await.unwrap().pid.into();
    let first = sandbox.follow_stdout(pid).await.unwrap();
    let second = sandbox.follow_output(pid).await.unwrap();
    drop(sandbox.follow_stdout(pid).await.unwrap());
    let (first, second) = futures::join!(lines(first), lines(second));
    assert_eq!(first, (1..=1000).map(|line| line.to_string()).collect::<Vec<_>>());
    assert_eq!(first, second);
}

pub(super) async fn slow_follower_is_told_what_it_missed(sandbox: &dyn AsyncSandbox) {
    let last = sandbox.info().await.unwrap().limits.output_bytes / 6;
    let seq = Command::new("seq").args(["1".to_owned(), last.to_string()]);
    let pid = sandbox.start_process(seq).await.unwrap().pid.into();
    let mut events = sandbox.follow_stdout(pid).await.unwrap();
    // Nobody reads, and yet the process comes to its end.
    let ended = sandbox.wait_process(pid).await.unwrap();
    assert_eq!(ended.status, ProcessStatus::Exited(0));

    let first = events.next().await.unwrap().unwrap();
    assert!(first.missed_bytes > 0, "{first:?}");
    let mut followed = first.missed_bytes + first.line.len() as u64 + 1;
    let mut expected = first.line.parse::<u64>().expect("the first line is a whole one");
    while let Some(event) = events.next().await {
        let event = event.unwrap();
        expected += 1;
        assert_eq!((event.line.parse(), event.missed_bytes), (Ok(expected), 0));
        followed += event.line.len() as u64 + 1;
    }
    assert_eq!(expected, last);
    let written: u64 = (1..=last).map(|line| u64::from(line.ilog10()) + 2).sum();
    assert_eq!(followed, written);
}

pub(super) async fn follow_ends_at_kill(sandbox: &dyn AsyncSandbox) {
    let pid = sandbox.start_process(Command::shell("echo a; sleep 60")).await.unwrap().pid.into();
    let mut events = sandbox.follow_output(pid).await.unwrap();
    assert_eq!(events.next().await.unwrap().unwrap().line, "a");
    sandbox.kill_process(pid).await.unwrap();
    assert!(events.next().await.is_none());
}

pub(super) async fn an_unended_line_counts(sandbox: &dyn AsyncSandbox) {
    let script = "echo whole; echo -n part; read rest; echo \" $rest\"";
    let command = Command::shell(script).stdin(InputMode::Pipe);
    let pid = sandbox.start_process(command).await.unwrap().pid.into();
    let mut events = sandbox.follow_stdout(pid).await.unwrap();
    while sandbox.get_stdout(pid).await.unwrap().bytes.len() < 10 {
        super::pause(sandbox, "0.05").await;
    }
    assert_eq!(sandbox.get_stdout(pid).await.unwrap().lines, ["whole", "part"]);
    sandbox.write_stdin(pid, "of it\n".into()).await.unwrap();
    // A follower gets whole lines only.
    assert_eq!(events.next().await.unwrap().unwrap().line, "whole");
    assert_eq!(events.next().await.unwrap().unwrap().line, "part of it");
    assert!(events.next().await.is_none());
}

pub(super) async fn each_stream_alone(sandbox: &dyn AsyncSandbox) {
    let pid = sandbox.start_process(Command::shell("echo out; echo err >&2")).await.unwrap().pid.into();
    assert_eq!(lines(sandbox.follow_stderr(pid).await.unwrap()).await, ["err"]);
    assert_eq!(lines(sandbox.follow_stdout(pid).await.unwrap()).await, ["out"]);
    let both = sandbox.follow_output(pid).await.unwrap().map(|event| event.unwrap().stream);
    let mut both: Vec<_> = both.collect().await;
    both.sort();
    assert_eq!(both, [OutputStream::Stdout, OutputStream::Stderr]);
}
