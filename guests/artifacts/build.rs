//! Turns `prebuilt/provenance.json` and `programs.toml` into constants.

use std::collections::BTreeMap;
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
    blake3: String,
}

/// The names that each module has in the image.
type Names = BTreeMap<String, Vec<String>>;

fn main() -> Result<()> {
    let package = env::var("CARGO_MANIFEST_DIR")?;
    let names = Path::new(&package).join("programs.toml");
    println!("cargo::rerun-if-changed={}", names.display());
    let names = fs::read_to_string(names).context("cannot read programs.toml")?;
    let names: Names = toml::from_str(&names).context("cannot understand programs.toml")?;

    let prebuilt = Path::new(&package).join("../prebuilt");
    println!("cargo::rerun-if-changed={}", prebuilt.display());
    let path = prebuilt.join("provenance.json");
    let text = fs::read_to_string(&path).context("no prebuilt guests: run `cargo xtask guests`")?;
    let provenance: Provenance = serde_json::from_str(&text).context("cannot understand provenance.json")?;
    let code = artifacts(&provenance, &names, &prebuilt)?;
    fs::write(Path::new(&env::var("OUT_DIR")?).join("artifacts.rs"), code).context("cannot write the constants")
}

fn artifacts(provenance: &Provenance, names: &Names, prebuilt: &Path) -> Result<String> {
    let mut code = String::from("&[\n");
    for Entry { name, blake3 } in &provenance.artifacts {
        let applets = names.get(name).with_context(|| format!("programs.toml does not say what {name} is called"))?;
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
