//! An engine whose sandboxes are directories of the host.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use stillbox::{
    AsyncSandbox, BindOutcome, Command, ConnectError, CreateError, LifecycleError, SandboxInfo, SandboxSpec,
    SandboxStatus, SandboxUpdate, Sandboxes, TerminationReason, Unsupported, WrongStatus, validate_name,
};

use super::handle::Sandbox;
use super::sandbox::Inner;

/// An engine over native processes: see the [module](super). It needs the runtime of Tokio. Its sandboxes end with it and
/// the last of their handles.
#[derive(Default)]
pub struct NativeEngine {
    shared: Arc<Shared>,
}

#[derive(Default)]
pub(super) struct Shared {
    /// All there have been, oldest first.
    sandboxes: Mutex<Vec<Arc<Inner>>>,
}

/// Sandboxes that were made in this process. Their marks must differ, whichever engine made them.
static MADE: AtomicU64 = AtomicU64::new(0);

impl Shared {
    fn sandboxes(&self) -> MutexGuard<'_, Vec<Arc<Inner>>> {
        self.sandboxes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a sandbox, unless its name is taken: then it returns the one that has it.
    fn make(&self, spec: &SandboxSpec) -> Result<Result<Arc<Inner>, Arc<Inner>>, CreateError> {
        check(spec)?;
        let mut sandboxes = self.sandboxes();
        if let Some(holder) = spec.name.as_deref().and_then(|name| named(&sandboxes, name)) {
            return Ok(Err(holder));
        }
        let id = format!("native-{}-{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        let inner = Inner::new(id, spec.clone()).map_err(|error| CreateError::Engine(error.into()))?;
        sandboxes.push(inner.clone());
        drop(sandboxes);
        if let [program, args @ ..] = &spec.entrypoint[..] {
            let started = inner.start(Command::new(program).args(args), true);
            started.map_err(|error| {
                inner.terminate(TerminationReason::Failed);
                CreateError::Entrypoint(error)
            })?;
        }
        Ok(Ok(inner))
    }

    pub(super) fn update(&self, inner: &Inner, update: SandboxUpdate) -> Result<(), LifecycleError> {
        let sandboxes = self.sandboxes();
        if let Some(name) = &update.name {
            validate_name(name).map_err(|reason| LifecycleError::InvalidUpdate { reason })?;
            if named(&sandboxes, name).is_some_and(|holder| holder.id != inner.id) {
                return Err(LifecycleError::NameTaken { name: name.clone() });
            }
        }
        let is_named = update.name.is_some() || inner.name().is_some();
        if update.auto_resume == Some(false) && !is_named {
            return Err(LifecycleError::InvalidUpdate { reason: "auto_resume: false requires a named sandbox".into() });
        }
        if inner.status() == SandboxStatus::Terminated {
            return Err(WrongStatus { id: inner.id.clone(), status: SandboxStatus::Terminated }.into());
        }
        inner.set(update);
        Ok(())
    }
}

/// Returns the sandbox that has a name.
fn named(sandboxes: &[Arc<Inner>], name: &str) -> Option<Arc<Inner>> {
    let has_it =
        |inner: &&Arc<Inner>| inner.status() != SandboxStatus::Terminated && inner.name().as_deref() == Some(name);
    sandboxes.iter().find(has_it).cloned()
}

fn check(spec: &SandboxSpec) -> Result<(), CreateError> {
    spec.validate().map_err(|reason| CreateError::InvalidSpec { reason })?;
    let unsupported = |operation| {
        let reason = "a directory of the host has nothing of the kind";
        Err(CreateError::Unsupported(Unsupported { operation, reason }))
    };
    if let Some(image) = &spec.image {
        return Err(CreateError::NoSuchImage { image: image.clone() });
    }
    match spec {
        spec if spec.snapshot_id.is_some() => unsupported("a snapshot_id"),
        spec if spec.idle_timeout.is_some() && spec.name.is_some() => unsupported("suspending an idle sandbox"),
        spec if !spec.mounts.is_empty() => unsupported("a mount"),
        _ => Ok(()),
    }
}

impl NativeEngine {
    fn handle(&self, inner: Arc<Inner>, owns: bool) -> Arc<dyn AsyncSandbox> {
        Arc::new(Sandbox { engine: self.shared.clone(), inner, owns })
    }
}

#[async_trait]
impl Sandboxes for NativeEngine {
    async fn create(&self, spec: SandboxSpec) -> Result<Arc<dyn AsyncSandbox>, CreateError> {
        match self.shared.make(&spec)? {
            Ok(inner) => Ok(self.handle(inner, spec.terminate_on_drop)),
            Err(_) => Err(CreateError::NameTaken { name: spec.name.unwrap_or_default() }),
        }
    }

    async fn connect(&self, id_or_name: &str) -> Result<Arc<dyn AsyncSandbox>, ConnectError> {
        let sandboxes = self.shared.sandboxes();
        let found = sandboxes.iter().find(|inner| inner.id == id_or_name).cloned();
        let found = found.or_else(|| named(&sandboxes, id_or_name));
        let inner = found.ok_or_else(|| ConnectError::NotFound { id_or_name: id_or_name.to_owned() })?;
        drop(sandboxes);
        Ok(self.handle(inner, false))
    }

    async fn get_or_create(
        &self,
        name: &str,
        spec: SandboxSpec,
    ) -> Result<(Arc<dyn AsyncSandbox>, BindOutcome), CreateError> {
        let spec = SandboxSpec { name: Some(name.to_owned()), ..spec };
        Ok(match self.shared.make(&spec)? {
            Ok(made) => (self.handle(made, spec.terminate_on_drop), BindOutcome::Created),
            Err(holder) => (self.handle(holder, false), BindOutcome::Attached),
        })
    }

    async fn list(&self) -> Result<Vec<SandboxInfo>, LifecycleError> {
        let sandboxes = self.shared.sandboxes().clone();
        Ok(sandboxes.iter().map(|inner| inner.info()).collect())
    }
}
