//! What is promised of an engine.

use futures::future::join_all;

use super::assert_fails;
use crate::{
    AsyncSandboxExt as _, BindOutcome, Command, ConnectError, CreateError, FileError, SandboxSpec, SandboxStatus,
    Sandboxes,
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
    running.terminate().await.unwrap();
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
