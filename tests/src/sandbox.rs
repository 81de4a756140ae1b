//! Fresh sandboxes, and what is asked of them most.

use std::ops::Deref;
use std::sync::Arc;

use stillbox::{AsyncSandbox, Command, CommandResult, SandboxSpec, Sandboxes as _};

use crate::engine;

/// A sandbox of a test's own, which ends with it.
pub struct Fresh(Arc<dyn AsyncSandbox>);

/// Returns a fresh sandbox of the default image.
pub async fn sandbox() -> Fresh {
    sandbox_of(SandboxSpec::default()).await
}

/// Returns a fresh sandbox of this kind.
pub async fn sandbox_of(spec: SandboxSpec) -> Fresh {
    Fresh(engine().create(spec.terminate_on_drop(true)).await.expect("a sandbox can be made"))
}

impl Fresh {
    /// Has `sh` run a script to its end.
    pub async fn sh(&self, script: impl Into<String>) -> CommandResult {
        self.ran(Command::shell(script)).await
    }

    /// Runs a command to its end.
    pub async fn ran(&self, command: Command) -> CommandResult {
        let told = format!("{} {:?}", command.program, command.args);
        self.run(command).await.unwrap_or_else(|error| panic!("{told}: {error}"))
    }
}

impl Deref for Fresh {
    type Target = dyn AsyncSandbox;

    fn deref(&self) -> &Self::Target {
        &*self.0
    }
}

/// Returns what a command that succeeded wrote to its standard output.
///
/// # Panics
///
/// If the command failed; with what it wrote to its standard error.
#[track_caller]
pub fn stdout(result: &CommandResult) -> &str {
    assert!(result.success(), "{:?} {}: {}", result.reason, result.exit_code, result.stderr);
    std::str::from_utf8(&result.stdout_bytes).expect("the output is text")
}
