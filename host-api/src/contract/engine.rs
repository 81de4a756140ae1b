//! What is promised of an engine.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::{BoxFuture, join_all};

use super::{assert_fails, pause};
use crate::{
    AsyncSandbox, AsyncSandboxExt as _, BindOutcome, CheckpointError, Command, ConnectError, CreateError, FileError,
    InputMode, LifecycleError, Limits, ProcessError, SandboxSpec, SandboxStatus, SandboxUpdate, Sandboxes,
    TerminationReason,
};

pub(super) async fn ids_and_names_connect(engine: &dyn Sandboxes) {
    let made = engine.create(SandboxSpec::named("contract-connect")).await.unwrap();
    let id = made.id().to_owned();
    assert!(!id.is_empty() && id.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-')), "{id}");
    assert_ne!(id, "contract-connect");
    for id_or_name in [&*id, "contract-connect"] {
        let found = engine.connect(id_or_name).await.unwrap();
        assert_eq!((found.id(), found.name().as_deref()), (&*id, Some("contract-connect")));
    }
    // A connected handle doesn't own: dropping it changes nothing.
    assert_eq!(made.status().await.unwrap(), SandboxStatus::Running);
    made.terminate().await.unwrap();
    assert!(matches!(engine.connect("no-such-sandbox").await, Err(ConnectError::NotFound { .. })));
}

pub(super) async fn names_are_unique_and_freed(engine: &dyn Sandboxes) {
    let spec = SandboxSpec::named("contract-unique");
    let first = engine.create(spec.clone()).await.unwrap();
    assert!(matches!(engine.create(spec.clone()).await, Err(CreateError::NameTaken { .. })));
    first.terminate().await.unwrap();
    assert!(matches!(engine.connect("contract-unique").await, Err(ConnectError::NotFound { .. })));
    // By its id, the old one still answers.
    let old = engine.connect(first.id()).await.unwrap();
    assert_eq!(old.status().await.unwrap(), SandboxStatus::Terminated);

    let second = engine.create(spec).await.unwrap();
    assert_ne!(second.id(), first.id());
    assert_eq!(engine.connect("contract-unique").await.unwrap().id(), second.id());
    second.terminate().await.unwrap();
}

pub(super) async fn ill_formed_specs_are_refused(engine: &dyn Sandboxes) {
    for name in ["", "Upper", "with space", "a/b", "-a", "123"] {
        let refused = engine.create(SandboxSpec::named(name)).await;
        assert!(matches!(refused, Err(CreateError::InvalidSpec { .. })), "{name:?}");
    }
    let refused = engine.create(SandboxSpec::default().auto_resume(false)).await;
    assert!(matches!(refused, Err(CreateError::InvalidSpec { .. })));
    let refused = engine.create(SandboxSpec::default().image("no-such-image")).await;
    assert!(matches!(refused, Err(CreateError::NoSuchImage { .. })));
    let refused = engine.create(SandboxSpec::default().snapshot_id("no-such-snapshot")).await;
    assert!(matches!(refused, Err(CreateError::Restore(_) | CreateError::Unsupported(_))));
}

pub(super) async fn get_or_create_creates_once(engine: &dyn Sandboxes) {
    let calls = (0..8).map(|_| engine.get_or_create("contract-once", SandboxSpec::default()));
    let bound: Vec<_> = join_all(calls).await.into_iter().map(|bound| bound.unwrap()).collect();
    let created = bound.iter().filter(|(_, outcome)| *outcome == BindOutcome::Created).count();
    assert_eq!(created, 1);
    assert!(bound.iter().all(|(sandbox, _)| sandbox.id() == bound[0].0.id()));
    assert_eq!(bound[0].0.name().as_deref(), Some("contract-once"));

    bound[0].0.terminate().await.unwrap();
    let (next, outcome) = engine.get_or_create("contract-once", SandboxSpec::default()).await.unwrap();
    assert_eq!(outcome, BindOutcome::Created);
    assert_ne!(next.id(), bound[0].0.id());
    next.terminate().await.unwrap();
}

pub(super) async fn list_has_the_terminated(engine: &dyn Sandboxes) {
    let running = engine.create(SandboxSpec::default()).await.unwrap();
    let over = engine.create(SandboxSpec::default()).await.unwrap();
    over.terminate().await.unwrap();
    let listed = engine.list().await.unwrap();
    let status = |id: &str| listed.iter().find(|info| info.id == id).map(|info| info.status);
    assert_eq!(status(running.id()), Some(SandboxStatus::Running));
    assert_eq!(status(over.id()), Some(SandboxStatus::Terminated));
    // The oldest come first.
    let made: Vec<_> =
        listed.iter().map(|info| &*info.id).filter(|id| [running.id(), over.id()].contains(id)).collect();
    assert_eq!(made, [running.id(), over.id()]);
    running.terminate().await.unwrap();
}

/// Whoever stops waiting for a sandbox leaves none behind.
pub(super) async fn a_dropped_create_leaves_nothing(engine: &dyn Sandboxes) {
    let spec = || SandboxSpec::named("contract-dropped").entrypoint(["sleep", "60"]);
    if let Some(made) = engine.create(spec()).now_or_never() {
        made.unwrap().terminate().await.unwrap();
    }
    let again = engine.create(spec()).await.unwrap();
    again.terminate().await.unwrap();
}

/// An engine without snapshots says so.
pub(super) async fn snapshots_are_offered_or_refused(engine: &dyn Sandboxes) {
    use CheckpointError::{NotFound, Unsupported};
    assert!(matches!(engine.list_snapshots().await, Ok(_) | Err(Unsupported(_))));
    assert_fails!(engine.get_snapshot("no-such-snapshot").await, NotFound { .. } | Unsupported(_));
    assert_fails!(engine.delete_snapshot("no-such-snapshot").await, NotFound { .. } | Unsupported(_));
}

pub(super) async fn sandboxes_are_apart(engine: &dyn Sandboxes) {
    let one = engine.create(SandboxSpec::default()).await.unwrap();
    let two = engine.create(SandboxSpec::default()).await.unwrap();
    one.write("secret", "x").await.unwrap();
    assert_fails!(two.read_file("secret").await, FileError::NotFound { .. });
    one.terminate().await.unwrap();
    assert!(two.run(Command::new("true")).await.unwrap().success());
    two.terminate().await.unwrap();
}

pub(super) async fn env_of_the_spec(engine: &dyn Sandboxes) {
    let sandbox = engine.create(SandboxSpec::default().env("FLAVOUR", "plain").env("SIZE", "1")).await.unwrap();
    let show = || Command::shell("echo \"$FLAVOUR $SIZE\"");
    assert_eq!(sandbox.run(show()).await.unwrap().stdout, "plain 1");
    assert_eq!(sandbox.run(show().env("SIZE", "2")).await.unwrap().stdout, "plain 2");
    sandbox.terminate().await.unwrap();
}

pub(super) async fn terminate_on_drop(engine: &dyn Sandboxes) {
    let owner = engine.create(SandboxSpec::default().terminate_on_drop(true)).await.unwrap();
    let guest = engine.connect(owner.id()).await.unwrap();
    let clone = owner.clone();
    drop(owner);
    assert_eq!(guest.status().await.unwrap(), SandboxStatus::Running);
    drop(clone);
    guest.wait_until_terminated().await.unwrap();
}

pub(super) async fn update_renames(engine: &dyn Sandboxes) {
    let named = |name: &str| SandboxUpdate { name: Some(name.into()), ..SandboxUpdate::default() };
    let other = engine.create(SandboxSpec::named("contract-other")).await.unwrap();
    let sandbox = engine.create(SandboxSpec::default()).await.unwrap();
    assert_fails!(sandbox.update(named("contract-other")).await, LifecycleError::NameTaken { .. });
    // A name promotes an ephemeral sandbox, which keeps its id.
    let info = sandbox.update(named("contract-first")).await.unwrap();
    assert_eq!((&*info.id, info.name.as_deref()), (sandbox.id(), Some("contract-first")));
    sandbox.update(named("contract-first")).await.unwrap();
    sandbox.update(named("contract-second")).await.unwrap();
    assert!(matches!(engine.connect("contract-first").await, Err(ConnectError::NotFound { .. })));
    assert_eq!(engine.connect("contract-second").await.unwrap().id(), sandbox.id());
    other.terminate().await.unwrap();
    sandbox.update(named("contract-other")).await.unwrap();
    sandbox.terminate().await.unwrap();
    assert_fails!(sandbox.update(named("contract-third")).await, LifecycleError::WrongStatus(_));
    assert!(matches!(engine.connect("contract-third").await, Err(ConnectError::NotFound { .. })));
}

pub(super) async fn the_idle_end(engine: &dyn Sandboxes) {
    let idle = || SandboxSpec::default().idle_timeout(Duration::from_millis(400));
    let sandbox = engine.create(idle()).await.unwrap();
    sandbox.wait_until_terminated().await.unwrap();
    assert_eq!(sandbox.info().await.unwrap().termination_reason, Some(TerminationReason::IdleTimeout));

    // A process that a call started keeps its sandbox, until it ends.
    let busy = engine.create(idle()).await.unwrap();
    busy.start_process(Command::new("sleep").arg("1.5")).await.unwrap();
    let clock = engine.create(SandboxSpec::default()).await.unwrap();
    pause(&*clock, "1").await;
    assert_eq!(busy.status().await.unwrap(), SandboxStatus::Running);
    busy.wait_until_terminated().await.unwrap();

    // The timeout can be taken away.
    let kept = engine.create(idle()).await.unwrap();
    let forever = SandboxUpdate { idle_timeout: Some(None), ..SandboxUpdate::default() };
    assert_eq!(kept.update(forever).await.unwrap().idle_timeout, None);
    pause(&*clock, "0.8").await;
    assert_eq!(kept.status().await.unwrap(), SandboxStatus::Running);
    kept.terminate().await.unwrap();
    clock.terminate().await.unwrap();
}

/// A named sandbox is suspended where an ephemeral one ends; an engine that can't do that says so.
pub(super) async fn the_idle_with_a_name_do_not_end(engine: &dyn Sandboxes) {
    let spec = SandboxSpec::named("contract-idle").idle_timeout(Duration::from_millis(100));
    match engine.create(spec).await {
        Ok(sandbox) => {
            assert_ne!(sandbox.status_changed(SandboxStatus::Running).await.unwrap(), SandboxStatus::Terminated);
            sandbox.terminate().await.unwrap();
        }
        Err(error) => {
            assert!(matches!(error, CreateError::Unsupported(_)), "{error:?}");
            assert!(matches!(engine.connect("contract-idle").await, Err(ConnectError::NotFound { .. })));
        }
    }
}

pub(super) async fn the_entry_point_is_started(engine: &dyn Sandboxes) {
    let spec = SandboxSpec::default().entrypoint(["sh", "-c", "echo up > up.txt; sleep 60"]);
    let sandbox = engine.create(spec).await.unwrap();
    while sandbox.read_to_string("up.txt").await.ok().as_deref() != Some("up\n") {
        pause(&*sandbox, "0.05").await;
    }
    sandbox.terminate().await.unwrap();

    let spec = SandboxSpec::named("contract-entry").entrypoint(["no-such-program"]);
    assert!(matches!(engine.create(spec).await, Err(CreateError::Entrypoint(_))));
    assert!(matches!(engine.connect("contract-entry").await, Err(ConnectError::NotFound { .. })));
}

/// A handle can be given to any task, and one handle is as good as another.
pub(super) async fn handles_go_anywhere(engine: &dyn Sandboxes) {
    let sandbox = engine.create(SandboxSpec::default()).await.unwrap();
    let pid = sandbox.start_process(Command::new("cat").stdin(InputMode::Pipe)).await.unwrap().pid;
    let (sender, receiver) = futures::channel::oneshot::channel();
    let other_task = async move {
        let elsewhere: Arc<dyn AsyncSandbox> = receiver.await.unwrap();
        elsewhere.write_stdin(pid.into(), "hello\n".into()).await.unwrap();
        elsewhere.close_stdin(pid.into()).await.unwrap();
    };
    let other_task: BoxFuture<'static, ()> = Box::pin(other_task);
    assert!(sender.send(engine.connect(sandbox.id()).await.unwrap()).is_ok());
    other_task.await;
    sandbox.wait_process(pid.into()).await.unwrap();
    assert_eq!(sandbox.get_stdout(pid.into()).await.unwrap().lines, ["hello"]);
    sandbox.terminate().await.unwrap();
}

/// A path means the same to a program and to the API, and processes start where the specification says.
pub(super) async fn paths_begin_at_one_root(engine: &dyn Sandboxes) {
    let sandbox = engine.create(SandboxSpec::default().working_dir("/work/place")).await.unwrap();
    assert_eq!(sandbox.run(Command::new("pwd")).await.unwrap().stdout, "/work/place");
    sandbox.write("/data/file", "found").await.unwrap();
    assert_eq!(sandbox.run(Command::new("cat").arg("/data/file")).await.unwrap().stdout, "found");
    assert!(sandbox.run(Command::shell("echo relative > file")).await.unwrap().success());
    assert_eq!(sandbox.read_to_string("/work/place/file").await.unwrap(), "relative\n");
    sandbox.terminate().await.unwrap();
}

pub(super) async fn files_are_limited(engine: &dyn Sandboxes) {
    let limits = Limits { file_bytes: 1 << 20, ..Limits::default() };
    let sandbox = engine.create(SandboxSpec::default().limits(limits.clone())).await.unwrap();
    let content = Bytes::from(vec![b'x'; 600_000]);
    sandbox.write_file("fits", content.clone()).await.unwrap();
    assert_fails!(sandbox.write_file("too-much", content.clone()).await, FileError::NoSpace { .. });
    // A program is told so, and goes on.
    let result = sandbox.run(Command::shell("seq 1 1000000 > much || echo full")).await.unwrap();
    assert_eq!((result.exit_code, &*result.stdout), (0, "full"));
    sandbox.delete_file("much").await.unwrap();

    let more = SandboxUpdate { limits: Some(Limits { file_bytes: 4 << 20, ..limits }), ..SandboxUpdate::default() };
    sandbox.update(more).await.unwrap();
    sandbox.write_file("too-much", content).await.unwrap();
    sandbox.terminate().await.unwrap();
}

pub(super) async fn processes_are_limited(engine: &dyn Sandboxes) {
    let limits = Limits { processes: 2, argument_bytes: 20_000, ..Limits::default() };
    let sandbox = engine.create(SandboxSpec::default().limits(limits)).await.unwrap();
    let long = Command::new("true").arg("x".repeat(30_000));
    assert_fails!(sandbox.run(long).await, ProcessError::Limit { limit: "argument_bytes", .. });

    let sleep = || Command::new("sleep").arg("60");
    let first = sandbox.start_process(sleep()).await.unwrap();
    sandbox.start_process(sleep()).await.unwrap();
    assert_fails!(sandbox.start_process(sleep()).await, ProcessError::Limit { limit: "processes", .. });
    sandbox.kill_process((&first).into()).await.unwrap();
    sandbox.wait_process((&first).into()).await.unwrap();
    sandbox.start_process(sleep()).await.unwrap();
    sandbox.terminate().await.unwrap();
}
