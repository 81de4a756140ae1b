//! Where checkpoints are kept.

mod directory;
pub mod disk;
mod memory;
pub(crate) mod packing;

use std::error::Error;
use std::io;

pub use directory::{DirectoryStore, StoreOptions};
pub use memory::MemoryStore;

use crate::{Checkpoint, FormatError, SnapshotRecord};

/// A place for checkpoints. Content that more than one of them has is kept once.
///
/// Calls block, for as long as a disk takes. All of them may be made by many threads at once.
pub trait CheckpointStore: Send + Sync {
    /// Stores a checkpoint under the record's id, and returns the record with its sizes. When this returns, the checkpoint
    /// survives a crash, as far as the store outlives the process at all; before that, it is in no list.
    ///
    /// # Errors
    /// [`StoreError::Exists`] when the id is taken, [`StoreError::InvalidId`]; what the disk says.
    fn put(&self, record: &SnapshotRecord, checkpoint: &Checkpoint) -> Result<SnapshotRecord, StoreError>;

    /// Returns a checkpoint. Its contents are read when they are asked for, and stay readable when it is deleted.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Damaged`]; what the disk says.
    fn get(&self, id: &str) -> Result<Checkpoint, StoreError>;

    /// Returns what is known of a checkpoint, without reading it.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    fn record(&self, id: &str) -> Result<SnapshotRecord, StoreError>;

    /// Returns what is known of all checkpoints, oldest first. Damaged ones are left out, and logged.
    ///
    /// # Errors
    /// What the disk says.
    fn list(&self) -> Result<Vec<SnapshotRecord>, StoreError>;

    /// Forgets a checkpoint. The space of what only it had is free after [`collect_garbage`](Self::collect_garbage).
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; what the disk says.
    fn delete(&self, id: &str) -> Result<(), StoreError>;

    /// Frees what no checkpoint needs.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when it can't be told what a checkpoint needs: then nothing is freed. What the disk says.
    fn collect_garbage(&self) -> Result<Collected, StoreError>;
}

/// What a collection did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// Bytes that were freed.
    pub freed_bytes: u64,
    /// Bytes that were moved, because what lay around them was freed.
    pub moved_bytes: u64,
}

/// A store could not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// It has no checkpoint of this id.
    #[error("there is no snapshot {id:?}")]
    NotFound {
        /// The id.
        id: String,
    },
    /// It has one already.
    #[error("there is a snapshot {id:?} already")]
    Exists {
        /// The id.
        id: String,
    },
    /// No checkpoint can have this id.
    #[error("{id:?} is no id of a snapshot")]
    InvalidId {
        /// The id.
        id: String,
    },
    /// What it has under this name is damaged.
    #[error("{name:?} is damaged")]
    Damaged {
        /// The snapshot, or a part of the store.
        name: String,
        /// How.
        source: Box<dyn Error + Send + Sync>,
    },
    /// A checkpoint can't be written as what it is: it is larger than the format allows, or its contents can't be read.
    #[error("the checkpoint cannot be written")]
    Unwritable(#[source] Box<dyn Error + Send + Sync>),
    /// The directory was written by a version that this one doesn't know.
    #[error("the store has another format: {found:?}")]
    Format {
        /// What it says of itself.
        found: String,
    },
    /// The disk failed.
    #[error("cannot {operation}")]
    Io {
        /// What was being done.
        operation: &'static str,
        /// What the disk says.
        source: io::Error,
    },
}

impl StoreError {
    pub(crate) fn io(operation: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { operation, source }
    }

    pub(crate) fn damaged(name: &str) -> impl FnOnce(FormatError) -> Self {
        let name = name.to_owned();
        move |source| Self::Damaged { name, source: source.into() }
    }
}

/// Checks that a snapshot can have this id.
pub(crate) fn check_id(id: &str) -> Result<(), StoreError> {
    if crate::record::is_id(id) { Ok(()) } else { Err(StoreError::InvalidId { id: id.to_owned() }) }
}
