//! The tree: every inode of a sandbox, as persistent plain data.

use std::sync::Arc;

use super::content::Content;
use super::directory::Directory;
use super::inode::{Inode, InodeId, Node, SetTime};
use super::quota::{Quota, Usage};
use super::radix::Radix;
use crate::Errno;

/// As many names as one file may have: what ext4 allows.
pub(super) const MOST_LINKS: u32 = 65_000;

/// A whole file system as a value: clones are O(1) and share what they have not changed.
///
/// This layer speaks inodes, not paths: its operations take a directory and a name, check what POSIX says of them, and
/// keep the count of what the quota charges. Who holds a file open is not known here, so an operation that takes the last
/// name of an inode returns it as an orphan, which stays until it is released.
#[derive(Clone, Debug)]
pub struct Tree {
    pub(super) inodes: Radix<Arc<Inode>>,
    pub(super) next: u64,
    pub(crate) usage: Usage,
}

impl Tree {
    /// The root directory.
    pub(crate) const ROOT: InodeId = InodeId(1);

    /// Returns a tree that is an empty root directory.
    pub fn empty() -> Self {
        let mut root = Inode::new(Node::Directory(Directory::new(Self::ROOT)), 0o755, 0);
        root.image_links = 1;
        let mut inodes = Radix::default();
        inodes.insert(Self::ROOT.0, Arc::new(root));
        Self { inodes, next: Self::ROOT.0 + 1, usage: Usage::default() }
    }

    /// Counts anew what the tree holds beyond its image; equal to what its operations have kept count of.
    pub fn recount(&self) -> Usage {
        let mut usage = Usage::default();
        for (_, inode) in self.inodes() {
            let cost = inode.cost();
            let (bytes, pieces) = match &inode.node {
                Node::File(content) => content.recount(),
                _ => (cost.bytes, 0),
            };
            usage.add(Usage { bytes, pieces, ..cost });
        }
        usage
    }

    /// Returns an inode. Numbers come from this tree's own entries and open handles, so it is there: `STALE` otherwise.
    pub(crate) fn get(&self, id: InodeId) -> Result<&Inode, Errno> {
        self.inodes.get(id.0).map(|inode| &**inode).ok_or(Errno::Stale)
    }

    pub(crate) fn directory(&self, id: InodeId) -> Result<&Directory, Errno> {
        match &self.get(id)?.node {
            Node::Directory(directory) => Ok(directory),
            _ => Err(Errno::Notdir),
        }
    }

    pub(crate) fn content(&self, id: InodeId) -> Result<&Content, Errno> {
        match &self.get(id)?.node {
            Node::File(content) => Ok(content),
            Node::Directory(_) => Err(Errno::Isdir),
            _ => Err(Errno::Inval),
        }
    }

    pub(crate) fn is_directory(&self, id: InodeId) -> bool {
        self.directory(id).is_ok()
    }

    pub(crate) fn inodes(&self) -> impl Iterator<Item = (InodeId, &Inode)> {
        self.inodes.iter().map(|(id, inode)| (InodeId(id), &**inode))
    }

    /// Makes an inode and its entry.
    pub(crate) fn create(
        &mut self,
        parent: InodeId,
        name: &str,
        node: Node,
        mode: u32,
        now: u64,
        quota: &Quota,
    ) -> Result<InodeId, Errno> {
        self.check_vacant(parent, name)?;
        self.usage.check_inode(quota)?;
        let inode = Inode::new(node, mode, now);
        let cost = inode.cost();
        if cost.bytes > self.usage.bytes_left(quota) {
            return Err(Errno::Nospc);
        }
        let is_directory = matches!(inode.node, Node::Directory(_));
        let id = InodeId(self.next);
        self.next += 1;
        self.inodes.insert(id.0, Arc::new(inode));
        self.usage.add(cost);
        self.enter(parent, name, id, is_directory, now)?;
        Ok(id)
    }

    pub(crate) fn create_directory(
        &mut self,
        parent: InodeId,
        name: &str,
        mode: u32,
        now: u64,
        quota: &Quota,
    ) -> Result<InodeId, Errno> {
        self.create(parent, name, Node::Directory(Directory::new(parent)), mode, now, quota)
    }

    /// Gives an inode one more name.
    pub(crate) fn link(
        &mut self,
        id: InodeId,
        parent: InodeId,
        name: &str,
        now: u64,
        quota: &Quota,
    ) -> Result<(), Errno> {
        let inode = self.get(id)?;
        if matches!(inode.node, Node::Directory(_)) {
            return Err(Errno::Perm);
        }
        if inode.links == 0 {
            return Err(Errno::Noent);
        }
        if inode.links >= MOST_LINKS {
            return Err(Errno::Mlink);
        }
        self.check_vacant(parent, name)?;
        self.usage.check_inode(quota)?;
        self.change(id, |inode| {
            inode.links += 1;
            inode.changed_ns = now;
        })?;
        self.enter(parent, name, id, false, now)
    }

    /// Takes a name of a file away, and returns the file if that was its last.
    pub(crate) fn unlink(&mut self, parent: InodeId, name: &str, now: u64) -> Result<Option<InodeId>, Errno> {
        let id = self.directory(parent)?.lookup(name).ok_or(Errno::Noent)?;
        if self.is_directory(id) {
            return Err(Errno::Isdir);
        }
        self.leave(parent, name, false, now)?;
        self.drop_link(id, now)
    }

    /// Takes an empty directory out of its parent, and returns it.
    pub(crate) fn remove_directory(&mut self, parent: InodeId, name: &str, now: u64) -> Result<Option<InodeId>, Errno> {
        let id = self.directory(parent)?.lookup(name).ok_or(Errno::Noent)?;
        if !self.directory(id)?.is_empty() {
            return Err(Errno::Notempty);
        }
        self.leave(parent, name, true, now)?;
        self.drop_link(id, now)
    }

    /// Moves an entry, over a file or an empty directory where there is one, and returns what that was if it has no name left.
    pub(crate) fn rename(
        &mut self,
        from: (InodeId, &str),
        to: (InodeId, &str),
        now: u64,
    ) -> Result<Option<InodeId>, Errno> {
        let id = self.directory(from.0)?.lookup(from.1).ok_or(Errno::Noent)?;
        let replaced = self.directory(to.0)?.lookup(to.1);
        if replaced == Some(id) {
            return Ok(None);
        }
        if self.get(to.0)?.links == 0 {
            return Err(Errno::Noent);
        }
        let moves_directory = self.is_directory(id);
        if moves_directory && self.is_within(to.0, id)? {
            return Err(Errno::Inval);
        }
        if let Some(replaced) = replaced {
            match (moves_directory, self.directory(replaced)) {
                (true, Ok(directory)) if !directory.is_empty() => return Err(Errno::Notempty),
                (true, Err(_)) => return Err(Errno::Notdir),
                // A directory in the way of a file; and one above the file is never empty.
                (false, Ok(_)) => return Err(Errno::Isdir),
                _ => {}
            }
            self.leave(to.0, to.1, moves_directory, now)?;
        }
        self.leave(from.0, from.1, moves_directory, now)?;
        self.enter(to.0, to.1, id, moves_directory, now)?;
        self.change(id, |inode| {
            inode.changed_ns = now;
            if let Node::Directory(directory) = &mut inode.node {
                directory.parent = to.0;
            }
        })?;
        replaced.map_or(Ok(None), |replaced| self.drop_link(replaced, now))
    }

    /// Frees an orphan.
    pub(crate) fn release(&mut self, id: InodeId) {
        if self.get(id).is_ok_and(|inode| inode.links == 0)
            && let Some(inode) = self.inodes.remove(id.0)
        {
            self.usage.subtract(inode.cost());
        }
    }

    /// Writes to a file, and returns how much of `data` went in.
    ///
    /// # Errors
    /// `FBIG` and `NOSPC` when not a byte fits.
    pub(crate) fn write(
        &mut self,
        id: InodeId,
        offset: u64,
        data: &[u8],
        now: u64,
        quota: &Quota,
    ) -> Result<usize, Errno> {
        if data.is_empty() {
            return Ok(0);
        }
        let room = quota.file_bytes.saturating_sub(offset);
        let fits = data.len().min(usize::try_from(room).unwrap_or(usize::MAX));
        if fits == 0 {
            return Err(Errno::Fbig);
        }
        let available = self.usage.bytes_left(quota);
        let written = self.change_content(id, now, |content| content.write(offset, &data[..fits], available))?;
        if written == 0 { Err(Errno::Nospc) } else { Ok(written) }
    }

    /// Writes at the end of a file, and returns where that was and how much went in.
    pub(crate) fn append(&mut self, id: InodeId, data: &[u8], now: u64, quota: &Quota) -> Result<(u64, usize), Errno> {
        let end = self.content(id)?.len();
        Ok((end, self.write(id, end, data, now, quota)?))
    }

    pub(crate) fn set_len(&mut self, id: InodeId, len: u64, now: u64, quota: &Quota) -> Result<(), Errno> {
        let current = self.content(id)?.len();
        if len > quota.file_bytes && len > current {
            return Err(Errno::Fbig);
        }
        self.change_content(id, now, |content| {
            if len != current {
                content.set_len(len);
            }
        })
    }

    pub(crate) fn allocate(
        &mut self,
        id: InodeId,
        offset: u64,
        len: u64,
        now: u64,
        quota: &Quota,
    ) -> Result<(), Errno> {
        if len == 0 {
            return Err(Errno::Inval);
        }
        if offset.checked_add(len).is_none_or(|end| end > quota.file_bytes) {
            return Err(Errno::Fbig);
        }
        let available = self.usage.bytes_left(quota);
        self.change_content(id, now, |content| content.allocate(offset, len, available))?
    }

    /// Replaces a file's whole content.
    pub(crate) fn replace_content(
        &mut self,
        id: InodeId,
        content: Content,
        now: u64,
        quota: &Quota,
    ) -> Result<(), Errno> {
        let held = self.content(id)?.held();
        if content.held() > self.usage.bytes_left(quota) + held {
            return Err(Errno::Nospc);
        }
        self.change_content(id, now, |old| *old = content)
    }

    pub(crate) fn set_times(
        &mut self,
        id: InodeId,
        accessed: SetTime,
        modified: SetTime,
        now: u64,
    ) -> Result<(), Errno> {
        self.change(id, |inode| {
            inode.accessed_ns = accessed.resolve(inode.accessed_ns, now);
            inode.modified_ns = modified.resolve(inode.modified_ns, now);
            inode.changed_ns = now;
        })
    }

    pub(crate) fn set_mode(&mut self, id: InodeId, mode: u32, now: u64) -> Result<(), Errno> {
        self.change(id, |inode| {
            inode.mode = mode & 0o7777;
            inode.changed_ns = now;
        })
    }

    /// Makes everything that has a name part of the image: from here on it costs nothing.
    pub(crate) fn seal(&mut self) -> Result<(), Errno> {
        let ids: Vec<InodeId> = self.inodes().map(|(id, _)| id).collect();
        for id in ids {
            if self.get(id)?.links == 0 {
                self.release(id);
                continue;
            }
            self.change(id, |inode| -> Result<(), Errno> {
                inode.image_links = inode.links;
                if let Node::File(content) = &mut inode.node
                    && content.held() > 0
                {
                    *content = Content::of_image(content.whole()?);
                }
                Ok(())
            })??;
        }
        Ok(())
    }

    /// Checks that an entry can be made: in a directory that has not been removed, under a name that is free.
    fn check_vacant(&self, parent: InodeId, name: &str) -> Result<(), Errno> {
        let inode = self.get(parent)?;
        let Node::Directory(directory) = &inode.node else { return Err(Errno::Notdir) };
        if inode.links == 0 {
            Err(Errno::Noent)
        } else if directory.lookup(name).is_some() {
            Err(Errno::Exist)
        } else {
            Ok(())
        }
    }

    /// Tells whether `inner` is `outer` or somewhere below it.
    fn is_within(&self, mut inner: InodeId, outer: InodeId) -> Result<bool, Errno> {
        while inner != outer {
            if inner == Self::ROOT {
                return Ok(false);
            }
            inner = self.directory(inner)?.parent;
        }
        Ok(true)
    }

    fn enter(&mut self, parent: InodeId, name: &str, id: InodeId, is_directory: bool, now: u64) -> Result<(), Errno> {
        self.change_directory(parent, now, |directory| directory.insert(name, id, is_directory))
    }

    fn leave(&mut self, parent: InodeId, name: &str, is_directory: bool, now: u64) -> Result<(), Errno> {
        self.change_directory(parent, now, |directory| {
            directory.remove(name, is_directory);
        })
    }

    fn drop_link(&mut self, id: InodeId, now: u64) -> Result<Option<InodeId>, Errno> {
        let left = self.change(id, |inode| {
            inode.links -= 1;
            inode.changed_ns = now;
            inode.links
        })?;
        Ok((left == 0).then_some(id))
    }

    fn change_directory(&mut self, id: InodeId, now: u64, f: impl FnOnce(&mut Directory)) -> Result<(), Errno> {
        self.change(id, |inode| match &mut inode.node {
            Node::Directory(directory) => {
                f(directory);
                inode.touch(now);
                Ok(())
            }
            _ => Err(Errno::Notdir),
        })?
    }

    fn change_content<R>(&mut self, id: InodeId, now: u64, f: impl FnOnce(&mut Content) -> R) -> Result<R, Errno> {
        self.change(id, |inode| match &mut inode.node {
            Node::File(content) => {
                let result = f(content);
                inode.touch(now);
                Ok(result)
            }
            Node::Directory(_) => Err(Errno::Isdir),
            _ => Err(Errno::Inval),
        })?
    }

    /// Changes an inode, and the count of what is used with it.
    fn change<R>(&mut self, id: InodeId, f: impl FnOnce(&mut Inode) -> R) -> Result<R, Errno> {
        let inode = Arc::make_mut(self.inodes.get_mut(id.0).ok_or(Errno::Stale)?);
        self.usage.subtract(inode.cost());
        let result = f(inode);
        self.usage.add(inode.cost());
        Ok(result)
    }
}
