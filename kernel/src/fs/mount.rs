//! Host directories inside the sandbox: the one door to the host's files.
//!
//! Everything goes through a `cap_std` directory, which the kernel of the host confines: no path and no symlink leads out
//! of it, also when someone changes the directory while it is used. Paths arrive here with their symlinks already resolved
//! by the sandbox's own rules, so an absolute symlink means the sandbox's root, as in a bind mount.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use cap_fs_ext::{DirExt, FollowSymlinks, MetadataExt, OpenOptionsFollowExt, SystemTimeSpec};
use cap_std::fs::{Dir, File, Metadata, OpenOptions, Permissions};
use parking_lot::Mutex;

use super::content;
use super::inode::{FileType, SetTime, Stat};
use crate::Errno;

/// What a sandbox may do in a mounted host directory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MountAccess {
    /// Reading only; anything else is `ROFS`.
    #[default]
    ReadOnly,
    /// Reading and changing.
    ReadWrite,
}

/// Opens a host directory for [`FileSystem::mount_host`](super::FileSystem::mount_host).
///
/// # Errors
/// What the host says.
pub fn open_host_directory(path: &Path) -> io::Result<Dir> {
    Dir::open_ambient_dir(path, cap_std::ambient_authority())
}

/// A mounted host directory. Paths are relative to it, and `""` is itself.
pub(crate) struct HostDirectory {
    dir: Dir,
    access: MountAccess,
    device: u64,
    /// The content ids given so far, by what tells that a file of the host has changed.
    content_ids: Mutex<HashMap<Fingerprint, u64>>,
}

/// How many content ids a mount remembers.
const MOST_CONTENT_IDS: usize = 4096;

type Fingerprint = (u64, u64, u64, Option<SystemTime>);

impl HostDirectory {
    pub fn new(dir: Dir, access: MountAccess, device: u64) -> Self {
        Self { dir, access, device, content_ids: Mutex::default() }
    }

    pub fn metadata(&self, path: &str) -> Result<Metadata, Errno> {
        self.dir.symlink_metadata(dot(path)).map_err(errno)
    }

    pub fn stat(&self, metadata: &Metadata) -> Stat {
        let modified = metadata.modified().ok().map(cap_std::time::SystemTime::into_std);
        let accessed = metadata.accessed().ok().map(cap_std::time::SystemTime::into_std);
        Stat {
            device: self.device,
            inode: metadata.ino(),
            file_type: file_type(metadata),
            mode: mode(metadata),
            links: metadata.nlink(),
            size: metadata.len(),
            accessed_ns: nanos(accessed),
            modified_ns: nanos(modified),
            changed_ns: changed(metadata).unwrap_or_else(|| nanos(modified)),
        }
    }

    pub fn read_link(&self, path: &str) -> Result<String, Errno> {
        let target = self.dir.read_link_contents(path).map_err(errno)?;
        target.into_os_string().into_string().map_err(|_| Errno::Ilseq)
    }

    /// Lists a directory in order of names. Names that are not UTF-8 can't be named by a guest, and are left out.
    pub fn list(&self, path: &str) -> Result<Vec<(String, u64, FileType)>, Errno> {
        let mut entries = Vec::new();
        for entry in self.dir.read_dir(dot(path)).map_err(errno)? {
            let entry = entry.map_err(errno)?;
            // One that vanished meanwhile is not there.
            let Ok(metadata) = entry.metadata() else { continue };
            if let Ok(name) = entry.file_name().into_string() {
                entries.push((name, metadata.ino(), file_type(&metadata)));
            }
        }
        entries.sort();
        Ok(entries)
    }

    /// Opens a regular file, and makes it first if `create` is given its permission bits.
    pub fn open(
        &self,
        path: &str,
        read: bool,
        write: bool,
        truncate: bool,
        create: Option<u32>,
    ) -> Result<File, Errno> {
        if write || truncate || create.is_some() {
            self.check_writable()?;
        }
        let mut options = OpenOptions::new();
        options.read(read || !write).write(write || truncate || create.is_some()).truncate(truncate);
        options.follow(FollowSymlinks::No);
        if let Some(mode) = create {
            options.create_new(true);
            set_mode(&mut options, mode);
        } else if !self.metadata(path)?.is_file() {
            // Opening a pipe or a device of the host could block, or do something.
            return Err(Errno::Nxio);
        }
        self.dir.open_with(path, &options).map_err(errno)
    }

    pub fn create_directory(&self, path: &str, mode: u32) -> Result<(), Errno> {
        self.check_writable()?;
        self.dir.create_dir(path).map_err(errno)?;
        self.set_mode(path, mode)
    }

    pub fn symlink(&self, target: &str, path: &str) -> Result<(), Errno> {
        self.check_writable()?;
        // An absolute target is refused: it would mean the host's root to whoever meets the link there.
        self.dir.symlink(target, path).map_err(errno)
    }

    pub fn remove_file(&self, path: &str) -> Result<(), Errno> {
        self.check_writable()?;
        self.dir.remove_file_or_symlink(path).map_err(errno)
    }

    pub fn remove_directory(&self, path: &str) -> Result<(), Errno> {
        self.check_writable()?;
        self.dir.remove_dir(path).map_err(errno)
    }

    pub fn rename(&self, from: &str, to: &str) -> Result<(), Errno> {
        self.check_writable()?;
        self.dir.rename(from, &self.dir, to).map_err(errno)
    }

    pub fn link(&self, from: &str, to: &str) -> Result<(), Errno> {
        self.check_writable()?;
        self.dir.hard_link(from, &self.dir, to).map_err(errno)
    }

    pub fn set_times(&self, path: &str, accessed: SetTime, modified: SetTime, now: u64) -> Result<(), Errno> {
        self.check_writable()?;
        self.dir.set_symlink_times(dot(path), time_spec(accessed, now), time_spec(modified, now)).map_err(errno)
    }

    pub fn set_mode(&self, path: &str, mode: u32) -> Result<(), Errno> {
        self.check_writable()?;
        let Some(permissions) = permissions(mode) else { return Ok(()) };
        self.dir.set_permissions(dot(path), permissions).map_err(errno)
    }

    /// Returns a number for a file's content as it is now, as far as its identity, length and time of change can tell.
    pub fn content_id(&self, file: &File) -> Result<u64, Errno> {
        let metadata = file.metadata().map_err(errno)?;
        let modified = metadata.modified().ok().map(cap_std::time::SystemTime::into_std);
        let fingerprint = (metadata.dev(), metadata.ino(), metadata.len(), modified);
        let mut ids = self.content_ids.lock();
        if ids.len() >= MOST_CONTENT_IDS {
            // What is forgotten gets a new id, which costs its user a cache miss and nothing else.
            ids.clear();
        }
        Ok(*ids.entry(fingerprint).or_insert_with(content::new_id))
    }

    pub fn check_writable(&self) -> Result<(), Errno> {
        if self.access == MountAccess::ReadWrite { Ok(()) } else { Err(Errno::Rofs) }
    }
}

/// Reads at an offset until the buffer is full or the file ends.
pub(crate) fn read_at(file: &File, offset: u64, buffer: &mut [u8]) -> Result<usize, Errno> {
    let mut done = 0;
    while done < buffer.len() {
        match positional::read(file, offset + done as u64, &mut buffer[done..]) {
            Ok(0) => break,
            Ok(count) => done += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(errno(error)),
        }
    }
    Ok(done)
}

/// Writes at an offset, as much as the host takes.
pub(crate) fn write_at(file: &File, offset: u64, data: &[u8]) -> Result<usize, Errno> {
    loop {
        match positional::write(file, offset, data) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result.map_err(errno),
        }
    }
}

/// Reads a whole file.
pub(crate) fn whole(file: &File) -> Result<Bytes, Errno> {
    let len = file.metadata().map_err(errno)?.len();
    if len > content::LARGEST_WHOLE {
        return Err(Errno::Fbig);
    }
    let mut buffer = vec![0; len as usize];
    let read = read_at(file, 0, &mut buffer)?;
    buffer.truncate(read);
    Ok(buffer.into())
}

/// Sets the times of an open file.
pub(crate) fn set_file_times(file: &File, accessed: SetTime, modified: SetTime, now: u64) -> Result<(), Errno> {
    let mut times = std::fs::FileTimes::new();
    if let Some(time) = system_time(accessed, now) {
        times = times.set_accessed(time);
    }
    if let Some(time) = system_time(modified, now) {
        times = times.set_modified(time);
    }
    let file = file.try_clone().map_err(errno)?.into_std();
    file.set_times(times).map_err(errno)
}

/// Sets the permission bits of an open file.
pub(crate) fn set_file_mode(file: &File, mode: u32) -> Result<(), Errno> {
    let Some(permissions) = permissions(mode) else { return Ok(()) };
    file.set_permissions(permissions).map_err(errno)
}

pub(crate) fn file_type(metadata: &Metadata) -> FileType {
    let file_type = metadata.file_type();
    if file_type.is_dir() {
        FileType::Directory
    } else if file_type.is_symlink() {
        FileType::Symlink
    } else if file_type.is_file() {
        FileType::Regular
    } else {
        FileType::CharacterDevice
    }
}

/// Returns the errno of an error of the host.
pub(crate) fn errno(error: io::Error) -> Errno {
    use io::ErrorKind as Kind;
    match error.kind() {
        Kind::NotFound => Errno::Noent,
        // What `cap_std` says when a path would lead out of the mount is of this kind too.
        Kind::PermissionDenied => Errno::Acces,
        Kind::AlreadyExists => Errno::Exist,
        Kind::NotADirectory => Errno::Notdir,
        Kind::IsADirectory => Errno::Isdir,
        Kind::DirectoryNotEmpty => Errno::Notempty,
        Kind::ReadOnlyFilesystem => Errno::Rofs,
        Kind::StorageFull => Errno::Nospc,
        Kind::QuotaExceeded => Errno::Dquot,
        Kind::FileTooLarge => Errno::Fbig,
        Kind::ResourceBusy => Errno::Busy,
        Kind::ExecutableFileBusy => Errno::Txtbsy,
        Kind::CrossesDevices => Errno::Xdev,
        Kind::TooManyLinks => Errno::Mlink,
        Kind::InvalidFilename => Errno::Nametoolong,
        Kind::InvalidInput => Errno::Inval,
        Kind::Unsupported => Errno::Notsup,
        Kind::OutOfMemory => Errno::Nomem,
        Kind::StaleNetworkFileHandle => Errno::Stale,
        Kind::Interrupted => Errno::Intr,
        _ => Errno::Io,
    }
}

fn dot(path: &str) -> &str {
    if path.is_empty() { "." } else { path }
}

fn nanos(time: Option<SystemTime>) -> u64 {
    let since = time.and_then(|time| time.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

fn system_time(time: SetTime, now: u64) -> Option<SystemTime> {
    let nanos = match time {
        SetTime::Keep => return None,
        SetTime::Now => now,
        SetTime::At(nanos) => nanos,
    };
    Some(UNIX_EPOCH + Duration::from_nanos(nanos))
}

fn time_spec(time: SetTime, now: u64) -> Option<SystemTimeSpec> {
    system_time(time, now).map(|time| SystemTimeSpec::from(cap_std::time::SystemTime::from_std(time)))
}

#[cfg(unix)]
fn mode(metadata: &Metadata) -> u32 {
    cap_std::fs::MetadataExt::mode(metadata) & 0o7777
}

#[cfg(unix)]
fn changed(metadata: &Metadata) -> Option<u64> {
    use cap_std::fs::MetadataExt as _;
    let seconds = u64::try_from(metadata.ctime()).ok()?;
    Some(seconds * 1_000_000_000 + u64::try_from(metadata.ctime_nsec()).ok()?)
}

#[cfg(unix)]
fn set_mode(options: &mut OpenOptions, mode: u32) {
    use cap_std::fs::OpenOptionsExt as _;
    options.mode(mode & 0o777);
}

#[cfg(unix)]
fn permissions(mode: u32) -> Option<Permissions> {
    use cap_std::fs::PermissionsExt as _;
    // The bits that would give a file of the host another user's rights stay the host's business.
    Some(Permissions::from_mode(mode & 0o777))
}

// Where the host has no permission bits, files show plausible ones and changing them does nothing.
#[cfg(not(unix))]
fn mode(metadata: &Metadata) -> u32 {
    if metadata.is_dir() { 0o755 } else { 0o644 }
}

#[cfg(not(unix))]
fn changed(_: &Metadata) -> Option<u64> {
    None
}

#[cfg(not(unix))]
fn set_mode(_: &mut OpenOptions, _: u32) {}

#[cfg(not(unix))]
fn permissions(_: u32) -> Option<Permissions> {
    None
}

#[cfg(unix)]
mod positional {
    use cap_std::fs::{File, FileExt};

    pub fn read(file: &File, offset: u64, buffer: &mut [u8]) -> std::io::Result<usize> {
        file.read_at(buffer, offset)
    }

    pub fn write(file: &File, offset: u64, data: &[u8]) -> std::io::Result<usize> {
        file.write_at(data, offset)
    }
}

#[cfg(windows)]
mod positional {
    use cap_std::fs::{File, FileExt};

    pub fn read(file: &File, offset: u64, buffer: &mut [u8]) -> std::io::Result<usize> {
        file.seek_read(buffer, offset)
    }

    pub fn write(file: &File, offset: u64, data: &[u8]) -> std::io::Result<usize> {
        file.seek_write(data, offset)
    }
}
