//! Turns `prebuilt/provenance.json` into constants.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

#[derive(Deserialize)]
struct Provenance {
    artifacts: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    name: String,
    applets: Vec<String>,
    blake3: String,
}

fn main() -> Result<()> {
    let prebuilt = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../prebuilt");
    println!("cargo::rerun-if-changed={}", prebuilt.display());
    let path = prebuilt.join("provenance.json");
    let text = fs::read_to_string(&path).context("no prebuilt guests: run `cargo xtask guests`")?;
    let provenance: Provenance = serde_json::from_str(&text).context("cannot understand provenance.json")?;
    let code = artifacts(&provenance, &prebuilt)?;
    fs::write(Path::new(&env::var("OUT_DIR")?).join("artifacts.rs"), code).context("cannot write the constants")
}

fn artifacts(provenance: &Provenance, prebuilt: &Path) -> Result<String> {
    let mut code = String::from("&[\n");
    for Entry { name, applets, blake3 } in &provenance.artifacts {
        let file = prebuilt.join(format!("{name}.wasm"));
        ensure!(file.is_file(), "{name}.wasm is missing: run `cargo xtask guests {name}`");
        println!("cargo::rerun-if-changed={}", file.display());
        writeln!(
            code,
            "Artifact {{ name: {name:?}, bytes: include_bytes!({file:?}), hash: {:?}, applets: &{applets:?} }},",
            bytes(blake3)?
        )?;
    }
    code.push(']');
    Ok(code)
}

/// Reads 32 bytes from hexadecimal.
fn bytes(hexadecimal: &str) -> Result<Vec<u8>> {
    ensure!(hexadecimal.len() == 64 && hexadecimal.is_ascii(), "a hash has 64 digits, not {hexadecimal:?}");
    let byte = |at| u8::from_str_radix(&hexadecimal[at..at + 2], 16).with_context(|| format!("in {hexadecimal:?}"));
    (0..64).step_by(2).map(byte).collect()
}
