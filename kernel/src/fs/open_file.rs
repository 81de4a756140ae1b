//! Handles of open files.

use std::sync::Arc;

use bytes::Bytes;
use cap_fs_ext::MetadataExt as _;
use cap_std::fs::File;

use super::filesystem::{Pin, Shared};
use super::foreign::{ForeignNode, ForeignPath};
use super::inode::{InodeId, SetTime, Stat};
use super::mount;
use super::persist::NotSavable;
use crate::Errno;

/// What a handle was opened for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// Reading; otherwise reading is `BADF`.
    pub read: bool,
    /// Writing; otherwise writing is `BADF`.
    pub write: bool,
}

/// A handle of an open regular file, which keeps the file alive when its last name is removed.
///
/// All I/O is positional. The position, and whether writes append, belong to the open file description that the layer
/// above shares among descriptors. Clones are the same handle.
#[derive(Clone)]
pub struct OpenFile(Arc<Handle>);

struct Handle {
    source: FileSource,
    access: Access,
}

enum FileSource {
    Tree(Pin),
    Host {
        file: File,
        path: ForeignPath,
        shared: Arc<Shared>,
    },
    /// What a dynamic directory gave when it was opened.
    Fixed {
        content: Bytes,
        content_id: u64,
        stat: Stat,
    },
}

impl OpenFile {
    pub(crate) fn in_tree(pin: Pin, access: Access) -> Self {
        Self(Arc::new(Handle { source: FileSource::Tree(pin), access }))
    }

    pub(crate) fn on_host(file: File, path: &ForeignPath, shared: &Arc<Shared>, access: Access) -> Self {
        let (path, shared) = (path.clone(), Arc::clone(shared));
        Self(Arc::new(Handle { source: FileSource::Host { file, path, shared }, access }))
    }

    pub(crate) fn fixed(content: Bytes, stat: Stat, access: Access) -> Self {
        let content_id = super::content::new_id();
        Self(Arc::new(Handle { source: FileSource::Fixed { content, content_id, stat }, access }))
    }

    /// Returns what the handle was opened for.
    pub fn access(&self) -> Access {
        self.0.access
    }

    /// Tells whether the handle is a descriptor of the host's, as that of a file in a host's directory is.
    pub fn is_on_host(&self) -> bool {
        matches!(self.0.source, FileSource::Host { .. })
    }

    /// Returns how many bytes the handle makes the host hold: the content that a dynamic directory gave.
    pub fn held_bytes(&self) -> u64 {
        match &self.0.source {
            FileSource::Fixed { content, .. } => content.len() as u64,
            _ => 0,
        }
    }

    /// Returns the inode in the sandbox's tree, or `None` for a file of a mount.
    pub fn inode(&self) -> Option<InodeId> {
        match &self.0.source {
            FileSource::Tree(pin) => Some(pin.id),
            _ => None,
        }
    }

    /// Reads at an offset, and returns how much; less than `buffer` only at the end of the file.
    ///
    /// # Errors
    /// `BADF` when not open for reading.
    pub fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Errno> {
        if !self.0.access.read {
            return Err(Errno::Badf);
        }
        match &self.0.source {
            FileSource::Tree(pin) => Ok(pin.shared.state.read().tree.content(pin.id)?.read(offset, buffer)),
            FileSource::Host { file, .. } => mount::read_at(file, offset, buffer),
            FileSource::Fixed { content, .. } => {
                let start = usize::try_from(offset).unwrap_or(usize::MAX).min(content.len());
                let size = buffer.len().min(content.len() - start);
                buffer[..size].copy_from_slice(&content[start..start + size]);
                Ok(size)
            }
        }
    }

    /// Writes at an offset, and returns how much went in: less than `data` when the quota or the size limit was reached
    /// on the way. Writing past the end leaves a hole.
    ///
    /// # Errors
    /// `BADF` when not open for writing; `NOSPC` or `FBIG` when not a byte fits.
    pub fn write_at(&self, offset: u64, data: &[u8]) -> Result<usize, Errno> {
        match self.writable()? {
            FileSource::Tree(pin) => {
                let (now, quota) = (pin.shared.clock.wall_ns(), &pin.shared.quota.get());
                pin.shared.state.write().tree.write(pin.id, offset, data, now, quota)
            }
            FileSource::Host { file, .. } => mount::write_at(file, offset, data),
            FileSource::Fixed { .. } => Err(Errno::Perm),
        }
    }

    /// Writes at the end, wherever that is by now, and returns the offset and how much went in.
    ///
    /// # Errors
    /// As [`write_at`](Self::write_at).
    pub fn append(&self, data: &[u8]) -> Result<(u64, usize), Errno> {
        match self.writable()? {
            FileSource::Tree(pin) => {
                let (now, quota) = (pin.shared.clock.wall_ns(), &pin.shared.quota.get());
                pin.shared.state.write().tree.append(pin.id, data, now, quota)
            }
            FileSource::Host { file, .. } => {
                let end = file.metadata().map_err(mount::errno)?.len();
                Ok((end, mount::write_at(file, end, data)?))
            }
            FileSource::Fixed { .. } => Err(Errno::Perm),
        }
    }

    /// Cuts the file off, or lengthens it with a hole.
    ///
    /// # Errors
    /// `INVAL` when not open for writing, `FBIG` past the size limit.
    pub fn set_len(&self, len: u64) -> Result<(), Errno> {
        match self.writable().map_err(|_| Errno::Inval)? {
            FileSource::Tree(pin) => {
                let (now, quota) = (pin.shared.clock.wall_ns(), &pin.shared.quota.get());
                pin.shared.state.write().tree.set_len(pin.id, len, now, quota)
            }
            FileSource::Host { file, .. } => file.set_len(len).map_err(mount::errno),
            FileSource::Fixed { .. } => Err(Errno::Perm),
        }
    }

    /// Makes sure that writing `offset..offset + len` needs no more space, and that the file reaches to its end.
    ///
    /// # Errors
    /// `BADF` when not open for writing, `NOSPC`, `FBIG`, `INVAL` when `len` is 0; `NOTSUP` on a file of the host.
    pub fn allocate(&self, offset: u64, len: u64) -> Result<(), Errno> {
        match self.writable()? {
            FileSource::Tree(pin) => {
                let (now, quota) = (pin.shared.clock.wall_ns(), &pin.shared.quota.get());
                pin.shared.state.write().tree.allocate(pin.id, offset, len, now, quota)
            }
            FileSource::Host { .. } => Err(Errno::Notsup),
            FileSource::Fixed { .. } => Err(Errno::Perm),
        }
    }

    /// Returns what `fstat` says.
    ///
    /// # Errors
    /// What the host says of a file of its own.
    pub fn stat(&self) -> Result<Stat, Errno> {
        match &self.0.source {
            FileSource::Tree(pin) => Ok(pin.shared.state.read().tree.get(pin.id)?.stat(pin.id)),
            FileSource::Host { file, path, .. } => {
                let metadata = file.metadata().map_err(mount::errno)?;
                Ok(path.host()?.stat(&metadata))
            }
            FileSource::Fixed { stat, .. } => Ok(*stat),
        }
    }

    /// Returns the size in bytes.
    ///
    /// # Errors
    /// What the host says of a file of its own.
    pub fn size(&self) -> Result<u64, Errno> {
        match &self.0.source {
            FileSource::Tree(pin) => Ok(pin.shared.state.read().tree.content(pin.id)?.len()),
            FileSource::Host { file, .. } => Ok(file.metadata().map_err(mount::errno)?.len()),
            FileSource::Fixed { content, .. } => Ok(content.len() as u64),
        }
    }

    /// Sets the times.
    ///
    /// # Errors
    /// `ROFS` on a mount that is read-only, `PERM` on a dynamic file.
    pub fn set_times(&self, accessed: SetTime, modified: SetTime) -> Result<(), Errno> {
        match &self.0.source {
            FileSource::Tree(pin) => {
                let now = pin.shared.clock.wall_ns();
                pin.shared.state.write().tree.set_times(pin.id, accessed, modified, now)
            }
            FileSource::Host { file, path, shared } => {
                path.host()?.check_writable()?;
                mount::set_file_times(file, accessed, modified, shared.clock.wall_ns())
            }
            FileSource::Fixed { .. } => Err(Errno::Perm),
        }
    }

    /// Sets the permission bits.
    ///
    /// # Errors
    /// As [`set_times`](Self::set_times).
    pub fn set_mode(&self, mode: u32) -> Result<(), Errno> {
        match &self.0.source {
            FileSource::Tree(pin) => {
                let now = pin.shared.clock.wall_ns();
                pin.shared.state.write().tree.set_mode(pin.id, mode, now)
            }
            FileSource::Host { file, path, .. } => {
                path.host()?.check_writable()?;
                mount::set_file_mode(file, mode)
            }
            FileSource::Fixed { .. } => Err(Errno::Perm),
        }
    }

    /// Makes a host's file durable; the sandbox's own files live in memory, so there is nothing to do for them.
    ///
    /// # Errors
    /// What the host says.
    pub fn sync(&self) -> Result<(), Errno> {
        match &self.0.source {
            FileSource::Host { file, .. } if self.0.access.write => file.sync_all().map_err(mount::errno),
            _ => Ok(()),
        }
    }

    /// Returns a number that changes whenever the content does, and that nothing else in this process has.
    ///
    /// Branches that share the content share the number. Of a host's file it is as good as the host's times are.
    ///
    /// # Errors
    /// What the host says of a file of its own.
    pub fn content_id(&self) -> Result<u64, Errno> {
        match &self.0.source {
            FileSource::Tree(pin) => Ok(pin.shared.state.read().tree.content(pin.id)?.id()),
            FileSource::Host { file, path, .. } => path.host()?.content_id(file),
            FileSource::Fixed { content_id, .. } => Ok(*content_id),
        }
    }

    /// Returns the whole content; not copied where it is in one piece, as files of an image and small files are.
    ///
    /// # Errors
    /// `FBIG` past 4 GiB; what the host says of a file of its own.
    pub fn contents(&self) -> Result<Bytes, Errno> {
        match &self.0.source {
            FileSource::Tree(pin) => pin.shared.state.read().tree.content(pin.id)?.whole(),
            FileSource::Host { file, .. } => mount::whole(file),
            FileSource::Fixed { content, .. } => Ok(content.clone()),
        }
    }

    /// Returns the content id and the whole content of one moment, for caching what is made from the content.
    ///
    /// # Errors
    /// As [`contents`](Self::contents); `AGAIN` when a host's file keeps changing.
    pub fn identified_contents(&self) -> Result<(u64, Bytes), Errno> {
        if let FileSource::Tree(pin) = &self.0.source {
            let state = pin.shared.state.read();
            let content = state.tree.content(pin.id)?;
            return Ok((content.id(), content.whole()?));
        }
        for _ in 0..10 {
            let (before, contents) = (self.content_id()?, self.contents()?);
            if self.content_id()? == before {
                return Ok((before, contents));
            }
        }
        Err(Errno::Again)
    }

    /// Returns the path at which a file of a mount was opened, or `None` for another file.
    ///
    /// # Errors
    /// When another file, or none, is there by now.
    pub(crate) fn mounted_path(&self) -> Result<Option<String>, NotSavable> {
        let FileSource::Host { file, path, .. } = &self.0.source else { return Ok(None) };
        let there = match path.node(0) {
            Ok(Some(ForeignNode::Host(metadata))) => Some((metadata.dev(), metadata.ino())),
            _ => None,
        };
        let open = file.metadata().ok().map(|metadata| (metadata.dev(), metadata.ino()));
        if open.is_none() || open != there {
            let reason = "it is not where it was opened any more, and what a mount holds is not saved";
            return Err(NotSavable { what: path.guest_path(), reason });
        }
        Ok(Some(path.guest_path()))
    }

    fn writable(&self) -> Result<&FileSource, Errno> {
        if self.0.access.write { Ok(&self.0.source) } else { Err(Errno::Badf) }
    }
}
