//! A named sandbox that this command has awake.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use stillbox::{AsyncSandbox, CreateError, Engine, LifecycleError, SandboxSpec, SandboxStatus, Sandboxes as _};

use crate::args::SandboxArgs;
use crate::claim::Claim;
use crate::foreground::Outcome;
use crate::home::Home;
use crate::output;
use crate::requests::{Listener, Server};
use crate::sandbox;
use crate::signals::Signals;

/// How often it is tried to put a sandbox to rest whose processes are being ended.
const ATTEMPTS: u32 = 50;

/// A named sandbox, from its making or waking until it rests again.
pub(crate) struct Named {
    pub(crate) engine: Engine,
    pub(crate) sandbox: Arc<dyn AsyncSandbox>,
    server: Server,
    claim: Claim,
}

impl Named {
    /// Makes a sandbox.
    ///
    /// # Errors
    ///
    /// If there is one of this name, or it can't be made.
    pub(crate) async fn create(home: &Home, name: &str, args: &SandboxArgs) -> anyhow::Result<Self> {
        let named = Self::make(home, name, sandbox::spec(args)?).await?;
        match sandbox::upload(named.sandbox.as_ref(), args).await {
            Ok(()) => Ok(named),
            Err(error) => {
                named.sandbox.terminate().await?;
                named.server.finish().await;
                Err(error)
            }
        }
    }

    /// Makes a sandbox of a specification.
    ///
    /// # Errors
    ///
    /// As [`create`](Self::create).
    pub(crate) async fn make(home: &Home, name: &str, mut spec: SandboxSpec) -> anyhow::Result<Self> {
        let claim = Claim::new(home, name).await?;
        let engine = sandbox::engine_in(home)?;
        let listener = prepare(&claim)?;
        spec.name = Some(name.to_owned());
        spec.terminate_on_drop = false;
        // It is for this command to say when it wakes up: nothing may, once it rests and we are about to end.
        spec.auto_resume = false;
        let sandbox = engine.create(spec).await.map_err(|error| match error {
            CreateError::NameTaken { name } => {
                anyhow::anyhow!(
                    "there is a sandbox {name} already; `stillbox exec` runs in it, and `stillbox rm` removes it"
                )
            }
            error => error.into(),
        })?;
        let server = listener.serve(home, &engine, &sandbox);
        Ok(Self { engine, sandbox, server, claim })
    }

    /// Wakes a sandbox up.
    ///
    /// # Errors
    ///
    /// If there is none of this name, another command has it awake, or it can't go on.
    pub(crate) async fn wake(home: &Home, name: &str) -> anyhow::Result<Self> {
        Self::wake_claimed(home, Claim::new(home, name).await?).await
    }

    /// Wakes the sandbox up that is claimed.
    ///
    /// # Errors
    ///
    /// If there is none, or it can't go on.
    pub(crate) async fn wake_claimed(home: &Home, claim: Claim) -> anyhow::Result<Self> {
        let engine = sandbox::engine_in(home)?;
        let sandbox = engine.connect(claim.name()).await?;
        let listener = prepare(&claim)?;
        let progress = output::spinner(format!("waking {} up", claim.name()));
        let resumed = sandbox.resume().await;
        progress.finish_and_clear();
        resumed?;
        let server = listener.serve(home, &engine, &sandbox);
        Ok(Self { engine, sandbox, server, claim })
    }

    pub(crate) fn name(&self) -> &str {
        self.claim.name()
    }

    /// Puts the sandbox to rest, unless it has ended, and answers what others have asked for meanwhile.
    ///
    /// # Errors
    ///
    /// If it can't be saved: it is lost then.
    pub(crate) async fn rest(self) -> anyhow::Result<()> {
        let name = self.name().to_owned();
        let progress = output::spinner(format!("putting {name} to rest"));
        let rested = rest(self.sandbox.as_ref()).await;
        progress.finish_and_clear();
        self.server.finish().await;
        rested.with_context(|| format!("{name} cannot be kept"))
    }

    /// Puts the sandbox to rest after a command in it, and returns this process's exit code.
    ///
    /// # Errors
    ///
    /// As [`rest`](Self::rest), and why the command has no outcome.
    pub(crate) async fn leave(self, outcome: anyhow::Result<Outcome>) -> anyhow::Result<ExitCode> {
        let name = self.name().to_owned();
        self.rest().await?;
        let outcome = outcome?;
        if matches!(outcome, Outcome::Suspended) {
            output::note(&format!("{name} is suspended; `stillbox resume {name}` goes on with it"));
        }
        Ok(output::outcome_code(&outcome))
    }
}

/// Does what must not fail once a sandbox is awake, which is nowhere else then.
fn prepare(claim: &Claim) -> anyhow::Result<Listener> {
    // From here on, signals don't end this process before it has put the sandbox to rest.
    Signals::new().context("cannot handle signals")?;
    Listener::new(claim)
}

async fn rest(sandbox: &dyn AsyncSandbox) -> anyhow::Result<()> {
    let Err(error) = suspend(sandbox).await else { return Ok(()) };
    // A process that can't be saved would take the files along when this process ends.
    output::note(&format!("what still runs is ended: {:#}", anyhow::Error::from(error)));
    for _ in 0..ATTEMPTS {
        for process in sandbox.list_processes().await? {
            sandbox.kill_process((&process).into()).await?;
        }
        if suspend(sandbox).await.is_ok() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    bail!("it has processes that do not end")
}

async fn suspend(sandbox: &dyn AsyncSandbox) -> Result<(), LifecycleError> {
    match sandbox.suspend().await {
        // Whoever removes a sandbox keeps nothing.
        Err(LifecycleError::WrongStatus(wrong)) if wrong.status == SandboxStatus::Terminated => Ok(()),
        suspended => suspended,
    }
}
