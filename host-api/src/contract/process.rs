//! What is promised of started processes.

use futures::StreamExt as _;

use super::{LATE, assert_fails, assert_late_never_comes, pause};
use crate::{AsyncSandbox, Command, InputMode, ProcessError, ProcessRef, ProcessStatus};

pub(super) async fn start_and_wait(sandbox: &dyn AsyncSandbox) {
    let started = sandbox.start_process(Command::shell("sleep 0.3; exit 3")).await.unwrap();
    assert_eq!(started.status, ProcessStatus::Running);
    assert_eq!((&*started.command, started.args.len(), started.ended_at_ms), ("sh", 2, None));
    assert!(started.started_at_ms > 0 && !started.stdin_writable && !started.timed_out);

    let ended = sandbox.wait_process(started.pid.into()).await.unwrap();
    assert_eq!(ended.status, ProcessStatus::Exited(3));
    assert!(ended.ended_at_ms.unwrap() >= ended.started_at_ms);
    // Asking again gives the same, at once.
    assert_eq!(sandbox.wait_process(started.pid.into()).await.unwrap(), ended);
    assert_eq!(sandbox.get_process(started.pid.into()).await.unwrap(), ended);
}

pub(super) async fn finished_ones_are_listed(sandbox: &dyn AsyncSandbox) {
    let short = sandbox.start_process(Command::new("true")).await.unwrap();
    let long = sandbox.start_process(Command::new("sleep").arg("60")).await.unwrap();
    sandbox.wait_process((&short).into()).await.unwrap();
    let listed = sandbox.list_processes().await.unwrap();
    let status = |pid| listed.iter().find(|process| process.pid == pid).map(|process| process.status);
    assert_eq!(status(short.pid), Some(ProcessStatus::Exited(0)));
    assert_eq!(status(long.pid), Some(ProcessStatus::Running));
}

pub(super) async fn unknown_is_not_found(sandbox: &dyn AsyncSandbox) {
    for process in [ProcessRef::Pid(4_000_000), ProcessRef::Name("nobody")] {
        assert_fails!(sandbox.get_process(process).await, ProcessError::NotFound { .. });
        assert_fails!(sandbox.wait_process(process).await, ProcessError::NotFound { .. });
        assert_fails!(sandbox.kill_process(process).await, ProcessError::NotFound { .. });
        assert_fails!(sandbox.send_signal(process, 15).await, ProcessError::NotFound { .. });
        assert_fails!(sandbox.write_stdin(process, "x".into()).await, ProcessError::NotFound { .. });
        assert_fails!(sandbox.close_stdin(process).await, ProcessError::NotFound { .. });
        assert_fails!(sandbox.restart_process(process).await, ProcessError::NotFound { .. });
        assert_fails!(sandbox.get_stdout(process).await, ProcessError::NotFound { .. });
        assert_fails!(sandbox.get_stderr(process).await, ProcessError::NotFound { .. });
        assert_fails!(sandbox.get_output(process).await, ProcessError::NotFound { .. });
        assert!(matches!(sandbox.follow_stdout(process).await, Err(ProcessError::NotFound { .. })));
        assert!(matches!(sandbox.follow_stderr(process).await, Err(ProcessError::NotFound { .. })));
        assert!(matches!(sandbox.follow_output(process).await, Err(ProcessError::NotFound { .. })));
    }
}

/// Text that is all digits is a number, and any other a name.
pub(super) async fn text_is_a_number_or_a_name(sandbox: &dyn AsyncSandbox) {
    for name in ["1st", "-1", "grüße aus 17", "?#%2F"] {
        let started = sandbox.start_process(Command::new("sleep").arg("60").name(name)).await.unwrap();
        assert_eq!(sandbox.get_process(name.into()).await.unwrap().pid, started.pid, "{name}");
        let number = started.pid.to_string();
        assert_eq!(sandbox.get_process((&*number).into()).await.unwrap().name.as_deref(), Some(name));
    }
    assert_fails!(sandbox.get_process("99999999999".into()).await, ProcessError::NotFound { .. });
}

pub(super) async fn a_failed_start_leaves_nothing(sandbox: &dyn AsyncSandbox) {
    let start = |command: Command| sandbox.start_process(command.name("worker"));
    assert_fails!(start(Command::new("no-such-program")).await, ProcessError::NoSuchProgram { .. });
    assert_fails!(start(Command::new("true").working_dir("no-such-dir")).await, ProcessError::NoWorkingDir { .. });
    assert_fails!(sandbox.get_process("worker".into()).await, ProcessError::NotFound { .. });
    assert!(sandbox.list_processes().await.unwrap().is_empty());
    start(Command::new("sleep").arg("60")).await.unwrap();
}

pub(super) async fn names_address_and_are_unique(sandbox: &dyn AsyncSandbox) {
    let named = || Command::new("cat").stdin(InputMode::Pipe).name("the worker");
    let worker = sandbox.start_process(named()).await.unwrap();
    let found = sandbox.get_process("the worker".into()).await.unwrap();
    assert_eq!((found.pid, found.name.as_deref()), (worker.pid, Some("the worker")));
    assert_fails!(sandbox.start_process(named()).await, ProcessError::NameTaken { .. });
    for bad in ["", "a/b", "17"] {
        assert_fails!(sandbox.start_process(Command::new("true").name(bad)).await, ProcessError::InvalidCommand { .. });
    }
    sandbox.close_stdin("the worker".into()).await.unwrap();
    sandbox.wait_process("the worker".into()).await.unwrap();
    let next = sandbox.start_process(named()).await.unwrap();
    assert_eq!(sandbox.get_process("the worker".into()).await.unwrap().pid, next.pid);
}

pub(super) async fn kill_is_signal_9(sandbox: &dyn AsyncSandbox) {
    let process = sandbox.start_process(Command::new("sleep").arg("60")).await.unwrap();
    sandbox.kill_process(process.pid.into()).await.unwrap();
    let ended = sandbox.wait_process(process.pid.into()).await.unwrap();
    assert_eq!(ended.status, ProcessStatus::Signaled(9));
    assert_eq!((ended.status.exit_code(), ended.timed_out), (None, false));
    sandbox.kill_process(process.pid.into()).await.unwrap();
}

pub(super) async fn kill_reaches_the_tree(sandbox: &dyn AsyncSandbox) {
    let process = sandbox.start_process(Command::shell(LATE)).await.unwrap();
    pause(sandbox, "0.3").await;
    sandbox.kill_process(process.pid.into()).await.unwrap();
    assert_late_never_comes(sandbox).await;
}

pub(super) async fn kill_reaches_a_busy_loop(sandbox: &dyn AsyncSandbox) {
    let process = sandbox.start_process(Command::shell("while :; do :; done")).await.unwrap();
    pause(sandbox, "0.1").await;
    sandbox.kill_process(process.pid.into()).await.unwrap();
    let ended = sandbox.wait_process(process.pid.into()).await.unwrap();
    assert_eq!(ended.status, ProcessStatus::Signaled(9));
}

pub(super) async fn signals_by_default_end(sandbox: &dyn AsyncSandbox) {
    for signal in [2, 15] {
        let process = sandbox.start_process(Command::new("sleep").arg("60")).await.unwrap();
        sandbox.send_signal(process.pid.into(), signal).await.unwrap();
        let ended = sandbox.wait_process(process.pid.into()).await.unwrap();
        assert_eq!(ended.status, ProcessStatus::Signaled(signal));
    }
}

pub(super) async fn signals_can_be_trapped(sandbox: &dyn AsyncSandbox) {
    let script = "trap 'echo trapped; exit 5' TERM; echo ready; while :; do sleep 0.05; done";
    let process = sandbox.start_process(Command::shell(script)).await.unwrap();
    let mut lines = sandbox.follow_stdout(process.pid.into()).await.unwrap();
    assert_eq!(lines.next().await.unwrap().unwrap().line, "ready");
    sandbox.send_signal(process.pid.into(), 15).await.unwrap();
    assert_eq!(lines.next().await.unwrap().unwrap().line, "trapped");
    let ended = sandbox.wait_process(process.pid.into()).await.unwrap();
    assert_eq!(ended.status, ProcessStatus::Exited(5));
}

pub(super) async fn signal_errors(sandbox: &dyn AsyncSandbox) {
    let process = sandbox.start_process(Command::new("sleep").arg("60")).await.unwrap();
    for signal in [-1, 65, 1000] {
        assert_fails!(sandbox.send_signal(process.pid.into(), signal).await, ProcessError::InvalidSignal { .. });
    }
    sandbox.kill_process(process.pid.into()).await.unwrap();
    sandbox.wait_process(process.pid.into()).await.unwrap();
    assert_fails!(sandbox.send_signal(process.pid.into(), 15).await, ProcessError::NotRunning { .. });
}

/// A signal goes to the whole group, and does what the programs make of it.
pub(super) async fn signals_reach_the_group(sandbox: &dyn AsyncSandbox) {
    let process = sandbox.start_process(Command::shell(LATE)).await.unwrap();
    pause(sandbox, "0.3").await;
    sandbox.send_signal(process.pid.into(), 15).await.unwrap();
    let ended = sandbox.wait_process(process.pid.into()).await.unwrap();
    assert_eq!(ended.status, ProcessStatus::Signaled(15));
    assert_late_never_comes(sandbox).await;
}

pub(super) async fn signals_never_escalate(sandbox: &dyn AsyncSandbox) {
    let process = sandbox.start_process(Command::shell("trap '' TERM; echo ready; sleep 60")).await.unwrap();
    let mut lines = sandbox.follow_stdout(process.pid.into()).await.unwrap();
    assert_eq!(lines.next().await.unwrap().unwrap().line, "ready");
    sandbox.send_signal(process.pid.into(), 15).await.unwrap();
    pause(sandbox, "0.5").await;
    assert!(sandbox.get_process(process.pid.into()).await.unwrap().status.is_running());
    sandbox.kill_process(process.pid.into()).await.unwrap();
}

pub(super) async fn stop_and_continue(sandbox: &dyn AsyncSandbox) {
    let script = "while :; do echo tick; sleep 0.02; done";
    let pid = sandbox.start_process(Command::shell(script)).await.unwrap().pid.into();
    let mut lines = sandbox.follow_stdout(pid).await.unwrap();
    lines.next().await.unwrap().unwrap();
    sandbox.send_signal(pid, 19).await.unwrap();
    pause(sandbox, "0.3").await;
    let count = || async { sandbox.get_stdout(pid).await.unwrap().line_count() };
    let stopped = count().await;
    pause(sandbox, "0.3").await;
    assert_eq!(count().await, stopped, "a stopped process writes");
    // It is stopped, and has not ended.
    assert!(sandbox.get_process(pid).await.unwrap().status.is_running());
    sandbox.send_signal(pid, 18).await.unwrap();
    while count().await == stopped {
        pause(sandbox, "0.05").await;
    }
    // A stopped process is killed like any other.
    sandbox.send_signal(pid, 19).await.unwrap();
    sandbox.kill_process(pid).await.unwrap();
    assert_eq!(sandbox.wait_process(pid).await.unwrap().status, ProcessStatus::Signaled(9));
}

/// An orphan is nobody's child any more, and still the process's descendant.
pub(super) async fn kill_reaches_orphans(sandbox: &dyn AsyncSandbox) {
    let script = "sh -c '(while [ ! -e go ]; do sleep 0.05; done; echo late > late.txt) &'; echo ready; sleep 60";
    let process = sandbox.start_process(Command::shell(script)).await.unwrap();
    let mut lines = sandbox.follow_stdout(process.pid.into()).await.unwrap();
    assert_eq!(lines.next().await.unwrap().unwrap().line, "ready");
    sandbox.kill_process(process.pid.into()).await.unwrap();
    assert_late_never_comes(sandbox).await;
}

pub(super) async fn kill_of_the_ended_reaches_what_it_left(sandbox: &dyn AsyncSandbox) {
    let script = "(while [ ! -e go ]; do sleep 0.05; done; echo late > late.txt) & exit 4";
    let process = sandbox.start_process(Command::shell(script)).await.unwrap();
    sandbox.wait_process(process.pid.into()).await.unwrap();
    sandbox.kill_process(process.pid.into()).await.unwrap();
    assert_late_never_comes(sandbox).await;
    // How it ended is not changed by that.
    assert_eq!(sandbox.get_process(process.pid.into()).await.unwrap().status, ProcessStatus::Exited(4));
}

/// An engine with one user takes any that could be one.
pub(super) async fn users_are_accepted(sandbox: &dyn AsyncSandbox) {
    for user in ["root", "somebody", "1000", "1000:1000"] {
        assert!(sandbox.run(Command::new("true").user(user)).await.unwrap().success(), "{user}");
    }
    for user in ["", "a/b", "1000:"] {
        assert_fails!(sandbox.run(Command::new("true").user(user)).await, ProcessError::InvalidCommand { .. });
    }
}

pub(super) async fn a_timeout_is_told(sandbox: &dyn AsyncSandbox) {
    let command = Command::new("sleep").arg("60").timeout(std::time::Duration::from_millis(200));
    let process = sandbox.start_process(command).await.unwrap();
    let ended = sandbox.wait_process(process.pid.into()).await.unwrap();
    assert_eq!((ended.status, ended.timed_out), (ProcessStatus::Signaled(9), true));
}
