//! What is promised of a sandbox's life.

use futures::StreamExt as _;

use super::assert_fails;
use crate::{
    AsyncSandbox, AsyncSandboxExt as _, Command, FileError, LifecycleError, ProcessError, SandboxStatus, SandboxUpdate,
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
        // Something runs by then, whichever is polled first.
        let _ = sandbox.run(Command::new("true")).await;
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

    assert_fails!(sandbox.run(Command::new("true")).await, ProcessError::WrongStatus(_));
    assert_fails!(sandbox.start_process(Command::new("true")).await, ProcessError::WrongStatus(_));
    assert_fails!(sandbox.list_processes().await, ProcessError::WrongStatus(_));
    assert_fails!(sandbox.read_file("x").await, FileError::WrongStatus(_));
    assert_fails!(sandbox.write("x", "y").await, FileError::WrongStatus(_));
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
