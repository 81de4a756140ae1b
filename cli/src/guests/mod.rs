//! Guests: programs that are added to the built-in ones.
//!
//! ```text
//!   catalog   what `guests add python` means: package, version, checksum, place in the image
//!      |
//!      v
//!   fetch     npm pack, unpack, check          a .wasm file by path
//!      |                                            |
//!      '---------------> store <--------------------'
//!                          one file and one manifest for each guest
//! ```
//!
//! [`image`](crate::image) then puts what the store holds into the image of every sandbox.

pub mod catalog;
pub mod fetch;
pub mod store;

use std::path::Path;

use anyhow::Context as _;

pub use catalog::Recipe;
pub use store::{Added, Manifest, Source, Store};

/// Adds a guest of the catalog, fetching it if the store doesn't hold it yet.
///
/// # Errors
///
/// If npm can't be run or fails, if what it fetched isn't what the catalog expects, or if the store can't be written.
pub fn add_from_catalog(store: &Store, recipe: &Recipe) -> anyhow::Result<Added> {
    if let Some(manifest) = store.get(recipe.name)?
        && manifest.source == recipe.source()
    {
        return Ok(Added { manifest, new: false });
    }
    let module = fetch::fetch(recipe, store.dir())?;
    store.put(recipe.name, recipe.source(), module)
}

/// Adds a WebAssembly file under `name`, or under its own name without `.wasm`.
///
/// The file is copied. Whether it is a program that the engine can run is found out by starting it:
/// see [`image::compile`](crate::image::compile).
///
/// # Errors
///
/// If the file can't be read, doesn't begin as a core module does, or if the name can't be that of a program.
pub fn add_from_path(store: &Store, path: &Path, name: Option<&str>) -> anyhow::Result<Added> {
    let name = match name {
        Some(name) => name,
        None => {
            path.file_stem().and_then(|stem| stem.to_str()).context("the file has no name; give one with --name")?
        }
    };
    check_name(name)?;
    let full = path.canonicalize().with_context(|| format!("cannot read {}", path.display()))?;
    let module = fetch::copy(&full, store.dir())?;
    store.put(name, Source::File { path: full }, module)
}

/// Checks that a program can have this name: a plain file name that no part of the catalog owns.
fn check_name(name: &str) -> anyhow::Result<()> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._+-".contains(&byte);
    anyhow::ensure!(
        (1..=64).contains(&name.len()) && name.bytes().all(plain) && !name.starts_with(['.', '-']),
        "{name:?} can't be the name of a guest: use up to 64 of a-z, A-Z, 0-9, `.`, `_`, `+` and `-`"
    );
    if let Some(recipe) = catalog::find(name) {
        anyhow::bail!("the name {name:?} belongs to the catalog's {}; give another one with --name", recipe.title);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
