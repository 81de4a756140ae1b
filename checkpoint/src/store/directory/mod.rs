//! Checkpoints in a directory, durable and shared between processes.
//!
//! ```text
//!   DIR/format            "stillbox store 1"
//!       lock              held shared by those who read and write, alone by one who frees
//!       snapshots/ID.snap INFO, PACK, CHNK and META of a checkpoint (format/mod.rs)
//!       packs/HASH.pack   the chunks that a checkpoint brought along (pack.rs)
//!       new/              what is being written, or was when someone crashed
//! ```
//!
//! Storing writes the pack of what the store doesn't have yet, makes it durable, gives it its name, makes that durable, and
//! then does the same with the snapshot's own file, whose name is what makes it exist. So a crash at any point loses at
//! most what is being stored. Files never change once they have their last name.

mod garbage;
mod index;
mod pack;
mod read;

use std::collections::BTreeSet;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use parking_lot::Mutex;
use stillbox_kernel::chunk::ChunkRef;

use self::index::Index;
use self::pack::{Pack, PackName, PackWriter};
use self::read::StoredChunks;
use super::disk::{Disk, HostDirectory, LockKind};
use super::{CheckpointStore, Collected, StoreError, check_id, packing};
use crate::format::container::{self, Tag};
use crate::format::{codec, decode_table, encode_table};
use crate::{Checkpoint, SnapshotRecord};

const FORMAT: &str = "stillbox store 1\n";

/// How a directory store keeps what it is given. Stores with different options can share a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreOptions {
    /// Whether chunks are compressed. That takes a quarter of the space for memories and is as fast where a disk writes
    /// some 300 MB/s; what isn't compressed can be mapped, so that restoring doesn't depend on its size.
    pub compress: bool,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self { compress: true }
    }
}

/// A store in a directory. Any number of them, in any processes of one host, can share one.
#[derive(Debug)]
pub struct DirectoryStore {
    disk: Arc<dyn Disk>,
    options: StoreOptions,
    index: Mutex<Index>,
    /// Tells the names of this store's unfinished files from those of others.
    session: u64,
    files: AtomicU64,
}

impl DirectoryStore {
    /// Opens the store in a directory, which is made if it isn't there. The directory must be the caller's own: whoever can
    /// write to it can make a checkpoint that harms.
    ///
    /// # Errors
    /// [`StoreError::Format`] for another version's; what the disk says.
    pub fn open(directory: &Path, options: StoreOptions) -> Result<Self, StoreError> {
        let disk = HostDirectory::open(directory).map_err(StoreError::io("make the store's directory"))?;
        Self::on(Arc::new(disk), options)
    }

    /// Opens the store on a disk.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn on(disk: Arc<dyn Disk>, options: StoreOptions) -> Result<Self, StoreError> {
        let session = getrandom::u64()
            .map_err(|error| StoreError::io("draw a random number")(io::Error::other(error.to_string())))?;
        let store = Self { disk, options, index: Mutex::default(), session, files: AtomicU64::new(0) };
        if !store.is_made()? {
            store.make()?;
        }
        Ok(store)
    }

    /// Returns whether the store is there.
    fn is_made(&self) -> Result<bool, StoreError> {
        match self.disk.map("format") {
            Ok((found, _)) if found == FORMAT.as_bytes() => Ok(true),
            Ok((found, _)) => {
                let found = String::from_utf8_lossy(&found[..found.len().min(100)]).into_owned();
                Err(StoreError::Format { found })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(StoreError::io("read the format")(error)),
        }
    }

    /// Makes the store: its directories, and last the file that says that it is there.
    fn make(&self) -> Result<(), StoreError> {
        let _lock = self.lock(LockKind::Alone)?;
        for directory in ["new", "packs", "snapshots"] {
            self.disk.create_directory(directory).map_err(StoreError::io("make the store's directories"))?;
        }
        let new = self.write_new(&[FORMAT.as_bytes()]).map_err(StoreError::io("write the format"))?;
        self.disk.rename(&new, "format").map_err(StoreError::io("write the format"))?;
        self.disk.sync_directory("").map_err(StoreError::io("write the format"))
    }

    /// Reads every chunk of a snapshot and compares it with its hash.
    ///
    /// # Errors
    /// As [`get`](CheckpointStore::get); [`StoreError::Damaged`] at the first that differs.
    pub fn verify(&self, id: &str) -> Result<(), StoreError> {
        let checkpoint = self.get(id)?;
        for index in 0..checkpoint.chunks.count() {
            let damaged = |source| StoreError::Damaged { name: id.to_owned(), source };
            let (id, bytes) = checkpoint.chunks.get(ChunkRef(index)).map_err(|error| damaged(error.into()))?;
            if stillbox_kernel::chunk::ChunkId::of(&bytes) != id {
                return Err(damaged(format!("chunk {index} is not what was stored").into()));
            }
        }
        Ok(())
    }

    fn lock(&self, kind: LockKind) -> Result<Box<dyn Send>, StoreError> {
        self.disk.lock(kind).map_err(StoreError::io("lock the store"))
    }

    fn new_path(&self) -> String {
        format!("new/{:016x}-{}", self.session, self.files.fetch_add(1, Ordering::Relaxed))
    }

    /// Writes a file, makes its content durable, and returns its path for now.
    fn write_new(&self, parts: &[&[u8]]) -> io::Result<String> {
        let new = self.new_path();
        let mut file = self.disk.create(&new)?;
        for part in parts {
            file.write_all(part)?;
        }
        file.sync()?;
        Ok(new)
    }

    /// Gives the file of a finished snapshot its name, which makes the snapshot exist.
    fn name_snapshot(&self, new: &str, id: &str) -> Result<(), StoreError> {
        let named = self.disk.link(new, &snapshot_path(id));
        // The other name is of no use any more, whatever came of it, and is removed with the garbage at the latest.
        let _ = self.disk.remove(new);
        match named.and_then(|()| self.disk.sync_directory("snapshots")) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(StoreError::Exists { id: id.to_owned() }),
            named => named.map_err(StoreError::io("write a snapshot")),
        }
    }

    /// Gives a finished pack its name.
    fn name_pack(&self, new: &str, name: &PackName) -> io::Result<()> {
        self.disk.rename(new, &Pack::path(name))?;
        self.disk.sync_directory("packs")
    }

    /// Stores the chunks that the store doesn't have, and returns how many bytes that took. The store is locked.
    fn put_chunks(&self, checkpoint: &Checkpoint) -> Result<u64, StoreError> {
        let io = || StoreError::io("write a pack");
        // Two that store the same chunk at once both write it, which does no harm and lets neither wait.
        let missing: Vec<u32> = {
            let mut index = self.index.lock();
            index.refresh(&*self.disk).map_err(StoreError::io("list the packs"))?;
            let is_known = |at| checkpoint.chunks.describe(at).is_some_and(|(id, _)| index.get(id).is_some());
            (0..checkpoint.chunks.count()).filter(|at| !is_known(*at)).collect()
        };
        if missing.is_empty() {
            return Ok(0);
        }
        let new = self.new_path();
        let mut writer = self.disk.create(&new).and_then(PackWriter::new).map_err(io())?;
        for at in missing {
            let chunk = checkpoint.chunks.get(ChunkRef(at));
            let (id, bytes) = chunk.map_err(|error| StoreError::Unwritable(error.into()))?;
            let packed = packing::pack(&bytes, self.options.compress);
            writer.add(id, &bytes, &packed).map_err(io())?;
        }
        let (name, len) = writer.finish().map_err(io())?;
        self.name_pack(&new, &name).map_err(io())?;
        self.index.lock().open(&*self.disk, name).map_err(StoreError::io("read a pack"))?;
        Ok(len)
    }

    /// Returns the names of the packs that hold a checkpoint's chunks, one behind the other.
    fn packs_of(&self, checkpoint: &Checkpoint) -> Vec<u8> {
        let index = self.index.lock();
        let chunks = (0..checkpoint.chunks.count()).filter_map(|at| checkpoint.chunks.describe(at));
        let packs: BTreeSet<PackName> = chunks.filter_map(|(id, _)| Some(index.get(id)?.pack.name)).collect();
        packs.into_iter().flatten().collect()
    }

    fn map_snapshot(&self, id: &str) -> Result<Bytes, StoreError> {
        check_id(id)?;
        match self.disk.map(&snapshot_path(id)) {
            Ok((bytes, _)) => Ok(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(StoreError::NotFound { id: id.to_owned() }),
            Err(error) => Err(StoreError::io("read a snapshot")(error)),
        }
    }

    /// Returns the ids of all snapshots.
    fn ids(&self) -> Result<Vec<String>, StoreError> {
        let names = self.disk.list("snapshots").map_err(StoreError::io("list the snapshots"))?;
        let id = |name: &String| name.strip_suffix(".snap").filter(|id| crate::record::is_id(id)).map(str::to_owned);
        Ok(names.iter().filter_map(id).collect())
    }
}

fn snapshot_path(id: &str) -> String {
    format!("snapshots/{id}.snap")
}

impl CheckpointStore for DirectoryStore {
    fn put(&self, record: &SnapshotRecord, checkpoint: &Checkpoint) -> Result<SnapshotRecord, StoreError> {
        check_id(&record.id)?;
        let unwritable = |error: crate::FormatError| StoreError::Unwritable(error.into());
        let meta = codec::encode(Tag::Meta.name(), &*checkpoint.state).map_err(unwritable)?;
        let table = encode_table(&*checkpoint.chunks);

        let _lock = self.lock(LockKind::Shared)?;
        if self.ids()?.contains(&record.id) {
            return Err(StoreError::Exists { id: record.id.clone() });
        }
        let pack_bytes = self.put_chunks(checkpoint)?;
        let packs = self.packs_of(checkpoint);
        let stored_bytes = pack_bytes + (meta.len() + table.len() + packs.len()) as u64;
        let record = SnapshotRecord { size_bytes: checkpoint.content_bytes(), stored_bytes, ..record.clone() };
        let info = codec::encode(Tag::Info.name(), &record).map_err(unwritable)?;
        let sections: [(Tag, &[u8]); 4] =
            [(Tag::Info, &info), (Tag::Packs, &packs), (Tag::Chunks, &table), (Tag::Meta, &meta)];
        let header = container::header(&sections, None);
        let new = self.write_new(&[&header, &info, &packs, &table, &meta]);
        self.name_snapshot(&new.map_err(StoreError::io("write a snapshot"))?, &record.id)?;
        Ok(record)
    }

    fn get(&self, id: &str) -> Result<Checkpoint, StoreError> {
        let _lock = self.lock(LockKind::Shared)?;
        let bytes = self.map_snapshot(id)?;
        let damaged = || StoreError::damaged(id);
        let sections = container::parse(&bytes, &[Tag::Packs, Tag::Chunks, Tag::Meta]).map_err(damaged())?;
        let section = |tag| sections.get(tag).map_err(damaged());
        let table = decode_table(section(Tag::Chunks)?).map_err(damaged())?;
        let mut index = self.index.lock();
        for name in section(Tag::Packs)?.chunks_exact(32) {
            // Collecting garbage may have moved what was in it; then it is found below.
            let _ = index.open(&*self.disk, std::array::from_fn(|at| name[at]));
        }
        if table.iter().any(|(id, _)| index.get(*id).is_none()) {
            index.refresh(&*self.disk).map_err(StoreError::io("list the packs"))?;
        }
        let chunks = StoredChunks::find(&index, &table).map_err(damaged())?;
        drop(index);
        let state = codec::decode(Tag::Meta.name(), section(Tag::Meta)?).map_err(damaged())?;
        Checkpoint::new(state, Arc::new(chunks)).map_err(|error| damaged()(error.into()))
    }

    fn record(&self, id: &str) -> Result<SnapshotRecord, StoreError> {
        let bytes = self.map_snapshot(id)?;
        let sections = container::parse(&bytes, &[Tag::Info]).map_err(StoreError::damaged(id))?;
        let info = sections.get(Tag::Info).map_err(StoreError::damaged(id))?;
        codec::decode(Tag::Info.name(), info).map_err(StoreError::damaged(id))
    }

    fn list(&self) -> Result<Vec<SnapshotRecord>, StoreError> {
        let mut list = Vec::new();
        for id in self.ids()? {
            match self.record(&id) {
                Ok(record) => list.push(record),
                // It was deleted meanwhile.
                Err(StoreError::NotFound { .. }) => {}
                Err(error) => tracing::warn!(id, %error, "a snapshot cannot be read"),
            }
        }
        list.sort_by(|a, b| (a.created_at_ms, &a.id).cmp(&(b.created_at_ms, &b.id)));
        Ok(list)
    }

    fn delete(&self, id: &str) -> Result<(), StoreError> {
        check_id(id)?;
        match self.disk.remove(&snapshot_path(id)) {
            Ok(()) => self.disk.sync_directory("snapshots").map_err(StoreError::io("delete a snapshot")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(StoreError::NotFound { id: id.to_owned() }),
            Err(error) => Err(StoreError::io("delete a snapshot")(error)),
        }
    }

    fn collect_garbage(&self) -> Result<Collected, StoreError> {
        garbage::collect(self)
    }
}
