//! What a checkpoint holds of a file system: its tree, and what its processes have open.
//!
//! ```text
//!   TreeState
//!     base: digest, and the whole image if asked for ----> the restoring side's own image, or one made of this
//!     removed: inodes of the base that are gone
//!     inodes: those that differ from the base's, orphans that are held open included
//!        '-- content: chunks by their names in the checkpoint, over the base's file where it shows through
//! ```
//!
//! An image is known by what it is, its files' times aside: those of a restored sandbox's untouched files are the times in
//! the restoring side's image. Everything here is checked when it is loaded: see [`Tree::load`].

mod check;
mod load;
mod open;

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

pub use load::LoadTreeError;
pub use open::{LoadOpenError, NotSavable, OpenDirState, OpenFileState, StatState};

use super::content::Content;
use super::device::Device;
use super::inode::{Inode, InodeId, Node};
use super::tree::Tree;
use crate::chunk::{ChunkId, ChunkRef, ChunkWriter};

/// A tree, as the difference from its base.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TreeState {
    /// The image that the tree began as.
    pub base: BaseState,
    /// The number that the next inode gets.
    pub next_inode: u64,
    /// Inodes of the base that the tree doesn't have any more, in ascending order.
    pub removed: Vec<u64>,
    /// Inodes that are not as the base has them, in ascending order of their numbers.
    pub inodes: Vec<InodeState>,
}

/// An image, by its identity and, if the checkpoint is to do without the image, as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BaseState {
    /// What [`BaseTree::digest`] returns.
    pub digest: [u8; 32],
    /// All of the image's inodes, in ascending order of their numbers.
    pub included: Option<Vec<InodeState>>,
}

/// An inode.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InodeState {
    /// Its number.
    pub id: u64,
    /// The permission bits.
    pub mode: u32,
    /// How many names it has; 0 for one that is only held open.
    pub links: u32,
    /// Times in nanoseconds since the Unix epoch: of last access, ...
    pub accessed_ns: u64,
    /// ... of the last change of the content, ...
    pub modified_ns: u64,
    /// ... and of the last change at all.
    pub changed_ns: u64,
    /// What it holds.
    pub node: NodeState,
}

/// What an inode holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NodeState {
    /// A regular file.
    File(ContentState),
    /// A directory.
    Directory(DirectoryState),
    /// A symbolic link, with its target.
    Symlink(String),
    /// A device node.
    Device(DeviceState),
}

/// The content of a file. What neither a chunk nor the base covers is zeros, and takes no space.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContentState {
    /// The length in bytes, holes included.
    pub len: u64,
    /// How many bytes of the base's file of the same number show through where there is no chunk. In an image itself: 0.
    pub base_len: u64,
    /// The chunks by their place, in units of 64 KiB; each may be shorter than that.
    pub chunks: Vec<(u64, ChunkRef)>,
}

/// The entries of a directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectoryState {
    /// The directory above; of the root, itself.
    pub parent: u64,
    /// The id that the next entry gets: readers keep their place by these.
    pub next_entry: u64,
    /// The entries in order of their ids.
    pub entries: Vec<EntryState>,
}

/// An entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryState {
    /// Its id.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// The inode that it names.
    pub inode: u64,
}

/// A [`Device`], in a form that keeps its meaning whatever is added to that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeviceState {
    /// `/dev/null`
    Null,
    /// `/dev/zero`
    Zero,
    /// `/dev/full`
    Full,
    /// `/dev/random`
    Random,
    /// `/dev/stdin`
    Stdin,
    /// `/dev/stdout`
    Stdout,
    /// `/dev/stderr`
    Stderr,
    /// `/dev/tty`
    Tty,
}

impl From<Device> for DeviceState {
    fn from(device: Device) -> Self {
        match device {
            Device::Null => Self::Null,
            Device::Zero => Self::Zero,
            Device::Full => Self::Full,
            Device::Random => Self::Random,
            Device::Stdin => Self::Stdin,
            Device::Stdout => Self::Stdout,
            Device::Stderr => Self::Stderr,
            Device::Tty => Self::Tty,
        }
    }
}

impl From<DeviceState> for Device {
    fn from(device: DeviceState) -> Self {
        match device {
            DeviceState::Null => Self::Null,
            DeviceState::Zero => Self::Zero,
            DeviceState::Full => Self::Full,
            DeviceState::Random => Self::Random,
            DeviceState::Stdin => Self::Stdin,
            DeviceState::Stdout => Self::Stdout,
            DeviceState::Stderr => Self::Stderr,
            DeviceState::Tty => Self::Tty,
        }
    }
}

/// An image with its identity. Clones share everything.
#[derive(Clone, Debug)]
pub struct BaseTree {
    tree: Tree,
    digest: [u8; 32],
}

impl BaseTree {
    /// Returns an image with its identity. Hashes what wasn't hashed before, so it is worth keeping.
    pub fn new(tree: Tree) -> Self {
        let digest = digest(&tree);
        Self { tree, digest }
    }

    /// Returns the image.
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Returns the identity: equal for images with the same inodes and contents, whatever their times.
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }
}

impl Tree {
    /// Saves the tree as its difference from `base`, the image that it began as. What the sandbox has not changed since a
    /// former checkpoint is neither hashed nor copied again.
    ///
    /// With `include_base` a restoring side needs no image of its own.
    pub fn save(&self, base: &BaseTree, include_base: bool, chunks: &mut dyn ChunkWriter) -> TreeState {
        let known = |id: u64| base.tree.inodes.get(id);
        let inodes =
            self.inodes.iter().filter(|(id, inode)| !known(*id).is_some_and(|known| Arc::ptr_eq(known, inode)));
        let removed = base.tree.inodes.iter().map(|(id, _)| id).filter(|id| self.inodes.get(*id).is_none());
        let included = |chunks: &mut dyn ChunkWriter| {
            base.tree.inodes.iter().map(|(id, inode)| save_inode(id, inode, None, chunks)).collect()
        };
        TreeState {
            base: BaseState { digest: base.digest, included: include_base.then(|| included(chunks)) },
            next_inode: self.next,
            removed: removed.collect(),
            inodes: inodes.map(|(id, inode)| save_inode(id, inode, known(id).map(|known| &**known), chunks)).collect(),
        }
    }
}

fn save_inode(id: u64, inode: &Inode, base: Option<&Inode>, chunks: &mut dyn ChunkWriter) -> InodeState {
    let node = match &inode.node {
        Node::File(content) => {
            let base = match base.map(|base| &base.node) {
                Some(Node::File(base)) => Some(base),
                _ => None,
            };
            NodeState::File(save_content(content, base, chunks))
        }
        Node::Directory(directory) => NodeState::Directory(directory.save()),
        Node::Symlink(target) => NodeState::Symlink(target.to_string()),
        Node::Device(device) => NodeState::Device((*device).into()),
    };
    let Inode { mode, links, accessed_ns, modified_ns, changed_ns, .. } = *inode;
    InodeState { id, mode, links, accessed_ns, modified_ns, changed_ns, node }
}

fn save_content(content: &Content, base: Option<&Content>, chunks: &mut dyn ChunkWriter) -> ContentState {
    let (blob, counts) = content.blob();
    // A blob of the image is only ever cut off, so it is still part of the base's. It is compared only if the base is not
    // the very image that the sandbox began as, but one like it.
    let is_part =
        |whole: &Bytes| whole.get(..blob.len()).is_some_and(|part| part.as_ptr() == blob.as_ptr() || part == &**blob);
    if !counts && base.is_some_and(|base| is_part(base.blob().0)) {
        let saved = content.chunks().map(|(at, chunk)| (at, chunks.put(chunk.id(), chunk.lend()))).collect();
        return ContentState { len: content.len(), base_len: blob.len() as u64, chunks: saved };
    }
    let mut written = content.chunks().peekable();
    let mut saved = Vec::new();
    for (at, (id, part)) in (0..).zip(content.blob_parts()) {
        match written.next_if(|(written, _)| *written == at) {
            Some((_, chunk)) => saved.push((at, chunks.put(chunk.id(), chunk.lend()))),
            None => saved.push((at, chunks.put(id, part))),
        }
    }
    saved.extend(written.map(|(at, chunk)| (at, chunks.put(chunk.id(), chunk.lend()))));
    ContentState { len: content.len(), base_len: 0, chunks: saved }
}

/// Returns the hash of everything in an image but its times.
fn digest(tree: &Tree) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key("stillbox image v1");
    let mut number = |number: u64| {
        hasher.update(&number.to_le_bytes());
    };
    number(tree.next);
    for (id, inode) in tree.inodes() {
        for value in [id.0, inode.mode.into(), inode.links.into()] {
            number(value);
        }
        digest_node(&inode.node, &mut number);
    }
    *hasher.finalize().as_bytes()
}

fn digest_node(node: &Node, number: &mut impl FnMut(u64)) {
    // Everything goes in as numbers; text by its hash, so that no two trees look alike.
    let mut words = |id: ChunkId| {
        id.0.chunks_exact(8).for_each(|word| number(u64::from_le_bytes(std::array::from_fn(|at| word[at]))))
    };
    match node {
        Node::File(content) => {
            for (id, _) in content.blob_parts() {
                words(id);
            }
            for (at, chunk) in content.chunks() {
                words(chunk.id());
                words(ChunkId::of(&at.to_le_bytes()));
            }
            [1, content.len()].into_iter().for_each(number);
        }
        Node::Directory(directory) => {
            let state = directory.save();
            for entry in &state.entries {
                words(ChunkId::of(entry.name.as_bytes()));
                words(ChunkId::of(&[entry.id.to_le_bytes(), entry.inode.to_le_bytes()].concat()));
            }
            [2, state.parent, state.next_entry, state.entries.len() as u64].into_iter().for_each(number);
        }
        Node::Symlink(target) => {
            words(ChunkId::of(target.as_bytes()));
            number(3);
        }
        Node::Device(device) => [4, DeviceState::from(*device) as u64].into_iter().for_each(number),
    }
}

impl From<InodeId> for u64 {
    fn from(id: InodeId) -> Self {
        id.0
    }
}
