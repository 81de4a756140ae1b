//! Directories whose content is made when it is looked at, as `/proc` is.

use bytes::Bytes;

use super::inode::{FileType, Stat};
use crate::Errno;

/// A directory that answers for every path below it.
///
/// Called without any lock of the file system held, so an implementation may use the file system itself.
pub trait DynamicDir: Send + Sync {
    /// Returns what is at `path` below this directory; an empty path is the directory itself.
    ///
    /// `caller` is the pid that [`At`](super::At) carried, for `/proc/self`. Symlinks are not followed here: they are
    /// returned, and the file system goes on with their target.
    ///
    /// # Errors
    /// `NOENT` where there is nothing.
    fn lookup(&self, caller: u32, path: &[&str]) -> Result<DynamicNode, Errno>;
}

/// What a [`DynamicDir`] has at a path.
#[derive(Clone, Debug)]
pub enum DynamicNode {
    /// A directory with these entries, `.` and `..` left out.
    Directory(Vec<DynamicEntry>),
    /// A file with this content; whoever opens it keeps reading this content.
    File(Bytes),
    /// A symbolic link.
    Symlink(String),
    /// A link that opens as a descriptor of the caller, as those in `/proc/self/fd` do.
    Descriptor {
        /// The descriptor.
        number: u32,
        /// What `readlink` says.
        target: String,
    },
}

/// An entry of a dynamic directory.
#[derive(Clone, Debug)]
pub struct DynamicEntry {
    /// The name.
    pub name: String,
    /// The kind.
    pub file_type: FileType,
}

impl DynamicNode {
    /// Returns the kind as `lstat` sees it.
    pub fn file_type(&self) -> FileType {
        match self {
            Self::Directory(_) => FileType::Directory,
            Self::File(_) => FileType::Regular,
            Self::Symlink(_) | Self::Descriptor { .. } => FileType::Symlink,
        }
    }

    pub(crate) fn stat(&self, device: u64, path: &str, now: u64) -> Stat {
        let (mode, links, size) = match self {
            Self::Directory(_) => (0o555, 2, 0),
            Self::File(content) => (0o444, 1, content.len()),
            Self::Symlink(target) | Self::Descriptor { target, .. } => (0o777, 1, target.len()),
        };
        Stat {
            device,
            inode: inode_number(path),
            file_type: self.file_type(),
            mode,
            links,
            size: size as u64,
            accessed_ns: now,
            modified_ns: now,
            changed_ns: now,
        }
    }
}

/// Returns a number that stays with a path, which is all the identity that a dynamic file has.
pub(crate) fn inode_number(path: &str) -> u64 {
    use std::hash::BuildHasher;
    foldhash::quality::FixedState::default().hash_one(path) >> 1 | 1
}
