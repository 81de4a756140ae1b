//! What the API does with files.

use std::path::Path;

use bytes::Bytes;
use stillbox_api::{DirectoryEntry, FileError};
use stillbox_kernel::Errno;
use stillbox_kernel::fs::{At, OpenDir};

use crate::offload::offload;
use crate::sandbox::Live;

/// How much of a bad path an error quotes, in bytes.
const QUOTED_BYTES_MAX: usize = 100;

impl Live {
    pub(crate) fn read_file(&self, path: &str) -> Result<Bytes, FileError> {
        self.table.fs.read_file(&self.absolute(path)?).map_err(|errno| error(path, errno))
    }

    pub(crate) fn write_file(&self, path: &str, content: Bytes) -> Result<(), FileError> {
        self.table.fs.write_file(&self.absolute(path)?, content).map_err(|errno| error(path, errno))
    }

    pub(crate) async fn upload_file(&self, host_path: &Path, path: &str) -> Result<(), FileError> {
        self.absolute(path)?;
        let (threads, file) = (&self.table.runtime.threads, host_path.to_owned());
        let content = offload(threads, move || std::fs::read(file)).await.and_then(|content| content);
        let content = content.map_err(|source| FileError::Host { host_path: host_path.to_owned(), source })?;
        self.write_file(path, content.into())
    }

    pub(crate) fn delete_file(&self, path: &str) -> Result<(), FileError> {
        self.table.fs.delete_file(&self.absolute(path)?).map_err(|errno| error(path, errno))
    }

    pub(crate) fn list_directory(&self, path: &str) -> Result<Vec<DirectoryEntry>, FileError> {
        let listed = self.table.fs.list_directory(&self.absolute(path)?).map_err(|errno| error(path, errno))?;
        let entry = |file: stillbox_kernel::fs::ListedFile| DirectoryEntry {
            name: file.name,
            is_dir: file.is_dir,
            size: (!file.is_dir).then_some(file.size),
            modified_at_ms: Some(file.modified_ms),
        };
        Ok(listed.into_iter().map(entry).collect())
    }

    /// Opens a directory for a process to start in. Unlike the paths of files, this one may have `..` in it.
    pub(crate) fn open_dir(&self, path: &str) -> Result<OpenDir, Errno> {
        self.table.fs.open_directory(At::directory(self.cwd.dir(), 0), path)
    }

    /// Returns a path as the file system wants it, which begins at the working directory if it is relative.
    fn absolute(&self, path: &str) -> Result<String, FileError> {
        let invalid = |reason| Err(FileError::InvalidPath { path: quoted(path), reason });
        if path.is_empty() {
            return invalid("it is empty");
        }
        if path.contains('\0') {
            return invalid("it holds a NUL");
        }
        if path.len() >= self.table.limits().path_bytes as usize {
            return invalid("it is too long");
        }
        if path.split('/').any(|component| component == "..") {
            return Err(FileError::PathTraversal { path: quoted(path) });
        }
        if path.starts_with('/') {
            return Ok(path.to_owned());
        }
        let cwd = self.cwd.path().map_err(|errno| error(path, errno))?;
        Ok(format!("{}/{path}", cwd.trim_end_matches('/')))
    }
}

/// Returns the error of the API for what the file system says.
fn error(path: &str, errno: Errno) -> FileError {
    let path = quoted(path);
    match errno {
        Errno::Noent => FileError::NotFound { path },
        Errno::Isdir => FileError::IsDirectory { path },
        Errno::Notdir => FileError::NotDirectory { path },
        Errno::Rofs => FileError::ReadOnly { path },
        Errno::Nospc | Errno::Dquot => FileError::NoSpace { path },
        Errno::Nametoolong => FileError::InvalidPath { path, reason: "it is too long" },
        errno => FileError::Io { path, source: errno.into() },
    }
}

/// Returns a path as an error quotes it.
fn quoted(path: &str) -> String {
    if path.len() <= QUOTED_BYTES_MAX {
        return path.to_owned();
    }
    format!("{}...", &path[..path.floor_char_boundary(QUOTED_BYTES_MAX)])
}
