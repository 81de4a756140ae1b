//! What is promised of snapshots, copies and going back.

use std::collections::BTreeSet;

use super::{Worker, assert_fails, pause};
use crate::{
    AsyncSandboxExt as _, CheckpointError, Command, ConnectError, CreateError, Limits, ProcessStatus, RestoreError,
    SandboxSpec, SandboxStatus, Sandboxes, SnapshotKind, WrongStatus,
};

fn of(snapshot_id: &str) -> SandboxSpec {
    SandboxSpec::default().snapshot_id(snapshot_id)
}

pub(super) async fn one_of_the_files_begins_anew(engine: &dyn Sandboxes) {
    let spec = SandboxSpec::named("contract-files").env("FLAVOUR", "plain").working_dir("/work/place");
    let sandbox = engine.create(spec).await.unwrap();
    sandbox.start_process(Command::new("sleep").arg("60")).await.unwrap();
    sandbox.write("file", "before").await.unwrap();
    let snapshot = sandbox.checkpoint(SnapshotKind::Filesystem).await.unwrap();
    assert_eq!((&*snapshot.sandbox_id, snapshot.sandbox_name.as_deref()), (sandbox.id(), Some("contract-files")));
    assert_eq!(snapshot.kind, SnapshotKind::Filesystem);
    // What was saved stays as it was, and outlives what it was saved of.
    sandbox.write("file", "after").await.unwrap();
    sandbox.terminate().await.unwrap();

    let again = engine.create(of(&snapshot.id)).await.unwrap();
    let info = again.info().await.unwrap();
    assert_eq!((info.status, info.snapshot_id.as_ref()), (SandboxStatus::Running, Some(&snapshot.id)));
    assert_ne!(again.id(), sandbox.id());
    assert_eq!(again.name(), None);
    assert!(again.list_processes().await.unwrap().is_empty());
    assert_eq!(again.read_to_string("file").await.unwrap(), "before");
    let ran = again.run(Command::shell("echo $FLAVOUR; pwd")).await.unwrap();
    assert_eq!(ran.stdout, "plain\n/work/place");
    again.terminate().await.unwrap();
    engine.delete_snapshot(&snapshot.id).await.unwrap();
}

pub(super) async fn one_of_all_goes_on(engine: &dyn Sandboxes) {
    let sandbox = engine.create(SandboxSpec::default()).await.unwrap();
    let worker = Worker::start(&*sandbox).await;
    // It can be restored as soon as it is there.
    let snapshot = sandbox.checkpoint(SnapshotKind::default()).await.unwrap();
    assert_eq!(snapshot.kind, SnapshotKind::Memory);
    worker.goes_on(&*sandbox, "first").await;
    sandbox.terminate().await.unwrap();
    for answer in ["second", "third"] {
        let again = engine.create(of(&snapshot.id)).await.unwrap();
        worker.goes_on(&*again, answer).await;
        again.terminate().await.unwrap();
    }
    engine.delete_snapshot(&snapshot.id).await.unwrap();
}

pub(super) async fn they_are_listed_until_deleted(engine: &dyn Sandboxes) {
    let sandbox = engine.create(SandboxSpec::default()).await.unwrap();
    sandbox.write("file", "content").await.unwrap();
    let first = sandbox.checkpoint(SnapshotKind::Filesystem).await.unwrap();
    pause(&*sandbox, "0.05").await;
    let second = sandbox.checkpoint(SnapshotKind::Memory).await.unwrap();
    for snapshot in [&first, &second] {
        let is_plain = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
        assert!(!snapshot.id.is_empty() && snapshot.id.bytes().all(is_plain), "{}", snapshot.id);
        assert!(snapshot.created_at_ms >= sandbox.info().await.unwrap().created_at_ms && snapshot.size_bytes > 0);
    }
    let both = [first.clone(), second.clone()];
    assert_eq!(sandbox.list_snapshots().await.unwrap(), both);
    sandbox.terminate().await.unwrap();
    assert_eq!(sandbox.list_snapshots().await.unwrap(), both);
    let mut all = engine.list_snapshots().await.unwrap();
    all.retain(|snapshot| snapshot.sandbox_id == sandbox.id());
    assert_eq!(all, both);
    assert_eq!(engine.get_snapshot(&first.id).await.unwrap(), first);

    let again = engine.create(of(&first.id)).await.unwrap();
    for snapshot in &both {
        engine.delete_snapshot(&snapshot.id).await.unwrap();
    }
    assert!(sandbox.list_snapshots().await.unwrap().is_empty());
    for id in [&*first.id, "no-such-snapshot"] {
        assert_fails!(engine.get_snapshot(id).await, CheckpointError::NotFound { .. });
        assert_fails!(engine.delete_snapshot(id).await, CheckpointError::NotFound { .. });
        let refused = engine.create(of(id)).await;
        assert!(matches!(refused, Err(CreateError::Restore(RestoreError::NotFound { .. }))), "{id}");
    }
    // Who has gone on from one needs it no more.
    assert!(again.run(Command::new("true")).await.unwrap().success());
    again.terminate().await.unwrap();
}

pub(super) async fn a_sandbox_goes_on_while_it_is_saved(engine: &dyn Sandboxes) {
    let sandbox = engine.create(SandboxSpec::default()).await.unwrap();
    sandbox.write("file", "kept").await.unwrap();
    let (one, ran, other, read) = futures::join!(
        sandbox.checkpoint(SnapshotKind::Memory),
        sandbox.run(Command::shell("echo meanwhile")),
        sandbox.checkpoint(SnapshotKind::Memory),
        sandbox.read_to_string("file"),
    );
    assert_eq!((&*ran.unwrap().stdout, &*read.unwrap()), ("meanwhile", "kept"));
    let (one, other) = (one.unwrap(), other.unwrap());
    assert_ne!(one.id, other.id);
    sandbox.wait_until_running().await.unwrap();
    sandbox.terminate().await.unwrap();
    for snapshot in [one, other] {
        engine.delete_snapshot(&snapshot.id).await.unwrap();
    }
}

pub(super) async fn only_what_runs_is_saved(engine: &dyn Sandboxes) {
    let sandbox = engine.create(SandboxSpec::named("contract-unsaved").auto_resume(false)).await.unwrap();
    let snapshot = sandbox.checkpoint(SnapshotKind::Filesystem).await.unwrap();
    sandbox.suspend().await.unwrap();
    let is_refused = async |in_this: SandboxStatus| {
        let checkpoint = sandbox.checkpoint(SnapshotKind::Filesystem).await;
        let Err(CheckpointError::WrongStatus(WrongStatus { status, .. })) = checkpoint else { return false };
        let rollback = sandbox.rollback(&snapshot.id).await;
        let copied = sandbox.copy(1).await.map(drop);
        status == in_this
            && matches!(rollback, Err(RestoreError::WrongStatus(_)))
            && matches!(copied, Err(CheckpointError::WrongStatus(_)))
    };
    assert!(is_refused(SandboxStatus::Suspended).await);
    sandbox.terminate().await.unwrap();
    assert!(is_refused(SandboxStatus::Terminated).await);
    engine.delete_snapshot(&snapshot.id).await.unwrap();
}

pub(super) async fn a_restored_sandbox_is_like_the_saved_one(engine: &dyn Sandboxes) {
    let limits = Limits { processes: 7, ..Limits::default() };
    let sandbox = engine.create(SandboxSpec::default().limits(limits.clone())).await.unwrap();
    let files = sandbox.checkpoint(SnapshotKind::Filesystem).await.unwrap();
    let all = sandbox.checkpoint(SnapshotKind::Memory).await.unwrap();
    for snapshot in [&files, &all] {
        let again = engine.create(of(&snapshot.id)).await.unwrap();
        assert_eq!(again.info().await.unwrap().limits, limits);
        again.terminate().await.unwrap();
        let refused = engine.create(of(&snapshot.id).image("another")).await;
        assert!(matches!(refused, Err(CreateError::InvalidSpec { .. })));
    }

    // Who begins anew may have other limits, and begins with something; processes that go on can't.
    let more = Limits { processes: 9, ..Limits::default() };
    let entrypoint = ["sh", "-c", "echo up > up.txt; sleep 60"];
    let again = engine.create(of(&files.id).limits(more.clone()).entrypoint(entrypoint)).await.unwrap();
    assert_eq!(again.info().await.unwrap().limits, more);
    while again.read_to_string("up.txt").await.ok().as_deref() != Some("up\n") {
        pause(&*again, "0.05").await;
    }
    again.terminate().await.unwrap();
    for spec in [of(&all.id).limits(more), of(&all.id).entrypoint(entrypoint)] {
        let refused = engine.create(SandboxSpec { name: Some("contract-restored".into()), ..spec }).await;
        assert!(matches!(refused, Err(CreateError::InvalidSpec { .. })));
        assert!(matches!(engine.connect("contract-restored").await, Err(ConnectError::NotFound { .. })));
    }
    sandbox.terminate().await.unwrap();
    for snapshot in [files, all] {
        engine.delete_snapshot(&snapshot.id).await.unwrap();
    }
}

pub(super) async fn copies_are_live_and_apart(engine: &dyn Sandboxes) {
    let sandbox = engine.create(SandboxSpec::named("contract-copied")).await.unwrap();
    let worker = Worker::start(&*sandbox).await;
    let copies = sandbox.copy(2).await.unwrap();
    let ids: BTreeSet<_> = copies.iter().chain([&sandbox]).map(|sandbox| sandbox.id()).collect();
    assert_eq!((copies.len(), ids.len()), (2, 3));
    for (copy, answer) in copies.iter().zip(["one", "two"]) {
        let found = engine.connect(copy.id()).await.unwrap();
        assert_eq!((found.status().await.unwrap(), found.name()), (SandboxStatus::Running, None));
        worker.goes_on(&*found, answer).await;
        copy.write("file", answer).await.unwrap();
    }
    for (copy, answer) in copies.iter().zip(["one", "two"]) {
        assert_eq!(copy.read_to_string("file").await.unwrap(), answer);
        copy.terminate().await.unwrap();
    }
    assert!(sandbox.read_file("file").await.is_err());
    worker.goes_on(&*sandbox, "three").await;
    sandbox.terminate().await.unwrap();
}

pub(super) async fn a_rollback_undoes_what_came_after(engine: &dyn Sandboxes) {
    let sandbox = engine.create(SandboxSpec::named("contract-back")).await.unwrap();
    let worker = Worker::start(&*sandbox).await;
    sandbox.write("file", "before").await.unwrap();
    let snapshot = sandbox.checkpoint(SnapshotKind::Memory).await.unwrap();
    worker.goes_on(&*sandbox, "first").await;
    sandbox.write("file", "after").await.unwrap();
    let later = sandbox.start_process(Command::new("sleep").arg("60")).await.unwrap();

    assert_fails!(sandbox.rollback("no-such-snapshot").await, RestoreError::NotFound { .. });
    assert!(sandbox.get_process((&later).into()).await.unwrap().status.is_running());
    let (waited, back) = futures::join!(sandbox.wait_process((&later).into()), sandbox.rollback(&snapshot.id));
    back.unwrap();
    assert_eq!(waited.unwrap().status, ProcessStatus::Signaled(9));

    // The same sandbox, and the same handle.
    assert_eq!(engine.connect("contract-back").await.unwrap().id(), sandbox.id());
    assert_eq!(sandbox.status().await.unwrap(), SandboxStatus::Running);
    assert_eq!(sandbox.read_to_string("file").await.unwrap(), "before");
    let listed = sandbox.list_processes().await.unwrap();
    assert_eq!(listed.iter().map(|process| process.pid).collect::<Vec<_>>(), [worker.pid()]);
    worker.goes_on(&*sandbox, "second").await;
    sandbox.terminate().await.unwrap();
    engine.delete_snapshot(&snapshot.id).await.unwrap();
}
