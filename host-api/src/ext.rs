//! Conveniences, written once over what every engine supplies.

use async_trait::async_trait;
use bytes::Bytes;

use crate::error::{FileError, LifecycleError, ProcessError, WrongStatus};
use crate::{AsyncSandbox, Command, CommandResult, SandboxStatus};

/// Conveniences over [`AsyncSandbox`], for every implementation of it.
#[async_trait]
pub trait AsyncSandboxExt: AsyncSandbox {
    /// Has `sh` run a script to its end; see [`run`](AsyncSandbox::run).
    async fn shell(&self, script: &str) -> Result<CommandResult, ProcessError> {
        self.run(Command::shell(script)).await
    }

    /// Returns the content of a file as text.
    ///
    /// # Errors
    ///
    /// [`NotText`](FileError::NotText) if it isn't UTF-8; otherwise those of [`read_file`](AsyncSandbox::read_file).
    async fn read_to_string(&self, path: &str) -> Result<String, FileError> {
        let content = self.read_file(path).await?;
        match std::str::from_utf8(&content) {
            Ok(text) => Ok(text.to_owned()),
            Err(source) => Err(FileError::NotText { path: path.to_owned(), source }),
        }
    }

    /// Writes a file of bytes or text; see [`write_file`](AsyncSandbox::write_file).
    async fn write(&self, path: &str, content: impl Into<Bytes> + Send) -> Result<(), FileError> {
        self.write_file(path, content.into()).await
    }

    /// Waits until the sandbox runs.
    ///
    /// # Errors
    ///
    /// [`WrongStatus`](LifecycleError::WrongStatus) if it was terminated instead.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    async fn wait_until_running(&self) -> Result<(), LifecycleError> {
        let mut status = self.status().await?;
        while status != SandboxStatus::Running {
            if status == SandboxStatus::Terminated {
                return Err(WrongStatus { id: self.id().to_owned(), status }.into());
            }
            status = self.status_changed(status).await?;
        }
        Ok(())
    }

    /// Waits until the sandbox is over.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    async fn wait_until_terminated(&self) -> Result<(), LifecycleError> {
        let mut status = self.status().await?;
        while status != SandboxStatus::Terminated {
            status = self.status_changed(status).await?;
        }
        Ok(())
    }
}

impl<S: AsyncSandbox + ?Sized> AsyncSandboxExt for S {}
