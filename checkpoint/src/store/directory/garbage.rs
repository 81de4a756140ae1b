//! Freeing what no snapshot needs.
//!
//! It is done alone: nobody who is storing a checkpoint may rely on a chunk that is about to go. A pack of which nothing is
//! needed is removed, and one of which less than half is needed is written anew. Snapshots name chunks and not places, so
//! nothing that refers to a chunk has to change.

use std::collections::HashSet;
use std::io;
use std::sync::Arc;

use stillbox_kernel::chunk::ChunkId;

use super::pack::{Pack, PackName, PackWriter, Slot};
use super::{DirectoryStore, snapshot_path};
use crate::format::container::{self, Tag};
use crate::format::decode_table;
use crate::store::disk::LockKind;
use crate::store::{Collected, StoreError};

/// A pack, and what is needed of it.
type Sparse = (Arc<Pack>, Vec<(ChunkId, Slot)>);

pub(super) fn collect(store: &DirectoryStore) -> Result<Collected, StoreError> {
    let _lock = store.lock(LockKind::Alone)?;
    let needed = needed(store)?;
    let io = || StoreError::io("collect garbage");
    let mut index = store.index.lock();
    index.refresh(&*store.disk).map_err(io())?;
    let packs: Vec<Arc<Pack>> = index.packs().cloned().collect();
    // A chunk that is in two packs is kept in one of them.
    let mut kept: HashSet<ChunkId> = HashSet::new();
    let mut sparse: Vec<Sparse> = Vec::new();
    let mut collected = Collected::default();
    for pack in packs {
        let (_, slots) = Pack::open(&*store.disk, pack.name).map_err(io())?;
        let all_bytes: u64 = slots.iter().map(|(_, slot)| u64::from(slot.stored)).sum();
        let live: Vec<_> = slots.into_iter().filter(|(id, _)| needed.contains(id) && !kept.contains(id)).collect();
        let live_bytes: u64 = live.iter().map(|(_, slot)| u64::from(slot.stored)).sum();
        if live.is_empty() || live_bytes < all_bytes / 2 {
            collected.freed_bytes += pack.bytes.len() as u64;
            kept.extend(live.iter().map(|(id, _)| *id));
            sparse.push((pack, live));
        } else {
            kept.extend(live.iter().map(|(id, _)| *id));
        }
    }
    let rewritten = rewrite(store, &sparse).map_err(io())?;
    collected.moved_bytes = rewritten.map_or(0, |(_, len)| len);
    collected.freed_bytes = collected.freed_bytes.saturating_sub(collected.moved_bytes);
    // Not before what was needed of them is durable elsewhere.
    for (pack, _) in sparse.iter().filter(|(pack, _)| rewritten.is_none_or(|(name, _)| name != pack.name)) {
        store.disk.remove(&Pack::path(&pack.name)).map_err(io())?;
    }
    for unfinished in store.disk.list("new").map_err(io())? {
        store.disk.remove(&format!("new/{unfinished}")).map_err(io())?;
    }
    store.disk.sync_directory("packs").map_err(io())?;
    index.refresh(&*store.disk).map_err(io())?;
    Ok(collected)
}

/// Returns every chunk that some snapshot names. One that can't be read stops the collection.
fn needed(store: &DirectoryStore) -> Result<HashSet<ChunkId>, StoreError> {
    let mut needed = HashSet::new();
    for id in store.ids()? {
        let bytes = match store.disk.map(&snapshot_path(&id)) {
            Ok((bytes, _)) => bytes,
            // It was deleted meanwhile, which needs no lock.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(StoreError::io("read a snapshot")(error)),
        };
        let sections = container::parse(&bytes, &[Tag::Chunks]).map_err(StoreError::damaged(&id))?;
        let table =
            sections.get(Tag::Chunks).and_then(|bytes| decode_table(bytes)).map_err(StoreError::damaged(&id))?;
        needed.extend(table.into_iter().map(|(id, _)| id));
    }
    Ok(needed)
}

/// Writes what is needed of some packs into a new one, and returns its name and length.
fn rewrite(store: &DirectoryStore, packs: &[Sparse]) -> io::Result<Option<(PackName, u64)>> {
    if packs.iter().all(|(_, live)| live.is_empty()) {
        return Ok(None);
    }
    let new = store.new_path();
    let mut writer = PackWriter::new(store.disk.create(&new)?)?;
    for (pack, live) in packs {
        for (id, slot) in live {
            writer.add_stored(*id, &pack.stored(slot), slot.codec, slot.len)?;
        }
    }
    let (name, len) = writer.finish()?;
    store.name_pack(&new, &name)?;
    Ok(Some((name, len)))
}
