//! What an engine supplies as a whole.

use std::sync::Arc;

use async_trait::async_trait;

use crate::error::{CheckpointError, ConnectError, CreateError, LifecycleError, Unsupported};
use crate::{AsyncSandbox, BindOutcome, SandboxInfo, SandboxSpec, SnapshotInfo};

/// An engine, here or elsewhere: it makes sandboxes and finds them again.
#[async_trait]
pub trait Sandboxes: Send + Sync {
    /// Makes a sandbox, and returns a handle on it when it can be used.
    ///
    /// # Errors
    ///
    /// [`NameTaken`](CreateError::NameTaken), [`NoSuchImage`](CreateError::NoSuchImage),
    /// [`InvalidSpec`](CreateError::InvalidSpec), [`Restore`](CreateError::Restore) with a `snapshot_id`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future before it is ready leaves no sandbox behind.
    async fn create(&self, spec: SandboxSpec) -> Result<Arc<dyn AsyncSandbox>, CreateError>;

    /// Returns a handle on an existing sandbox, by id or name. It doesn't own the sandbox, and doesn't resume it.
    ///
    /// A terminated sandbox is found by its id for a while, but not by its name, which is free again.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ConnectError::NotFound).
    async fn connect(&self, id_or_name: &str) -> Result<Arc<dyn AsyncSandbox>, ConnectError>;

    /// Returns the sandbox called `name`, making it to `spec` if there is none, resuming it if it is suspended.
    ///
    /// Of any number of callers at once, one makes it and the others get the same.
    ///
    /// # Errors
    ///
    /// As [`create`](Self::create), except `NameTaken`.
    async fn get_or_create(
        &self,
        name: &str,
        spec: SandboxSpec,
    ) -> Result<(Arc<dyn AsyncSandbox>, BindOutcome), CreateError>;

    /// Returns all sandboxes, oldest first, the recently terminated ones included.
    async fn list(&self) -> Result<Vec<SandboxInfo>, LifecycleError>;

    /// Returns what is known about a snapshot.
    ///
    /// # Errors
    ///
    /// [`NotFound`](CheckpointError::NotFound).
    async fn get_snapshot(&self, _id: &str) -> Result<SnapshotInfo, CheckpointError> {
        Err(Unsupported::new("get_snapshot").into())
    }

    /// Returns all snapshots, oldest first, those of terminated sandboxes included.
    async fn list_snapshots(&self) -> Result<Vec<SnapshotInfo>, CheckpointError> {
        Err(Unsupported::new("list_snapshots").into())
    }

    /// Forgets a snapshot. Sandboxes that continued from it go on.
    ///
    /// # Errors
    ///
    /// [`NotFound`](CheckpointError::NotFound).
    async fn delete_snapshot(&self, _id: &str) -> Result<(), CheckpointError> {
        Err(Unsupported::new("delete_snapshot").into())
    }
}
