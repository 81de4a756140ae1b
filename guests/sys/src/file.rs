//! Files by number: what wasi-libc and a native libc do alike.

use std::ffi::CString;
use std::time::Duration;

use crate::{Errno, Fd, Result};

/// Says how [`open`] opens a file; the default opens nothing, so set at least `read` or `write`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Open {
    /// For reading.
    pub read: bool,
    /// For writing.
    pub write: bool,
    /// Every write goes to the end.
    pub append: bool,
    /// Creates the file if there is none.
    pub create: bool,
    /// With `create`: fails if there is one.
    pub exclusive: bool,
    /// Empties the file.
    pub truncate: bool,
    /// Fails unless it is a directory.
    pub directory: bool,
}

impl Open {
    /// Opens for reading, as `<` does.
    pub const READ: Open = Open {
        read: true,
        write: false,
        append: false,
        create: false,
        exclusive: false,
        truncate: false,
        directory: false,
    };
    /// Creates or empties, and opens for writing, as `>` does.
    pub const WRITE: Open = Open { read: false, write: true, create: true, truncate: true, ..Open::READ };
    /// Creates, and opens for writing at the end, as `>>` does.
    pub const APPEND: Open = Open { truncate: false, append: true, ..Open::WRITE };
    /// Creates, and opens for reading and writing, as `<>` does.
    pub const READ_WRITE: Open = Open { read: true, truncate: false, ..Open::WRITE };

    fn flags(self) -> i32 {
        let mut flags = match (self.read, self.write || self.append) {
            (true, true) => libc::O_RDWR,
            (false, true) => libc::O_WRONLY,
            _ => libc::O_RDONLY,
        };
        for (on, flag) in [
            (self.append, libc::O_APPEND),
            (self.create, libc::O_CREAT),
            (self.exclusive, libc::O_EXCL),
            (self.truncate, libc::O_TRUNC),
            (self.directory, libc::O_DIRECTORY),
        ] {
            if on {
                flags |= flag;
            }
        }
        flags
    }
}

/// Opens a file and returns its number, which programs started later do not inherit.
///
/// A file that this creates gets the permissions `0666` less the umask.
pub fn open(path: impl AsRef<[u8]>, how: Open) -> Result<Fd> {
    let path = CString::new(path.as_ref()).map_err(|_| Errno::INVAL)?;
    // SAFETY: the path is NUL-terminated and outlives the call.
    let fd = Errno::check(unsafe { libc::open(path.as_ptr(), how.flags(), 0o666) })?;
    crate::set_cloexec(fd, true)?;
    Ok(fd)
}

/// Closes a file.
pub fn close(fd: Fd) -> Result<()> {
    // SAFETY: closing a number that is not open is an error, not undefined; owned std files are the caller's concern.
    Errno::check(unsafe { libc::close(fd) }).map(drop)
}

/// Returns whether this number is an open file.
#[must_use]
pub fn is_open(fd: Fd) -> bool {
    crate::is_cloexec(fd).is_ok()
}

/// Reads once; 0 is the end. A signal that arrives first gives [`Errno::INTR`].
pub fn read(fd: Fd, buffer: &mut [u8]) -> Result<usize> {
    // SAFETY: the buffer is valid for writes of its length.
    let count = unsafe { libc::read(fd, buffer.as_mut_ptr().cast(), buffer.len()) };
    usize::try_from(count).map_err(|_| Errno::last())
}

/// Writes once and returns how much was taken.
pub fn write(fd: Fd, bytes: &[u8]) -> Result<usize> {
    // SAFETY: the bytes are valid for reads of their length.
    let count = unsafe { libc::write(fd, bytes.as_ptr().cast(), bytes.len()) };
    usize::try_from(count).map_err(|_| Errno::last())
}

/// Writes everything, and goes on after signals.
pub fn write_all(fd: Fd, mut bytes: &[u8]) -> Result<()> {
    while !bytes.is_empty() {
        match write(fd, bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

/// Says what an offset of [`seek`] counts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whence {
    /// The start of the file.
    Start,
    /// The current position.
    Current,
    /// The end of the file.
    End,
}

/// Moves the position of a file and returns the new one. A pipe gives [`Errno::SPIPE`].
pub fn seek(fd: Fd, offset: i64, whence: Whence) -> Result<u64> {
    let whence = match whence {
        Whence::Start => libc::SEEK_SET,
        Whence::Current => libc::SEEK_CUR,
        Whence::End => libc::SEEK_END,
    };
    // SAFETY: lseek takes no pointers.
    let position = unsafe { libc::lseek(fd, offset, whence) };
    u64::try_from(position).map_err(|_| Errno::last())
}

/// Is one file that [`poll`] watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PollFd {
    /// The file.
    pub fd: Fd,
    /// In: watch for input. Out: there is input, or the end of it, or an error.
    pub readable: bool,
    /// In: watch for room to write. Out: there is room, or an error.
    pub writable: bool,
}

/// Waits until one of the files is ready and returns how many are: 0 after the timeout. `None` waits for ever.
pub fn poll(fds: &mut [PollFd], timeout: Option<Duration>) -> Result<usize> {
    let mut raw: Vec<libc::pollfd> = fds
        .iter()
        .map(|f| libc::pollfd {
            fd: f.fd,
            events: if f.readable { libc::POLLIN } else { 0 } | if f.writable { libc::POLLOUT } else { 0 },
            revents: 0,
        })
        .collect();
    let millis = timeout.map_or(-1, |t| i32::try_from(t.as_nanos().div_ceil(1_000_000)).unwrap_or(i32::MAX));
    // SAFETY: the array is valid for its length.
    let ready = Errno::check(unsafe { libc::poll(raw.as_mut_ptr(), raw.len() as _, millis) })?;
    let failed = libc::POLLERR | libc::POLLHUP | libc::POLLNVAL;
    for (f, raw) in fds.iter_mut().zip(raw) {
        f.readable = f.readable && raw.revents & (libc::POLLIN | failed) != 0;
        f.writable = f.writable && raw.revents & (libc::POLLOUT | failed) != 0;
    }
    Ok(ready as usize)
}
