//! Directories: names to inodes, and an order that readers can keep their place in.

use std::sync::Arc;

use super::inode::InodeId;
use super::path;
use super::persist::{DirectoryState, EntryState};
use super::radix::Radix;

/// The cookie of the first entry after `.` and `..`.
const FIRST_ENTRY: u64 = 2;

type Names = imbl::GenericHashMap<Arc<str>, Slot, foldhash::fast::RandomState, imbl::shared_ptr::DefaultSharedPtr>;

/// A directory's entries.
///
/// Each entry has an id that is never given again in this directory, and readers ask for what comes after an id. So an
/// entry that is there during a whole pass is seen exactly once, whatever is inserted or removed meanwhile.
#[derive(Clone, Debug)]
pub(crate) struct Directory {
    pub parent: InodeId,
    names: Names,
    entries: Radix<Entry>,
    next_id: u64,
    subdirectories: u64,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    id: u64,
    inode: InodeId,
}

/// One entry, as a reader sees it.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub name: Arc<str>,
    pub inode: InodeId,
}

impl Directory {
    pub fn new(parent: InodeId) -> Self {
        let names = Names::with_hasher(foldhash::fast::RandomState::default());
        Self { parent, names, entries: Radix::default(), next_id: FIRST_ENTRY, subdirectories: 0 }
    }

    pub fn lookup(&self, name: &str) -> Option<InodeId> {
        self.names.get(name).map(|slot| slot.inode)
    }

    /// Adds an entry; the name must be free.
    pub fn insert(&mut self, name: &str, inode: InodeId, is_directory: bool) {
        let name: Arc<str> = name.into();
        self.names.insert(Arc::clone(&name), Slot { id: self.next_id, inode });
        self.entries.insert(self.next_id, Entry { name, inode });
        self.next_id += 1;
        self.subdirectories += u64::from(is_directory);
    }

    /// Takes an entry out.
    pub fn remove(&mut self, name: &str, is_directory: bool) -> Option<InodeId> {
        let slot = self.names.remove(name)?;
        self.entries.remove(slot.id);
        self.subdirectories -= u64::from(is_directory);
        Some(slot.inode)
    }

    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Returns `st_nlink`: its name, its own `.`, and the `..` of each subdirectory.
    pub fn links(&self) -> u64 {
        2 + self.subdirectories
    }

    /// Returns the first entry whose id is at least `from`, with its id. `.` and `..` are not among them.
    pub fn next(&self, from: u64) -> Option<(u64, &Entry)> {
        self.entries.next(from.max(FIRST_ENTRY))
    }

    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().map(|(_, entry)| entry)
    }

    /// Returns what a checkpoint holds of the directory.
    pub fn save(&self) -> DirectoryState {
        let entry = |(id, entry): (u64, &Entry)| EntryState { id, name: entry.name.to_string(), inode: entry.inode.0 };
        DirectoryState {
            parent: self.parent.0,
            next_entry: self.next_id,
            entries: self.entries.iter().map(entry).collect(),
        }
    }

    /// Returns the directory that was saved; how many of its entries are directories is to be told afterwards.
    ///
    /// # Errors
    /// What is wrong with its entries, in words.
    pub fn load(state: &DirectoryState) -> Result<Self, &'static str> {
        let mut directory = Self::new(InodeId(state.parent));
        if state.next_entry >= u64::MAX / 2 {
            return Err("has an entry id that is too large");
        }
        for entry in &state.entries {
            if entry.id < directory.next_id || entry.id >= state.next_entry {
                return Err("has an entry that is out of order");
            }
            if !path::is_name(&entry.name) {
                return Err("has an entry whose name is none");
            }
            if directory.lookup(&entry.name).is_some() {
                return Err("has two entries of one name");
            }
            directory.next_id = entry.id;
            directory.insert(&entry.name, InodeId(entry.inode), false);
        }
        if state.next_entry < directory.next_id {
            return Err("has an entry id that is too small");
        }
        directory.next_id = state.next_entry;
        Ok(directory)
    }

    /// Tells how many of the entries are directories.
    pub fn set_subdirectories(&mut self, subdirectories: u64) {
        self.subdirectories = subdirectories;
    }

    /// Returns the name of an entry for `inode`.
    pub fn name_of(&self, inode: InodeId) -> Option<&str> {
        self.iter().find(|entry| entry.inode == inode).map(|entry| &*entry.name)
    }
}
