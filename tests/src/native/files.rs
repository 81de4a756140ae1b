//! Files of a sandbox: those below its directory.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use bytes::Bytes;
use stillbox::{DirectoryEntry, FileError};

/// Returns the path on the host. The root of the API's paths is the sandbox's directory.
pub(super) fn host_path(root: &Path, path: &str, path_bytes: u32) -> Result<PathBuf, FileError> {
    let invalid = |reason| Err(FileError::InvalidPath { path: path.chars().take(100).collect(), reason });
    if path.is_empty() {
        return invalid("it is empty");
    }
    if path.contains('\0') {
        return invalid("it holds a NUL");
    }
    if path.len() >= path_bytes as usize {
        return invalid("it is too long");
    }
    if path.split('/').any(|component| component == "..") {
        return Err(FileError::PathTraversal { path: path.to_owned() });
    }
    Ok(root.join(path.trim_start_matches('/')))
}

pub(super) fn read(host: &Path, path: &str) -> Result<Bytes, FileError> {
    fs::read(host).map(Bytes::from).map_err(|error| file_error(path, error))
}

pub(super) fn write(host: &Path, path: &str, content: &[u8]) -> Result<(), FileError> {
    let parent = host.parent().unwrap_or(host);
    let made = fs::create_dir_all(parent).map_err(|error| match error.kind() {
        // A file is in the way.
        io::ErrorKind::AlreadyExists => io::ErrorKind::NotADirectory.into(),
        _ => error,
    });
    made.and_then(|()| fs::write(host, content)).map_err(|error| file_error(path, error))
}

pub(super) fn delete(host: &Path, path: &str) -> Result<(), FileError> {
    fs::remove_file(host).map_err(|error| file_error(path, error))
}

pub(super) fn list(host: &Path, path: &str) -> Result<Vec<DirectoryEntry>, FileError> {
    let listed = fs::read_dir(host).and_then(|entries| entries.map(|entry| describe(&entry?)).collect());
    let mut listed: Vec<DirectoryEntry> = listed.map_err(|error| file_error(path, error))?;
    DirectoryEntry::sort(&mut listed);
    Ok(listed)
}

fn describe(entry: &fs::DirEntry) -> io::Result<DirectoryEntry> {
    let metadata = entry.metadata()?;
    let modified = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(DirectoryEntry {
        name: entry.file_name().to_string_lossy().into_owned(),
        is_dir: metadata.is_dir(),
        size: (!metadata.is_dir()).then_some(metadata.len()),
        modified_at_ms: Some(modified.as_millis() as u64),
    })
}

fn file_error(path: &str, error: io::Error) -> FileError {
    let path = path.to_owned();
    match error.kind() {
        io::ErrorKind::NotFound => FileError::NotFound { path },
        io::ErrorKind::IsADirectory => FileError::IsDirectory { path },
        io::ErrorKind::NotADirectory => FileError::NotDirectory { path },
        io::ErrorKind::ReadOnlyFilesystem => FileError::ReadOnly { path },
        io::ErrorKind::StorageFull => FileError::NoSpace { path },
        _ => FileError::Io { path, source: error.into() },
    }
}
