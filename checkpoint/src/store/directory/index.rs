//! Where the store's chunks are: the packs that are open, and what is in them.

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::Arc;

use stillbox_kernel::chunk::ChunkId;

use super::pack::{Pack, PackName, Slot};
use crate::store::disk::Disk;

/// A chunk's place in the store.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) pack: Arc<Pack>,
    pub(super) slot: Slot,
}

/// The packs that have been opened so far, and an index over all of them: about 90 bytes for each chunk.
#[derive(Debug, Default)]
pub(super) struct Index {
    packs: HashMap<PackName, Arc<Pack>>,
    by_chunk: HashMap<ChunkId, Found>,
}

impl Index {
    pub(super) fn get(&self, id: ChunkId) -> Option<&Found> {
        self.by_chunk.get(&id)
    }

    /// Opens a pack, unless it is open.
    pub(super) fn open(&mut self, disk: &dyn Disk, name: PackName) -> io::Result<()> {
        if self.packs.contains_key(&name) {
            return Ok(());
        }
        let (pack, slots) = Pack::open(disk, name)?;
        let pack = Arc::new(pack);
        for (id, slot) in slots {
            self.by_chunk.entry(id).or_insert_with(|| Found { pack: Arc::clone(&pack), slot });
        }
        self.packs.insert(name, pack);
        Ok(())
    }

    /// Makes the index one of the packs that are there now: another process may have written some and freed others. The
    /// caller holds the store's lock.
    ///
    /// One that can't be read is left out and logged: it costs those checkpoints that need it, and no others.
    pub(super) fn refresh(&mut self, disk: &dyn Disk) -> io::Result<()> {
        let names: HashSet<PackName> = disk.list("packs")?.iter().filter_map(|name| Pack::name(name)).collect();
        let gone = self.packs.keys().any(|name| !names.contains(name));
        if gone {
            // What they had may be in another pack as well.
            *self = Self::default();
        }
        for name in names {
            if let Err(error) = self.open(disk, name) {
                tracing::warn!(pack = Pack::path(&name), %error, "a pack of the snapshot store cannot be read");
            }
        }
        Ok(())
    }

    /// Returns the packs that are open.
    pub(super) fn packs(&self) -> impl Iterator<Item = &Arc<Pack>> {
        self.packs.values()
    }
}
