//! Where the added guests are kept.
//!
//! ```text
//!   guests/
//!     python.json              the manifest: where it comes from, its size and digest
//!     e1b8...c42a.wasm         the module, named by its BLAKE3 digest
//! ```
//!
//! Both appear by a rename, the manifest last, so a guest is there completely or not at all. A module is never changed
//! in place, which is what makes it safe to map.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::fetch::Module;
use crate::home::Home;

/// The added guests of one user.
#[derive(Clone, Debug)]
pub struct Store {
    dir: PathBuf,
}

/// What is known about a guest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The name that it is kept under.
    pub name: String,
    /// Where it comes from.
    pub source: Source,
    /// The size of its module in bytes.
    pub size_bytes: u64,
    /// The BLAKE3 digest of its module, in hexadecimal.
    pub blake3: String,
    /// When it was added, in seconds since the Unix epoch.
    pub added_at: u64,
}

/// Where a guest comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// A package of the npm registry, as the catalog names it.
    Npm {
        /// The package.
        package: String,
        /// Its version.
        version: String,
        /// The SHA-256 of the module in it, in hexadecimal.
        sha256: String,
    },
    /// A file of the host.
    File {
        /// Its path when it was added.
        path: PathBuf,
    },
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Npm { package, version, .. } => write!(f, "npm {package}@{version}"),
            Self::File { path } => write!(f, "{}", path.display()),
        }
    }
}

/// A guest that is in the store.
#[derive(Clone, Debug)]
pub struct Added {
    /// What is known about it.
    pub manifest: Manifest,
    /// Whether it wasn't there before.
    pub new: bool,
}

impl Store {
    /// Opens the store, making its directory if there is none.
    ///
    /// # Errors
    ///
    /// If the directory can't be made.
    pub fn open(home: &Home) -> anyhow::Result<Self> {
        let dir = home.data.join("guests");
        fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
        Ok(Self { dir })
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Returns the manifests of all guests, by name.
    ///
    /// # Errors
    ///
    /// If the directory or a manifest can't be read.
    pub fn list(&self) -> anyhow::Result<Vec<Manifest>> {
        let mut manifests = Vec::new();
        let entries = fs::read_dir(&self.dir).with_context(|| format!("cannot read {}", self.dir.display()))?;
        for entry in entries {
            let path = entry?.path();
            if let Some(name) = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".json"))
                && let Some(manifest) = self.get(name)?
            {
                manifests.push(manifest);
            }
        }
        manifests.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(manifests)
    }

    /// Returns the manifest of a guest; `None` if it hasn't been added, or its module is gone.
    ///
    /// # Errors
    ///
    /// If the manifest is there and can't be read.
    pub fn get(&self, name: &str) -> anyhow::Result<Option<Manifest>> {
        let path = self.manifest_path(name);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
        };
        let manifest: Manifest = serde_json::from_slice(&text).with_context(|| {
            format!("{} is damaged; `stillbox guests remove {name}` gets rid of it", path.display())
        })?;
        let whole = fs::metadata(self.module_path(&manifest)).is_ok_and(|module| module.len() == manifest.size_bytes);
        Ok(whole.then_some(manifest))
    }

    /// Returns the module of a guest and its digest. The module is mapped: nothing is read yet.
    ///
    /// # Errors
    ///
    /// If the module can't be mapped, or the manifest has no proper digest.
    pub fn module(&self, manifest: &Manifest) -> anyhow::Result<(Bytes, [u8; 32])> {
        let path = self.module_path(manifest);
        let digest = blake3::Hash::from_hex(&manifest.blake3)
            .with_context(|| format!("the manifest of {} is damaged", manifest.name))?;
        let file = File::open(&path).with_context(|| format!("cannot read {}", path.display()))?;
        // SAFETY: the store writes a module once, under another name, and never changes it; the directory is the user's.
        let map = unsafe { memmap2::Mmap::map(&file) }.with_context(|| format!("cannot map {}", path.display()))?;
        Ok((Bytes::from_owner(map), *digest.as_bytes()))
    }

    /// Keeps a module under a name, in place of what had the name before.
    pub(super) fn put(&self, name: &str, source: Source, module: Module) -> anyhow::Result<Added> {
        let added_at = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs();
        let blake3 = module.blake3.to_hex().to_string();
        let manifest = Manifest { name: name.to_owned(), source, size_bytes: module.size_bytes, blake3, added_at };
        let old = self.get(name)?;
        if let Some(old) = &old
            && (&old.source, &old.blake3) == (&manifest.source, &manifest.blake3)
        {
            return Ok(Added { manifest: old.clone(), new: false });
        }

        let write = || -> anyhow::Result<()> {
            module.file.persist(self.module_path(&manifest))?;
            let mut file = tempfile::Builder::new().prefix(".manifest-").tempfile_in(&self.dir)?;
            serde_json::to_writer_pretty(&mut file, &manifest)?;
            file.write_all(b"\n")?;
            file.as_file().sync_all()?;
            file.persist(self.manifest_path(name))?;
            Ok(())
        };
        write().with_context(|| format!("cannot keep {name} in {}", self.dir.display()))?;
        if let Some(old) = old {
            self.remove_module_if_unused(&old)?;
        }
        Ok(Added { manifest, new: true })
    }

    /// Forgets a guest. Sandboxes that have it keep it until they end.
    ///
    /// # Errors
    ///
    /// If no guest has this name, or its files can't be removed.
    pub fn remove(&self, name: &str) -> anyhow::Result<()> {
        let path = self.manifest_path(name);
        ensure!(!name.contains('/') && path.exists(), "no guest {name:?} has been added");
        let manifest = self.get(name).ok().flatten();
        fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        manifest.map_or(Ok(()), |manifest| self.remove_module_if_unused(&manifest))
    }

    /// Removes a module, unless another guest has the same.
    fn remove_module_if_unused(&self, manifest: &Manifest) -> anyhow::Result<()> {
        if self.list()?.iter().any(|other| other.blake3 == manifest.blake3) {
            return Ok(());
        }
        let path = self.module_path(manifest);
        fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))
    }

    fn manifest_path(&self, name: &str) -> PathBuf {
        self.dir.join(format!("{name}.json"))
    }

    fn module_path(&self, manifest: &Manifest) -> PathBuf {
        self.dir.join(format!("{}.wasm", manifest.blake3))
    }
}
