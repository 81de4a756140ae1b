//! Compiled code on disk, so that the next engine finds it ready to be mapped.
//!
//! A `.cwasm` file is run as it is: as native code, or by an interpreter that doesn't doubt it. It is only ever read from the directory that this module wrote it to, which is the
//! user's own and closed to others; none is taken from a guest, a snapshot or a caller.

use std::hash::{Hash as _, Hasher as _};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use wasmtime::{Engine, Module};

use super::Digest;
use crate::wasi;

/// A directory of compiled code, one file for each piece, which has a name.
pub(super) struct Disk {
    dir: PathBuf,
    /// How much the directory may hold, in bytes: guests can write programs, and each is kept.
    bytes_max: u64,
    /// How much this engine has stored since the directory was last looked through.
    stored_bytes: AtomicU64,
}

impl Disk {
    /// Opens the part of `dir` that belongs to code of this engine's kind, making it if needed. A directory that can't
    /// be had costs time and nothing else, so that is a warning.
    pub(super) fn open(dir: &Path, engine: &Engine, bytes_max: u64) -> Option<Self> {
        let mut hasher = std::hash::DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        stillbox_capture::VERSION.hash(&mut hasher);
        // How a program is rewritten depends on what may block, and on what it is compiled to; so does what comes of that.
        wasi::BLOCKING.hash(&mut hasher);
        let dir = dir.join(format!("{:016x}", hasher.finish()));
        match create_private(&dir) {
            Ok(()) => {
                trim(&dir, bytes_max);
                Some(Self { dir, bytes_max, stored_bytes: AtomicU64::new(0) })
            }
            Err(error) => {
                tracing::warn!(dir = %dir.display(), %error, "compiled code is not kept on disk");
                None
            }
        }
    }

    /// Returns whether there is code of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.path(name).exists()
    }

    /// Returns the compiled module of this name. A file that can't be read as one counts as absent.
    pub(super) fn load(&self, engine: &Engine, name: &str) -> Option<Module> {
        let path = self.path(name);
        if !path.exists() {
            return None;
        }
        // SAFETY: the file was written by `store` below from a module that this build of the runtime compiled, in a
        // directory that only this user can write to.
        match unsafe { Module::deserialize_file(engine, &path) } {
            Ok(module) => {
                touch(&path);
                Some(module)
            }
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "compiled code could not be loaded");
                None
            }
        }
    }

    /// Keeps a compiled module, as the runtime serializes it. The file appears whole or not at all.
    pub(super) fn store(&self, code: &[u8], name: &str) {
        if let Err(error) = self.write(code, name) {
            tracing::warn!(dir = %self.dir.display(), %error, "compiled code could not be kept");
        }
    }

    fn write(&self, code: &[u8], name: &str) -> std::io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(&self.dir)?;
        file.write_all(code)?;
        file.persist(self.path(name)).map_err(|error| error.error)?;
        // Others may use the directory too, so what there is in it is only known from looking.
        let stored = self.stored_bytes.fetch_add(code.len() as u64, Ordering::Relaxed) + code.len() as u64;
        if stored > self.bytes_max / 8 {
            self.stored_bytes.store(0, Ordering::Relaxed);
            trim(&self.dir, self.bytes_max);
        }
        Ok(())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.join(format!("{name}.cwasm"))
    }
}

/// Returns the name of a program's code.
pub(super) fn name_of(digest: &Digest) -> String {
    blake3::Hash::from_bytes(*digest).to_string()
}

/// Takes note that a file was used, so that it is among the last to go.
fn touch(path: &Path) {
    let touched = std::fs::File::open(path).and_then(|file| file.set_modified(SystemTime::now()));
    if let Err(error) = touched {
        tracing::debug!(path = %path.display(), %error, "the use of compiled code could not be noted");
    }
}

/// Removes what was used longest ago, if there is more than `bytes_max`, until a quarter of that is free again. Whoever has
/// a removed file mapped keeps it.
fn trim(dir: &Path, bytes_max: u64) {
    let Ok(entries) = std::fs::read_dir(dir) else { return };
    let mut files: Vec<(SystemTime, u64, PathBuf)> = entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let metadata = entry.metadata().ok()?;
            Some((metadata.modified().ok()?, metadata.len(), entry.path()))
        })
        .collect();
    let mut bytes: u64 = files.iter().map(|(_, len, _)| len).sum();
    if bytes <= bytes_max {
        return;
    }
    files.sort_unstable();
    for (_, len, path) in files {
        if bytes <= bytes_max / 4 * 3 {
            break;
        }
        if std::fs::remove_file(&path).is_ok() {
            bytes -= len;
        }
    }
}

/// Makes a directory that only this user can enter.
fn create_private(dir: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(dir)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_was_used_longest_ago_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        for name in 0..5_u64 {
            let path = dir.path().join(name.to_string());
            std::fs::write(&path, [0; 100]).unwrap();
            let used = SystemTime::UNIX_EPOCH + Duration::from_secs(name);
            std::fs::File::open(&path).unwrap().set_modified(used).unwrap();
        }
        touch(&dir.path().join("0"));
        let left = || {
            let entries = dir.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
            let mut left: Vec<String> = entries.collect();
            left.sort_unstable();
            left
        };
        trim(dir.path(), 500);
        assert_eq!(left().len(), 5);
        trim(dir.path(), 400);
        assert_eq!(left(), ["0", "3", "4"]);
    }
}
