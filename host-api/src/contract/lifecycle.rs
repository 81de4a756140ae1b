//! What is promised of a sandbox's life.

use std::time::Duration;

use futures::StreamExt as _;

use super::assert_fails;
use crate::{
    AsyncSandbox, AsyncSandboxExt as _, CheckpointError, Command, FileError, InputMode, LifecycleError, Limits,
    LogFilter, ProcessError, PtySpec, RestoreError, SandboxStatus, SandboxUpdate, SnapshotKind, TerminationReason,
};

pub(super) async fn running_from_the_start(sandbox: &dyn AsyncSandbox) {
    assert_eq!(sandbox.status().await.unwrap(), SandboxStatus::Running);
    sandbox.wait_until_running().await.unwrap();
    let info = sandbox.info().await.unwrap();
    assert_eq!((&*info.id, &info.name), (sandbox.id(), &sandbox.name()));
    assert_eq!((info.status, info.termination_reason, info.terminated_at_ms), (SandboxStatus::Running, None, None));
    assert!(info.created_at_ms > 1_500_000_000_000);
}

pub(super) async fn terminate_resolves_what_is_in_progress(sandbox: &dyn AsyncSandbox) {
    let pid = sandbox.start_process(Command::shell("echo ready; sleep 60")).await.unwrap().pid.into();
    let mut events = sandbox.follow_output(pid).await.unwrap();
    assert_eq!(events.next().await.unwrap().unwrap().line, "ready");
    let terminate = async {
        // What is run is there by then, whichever is polled first and however long a start takes.
        while sandbox.list_processes().await.unwrap().iter().all(|process| process.command != "sleep") {
            let _ = sandbox.run(Command::new("true")).await;
        }
        sandbox.terminate().await
    };
    let sleep = sandbox.run(Command::new("sleep").arg("60"));
    let (run, waited, rest, terminated) =
        futures::join!(sleep, sandbox.wait_process(pid), events.collect::<Vec<_>>(), terminate);
    terminated.unwrap();
    assert_eq!(run.unwrap().exit_code, -9);
    assert!(rest.is_empty(), "{rest:?}");
    match waited {
        Ok(ended) => assert_eq!(ended.status.signal(), Some(9)),
        Err(error) => assert!(matches!(error, ProcessError::WrongStatus(_)), "{error:?}"),
    }
}

pub(super) async fn terminated_is_final(sandbox: &dyn AsyncSandbox) {
    sandbox.terminate().await.unwrap();
    sandbox.terminate().await.unwrap();
    assert_eq!(sandbox.status().await.unwrap(), SandboxStatus::Terminated);
    let info = sandbox.info().await.unwrap();
    assert_eq!(info.status, SandboxStatus::Terminated);
    assert!(info.terminated_at_ms.unwrap() >= info.created_at_ms);
    assert_eq!(info.termination_reason, Some(TerminationReason::Requested));

    assert_fails!(sandbox.run(Command::new("true")).await, ProcessError::WrongStatus(_));
    assert_fails!(sandbox.start_process(Command::new("true")).await, ProcessError::WrongStatus(_));
    assert_fails!(sandbox.list_processes().await, ProcessError::WrongStatus(_));
    assert_fails!(sandbox.get_process(1.into()).await, ProcessError::WrongStatus(_));
    assert_fails!(sandbox.wait_process(1.into()).await, ProcessError::WrongStatus(_));
    assert_fails!(sandbox.kill_process(1.into()).await, ProcessError::WrongStatus(_));
    assert_fails!(sandbox.send_signal(1.into(), 15).await, ProcessError::WrongStatus(_));
    assert_fails!(sandbox.write_stdin(1.into(), "x".into()).await, ProcessError::WrongStatus(_));
    assert_fails!(sandbox.close_stdin(1.into()).await, ProcessError::WrongStatus(_));
    assert_fails!(sandbox.restart_process(1.into()).await, ProcessError::WrongStatus(_));
    assert_fails!(sandbox.get_output(1.into()).await, ProcessError::WrongStatus(_));
    assert_fails!(sandbox.follow_output(1.into()).await.map(drop), ProcessError::WrongStatus(_));
    assert_fails!(sandbox.get_logs(LogFilter::default()).await, ProcessError::WrongStatus(_));
    let terminal = sandbox.create_pty(PtySpec::new(Command::new("true"))).await;
    assert_fails!(terminal.map(drop), ProcessError::WrongStatus(_));
    assert_fails!(sandbox.list_ptys().await, ProcessError::WrongStatus(_));
    assert_fails!(sandbox.read_file("x").await, FileError::WrongStatus(_));
    assert_fails!(sandbox.write("x", "y").await, FileError::WrongStatus(_));
    assert_fails!(sandbox.delete_file("x").await, FileError::WrongStatus(_));
    assert_fails!(sandbox.list_directory("/").await, FileError::WrongStatus(_));
    assert_fails!(sandbox.update(SandboxUpdate::default()).await, LifecycleError::WrongStatus(_));
    assert_fails!(sandbox.wait_until_running().await, LifecycleError::WrongStatus(_));
    assert_fails!(sandbox.status_changed(SandboxStatus::Terminated).await, LifecycleError::WrongStatus(_));
}

pub(super) async fn status_changes_are_told(sandbox: &dyn AsyncSandbox) {
    assert_eq!(sandbox.status_changed(SandboxStatus::Pending).await.unwrap(), SandboxStatus::Running);
    let (changed, over, terminated) = futures::join!(
        sandbox.status_changed(SandboxStatus::Running),
        sandbox.wait_until_terminated(),
        sandbox.terminate()
    );
    assert_eq!(changed.unwrap(), SandboxStatus::Terminated);
    over.unwrap();
    terminated.unwrap();
}

pub(super) async fn new_limits_are_for_new_processes(sandbox: &dyn AsyncSandbox) {
    let running = sandbox.start_process(Command::shell("read line; seq 1 2000").stdin(InputMode::Pipe)).await.unwrap();
    let limits = Limits { output_bytes: 2048, ..sandbox.info().await.unwrap().limits };
    let update = SandboxUpdate { limits: Some(limits.clone()), ..SandboxUpdate::default() };
    assert_eq!(sandbox.update(update).await.unwrap().limits, limits);
    assert_eq!(sandbox.info().await.unwrap().limits, limits);

    let result = sandbox.run(Command::new("seq").args(["1", "2000"])).await.unwrap();
    assert!(result.stdout_bytes.len() <= 2048 && result.stdout_missed_bytes > 0, "{}", result.stdout_bytes.len());
    sandbox.write_stdin((&running).into(), "go\n".into()).await.unwrap();
    sandbox.wait_process((&running).into()).await.unwrap();
    assert_eq!(sandbox.get_stdout((&running).into()).await.unwrap().line_count(), 2000);

    let limits = Limits { wall_time: Some(Duration::from_millis(200)), ..limits };
    sandbox.update(SandboxUpdate { limits: Some(limits), ..SandboxUpdate::default() }).await.unwrap();
    // The end that a limit brings about is no timeout, as the command had none.
    let result = sandbox.run(Command::new("sleep").arg("60")).await.unwrap();
    assert_eq!((result.signal(), result.timed_out()), (Some(9), false));
}

pub(super) async fn an_update_is_checked(sandbox: &dyn AsyncSandbox) {
    let before = sandbox.info().await.unwrap();
    assert_eq!(sandbox.update(SandboxUpdate::default()).await.unwrap(), before);
    for name in ["", "Upper", "17"] {
        let update = SandboxUpdate { name: Some(name.into()), ..SandboxUpdate::default() };
        assert_fails!(sandbox.update(update).await, LifecycleError::InvalidUpdate { .. });
    }
    let update = SandboxUpdate { auto_resume: Some(false), ..SandboxUpdate::default() };
    assert_fails!(sandbox.update(update).await, LifecycleError::InvalidUpdate { .. });
    assert_eq!(sandbox.info().await.unwrap(), before);
}

/// Only a sandbox with a name can be suspended.
pub(super) async fn the_ephemeral_are_not_suspended(sandbox: &dyn AsyncSandbox) {
    let refused = sandbox.suspend().await;
    assert!(matches!(refused, Err(LifecycleError::Ephemeral { .. } | LifecycleError::Unsupported(_))), "{refused:?}");
    assert_eq!(sandbox.status().await.unwrap(), SandboxStatus::Running);
}

/// An engine that can't hold a sandbox still says so, and nothing has happened.
pub(super) async fn holding_still_is_offered_or_refused(sandbox: &dyn AsyncSandbox) {
    use CheckpointError::Unsupported;
    assert!(matches!(sandbox.checkpoint(SnapshotKind::Filesystem).await, Ok(_) | Err(Unsupported(_))));
    assert!(matches!(sandbox.list_snapshots().await, Ok(_) | Err(Unsupported(_))));
    assert!(matches!(sandbox.copy(0).await, Ok(_) | Err(Unsupported(_))));
    assert!(matches!(sandbox.resume().await, Ok(()) | Err(LifecycleError::Unsupported(_))));
    let rollback = sandbox.rollback("no-such-snapshot").await;
    assert_fails!(rollback, RestoreError::NotFound { .. } | RestoreError::Unsupported(_));
    assert_eq!(sandbox.status().await.unwrap(), SandboxStatus::Running);
    assert!(sandbox.run(Command::new("true")).await.unwrap().success());
}
