//! The image of this user's sandboxes: the standard one, with the added guests in it.

use anyhow::Context as _;
use stillbox::{Command, Engine, EngineBuilder, Image, SandboxSpec, Sandboxes as _};

use crate::guests::{Manifest, Source, Store, catalog};
use crate::home::{Home, make_private};

/// The name of the image that has only the built-in programs.
pub const STANDARD: &str = "standard";

/// Where guests that come from a file are in the image.
const PROGRAM_DIR: &str = "/usr/local/bin";

/// Returns an engine whose sandboxes begin with every guest of the store, and which keeps compiled code, snapshots and
/// suspended sandboxes for the next one.
///
/// # Errors
///
/// If a guest can't be read, or the engine can't be started.
pub fn engine(home: &Home, store: &Store) -> anyhow::Result<Engine> {
    Ok(builder(home, store)?.build()?)
}

/// Returns what [`engine`] starts, not started yet.
///
/// # Errors
///
/// If a guest can't be read.
pub fn builder(home: &Home, store: &Store) -> anyhow::Result<EngineBuilder> {
    let standard = Image::standard()?;
    let image = with_guests(&standard, store)?;
    let snapshots = home.data.join("snapshots");
    make_private(&snapshots).with_context(|| format!("cannot use {}", snapshots.display()))?;
    let builder = Engine::builder().cache_dir(&home.cache).snapshot_dir(snapshots);
    Ok(builder.image(STANDARD, standard).default_image(image))
}

/// Returns an image that has every guest of the store in addition.
fn with_guests(image: &Image, store: &Store) -> anyhow::Result<Image> {
    let mut builder = image.extend();
    for manifest in store.list()? {
        let (module, _digest) = store.module(&manifest)?;
        builder.file(&program_path(&manifest), module, 0o755)?;
        let Some(recipe) = recipe(&manifest) else { continue };
        for (path, target) in recipe.links {
            builder.symlink(path, target)?;
        }
        for (path, mode, content) in recipe.files {
            builder.file(path, *content, *mode)?;
        }
        for (name, value) in recipe.env {
            builder.env(*name, *value);
        }
    }
    Ok(builder.finish()?)
}

/// Returns the path of a guest's program in the image.
pub fn program_path(manifest: &Manifest) -> String {
    match recipe(manifest) {
        Some(recipe) => recipe.program.to_owned(),
        None => format!("{PROGRAM_DIR}/{}", manifest.name),
    }
}

fn recipe(manifest: &Manifest) -> Option<&'static catalog::Recipe> {
    match manifest.source {
        Source::Npm { .. } => catalog::find(&manifest.name),
        Source::File { .. } => None,
    }
}

/// Compiles a guest of the store, so that its first start is as fast as any other. Does nothing if it has been done.
///
/// # Errors
///
/// If the engine can't run the guest: it isn't valid, or imports what a sandbox doesn't have.
pub async fn compile(engine: &Engine, manifest: &Manifest) -> anyhow::Result<()> {
    let sandbox = engine.create(SandboxSpec::default().terminate_on_drop(true)).await?;
    // A program is compiled before its process exists; the process itself isn't wanted.
    let process = sandbox.start_process(Command::new(program_path(manifest))).await?;
    sandbox.kill_process(process.pid.into()).await?;
    sandbox.terminate().await?;
    Ok(())
}
