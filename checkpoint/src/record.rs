//! What is known of a stored checkpoint without reading it.

use serde::{Deserialize, Serialize};
use stillbox_api::{SnapshotInfo, SnapshotKind};

/// What is known of a stored checkpoint. One that is listed is complete: an unfinished one is in no store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotRecord {
    /// Its id, unique in its store: 1 to 64 of `a-z`, `0-9` and `-`, with no `-` at an end.
    pub id: String,
    /// The sandbox it was taken of.
    pub sandbox_id: String,
    /// That sandbox's name at the time.
    pub sandbox_name: Option<String>,
    /// The snapshot that the sandbox had continued from.
    pub parent: Option<String>,
    /// What it was taken for.
    pub purpose: Purpose,
    /// Whether it has the processes too, or the files alone.
    pub has_processes: bool,
    /// When it was taken, in milliseconds since the Unix epoch.
    pub created_at_ms: u64,
    /// The bytes of its files and memories, each content counted once. Filled in by the store.
    pub size_bytes: u64,
    /// The bytes that storing it took, which are fewer if the store had some of it already. Filled in by the store.
    pub stored_bytes: u64,
}

/// What a checkpoint was taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Purpose {
    /// A caller asked for a snapshot, which can be listed and restored any number of times.
    Snapshot,
    /// The sandbox is suspended, and continues from it.
    Suspension,
}

impl From<&SnapshotRecord> for SnapshotInfo {
    fn from(record: &SnapshotRecord) -> Self {
        Self {
            id: record.id.clone(),
            sandbox_id: record.sandbox_id.clone(),
            sandbox_name: record.sandbox_name.clone(),
            kind: if record.has_processes { SnapshotKind::Memory } else { SnapshotKind::Filesystem },
            size_bytes: record.size_bytes,
            created_at_ms: record.created_at_ms,
        }
    }
}

/// Tells whether a snapshot can have this id, which is a name of a file too.
pub(crate) fn is_id(id: &str) -> bool {
    let labelled = id.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    (1..=64).contains(&id.len()) && labelled && !id.starts_with('-') && !id.ends_with('-')
}
