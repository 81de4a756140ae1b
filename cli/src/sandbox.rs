//! From the command line to a sandbox.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use stillbox::{AsyncSandbox, Engine, Mount, SandboxSpec, Sandboxes as _};

use crate::args::{MountArg, SandboxArgs};
use crate::guests::Store;
use crate::home::Home;
use crate::image;

/// The user's directory in the standard image, where commands start.
pub(crate) const USER_DIR: &str = "/root";

/// How much our terminal may be late, in bytes, before it misses some of what a program shows.
const TERMINAL_BYTES: u32 = 16 << 20;

/// Returns the runtime that the API's futures run on. Guests have threads of their own.
pub(crate) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    runtime.context("cannot start the runtime")
}

/// Does what is asynchronous. The thread that reads standard input may be waiting for it, and is not waited for.
pub(crate) fn block_on<T>(future: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = runtime()?;
    let done = runtime.block_on(future);
    runtime.shutdown_background();
    done
}

/// Returns an engine whose image has everything that was added.
pub(crate) fn engine() -> anyhow::Result<Engine> {
    engine_in(&Home::from_env()?)
}

/// Returns the engine of a home.
pub(crate) fn engine_in(home: &Home) -> anyhow::Result<Engine> {
    image::engine(home, &Store::open(home)?)
}

/// Makes the sandbox that the command line asks for.
pub(crate) async fn create(engine: &Engine, args: &SandboxArgs) -> anyhow::Result<Arc<dyn AsyncSandbox>> {
    let sandbox = engine.create(spec(args)?).await?;
    upload(sandbox.as_ref(), args).await?;
    Ok(sandbox)
}

/// Copies the files into a sandbox that the command line gives it.
pub(crate) async fn upload(sandbox: &dyn AsyncSandbox, args: &SandboxArgs) -> anyhow::Result<()> {
    for file in &args.file {
        ensure!(
            !file.host_path.is_dir(),
            "{} is a directory: use --mount to show it in the sandbox",
            file.host_path.display()
        );
        sandbox.upload_file(&file.host_path, &file.guest_path).await?;
    }
    Ok(())
}

/// Returns what the command line says of a sandbox, which ends with its handle.
pub(crate) fn spec(args: &SandboxArgs) -> anyhow::Result<SandboxSpec> {
    let working_dir = working_dir(args);
    let mut spec = SandboxSpec::default().working_dir(&working_dir).terminate_on_drop(true);
    spec.image = args.image.clone();
    spec.env.extend(args.env.iter().cloned());
    spec.limits.terminal_bytes = TERMINAL_BYTES;
    if let Some(bytes) = args.memory {
        spec.limits.memory_bytes = bytes;
        spec.limits.process_memory_bytes = bytes;
    }
    spec.mounts = mounts(&args.mount, &working_dir)?;
    Ok(spec)
}

/// Returns the directories to mount; relative guest paths begin at `working_dir`.
pub(crate) fn mounts(args: &[MountArg], working_dir: &str) -> anyhow::Result<Vec<Mount>> {
    let mount = |mount: &MountArg| {
        let host_path = std::path::absolute(&mount.host_path).context("cannot mount a directory without a path")?;
        let guest_path = below(working_dir, &mount.guest_path);
        Ok(Mount { host_path, guest_path, writable: mount.writable })
    };
    args.iter().map(mount).collect()
}

/// Returns the directory that commands start in. A relative one is below the one that it would be without the option.
fn working_dir(args: &SandboxArgs) -> String {
    below(USER_DIR, args.workdir.as_deref().unwrap_or("."))
}

/// Returns a path of the sandbox, made absolute.
fn below(dir: &str, path: &str) -> String {
    let path = Path::new(dir).join(path);
    path.components().collect::<PathBuf>().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::below;

    #[test]
    fn relative_paths_begin_at_the_directory() {
        assert_eq!(below("/root", "src"), "/root/src");
        assert_eq!(below("/root", "./src/"), "/root/src");
        assert_eq!(below("/root", "."), "/root");
        assert_eq!(below("/root", "/src"), "/src");
    }
}
