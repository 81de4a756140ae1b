//! What POSIX does to a path without opening it.

use super::dynamic::DynamicNode;
use super::filesystem::{FileSystem, State};
use super::foreign::{ForeignNode, ForeignPath, Source};
use super::inode::{FileType, InodeId, Node, SetTime, Stat};
use super::quota::SpaceInfo;
use super::resolve::{At, End, ForeignTarget, Last, TreeTarget, Walk};
use crate::Errno;

impl FileSystem {
    /// Returns what `stat` says, or `lstat` without `follow`.
    ///
    /// A link to a descriptor shows as a character device when it is followed: ask the descriptor itself, which
    /// [`descriptor`](Self::descriptor) names.
    ///
    /// # Errors
    /// Those of path resolution.
    pub fn stat(&self, at: At<'_>, path: &str, follow: bool) -> Result<Stat, Errno> {
        let tree = |state: &State, target: &TreeTarget<'_>| {
            let id = target.found.ok_or(Errno::Noent)?;
            Ok(state.tree.get(id)?.stat(id))
        };
        let foreign = |target: &ForeignTarget<'_>| {
            let node = target.found.ok_or(Errno::Noent)?;
            let mut stat = target.path.stat(node, self.0.clock.wall_ns());
            if follow && let ForeignNode::Dynamic(DynamicNode::Descriptor { .. }) = node {
                stat.file_type = FileType::CharacterDevice;
                stat.mode = 0o620;
            }
            Ok(stat)
        };
        self.read(at, path, following(follow), tree, foreign)
    }

    /// Returns the descriptor of the caller that a path stands for, if it stands for one, as `/dev/stdin` and
    /// `/proc/self/fd/0` do.
    ///
    /// # Errors
    /// Those of path resolution.
    pub fn descriptor(&self, at: At<'_>, path: &str) -> Result<Option<u32>, Errno> {
        let tree =
            |state: &State, target: &TreeTarget<'_>| match &state.tree.get(target.found.ok_or(Errno::Noent)?)?.node {
                Node::Device(device) => Ok(device.descriptor()),
                _ => Ok(None),
            };
        let foreign = |target: &ForeignTarget<'_>| match target.found.ok_or(Errno::Noent)? {
            ForeignNode::Dynamic(DynamicNode::Descriptor { number, .. }) => Ok(Some(*number)),
            _ => Ok(None),
        };
        self.read(at, path, Last::Follow, tree, foreign)
    }

    /// Returns a symlink's target.
    ///
    /// # Errors
    /// `INVAL` when it is no symlink.
    pub fn read_link(&self, at: At<'_>, path: &str) -> Result<String, Errno> {
        let tree =
            |state: &State, target: &TreeTarget<'_>| match &state.tree.get(target.found.ok_or(Errno::Noent)?)?.node {
                Node::Symlink(target) => Ok(target.to_string()),
                _ => Err(Errno::Inval),
            };
        let foreign = |target: &ForeignTarget<'_>| target.path.read_link(target.found.ok_or(Errno::Noent)?);
        self.read(at, path, Last::NoFollow, tree, foreign)
    }

    /// Makes a directory.
    ///
    /// # Errors
    /// `EXIST` whatever is there, `NOENT` without a parent, `NOSPC`, `ROFS`.
    pub fn create_directory(&self, at: At<'_>, path: &str, mode: u32) -> Result<(), Errno> {
        let tree = |state: &mut State, target: &TreeTarget<'_>| {
            let name = vacant(target.found.is_some(), &target.end)?;
            let now = self.0.clock.wall_ns();
            state.tree.create_directory(target.parent, name, mode, now, &self.0.quota.get()).map(drop)
        };
        let foreign = |target: &ForeignTarget<'_>| {
            vacant(target.found.is_some(), &target.end)?;
            target.path.host()?.create_directory(&target.path.path, mode)
        };
        self.write(at, path, Last::Entry, tree, foreign)
    }

    /// Makes a symlink at `path` that says `text`.
    ///
    /// # Errors
    /// `EXIST` whatever is at `path`, `NOENT` for an empty text, `NOSPC`, `ROFS`; on a host mount `ACCES` for a text that
    /// would lead out of it.
    pub fn symlink(&self, text: &str, at: At<'_>, path: &str) -> Result<(), Errno> {
        super::path::check(text, &self.0.quota.get())?;
        let tree = |state: &mut State, target: &TreeTarget<'_>| {
            let name = vacant(target.found.is_some(), &target.end)?;
            if target.slash {
                return Err(Errno::Noent);
            }
            let now = self.0.clock.wall_ns();
            state
                .tree
                .create(target.parent, name, Node::Symlink(text.into()), 0o777, now, &self.0.quota.get())
                .map(drop)
        };
        let foreign = |target: &ForeignTarget<'_>| {
            vacant(target.found.is_some(), &target.end)?;
            target.path.host()?.symlink(text, &target.path.path)
        };
        self.write(at, path, Last::Entry, tree, foreign)
    }

    /// Gives a file one more name.
    ///
    /// # Errors
    /// `PERM` for a directory, `EXIST` whatever is at the new path, `XDEV` across file systems, `MLINK`, `NOSPC`.
    pub fn link(&self, from: (At<'_>, &str), follow: bool, to: (At<'_>, &str)) -> Result<(), Errno> {
        // Whether the file is there comes before anything that is wrong with the new path.
        self.stat(from.0, from.1, follow)?;
        let walks =
            (Walk::new(&self.0, from.0, from.1, following(follow))?, Walk::new(&self.0, to.0, to.1, Last::Entry)?);
        let tree = |state: &mut State, from: &TreeTarget<'_>, to: &TreeTarget<'_>| {
            let id = from.found.ok_or(Errno::Noent)?;
            let name = vacant(to.found.is_some(), &to.end)?;
            if to.slash {
                return Err(Errno::Noent);
            }
            state.tree.link(id, to.parent, name, self.0.clock.wall_ns(), &self.0.quota.get())
        };
        let foreign = |from: &ForeignTarget<'_>, to: &ForeignTarget<'_>| {
            let node = from.found.ok_or(Errno::Noent)?;
            vacant(to.found.is_some(), &to.end)?;
            if node.file_type() == FileType::Directory {
                return Err(Errno::Perm);
            }
            from.path.host()?.link(&from.path.path, &to.path.path)
        };
        self.write_two(walks, tree, foreign)
    }

    /// Takes a name away from a file; the file goes with its last name and its last handle.
    ///
    /// # Errors
    /// `ISDIR` for a directory, `NOENT`, `ROFS`.
    pub fn unlink(&self, at: At<'_>, path: &str) -> Result<(), Errno> {
        let tree = |state: &mut State, target: &TreeTarget<'_>| {
            let name = target.end.clone().name(Errno::Isdir)?;
            let id = target.found.ok_or(Errno::Noent)?;
            if target.slash && !state.tree.is_directory(id) {
                return Err(Errno::Notdir);
            }
            let orphan = state.tree.unlink(target.parent, name, self.0.clock.wall_ns())?;
            self.0.settle(state, orphan);
            Ok(())
        };
        let foreign = |target: &ForeignTarget<'_>| {
            target.end.clone().name(Errno::Isdir)?;
            match target.found.ok_or(Errno::Noent)?.file_type() {
                FileType::Directory => Err(Errno::Isdir),
                _ if target.slash => Err(Errno::Notdir),
                _ => target.path.host()?.remove_file(&target.path.path),
            }
        };
        self.write(at, path, Last::Entry, tree, foreign)
    }

    /// Removes an empty directory.
    ///
    /// # Errors
    /// `NOTEMPTY`, `NOTDIR`, `NOENT`, `ROFS`; `BUSY` for the root and for what something is mounted on; `INVAL` for `.`.
    pub fn remove_directory(&self, at: At<'_>, path: &str) -> Result<(), Errno> {
        let removable = |end: &End<&str>| match end {
            End::Name(_) => Ok(()),
            End::Dot => Err(Errno::Inval),
            End::DotDot => Err(Errno::Notempty),
            End::Root => Err(Errno::Busy),
        };
        let tree = |state: &mut State, target: &TreeTarget<'_>| {
            removable(&target.end)?;
            let name = target.end.clone().name(Errno::Inval)?;
            let id = target.found.ok_or(Errno::Noent)?;
            if state.mounts.get(id).is_some() {
                return Err(Errno::Busy);
            }
            let orphan = state.tree.remove_directory(target.parent, name, self.0.clock.wall_ns())?;
            self.0.settle(state, orphan);
            Ok(())
        };
        let foreign = |target: &ForeignTarget<'_>| {
            removable(&target.end)?;
            match target.found.ok_or(Errno::Noent)?.file_type() {
                FileType::Directory => target.path.host()?.remove_directory(&target.path.path),
                _ => Err(Errno::Notdir),
            }
        };
        self.write(at, path, Last::Entry, tree, foreign)
    }

    /// Renames, over a file or an empty directory where there is one.
    ///
    /// # Errors
    /// Those of `rename(2)`: `NOENT`, `NOTDIR`, `ISDIR`, `NOTEMPTY`, `XDEV`, `INVAL` for a directory into itself, `BUSY` for
    /// the root, `.`, `..` and what something is mounted on.
    pub fn rename(&self, from: (At<'_>, &str), to: (At<'_>, &str)) -> Result<(), Errno> {
        let walks = (Walk::new(&self.0, from.0, from.1, Last::Entry)?, Walk::new(&self.0, to.0, to.1, Last::Entry)?);
        let tree = |state: &mut State, from: &TreeTarget<'_>, to: &TreeTarget<'_>| {
            let (from_name, to_name) = (from.end.clone().name(Errno::Busy)?, to.end.clone().name(Errno::Busy)?);
            let id = from.found.ok_or(Errno::Noent)?;
            if (from.slash || to.slash) && !state.tree.is_directory(id) {
                return Err(Errno::Notdir);
            }
            if [Some(id), to.found].into_iter().flatten().any(|id| state.mounts.get(id).is_some()) {
                return Err(Errno::Busy);
            }
            let now = self.0.clock.wall_ns();
            let orphan = state.tree.rename((from.parent, from_name), (to.parent, to_name), now)?;
            self.0.settle(state, orphan);
            Ok(())
        };
        let foreign = |from: &ForeignTarget<'_>, to: &ForeignTarget<'_>| {
            from.end.clone().name(Errno::Busy)?;
            to.end.clone().name(Errno::Busy)?;
            let node = from.found.ok_or(Errno::Noent)?;
            if (from.slash || to.slash) && node.file_type() != FileType::Directory {
                return Err(Errno::Notdir);
            }
            from.path.host()?.rename(&from.path.path, &to.path.path)
        };
        self.write_two(walks, tree, foreign)
    }

    /// Sets the times of what is at a path.
    ///
    /// # Errors
    /// Those of path resolution; `ROFS`, `PERM` on a dynamic directory.
    pub fn set_times(
        &self,
        at: At<'_>,
        path: &str,
        follow: bool,
        accessed: SetTime,
        modified: SetTime,
    ) -> Result<(), Errno> {
        let now = self.0.clock.wall_ns();
        self.change(
            (at, path, follow),
            |state, id| state.tree.set_times(id, accessed, modified, now),
            |path| path.host()?.set_times(&path.path, accessed, modified, now),
        )
    }

    /// Sets the permission bits of what is at a path.
    ///
    /// # Errors
    /// Those of path resolution; `ROFS`, `PERM` on a dynamic directory; `NOTSUP` for a symlink.
    pub fn set_mode(&self, at: At<'_>, path: &str, follow: bool, mode: u32) -> Result<(), Errno> {
        let now = self.0.clock.wall_ns();
        let tree = |state: &mut State, id: InodeId| match state.tree.get(id)?.node {
            Node::Symlink(_) => Err(Errno::Notsup),
            _ => state.tree.set_mode(id, mode, now),
        };
        self.change((at, path, follow), tree, |path| path.host()?.set_mode(&path.path, mode))
    }

    /// Returns the numbers of `df` for the file system that a path is on.
    ///
    /// # Errors
    /// Those of path resolution.
    pub fn space_at(&self, at: At<'_>, path: &str) -> Result<SpaceInfo, Errno> {
        // What a host's disk has left is no business of the sandbox.
        let nothing = SpaceInfo { bytes_total: 0, bytes_used: 0, inodes_total: 0, inodes_used: 0 };
        let on_tree = |_: &State, target: &TreeTarget<'_>| target.found.map(|_| true).ok_or(Errno::Noent);
        let on_mount = |target: &ForeignTarget<'_>| target.found.map(|_| false).ok_or(Errno::Noent);
        let in_tree = self.read(at, path, Last::Follow, on_tree, on_mount)?;
        Ok(if in_tree { self.space() } else { nothing })
    }

    /// Tells whether a path is on a mount of the host.
    ///
    /// # Errors
    /// Those of path resolution.
    pub fn is_on_host(&self, at: At<'_>, path: &str) -> Result<bool, Errno> {
        self.read(
            at,
            path,
            Last::Follow,
            |_, _| Ok(false),
            |target| Ok(matches!(target.path.mount.source, Source::Host(_))),
        )
    }

    fn change(
        &self,
        (at, path, follow): (At<'_>, &str, bool),
        tree: impl FnOnce(&mut State, InodeId) -> Result<(), Errno>,
        foreign: impl FnOnce(&ForeignPath) -> Result<(), Errno>,
    ) -> Result<(), Errno> {
        self.write(
            at,
            path,
            following(follow),
            |state, target| tree(state, target.found.ok_or(Errno::Noent)?),
            |target| target.found.map_or(Err(Errno::Noent), |_| foreign(target.path)),
        )
    }
}

fn following(follow: bool) -> Last {
    if follow { Last::Follow } else { Last::NoFollow }
}

/// Returns the name of an entry that is to be made.
fn vacant<'a>(found: bool, end: &End<&'a str>) -> Result<&'a str, Errno> {
    if found { Err(Errno::Exist) } else { end.clone().name(Errno::Exist) }
}
