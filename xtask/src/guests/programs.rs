//! Which programs the workspace in `guests/` makes.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

/// One program: a binary target of one package.
pub struct Program {
    /// The binary's name, and the stem of its file in `prebuilt/`.
    pub name: String,
    /// The package that it belongs to.
    pub package: String,
    /// Whether part of it is C, in the package's directory `c`.
    pub has_c: bool,
}

impl Program {
    /// Returns whether `name` means this program: its own name, its package's, or that of the package's directory.
    pub fn is_called(&self, name: &str) -> bool {
        self.name == name || self.package == name || self.package.strip_prefix("stillbox-") == Some(name)
    }
}

#[derive(Deserialize)]
struct Workspace {
    workspace: Members,
}

#[derive(Deserialize)]
struct Members {
    members: Vec<String>,
}

#[derive(Deserialize)]
struct Manifest {
    package: Package,
    #[serde(default)]
    bin: Vec<Bin>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
}

#[derive(Deserialize)]
struct Bin {
    name: String,
}

/// Returns the programs of the workspace, sorted by name.
///
/// Read from the manifests rather than asked of Cargo, so that the check for stale programs costs a test nothing.
pub fn all(guests: &Path) -> Result<Vec<Program>> {
    let workspace: Workspace = read(&guests.join("Cargo.toml"))?;
    let mut programs = Vec::new();
    for member in workspace.workspace.members {
        let directory = guests.join(&member);
        let manifest: Manifest = read(&directory.join("Cargo.toml"))?;
        let has_c = directory.join("c").is_dir();
        for Bin { name } in manifest.bin {
            programs.push(Program { name, package: manifest.package.name.clone(), has_c });
        }
    }
    programs.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(programs)
}

fn read<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<T> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    toml::from_str(&text).with_context(|| format!("cannot understand {}", path.display()))
}
