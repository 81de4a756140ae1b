//! Error numbers, with the messages that Unix tools print.

use std::fmt;

/// Is why a system call failed; it prints as `strerror` does.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Errno(
    /// The platform's number.
    pub i32,
);

/// Is what a system call returns.
pub type Result<T> = std::result::Result<T, Errno>;

macro_rules! errnos {
    ($($name:ident = $number:ident, $message:literal;)*) => {
        impl Errno {
            $(#[doc = $message] pub const $name: Errno = Errno(libc::$number);)*

            /// Returns the symbolic name, as `"ENOENT"`.
            #[must_use]
            pub fn name(self) -> Option<&'static str> {
                match self.0 {
                    $(libc::$number => Some(stringify!($number)),)*
                    _ => None,
                }
            }

            fn message(self) -> Option<&'static str> {
                match self.0 {
                    $(libc::$number => Some($message),)*
                    _ => None,
                }
            }
        }
    };
}

errnos! {
    PERM = EPERM, "Operation not permitted";
    NOENT = ENOENT, "No such file or directory";
    SRCH = ESRCH, "No such process";
    INTR = EINTR, "Interrupted system call";
    IO = EIO, "Input/output error";
    NXIO = ENXIO, "No such device or address";
    TOOBIG = E2BIG, "Argument list too long";
    NOEXEC = ENOEXEC, "Exec format error";
    BADF = EBADF, "Bad file descriptor";
    CHILD = ECHILD, "No child processes";
    AGAIN = EAGAIN, "Resource temporarily unavailable";
    NOMEM = ENOMEM, "Cannot allocate memory";
    ACCES = EACCES, "Permission denied";
    FAULT = EFAULT, "Bad address";
    BUSY = EBUSY, "Device or resource busy";
    EXIST = EEXIST, "File exists";
    XDEV = EXDEV, "Invalid cross-device link";
    NODEV = ENODEV, "No such device";
    NOTDIR = ENOTDIR, "Not a directory";
    ISDIR = EISDIR, "Is a directory";
    INVAL = EINVAL, "Invalid argument";
    NFILE = ENFILE, "Too many open files in system";
    MFILE = EMFILE, "Too many open files";
    NOTTY = ENOTTY, "Inappropriate ioctl for device";
    TXTBSY = ETXTBSY, "Text file busy";
    FBIG = EFBIG, "File too large";
    NOSPC = ENOSPC, "No space left on device";
    SPIPE = ESPIPE, "Illegal seek";
    ROFS = EROFS, "Read-only file system";
    MLINK = EMLINK, "Too many links";
    PIPE = EPIPE, "Broken pipe";
    DOM = EDOM, "Numerical argument out of domain";
    RANGE = ERANGE, "Numerical result out of range";
    DEADLK = EDEADLK, "Resource deadlock avoided";
    NAMETOOLONG = ENAMETOOLONG, "File name too long";
    NOSYS = ENOSYS, "Function not implemented";
    NOTEMPTY = ENOTEMPTY, "Directory not empty";
    LOOP = ELOOP, "Too many levels of symbolic links";
    OVERFLOW = EOVERFLOW, "Value too large for defined data type";
    ILSEQ = EILSEQ, "Invalid or incomplete multibyte or wide character";
    NOTSOCK = ENOTSOCK, "Socket operation on non-socket";
    NOTSUP = ENOTSUP, "Operation not supported";
    TIMEDOUT = ETIMEDOUT, "Connection timed out";
    CONNREFUSED = ECONNREFUSED, "Connection refused";
    DQUOT = EDQUOT, "Disk quota exceeded";
    CANCELED = ECANCELED, "Operation canceled";
}

impl Errno {
    /// Returns the error that the last libc call of this thread left.
    pub(crate) fn last() -> Errno {
        Errno(std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO))
    }

    /// Turns libc's `-1` into the error that it stands for.
    pub(crate) fn check(result: i32) -> Result<i32> {
        if result < 0 { Err(Errno::last()) } else { Ok(result) }
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.message() {
            Some(message) => f.write_str(message),
            None => write!(f, "Unknown error {}", self.0),
        }
    }
}

impl fmt::Debug for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "Errno({})", self.0),
        }
    }
}

impl std::error::Error for Errno {}

impl From<Errno> for std::io::Error {
    fn from(errno: Errno) -> Self {
        std::io::Error::from_raw_os_error(errno.0)
    }
}

impl From<std::io::Error> for Errno {
    fn from(error: std::io::Error) -> Self {
        Errno(error.raw_os_error().unwrap_or(libc::EIO))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_those_of_strerror() {
        for number in 1..134 {
            if let Some(message) = Errno(number).message() {
                let std = std::io::Error::from_raw_os_error(number).to_string();
                assert_eq!(format!("{message} (os error {number})"), std);
            }
        }
        assert_eq!(Errno(9999).to_string(), "Unknown error 9999");
    }
}
