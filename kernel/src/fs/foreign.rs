//! What is mounted into the tree: host directories and dynamic ones, as the rest of the file system sees them.

use std::sync::Arc;

use cap_std::fs::Metadata;

use super::dynamic::{DynamicDir, DynamicNode};
use super::inode::{FileType, InodeId, Stat};
use super::mount::{self, HostDirectory};
use crate::Errno;

/// Something mounted on a directory of the tree.
pub(crate) struct Mount {
    /// The directory that it covers.
    pub point: InodeId,
    /// Where that is.
    pub guest_path: String,
    pub device: u64,
    pub source: Source,
}

pub(crate) enum Source {
    Host(HostDirectory),
    Dynamic(Arc<dyn DynamicDir>),
}

/// A path below a mount, with no symlink and no `..` in it; `""` is the mount itself.
///
/// Handles of directories keep such a path, so a directory that is renamed under a handle is lost to it.
#[derive(Clone)]
pub(crate) struct ForeignPath {
    pub mount: Arc<Mount>,
    pub path: String,
}

/// What is at such a path.
pub(crate) enum ForeignNode {
    Host(Metadata),
    Dynamic(DynamicNode),
}

impl ForeignNode {
    pub fn file_type(&self) -> FileType {
        match self {
            Self::Host(metadata) => mount::file_type(metadata),
            Self::Dynamic(node) => node.file_type(),
        }
    }

    /// Tells whether a path goes on elsewhere when it comes here. A link to a descriptor is where it ends.
    pub fn is_followed(&self) -> bool {
        match self {
            Self::Dynamic(DynamicNode::Descriptor { .. }) => false,
            _ => self.file_type() == FileType::Symlink,
        }
    }
}

impl ForeignPath {
    /// Returns the root of a mount.
    pub fn root(mount: Arc<Mount>) -> Self {
        Self { mount, path: String::new() }
    }

    pub fn child(&self, name: &str) -> Self {
        let path = if self.path.is_empty() { name.to_owned() } else { format!("{}/{name}", self.path) };
        Self { mount: Arc::clone(&self.mount), path }
    }

    /// Returns the directory above, unless this is the mount's root.
    pub fn parent(&self) -> Option<Self> {
        if self.path.is_empty() {
            return None;
        }
        let path = self.path.rsplit_once('/').map_or("", |(parent, _)| parent).to_owned();
        Some(Self { mount: Arc::clone(&self.mount), path })
    }

    /// Returns the path in the sandbox.
    pub fn guest_path(&self) -> String {
        if self.path.is_empty() {
            self.mount.guest_path.clone()
        } else {
            format!("{}/{}", self.mount.guest_path, self.path)
        }
    }

    /// Returns what is here, or `None` if nothing is.
    pub fn node(&self, caller: u32) -> Result<Option<ForeignNode>, Errno> {
        let node = match &self.mount.source {
            Source::Host(host) => host.metadata(&self.path).map(ForeignNode::Host),
            Source::Dynamic(dynamic) => {
                let components: Vec<&str> = self.path.split('/').filter(|name| !name.is_empty()).collect();
                dynamic.lookup(caller, &components).map(ForeignNode::Dynamic)
            }
        };
        match node {
            Ok(node) => Ok(Some(node)),
            Err(Errno::Noent) => Ok(None),
            Err(errno) => Err(errno),
        }
    }

    pub fn stat(&self, node: &ForeignNode, now: u64) -> Stat {
        match (node, &self.mount.source) {
            (ForeignNode::Host(metadata), Source::Host(host)) => host.stat(metadata),
            (ForeignNode::Dynamic(node), _) => node.stat(self.mount.device, &self.path, now),
            (ForeignNode::Host(_), Source::Dynamic(_)) => unreachable!("a dynamic mount has dynamic nodes"),
        }
    }

    pub fn read_link(&self, node: &ForeignNode) -> Result<String, Errno> {
        match (node, &self.mount.source) {
            (ForeignNode::Dynamic(DynamicNode::Symlink(target) | DynamicNode::Descriptor { target, .. }), _) => {
                Ok(target.clone())
            }
            (ForeignNode::Host(_), Source::Host(host)) if node.file_type() == FileType::Symlink => {
                host.read_link(&self.path)
            }
            _ => Err(Errno::Inval),
        }
    }

    /// Returns the host directory that this is in, for changing it. What is dynamic can't be changed: `PERM`.
    pub fn host(&self) -> Result<&HostDirectory, Errno> {
        match &self.mount.source {
            Source::Host(host) => Ok(host),
            Source::Dynamic(_) => Err(Errno::Perm),
        }
    }
}
