//! Compiled code on disk, so that the next engine finds it ready to be mapped.
//!
//! A `.cwasm` file is native code. It is only ever read from the directory that this module wrote it to, which is the
//! user's own and closed to others; none is taken from a guest, a snapshot or a caller.

use std::hash::{Hash as _, Hasher as _};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use wasmtime::{Engine, Module};

/// A directory of compiled programs, one file for each digest.
pub(super) struct Disk {
    dir: PathBuf,
}

impl Disk {
    /// Opens the part of `dir` that belongs to code of this engine's kind, making it if needed. A directory that can't
    /// be had costs time and nothing else, so that is a warning.
    pub(super) fn open(dir: PathBuf, engine: &Engine) -> Option<Self> {
        let mut hasher = std::hash::DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        let dir = dir.join(format!("{:016x}", hasher.finish()));
        match create_private(&dir) {
            Ok(()) => Some(Self { dir }),
            Err(error) => {
                tracing::warn!(dir = %dir.display(), %error, "compiled programs are not kept on disk");
                None
            }
        }
    }

    /// Returns the compiled module of a digest. A file that can't be read as one counts as absent.
    pub(super) fn load(&self, engine: &Engine, digest: &[u8; 32]) -> Option<Module> {
        let path = self.path(digest);
        if !path.exists() {
            return None;
        }
        // SAFETY: the file was written by `store` below from a module that this build of the runtime compiled, in a
        // directory that only this user can write to.
        match unsafe { Module::deserialize_file(engine, &path) } {
            Ok(module) => Some(module),
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "a compiled program could not be loaded");
                None
            }
        }
    }

    /// Keeps a compiled module. The file appears whole or not at all.
    pub(super) fn store(&self, module: &Module, digest: &[u8; 32]) {
        let written = module.serialize().map_err(std::io::Error::other).and_then(|code| {
            let mut file = tempfile::NamedTempFile::new_in(&self.dir)?;
            file.write_all(&code)?;
            file.persist(self.path(digest)).map_err(|error| error.error)?;
            Ok(())
        });
        if let Err(error) = written {
            tracing::warn!(dir = %self.dir.display(), %error, "a compiled program could not be kept");
        }
    }

    fn path(&self, digest: &[u8; 32]) -> PathBuf {
        self.dir.join(format!("{}.cwasm", blake3::Hash::from_bytes(*digest).to_hex()))
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
