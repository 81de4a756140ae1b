//! What the file system knows about a file.

use std::ffi::CString;
use std::io;
use std::mem::MaybeUninit;

/// A file's attributes, as `stat` gives them.
#[derive(Clone, Debug, Default)]
pub struct Stat {
    pub dev: u64,
    pub ino: u64,
    /// Type and permissions.
    pub mode: u32,
    pub nlink: u64,
    pub uid: u32,
    pub gid: u32,
    pub size: u64,
    /// Allocated blocks of 512 bytes.
    pub blocks: u64,
    /// Seconds and nanoseconds since 1970 of the last access, change of content and change of attributes.
    pub atime: (i64, u32),
    pub mtime: (i64, u32),
    pub ctime: (i64, u32),
}

const TYPE_MASK: u32 = 0o170_000;

impl Stat {
    /// Returns the attributes of the file at `path`, or of the link that it is.
    pub fn of(path: &str, follow: bool) -> io::Result<Stat> {
        let name = CString::new(path).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
        let mut raw = MaybeUninit::<libc::stat>::uninit();
        // SAFETY: the name ends in NUL, and `raw` has room for what the call writes.
        let result = unsafe {
            if follow {
                libc::stat(name.as_ptr(), raw.as_mut_ptr())
            } else {
                libc::lstat(name.as_ptr(), raw.as_mut_ptr())
            }
        };
        if result != 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the call succeeded, so it has filled `raw`.
        let mut stat = Stat::from_raw(unsafe { &*raw.as_ptr() });
        stat.add_permissions(path, follow);
        Ok(stat)
    }

    /// Returns the attributes of the standard output, without its permissions.
    pub fn of_stdout() -> io::Result<Stat> {
        let mut raw = MaybeUninit::<libc::stat>::uninit();
        // SAFETY: `raw` has room for what the call writes.
        if unsafe { libc::fstat(1, raw.as_mut_ptr()) } != 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the call succeeded, so it has filled `raw`.
        Ok(Stat::from_raw(unsafe { &*raw.as_ptr() }))
    }

    #[cfg_attr(not(target_family = "wasm"), expect(clippy::unnecessary_cast, reason = "the types differ by target"))]
    fn from_raw(raw: &libc::stat) -> Stat {
        #[cfg(target_family = "wasm")]
        let times = [raw.st_atim, raw.st_mtim, raw.st_ctim].map(|time| (time.tv_sec as i64, time.tv_nsec as u32));
        #[cfg(not(target_family = "wasm"))]
        let times = [
            (raw.st_atime as i64, raw.st_atime_nsec as u32),
            (raw.st_mtime as i64, raw.st_mtime_nsec as u32),
            (raw.st_ctime as i64, raw.st_ctime_nsec as u32),
        ];
        Stat {
            dev: raw.st_dev as u64,
            ino: raw.st_ino as u64,
            mode: raw.st_mode as u32,
            nlink: raw.st_nlink as u64,
            uid: raw.st_uid as u32,
            gid: raw.st_gid as u32,
            size: raw.st_size as u64,
            blocks: if cfg!(target_family = "wasm") {
                (raw.st_size as u64).div_ceil(512)
            } else {
                raw.st_blocks as u64
            },
            atime: times[0],
            mtime: times[1],
            ctime: times[2],
        }
    }

    /// Adds what WASI's own `stat` leaves out.
    #[cfg(target_family = "wasm")]
    fn add_permissions(&mut self, path: &str, follow: bool) {
        if let Ok(mode) = stillbox_sys::mode(path, follow) {
            self.mode = mode;
        }
    }

    #[cfg(not(target_family = "wasm"))]
    fn add_permissions(&mut self, _path: &str, _follow: bool) {}

    fn has_type(&self, kind: u32) -> bool {
        self.mode & TYPE_MASK == kind
    }

    pub fn is_file(&self) -> bool {
        self.has_type(0o100_000)
    }

    pub fn is_dir(&self) -> bool {
        self.has_type(0o040_000)
    }

    pub fn is_symlink(&self) -> bool {
        self.has_type(0o120_000)
    }

    /// Returns the letter for the type that `find` and `ls` use.
    pub fn type_letter(&self) -> char {
        match self.mode & TYPE_MASK {
            0o040_000 => 'd',
            0o120_000 => 'l',
            0o020_000 => 'c',
            0o060_000 => 'b',
            0o010_000 => 'p',
            0o140_000 => 's',
            _ => 'f',
        }
    }
}
