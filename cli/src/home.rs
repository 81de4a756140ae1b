//! Where the command keeps its files.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// The directories of one user.
#[derive(Clone, Debug)]
pub struct Home {
    /// What was added and must be kept: the guests, snapshots and suspended sandboxes, and the shell's history.
    pub data: PathBuf,
    /// What can be made again: compiled code.
    pub cache: PathBuf,
}

impl Home {
    /// Returns the directories that the environment asks for: `STILLBOX_HOME` for everything, otherwise those of the
    /// XDG base directories.
    ///
    /// # Errors
    ///
    /// If the environment has neither these nor `HOME`.
    pub fn from_env() -> anyhow::Result<Self> {
        if let Some(home) = dir("STILLBOX_HOME") {
            let home = std::path::absolute(home).context("cannot use STILLBOX_HOME")?;
            return Ok(Self { cache: home.join("cache"), data: home });
        }
        let user = dir("HOME");
        let under = |variable, default: &str| {
            // Relative paths in these variables are to be ignored (XDG Base Directory Specification).
            let base = dir(variable).filter(|path| path.is_absolute()).or_else(|| Some(user.as_ref()?.join(default)));
            base.map(|base| base.join("stillbox")).with_context(|| format!("neither {variable} nor HOME is set"))
        };
        Ok(Self { data: under("XDG_DATA_HOME", ".local/share")?, cache: under("XDG_CACHE_HOME", ".cache")? })
    }
}

/// Makes a directory that is this user's alone, if there is none: what sandboxes remember is nobody else's.
pub(crate) fn make_private(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    fs::set_permissions(dir, fs::Permissions::from_mode(0o700))
}

fn dir(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from)
}
