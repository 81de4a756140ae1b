//! Making the read-only base trees that sandboxes start from.

use bytes::Bytes;

use super::content::Content;
use super::device::Device;
use super::inode::{InodeId, Node};
use super::path;
use super::quota::Quota;
use super::tree::Tree;
use crate::Errno;

/// Makes a [`Tree`] that sandboxes start from and share: a base image.
///
/// What an image holds costs a sandbox nothing of its quota, and no memory but what it changes. Paths are absolute or
/// relative to the root alike, may not have `..` in them, and go through no symlink. Parents are made as needed.
#[derive(Debug)]
pub struct TreeBuilder {
    tree: Tree,
    now: u64,
    quota: Quota,
}

impl TreeBuilder {
    /// Returns a builder of an empty image, whose inodes all have the time `now_ns` since the Unix epoch.
    pub fn new(now_ns: u64) -> Self {
        Self::on(Tree::empty(), now_ns)
    }

    /// Returns a builder that starts with what `tree` holds: another image, or the files of a sandbox.
    pub fn on(tree: Tree, now_ns: u64) -> Self {
        let quota = Quota { bytes: u64::MAX / 2, inodes: u64::MAX / 2, file_bytes: u64::MAX / 2, ..Quota::default() };
        Self { tree, now: now_ns, quota }
    }

    /// Adds what programs expect of any system: `/dev` with its devices, `/dev/fd`, `/tmp`, `/proc`, `/root` and the like.
    ///
    /// # Errors
    /// As the other methods.
    pub fn skeleton(&mut self) -> Result<&mut Self, Errno> {
        for directory in ["bin", "dev", "etc", "home", "proc", "root", "usr/lib", "var/tmp"] {
            self.directory(directory, 0o755)?;
        }
        self.directory("tmp", 0o1777)?.directory("var/tmp", 0o1777)?.directory("root", 0o700)?;
        for (name, device, mode) in Device::STANDARD {
            self.device(&format!("dev/{name}"), device, mode)?;
        }
        self.symlink("dev/fd", "/proc/self/fd")
    }

    /// Adds a directory, or sets the permission bits of one that is there.
    ///
    /// # Errors
    /// `NOTDIR` when something else is in the way, `INVAL` and `NAMETOOLONG` for a bad path.
    pub fn directory(&mut self, path: &str, mode: u32) -> Result<&mut Self, Errno> {
        let id = self.directories(path)?;
        self.tree.set_mode(id, mode, self.now)?;
        Ok(self)
    }

    /// Adds a file, in the place of one that is there. The bytes are shared, not copied.
    ///
    /// # Errors
    /// `ISDIR` when a directory is in the way, and as [`directory`](Self::directory).
    pub fn file(&mut self, path: &str, content: impl Into<Bytes>, mode: u32) -> Result<&mut Self, Errno> {
        self.add(path, Node::File(Content::of_image(content.into())), mode)
    }

    /// Adds a symlink at `path` to `target`, in the place of a file that is there.
    ///
    /// # Errors
    /// As [`file`](Self::file).
    pub fn symlink(&mut self, path: &str, target: &str) -> Result<&mut Self, Errno> {
        path::check(target, &self.quota)?;
        self.add(path, Node::Symlink(target.into()), 0o777)
    }

    /// Adds one more name for a file that is there.
    ///
    /// # Errors
    /// `NOENT` when it is not, and as [`file`](Self::file).
    pub fn hard_link(&mut self, path: &str, existing: &str) -> Result<&mut Self, Errno> {
        let (parent, name) = self.parent_and_name(existing)?;
        let id = self.tree.directory(parent)?.lookup(name).ok_or(Errno::Noent)?;
        let (parent, name) = self.parent_and_name(path)?;
        self.tree.link(id, parent, name, self.now, &self.quota)?;
        Ok(self)
    }

    /// Adds a device node, in the place of a file that is there.
    ///
    /// # Errors
    /// As [`file`](Self::file).
    pub fn device(&mut self, path: &str, device: Device, mode: u32) -> Result<&mut Self, Errno> {
        self.add(path, Node::Device(device), mode)
    }

    /// Returns the image.
    ///
    /// # Errors
    /// `FBIG` when the builder started with a file of a sandbox that is larger than 4 GiB.
    pub fn finish(mut self) -> Result<Tree, Errno> {
        self.tree.seal()?;
        Ok(self.tree)
    }

    fn add(&mut self, path: &str, node: Node, mode: u32) -> Result<&mut Self, Errno> {
        let (parent, name) = self.parent_and_name(path)?;
        if self.tree.directory(parent)?.lookup(name).is_some()
            && let Some(replaced) = self.tree.unlink(parent, name, self.now)?
        {
            self.tree.release(replaced);
        }
        self.tree.create(parent, name, node, mode, self.now, &self.quota)?;
        Ok(self)
    }

    fn parent_and_name<'p>(&mut self, path: &'p str) -> Result<(InodeId, &'p str), Errno> {
        path::check(path, &self.quota)?;
        let path = path.trim_end_matches('/');
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        check_name(name)?;
        Ok((self.directories(parent)?, name))
    }

    fn directories(&mut self, path: &str) -> Result<InodeId, Errno> {
        let mut at = Tree::ROOT;
        for name in path.split('/').filter(|name| !name.is_empty()) {
            check_name(name)?;
            at = match self.tree.directory(at)?.lookup(name) {
                Some(id) => id,
                None => self.tree.create_directory(at, name, 0o755, self.now, &self.quota)?,
            };
        }
        self.tree.directory(at)?;
        Ok(at)
    }
}

fn check_name(name: &str) -> Result<(), Errno> {
    match name {
        "" | "." | ".." => Err(Errno::Inval),
        _ if name.len() > path::LONGEST_NAME => Err(Errno::Nametoolong),
        _ => Ok(()),
    }
}
