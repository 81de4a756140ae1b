//! What has to hold of a tree from elsewhere before anything relies on it.

use std::collections::HashMap;

use super::load::LoadTreeError;
use super::{InodeState, NodeState};
use crate::chunk::ChunkReader;
use crate::fs::inode::{InodeId, Node};
use crate::fs::quota::{Quota, Usage};
use crate::fs::tree::{MOST_LINKS, Tree};

/// Numbers beyond this would let a counter run over. A sandbox that makes a thousand inodes each microsecond gets there in a
/// hundred years.
const LARGEST_NUMBER: u64 = 1 << 62;

/// Checks that inodes come in the order of their numbers, each once and all below `next`.
pub(super) fn numbers(inodes: &[InodeState], next: u64) -> Result<(), LoadTreeError> {
    if next > LARGEST_NUMBER {
        return Err(InodeId(next).error("is too large a number"));
    }
    let mut least = 1;
    for inode in inodes {
        if inode.id < least || inode.id >= next {
            return Err(InodeId(inode.id).error("is out of order"));
        }
        least = inode.id + 1;
    }
    Ok(())
}

/// Checks what an inode says of itself.
pub(super) fn attributes(inode: &InodeState) -> Result<(), LoadTreeError> {
    let id = InodeId(inode.id);
    if inode.mode & !0o7777 != 0 {
        return Err(id.error("has more than permission bits"));
    }
    if inode.links > MOST_LINKS {
        return Err(id.error("has more names than it may"));
    }
    Ok(())
}

/// Checks how much the chunks of files hold together, before any of them is read.
pub(super) fn bytes(
    inodes: &[InodeState],
    chunks: &dyn ChunkReader,
    (bytes_max, pieces_max): (u64, u64),
    limit: &'static str,
) -> Result<(), LoadTreeError> {
    let (mut total, mut pieces): (u64, u64) = (0, 0);
    for inode in inodes {
        let NodeState::File(content) = &inode.node else { continue };
        for (_, chunk) in &content.chunks {
            total = total.saturating_add(chunks.len(*chunk)?.into());
        }
        pieces += content.chunks.len() as u64;
        if total > bytes_max || pieces > pieces_max {
            return Err(LoadTreeError::Quota { limit });
        }
    }
    Ok(())
}

/// Checks that the inodes are one tree: everything with a name is reached from the root by as many names as it says, a
/// directory by one, and what has no name has no entries either.
pub(super) fn structure(tree: &Tree) -> Result<(), LoadTreeError> {
    let next = tree.next;
    if tree.inodes().any(|(id, _)| id.0 >= next) {
        return Err(InodeId(next).error("is not a free number"));
    }
    let root = tree.directory(Tree::ROOT).map_err(|_| Tree::ROOT.error("is not a root directory"))?;
    if root.parent != Tree::ROOT {
        return Err(Tree::ROOT.error("is not its own parent"));
    }
    // The root is the one directory whose name is in no directory.
    let mut names: HashMap<InodeId, u32, foldhash::fast::RandomState> = HashMap::default();
    names.insert(Tree::ROOT, 1);
    let mut to_visit = vec![Tree::ROOT];
    while let Some(id) = to_visit.pop() {
        let directory = tree.directory(id).map_err(|_| id.error("is no directory"))?;
        for entry in directory.iter() {
            let inode = tree.get(entry.inode).map_err(|_| id.error("has an entry for an inode that is not there"))?;
            let count = names.entry(entry.inode).or_insert(0);
            *count += 1;
            if let Node::Directory(child) = &inode.node {
                // One name each, so no directory is visited twice and the walk ends, whatever leads where.
                if *count > 1 {
                    return Err(entry.inode.error("is a directory with two names"));
                }
                if child.parent != id {
                    return Err(entry.inode.error("is a directory that names another one as its parent"));
                }
                to_visit.push(entry.inode);
            }
        }
    }
    for (id, inode) in tree.inodes() {
        if inode.links != names.get(&id).copied().unwrap_or(0) {
            return Err(id.error("does not have as many names as it says"));
        }
        if inode.links == 0 && matches!(&inode.node, Node::Directory(directory) if !directory.is_empty()) {
            return Err(id.error("is a removed directory that is not empty"));
        }
    }
    Ok(())
}

/// Counts what a tree holds beyond its image, and checks that it may.
pub(super) fn usage(tree: &Tree, quota: &Quota) -> Result<Usage, LoadTreeError> {
    let mut usage = Usage::default();
    for (_, inode) in tree.inodes() {
        let cost = inode.cost();
        usage = Usage {
            bytes: usage.bytes.saturating_add(cost.bytes),
            inodes: usage.inodes.saturating_add(cost.inodes),
            pieces: usage.pieces.saturating_add(cost.pieces),
        };
    }
    if usage.bytes > quota.bytes {
        return Err(LoadTreeError::Quota { limit: "bytes" });
    }
    if usage.inodes > quota.inodes {
        return Err(LoadTreeError::Quota { limit: "inodes" });
    }
    Ok(usage)
}
