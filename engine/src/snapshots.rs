//! The snapshots of an engine: stored checkpoints, by id.

use std::collections::HashMap;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use stillbox_api::{BoxError, CheckpointError, RestoreError, SnapshotInfo, validate_name};
use stillbox_checkpoint::format::{self, FormatError};
use stillbox_checkpoint::{
    Checkpoint, CheckpointStore, DirectoryStore, MemoryStore, Purpose, SnapshotRecord, StoreError, StoreOptions,
};
use stillbox_kernel::clock::Clock;
use stillbox_kernel::fs::persist::BaseTree;

use crate::offload::offload;
use crate::process::threads::Threads;
use crate::program::Programs;
use crate::registry::random_id;
use crate::sandbox::state::Inner;
use crate::sandbox::still::Still;

/// Sandboxes as they were held still, by the ids of their checkpoints.
type Warm = HashMap<String, Arc<Still>>;

/// Where an engine keeps checkpoints. Clones share it.
#[derive(Clone)]
pub(crate) struct Snapshots {
    store: Arc<dyn CheckpointStore>,
    /// The sandboxes of a store in memory as they were held still: going on from one copies none of its memory, which the
    /// store's contents share.
    warm: Option<Arc<Mutex<Warm>>>,
    threads: Threads,
    /// Whether what is stored outlives this process, and may be another's.
    pub(crate) is_durable: bool,
}

/// A snapshot could not be written as a file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// It isn't there, or can't be read.
    #[error(transparent)]
    Read(#[from] RestoreError),
    /// What it was to be written to has failed, or a part of it can't be read.
    #[error("cannot write the snapshot")]
    Write(#[source] io::Error),
}

/// A file could not be taken in as a snapshot.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// It is none, or is damaged.
    #[error("it is not a snapshot that can be used")]
    Format(#[source] BoxError),
    /// It could not be stored.
    #[error(transparent)]
    Store(#[from] CheckpointError),
}

impl Snapshots {
    /// Returns snapshots that are kept in memory.
    pub(crate) fn in_memory(threads: Threads) -> Self {
        Self { store: Arc::new(MemoryStore::new()), warm: Some(Arc::default()), threads, is_durable: false }
    }

    /// Returns the snapshots in a directory.
    ///
    /// # Errors
    ///
    /// What the store says.
    pub(crate) fn in_directory(dir: &Path, threads: Threads) -> Result<Self, StoreError> {
        let store = DirectoryStore::open(dir, StoreOptions::default())?;
        Ok(Self { store: Arc::new(store), warm: None, threads, is_durable: true })
    }

    /// Stores a sandbox that was held still, on a thread of the engine.
    ///
    /// # Errors
    ///
    /// [`CheckpointError::Store`].
    pub(crate) async fn put(
        &self,
        still: Still,
        inner: &Inner,
        purpose: Purpose,
    ) -> Result<SnapshotRecord, CheckpointError> {
        let prefix = match purpose {
            Purpose::Snapshot => "snap-",
            Purpose::Suspension => "rest-",
        };
        let record = SnapshotRecord {
            id: random_id(prefix),
            sandbox_id: inner.id.clone(),
            sandbox_name: inner.name(),
            parent: inner.spec.snapshot_id.clone(),
            purpose,
            has_processes: still.has_processes,
            created_at_ms: Clock::real().wall_ns() / 1_000_000,
            size_bytes: 0,
            stored_bytes: 0,
        };
        let (store, warm, threads) = (self.store.clone(), self.warm.clone(), self.threads.clone());
        let put = move || {
            let checkpoint = still.checkpoint().map_err(|error| CheckpointError::Engine(error.into()))?;
            let record = store.put(&record, &checkpoint).map_err(|error| CheckpointError::Store(error.into()))?;
            let still = Arc::new(still);
            if let Some(warm) = warm {
                warm.lock().insert(record.id.clone(), still.clone());
            }
            // Nobody waits for this; who goes on with the checkpoint finds it done, or does it.
            let _ = threads.run(Box::new(move || still.compile_continuations()));
            Ok(record)
        };
        offload(&self.threads, put).await.map_err(|error| CheckpointError::Engine(error.into()))?
    }

    /// Returns a sandbox as it was held still, and what is known of the checkpoint. This may read and compile.
    ///
    /// # Errors
    ///
    /// [`RestoreError::NotFound`], [`RestoreError::Damaged`], and for what needs something that this engine lacks.
    pub(crate) fn still(
        &self,
        id: &str,
        bases: impl FnOnce() -> Vec<BaseTree>,
        programs: &Programs,
    ) -> Result<(SnapshotRecord, Arc<Still>), RestoreError> {
        let warm = self.warm.as_ref().and_then(|warm| warm.lock().get(id).cloned());
        if let Some(still) = warm {
            return Ok((self.store.record(id).map_err(unrestorable)?, still));
        }
        let (record, checkpoint) = self.get(id)?;
        let still = Still::of(&checkpoint, &bases(), programs)?;
        let still = Still { has_processes: record.has_processes, ..still };
        Ok((record, Arc::new(still)))
    }

    /// Returns a checkpoint, and what is known of it.
    ///
    /// # Errors
    ///
    /// [`RestoreError::NotFound`], [`RestoreError::Damaged`], [`RestoreError::Engine`].
    pub(crate) fn get(&self, id: &str) -> Result<(SnapshotRecord, Checkpoint), RestoreError> {
        Ok((self.store.record(id).map_err(unrestorable)?, self.store.get(id).map_err(unrestorable)?))
    }

    /// Has a checkpoint that is no longer stored take no memory.
    fn cool(&self, id: &str) {
        if let Some(warm) = &self.warm {
            warm.lock().remove(id);
        }
    }

    /// Returns what is known of all that is stored for a purpose, oldest first.
    ///
    /// # Errors
    ///
    /// [`CheckpointError::Store`].
    pub(crate) async fn list(&self, purpose: Purpose) -> Result<Vec<SnapshotRecord>, CheckpointError> {
        let store = self.store.clone();
        let list = move || store.list().map_err(|error| CheckpointError::Store(error.into()));
        let mut list = offload(&self.threads, list).await.map_err(|error| CheckpointError::Engine(error.into()))??;
        list.retain(|record| record.purpose == purpose);
        Ok(list)
    }

    /// Returns what is known of a snapshot.
    ///
    /// # Errors
    ///
    /// [`CheckpointError::NotFound`], [`CheckpointError::Store`].
    pub(crate) fn info(&self, id: &str) -> Result<SnapshotInfo, CheckpointError> {
        match self.store.record(id) {
            Ok(record) if record.purpose == Purpose::Snapshot => Ok((&record).into()),
            Ok(_) => Err(CheckpointError::NotFound { id: id.to_owned() }),
            Err(error) => Err(failed(error)),
        }
    }

    /// Writes a snapshot as one file.
    ///
    /// # Errors
    ///
    /// As [`Engine::export_snapshot`](crate::Engine::export_snapshot).
    pub(crate) fn export(&self, id: &str, writer: &mut dyn Write) -> Result<SnapshotInfo, ExportError> {
        let (record, checkpoint) = self.get(id)?;
        if record.purpose != Purpose::Snapshot {
            return Err(RestoreError::NotFound { id: id.to_owned() }.into());
        }
        format::export(&record, &checkpoint, writer).map_err(ExportError::Write)?;
        Ok((&record).into())
    }

    /// Takes in a snapshot that was written as one file, under an id of its own if it has one that is taken.
    ///
    /// # Errors
    ///
    /// As [`Engine::import_snapshot`](crate::Engine::import_snapshot).
    pub(crate) fn import(&self, file: &Bytes) -> Result<SnapshotInfo, ImportError> {
        let (mut record, checkpoint) = format::import(file).map_err(|error| ImportError::Format(error.into()))?;
        check_names(&record).map_err(|error| ImportError::Format(error.into()))?;
        // What goes on by itself is for engines to decide, not for files.
        record.purpose = Purpose::Snapshot;
        loop {
            match self.store.put(&record, &checkpoint) {
                Ok(stored) => return Ok((&stored).into()),
                Err(StoreError::Exists { .. }) => record.id = random_id("snap-"),
                Err(error) => return Err(failed(error).into()),
            }
        }
    }

    /// Forgets a checkpoint, and frees what only it had.
    ///
    /// # Errors
    ///
    /// [`CheckpointError::NotFound`], [`CheckpointError::Store`].
    pub(crate) async fn delete(&self, id: &str) -> Result<(), CheckpointError> {
        let (snapshots, id) = (self.clone(), id.to_owned());
        let delete = move || {
            snapshots.store.delete(&id).map_err(failed)?;
            snapshots.cool(&id);
            // The snapshot is gone, whatever comes of the space.
            if let Err(error) = snapshots.store.collect_garbage() {
                tracing::warn!(%error, "the space of a snapshot could not be freed");
            }
            Ok(())
        };
        offload(&self.threads, delete).await.map_err(|error| CheckpointError::Engine(error.into()))?
    }

    /// Forgets the checkpoint of a suspended sandbox.
    pub(crate) async fn discard(&self, id: &str) {
        match self.delete(id).await {
            Ok(()) | Err(CheckpointError::NotFound { .. }) => {}
            Err(error) => tracing::warn!(id, %error, "what a suspended sandbox has left could not be removed"),
        }
    }

    /// Forgets the checkpoint of a suspended sandbox, in the background.
    pub(crate) fn forget(&self, id: String) {
        let snapshots = self.clone();
        let forgotten = self.threads.run(Box::new(move || {
            snapshots.cool(&id);
            let store = &snapshots.store;
            match store.delete(&id).and_then(|()| store.collect_garbage()) {
                Ok(_) | Err(StoreError::NotFound { .. }) => {}
                Err(error) => tracing::warn!(id, %error, "what a suspended sandbox has left could not be removed"),
            }
        }));
        if let Err(error) = forgotten {
            tracing::warn!(%error, "no thread to remove what a suspended sandbox has left");
        }
    }
}

/// Checks the names in a record that may come from anyone, which are shown to people.
fn check_names(record: &SnapshotRecord) -> Result<(), FormatError> {
    let names = [Some(&record.id), Some(&record.sandbox_id), record.sandbox_name.as_ref(), record.parent.as_ref()];
    let checked = names.into_iter().flatten().try_for_each(|name| validate_name(name));
    checked.map_err(|reason| FormatError::Malformed { part: "the record", reason })
}

fn unrestorable(error: StoreError) -> RestoreError {
    match error {
        StoreError::NotFound { id } | StoreError::InvalidId { id } => RestoreError::NotFound { id },
        StoreError::Damaged { name, source } => RestoreError::Damaged { reason: format!("{name}: {source}") },
        error => RestoreError::Engine(error.into()),
    }
}

fn failed(error: StoreError) -> CheckpointError {
    match error {
        StoreError::NotFound { id } | StoreError::InvalidId { id } => CheckpointError::NotFound { id },
        error => CheckpointError::Store(error.into()),
    }
}
