//! What an engine supplies for one sandbox.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use crate::error::{CheckpointError, FileError, LifecycleError, ProcessError, RestoreError, Unsupported};
use crate::{
    Command, CommandResult, DirectoryEntry, LogFilter, LogLine, OutputEvents, OutputResponse, OutputSink, OutputStream,
    ProcessInfo, ProcessRef, Pty, PtyInfo, PtySpec, SandboxInfo, SandboxStatus, SandboxUpdate, Signal, SnapshotInfo,
    SnapshotKind,
};

/// A handle on one sandbox: a small computer with its own files, processes, pipes and limits.
///
/// Handles are cheap, and any number of them, in any task, may be used at once. A handle outlives its sandbox: once that
/// is terminated, [`info`](Self::info) and [`status`](Self::status) say so, [`list_snapshots`](Self::list_snapshots) has
/// what it left, and everything else fails with [`WrongStatus`](crate::WrongStatus).
/// [`AsyncSandboxExt`](crate::AsyncSandboxExt) adds conveniences.
///
/// # States
///
/// Calls about processes and files work while the sandbox is running or snapshotting. A call to a suspended sandbox
/// resumes it first, unless `auto_resume` is off.
///
/// # Cancel safety
///
/// Dropping the future of a call stops waiting for it. Where that has an effect, the method says so; everywhere else
/// the call was made either completely or not at all.
#[async_trait]
pub trait AsyncSandbox: Send + Sync {
    // ---- The sandbox itself.

    /// Returns the id: of `a-z`, `0-9` and `-`, and never used again.
    fn id(&self) -> &str;

    /// Returns the name, if the sandbox has one now.
    fn name(&self) -> Option<String>;

    /// Returns what is known about the sandbox, in any state.
    async fn info(&self) -> Result<SandboxInfo, LifecycleError>;

    /// Returns where the sandbox is in its life, in any state.
    async fn status(&self) -> Result<SandboxStatus, LifecycleError>;

    /// Waits until the status is another than `from`, and returns it. Returns at once if it is.
    ///
    /// States that last a moment only may be missed. `from` terminated is an error, as there is nothing to wait for.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    async fn status_changed(&self, from: SandboxStatus) -> Result<SandboxStatus, LifecycleError>;

    /// Changes the name, the limits or the timeouts, and returns the sandbox as it is then. If it fails, nothing has
    /// changed.
    ///
    /// # Errors
    ///
    /// [`NameTaken`](LifecycleError::NameTaken), [`InvalidUpdate`](LifecycleError::InvalidUpdate).
    async fn update(&self, update: SandboxUpdate) -> Result<SandboxInfo, LifecycleError>;

    /// Ends the sandbox: kills its processes, drops its files, frees its name.
    ///
    /// Calls in progress resolve: a `run` with its process killed, a follower at its end, others with
    /// [`WrongStatus`](crate::WrongStatus). Ending a terminated sandbox does nothing. Works in any state.
    ///
    /// # Cancel safety
    ///
    /// The sandbox ends even if the future is dropped after its first poll.
    async fn terminate(&self) -> Result<(), LifecycleError>;

    // ---- Processes.

    /// Runs a command to its end, and returns its exit code and its output.
    ///
    /// The end of the command is the end of the process; its background children live on, and what they write later is
    /// not in the result. A command that fails, is killed or times out is not an error: see
    /// [`CommandResult`] and [`Command::timeout`]. With [`InputMode::Pipe`](crate::InputMode::Pipe), another task writes
    /// to it by the name or the number of the process.
    ///
    /// # Errors
    ///
    /// What keeps the command from starting: [`NoSuchProgram`](ProcessError::NoSuchProgram),
    /// [`NotExecutable`](ProcessError::NotExecutable), [`NoWorkingDir`](ProcessError::NoWorkingDir),
    /// [`InvalidCommand`](ProcessError::InvalidCommand), [`Limit`](ProcessError::Limit). A restart policy or a health check
    /// makes an invalid command of it: what is run is run once.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future kills the process and its descendants.
    async fn run(&self, command: Command) -> Result<CommandResult, ProcessError>;

    /// Starts a command, and returns as soon as its process exists. It goes on whether or not anyone asks about it.
    /// A command with a name, a restart policy or a health check becomes a managed process: see [`ManagedInfo`](crate::ManagedInfo).
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run), and [`NameTaken`](ProcessError::NameTaken).
    async fn start_process(&self, command: Command) -> Result<ProcessInfo, ProcessError>;

    /// Returns the processes that the API started, oldest first: the running ones, and the ended ones that are still
    /// remembered. What [`run`](Self::run) ran may be forgotten as soon as its result is there.
    async fn list_processes(&self) -> Result<Vec<ProcessInfo>, ProcessError>;

    /// Returns what is known about a process.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ProcessError::NotFound).
    async fn get_process(&self, process: ProcessRef<'_>) -> Result<ProcessInfo, ProcessError>;

    /// Waits for a process to end, and returns how it did. Returns at once if it has. Of a managed process, that is the
    /// end after which no restart comes.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ProcessError::NotFound).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    async fn wait_process(&self, process: ProcessRef<'_>) -> Result<ProcessInfo, ProcessError>;

    /// Kills a process and all its descendants with SIGKILL, those in other groups too. Of a process that has ended, what
    /// it left running is killed.
    ///
    /// A managed process isn't started again. Its group gets SIGTERM, and what is left of it and its descendants
    /// [`Command::stop_grace`] later gets SIGKILL; this returns before that.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ProcessError::NotFound).
    async fn kill_process(&self, process: ProcessRef<'_>) -> Result<(), ProcessError>;

    /// Sends a signal to the group of a process. What it does is up to the programs; nothing is escalated.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ProcessError::NotFound), [`NotRunning`](ProcessError::NotRunning),
    /// [`InvalidSignal`](ProcessError::InvalidSignal).
    async fn send_signal(&self, process: ProcessRef<'_>, signal: Signal) -> Result<(), ProcessError>;

    /// Writes all of `data` to the pipe at a process's standard input. Waits while the pipe is full.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ProcessError::NotFound); [`StdinNotWritable`](ProcessError::StdinNotWritable) if it isn't a pipe, was
    /// closed, or lost its reader, part of `data` perhaps written.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: part of `data` may have been written.
    async fn write_stdin(&self, process: ProcessRef<'_>, data: Bytes) -> Result<(), ProcessError>;

    /// Closes the pipe at a process's standard input, so that it reads the end after what is in the pipe.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ProcessError::NotFound), [`StdinNotWritable`](ProcessError::StdinNotWritable).
    async fn close_stdin(&self, process: ProcessRef<'_>) -> Result<(), ProcessError>;

    /// Ends a managed process as [`kill_process`](Self::kill_process) does, if it runs, and starts it again, with a new
    /// number. One that waits for its next restart, or is stopped, is started at once.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ProcessError::NotFound), [`NotManaged`](ProcessError::NotManaged); what keeps a command from starting,
    /// whereupon the policy decides about the next attempt.
    ///
    /// # Cancel safety
    ///
    /// The restart comes even if the future is dropped after its first poll.
    async fn restart_process(&self, _process: ProcessRef<'_>) -> Result<ProcessInfo, ProcessError> {
        Err(Unsupported::new("restart_process").into())
    }

    // ---- Output.

    /// Returns what has been captured of standard output so far; nothing if it isn't captured.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ProcessError::NotFound).
    async fn get_stdout(&self, process: ProcessRef<'_>) -> Result<OutputResponse, ProcessError>;

    /// Returns what has been captured of standard error so far; nothing if it isn't captured.
    async fn get_stderr(&self, process: ProcessRef<'_>) -> Result<OutputResponse, ProcessError>;

    /// Returns what has been captured of both streams so far, in the order of arrival.
    async fn get_output(&self, process: ProcessRef<'_>) -> Result<OutputResponse, ProcessError>;

    /// Follows standard output: everything captured so far, then live lines. Ends when the process does, at once if it
    /// has, and also if the stream isn't captured. Of a managed process, it goes on across restarts.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ProcessError::NotFound).
    async fn follow_stdout(&self, process: ProcessRef<'_>) -> Result<OutputEvents, ProcessError>;

    /// Follows standard error, as [`follow_stdout`](Self::follow_stdout) does standard output.
    async fn follow_stderr(&self, process: ProcessRef<'_>) -> Result<OutputEvents, ProcessError>;

    /// Follows both streams, in the order in which their lines end.
    async fn follow_output(&self, process: ProcessRef<'_>) -> Result<OutputEvents, ProcessError>;

    /// Has a captured stream of a process go to `sink`, in place of being captured: first what has been captured of it so
    /// far, which is taken, and then, byte for byte, what comes. Returns when `sink` has the first. A process that the
    /// sandbox was suspended or restored with goes on with its output captured, and this gets hold of it again.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ProcessError::NotFound).
    ///
    /// # Cancel safety
    ///
    /// The stream is redirected even if the future is dropped after its first poll.
    async fn redirect_output(
        &self,
        _process: ProcessRef<'_>,
        _stream: OutputStream,
        _sink: Arc<dyn OutputSink>,
    ) -> Result<(), ProcessError> {
        Err(Unsupported::new("redirect_output").into())
    }

    /// Returns the log: what happened, and what all processes wrote to their captured streams, those of
    /// [`run`](Self::run) too. A line that isn't ended is in it as soon as its process is over.
    async fn get_logs(&self, _filter: LogFilter) -> Result<Vec<LogLine>, ProcessError> {
        Err(Unsupported::new("get_logs").into())
    }

    /// Starts a program on a terminal of its own. Its process is among those of
    /// [`list_processes`](Self::list_processes).
    ///
    /// # Errors
    ///
    /// As [`start_process`](Self::start_process); [`Limit`](ProcessError::Limit) also if there are as many terminals as
    /// there may be.
    async fn create_pty(&self, _pty: PtySpec) -> Result<Arc<dyn Pty>, ProcessError> {
        Err(Unsupported::new("create_pty").into())
    }

    /// Returns the terminal with this id. That of a program that has ended may be remembered for a while.
    ///
    /// # Errors
    ///
    /// [`NoSuchPty`](ProcessError::NoSuchPty).
    async fn connect_pty(&self, _id: &str) -> Result<Arc<dyn Pty>, ProcessError> {
        Err(Unsupported::new("connect_pty").into())
    }

    /// Returns all terminals, oldest first: also those of programs that have ended, while they are remembered.
    async fn list_ptys(&self) -> Result<Vec<PtyInfo>, ProcessError> {
        Err(Unsupported::new("list_ptys").into())
    }

    // ---- Files. Relative paths begin at the sandbox's working directory; a `..` is refused.

    /// Returns the content of a file.
    ///
    /// # Errors
    ///
    /// [`NotFound`](FileError::NotFound), [`IsDirectory`](FileError::IsDirectory),
    /// [`PathTraversal`](FileError::PathTraversal), [`InvalidPath`](FileError::InvalidPath).
    async fn read_file(&self, path: &str) -> Result<Bytes, FileError>;

    /// Writes a file: makes the directories that lead to it, and replaces what it held.
    ///
    /// # Errors
    ///
    /// [`IsDirectory`](FileError::IsDirectory), [`NotDirectory`](FileError::NotDirectory) if a file is in the way,
    /// [`PathTraversal`](FileError::PathTraversal), [`NoSpace`](FileError::NoSpace), [`ReadOnly`](FileError::ReadOnly).
    async fn write_file(&self, path: &str, content: Bytes) -> Result<(), FileError>;

    /// Copies a file of the host into the sandbox, as [`write_file`](Self::write_file) writes it.
    ///
    /// # Errors
    ///
    /// [`Host`](FileError::Host) for the host's file; otherwise those of `write_file`.
    async fn upload_file(&self, host_path: &Path, path: &str) -> Result<(), FileError>;

    /// Removes a file or a symbolic link.
    ///
    /// # Errors
    ///
    /// [`NotFound`](FileError::NotFound), [`IsDirectory`](FileError::IsDirectory).
    async fn delete_file(&self, path: &str) -> Result<(), FileError>;

    /// Returns what a directory holds: directories first, each kind by name.
    ///
    /// # Errors
    ///
    /// [`NotFound`](FileError::NotFound), [`NotDirectory`](FileError::NotDirectory).
    async fn list_directory(&self, path: &str) -> Result<Vec<DirectoryEntry>, FileError>;

    // ---- Holding it still.

    /// Puts the sandbox to rest with all that it is. Returns when it is suspended; at once if it was.
    ///
    /// # Errors
    ///
    /// [`Ephemeral`](LifecycleError::Ephemeral) for a sandbox without a name.
    async fn suspend(&self) -> Result<(), LifecycleError> {
        Err(Unsupported::new("suspend").into())
    }

    /// Lets a suspended sandbox go on where it was. Does nothing to a running one.
    async fn resume(&self) -> Result<(), LifecycleError> {
        Err(Unsupported::new("resume").into())
    }

    /// Saves the sandbox, which goes on meanwhile. Returns when the snapshot can be restored, which outlives the sandbox.
    async fn checkpoint(&self, _kind: SnapshotKind) -> Result<SnapshotInfo, CheckpointError> {
        Err(Unsupported::new("checkpoint").into())
    }

    /// Returns the snapshots of this sandbox, oldest first, in any state.
    async fn list_snapshots(&self) -> Result<Vec<SnapshotInfo>, CheckpointError> {
        Err(Unsupported::new("list_snapshots").into())
    }

    /// Has the sandbox go on from one of its snapshots, or of another sandbox, in place of what it is now: with the files and
    /// processes that it had then, under the same id and name, and with the limits and timeouts of now. Its processes of now
    /// are killed, which ends what waits for them; handles stay good.
    ///
    /// # Errors
    ///
    /// Those of making a sandbox from the snapshot; nothing has changed then.
    async fn rollback(&self, _snapshot_id: &str) -> Result<(), RestoreError> {
        Err(Unsupported::new("rollback").into())
    }

    /// Makes `times` live copies of the running sandbox, processes included, and returns handles on them. Copies have ids of
    /// their own and no names. If one can't be made, none is.
    async fn copy(&self, _times: usize) -> Result<Vec<Arc<dyn AsyncSandbox>>, CheckpointError> {
        Err(Unsupported::new("copy").into())
    }
}
