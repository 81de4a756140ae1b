//! The error numbers that a guest sees.

/// A WASI error number. The discriminants are those of `wasi_snapshot_preview1`, which are not Linux's.
///
/// Operations of the kernel return `Result<T, Errno>`: a guest's mistake is a number, never a panic of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u16)]
#[allow(missing_docs, reason = "each variant has its message in `describe`, which is its documentation")]
pub enum Errno {
    TooBig = 1,
    Acces = 2,
    Addrinuse = 3,
    Addrnotavail = 4,
    Afnosupport = 5,
    Again = 6,
    Already = 7,
    Badf = 8,
    Badmsg = 9,
    Busy = 10,
    Canceled = 11,
    Child = 12,
    Connaborted = 13,
    Connrefused = 14,
    Connreset = 15,
    Deadlk = 16,
    Destaddrreq = 17,
    Dom = 18,
    Dquot = 19,
    Exist = 20,
    Fault = 21,
    Fbig = 22,
    Hostunreach = 23,
    Idrm = 24,
    Ilseq = 25,
    Inprogress = 26,
    Intr = 27,
    Inval = 28,
    Io = 29,
    Isconn = 30,
    Isdir = 31,
    Loop = 32,
    Mfile = 33,
    Mlink = 34,
    Msgsize = 35,
    Multihop = 36,
    Nametoolong = 37,
    Netdown = 38,
    Netreset = 39,
    Netunreach = 40,
    Nfile = 41,
    Nobufs = 42,
    Nodev = 43,
    Noent = 44,
    Noexec = 45,
    Nolck = 46,
    Nolink = 47,
    Nomem = 48,
    Nomsg = 49,
    Noprotoopt = 50,
    Nospc = 51,
    Nosys = 52,
    Notconn = 53,
    Notdir = 54,
    Notempty = 55,
    Notrecoverable = 56,
    Notsock = 57,
    Notsup = 58,
    Notty = 59,
    Nxio = 60,
    Overflow = 61,
    Ownerdead = 62,
    Perm = 63,
    Pipe = 64,
    Proto = 65,
    Protonosupport = 66,
    Prototype = 67,
    Range = 68,
    Rofs = 69,
    Spipe = 70,
    Srch = 71,
    Stale = 72,
    Timedout = 73,
    Txtbsy = 74,
    Xdev = 75,
    Notcapable = 76,
}

impl Errno {
    /// Returns the number as a guest reads it.
    pub fn code(self) -> u16 {
        self as u16
    }

    /// Returns what the number means, in a few words, for messages of the host.
    pub fn describe(self) -> &'static str {
        match self {
            Self::TooBig => "argument list too long",
            Self::Acces => "permission denied",
            Self::Again => "resource temporarily unavailable",
            Self::Badf => "bad file descriptor",
            Self::Busy => "device or resource busy",
            Self::Child => "no child processes",
            Self::Dquot => "disk quota exceeded",
            Self::Exist => "file exists",
            Self::Fault => "bad address",
            Self::Fbig => "file too large",
            Self::Ilseq => "illegal byte sequence",
            Self::Intr => "interrupted system call",
            Self::Inval => "invalid argument",
            Self::Io => "input/output error",
            Self::Isdir => "is a directory",
            Self::Loop => "too many levels of symbolic links",
            Self::Mfile => "too many open files",
            Self::Mlink => "too many links",
            Self::Nametoolong => "file name too long",
            Self::Nfile => "too many open files in the sandbox",
            Self::Nodev => "no such device",
            Self::Noent => "no such file or directory",
            Self::Noexec => "exec format error",
            Self::Nomem => "out of memory",
            Self::Nospc => "no space left on device",
            Self::Nosys => "function not implemented",
            Self::Notdir => "not a directory",
            Self::Notempty => "directory not empty",
            Self::Notsock => "not a socket",
            Self::Notsup => "not supported",
            Self::Notty => "not a terminal",
            Self::Nxio => "no such device or address",
            Self::Overflow => "value too large",
            Self::Perm => "operation not permitted",
            Self::Pipe => "broken pipe",
            Self::Range => "result too large",
            Self::Rofs => "read-only file system",
            Self::Spipe => "illegal seek",
            Self::Srch => "no such process",
            Self::Timedout => "timed out",
            Self::Txtbsy => "text file busy",
            Self::Xdev => "cross-device link",
            Self::Notcapable => "capabilities insufficient",
            _ => "system error",
        }
    }
}

impl std::fmt::Display for Errno {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.describe())
    }
}

impl std::error::Error for Errno {}
