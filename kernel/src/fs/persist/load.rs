//! Making a tree of what a checkpoint holds.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::{BaseState, BaseTree, ContentState, InodeState, NodeState, TreeState, check};
use crate::chunk::{ChunkError, ChunkId, ChunkReader};
use crate::fs::chunk::Chunk;
use crate::fs::content::{CHUNK, Content};
use crate::fs::directory::Directory;
use crate::fs::inode::{Inode, InodeId, Node};
use crate::fs::quota::{Quota, Usage};
use crate::fs::radix::Radix;
use crate::fs::tree::Tree;

/// A tree could not be made of what a checkpoint holds.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadTreeError {
    /// The image that the tree began as is needed: it is neither at hand nor in the checkpoint.
    #[error("the image {} is needed", blake3::Hash::from_bytes(*digest).to_hex())]
    MissingBase {
        /// What [`BaseTree::digest`] of the image returns.
        digest: [u8; 32],
    },
    /// The image in the checkpoint is not what it says it is.
    #[error("the image in the checkpoint is not the one that it names")]
    WrongBase,
    /// An inode can't be as the checkpoint has it.
    #[error("inode {inode}: {reason}")]
    Inode {
        /// The inode's number.
        inode: u64,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The tree holds more than it may.
    #[error("the files are past the limit of {limit}")]
    Quota {
        /// Which of the bounds.
        limit: &'static str,
    },
    /// A content could not be had.
    #[error("a file's content cannot be read")]
    Chunk(#[from] ChunkError),
}

impl Tree {
    /// Makes the tree that was saved, and returns it with its image.
    ///
    /// The image is the one of `bases` that the tree began as, or else the one in the checkpoint, which may hold as many
    /// bytes as `base_bytes_max`. Contents are shared with the checkpoint and not read, those of such an image aside.
    ///
    /// The state may come from anyone. What is returned satisfies every invariant of a tree: each inode has as many names as
    /// it says, all that has a name is reached from the root once, and the whole is within `quota`. Work and memory are
    /// bounded by the size of the state and of the base.
    ///
    /// # Errors
    /// [`LoadTreeError`] says what is wrong.
    pub fn load(
        state: &TreeState,
        bases: &[BaseTree],
        base_bytes_max: u64,
        chunks: &dyn ChunkReader,
        quota: &Quota,
    ) -> Result<(Self, BaseTree), LoadTreeError> {
        let base = base(&state.base, bases, base_bytes_max, chunks)?;
        let mut inodes = base.tree.inodes.clone();
        for id in &state.removed {
            if *id == Tree::ROOT.0 || inodes.remove(*id).is_none() {
                return Err(LoadTreeError::Inode { inode: *id, reason: "is said to be removed and was not there" });
            }
        }
        check::numbers(&state.inodes, state.next_inode)?;
        // A file that the host wrote was in one piece, and comes back in several.
        let pieces_max = quota.pieces_max().saturating_mul(2);
        check::bytes(&state.inodes, chunks, (quota.bytes, pieces_max), "bytes")?;
        for inode in &state.inodes {
            let before = base.tree.inodes.get(inode.id).map(|before| &**before);
            inodes.insert(inode.id, Arc::new(load_inode(inode, before, chunks, quota)?));
        }
        let mut tree = assemble(inodes, state.next_inode, &state.inodes)?;
        tree.usage = check::usage(&tree, quota)?;
        Ok((tree, base))
    }
}

fn base(
    state: &BaseState,
    bases: &[BaseTree],
    bytes_max: u64,
    chunks: &dyn ChunkReader,
) -> Result<BaseTree, LoadTreeError> {
    if let Some(base) = bases.iter().find(|base| base.digest == state.digest) {
        return Ok(base.clone());
    }
    let Some(included) = &state.included else { return Err(LoadTreeError::MissingBase { digest: state.digest }) };
    let next = included.last().map_or(0, |inode| inode.id).saturating_add(1);
    check::numbers(included, next)?;
    let pieces_max = bytes_max / CHUNK + included.len() as u64;
    check::bytes(included, chunks, (bytes_max, pieces_max), "the bytes of an image")?;
    let mut inodes = Radix::default();
    for state in included {
        let mut inode = load_inode(state, None, chunks, &UNBOUNDED)?;
        inode.image_links = inode.links;
        if let NodeState::File(content) = &state.node {
            inode.node = Node::File(image_content(state.id, content, chunks)?);
        }
        inodes.insert(state.id, Arc::new(inode));
    }
    let tree = assemble(inodes, next, included)?;
    let base = BaseTree::new(tree);
    if base.digest == state.digest { Ok(base) } else { Err(LoadTreeError::WrongBase) }
}

/// Makes a tree of inodes of which `loaded` are new, and checks that it is one.
fn assemble(inodes: Radix<Arc<Inode>>, next: u64, loaded: &[InodeState]) -> Result<Tree, LoadTreeError> {
    let mut tree = Tree { inodes, next, usage: Usage::default() };
    for state in loaded {
        let NodeState::Directory(directory) = &state.node else { continue };
        let subdirectories = directory.entries.iter().filter(|entry| tree.is_directory(InodeId(entry.inode))).count();
        let inode = tree.inodes.get_mut(state.id).map(Arc::make_mut);
        if let Some(Inode { node: Node::Directory(directory), .. }) = inode {
            directory.set_subdirectories(subdirectories as u64);
        }
    }
    check::structure(&tree)?;
    Ok(tree)
}

/// An image is bounded by what it holds, not by a sandbox's quota.
const UNBOUNDED: Quota =
    Quota { bytes: u64::MAX / 2, inodes: u64::MAX / 2, file_bytes: u64::MAX / 2, path_bytes: 4096 };

fn load_inode(
    state: &InodeState,
    base: Option<&Inode>,
    chunks: &dyn ChunkReader,
    quota: &Quota,
) -> Result<Inode, LoadTreeError> {
    let fail = |reason| LoadTreeError::Inode { inode: state.id, reason };
    check::attributes(state)?;
    let node = match (&state.node, base.map(|base| &base.node)) {
        (NodeState::File(content), None) => Node::File(load_content(state.id, content, None, chunks)?),
        (NodeState::File(content), Some(Node::File(base))) => {
            Node::File(load_content(state.id, content, Some(base), chunks)?)
        }
        (NodeState::Directory(directory), None | Some(Node::Directory(_))) => {
            Node::Directory(Directory::load(directory).map_err(fail)?)
        }
        (NodeState::Symlink(target), None | Some(Node::Symlink(_))) => {
            crate::fs::path::check(target, quota).map_err(|_| fail("is a symlink whose target is no path"))?;
            Node::Symlink(target.as_str().into())
        }
        (NodeState::Device(device), None | Some(Node::Device(_))) => Node::Device((*device).into()),
        _ => return Err(fail("is not the kind of thing that it was in the image")),
    };
    if let Node::File(content) = &node
        && content.len() > quota.file_bytes.max(base_len(base))
    {
        return Err(LoadTreeError::Quota { limit: "the size of a file" });
    }
    let InodeState { mode, links, accessed_ns, modified_ns, changed_ns, .. } = *state;
    let image_links = base.map_or(0, |base| base.image_links);
    Ok(Inode { node, mode, links, image_links, accessed_ns, modified_ns, changed_ns })
}

fn base_len(base: Option<&Inode>) -> u64 {
    match base.map(|base| &base.node) {
        Some(Node::File(content)) => content.len(),
        _ => 0,
    }
}

fn load_content(
    inode: u64,
    state: &ContentState,
    base: Option<&Content>,
    chunks: &dyn ChunkReader,
) -> Result<Content, LoadTreeError> {
    let fail = |reason| LoadTreeError::Inode { inode, reason };
    let base = base.map_or(Bytes::new(), |base| base.blob().0.clone());
    let base_len = usize::try_from(state.base_len).ok().filter(|len| *len <= base.len());
    let blob = base.slice(..base_len.ok_or_else(|| fail("shows more of the image's file than there is"))?);
    let parts = state.chunks.iter().map(|(at, chunk)| {
        let (id, bytes) = chunks.get(*chunk)?;
        Ok((*at, Chunk::shared(bytes, id)))
    });
    let parts: Result<Vec<_>, ChunkError> = parts.collect();
    Content::from_parts(state.len, blob, parts?).map_err(fail)
}

/// Puts a file of an image together, in one piece as images have them.
fn image_content(inode: u64, state: &ContentState, chunks: &dyn ChunkReader) -> Result<Content, LoadTreeError> {
    let fail = || LoadTreeError::Inode { inode, reason: "is a file of an image and not in one piece" };
    let mut parts: Vec<(ChunkId, Bytes)> = Vec::new();
    for (expected, (at, chunk)) in (0..).zip(&state.chunks) {
        let is_whole = parts.last().is_none_or(|(_, before)| before.len() as u64 == CHUNK);
        if *at != expected || !is_whole {
            return Err(fail());
        }
        let (id, part) = chunks.get(*chunk)?;
        if part.len() as u64 > CHUNK {
            return Err(fail());
        }
        parts.push((id, part));
    }
    let len: u64 = parts.iter().map(|(_, part)| part.len() as u64).sum();
    if len > state.len {
        return Err(fail());
    }
    let (ids, parts): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
    let blob = match <[Bytes; 1]>::try_from(parts) {
        Ok([part]) => part,
        Err(parts) => {
            let mut blob = BytesMut::with_capacity(usize::try_from(len).map_err(|_| fail())?);
            parts.iter().for_each(|part| blob.extend_from_slice(part));
            blob.freeze()
        }
    };
    Ok(Content::of_hashed_image(state.len, blob, ids))
}

impl InodeId {
    pub(super) fn error(self, reason: &'static str) -> LoadTreeError {
        LoadTreeError::Inode { inode: self.0, reason }
    }
}
