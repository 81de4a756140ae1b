//! Directories: names to inodes, and an order that readers can keep their place in.

use std::sync::Arc;

use super::inode::InodeId;
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

    /// Returns the name of an entry for `inode`.
    pub fn name_of(&self, inode: InodeId) -> Option<&str> {
        self.iter().find(|entry| entry.inode == inode).map(|entry| &*entry.name)
    }
}
