//! Files as guests handle them: paths below a descriptor, the working directory, and what is said of a file.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use stillbox_kernel::Errno;
use stillbox_kernel::fs::{At, Device, FileSystem, FileType, OpenDir, OpenFile, OpenOptions, Opened, SetTime, Stat};
use wiggle::{GuestMemory, GuestPtr, GuestType as _};

use crate::process::{Guest, Process, Stop};
use crate::wasi::abi::{Result, types};
use crate::wasi::fd_table::{Description, Object};
use crate::wasi::{memory as guest, rights};

/// The permission bits that a guest's new files and directories ask for, before the umask: preview1 has no way to say.
const FILE_MODE: u32 = 0o666;
const DIRECTORY_MODE: u32 = 0o777;

/// The working directory of a process.
#[derive(Clone)]
pub(crate) struct Cwd {
    dir: OpenDir,
}

impl Cwd {
    pub(crate) fn new(dir: OpenDir) -> Self {
        Self { dir }
    }

    /// Returns the directory, which relative paths begin at.
    pub(crate) fn dir(&self) -> &OpenDir {
        &self.dir
    }

    /// Returns the absolute path of the directory.
    ///
    /// # Errors
    ///
    /// [`Errno::Noent`] if it was removed.
    pub(crate) fn path(&self) -> std::result::Result<String, Errno> {
        self.dir.path()
    }

    /// Returns the working directory that a `chdir` leads to.
    pub(crate) fn change(&self, process: &Process, path: &str) -> std::result::Result<Self, Errno> {
        let at = At::directory(&self.dir, process.pid);
        process.table.fs.open_directory(at, path).map(Self::new)
    }
}

/// How a path is to be opened: the arguments of `path_open`.
#[derive(Clone, Copy)]
pub(crate) struct How {
    pub(crate) dirflags: types::Lookupflags,
    pub(crate) oflags: types::Oflags,
    pub(crate) rights: types::Rights,
    pub(crate) fdflags: types::Fdflags,
}

/// Opens a path below a directory.
pub(crate) fn open(
    process: &Process,
    dir: &OpenDir,
    path: &str,
    how: How,
) -> std::result::Result<Arc<Description>, Stop> {
    let How { dirflags, oflags, rights, fdflags } = how;
    if fdflags.intersects(types::Fdflags::DSYNC | types::Fdflags::SYNC | types::Fdflags::RSYNC) {
        return Err(Errno::Inval.into());
    }
    let options = OpenOptions {
        follow: follows(dirflags),
        read: rights.contains(types::Rights::FD_READ),
        write: rights
            .intersects(types::Rights::FD_WRITE | types::Rights::FD_ALLOCATE | types::Rights::FD_FILESTAT_SET_SIZE),
        create: oflags.contains(types::Oflags::CREAT),
        exclusive: oflags.contains(types::Oflags::EXCL),
        truncate: oflags.contains(types::Oflags::TRUNC),
        directory: oflags.contains(types::Oflags::DIRECTORY),
        mode: FILE_MODE & !process.umask.load(Ordering::Acquire),
    };
    let object = match process.table.fs.open(At::directory(dir, process.pid), path, &options)? {
        Opened::File(file) => Object::File(file),
        Opened::Directory(dir) => Object::Dir(dir),
        Opened::Device(Device::Tty, _) => Object::Tty(process.session().terminal.clone().ok_or(Errno::Nxio)?),
        Opened::Device(device, _) => match device.descriptor() {
            Some(fd) => return Ok(process.fds.lock().get(fd)?),
            None => Object::Device(device),
        },
        Opened::Descriptor(fd) => return Ok(process.fds.lock().get(fd)?),
    };
    let description = Description::new(object, options.read, options.write);
    description.set_append(fdflags.contains(types::Fdflags::APPEND));
    description.set_nonblocking(fdflags.contains(types::Fdflags::NONBLOCK));
    Ok(Arc::new(description.charged(&process.table)?))
}

/// Returns whether a final symlink is followed.
pub(super) fn follows(flags: types::Lookupflags) -> bool {
    flags.contains(types::Lookupflags::SYMLINK_FOLLOW)
}

pub(super) fn require_readable(description: &Description) -> Result<()> {
    if description.readable { Ok(()) } else { Err(Errno::Badf.into()) }
}

pub(super) fn require_writable(description: &Description) -> Result<()> {
    if description.writable { Ok(()) } else { Err(Errno::Badf.into()) }
}

/// Returns the file of a positional read or write, which a stream doesn't have.
pub(super) fn positional(description: &Description) -> Result<&OpenFile> {
    match &description.object {
        Object::File(file) => Ok(file),
        Object::Dir(_) => Err(Errno::Isdir.into()),
        _ => Err(Errno::Spipe.into()),
    }
}

/// Moves the position and returns it.
pub(super) fn seek(description: &Description, offset: i64, whence: types::Whence) -> std::result::Result<u64, Errno> {
    let end = match &description.object {
        Object::File(file) => file.size()?,
        Object::Input(bytes) => bytes.len() as u64,
        // Devices have no position, and say so by leaving it at 0, as on Linux.
        Object::Device(_) => return Ok(0),
        Object::Dir(_) => return Err(Errno::Badf),
        _ => return Err(Errno::Spipe),
    };
    let mut position = description.position.lock();
    let base = match whence {
        types::Whence::Set => 0,
        types::Whence::Cur => *position,
        types::Whence::End => end,
    };
    let target = base.checked_add_signed(offset).filter(|&target| i64::try_from(target).is_ok());
    *position = target.ok_or(Errno::Inval)?;
    Ok(*position)
}

/// Returns the times that a guest asks for.
pub(super) fn times(atim: u64, mtim: u64, flags: types::Fstflags) -> Result<(SetTime, SetTime)> {
    let time = |value, set, now| match (flags.contains(set), flags.contains(now)) {
        (true, true) => Err(Errno::Inval),
        (true, false) => Ok(SetTime::At(value)),
        (false, true) => Ok(SetTime::Now),
        (false, false) => Ok(SetTime::Keep),
    };
    let accessed = time(atim, types::Fstflags::ATIM, types::Fstflags::ATIM_NOW)?;
    let modified = time(mtim, types::Fstflags::MTIM, types::Fstflags::MTIM_NOW)?;
    Ok((accessed, modified))
}

fn preview1_type(file_type: FileType) -> types::Filetype {
    match file_type {
        FileType::Regular => types::Filetype::RegularFile,
        FileType::Directory => types::Filetype::Directory,
        FileType::Symlink => types::Filetype::SymbolicLink,
        FileType::CharacterDevice => types::Filetype::CharacterDevice,
    }
}

/// Returns what preview1 says of a file.
pub(super) fn filestat(stat: &Stat) -> types::Filestat {
    types::Filestat {
        dev: stat.device,
        ino: stat.inode,
        filetype: preview1_type(stat.file_type),
        nlink: stat.links,
        size: stat.size,
        atim: stat.accessed_ns,
        mtim: stat.modified_ns,
        ctim: stat.changed_ns,
    }
}

/// Returns what preview1 says of an open description.
pub(super) fn fd_filestat(description: &Description) -> Result<types::Filestat> {
    match &description.object {
        Object::File(file) => Ok(filestat(&file.stat()?)),
        Object::Dir(dir) => Ok(filestat(&dir.stat()?)),
        object => {
            let size = if let Object::Input(bytes) = object { bytes.len() as u64 } else { 0 };
            let filetype = rights::file_type(object);
            Ok(types::Filestat { dev: 0, ino: 0, filetype, nlink: 1, size, atim: 0, mtim: 0, ctim: 0 })
        }
    }
}

/// Returns the `st_mode` of an open description.
pub(super) fn fd_mode(description: &Description) -> std::result::Result<u32, Errno> {
    match &description.object {
        Object::File(file) => Ok(file.stat()?.st_mode()),
        Object::Dir(dir) => Ok(dir.stat()?.st_mode()),
        Object::Device(_) | Object::Tty(_) => Ok(0o020_666),
        Object::PipeReader(_) | Object::PipeWriter(_) | Object::Output(_) => Ok(0o010_600),
        Object::Input(_) => Ok(0o100_400),
    }
}

/// How large an entry is without its name.
const DIRENT_BYTES: usize = 24;

/// Writes directory entries from `cookie` on, as many as fit; the last one may be cut, which tells the guest that there
/// are more.
pub(super) fn read_dir(
    dir: &OpenDir,
    memory: &mut GuestMemory<'_>,
    buf: GuestPtr<u8>,
    buf_len: u32,
    cookie: u64,
) -> Result<u32> {
    debug_assert_eq!(types::Dirent::guest_size(), DIRENT_BYTES as u32);
    let mut left = guest::slice_mut(memory, buf, buf_len)?;
    let mut put = |bytes: &[u8]| {
        let fits = bytes.len().min(left.len());
        let (part, after) = std::mem::take(&mut left).split_at_mut(fits);
        part.copy_from_slice(&bytes[..fits]);
        left = after;
        !left.is_empty()
    };
    dir.read(cookie, |entry| {
        let mut head = [0; DIRENT_BYTES];
        head[..8].copy_from_slice(&entry.next.to_le_bytes());
        head[8..16].copy_from_slice(&entry.inode.to_le_bytes());
        head[16..20].copy_from_slice(&(entry.name.len() as u32).to_le_bytes());
        head[20] = preview1_type(entry.file_type) as u8;
        put(&head) && put(entry.name.as_bytes())
    })?;
    Ok(buf_len - left.len() as u32)
}

// The calls that take a path: each finds the directory of the descriptor and asks the file system.

/// A descriptor and a path below it.
pub(super) struct Below<'a> {
    guest: &'a Guest,
    dir: Arc<Description>,
    path: &'a str,
}

impl<'a> Below<'a> {
    pub(super) fn new(guest: &'a Guest, fd: types::Fd, path: &'a str) -> Result<Self> {
        let dir = guest.description(fd)?;
        dir.dir()?;
        Ok(Self { guest, dir, path })
    }

    fn fs(&self) -> &FileSystem {
        &self.guest.process.table.fs
    }

    fn at(&self) -> Result<At<'_>> {
        Ok(At::directory(self.dir.dir()?, self.guest.process.pid))
    }

    pub(super) fn stat(&self, follow: bool) -> Result<Stat> {
        Ok(self.fs().stat(self.at()?, self.path, follow)?)
    }

    pub(super) fn create_directory(&self) -> Result<()> {
        let mode = DIRECTORY_MODE & !self.guest.process.umask.load(Ordering::Acquire);
        Ok(self.fs().create_directory(self.at()?, self.path, mode)?)
    }

    pub(super) fn set_times(&self, follow: bool, (accessed, modified): (SetTime, SetTime)) -> Result<()> {
        Ok(self.fs().set_times(self.at()?, self.path, follow, accessed, modified)?)
    }

    pub(super) fn set_mode(&self, follow: bool, mode: u32) -> Result<()> {
        Ok(self.fs().set_mode(self.at()?, self.path, follow, mode & 0o7777)?)
    }

    pub(super) fn link(&self, follow: bool, new: &Self) -> Result<()> {
        Ok(self.fs().link((self.at()?, self.path), follow, (new.at()?, new.path))?)
    }

    pub(super) fn rename(&self, new: &Self) -> Result<()> {
        Ok(self.fs().rename((self.at()?, self.path), (new.at()?, new.path))?)
    }

    pub(super) fn symlink(&self, target: &str) -> Result<()> {
        Ok(self.fs().symlink(target, self.at()?, self.path)?)
    }

    pub(super) fn read_link(&self) -> Result<String> {
        Ok(self.fs().read_link(self.at()?, self.path)?)
    }

    pub(super) fn unlink(&self) -> Result<()> {
        Ok(self.fs().unlink(self.at()?, self.path)?)
    }

    pub(super) fn remove_directory(&self) -> Result<()> {
        Ok(self.fs().remove_directory(self.at()?, self.path)?)
    }

    pub(super) fn space(&self) -> Result<types::FsSpace> {
        let space = self.fs().space_at(self.at()?, self.path)?;
        Ok(types::FsSpace {
            bytes_total: space.bytes_total,
            bytes_used: space.bytes_used,
            inodes_total: space.inodes_total,
            inodes_used: space.inodes_used,
        })
    }
}
