//! The engine: makes sandboxes and finds them again.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use stillbox_api::{
    AsyncSandbox, BindOutcome, BoxError, Command, ConnectError, CreateError, LifecycleError, Metrics, RestoreError,
    SandboxInfo, SandboxSpec, SandboxStatus, SandboxUpdate, Sandboxes, TerminationReason, Unsupported, validate_name,
};

use crate::config::WASM_STACK_BYTES;
use crate::image::Image;
use crate::registry::{NotRenamed, Registry};
use crate::runtime::Runtime;
use crate::sandbox::state::Inner;
use crate::sandbox::{Live, Sandbox};

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
    images: HashMap<String, Image>,
    default_image: Option<Image>,
    nothing_ahead: bool,
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
    /// If the system can't give it what it needs, such as address space.
    pub fn build(self) -> Result<Engine, EngineError> {
        let runtime = Runtime::new(self.cache_dir, !self.nothing_ahead).map_err(|error| EngineError(error.into()))?;
        let default_image = match self.default_image {
            Some(image) => image,
            None => Image::standard().map_err(|error| EngineError(error.into()))?,
        };
        for image in self.images.values().chain([&default_image]) {
            image.announce(&runtime.programs);
        }
        let registry = Registry::default();
        Ok(Engine { shared: Arc::new(Shared { runtime, registry, images: self.images, default_image }) })
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

    /// Terminates all sandboxes. The engine can go on to be used.
    pub fn shutdown(&self) {
        self.shared.terminate_all();
    }

    /// Returns what the engine has done so far and what it holds now, for export to whatever watches over the host.
    ///
    /// Costs a look at each sandbox that lives.
    pub fn metrics(&self) -> Metrics {
        self.shared.metrics()
    }

    fn handle(&self, inner: Arc<Inner>, owns: bool) -> Arc<dyn AsyncSandbox> {
        Sandbox::new(self.shared.clone(), inner, owns)
    }

    /// Makes the sandbox of `spec`, unless one has its name already.
    async fn make(&self, spec: SandboxSpec) -> Result<Arc<dyn AsyncSandbox>, MakeError> {
        let image = self.shared.check(&spec)?;
        let name = spec.name.clone();
        let engine = Arc::downgrade(&self.shared);
        let entered = self.shared.registry.enter(name.as_deref(), |id, number| Inner::new(engine, id, number, spec));
        let inner = entered.map_err(MakeError::NameHeldBy)?;

        // From here on, the sandbox goes away again if anything fails, or if the caller does.
        let unfinished = Unfinished { engine: &self.shared, inner, is_finished: false };
        let inner = &unfinished.inner;
        let live = Live::boot(&self.shared, inner, image)?;
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
            let holder = match self.shared.registry.named(name) {
                Some(holder) => holder,
                None => match self.make(spec.clone()).await {
                    Ok(sandbox) => return Ok((sandbox, BindOutcome::Created)),
                    Err(MakeError::Create(error)) => return Err(error),
                    Err(MakeError::NameHeldBy(holder)) => holder,
                },
            };
            // Whoever holds the name may still be coming, or just be going and leave the name to us.
            if holder.changed_from(SandboxStatus::Pending).await != SandboxStatus::Terminated {
                return Ok((self.handle(holder, false), BindOutcome::Attached));
            }
        }
    }

    async fn list(&self) -> Result<Vec<SandboxInfo>, LifecycleError> {
        Ok(self.shared.registry.list().iter().map(|inner| inner.info()).collect())
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
        if spec.snapshot_id.is_some() {
            return Err(RestoreError::from(Unsupported { operation: "a snapshot_id", reason: NO_CAPTURE }).into());
        }
        if spec.idle_timeout.is_some() && spec.name.is_some() {
            let operation = "the idle timeout of a named sandbox, which would suspend it";
            return Err(Unsupported { operation, reason: NO_CAPTURE }.into());
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
        if idle_timeout.is_some() && name.is_some() {
            let operation = "the idle timeout of a named sandbox, which would suspend it";
            return Err(Unsupported { operation, reason: NO_CAPTURE }.into());
        }
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

    fn terminate_all(&self) {
        for inner in self.registry.list() {
            inner.terminate(TerminationReason::EngineShutdown);
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.terminate_all();
    }
}

/// Why what suspending needs is refused.
const NO_CAPTURE: &str = "this engine does not save running sandboxes yet";

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

/// Returns where this user's caches are.
fn default_cache_dir() -> Option<PathBuf> {
    let dir = |variable: &str| std::env::var_os(variable).filter(|dir| !dir.is_empty()).map(PathBuf::from);
    let caches = dir("XDG_CACHE_HOME").or_else(|| Some(dir("HOME")?.join(".cache")))?;
    Some(caches.join("stillbox"))
}
