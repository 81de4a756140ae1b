//! The fingerprint of everything that a program is made from.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;

/// Files of a package that do not end up in its program.
const NOT_BUILT: [&str; 4] = ["benches", "examples", "tests", "target"];

/// Returns the BLAKE3 of all that `package` is built from, in hexadecimal.
///
/// That is: the files of the package and of every package of the workspace that it depends on; name, version and
/// checksum of every package from the registry, and the features that the workspace asks of it; the profile; and what
/// Debian's C library is patched with. Other packages of the same workspace don't count, so changing one guest leaves the others fresh.
pub fn fingerprint(guests: &Path, package: &str) -> Result<String> {
    let lock: Lock = parse(&guests.join("Cargo.lock"))?;
    let closure = lock.closure(package).with_context(|| format!("`{package}` is not in guests/Cargo.lock"))?;
    let members = members(guests)?;

    let mut hasher = blake3::Hasher::new();
    let mut add = |label: &str, content: &[u8]| {
        for part in [label.as_bytes(), content] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
    };
    for locked in &closure {
        match members.get(&locked.name) {
            Some(directory) => {
                for file in files(directory)? {
                    let content = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
                    add(&label(guests, &file), &content);
                }
            }
            None => add(&format!("{} {}", locked.name, locked.version), locked.checksum.as_bytes()),
        }
    }
    for file in files(&guests.join("sysroot"))? {
        add(&label(guests, &file), &fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?);
    }
    let manifest: toml::Table = parse(&guests.join("Cargo.toml"))?;
    add("profile", manifest.get("profile").map(ToString::to_string).unwrap_or_default().as_bytes());
    let shared = manifest.get("workspace").and_then(|workspace| workspace.get("dependencies"));
    for (name, wanted) in shared.and_then(toml::Value::as_table).into_iter().flatten() {
        if closure.iter().any(|locked| locked.name == *name) {
            add(name, wanted.to_string().as_bytes());
        }
    }
    Ok(hasher.finalize().to_hex().to_string())
}

#[derive(Deserialize)]
struct Lock {
    package: Vec<Locked>,
}

#[derive(Deserialize, PartialEq, Eq, PartialOrd, Ord)]
struct Locked {
    name: String,
    version: String,
    #[serde(default)]
    checksum: String,
    /// Each is `name`, or `name version` where the lock file holds several versions of it.
    #[serde(default)]
    dependencies: Vec<String>,
}

impl Lock {
    fn find(&self, dependency: &str) -> Option<&Locked> {
        let mut words = dependency.split(' ');
        let (name, version) = (words.next()?, words.next());
        self.package
            .iter()
            .find(|locked| locked.name == name && version.is_none_or(|version| version == locked.version))
    }

    /// Returns `package` and all that it depends on.
    fn closure(&self, package: &str) -> Option<BTreeSet<&Locked>> {
        let mut closure = BTreeSet::new();
        let mut pending = vec![self.find(package)?];
        while let Some(locked) = pending.pop() {
            if closure.insert(locked) {
                pending.extend(locked.dependencies.iter().filter_map(|dependency| self.find(dependency)));
            }
        }
        Some(closure)
    }
}

/// Returns the directory of each package of the workspace.
fn members(guests: &Path) -> Result<BTreeMap<String, PathBuf>> {
    let mut members = BTreeMap::new();
    for entry in fs::read_dir(guests).context("cannot list guests/")? {
        let directory = entry?.path();
        let manifest = directory.join("Cargo.toml");
        if manifest.is_file() {
            let manifest: toml::Table = parse(&manifest)?;
            let name = manifest.get("package").and_then(|package| package.get("name")).and_then(toml::Value::as_str);
            members.extend(name.map(|name| (name.to_owned(), directory)));
        }
    }
    Ok(members)
}

/// Returns the files below `directory` that can matter to a build, sorted.
fn files(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).with_context(|| format!("cannot list {}", directory.display()))? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with('.') || NOT_BUILT.contains(&name.as_ref()) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            files.extend(self::files(&entry.path())?);
        } else {
            files.push(entry.path());
        }
    }
    files.sort();
    Ok(files)
}

/// Returns `file` as it is called inside the repository, on every system.
fn label(guests: &Path, file: &Path) -> String {
    let inside = file.strip_prefix(guests).unwrap_or(file);
    inside.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

fn parse<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<T> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    toml::from_str(&text).with_context(|| format!("cannot understand {}", path.display()))
}
