//! Handles of open directories.

use std::sync::Arc;

use parking_lot::Mutex;

use super::dynamic::{self, DynamicNode};
use super::filesystem::{Pin, Shared};
use super::foreign::{ForeignNode, ForeignPath, Source};
use super::inode::{FileType, InodeId, SetTime, Stat};
use super::resolve::Place;
use super::tree::Tree;
use crate::Errno;

/// A handle of an open directory: where relative paths start, and what is read with a cookie.
///
/// It keeps the directory alive when it is removed. Clones are the same handle.
#[derive(Clone)]
pub struct OpenDir(Arc<Handle>);

enum Handle {
    Tree(Pin),
    Foreign {
        path: ForeignPath,
        caller: u32,
        shared: Arc<Shared>,
        /// The entries as they were when reading last began, so that a reader's place stays its place.
        listing: Mutex<Arc<Vec<Listed>>>,
    },
}

struct Listed {
    name: String,
    inode: u64,
    file_type: FileType,
}

/// One entry of a directory, as `readdir` gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DirectoryEntry<'a> {
    /// The name.
    pub name: &'a str,
    /// The inode's number, as `stat` of the entry says it.
    pub inode: u64,
    /// The kind.
    pub file_type: FileType,
    /// The cookie that reading goes on with after this entry.
    pub next: u64,
}

impl OpenDir {
    pub(crate) fn in_tree(pin: Pin) -> Self {
        Self(Arc::new(Handle::Tree(pin)))
    }

    pub(crate) fn foreign(path: ForeignPath, caller: u32, shared: &Arc<Shared>) -> Self {
        let (shared, listing) = (Arc::clone(shared), Mutex::default());
        Self(Arc::new(Handle::Foreign { path, caller, shared, listing }))
    }

    /// Returns where this is, if it is a directory of the file system `shared`; `BADF` if it is another's.
    pub(crate) fn place_in(&self, shared: &Shared) -> Result<Place, Errno> {
        let (own, place) = match &*self.0 {
            Handle::Tree(pin) => (&pin.shared, Place::Tree(pin.id)),
            Handle::Foreign { path, shared, .. } => (shared, Place::Foreign(path.clone())),
        };
        if std::ptr::eq(&**own, shared) { Ok(place) } else { Err(Errno::Badf) }
    }

    /// Returns the inode in the sandbox's tree, or `None` for a directory of a mount.
    pub fn inode(&self) -> Option<InodeId> {
        match &*self.0 {
            Handle::Tree(pin) => Some(pin.id),
            Handle::Foreign { .. } => None,
        }
    }

    /// Returns the path of a directory of a mount and who opened it, or `None` for one of the tree.
    pub(crate) fn mounted_path(&self) -> Option<(String, u32)> {
        match &*self.0 {
            Handle::Tree(_) => None,
            Handle::Foreign { path, caller, .. } => Some((path.guest_path(), *caller)),
        }
    }

    /// Returns the absolute path, without symlinks: what `getcwd` says.
    ///
    /// # Errors
    /// `NOENT` when the directory has been removed; `NAMETOOLONG` when it lies deeper than a path can say.
    pub fn path(&self) -> Result<String, Errno> {
        let pin = match &*self.0 {
            Handle::Foreign { path, .. } => return Ok(path.guest_path()),
            Handle::Tree(pin) => pin,
        };
        let state = pin.shared.state.read();
        let (mut names, mut at, mut len) = (Vec::new(), pin.id, 0);
        while at != Tree::ROOT {
            if state.tree.get(at)?.links == 0 {
                return Err(Errno::Noent);
            }
            let parent = state.tree.directory(at)?.parent;
            let name = state.tree.directory(parent)?.name_of(at).ok_or(Errno::Noent)?;
            len += name.len() + 1;
            if len >= pin.shared.quota.get().path_bytes {
                return Err(Errno::Nametoolong);
            }
            names.push(name);
            at = parent;
        }
        if names.is_empty() {
            return Ok("/".to_owned());
        }
        Ok(names.iter().rev().flat_map(|name| ["/", name]).collect())
    }

    /// Returns how many bytes the handle makes the host hold: a reader's place in a mount, with all the names.
    pub fn held_bytes(&self) -> u64 {
        match &*self.0 {
            Handle::Tree(_) => 0,
            Handle::Foreign { listing, .. } => {
                let bytes = |listed: &Listed| size_of::<Listed>() + listed.name.len();
                listing.lock().iter().map(bytes).sum::<usize>() as u64
            }
        }
    }

    /// Forgets a reader's place in a mount. Reading begins anew with what is there then.
    pub fn forget_place(&self) {
        if let Handle::Foreign { listing, .. } = &*self.0 {
            *listing.lock() = Arc::default();
        }
    }

    /// Returns what `fstat` says.
    ///
    /// # Errors
    /// `NOENT` when a directory of a mount is gone; what the host says.
    pub fn stat(&self) -> Result<Stat, Errno> {
        match &*self.0 {
            Handle::Tree(pin) => Ok(pin.shared.state.read().tree.get(pin.id)?.stat(pin.id)),
            Handle::Foreign { path, caller, shared, .. } => {
                let node = path.node(*caller)?.ok_or(Errno::Noent)?;
                Ok(path.stat(&node, shared.clock.wall_ns()))
            }
        }
    }

    /// Sets the times.
    ///
    /// # Errors
    /// `ROFS` on a mount that is read-only, `PERM` on a dynamic directory.
    pub fn set_times(&self, accessed: SetTime, modified: SetTime) -> Result<(), Errno> {
        match &*self.0 {
            Handle::Tree(pin) => {
                let now = pin.shared.clock.wall_ns();
                pin.shared.state.write().tree.set_times(pin.id, accessed, modified, now)
            }
            Handle::Foreign { path, shared, .. } => {
                path.host()?.set_times(&path.path, accessed, modified, shared.clock.wall_ns())
            }
        }
    }

    /// Sets the permission bits.
    ///
    /// # Errors
    /// As [`set_times`](Self::set_times).
    pub fn set_mode(&self, mode: u32) -> Result<(), Errno> {
        match &*self.0 {
            Handle::Tree(pin) => {
                let now = pin.shared.clock.wall_ns();
                pin.shared.state.write().tree.set_mode(pin.id, mode, now)
            }
            Handle::Foreign { path, .. } => path.host()?.set_mode(&path.path, mode),
        }
    }

    /// Hands out the entries from `cookie` on, `.` and `..` first, until `visit` returns `false`.
    ///
    /// Reading begins at cookie 0 and goes on at an entry's [`next`](DirectoryEntry::next). In the sandbox's own tree a
    /// cookie stays good while entries come and go: what is there all the time is seen exactly once. In a mount, a reader
    /// sees the directory as it was when reading began. `visit` must not call the file system.
    ///
    /// # Errors
    /// What the host says of a directory of its own.
    pub fn read(&self, cookie: u64, visit: impl FnMut(DirectoryEntry<'_>) -> bool) -> Result<(), Errno> {
        match &*self.0 {
            Handle::Tree(pin) => read_tree(pin, cookie, visit),
            Handle::Foreign { path, caller, listing, shared } => {
                let listed = {
                    let mut listing = listing.lock();
                    if cookie == 0 || listing.is_empty() {
                        *listing = Arc::new(list(shared, path, *caller)?);
                    }
                    Arc::clone(&listing)
                };
                let mut visit = visit;
                for (at, entry) in listed.iter().enumerate().skip(usize::try_from(cookie).unwrap_or(usize::MAX)) {
                    let Listed { name, inode, file_type } = entry;
                    let next = at as u64 + 1;
                    if !visit(DirectoryEntry { name, inode: *inode, file_type: *file_type, next }) {
                        break;
                    }
                }
                Ok(())
            }
        }
    }
}

fn read_tree(pin: &Pin, cookie: u64, mut visit: impl FnMut(DirectoryEntry<'_>) -> bool) -> Result<(), Errno> {
    let state = pin.shared.state.read();
    let directory = state.tree.directory(pin.id)?;
    for (at, name, id) in [(0, ".", pin.id), (1, "..", directory.parent)] {
        let entry = DirectoryEntry { name, inode: id.0, file_type: FileType::Directory, next: at + 1 };
        if cookie <= at && !visit(entry) {
            return Ok(());
        }
    }
    let mut cookie = cookie;
    while let Some((id, entry)) = directory.next(cookie) {
        let file_type = state.tree.get(entry.inode)?.file_type();
        cookie = id + 1;
        if !visit(DirectoryEntry { name: &entry.name, inode: entry.inode.0, file_type, next: cookie }) {
            break;
        }
    }
    Ok(())
}

fn list(shared: &Shared, path: &ForeignPath, caller: u32) -> Result<Vec<Listed>, Errno> {
    let inode_of = |path: &ForeignPath| match path.node(caller)? {
        Some(node) => Ok(path.stat(&node, 0).inode),
        None => Err(Errno::Noent),
    };
    let own = inode_of(path)?;
    let parent = match path.parent() {
        Some(parent) => inode_of(&parent)?,
        None => shared.state.read().tree.directory(path.mount.point)?.parent.0,
    };
    let mut listed = vec![
        Listed { name: ".".to_owned(), inode: own, file_type: FileType::Directory },
        Listed { name: "..".to_owned(), inode: parent, file_type: FileType::Directory },
    ];
    match (&path.mount.source, path.node(caller)?) {
        (Source::Host(host), _) => {
            let entries = host.list(&path.path)?;
            listed.extend(entries.into_iter().map(|(name, inode, file_type)| Listed { name, inode, file_type }));
        }
        (Source::Dynamic(_), Some(ForeignNode::Dynamic(DynamicNode::Directory(entries)))) => {
            listed.extend(entries.into_iter().map(|entry| {
                let inode = dynamic::inode_number(&path.child(&entry.name).path);
                Listed { name: entry.name, inode, file_type: entry.file_type }
            }));
        }
        _ => return Err(Errno::Noent),
    }
    Ok(listed)
}
