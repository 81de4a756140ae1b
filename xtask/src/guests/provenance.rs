//! `guests/prebuilt/provenance.json`: what each prebuilt program was built from, and with.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::programs::{self, Program};
use super::sources;

const FILE: &str = "prebuilt/provenance.json";

/// The whole file, sorted by name.
#[derive(Serialize, Deserialize, Default)]
pub struct Provenance {
    artifacts: Vec<Entry>,
}

/// One prebuilt program.
#[derive(Serialize, Deserialize)]
pub struct Entry {
    name: String,
    package: String,
    toolchain: String,
    /// The fingerprint of the sources ([`sources::fingerprint`]).
    sources: String,
    /// The BLAKE3 of the program.
    blake3: String,
    size: u64,
}

impl Entry {
    /// Describes `wasm`, which `toolchain` has just built from `sources`.
    pub fn new(program: &Program, toolchain: String, sources: String, wasm: &[u8]) -> Self {
        Self {
            name: program.name.clone(),
            package: program.package.clone(),
            toolchain,
            sources,
            blake3: blake3::hash(wasm).to_hex().to_string(),
            size: wasm.len() as u64,
        }
    }
}

impl Provenance {
    /// Reads the file; there is none before the first build.
    pub fn read(guests: &Path) -> Result<Self> {
        let path = guests.join(FILE);
        if !path.exists() {
            return Ok(Self::default());
        }
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("cannot understand {}", path.display()))
    }

    /// Adds `entry` in place of the one of the same name.
    pub fn put(&mut self, entry: Entry) {
        self.artifacts.retain(|old| old.name != entry.name);
        self.artifacts.push(entry);
        self.artifacts.sort_by(|a, b| a.name.cmp(&b.name));
    }

    /// Writes the file, without the programs that no longer exist.
    pub fn write(mut self, guests: &Path) -> Result<()> {
        let programs = programs::all(guests)?;
        self.artifacts.retain(|entry| programs.iter().any(|program| program.name == entry.name));
        let path = guests.join(FILE);
        let text = serde_json::to_string_pretty(&self).context("cannot write provenance as JSON")?;
        fs::write(&path, text + "\n").with_context(|| format!("cannot write {}", path.display()))
    }
}

/// Returns one line for each program of `guests` whose prebuilt file is not what its sources say, with the reason.
pub fn stale(guests: &Path) -> Result<Vec<String>> {
    let provenance = Provenance::read(guests)?;
    let mut stale = Vec::new();
    for program in programs::all(guests)? {
        if let Some(why) = why_stale(guests, &provenance, &program)? {
            stale.push(format!("{}: {why}", program.name));
        }
    }
    Ok(stale)
}

fn why_stale(guests: &Path, provenance: &Provenance, program: &Program) -> Result<Option<&'static str>> {
    let Some(entry) = provenance.artifacts.iter().find(|entry| entry.name == program.name) else {
        return Ok(Some("was never built"));
    };
    let Ok(wasm) = fs::read(guests.join("prebuilt").join(format!("{}.wasm", program.name))) else {
        return Ok(Some("its file is missing"));
    };
    if blake3::hash(&wasm).to_hex().as_str() != entry.blake3 {
        return Ok(Some("the file is not the one that was built"));
    }
    if sources::fingerprint(guests, &program.package)? != entry.sources {
        return Ok(Some("its sources have changed"));
    }
    Ok(None)
}
