//! What processes have open.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::Errno;
use crate::chunk::{ChunkError, ChunkId, ChunkReader, ChunkRef, ChunkWriter};
use crate::fs::content::CHUNK;
use crate::fs::inode::{FileType, InodeId, Stat};
use crate::fs::{Access, At, FileSystem, OpenDir, OpenFile, OpenOptions};

/// An open file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OpenFileState {
    /// A file of the tree, which may have no name any more.
    Tree {
        /// Its number.
        inode: u64,
        /// Whether it can be read.
        read: bool,
        /// Whether it can be written.
        write: bool,
    },
    /// A file of a mount: opened again by its path. What the file holds is the host's, and no part of a checkpoint.
    Mount {
        /// Where it is in the sandbox.
        path: String,
        /// Whether it can be read.
        read: bool,
        /// Whether it can be written.
        write: bool,
    },
    /// A file that was made when it was opened, as those of `/proc` are.
    Fixed {
        /// What it holds.
        content: Vec<ChunkRef>,
        /// What is said of it.
        stat: StatState,
        /// Whether it can be read.
        read: bool,
    },
}

/// What is said of a file that was made when it was opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatState {
    /// The number of its file system.
    pub device: u64,
    /// Its number.
    pub inode: u64,
    /// The permission bits.
    pub mode: u32,
    /// When it was made, in nanoseconds since the Unix epoch.
    pub made_ns: u64,
}

/// An open directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OpenDirState {
    /// A directory of the tree, which may have been removed.
    Tree {
        /// Its number.
        inode: u64,
    },
    /// A directory of a mount or of `/proc`: opened again by its path.
    Mount {
        /// Where it is in the sandbox.
        path: String,
        /// The process that opened it, which is who `/proc/self` means.
        caller: u32,
    },
}

/// Something that is open can't be saved.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {reason}")]
pub struct NotSavable {
    /// What it is.
    pub what: String,
    /// Why it can't be saved.
    pub reason: &'static str,
}

/// Something that was open can't be opened again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadOpenError {
    /// There is no such inode, or it is of another kind.
    #[error("inode {inode} cannot be opened again: {errno}")]
    Inode {
        /// Its number.
        inode: u64,
        /// What opening it says.
        errno: Errno,
    },
    /// It is not in the mount any more, or the mount is not there.
    #[error("{path:?} cannot be opened again: {errno}")]
    Path {
        /// Where it was.
        path: String,
        /// What opening it says.
        errno: Errno,
    },
    /// What it held could not be had.
    #[error("the content of an open file cannot be read")]
    Chunk(#[from] ChunkError),
}

/// The most that a file which was made when it was opened may hold, in bytes.
const FIXED_BYTES_MAX: u64 = 16 << 20;

impl OpenFile {
    /// Saves the handle. The position in the file is not part of it.
    ///
    /// # Errors
    /// For a file of a mount that is not where it was opened any more.
    pub fn save(&self, chunks: &mut dyn ChunkWriter) -> Result<OpenFileState, NotSavable> {
        let Access { read, write } = self.access();
        if let Some(inode) = self.inode() {
            return Ok(OpenFileState::Tree { inode: inode.0, read, write });
        }
        if let Some(path) = self.mounted_path()? {
            return Ok(OpenFileState::Mount { path, read, write });
        }
        let failed = |reason| NotSavable { what: "a file of /proc".to_owned(), reason };
        let content = self.contents().map_err(|_| failed("it cannot be read"))?;
        if content.len() as u64 > FIXED_BYTES_MAX {
            return Err(failed("it is too large"));
        }
        let stat = self.stat().map_err(|_| failed("it cannot be read"))?;
        let parts = content.chunks(CHUNK as usize);
        let content = parts.map(|part| chunks.put(ChunkId::of(part), content.slice_ref(part))).collect();
        let stat = StatState { device: stat.device, inode: stat.inode, mode: stat.mode, made_ns: stat.modified_ns };
        Ok(OpenFileState::Fixed { content, stat, read })
    }
}

impl OpenDir {
    /// Saves the handle. The place in the directory is not part of it.
    pub fn save(&self) -> OpenDirState {
        match (self.inode(), self.mounted_path()) {
            (None, Some((path, caller))) => OpenDirState::Mount { path, caller },
            (inode, _) => OpenDirState::Tree { inode: inode.map_or(0, u64::from) },
        }
    }
}

impl FileSystem {
    /// Opens again what was saved as an open file. Mounts have to be there.
    ///
    /// # Errors
    /// When it is gone, or of another kind: the state may come from anyone.
    pub fn load_file(&self, state: &OpenFileState, chunks: &dyn ChunkReader) -> Result<OpenFile, LoadOpenError> {
        match state {
            OpenFileState::Tree { inode, read, write } => {
                let access = Access { read: *read, write: *write };
                self.reopen_file(InodeId(*inode), access).map_err(|errno| LoadOpenError::Inode { inode: *inode, errno })
            }
            OpenFileState::Mount { path, read, write } => {
                let options = OpenOptions { read: *read, write: *write, follow: false, ..OpenOptions::default() };
                let file = self.open_file(At::HOST, path, &options);
                // What a mount covers is not what was open.
                let file = file.and_then(|file| if file.inode().is_some() { Err(Errno::Noent) } else { Ok(file) });
                file.map_err(|errno| LoadOpenError::Path { path: path.clone(), errno })
            }
            OpenFileState::Fixed { content, stat, read } => {
                let mut bytes = Vec::new();
                for chunk in content {
                    let (_, part) = chunks.get(*chunk)?;
                    if (bytes.len() + part.len()) as u64 > FIXED_BYTES_MAX {
                        return Err(LoadOpenError::Inode { inode: stat.inode, errno: Errno::Fbig });
                    }
                    bytes.extend_from_slice(&part);
                }
                let stat = Stat {
                    device: stat.device,
                    inode: stat.inode,
                    file_type: FileType::Regular,
                    mode: stat.mode & 0o7777,
                    links: 1,
                    size: bytes.len() as u64,
                    accessed_ns: stat.made_ns,
                    modified_ns: stat.made_ns,
                    changed_ns: stat.made_ns,
                };
                Ok(OpenFile::fixed(Bytes::from(bytes), stat, Access { read: *read, write: false }))
            }
        }
    }

    /// Opens again what was saved as an open directory. Mounts have to be there.
    ///
    /// # Errors
    /// As [`load_file`](Self::load_file).
    pub fn load_directory(&self, state: &OpenDirState) -> Result<OpenDir, LoadOpenError> {
        match state {
            OpenDirState::Tree { inode } => {
                self.reopen_directory(InodeId(*inode)).map_err(|errno| LoadOpenError::Inode { inode: *inode, errno })
            }
            OpenDirState::Mount { path, caller } => {
                let at = At { caller: *caller, ..At::HOST };
                let directory = self.open_directory(at, path);
                let directory = directory
                    .and_then(|directory| if directory.inode().is_some() { Err(Errno::Noent) } else { Ok(directory) });
                directory.map_err(|errno| LoadOpenError::Path { path: path.clone(), errno })
            }
        }
    }
}
