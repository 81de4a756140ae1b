//! The engine: makes sandboxes and finds them again.

use std::collections::HashMap;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use stillbox_api::{
    AsyncSandbox, BindOutcome, BoxError, CheckpointError, Command, ConnectError, CreateError, LifecycleError, Limits,
    Metrics, Mount, SandboxInfo, SandboxSpec, SandboxStatus, SandboxUpdate, Sandboxes, SnapshotInfo, TerminationReason,
    Unsupported, validate_name,
};

use stillbox_checkpoint::sandbox::persist::MountState;
use stillbox_checkpoint::{Purpose, SnapshotRecord};
use stillbox_kernel::fs::persist::BaseTree;

use crate::config::{Code, WASM_STACK_BYTES};
use crate::image::Image;
use crate::registry::{NotRenamed, Registry};
use crate::runtime::Runtime;
use crate::sandbox::state::Inner;
use crate::sandbox::still::Still;
use crate::sandbox::{Live, Sandbox, snapshot, suspend};
use crate::snapshots::{ExportError, ImportError, Snapshots};

/// An engine in this process: makes sandboxes, and runs what is in them on threads of its own.
///
/// Clones are handles of one engine. Its sandboxes end when the last of these handles, and the last handle of a sandbox,
/// is dropped; [`shutdown`](Self::shutdown) ends them at once. One engine for a process is usual: it is where compiled
/// programs are shared.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
}

/// What all handles of an engine, and of its sandboxes, share.
pub(crate) struct Shared {
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) registry: Registry,
    pub(crate) snapshots: Snapshots,
    images: HashMap<String, Image>,
    default_image: Image,
}

/// An engine could not be started.
#[derive(Debug, thiserror::Error)]
#[error("the engine could not be started")]
pub struct EngineError(#[source] BoxError);

/// How an engine is to be; [`Engine::builder`] makes one.
#[derive(Default)]
pub struct EngineBuilder {
    cache_dir: Option<PathBuf>,
    snapshot_dir: Option<PathBuf>,
    images: HashMap<String, Image>,
    default_image: Option<Image>,
    nothing_ahead: bool,
    code: Code,
}

impl EngineBuilder {
    /// Keeps compiled programs in this directory, which becomes readable by this user alone. Without one, they are
    /// compiled again in each process.
    ///
    /// What is in the directory is run as native code: it must not be writable by anyone who isn't trusted.
    #[must_use]
    pub fn cache_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.cache_dir = Some(dir.into());
        self
    }

    /// Sets whether a thread that comes last compiles what will be needed when the programs that were started are interrupted
    /// or saved. It does by default, once for each program, if there is a cache directory to keep it in.
    #[must_use]
    pub fn compile_ahead(mut self, ahead: bool) -> Self {
        self.nothing_ahead = !ahead;
        self
    }

    /// Sets whether guests are run by an interpreter instead of as native code: on any processor, and where no memory may
    /// be made executable. It needs the feature `interpreter` of this crate, and is off by default.
    ///
    /// What a guest does is the same, but where it computes it takes some tens of times as long. Sandboxes that an
    /// interpreting engine has saved go on in one that doesn't interpret, and the other way round; both may share their
    /// directories. Programs with atomic instructions can't be executed.
    #[must_use]
    pub fn interpreted(mut self, interpreted: bool) -> Self {
        self.code = if interpreted { Code::Interpreted } else { Code::Native };
        self
    }

    /// Keeps snapshots, and suspended sandboxes, in this directory, where they outlive this process. Several engines may use
    /// one at the same time. Without one, they are kept in memory.
    ///
    /// The directory must be the caller's own: whoever can write to it can change what sandboxes go on with.
    #[must_use]
    pub fn snapshot_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.snapshot_dir = Some(dir.into());
        self
    }

    /// Offers an image to sandboxes that ask for it by `name`.
    #[must_use]
    pub fn image(mut self, name: impl Into<String>, image: Image) -> Self {
        self.images.insert(name.into(), image);
        self
    }

    /// Sets the image of sandboxes that ask for none, in place of [`Image::standard`].
    #[must_use]
    pub fn default_image(mut self, image: Image) -> Self {
        self.default_image = Some(image);
        self
    }

    /// Starts the engine.
    ///
    /// # Errors
    ///
    /// If the system can't give it what it needs, such as address space. [`Unsupported`] is the source of the error where
    /// guests are to be [`interpreted`](Self::interpreted) and this build has no interpreter.
    pub fn build(self) -> Result<Engine, EngineError> {
        if self.code == Code::Interpreted && !cfg!(feature = "interpreter") {
            let reason = "this engine was built without its feature `interpreter`";
            return Err(EngineError(Unsupported { operation: "interpreting guests", reason }.into()));
        }
        let runtime =
            Runtime::new(self.code, self.cache_dir, !self.nothing_ahead).map_err(|error| EngineError(error.into()))?;
        let default_image = match self.default_image {
            Some(image) => image,
            None => Image::standard().map_err(|error| EngineError(error.into()))?,
        };
        for image in self.images.values().chain([&default_image]) {
            image.announce(&runtime.programs);
        }
        let (registry, threads) = (Registry::default(), runtime.threads.clone());
        let snapshots = match self.snapshot_dir {
            Some(dir) => Snapshots::in_directory(&dir, threads).map_err(|error| EngineError(error.into()))?,
            None => Snapshots::in_memory(threads),
        };
        Ok(Engine { shared: Arc::new(Shared { runtime, registry, snapshots, images: self.images, default_image }) })
    }
}

impl Engine {
    /// Starts an engine with the standard image, which keeps compiled programs in the user's cache directory
    /// (`$XDG_CACHE_HOME/stillbox` or `~/.cache/stillbox`).
    ///
    /// # Errors
    ///
    /// As [`EngineBuilder::build`].
    pub fn new() -> Result<Self, EngineError> {
        let builder = Self::builder();
        match default_cache_dir() {
            Some(dir) => builder.cache_dir(dir).build(),
            None => builder.build(),
        }
    }

    /// Returns a builder of an engine with the standard image and without a cache directory.
    pub fn builder() -> EngineBuilder {
        EngineBuilder::default()
    }

    /// Terminates all sandboxes, except suspended ones in a [`snapshot_dir`](EngineBuilder::snapshot_dir). The engine can go on to be used.
    pub fn shutdown(&self) {
        self.shared.terminate_all();
    }

    /// Returns what the engine has done so far and what it holds now, for export to whatever watches over the host.
    ///
    /// Costs a look at each sandbox that lives.
    pub fn metrics(&self) -> Metrics {
        self.shared.metrics()
    }

    /// Writes a snapshot as one file, which holds all that it needs: a program, a file, an image are in it.
    ///
    /// Blocks for as long as reading, compressing and writing take. `writer` should be buffered.
    ///
    /// # Errors
    ///
    /// [`ExportError::Read`] for a snapshot that isn't there or is damaged, [`ExportError::Write`] for what `writer` says.
    pub fn export_snapshot(&self, id: &str, writer: &mut dyn Write) -> Result<SnapshotInfo, ExportError> {
        self.shared.snapshots.export(id, writer)
    }

    /// Takes in a snapshot that [`export_snapshot`](Self::export_snapshot) has written, by this engine or another one, and
    /// returns it. It keeps its id, unless a snapshot here has that.
    ///
    /// The file may come from anyone: it is checked, and what its programs can do is what programs of a sandbox can. Blocks
    /// for as long as checking and storing take.
    ///
    /// # Errors
    ///
    /// [`ImportError::Format`] for what is no snapshot, [`ImportError::Store`] if it can't be kept.
    pub fn import_snapshot(&self, file: &Bytes) -> Result<SnapshotInfo, ImportError> {
        self.shared.snapshots.import(file)
    }

    fn handle(&self, inner: Arc<Inner>, owns: bool) -> Arc<dyn AsyncSandbox> {
        Sandbox::new(self.shared.clone(), inner, owns)
    }

    /// Makes the sandbox of `spec`, unless one has its name already.
    async fn make(&self, spec: SandboxSpec) -> Result<Arc<dyn AsyncSandbox>, MakeError> {
        let image = self.shared.check(&spec)?;
        let (spec, still) = match &spec.snapshot_id {
            Some(id) => {
                let still = snapshot::read(&self.shared, id).await.map_err(CreateError::from)?;
                (snapshot::spec_of(spec, &still)?, Some(still))
            }
            None => (spec, None),
        };
        let name = spec.name.clone();
        if let Some(name) = &name {
            self.shared.adopt(name).await;
        }
        let engine = Arc::downgrade(&self.shared);
        let entered = self.shared.registry.enter(name.as_deref(), |id, number| Inner::new(engine, id, number, spec));
        let inner = entered.map_err(MakeError::NameHeldBy)?;

        // From here on, the sandbox goes away again if anything fails, or if the caller does.
        let unfinished = Unfinished { engine: &self.shared, inner, is_finished: false };
        let inner = &unfinished.inner;
        let live = match still {
            Some(still) => Live::load(&self.shared, inner, &still)?.go_on()?,
            None => Live::boot(&self.shared, inner, image)?,
        };
        inner.set_running(live.clone()).map_err(|gone| CreateError::Connect(gone.into()))?;
        if let [program, args @ ..] = &inner.spec.entrypoint[..] {
            live.start(Command::new(program).args(args)).await.map_err(CreateError::Entrypoint)?;
        }
        let inner = unfinished.finish();
        tracing::debug!(id = inner.id, name = inner.spec.name, "sandbox created");
        let owns = inner.spec.terminate_on_drop;
        Ok(self.handle(inner, owns))
    }
}

#[async_trait]
impl Sandboxes for Engine {
    async fn create(&self, spec: SandboxSpec) -> Result<Arc<dyn AsyncSandbox>, CreateError> {
        self.make(spec).await.map_err(|error| match error {
            MakeError::NameHeldBy(holder) => CreateError::NameTaken { name: holder.name().unwrap_or_default() },
            MakeError::Create(error) => error,
        })
    }

    async fn connect(&self, id_or_name: &str) -> Result<Arc<dyn AsyncSandbox>, ConnectError> {
        if self.shared.registry.find(id_or_name).is_none() {
            self.shared.adopt(id_or_name).await;
        }
        let inner = self.shared.registry.find(id_or_name);
        let inner = inner.ok_or_else(|| ConnectError::NotFound { id_or_name: id_or_name.to_owned() })?;
        inner.changed_from(SandboxStatus::Pending).await;
        Ok(self.handle(inner, false))
    }

    async fn get_or_create(
        &self,
        name: &str,
        spec: SandboxSpec,
    ) -> Result<(Arc<dyn AsyncSandbox>, BindOutcome), CreateError> {
        let spec = SandboxSpec { name: Some(name.to_owned()), ..spec };
        loop {
            self.shared.adopt(name).await;
            let holder = match self.shared.registry.named(name) {
                Some(holder) => holder,
                None => match self.make(spec.clone()).await {
                    Ok(sandbox) => return Ok((sandbox, BindOutcome::Created)),
                    Err(MakeError::Create(error)) => return Err(error),
                    Err(MakeError::NameHeldBy(holder)) => holder,
                },
            };
            // Whoever holds the name may still be coming, or just be going and leave the name to us.
            let outcome = match holder.changed_from(SandboxStatus::Pending).await {
                SandboxStatus::Terminated => continue,
                SandboxStatus::Suspending | SandboxStatus::Suspended => {
                    match suspend::resume(&self.shared, &holder).await {
                        Ok(()) => BindOutcome::Resumed,
                        // It has ended instead.
                        Err(LifecycleError::WrongStatus(_)) => continue,
                        Err(error) => return Err(CreateError::Engine(error.into())),
                    }
                }
                _ => BindOutcome::Attached,
            };
            return Ok((self.handle(holder, false), outcome));
        }
    }

    async fn list(&self) -> Result<Vec<SandboxInfo>, LifecycleError> {
        self.shared.adopt_all(|_| true).await;
        Ok(self.shared.registry.list().iter().map(|inner| inner.info()).collect())
    }

    async fn get_snapshot(&self, id: &str) -> Result<SnapshotInfo, CheckpointError> {
        self.shared.snapshots.info(id)
    }

    async fn list_snapshots(&self) -> Result<Vec<SnapshotInfo>, CheckpointError> {
        let list = self.shared.snapshots.list(Purpose::Snapshot).await?;
        Ok(list.iter().map(SnapshotInfo::from).collect())
    }

    async fn delete_snapshot(&self, id: &str) -> Result<(), CheckpointError> {
        self.shared.snapshots.info(id)?;
        self.shared.snapshots.delete(id).await
    }
}

impl Shared {
    /// Checks that this engine can make such a sandbox, and returns the image that it begins with.
    fn check(&self, spec: &SandboxSpec) -> Result<&Image, CreateError> {
        spec.validate().map_err(|reason| CreateError::InvalidSpec { reason })?;
        if spec.limits.stack_bytes as usize > WASM_STACK_BYTES {
            let reason = "this engine gives each process 8 MiB";
            return Err(Unsupported { operation: "a larger stack", reason }.into());
        }
        if spec.snapshot_id.is_some() && spec.image.is_some() {
            let reason = "a sandbox begins with a snapshot or with an image".into();
            return Err(CreateError::InvalidSpec { reason });
        }
        match &spec.image {
            None => Ok(&self.default_image),
            Some(image) => self.images.get(image).ok_or_else(|| CreateError::NoSuchImage { image: image.clone() }),
        }
    }

    /// Changes a running sandbox.
    pub(crate) fn update(&self, inner: &Inner, update: SandboxUpdate) -> Result<(), LifecycleError> {
        let name = update.name.or_else(|| inner.name());
        if let Some(name) = &name {
            validate_name(name).map_err(|reason| LifecycleError::InvalidUpdate { reason })?;
        }
        if update.auto_resume == Some(false) && name.is_none() {
            let reason = "auto_resume: false requires a named sandbox".into();
            return Err(LifecycleError::InvalidUpdate { reason });
        }
        let idle_timeout = update.idle_timeout.unwrap_or_else(|| inner.idle_timeout());
        if let Some(name) = name {
            self.registry.rename(inner, &name).map_err(|refused| match refused {
                NotRenamed::NameTaken => LifecycleError::NameTaken { name },
                NotRenamed::Terminated => inner.wrong_status(SandboxStatus::Terminated).into(),
            })?;
        }
        if let Some(limits) = update.limits {
            inner.set_limits(limits);
        }
        inner.set_timeouts(idle_timeout, update.auto_resume);
        Ok(())
    }

    /// Returns the images that a snapshot may be of. Hashes those that were not asked for before.
    pub(crate) fn bases(&self) -> Vec<BaseTree> {
        self.images.values().chain([&self.default_image]).map(|image| image.base.identified().clone()).collect()
    }

    /// Makes a copy of a sandbox that was held still.
    pub(crate) fn copy_of(
        self: &Arc<Self>,
        source: &Inner,
        still: &Still,
    ) -> Result<Arc<dyn AsyncSandbox>, CreateError> {
        let info = source.info();
        let spec = SandboxSpec {
            name: None,
            snapshot_id: None,
            entrypoint: Vec::new(),
            limits: info.limits,
            idle_timeout: info.idle_timeout,
            auto_resume: true,
            ..source.spec.clone()
        };
        let engine = Arc::downgrade(self);
        let entered = self.registry.enter(None, |id, number| Inner::new(engine, id, number, spec));
        let Ok(inner) = entered else { return Err(CreateError::Engine("a copy has no name".into())) };
        let unfinished = Unfinished { engine: self, inner, is_finished: false };
        let live = Live::load(self, &unfinished.inner, still)?.go_on()?;
        unfinished.inner.set_running(live).map_err(|gone| CreateError::Connect(gone.into()))?;
        let inner = unfinished.finish();
        let owns = inner.spec.terminate_on_drop;
        Ok(Sandbox::new(self.clone(), inner, owns))
    }

    /// Looks for a suspended sandbox of this id or name that another engine has left.
    async fn adopt(self: &Arc<Self>, id_or_name: &str) {
        if self.snapshots.is_durable && self.registry.find(id_or_name).is_none() {
            let is_meant = |record: &SnapshotRecord| {
                record.sandbox_id == id_or_name || record.sandbox_name.as_deref() == Some(id_or_name)
            };
            self.adopt_all(is_meant).await;
        }
    }

    /// Takes over the suspended sandboxes that other engines have left.
    async fn adopt_all(self: &Arc<Self>, is_meant: impl Fn(&SnapshotRecord) -> bool) {
        if !self.snapshots.is_durable {
            return;
        }
        let list = match self.snapshots.list(Purpose::Suspension).await {
            Ok(list) => list,
            Err(error) => return tracing::warn!(%error, "suspended sandboxes can't be listed"),
        };
        for record in list.into_iter().filter(|record| is_meant(record)) {
            let saved = match self.snapshots.get(&record.id) {
                Ok((_, checkpoint)) => checkpoint.state.sandbox.clone(),
                Err(error) => {
                    tracing::warn!(id = record.id, %error, "a suspended sandbox can't be read");
                    continue;
                }
            };
            let spec = SandboxSpec {
                name: record.sandbox_name.clone(),
                image: saved.image.clone(),
                idle_timeout: saved.idle_timeout_ms.map(Duration::from_millis),
                auto_resume: saved.auto_resume,
                limits: saved.limits.load(Limits::default()),
                // An engine that shares this one's directory had them, so the user of both wanted them.
                mounts: saved.mounts.iter().map(mount_of).collect(),
                ..SandboxSpec::default()
            };
            let (engine, id) = (Arc::downgrade(self), record.sandbox_id.clone());
            self.registry.adopt(&record.sandbox_id, record.sandbox_name.as_deref(), |number| {
                Inner::resting(engine, id, number, spec, (record.id, saved.created_at_ms))
            });
        }
    }

    /// Ends all sandboxes but those that rest where others find them.
    fn terminate_all(&self) {
        for inner in self.registry.list() {
            if self.snapshots.is_durable && inner.leave_to_others() {
                continue;
            }
            inner.terminate(TerminationReason::EngineShutdown);
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.terminate_all();
    }
}

/// Why a sandbox wasn't made.
enum MakeError {
    NameHeldBy(Arc<Inner>),
    Create(CreateError),
}

impl From<CreateError> for MakeError {
    fn from(error: CreateError) -> Self {
        Self::Create(error)
    }
}

/// A sandbox that is being made. It leaves no trace if it isn't finished.
struct Unfinished<'a> {
    engine: &'a Shared,
    inner: Arc<Inner>,
    is_finished: bool,
}

impl Unfinished<'_> {
    fn finish(mut self) -> Arc<Inner> {
        self.is_finished = true;
        self.inner.clone()
    }
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if !self.is_finished {
            self.inner.terminate(TerminationReason::Failed);
            self.engine.registry.forget(&self.inner.id);
        }
    }
}

fn mount_of(state: &MountState) -> Mount {
    Mount { host_path: state.host_path.clone().into(), guest_path: state.guest_path.clone(), writable: state.writable }
}

/// Returns where this user's caches are.
fn default_cache_dir() -> Option<PathBuf> {
    let dir = |variable: &str| std::env::var_os(variable).filter(|dir| !dir.is_empty()).map(PathBuf::from);
    let caches = dir("XDG_CACHE_HOME").or_else(|| Some(dir("HOME")?.join(".cache")))?;
    Some(caches.join("stillbox"))
}
