//! What is promised of a sandbox's log.

use super::pause;
use crate::{AsyncSandbox, Command, LogFilter, LogLevel, LogLine, OutputMode, OutputStream, Pid};

async fn logs(sandbox: &dyn AsyncSandbox, filter: LogFilter) -> Vec<LogLine> {
    sandbox.get_logs(filter).await.unwrap()
}

fn texts(lines: &[LogLine]) -> Vec<&str> {
    lines.iter().map(|line| &*line.line).collect()
}

fn of(pid: Pid) -> LogFilter {
    LogFilter { processes: vec![pid], ..LogFilter::default() }
}

pub(super) async fn what_processes_write_and_what_happens_to_them(sandbox: &dyn AsyncSandbox) {
    let ran = sandbox.run(Command::shell("echo out; sleep 0.1; echo err >&2; exit 3")).await.unwrap();
    let started = sandbox.start_process(Command::new("echo").arg("started")).await.unwrap();
    sandbox.wait_process((&started).into()).await.unwrap();

    let lines = logs(sandbox, of(ran.pid)).await;
    let written: Vec<_> = lines.iter().filter(|line| line.stream.is_some()).collect();
    let told = |line: &LogLine| (line.line.clone(), line.stream, line.level);
    assert_eq!(told(written[0]), ("out".into(), Some(OutputStream::Stdout), LogLevel::Info));
    assert_eq!(told(written[1]), ("err".into(), Some(OutputStream::Stderr), LogLevel::Error));
    // Its start and its end are events around them, and an end that is a failure is more than information.
    let (first, last) = (lines.first().unwrap(), lines.last().unwrap());
    assert_eq!((lines.len(), first.stream, last.stream), (4, None, None));
    assert_eq!((first.level, last.level), (LogLevel::Info, LogLevel::Warn));
    assert!(last.line.contains('3'), "{last:?}");

    let all = logs(sandbox, LogFilter::default()).await;
    assert!(all.iter().any(|line| line.pid.is_none() && line.stream.is_none()), "nothing is about the sandbox");
    assert!(all.iter().any(|line| line.pid == Some(started.pid) && line.line == "started"));
    assert!(all.is_sorted_by(|a, b| a.number < b.number) && all.iter().all(|line| line.timestamp_ms > 0));
}

pub(super) async fn filters(sandbox: &dyn AsyncSandbox) {
    let pid = sandbox.run(Command::new("seq").args(["1", "9"])).await.unwrap().pid;
    sandbox.run(Command::shell("echo 5 too; echo bad >&2")).await.unwrap();
    let stdout = LogFilter { stream: Some(OutputStream::Stdout), ..of(pid) };
    assert_eq!(texts(&logs(sandbox, stdout.clone()).await).concat(), "123456789");
    let head = LogFilter { head: Some(2), ..stdout.clone() };
    assert_eq!(texts(&logs(sandbox, head).await), ["1", "2"]);
    let tail = LogFilter { tail: Some(2), ..stdout.clone() };
    let tail = logs(sandbox, tail).await;
    assert_eq!(texts(&tail), ["8", "9"]);
    let on = LogFilter { after: Some(tail[0].number), ..stdout };
    assert_eq!(texts(&logs(sandbox, on).await), ["9"]);
    let contains = LogFilter { contains: Some("5".into()), stream: Some(OutputStream::Stdout), ..LogFilter::default() };
    assert_eq!(texts(&logs(sandbox, contains).await), ["5", "5 too"]);
    let errors = LogFilter { levels: vec![LogLevel::Error, LogLevel::Fatal], ..LogFilter::default() };
    assert_eq!(texts(&logs(sandbox, errors).await), ["bad"]);
    assert!(logs(sandbox, of(4_000_000)).await.is_empty());
}

pub(super) async fn a_last_line_counts_when_its_process_is_over(sandbox: &dyn AsyncSandbox) {
    let pid = sandbox.start_process(Command::shell("echo -n unended; sleep 0.5")).await.unwrap().pid;
    let stdout = LogFilter { stream: Some(OutputStream::Stdout), ..of(pid) };
    pause(sandbox, "0.1").await;
    assert!(logs(sandbox, stdout.clone()).await.is_empty());
    sandbox.wait_process(pid.into()).await.unwrap();
    assert_eq!(texts(&logs(sandbox, stdout).await), ["unended"]);
}

pub(super) async fn what_is_discarded_is_not_logged(sandbox: &dyn AsyncSandbox) {
    let command = Command::shell("echo a; echo b >&2").stdout(OutputMode::Discard);
    let pid = sandbox.run(command).await.unwrap().pid;
    let lines = logs(sandbox, of(pid)).await;
    assert_eq!(lines.iter().filter(|line| line.stream.is_some()).map(|line| &*line.line).collect::<Vec<_>>(), ["b"]);
}

pub(super) async fn the_log_is_bounded(sandbox: &dyn AsyncSandbox) {
    let bound = sandbox.info().await.unwrap().limits.log_bytes;
    let last = bound / 5;
    sandbox.run(Command::new("seq").args(["1".to_owned(), last.to_string()])).await.unwrap();
    let stdout = LogFilter { stream: Some(OutputStream::Stdout), ..LogFilter::default() };
    let lines = logs(sandbox, stdout).await;
    let kept: u64 = lines.iter().map(|line| line.line.len() as u64 + 1).sum();
    assert!(kept <= bound && kept > bound / 2, "{kept} bytes are kept, {bound} may be");
    assert_eq!(lines.last().unwrap().line, last.to_string());
}
