//! Files: what Unix promises of them.

pub mod append;
pub mod links;
pub mod readdir;
pub mod rename;
pub mod sparse;
pub mod symlinks;
pub mod times;
pub mod truncate;
pub mod unlink_open;

use std::ffi::CString;
use std::fs;
use std::path::{Path, PathBuf};

use crate::check::{During, Outcome};

/// A directory below the working directory, for one probe. It is removed in the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Outcome<Self> {
        let path = PathBuf::from(format!("fs_{name}.tmp"));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).during("create a directory")?;
        Ok(Self(path))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn write(&self, name: &str, content: &str) -> Outcome<PathBuf> {
        let path = self.path(name);
        fs::write(&path, content).during(name)?;
        Ok(path)
    }

    fn read(&self, name: &str) -> Outcome<String> {
        fs::read_to_string(self.path(name)).during(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Makes a symbolic link; the standard library's function for it is not stable on this target.
fn symlink(target: &str, link: &Path) -> std::io::Result<()> {
    let link = CString::new(link.as_os_str().as_encoded_bytes())?;
    let target = CString::new(target)?;
    // SAFETY: both end with NUL and outlive the call.
    match unsafe { libc::symlink(target.as_ptr(), link.as_ptr()) } {
        0 => Ok(()),
        _ => Err(std::io::Error::last_os_error()),
    }
}

/// Returns how many names a file has.
fn names(path: &Path) -> std::io::Result<u64> {
    let path = CString::new(path.as_os_str().as_encoded_bytes())?;
    // SAFETY: a `stat` of zeros is valid.
    let mut stat: libc::stat = unsafe { std::mem::zeroed() };
    // SAFETY: the path ends with NUL, and the pointer is valid for writes.
    match unsafe { libc::stat(path.as_ptr(), &raw mut stat) } {
        0 => Ok(stat.st_nlink),
        _ => Err(std::io::Error::last_os_error()),
    }
}
