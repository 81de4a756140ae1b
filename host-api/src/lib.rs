//! The programming interface of Stillbox: what a host application names, and what an engine implements.
//!
//! - [`Sandboxes`] is an engine: it makes sandboxes and finds them again.
//! - [`AsyncSandbox`] is one sandbox: it runs programs and holds files. [`AsyncSandboxExt`] adds conveniences.
//! - [`SandboxSpec`], [`Command`], [`Limits`] and the rest are plain data, with a default for each field.
//! - Errors are enums named by what the caller was doing; [`SandboxError`] is above them all.
//! - With the feature `contract`, `contract` holds the tests that every engine passes.
//!
//! Both traits are object-safe, so code that is written against them runs on any engine:
//!
//! ```
//! use stillbox_api::{AsyncSandboxExt, Command, SandboxError, SandboxSpec, Sandboxes};
//!
//! async fn count_words(engine: &dyn Sandboxes, text: &str) -> Result<String, SandboxError> {
//!     let sandbox = engine.create(SandboxSpec::default()).await?;
//!     sandbox.write("input.txt", text.to_owned()).await?;
//!     let result = sandbox.run(Command::new("wc").args(["-w", "input.txt"])).await?;
//!     sandbox.terminate().await?;
//!     Ok(result.stdout)
//! }
//! ```
//!
//! This crate names no runtime: neither one of WebAssembly nor one of `async`.
#![forbid(unsafe_code)]

mod command;
mod error;
mod ext;
mod file;
mod info;
mod limits;
mod logs;
mod managed;
mod metrics;
mod output;
mod process;
mod pty;
mod sandbox;
mod sandboxes;
mod spec;
mod status;

#[cfg(feature = "contract")]
pub mod contract;

pub use command::{Command, InputMode, OutputMode, OutputSink};
pub use error::{
    BoxError, CheckpointError, ConnectError, CreateError, FileError, LifecycleError, ProcessError, RestoreError,
    SandboxError, Unsupported, WrongStatus,
};
pub use ext::AsyncSandboxExt;
pub use file::DirectoryEntry;
pub use info::{BindOutcome, SandboxInfo, SnapshotInfo, SnapshotKind, TerminationReason};
pub use limits::Limits;
pub use logs::{LogFilter, LogLevel, LogLine};
pub use managed::{
    HealthCheck, HealthStatus, LastExit, ManagedInfo, ManagedStatus, Probe, RestartCondition, RestartPolicy,
};
pub use metrics::{Kills, Metrics};
pub use output::{OutputEvent, OutputEvents, OutputResponse, OutputStream};
pub use process::{CommandResult, ExitReason, Pid, ProcessInfo, ProcessRef, ProcessStatus, Signal};
pub use pty::{Pty, PtyInfo, PtySpec};
pub use sandbox::AsyncSandbox;
pub use sandboxes::Sandboxes;
pub use spec::{Mount, SandboxSpec, SandboxUpdate, validate_name};
pub use status::SandboxStatus;
