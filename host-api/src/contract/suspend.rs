//! What is promised of sandboxes that are suspended and resumed.

use std::time::Duration;

use futures::StreamExt as _;
use futures::future::BoxFuture;

use super::{Worker, assert_fails, pause};
use crate::{
    AsyncSandbox, AsyncSandboxExt as _, BindOutcome, Command, ConnectError, FileError, InputMode, LifecycleError,
    LogFilter, ProcessError, ProcessStatus, PtySpec, SandboxSpec, SandboxStatus, SandboxUpdate, Sandboxes,
    TerminationReason,
};

/// Makes a sandbox that can be suspended.
async fn named(engine: &dyn Sandboxes, name: &str) -> std::sync::Arc<dyn AsyncSandbox> {
    engine.create(SandboxSpec::named(name)).await.unwrap()
}

async fn is_in(sandbox: &dyn AsyncSandbox, status: SandboxStatus) -> bool {
    sandbox.status().await.unwrap() == status
}

/// Waits until a sandbox is suspended by itself.
async fn until_suspended(sandbox: &dyn AsyncSandbox) {
    let mut status = sandbox.status().await.unwrap();
    while status != SandboxStatus::Suspended {
        status = sandbox.status_changed(status).await.unwrap();
    }
}

pub(super) async fn it_rests_and_goes_on(engine: &dyn Sandboxes) {
    let sandbox = named(engine, "contract-rests").await;
    let worker = Worker::start(&*sandbox).await;
    sandbox.write("file", "kept").await.unwrap();
    sandbox.resume().await.unwrap();
    for _ in 0..2 {
        sandbox.suspend().await.unwrap();
        sandbox.suspend().await.unwrap();
        // Who looks doesn't wake it up.
        let found = engine.connect("contract-rests").await.unwrap();
        assert_eq!((found.id(), found.name()), (sandbox.id(), sandbox.name()));
        let info = found.info().await.unwrap();
        assert_eq!((info.status, info.termination_reason), (SandboxStatus::Suspended, None));
        assert_eq!(info.terminated_at_ms, None);
        assert!(engine.list().await.unwrap().contains(&info));
        assert!(is_in(&*sandbox, SandboxStatus::Suspended).await);

        sandbox.resume().await.unwrap();
        assert!(is_in(&*sandbox, SandboxStatus::Running).await);
        sandbox.resume().await.unwrap();
    }
    worker.goes_on(&*sandbox, "answer").await;
    assert_eq!(sandbox.read_to_string("file").await.unwrap(), "kept");
    sandbox.terminate().await.unwrap();
}

pub(super) async fn a_call_wakes_it_up(engine: &dyn Sandboxes) {
    let sandbox = &*named(engine, "contract-called").await;
    let worker = Worker::start(sandbox).await;
    sandbox.write("file", "kept").await.unwrap();
    let pid = worker.pid();
    let calls: Vec<BoxFuture<'_, bool>> = vec![
        Box::pin(async { sandbox.read_to_string("file").await.unwrap() == "kept" }),
        Box::pin(async { sandbox.write("other", "too").await.is_ok() }),
        Box::pin(async { sandbox.list_directory(".").await.unwrap().iter().any(|entry| entry.name == "other") }),
        Box::pin(async { sandbox.run(Command::new("true")).await.unwrap().success() }),
        Box::pin(async { sandbox.list_processes().await.unwrap().iter().any(|process| process.pid == pid) }),
        Box::pin(async { sandbox.get_process(pid.into()).await.unwrap().status.is_running() }),
        Box::pin(async { sandbox.get_stdout(pid.into()).await.unwrap().lines == ["ready"] }),
        Box::pin(async { !sandbox.get_logs(LogFilter::default()).await.unwrap().is_empty() }),
        Box::pin(async { sandbox.list_ptys().await.unwrap().is_empty() }),
    ];
    for (number, call) in calls.into_iter().enumerate() {
        sandbox.suspend().await.unwrap();
        assert!(call.await, "call {number}");
        assert!(is_in(sandbox, SandboxStatus::Running).await, "call {number}");
    }
    sandbox.suspend().await.unwrap();
    worker.goes_on(sandbox, "answer").await;
    sandbox.terminate().await.unwrap();
}

pub(super) async fn what_waits_waits_on(engine: &dyn Sandboxes) {
    let sandbox = named(engine, "contract-waits").await;
    let cat = sandbox.start_process(Command::new("cat").stdin(InputMode::Pipe)).await.unwrap().pid.into();
    let pty = sandbox.create_pty(PtySpec::new(Command::shell("read a; exit $a"))).await.unwrap();
    let mut followed = sandbox.follow_stdout(cat).await.unwrap();
    sandbox.write_stdin(cat, "one\n".into()).await.unwrap();
    assert_eq!(followed.next().await.unwrap().unwrap().line, "one");
    let rest = async {
        while sandbox.list_processes().await.unwrap().iter().all(|process| !process.args.contains(&"60".into())) {
            let _ = sandbox.run(Command::new("true")).await;
        }
        sandbox.suspend().await.unwrap();
        sandbox.resume().await.unwrap();
        sandbox.write_stdin(cat, "two\n".into()).await.unwrap();
        assert_eq!(followed.next().await.unwrap().unwrap().line, "two");
        sandbox.close_stdin(cat).await.unwrap();
        assert!(followed.next().await.is_none());
        pty.send_input(b"5\r").await.unwrap();
        // The one that is run to its end is still there to be killed.
        for process in sandbox.list_processes().await.unwrap() {
            if process.status.is_running() && process.command == "sleep" {
                sandbox.kill_process((&process).into()).await.unwrap();
            }
        }
    };
    let run = sandbox.run(Command::new("sleep").arg("60"));
    let (ran, waited, code, ()) = futures::join!(run, sandbox.wait_process(cat), pty.wait(), rest);
    assert_eq!((ran.unwrap().exit_code, code.unwrap()), (-9, 5));
    assert_eq!(waited.unwrap().status, ProcessStatus::Exited(0));
    sandbox.terminate().await.unwrap();
}

pub(super) async fn without_auto_resume_it_stays(engine: &dyn Sandboxes) {
    let spec = SandboxSpec::named("contract-stays").auto_resume(false);
    let sandbox = engine.create(spec).await.unwrap();
    sandbox.write("file", "kept").await.unwrap();
    sandbox.suspend().await.unwrap();
    assert_fails!(sandbox.read_file("file").await, FileError::WrongStatus(_));
    assert_fails!(sandbox.run(Command::new("true")).await, ProcessError::WrongStatus(_));
    assert_fails!(sandbox.list_processes().await, ProcessError::WrongStatus(_));
    assert!(is_in(&*sandbox, SandboxStatus::Suspended).await);
    sandbox.resume().await.unwrap();
    assert_eq!(sandbox.read_to_string("file").await.unwrap(), "kept");

    // Changing that doesn't wake it up either.
    sandbox.suspend().await.unwrap();
    let update = SandboxUpdate { auto_resume: Some(true), ..SandboxUpdate::default() };
    assert_eq!(sandbox.update(update).await.unwrap().status, SandboxStatus::Suspended);
    assert_eq!(sandbox.read_to_string("file").await.unwrap(), "kept");
    sandbox.terminate().await.unwrap();
}

pub(super) async fn a_name_is_needed(engine: &dyn Sandboxes) {
    let sandbox = engine.create(SandboxSpec::default()).await.unwrap();
    assert_fails!(sandbox.suspend().await, LifecycleError::Ephemeral { .. });
    sandbox.resume().await.unwrap();
    assert!(is_in(&*sandbox, SandboxStatus::Running).await);
    let update = SandboxUpdate { name: Some("contract-promoted".into()), ..SandboxUpdate::default() };
    sandbox.update(update).await.unwrap();
    sandbox.suspend().await.unwrap();
    assert_eq!(engine.connect("contract-promoted").await.unwrap().id(), sandbox.id());
    sandbox.terminate().await.unwrap();
}

pub(super) async fn terminating_it_frees_its_name(engine: &dyn Sandboxes) {
    let sandbox = named(engine, "contract-freed").await;
    sandbox.suspend().await.unwrap();
    let (changed, terminated) = futures::join!(sandbox.status_changed(SandboxStatus::Suspended), sandbox.terminate());
    terminated.unwrap();
    assert_eq!(changed.unwrap(), SandboxStatus::Terminated);
    assert_eq!(sandbox.info().await.unwrap().termination_reason, Some(TerminationReason::Requested));
    assert_fails!(sandbox.resume().await, LifecycleError::WrongStatus(_));
    assert_fails!(sandbox.suspend().await, LifecycleError::WrongStatus(_));
    assert_fails!(sandbox.read_file("file").await, FileError::WrongStatus(_));
    assert!(matches!(engine.connect("contract-freed").await, Err(ConnectError::NotFound { .. })));
    let next = named(engine, "contract-freed").await;
    assert_ne!(next.id(), sandbox.id());
    next.terminate().await.unwrap();
}

pub(super) async fn get_or_create_resumes(engine: &dyn Sandboxes) {
    let sandbox = engine.create(SandboxSpec::named("contract-bound").auto_resume(false)).await.unwrap();
    for (suspends, expected) in [(true, BindOutcome::Resumed), (false, BindOutcome::Attached)] {
        if suspends {
            sandbox.suspend().await.unwrap();
        }
        let (bound, outcome) = engine.get_or_create("contract-bound", SandboxSpec::default()).await.unwrap();
        assert_eq!((bound.id(), outcome), (sandbox.id(), expected));
        assert!(is_in(&*bound, SandboxStatus::Running).await);
    }
    sandbox.terminate().await.unwrap();
}

pub(super) async fn the_idle_are_suspended(engine: &dyn Sandboxes) {
    let spec = SandboxSpec::named("contract-rests-idle").idle_timeout(Duration::from_millis(200));
    let sandbox = engine.create(spec).await.unwrap();
    sandbox.write("file", "kept").await.unwrap();
    until_suspended(&*sandbox).await;
    let info = sandbox.info().await.unwrap();
    assert_eq!((info.termination_reason, info.terminated_at_ms), (None, None));
    // A call wakes it up, and so does resume; either way it is idle again after that.
    assert_eq!(sandbox.read_to_string("file").await.unwrap(), "kept");
    until_suspended(&*sandbox).await;
    sandbox.resume().await.unwrap();
    until_suspended(&*sandbox).await;

    // What is changed while it rests holds when it goes on.
    let forever = SandboxUpdate { idle_timeout: Some(None), ..SandboxUpdate::default() };
    assert_eq!(sandbox.update(forever).await.unwrap().idle_timeout, None);
    sandbox.resume().await.unwrap();
    let clock = engine.create(SandboxSpec::default()).await.unwrap();
    pause(&*clock, "0.8").await;
    assert!(is_in(&*sandbox, SandboxStatus::Running).await);
    clock.terminate().await.unwrap();
    sandbox.terminate().await.unwrap();
}
