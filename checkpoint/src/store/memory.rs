//! Checkpoints in memory.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use stillbox_kernel::chunk::{ChunkId, ChunkRef};

use super::{CheckpointStore, Collected, StoreError, check_id};
use crate::chunks::ChunkTable;
use crate::{Checkpoint, SnapshotRecord};

/// A store that lives as long as the process. Nothing is copied but what a checkpoint holds alone.
#[derive(Debug, Default)]
pub struct MemoryStore {
    state: Mutex<Snapshots>,
}

#[derive(Debug, Default)]
struct Snapshots {
    by_id: HashMap<String, (SnapshotRecord, Checkpoint)>,
    /// Every content, with how many checkpoints have it.
    contents: HashMap<ChunkId, (Bytes, usize)>,
}

impl MemoryStore {
    /// Returns an empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the bytes of all contents.
    pub fn content_bytes(&self) -> u64 {
        self.state.lock().contents.values().map(|(bytes, _)| bytes.len() as u64).sum()
    }
}

impl CheckpointStore for MemoryStore {
    fn put(&self, record: &SnapshotRecord, checkpoint: &Checkpoint) -> Result<SnapshotRecord, StoreError> {
        check_id(&record.id)?;
        let mut chunks = Vec::new();
        for index in 0..checkpoint.chunks.count() {
            let chunk = checkpoint.chunks.get(ChunkRef(index));
            chunks.push(chunk.map_err(|error| StoreError::Unwritable(error.into()))?);
        }
        let mut state = self.state.lock();
        if state.by_id.contains_key(&record.id) {
            return Err(StoreError::Exists { id: record.id.clone() });
        }
        let mut stored_bytes = 0;
        for (id, bytes) in &mut chunks {
            let (shared, count) = state.contents.entry(*id).or_insert_with(|| {
                stored_bytes += bytes.len() as u64;
                (bytes.clone(), 0)
            });
            *count += 1;
            *bytes = shared.clone();
        }
        let record = SnapshotRecord { size_bytes: checkpoint.content_bytes(), stored_bytes, ..record.clone() };
        let chunks = Arc::new(ChunkTable::of(chunks));
        let checkpoint = Checkpoint { state: checkpoint.state.clone(), chunks };
        state.by_id.insert(record.id.clone(), (record.clone(), checkpoint));
        Ok(record)
    }

    fn get(&self, id: &str) -> Result<Checkpoint, StoreError> {
        let state = self.state.lock();
        let found = state.by_id.get(id).map(|(_, checkpoint)| checkpoint.clone());
        found.ok_or_else(|| StoreError::NotFound { id: id.to_owned() })
    }

    fn record(&self, id: &str) -> Result<SnapshotRecord, StoreError> {
        let state = self.state.lock();
        let found = state.by_id.get(id).map(|(record, _)| record.clone());
        found.ok_or_else(|| StoreError::NotFound { id: id.to_owned() })
    }

    fn list(&self) -> Result<Vec<SnapshotRecord>, StoreError> {
        let mut list: Vec<_> = self.state.lock().by_id.values().map(|(record, _)| record.clone()).collect();
        list.sort_by(|a, b| (a.created_at_ms, &a.id).cmp(&(b.created_at_ms, &b.id)));
        Ok(list)
    }

    fn delete(&self, id: &str) -> Result<(), StoreError> {
        let mut state = self.state.lock();
        let (_, checkpoint) = state.by_id.remove(id).ok_or_else(|| StoreError::NotFound { id: id.to_owned() })?;
        for (id, _) in (0..checkpoint.chunks.count()).filter_map(|index| checkpoint.chunks.describe(index)) {
            if let Some((_, count)) = state.contents.get_mut(&id) {
                *count -= 1;
            }
        }
        Ok(())
    }

    fn collect_garbage(&self) -> Result<Collected, StoreError> {
        let mut collected = Collected::default();
        self.state.lock().contents.retain(|_, (bytes, count)| {
            if *count == 0 {
                collected.freed_bytes += bytes.len() as u64;
            }
            *count > 0
        });
        Ok(collected)
    }
}
