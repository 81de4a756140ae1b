//! Checkpoints and copies of a sandbox that goes on meanwhile, and going back to one.

use std::sync::Arc;

use stillbox_api::{
    AsyncSandbox, CheckpointError, CreateError, Limits, LogLevel, RestoreError, SandboxSpec, SandboxStatus,
    SnapshotInfo, SnapshotKind,
};
use stillbox_checkpoint::Purpose;

use crate::engine::Shared;
use crate::offload::offload;
use crate::sandbox::Live;
use crate::sandbox::state::Inner;
use crate::sandbox::still::Still;

/// Saves a sandbox, and returns when that can be restored.
///
/// # Errors
///
/// As [`checkpoint`](AsyncSandbox::checkpoint).
pub(crate) async fn checkpoint(
    engine: &Shared,
    inner: &Arc<Inner>,
    kind: SnapshotKind,
) -> Result<SnapshotInfo, CheckpointError> {
    let _turn = inner.turn.lock().await;
    let moment = inner.begin(SandboxStatus::Snapshotting)?;
    let live = moment.live();
    let still = match kind {
        SnapshotKind::Memory => still(live, inner).await?,
        SnapshotKind::Filesystem => live.save_files(inner),
    };
    let record = engine.snapshots.put(still, inner, Purpose::Snapshot).await?;
    live.log.event(LogLevel::Info, &format!("saved as {}", record.id));
    Ok((&record).into())
}

/// Holds a sandbox still for as long as it takes to save it.
async fn still(live: &Live, inner: &Inner) -> Result<Still, CheckpointError> {
    let held = live.hold().await?;
    live.save(&held, inner).await
}

/// Makes `times` copies of a sandbox that runs, and goes on.
///
/// # Errors
///
/// As [`copy`](AsyncSandbox::copy).
pub(crate) async fn copy(
    engine: &Arc<Shared>,
    inner: &Arc<Inner>,
    times: usize,
) -> Result<Vec<Arc<dyn AsyncSandbox>>, CheckpointError> {
    let still = {
        let _turn = inner.turn.lock().await;
        let moment = inner.begin(SandboxStatus::Snapshotting)?;
        still(moment.live(), inner).await?
    };
    let mut copies: Vec<Arc<dyn AsyncSandbox>> = Vec::new();
    for _ in 0..times {
        match engine.copy_of(inner, &still) {
            Ok(copy) => copies.push(copy),
            Err(error) => {
                // Nobody would know of those that were made.
                for copy in copies {
                    let _ = copy.terminate().await;
                }
                return Err(CheckpointError::Engine(error.into()));
            }
        }
    }
    Ok(copies)
}

/// Has a sandbox go on from a snapshot, in place of what it is now.
///
/// # Errors
///
/// As [`rollback`](AsyncSandbox::rollback).
pub(crate) async fn rollback(engine: &Arc<Shared>, inner: &Arc<Inner>, id: &str) -> Result<(), RestoreError> {
    let still = read(engine, id).await?;
    let _turn = inner.turn.lock().await;
    let continued = Live::load(engine, inner, &still).map_err(|error| match error {
        CreateError::Restore(error) => error,
        error => RestoreError::Engine(error.into()),
    })?;
    let before = inner.replace(&continued.live)?;
    before.close();
    continued.live.log.event(LogLevel::Info, &format!("went back to {id}"));
    continued.go_on().map_err(|error| RestoreError::Engine(error.into()))?;
    Ok(())
}

/// Returns what a sandbox is to be that begins with a snapshot: what `spec` leaves open is as it was.
///
/// # Errors
///
/// [`CreateError::InvalidSpec`] if `spec` asks for what processes that go on can't have.
pub(crate) fn spec_of(spec: SandboxSpec, still: &Still) -> Result<SandboxSpec, CreateError> {
    let saved = still.limits();
    let limits = if spec.limits == Limits::default() { saved.clone() } else { spec.limits };
    let invalid = |reason: &str| Err(CreateError::InvalidSpec { reason: reason.into() });
    if still.has_processes && limits != saved {
        return invalid("the processes of a snapshot go on under the limits that they had; `update` changes those");
    }
    if still.has_processes && !spec.entrypoint.is_empty() {
        return invalid("the processes of a snapshot go on, and no entry point is started beside them");
    }
    Ok(SandboxSpec { image: still.sandbox.image.clone(), limits, ..spec })
}

/// Brings a snapshot into memory.
///
/// # Errors
///
/// For what is not there, is damaged, or doesn't fit.
pub(crate) async fn read(engine: &Arc<Shared>, id: &str) -> Result<Arc<Still>, RestoreError> {
    let (shared, id) = (engine.clone(), id.to_owned());
    let read = move || {
        let (record, still) = shared.snapshots.still(&id, || shared.bases(), &shared.runtime.programs)?;
        if record.purpose != Purpose::Snapshot {
            return Err(RestoreError::NotFound { id });
        }
        Ok(still)
    };
    offload(&engine.runtime.threads, read).await.map_err(|error| RestoreError::Engine(error.into()))?
}
