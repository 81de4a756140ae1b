//! One thing that is listed, and the order of several.

use std::cmp::Ordering;
use std::ffi::{CString, OsStr, OsString};
use std::io;
use std::path::Path;

use stillbox_sys::file_type;
use uucore::version_cmp::version_cmp;

use super::options::{Follow, Options, Sort, Time};

/// A file, with what the C library says about it.
pub struct Entry {
    pub name: OsString,
    pub stat: libc::stat,
    /// Where it points, if it is a symbolic link.
    pub target: Option<OsString>,
    /// What is there, if it is a symbolic link to something.
    pub target_mode: Option<u32>,
}

impl Entry {
    /// Looks at something that was named on the command line.
    pub fn operand(path: &OsStr, options: &Options) -> io::Result<Self> {
        let follow = match options.follow {
            Follow::Never => false,
            Follow::OperandsToDirectories => {
                stat(path.as_ref(), true).is_ok_and(|stat| stat.st_mode & file_type::MASK == file_type::DIR)
            }
            Follow::Operands | Follow::Always => stat(path.as_ref(), true).is_ok(),
        };
        Self::new(path.to_owned(), path.as_ref(), follow)
    }

    /// Looks at something in a directory.
    pub fn inside(name: OsString, path: &Path, options: &Options) -> io::Result<Self> {
        Self::new(name, path, options.follow == Follow::Always && stat(path, true).is_ok())
    }

    fn new(name: OsString, path: &Path, follow: bool) -> io::Result<Self> {
        let stat = stat(path, follow)?;
        let mut entry = Self { name, stat, target: None, target_mode: None };
        if entry.file_type() == file_type::SYMLINK {
            entry.target = std::fs::read_link(path).ok().map(Into::into);
            entry.target_mode = self::stat(path, true).ok().map(|stat| stat.st_mode);
        }
        Ok(entry)
    }

    pub fn file_type(&self) -> u32 {
        self.stat.st_mode & file_type::MASK
    }

    pub fn is_directory(&self) -> bool {
        self.file_type() == file_type::DIR
    }

    pub fn size(&self) -> u64 {
        u64::try_from(self.stat.st_size).unwrap_or(0)
    }

    /// Returns the room that it takes, in whole pages as on most file systems.
    pub fn kibibytes(&self) -> u64 {
        match self.file_type() {
            file_type::FILE => self.size().div_ceil(4096) * 4,
            file_type::DIR => 4,
            _ => 0,
        }
    }

    /// Returns the time that the options ask for, in seconds and nanoseconds.
    pub fn time(&self, options: &Options) -> (i64, i64) {
        let time = match options.time {
            Time::Modified => self.stat.st_mtim,
            Time::Accessed => self.stat.st_atim,
            Time::Changed => self.stat.st_ctim,
        };
        (time.tv_sec, time.tv_nsec.into())
    }
}

fn stat(path: &Path, follow: bool) -> io::Result<libc::stat> {
    let path = CString::new(path.as_os_str().as_encoded_bytes())?;
    // SAFETY: a `stat` of zeros is valid.
    let mut stat: libc::stat = unsafe { std::mem::zeroed() };
    let function = if follow { libc::stat } else { libc::lstat };
    // SAFETY: the path ends with NUL, and the pointer is valid for writes.
    match unsafe { function(path.as_ptr(), &raw mut stat) } {
        0 => Ok(stat),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Brings `entries` into the order that the options ask for.
pub fn sort(entries: &mut [Entry], options: &Options) {
    let by_name = |a: &Entry, b: &Entry| a.name.as_encoded_bytes().cmp(b.name.as_encoded_bytes());
    let extension = |entry: &Entry| match entry.name.as_encoded_bytes().iter().rposition(|byte| *byte == b'.') {
        Some(dot) => entry.name.as_encoded_bytes()[dot..].to_vec(),
        None => Vec::new(),
    };
    let order = |a: &Entry, b: &Entry| -> Ordering {
        match options.sort {
            Sort::Name | Sort::Unsorted => by_name(a, b),
            Sort::Time => b.time(options).cmp(&a.time(options)).then_with(|| by_name(a, b)),
            Sort::Size => b.size().cmp(&a.size()).then_with(|| by_name(a, b)),
            Sort::Extension => extension(a).cmp(&extension(b)).then_with(|| by_name(a, b)),
            Sort::Version => version_cmp(a.name.as_encoded_bytes(), b.name.as_encoded_bytes()),
        }
    };
    if options.sort != Sort::Unsorted {
        entries.sort_by(order);
        if options.reverse {
            entries.reverse();
        }
    }
    if options.directories_first {
        entries.sort_by_key(|entry| {
            !(entry.is_directory() || entry.target_mode.is_some_and(|mode| mode & file_type::MASK == file_type::DIR))
        });
    }
}
