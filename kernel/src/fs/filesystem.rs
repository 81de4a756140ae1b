//! A sandbox's live file system: a tree, what is mounted in it, and who has what open.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use cap_std::fs::Dir;
use parking_lot::{Mutex, RwLock};

use super::dynamic::DynamicDir;
use super::foreign::{Mount, Source};
use super::inode::InodeId;
use super::mount::{HostDirectory, MountAccess};
use super::open_dir::OpenDir;
use super::open_file::{Access, OpenFile};
use super::quota::{Quota, SharedQuota, SpaceInfo};
use super::resolve::{At, ForeignTarget, Last, Place, TreeTarget, Walk};
use super::tree::Tree;
use crate::Errno;
use crate::clock::Clock;

/// The live file system of one sandbox. Clones are handles of it; [`branch`](Self::branch) makes another.
///
/// Each operation is atomic towards the others. Operations on the sandbox's own files never block on anything but each
/// other; those that come to a mount do what the host does, and hold no lock meanwhile.
#[derive(Clone)]
pub struct FileSystem(pub(crate) Arc<Shared>);

pub(crate) struct Shared {
    pub state: RwLock<State>,
    /// Locked after `state`, never before.
    opens: Mutex<Opens>,
    pub clock: Clock,
    pub quota: SharedQuota,
}

pub(crate) struct State {
    pub tree: Tree,
    pub mounts: Mounts,
}

/// The mounts, by the directory that each covers.
#[derive(Clone, Default)]
pub(crate) struct Mounts {
    by_point: HashMap<InodeId, Arc<Mount>, foldhash::fast::RandomState>,
    /// How many there have been; gives each its device number.
    made: u64,
}

impl Mounts {
    pub fn get(&self, point: InodeId) -> Option<&Arc<Mount>> {
        if self.by_point.is_empty() { None } else { self.by_point.get(&point) }
    }
}

/// Who has what open, which decides when an inode without a name is freed.
#[derive(Default)]
struct Opens {
    counts: HashMap<InodeId, u32, foldhash::fast::RandomState>,
    orphans: HashSet<InodeId, foldhash::fast::RandomState>,
}

impl FileSystem {
    /// Returns a file system that starts as `image`.
    pub fn new(image: &Tree, quota: Quota, clock: Clock) -> Self {
        Self::with(image.clone(), Mounts::default(), quota, clock)
    }

    fn with(tree: Tree, mounts: Mounts, quota: Quota, clock: Clock) -> Self {
        let (state, quota) = (RwLock::new(State { tree, mounts }), SharedQuota::new(quota));
        Self(Arc::new(Shared { state, opens: Mutex::default(), clock, quota }))
    }

    /// Returns another file system that starts as this one is now, with the same host mounts; O(1).
    ///
    /// Dynamic directories belong to the processes of one sandbox, so they have to be mounted anew. Inodes without a
    /// name come along: hold those that the branch's processes have open with [`reopen_file`](Self::reopen_file) and
    /// [`reopen_directory`](Self::reopen_directory), and then free the others with
    /// [`collect_orphans`](Self::collect_orphans).
    pub fn branch(&self, clock: Clock) -> Self {
        let state = self.0.state.read();
        let mut mounts = state.mounts.clone();
        mounts.by_point.retain(|_, mount| matches!(mount.source, Source::Host(_)));
        Self::with(state.tree.clone(), mounts, self.quota(), clock)
    }

    /// Returns everything in the tree as a value, as it is now; O(1).
    pub fn tree(&self) -> Tree {
        self.0.state.read().tree.clone()
    }

    /// Returns the clock that times come from.
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// Returns the bounds.
    pub fn quota(&self) -> Quota {
        self.0.quota.get()
    }

    /// Changes the bounds. What is past a lower one already stays, and doesn't grow.
    pub fn set_quota(&self, quota: Quota) {
        self.0.quota.set(quota);
    }

    /// Returns the numbers of `df`, for the sandbox's own tree.
    pub fn space(&self) -> SpaceInfo {
        let used = self.0.state.read().tree.usage;
        let quota = self.quota();
        SpaceInfo {
            bytes_total: quota.bytes,
            bytes_used: used.bytes,
            inodes_total: quota.inodes,
            inodes_used: used.inodes,
        }
    }

    /// Mounts a host directory; the directory that it covers is made if it is not there.
    ///
    /// # Errors
    /// As [`create_directories`](Self::create_directories); `INVAL` for the root, `BUSY` for what is a mount already.
    pub fn mount_host(&self, path: &str, directory: Dir, access: MountAccess) -> Result<(), Errno> {
        self.mount(path, |device| Source::Host(HostDirectory::new(directory, access, device)))
    }

    /// Mounts a dynamic directory, as [`mount_host`](Self::mount_host) does a host's.
    ///
    /// # Errors
    /// The same.
    pub fn mount_dynamic(&self, path: &str, directory: Arc<dyn DynamicDir>) -> Result<(), Errno> {
        self.mount(path, |_| Source::Dynamic(directory))
    }

    fn mount(&self, path: &str, source: impl FnOnce(u64) -> Source) -> Result<(), Errno> {
        self.create_directories(path)?;
        let point = self.open_directory(At::HOST, path)?;
        let Place::Tree(id) = point.place_in(&self.0)? else { return Err(Errno::Busy) };
        if id == Tree::ROOT {
            return Err(Errno::Inval);
        }
        let guest_path = point.path()?;
        let mut state = self.0.state.write();
        state.mounts.made += 1;
        let device = 1 + state.mounts.made;
        let mount = Mount { point: id, guest_path, device, source: source(device) };
        state.mounts.by_point.insert(id, Arc::new(mount));
        Ok(())
    }

    /// Returns the mounts as pairs of their path in the sandbox and whether they are a host's, in order of their paths.
    pub fn mounts(&self) -> Vec<(String, bool)> {
        let state = self.0.state.read();
        let mounts = state.mounts.by_point.values();
        let mut list: Vec<(String, bool)> =
            mounts.map(|mount| (mount.guest_path.clone(), matches!(mount.source, Source::Host(_)))).collect();
        list.sort();
        list
    }

    /// Returns a handle of a file by its inode, for restoring what a process had open.
    ///
    /// # Errors
    /// `STALE` when there is no such inode; `ISDIR` or `INVAL` when it is no regular file.
    pub fn reopen_file(&self, id: InodeId, access: Access) -> Result<OpenFile, Errno> {
        let state = self.0.state.read();
        state.tree.content(id)?;
        Ok(OpenFile::in_tree(self.0.pin(&state, id), access))
    }

    /// Returns a handle of a directory by its inode, for restoring what a process had open.
    ///
    /// # Errors
    /// `STALE` when there is no such inode, `NOTDIR` when it is no directory.
    pub fn reopen_directory(&self, id: InodeId) -> Result<OpenDir, Errno> {
        let state = self.0.state.read();
        state.tree.directory(id)?;
        Ok(OpenDir::in_tree(self.0.pin(&state, id)))
    }

    /// Frees the inodes that have neither a name nor a handle, as a branch may have them.
    pub fn collect_orphans(&self) {
        let mut state = self.0.state.write();
        let orphans: Vec<InodeId> =
            state.tree.inodes().filter(|(_, inode)| inode.links == 0).map(|(id, _)| id).collect();
        for id in orphans {
            self.0.settle(&mut state, Some(id));
        }
    }

    /// Resolves a path and looks at what is there.
    pub(crate) fn read<R>(
        &self,
        at: At<'_>,
        path: &str,
        last: Last,
        tree: impl FnOnce(&State, &TreeTarget<'_>) -> Result<R, Errno>,
        foreign: impl FnOnce(&ForeignTarget<'_>) -> Result<R, Errno>,
    ) -> Result<R, Errno> {
        let mut walk = Walk::new(&self.0, at, path, last)?;
        loop {
            let state = self.0.state.read();
            if walk.in_tree(&state)? {
                return tree(&state, &walk.tree_target());
            }
            drop(state);
            if walk.outside()? {
                return foreign(&walk.foreign_target());
            }
        }
    }

    /// Resolves a path and changes what is there, in one step where it is in the tree.
    pub(crate) fn write<R>(
        &self,
        at: At<'_>,
        path: &str,
        last: Last,
        tree: impl FnOnce(&mut State, &TreeTarget<'_>) -> Result<R, Errno>,
        foreign: impl FnOnce(&ForeignTarget<'_>) -> Result<R, Errno>,
    ) -> Result<R, Errno> {
        let mut walk = Walk::new(&self.0, at, path, last)?;
        loop {
            let mut state = self.0.state.write();
            if walk.in_tree(&state)? {
                return tree(&mut state, &walk.tree_target());
            }
            drop(state);
            if walk.outside()? {
                return foreign(&walk.foreign_target());
            }
        }
    }

    /// Resolves two paths and changes what is there, in one step where both are in the tree. `XDEV` where they are on
    /// different file systems.
    pub(crate) fn write_two<R>(
        &self,
        (mut from, mut to): (Walk<'_>, Walk<'_>),
        tree: impl FnOnce(&mut State, &TreeTarget<'_>, &TreeTarget<'_>) -> Result<R, Errno>,
        foreign: impl FnOnce(&ForeignTarget<'_>, &ForeignTarget<'_>) -> Result<R, Errno>,
    ) -> Result<R, Errno> {
        loop {
            match (self.last_leg(&mut from)?, self.last_leg(&mut to)?) {
                (Leg::Outside, Leg::Outside) => {
                    let (from, to) = (from.foreign_target(), to.foreign_target());
                    let same = Arc::ptr_eq(&from.path.mount, &to.path.mount);
                    return if same { foreign(&from, &to) } else { Err(Errno::Xdev) };
                }
                (Leg::InTree, Leg::InTree) => {
                    let mut state = self.0.state.write();
                    // Between the legs someone may have put a link in the way; then it is walked again.
                    let (mut from, mut to) = (from.clone(), to.clone());
                    if from.in_tree(&state)? && to.in_tree(&state)? {
                        return tree(&mut state, &from.tree_target(), &to.tree_target());
                    }
                }
                _ => return Err(Errno::Xdev),
            }
        }
    }

    /// Walks until only one leg is left, and goes that one too if it is outside.
    fn last_leg(&self, walk: &mut Walk<'_>) -> Result<Leg, Errno> {
        loop {
            if let Place::Tree(_) = walk.at {
                let before = walk.clone();
                if walk.in_tree(&self.0.state.read())? {
                    *walk = before;
                    return Ok(Leg::InTree);
                }
            }
            if walk.outside()? {
                return Ok(Leg::Outside);
            }
        }
    }
}

enum Leg {
    InTree,
    Outside,
}

impl Shared {
    /// Keeps an inode alive for a handle. The state is locked, so that no one takes its last name meanwhile.
    pub fn pin(self: &Arc<Self>, _state: &State, id: InodeId) -> Pin {
        *self.opens.lock().counts.entry(id).or_insert(0) += 1;
        Pin { shared: Arc::clone(self), id }
    }

    /// Frees an inode that has lost its last name, or leaves that to its last handle.
    pub fn settle(&self, state: &mut State, orphan: Option<InodeId>) {
        let Some(id) = orphan else { return };
        let mut opens = self.opens.lock();
        if opens.counts.contains_key(&id) {
            opens.orphans.insert(id);
        } else {
            opens.orphans.remove(&id);
            state.tree.release(id);
        }
    }

    fn unpin(&self, id: InodeId) {
        let mut opens = self.opens.lock();
        let Some(count) = opens.counts.get_mut(&id) else { return };
        *count -= 1;
        if *count > 0 {
            return;
        }
        opens.counts.remove(&id);
        if opens.orphans.contains(&id) {
            drop(opens);
            self.settle(&mut self.state.write(), Some(id));
        }
    }
}

/// A handle's hold on an inode of the tree.
pub(crate) struct Pin {
    pub shared: Arc<Shared>,
    pub id: InodeId,
}

impl Drop for Pin {
    fn drop(&mut self) {
        self.shared.unpin(self.id);
    }
}
