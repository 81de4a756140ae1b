//! File metadata as `stat(2)` has it. std on WASI shows neither modes nor inode numbers on a stable compiler, so this
//! asks libc for the numbers and the process ABI for the mode.

use std::io;

/// A point in time: seconds and nanoseconds since 1970.
pub type Stamp = (i64, i64);

/// What `stat(2)` tells of a file.
#[derive(Debug, Clone, Copy)]
pub struct Stat {
    /// Type and permission bits.
    pub mode: u32,
    /// The device, which with `inode` identifies the file.
    pub device: u64,
    /// The inode number.
    pub inode: u64,
    /// How many names the file has.
    pub links: u64,
    /// The owner.
    pub user: u32,
    /// The group.
    pub group: u32,
    /// The length in bytes.
    pub size: u64,
    /// The space it takes, in units of 512 bytes.
    pub blocks: u64,
    /// The unit in which space is given out, in bytes.
    pub block_size: u64,
    /// The device that a device file stands for.
    pub represents: u64,
    /// The last read.
    pub accessed: Stamp,
    /// The last change of the content.
    pub modified: Stamp,
    /// The last change of the file's metadata.
    pub changed: Stamp,
    /// The creation, where the file system keeps it.
    pub born: Option<Stamp>,
}

impl Stat {
    /// Returns whether it is a directory.
    pub fn is_dir(&self) -> bool {
        self.mode & 0o170000 == 0o040000
    }

    /// Returns whether it is a symbolic link.
    pub fn is_symlink(&self) -> bool {
        self.mode & 0o170000 == 0o120000
    }

    /// Returns whether it is a regular file.
    pub fn is_file(&self) -> bool {
        self.mode & 0o170000 == 0o100000
    }
}

/// Returns the metadata of `path`, or of what it points to when it is a symbolic link.
///
/// # Errors
/// Those of `stat(2)`.
pub fn stat(path: &str) -> io::Result<Stat> {
    read(path, true)
}

/// Returns the metadata of `path` itself, even if it is a symbolic link.
///
/// # Errors
/// Those of `lstat(2)`.
pub fn lstat(path: &str) -> io::Result<Stat> {
    read(path, false)
}

#[cfg(unix)]
fn read(path: &str, follow: bool) -> io::Result<Stat> {
    use std::os::unix::fs::MetadataExt;
    use std::time::UNIX_EPOCH;
    let meta = if follow { std::fs::metadata(path)? } else { std::fs::symlink_metadata(path)? };
    let born = meta.created().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    Ok(Stat {
        mode: meta.mode(),
        device: meta.dev(),
        inode: meta.ino(),
        links: meta.nlink(),
        user: meta.uid(),
        group: meta.gid(),
        size: meta.size(),
        blocks: meta.blocks(),
        block_size: meta.blksize(),
        represents: meta.rdev(),
        accessed: (meta.atime(), meta.atime_nsec()),
        modified: (meta.mtime(), meta.mtime_nsec()),
        changed: (meta.ctime(), meta.ctime_nsec()),
        born: born.map(|time| (time.as_secs() as i64, i64::from(time.subsec_nanos()))),
    })
}

#[cfg(not(unix))]
fn read(path: &str, follow: bool) -> io::Result<Stat> {
    use std::ffi::CString;
    use std::mem::MaybeUninit;
    let c_path = CString::new(path).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    let mut raw = MaybeUninit::<libc::stat>::zeroed();
    let flags = if follow { 0 } else { libc::AT_SYMLINK_NOFOLLOW };
    // SAFETY: the path ends in NUL and `raw` has room for one `stat`.
    if unsafe { libc::fstatat(libc::AT_FDCWD, c_path.as_ptr(), raw.as_mut_ptr(), flags) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: zeroed memory is a valid `stat`, and the call has filled it.
    let raw = unsafe { raw.assume_init() };
    let size = raw.st_size as u64;
    Ok(Stat {
        mode: stillbox_sys::mode(path, follow)?,
        device: raw.st_dev,
        inode: raw.st_ino,
        links: raw.st_nlink,
        user: 0,
        group: 0,
        size,
        // The file system counts bytes; WASI has no field for blocks.
        blocks: size.div_ceil(4096) * 8,
        block_size: 4096,
        represents: 0,
        accessed: (raw.st_atim.tv_sec as i64, raw.st_atim.tv_nsec as i64),
        modified: (raw.st_mtim.tv_sec as i64, raw.st_mtim.tv_nsec as i64),
        changed: (raw.st_ctim.tv_sec as i64, raw.st_ctim.tv_nsec as i64),
        born: None,
    })
}

/// Makes a symbolic link at `link` that says `target`.
///
/// # Errors
/// Those of `symlink(2)`.
pub fn symlink(target: &str, link: &str) -> io::Result<()> {
    #[cfg(unix)]
    return std::os::unix::fs::symlink(target, link);
    #[cfg(not(unix))]
    {
        let invalid = |_| io::Error::from(io::ErrorKind::InvalidInput);
        let target = std::ffi::CString::new(target).map_err(invalid)?;
        let link = std::ffi::CString::new(link).map_err(invalid)?;
        // SAFETY: both texts end in NUL.
        if unsafe { libc::symlink(target.as_ptr(), link.as_ptr()) } != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(())
    }
}

/// Sets the time of the last change of a file's content, and of its last read.
///
/// # Errors
/// Those of opening the file and of setting its times.
pub fn set_modified(path: &str, seconds: i64) -> io::Result<()> {
    use std::time::{Duration, UNIX_EPOCH};
    let time = UNIX_EPOCH + Duration::from_secs(seconds.max(0) as u64);
    std::fs::File::open(path)?.set_times(std::fs::FileTimes::new().set_modified(time).set_accessed(time))
}
