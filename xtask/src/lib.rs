//! The repository's own commands, one module per verb of `cargo xtask`.

pub mod ci;
pub mod goldens;
pub mod guests;
pub mod tidy;

mod shell;

use std::path::{Path, PathBuf};

/// Returns the root of the repository.
///
/// It is where Cargo found this crate when it was compiled, so the commands work from any directory.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies one level below the root").to_path_buf()
}
