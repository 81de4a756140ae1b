//! Checkpoints and copies of a sandbox that goes on meanwhile, and going back to one.

use std::sync::Arc;

use stillbox_api::{
    AsyncSandbox, CheckpointError, CreateError, LogLevel, RestoreError, SandboxStatus, SnapshotInfo, SnapshotKind,
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
    let failed = |error: CreateError| CheckpointError::Engine(error.into());
    (0..times).map(|_| engine.copy_of(inner, &still).map_err(failed)).collect()
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
    let before = inner.replace(&continued.live).map_err(|error| RestoreError::Engine(error.into()))?;
    before.close();
    continued.live.log.event(LogLevel::Info, &format!("went back to {id}"));
    continued.go_on().map_err(|error| RestoreError::Engine(error.into()))?;
    Ok(())
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
