//! What a directory store asks of a disk. A test can put another in its place: one that forgets what was not synced.

use std::fmt::Debug;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

/// A disk, or what stands in for one. Paths are relative to the store's directory.
pub trait Disk: Debug + Send + Sync {
    /// Makes a directory, and makes its name durable.
    ///
    /// # Errors
    /// What the disk says.
    fn create_directory(&self, path: &str) -> io::Result<()>;

    /// Makes a file that must not be there.
    ///
    /// # Errors
    /// What the disk says.
    fn create(&self, path: &str) -> io::Result<Box<dyn DiskFile>>;

    /// Returns a file's content, which doesn't change any more, and the file if it is one of the host.
    ///
    /// # Errors
    /// What the disk says.
    fn map(&self, path: &str) -> io::Result<(Bytes, Option<Arc<File>>)>;

    /// Gives a file another name, in the place of what had it.
    ///
    /// # Errors
    /// What the disk says.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Gives a file one more name, which must be free.
    ///
    /// # Errors
    /// [`AlreadyExists`](io::ErrorKind::AlreadyExists); what the disk says.
    fn link(&self, from: &str, to: &str) -> io::Result<()>;

    /// Takes a file's name away.
    ///
    /// # Errors
    /// What the disk says.
    fn remove(&self, path: &str) -> io::Result<()>;

    /// Returns the names in a directory.
    ///
    /// # Errors
    /// What the disk says.
    fn list(&self, path: &str) -> io::Result<Vec<String>>;

    /// Makes the names in a directory durable.
    ///
    /// # Errors
    /// What the disk says.
    fn sync_directory(&self, path: &str) -> io::Result<()>;

    /// Waits for the lock of the store, which any number of processes have shared or one has alone, until it is dropped.
    ///
    /// # Errors
    /// What the disk says.
    fn lock(&self, kind: LockKind) -> io::Result<Box<dyn Send>>;
}

/// A new file.
pub trait DiskFile: Write + Send {
    /// Makes the content durable.
    ///
    /// # Errors
    /// What the disk says.
    fn sync(&mut self) -> io::Result<()>;
}

/// How a lock is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockKind {
    /// With others who share it.
    Shared,
    /// Alone.
    Alone,
}

/// A directory of the host.
#[derive(Debug)]
pub(crate) struct HostDirectory {
    root: PathBuf,
}

impl HostDirectory {
    /// Returns a directory, which is made if it isn't there.
    pub(crate) fn open(root: &Path) -> io::Result<Self> {
        if !root.is_dir() {
            fs::create_dir_all(root)?;
            let parent = root.parent().filter(|parent| !parent.as_os_str().is_empty());
            File::open(parent.unwrap_or(Path::new(".")))?.sync_all()?;
        }
        Ok(Self { root: root.to_path_buf() })
    }

    fn at(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }
}

impl Disk for HostDirectory {
    fn create_directory(&self, path: &str) -> io::Result<()> {
        match fs::create_dir(self.at(path)) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        self.sync_directory("")
    }

    fn create(&self, path: &str) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(OpenOptions::new().write(true).create_new(true).open(self.at(path))?))
    }

    fn map(&self, path: &str) -> io::Result<(Bytes, Option<Arc<File>>)> {
        let file = File::open(self.at(path))?;
        if file.metadata()?.len() == 0 {
            return Ok((Bytes::new(), Some(Arc::new(file))));
        }
        // SAFETY: what is in the store's directory under its last name is never written to again, only unlinked, and the
        // directory is the engine's own.
        let map = unsafe { memmap2::Mmap::map(&file)? };
        Ok((Bytes::from_owner(map), Some(Arc::new(file))))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.at(from), self.at(to))
    }

    fn link(&self, from: &str, to: &str) -> io::Result<()> {
        fs::hard_link(self.at(from), self.at(to))
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        fs::remove_file(self.at(path))
    }

    fn list(&self, path: &str) -> io::Result<Vec<String>> {
        let names = fs::read_dir(self.at(path))?.map(|entry| Ok(entry?.file_name().into_string().unwrap_or_default()));
        names.collect()
    }

    fn sync_directory(&self, path: &str) -> io::Result<()> {
        File::open(self.at(path))?.sync_all()
    }

    fn lock(&self, kind: LockKind) -> io::Result<Box<dyn Send>> {
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(self.at("lock"))?;
        match kind {
            LockKind::Shared => file.lock_shared()?,
            LockKind::Alone => file.lock()?,
        }
        Ok(Box::new(file))
    }
}

impl DiskFile for File {
    fn sync(&mut self) -> io::Result<()> {
        self.sync_all()
    }
}
