//! Inodes: what a name stands for.

use std::sync::Arc;

use super::content::Content;
use super::device::Device;
use super::directory::Directory;
use super::quota::Usage;

/// The number of an inode. Numbers are never used twice within a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InodeId(pub u64);

/// What kind of thing an inode is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FileType {
    /// A file with content.
    Regular,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A device node, or a link to an open descriptor.
    CharacterDevice,
}

impl FileType {
    /// Returns the type bits of `st_mode`.
    pub fn mode_bits(self) -> u32 {
        match self {
            Self::Regular => 0o100_000,
            Self::Directory => 0o040_000,
            Self::Symlink => 0o120_000,
            Self::CharacterDevice => 0o020_000,
        }
    }
}

/// What `stat` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// The file system: 1 is the sandbox's own tree, each mount has its own number.
    pub device: u64,
    /// The inode's number within its file system.
    pub inode: u64,
    /// The kind.
    pub file_type: FileType,
    /// The permission bits, `0o7777` at most.
    pub mode: u32,
    /// The number of hard links.
    pub links: u64,
    /// The size in bytes; for a symlink, of its target.
    pub size: u64,
    /// The time of last access, in nanoseconds since the Unix epoch. Reading does not move it, as on a `noatime` mount.
    pub accessed_ns: u64,
    /// The time the content last changed.
    pub modified_ns: u64,
    /// The time the content or anything here last changed.
    pub changed_ns: u64,
}

impl Stat {
    /// Returns `st_mode`: the type bits and the permission bits.
    pub fn st_mode(&self) -> u32 {
        self.file_type.mode_bits() | self.mode
    }

    /// Tells whether this is a directory.
    pub fn is_directory(&self) -> bool {
        self.file_type == FileType::Directory
    }

    /// Tells whether this is a file that `exec` may run: a regular one with an execute bit.
    pub fn is_executable(&self) -> bool {
        self.file_type == FileType::Regular && self.mode & 0o111 != 0
    }
}

/// A time to set on a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetTime {
    /// Leaves it as it is.
    Keep,
    /// The clock's time.
    Now,
    /// This time, in nanoseconds since the Unix epoch.
    At(u64),
}

impl SetTime {
    /// Returns the time to set, given what there is and what time it is.
    pub(crate) fn resolve(self, current: u64, now: u64) -> u64 {
        match self {
            Self::Keep => current,
            Self::Now => now,
            Self::At(time) => time,
        }
    }
}

/// What an inode holds.
#[derive(Clone, Debug)]
pub(crate) enum Node {
    File(Content),
    Directory(Directory),
    Symlink(Arc<str>),
    Device(Device),
}

/// An inode, as plain data.
#[derive(Clone, Debug)]
pub(crate) struct Inode {
    pub node: Node,
    /// The permission bits.
    pub mode: u32,
    /// How many directory entries name this inode (for a directory: 1, or 0 once it is removed).
    pub links: u32,
    /// How many of them the image made; 0 for an inode that is not of the image. These cost no quota.
    pub image_links: u32,
    pub accessed_ns: u64,
    pub modified_ns: u64,
    pub changed_ns: u64,
}

impl Inode {
    pub fn new(node: Node, mode: u32, now: u64) -> Self {
        let mode = mode & 0o7777;
        Self { node, mode, links: 1, image_links: 0, accessed_ns: now, modified_ns: now, changed_ns: now }
    }

    pub fn file_type(&self) -> FileType {
        match &self.node {
            Node::File(_) => FileType::Regular,
            Node::Directory(_) => FileType::Directory,
            Node::Symlink(_) => FileType::Symlink,
            Node::Device(_) => FileType::CharacterDevice,
        }
    }

    /// Returns what the inode costs of the quota.
    pub fn cost(&self) -> Usage {
        let of_image = self.image_links > 0;
        let bytes = match &self.node {
            Node::File(content) => content.held(),
            Node::Symlink(target) if !of_image => target.len() as u64,
            _ => 0,
        };
        let inodes = if of_image { self.links.saturating_sub(self.image_links) } else { self.links.max(1) };
        let pieces = if let Node::File(content) = &self.node { content.pieces() } else { 0 };
        Usage { bytes, inodes: inodes.into(), pieces }
    }

    pub fn stat(&self, id: InodeId) -> Stat {
        let (links, size) = match &self.node {
            Node::File(content) => (self.links.into(), content.len()),
            // A block, as most file systems say; an empty directory of 0 bytes looks odd in listings.
            Node::Directory(directory) => (if self.links == 0 { 0 } else { directory.links() }, 4096),
            Node::Symlink(target) => (self.links.into(), target.len() as u64),
            Node::Device(_) => (self.links.into(), 0),
        };
        Stat {
            device: 1,
            inode: id.0,
            file_type: self.file_type(),
            mode: self.mode,
            links,
            size,
            accessed_ns: self.accessed_ns,
            modified_ns: self.modified_ns,
            changed_ns: self.changed_ns,
        }
    }

    /// Notes that the content changed.
    pub fn touch(&mut self, now: u64) {
        self.modified_ns = now;
        self.changed_ns = now;
    }
}
