//! What is promised of standard input.

use bytes::Bytes;

use super::{assert_fails, within};
use crate::{AsyncSandbox, Command, InputMode, OutputMode, ProcessError};

pub(super) async fn closed_reads_the_end(sandbox: &dyn AsyncSandbox) {
    let result = sandbox.run(Command::new("cat")).await.unwrap();
    assert!(result.success() && result.stdout_bytes.is_empty(), "{result:?}");
}

pub(super) async fn bytes_then_the_end(sandbox: &dyn AsyncSandbox) {
    let result = sandbox.run(Command::shell("read line; echo \"<$line>\"; cat").stdin("one\ntwo\n")).await.unwrap();
    assert_eq!(result.stdout, "<one>\ntwo");
    // A program that doesn't read its input isn't held up by it.
    let unread = Bytes::from(vec![b'x'; 1 << 20]);
    assert!(sandbox.run(Command::new("true").stdin(unread)).await.unwrap().success());
}

pub(super) async fn pipe_until_closed(sandbox: &dyn AsyncSandbox) {
    let process = sandbox.start_process(Command::new("cat").stdin(InputMode::Pipe)).await.unwrap();
    assert!(process.stdin_writable);
    let pid = process.pid.into();
    sandbox.write_stdin(pid, "one\n".into()).await.unwrap();
    sandbox.write_stdin(pid, "two".into()).await.unwrap();
    sandbox.close_stdin(pid).await.unwrap();
    assert!(!sandbox.get_process(pid).await.unwrap().stdin_writable);
    assert_fails!(sandbox.write_stdin(pid, "three".into()).await, ProcessError::StdinNotWritable { .. });
    assert_fails!(sandbox.close_stdin(pid).await, ProcessError::StdinNotWritable { .. });

    let ended = sandbox.wait_process(pid).await.unwrap();
    assert!(!ended.stdin_writable);
    assert_eq!(sandbox.get_stdout(pid).await.unwrap().lines, ["one", "two"]);
}

pub(super) async fn pipe_back_pressure(sandbox: &dyn AsyncSandbox) {
    let big = Bytes::from(vec![b'x'; 1 << 20]);
    let reader = Command::new("cat").stdin(InputMode::Pipe).stdout(OutputMode::Discard);
    let reader = sandbox.start_process(reader).await.unwrap().pid.into();
    sandbox.write_stdin(reader, big.clone()).await.unwrap();
    sandbox.close_stdin(reader).await.unwrap();
    sandbox.wait_process(reader).await.unwrap();

    let idler = Command::new("sleep").arg("60").stdin(InputMode::Pipe);
    let idler = sandbox.start_process(idler).await.unwrap().pid.into();
    let written = within(sandbox, "0.3", sandbox.write_stdin(idler, big.clone())).await;
    assert!(written.is_none(), "a megabyte went into the pipe of a process that reads nothing");
    // The end of the reader ends the waiting.
    let (written, _) = futures::join!(sandbox.write_stdin(idler, big), sandbox.kill_process(idler));
    assert_fails!(written, ProcessError::StdinNotWritable { .. });
}

pub(super) async fn pipe_without_reader(sandbox: &dyn AsyncSandbox) {
    let process = sandbox.start_process(Command::new("true").stdin(InputMode::Pipe)).await.unwrap();
    sandbox.wait_process(process.pid.into()).await.unwrap();
    let written = sandbox.write_stdin(process.pid.into(), "x".into()).await;
    assert_fails!(written, ProcessError::StdinNotWritable { .. });
}

pub(super) async fn not_a_pipe(sandbox: &dyn AsyncSandbox) {
    let process = sandbox.start_process(Command::new("sleep").arg("60")).await.unwrap();
    let written = sandbox.write_stdin(process.pid.into(), "x".into()).await;
    assert_fails!(written, ProcessError::StdinNotWritable { .. });
    assert_fails!(sandbox.close_stdin(process.pid.into()).await, ProcessError::StdinNotWritable { .. });
}
