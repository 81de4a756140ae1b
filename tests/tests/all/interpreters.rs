//! Interpreters that are too large to be built in. They are fetched once through npm and kept under `target`, as
//! `stillbox guests add` does it.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use stillbox::{Engine, EngineBuilder};
use stillbox_cli::guests::{self, Store};
use stillbox_cli::home::Home;
use stillbox_cli::image;
use stillbox_tests::output_dir;

/// Returns the engine that all tests with interpreters share.
pub fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| builder().build().expect("the engine starts"))
}

/// Returns an engine of its own, not started yet, with the same programs. It finds the snapshots of the others.
pub fn builder() -> EngineBuilder {
    builder_in(&home())
}

/// Returns an engine of its own, not started yet, with the same programs, that keeps its snapshots below a directory.
pub fn builder_in(dir: &Path) -> EngineBuilder {
    let cache = output_dir().join("cache");
    let store = Store::open(&Home { cache: cache.clone(), data: home() }).expect("the store of guests can be opened");
    for name in ["python", "ruby", "quickjs", "sqlite"] {
        let recipe = guests::catalog::find(name).expect("it is in the catalog");
        if let Err(error) = guests::add_from_catalog(&store, recipe) {
            panic!(
                "these tests fetch interpreters through npm, which has to be installed and to reach its registry: {error:#}"
            );
        }
    }
    image::builder(&Home { cache, data: dir.to_path_buf() }, &store).expect("the image can be made")
}

fn home() -> PathBuf {
    output_dir().join("home")
}
