//! Errors, named by what the caller was doing.
//!
//! Each says what it was about; the `source` says why, and isn't repeated in the text. [`SandboxError`] is above them
//! all, for callers that pass everything on.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::{Pid, SandboxStatus, Signal};

/// An error whose type only the engine knows.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// Any failure of an engine or a sandbox.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SandboxError {
    /// Making a sandbox failed.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// Finding a sandbox failed.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// Asking about a sandbox, or changing its state, failed.
    #[error(transparent)]
    Lifecycle(#[from] LifecycleError),
    /// Something about a process failed.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// Something about a file failed.
    #[error(transparent)]
    File(#[from] FileError),
    /// Saving a sandbox failed.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// Bringing a sandbox back failed.
    #[error(transparent)]
    Restore(#[from] RestoreError),
}

/// An engine was asked for what it doesn't offer. Nothing has been done.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{operation} is not supported: {reason}")]
pub struct Unsupported {
    /// What was asked for.
    pub operation: &'static str,
    /// Why it isn't there.
    pub reason: &'static str,
}

impl Unsupported {
    /// Returns the error of an engine that doesn't have `operation`.
    pub fn new(operation: &'static str) -> Self {
        Self { operation, reason: "this engine does not offer it" }
    }
}

/// A sandbox was not in a state for what was asked of it. Nothing has been done.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("sandbox {id} is {status}")]
pub struct WrongStatus {
    /// The sandbox.
    pub id: String,
    /// What it was instead.
    pub status: SandboxStatus,
}

/// Making a sandbox failed. There is none left behind.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CreateError {
    /// The specification contradicts itself, or holds what no sandbox can have.
    #[error("invalid sandbox specification: {reason}")]
    InvalidSpec {
        /// What is wrong with it.
        reason: String,
    },
    /// A sandbox of this name exists and is not terminated.
    #[error("the name {name:?} is taken")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// The engine has no such image.
    #[error("no image {image:?}")]
    NoSuchImage {
        /// What was asked for.
        image: String,
    },
    /// A directory of the host could not be mounted.
    #[error("cannot mount {}", host_path.display())]
    Mount {
        /// The directory.
        host_path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The engine has no room for another sandbox.
    #[error("no capacity for another sandbox")]
    NoCapacity,
    /// The snapshot could not be brought back.
    #[error("cannot restore the snapshot")]
    Restore(#[from] RestoreError),
    /// The entry point could not be started.
    #[error("cannot start the entry point")]
    Entrypoint(#[source] ProcessError),
    /// A sandbox of this name exists and could not be connected to.
    #[error("cannot connect to the existing sandbox")]
    Connect(#[from] ConnectError),
    /// The engine doesn't offer it.
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
    /// The engine itself failed.
    #[error("the engine failed to make a sandbox")]
    Engine(#[source] BoxError),
}

/// Finding a sandbox failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// No sandbox has this id or name.
    #[error("no sandbox {id_or_name:?}")]
    NotFound {
        /// What was looked for.
        id_or_name: String,
    },
    /// It exists but can't be used, and won't become usable by waiting.
    #[error("cannot connect")]
    WrongStatus(#[from] WrongStatus),
    /// The engine itself failed.
    #[error("the engine failed to find the sandbox")]
    Engine(#[source] BoxError),
}

/// Asking about a sandbox, or changing its state, failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LifecycleError {
    /// It is in a state in which this can't be done.
    #[error(transparent)]
    WrongStatus(#[from] WrongStatus),
    /// It has no name, and only a named sandbox can be suspended.
    #[error("sandbox {id} is ephemeral: only a named sandbox can be suspended")]
    Ephemeral {
        /// The sandbox.
        id: String,
    },
    /// What it was to be changed into is not possible.
    #[error("invalid update: {reason}")]
    InvalidUpdate {
        /// What is wrong with it.
        reason: String,
    },
    /// A sandbox of this name exists and is not terminated.
    #[error("the name {name:?} is taken")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// Its state could not be saved.
    #[error("cannot suspend the sandbox")]
    Suspend(#[source] CheckpointError),
    /// Its state could not be brought back.
    #[error("cannot resume the sandbox")]
    Resume(#[source] RestoreError),
    /// The engine doesn't offer it.
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
    /// The engine itself failed.
    #[error("the engine failed")]
    Engine(#[source] BoxError),
}

/// Something about a process failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ProcessError {
    /// No process has this number or name.
    #[error("no process {process}")]
    NotFound {
        /// What was looked for.
        process: String,
    },
    /// The program doesn't exist.
    #[error("cannot start {program:?}: no such program")]
    NoSuchProgram {
        /// The program.
        program: String,
    },
    /// The program's file can't be run: it is a directory, isn't executable, or isn't a program.
    #[error("cannot start {program:?}")]
    NotExecutable {
        /// The program.
        program: String,
        /// Why not.
        source: BoxError,
    },
    /// The directory to start in doesn't exist.
    #[error("cannot start {program:?}: no directory {working_dir:?}")]
    NoWorkingDir {
        /// The program.
        program: String,
        /// The directory.
        working_dir: String,
    },
    /// The command holds what no process can have: a NUL, an ill-formed name.
    #[error("invalid command: {reason}")]
    InvalidCommand {
        /// What is wrong with it.
        reason: String,
    },
    /// A running process has this name.
    #[error("the process name {name:?} is taken")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// Starting it would go past one of the sandbox's limits.
    #[error("cannot start {program:?}: past the limit of {limit}")]
    Limit {
        /// The program.
        program: String,
        /// Which of the [`Limits`](crate::Limits).
        limit: &'static str,
    },
    /// Its standard input is not a pipe, has been closed, or has no reader any more.
    #[error("the standard input of process {pid} is not writable")]
    StdinNotWritable {
        /// The process.
        pid: Pid,
    },
    /// No terminal has this id.
    #[error("no terminal {id:?}")]
    NoSuchPty {
        /// What was looked for.
        id: String,
    },
    /// There is no such signal.
    #[error("invalid signal {signal}")]
    InvalidSignal {
        /// The number.
        signal: Signal,
    },
    /// It has ended.
    #[error("process {pid} is not running")]
    NotRunning {
        /// The process.
        pid: Pid,
    },
    /// It is not a managed process.
    #[error("process {pid} is not managed")]
    NotManaged {
        /// The process.
        pid: Pid,
    },
    /// The sandbox is in a state in which this can't be done.
    #[error(transparent)]
    WrongStatus(#[from] WrongStatus),
    /// The engine doesn't offer it.
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
    /// The engine itself failed.
    #[error("the engine failed")]
    Engine(#[source] BoxError),
}

/// Something about a file failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FileError {
    /// There is no such file.
    #[error("no file {path:?}")]
    NotFound {
        /// The path, as the caller gave it.
        path: String,
    },
    /// It is a directory, and a file was needed.
    #[error("{path:?} is a directory")]
    IsDirectory {
        /// The path, as the caller gave it.
        path: String,
    },
    /// It, or what leads to it, is not a directory.
    #[error("{path:?} is not a directory")]
    NotDirectory {
        /// The path, as the caller gave it.
        path: String,
    },
    /// The path has a `..` in it, which is refused even where it would be harmless.
    #[error("the path {path:?} holds `..`")]
    PathTraversal {
        /// The path, as the caller gave it.
        path: String,
    },
    /// The path can't be that of a file: it is empty, holds a NUL, or is too long.
    #[error("invalid path {path:?}: {reason}")]
    InvalidPath {
        /// The path, as the caller gave it, shortened if it is long.
        path: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The file, or the mount that it is on, can't be changed.
    #[error("{path:?} is read-only")]
    ReadOnly {
        /// The path, as the caller gave it.
        path: String,
    },
    /// The sandbox's files would hold more than they may.
    #[error("no space left for {path:?}")]
    NoSpace {
        /// The path, as the caller gave it.
        path: String,
    },
    /// Anything else that a file system refuses.
    #[error("cannot access {path:?}")]
    Io {
        /// The path, as the caller gave it.
        path: String,
        /// What was the matter.
        source: BoxError,
    },
    /// The host's file, which was to be uploaded, could not be read.
    #[error("cannot read {} on the host", host_path.display())]
    Host {
        /// The host's path.
        host_path: PathBuf,
        /// What was the matter.
        source: io::Error,
    },
    /// The file isn't UTF-8, and text was asked for.
    #[error("{path:?} is not UTF-8 text")]
    NotText {
        /// The path, as the caller gave it.
        path: String,
        /// Where it stops being text.
        source: std::str::Utf8Error,
    },
    /// The sandbox is in a state in which this can't be done.
    #[error(transparent)]
    WrongStatus(#[from] WrongStatus),
    /// The engine itself failed.
    #[error("the engine failed")]
    Engine(#[source] BoxError),
}

/// Saving a sandbox, or asking about what was saved, failed. The sandbox goes on as it was.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// No snapshot has this id.
    #[error("no snapshot {id:?}")]
    NotFound {
        /// What was looked for.
        id: String,
    },
    /// A process holds what can't be saved.
    #[error("process {pid} cannot be saved: {reason}")]
    NotSavable {
        /// The process.
        pid: Pid,
        /// What it holds.
        reason: String,
    },
    /// The snapshot could not be stored, or read.
    #[error("the snapshot store failed")]
    Store(#[source] BoxError),
    /// The sandbox is in a state in which this can't be done.
    #[error(transparent)]
    WrongStatus(#[from] WrongStatus),
    /// The engine doesn't offer it.
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
    /// The engine itself failed.
    #[error("the engine failed")]
    Engine(#[source] BoxError),
}

/// Bringing a sandbox back from a snapshot failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// No snapshot has this id.
    #[error("no snapshot {id:?}")]
    NotFound {
        /// What was looked for.
        id: String,
    },
    /// The snapshot is damaged, or isn't one.
    #[error("the snapshot is damaged: {reason}")]
    Damaged {
        /// What is wrong with it.
        reason: String,
    },
    /// The snapshot needs what this engine lacks: a program, a mount, a newer format.
    #[error("the snapshot does not fit this engine: {reason}")]
    Mismatch {
        /// What is missing.
        reason: String,
    },
    /// The sandbox that was to go back to it is in a state in which this can't be done.
    #[error(transparent)]
    WrongStatus(#[from] WrongStatus),
    /// The engine doesn't offer it.
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
    /// The engine itself failed.
    #[error("the engine failed")]
    Engine(#[source] BoxError),
}

/// Passes on why a sandbox could not be woken up for a call.
macro_rules! from_lifecycle {
    ($($error:ident),*) => {$(
        impl From<LifecycleError> for $error {
            fn from(error: LifecycleError) -> Self {
                match error {
                    LifecycleError::WrongStatus(status) => Self::WrongStatus(status),
                    error => Self::Engine(error.into()),
                }
            }
        }
    )*};
}

from_lifecycle!(ProcessError, FileError, CheckpointError, RestoreError);
