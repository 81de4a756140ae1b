//! How much a sandbox may keep in its files, and how much it does.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::Errno;

/// What one piece of a sparse file takes of the host's memory beside its bytes, at most. Pieces that are as good as empty
/// must not take more than the bytes that files may have.
const PIECE_BYTES: u64 = 1024;

/// The bounds of one file system. Past one, an operation fails with the errno named here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Bytes of content held beyond the image: written chunks and symlink targets. Holes are free. `NOSPC`.
    pub bytes: u64,
    /// Inodes beyond the image. As on tmpfs, each further hard link costs one too. `NOSPC`.
    pub inodes: u64,
    /// The size of one file in bytes, holes included. `FBIG`.
    pub file_bytes: u64,
    /// The length of a path in bytes, with the NUL that ends it in C. `NAMETOOLONG`.
    pub path_bytes: usize,
}

impl Quota {
    /// Returns how many pieces contents may be in before nothing more can be written.
    pub(crate) fn pieces_max(&self) -> u64 {
        // Each file has one for nothing, so that small files don't count as sparse ones.
        (self.bytes / PIECE_BYTES).saturating_add(self.inodes)
    }
}

impl Default for Quota {
    fn default() -> Self {
        Self { bytes: 1 << 30, inodes: 1 << 20, file_bytes: 1 << 40, path_bytes: 4096 }
    }
}

/// A quota that can be changed while the file system is in use. A change holds for what comes after it.
pub(crate) struct SharedQuota {
    bytes: AtomicU64,
    inodes: AtomicU64,
    file_bytes: AtomicU64,
    path_bytes: AtomicUsize,
}

impl SharedQuota {
    pub fn new(quota: Quota) -> Self {
        let Quota { bytes, inodes, file_bytes, path_bytes } = quota;
        Self {
            bytes: bytes.into(),
            inodes: inodes.into(),
            file_bytes: file_bytes.into(),
            path_bytes: path_bytes.into(),
        }
    }

    pub fn get(&self) -> Quota {
        Quota {
            bytes: self.bytes.load(Ordering::Relaxed),
            inodes: self.inodes.load(Ordering::Relaxed),
            file_bytes: self.file_bytes.load(Ordering::Relaxed),
            path_bytes: self.path_bytes.load(Ordering::Relaxed),
        }
    }

    pub fn set(&self, quota: Quota) {
        self.bytes.store(quota.bytes, Ordering::Relaxed);
        self.inodes.store(quota.inodes, Ordering::Relaxed);
        self.file_bytes.store(quota.file_bytes, Ordering::Relaxed);
        self.path_bytes.store(quota.path_bytes, Ordering::Relaxed);
    }
}

/// What the tree holds beyond its image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes of content, those of files that are unlinked but still open included.
    pub bytes: u64,
    /// Inodes, and hard links beyond the first.
    pub inodes: u64,
    /// The pieces that contents are in: one for each 64 KiB that anything was written to.
    pub pieces: u64,
}

impl Usage {
    /// Returns the bytes that may still be written: none when there are too many pieces.
    pub(crate) fn bytes_left(&self, quota: &Quota) -> u64 {
        if self.pieces < quota.pieces_max() { quota.bytes.saturating_sub(self.bytes) } else { 0 }
    }

    /// Checks that one more inode may be made.
    pub(crate) fn check_inode(&self, quota: &Quota) -> Result<(), Errno> {
        if self.inodes < quota.inodes { Ok(()) } else { Err(Errno::Nospc) }
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.bytes += other.bytes;
        self.inodes += other.inodes;
        self.pieces += other.pieces;
    }

    pub(crate) fn subtract(&mut self, other: Self) {
        self.bytes -= other.bytes;
        self.inodes -= other.inodes;
        self.pieces -= other.pieces;
    }
}

/// The numbers of `df`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpaceInfo {
    /// Bytes that the file system may hold.
    pub bytes_total: u64,
    /// Bytes that it holds.
    pub bytes_used: u64,
    /// Inodes that it may have.
    pub inodes_total: u64,
    /// Inodes that it has.
    pub inodes_used: u64,
}
