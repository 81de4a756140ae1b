//! The same interface without `async`, for programs that have no runtime.
//!
//! ```no_run
//! use stillbox::blocking::Engine;
//! use stillbox::{Command, SandboxSpec};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let sandbox = Engine::new()?.create(SandboxSpec::default())?;
//! let result = sandbox.run(Command::new("echo").arg("hello"))?;
//! assert_eq!(result.stdout, "hello");
//! # Ok(())
//! # }
//! ```
//!
//! Each call blocks its thread until the call of the same name in [`AsyncSandbox`] is ready, and returns what that does.
//! In an `async` function, use that one.

use std::path::Path;
use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use stillbox_api::{
    AsyncSandbox, AsyncSandboxExt as _, BindOutcome, CheckpointError, Command, CommandResult, ConnectError,
    CreateError, DirectoryEntry, FileError, LifecycleError, LogFilter, LogLine, OutputEvent, OutputEvents,
    OutputResponse, Pid, ProcessError, ProcessInfo, ProcessRef, PtyInfo, PtySpec, RestoreError, SandboxInfo,
    SandboxSpec, SandboxStatus, SandboxUpdate, Sandboxes, Signal, SnapshotInfo, SnapshotKind,
};
use stillbox_kernel::wait;

use crate::EngineError;

/// Blocks this thread until `future` is ready.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    loop {
        // Without a deadline there is always a value; the loop is there to say so without a panic.
        if let Some(value) = wait::block_on(None, |cx| future.as_mut().poll(cx)) {
            return value;
        }
    }
}

/// An engine whose calls block; see [`Engine`](crate::Engine).
#[derive(Clone)]
pub struct Engine {
    engine: Arc<dyn Sandboxes>,
}

impl Engine {
    /// Starts an engine with the standard image; see [`Engine::new`](crate::Engine::new).
    ///
    /// # Errors
    ///
    /// If the system can't give it what it needs.
    pub fn new() -> Result<Self, EngineError> {
        Ok(crate::Engine::new()?.into())
    }

    /// Makes a sandbox; see [`Sandboxes::create`].
    pub fn create(&self, spec: SandboxSpec) -> Result<Sandbox, CreateError> {
        block_on(self.engine.create(spec)).map(Sandbox::from)
    }

    /// Finds a sandbox; see [`Sandboxes::connect`].
    pub fn connect(&self, id_or_name: &str) -> Result<Sandbox, ConnectError> {
        block_on(self.engine.connect(id_or_name)).map(Sandbox::from)
    }

    /// Finds a sandbox by its name, or makes it; see [`Sandboxes::get_or_create`].
    pub fn get_or_create(&self, name: &str, spec: SandboxSpec) -> Result<(Sandbox, BindOutcome), CreateError> {
        let (sandbox, outcome) = block_on(self.engine.get_or_create(name, spec))?;
        Ok((sandbox.into(), outcome))
    }

    /// Returns all sandboxes; see [`Sandboxes::list`].
    pub fn list(&self) -> Result<Vec<SandboxInfo>, LifecycleError> {
        block_on(self.engine.list())
    }

    /// Returns what is known about a snapshot; see [`Sandboxes::get_snapshot`].
    pub fn get_snapshot(&self, id: &str) -> Result<SnapshotInfo, CheckpointError> {
        block_on(self.engine.get_snapshot(id))
    }

    /// Returns all snapshots; see [`Sandboxes::list_snapshots`].
    pub fn list_snapshots(&self) -> Result<Vec<SnapshotInfo>, CheckpointError> {
        block_on(self.engine.list_snapshots())
    }

    /// Forgets a snapshot; see [`Sandboxes::delete_snapshot`].
    pub fn delete_snapshot(&self, id: &str) -> Result<(), CheckpointError> {
        block_on(self.engine.delete_snapshot(id))
    }
}

impl From<crate::Engine> for Engine {
    fn from(engine: crate::Engine) -> Self {
        Self { engine: Arc::new(engine) }
    }
}

impl From<Arc<dyn Sandboxes>> for Engine {
    fn from(engine: Arc<dyn Sandboxes>) -> Self {
        Self { engine }
    }
}

/// A handle on a sandbox whose calls block; see [`AsyncSandbox`].
#[derive(Clone)]
pub struct Sandbox {
    sandbox: Arc<dyn AsyncSandbox>,
}

impl From<Arc<dyn AsyncSandbox>> for Sandbox {
    fn from(sandbox: Arc<dyn AsyncSandbox>) -> Self {
        Self { sandbox }
    }
}

impl Sandbox {
    /// Returns the handle with the same calls as `async` functions.
    pub fn as_async(&self) -> &Arc<dyn AsyncSandbox> {
        &self.sandbox
    }

    /// Returns the id.
    pub fn id(&self) -> &str {
        self.sandbox.id()
    }

    /// Returns the name, if the sandbox has one now.
    pub fn name(&self) -> Option<String> {
        self.sandbox.name()
    }

    /// Returns what is known about the sandbox.
    pub fn info(&self) -> Result<SandboxInfo, LifecycleError> {
        block_on(self.sandbox.info())
    }

    /// Returns where the sandbox is in its life.
    pub fn status(&self) -> Result<SandboxStatus, LifecycleError> {
        block_on(self.sandbox.status())
    }

    /// Changes the name or the timeouts; see [`AsyncSandbox::update`].
    pub fn update(&self, update: SandboxUpdate) -> Result<SandboxInfo, LifecycleError> {
        block_on(self.sandbox.update(update))
    }

    /// Ends the sandbox; see [`AsyncSandbox::terminate`].
    pub fn terminate(&self) -> Result<(), LifecycleError> {
        block_on(self.sandbox.terminate())
    }

    /// Puts the sandbox to rest; see [`AsyncSandbox::suspend`].
    pub fn suspend(&self) -> Result<(), LifecycleError> {
        block_on(self.sandbox.suspend())
    }

    /// Lets a suspended sandbox go on; see [`AsyncSandbox::resume`].
    pub fn resume(&self) -> Result<(), LifecycleError> {
        block_on(self.sandbox.resume())
    }

    /// Saves the sandbox; see [`AsyncSandbox::checkpoint`].
    pub fn checkpoint(&self, kind: SnapshotKind) -> Result<SnapshotInfo, CheckpointError> {
        block_on(self.sandbox.checkpoint(kind))
    }

    /// Returns its snapshots; see [`AsyncSandbox::list_snapshots`].
    pub fn list_snapshots(&self) -> Result<Vec<SnapshotInfo>, CheckpointError> {
        block_on(self.sandbox.list_snapshots())
    }

    /// Goes back to a snapshot; see [`AsyncSandbox::rollback`].
    pub fn rollback(&self, snapshot_id: &str) -> Result<(), RestoreError> {
        block_on(self.sandbox.rollback(snapshot_id))
    }

    /// Makes live copies; see [`AsyncSandbox::copy`].
    pub fn copy(&self, times: usize) -> Result<Vec<Self>, CheckpointError> {
        Ok(block_on(self.sandbox.copy(times))?.into_iter().map(Self::from).collect())
    }

    /// Runs a command to its end; see [`AsyncSandbox::run`].
    pub fn run(&self, command: Command) -> Result<CommandResult, ProcessError> {
        block_on(self.sandbox.run(command))
    }

    /// Has `sh` run a script to its end.
    pub fn shell(&self, script: &str) -> Result<CommandResult, ProcessError> {
        self.run(Command::shell(script))
    }

    /// Starts a command; see [`AsyncSandbox::start_process`].
    pub fn start_process(&self, command: Command) -> Result<ProcessInfo, ProcessError> {
        block_on(self.sandbox.start_process(command))
    }

    /// Returns the processes that the API started.
    pub fn list_processes(&self) -> Result<Vec<ProcessInfo>, ProcessError> {
        block_on(self.sandbox.list_processes())
    }

    /// Returns what is known about a process.
    pub fn get_process<'a>(&self, process: impl Into<ProcessRef<'a>>) -> Result<ProcessInfo, ProcessError> {
        block_on(self.sandbox.get_process(process.into()))
    }

    /// Waits for a process to end.
    pub fn wait_process<'a>(&self, process: impl Into<ProcessRef<'a>>) -> Result<ProcessInfo, ProcessError> {
        block_on(self.sandbox.wait_process(process.into()))
    }

    /// Kills a process and its descendants; see [`AsyncSandbox::kill_process`].
    pub fn kill_process<'a>(&self, process: impl Into<ProcessRef<'a>>) -> Result<(), ProcessError> {
        block_on(self.sandbox.kill_process(process.into()))
    }

    /// Sends a signal to the group of a process; see [`AsyncSandbox::send_signal`].
    pub fn send_signal<'a>(&self, process: impl Into<ProcessRef<'a>>, signal: Signal) -> Result<(), ProcessError> {
        block_on(self.sandbox.send_signal(process.into(), signal))
    }

    /// Writes to a process's standard input, and blocks while its pipe is full.
    pub fn write_stdin<'a>(
        &self,
        process: impl Into<ProcessRef<'a>>,
        data: impl Into<Bytes>,
    ) -> Result<(), ProcessError> {
        block_on(self.sandbox.write_stdin(process.into(), data.into()))
    }

    /// Closes a process's standard input.
    pub fn close_stdin<'a>(&self, process: impl Into<ProcessRef<'a>>) -> Result<(), ProcessError> {
        block_on(self.sandbox.close_stdin(process.into()))
    }

    /// Starts a managed process again; see [`AsyncSandbox::restart_process`].
    pub fn restart_process<'a>(&self, process: impl Into<ProcessRef<'a>>) -> Result<ProcessInfo, ProcessError> {
        block_on(self.sandbox.restart_process(process.into()))
    }

    /// Returns the log; see [`AsyncSandbox::get_logs`].
    pub fn get_logs(&self, filter: LogFilter) -> Result<Vec<LogLine>, ProcessError> {
        block_on(self.sandbox.get_logs(filter))
    }

    /// Returns what has been captured of standard output.
    pub fn get_stdout<'a>(&self, process: impl Into<ProcessRef<'a>>) -> Result<OutputResponse, ProcessError> {
        block_on(self.sandbox.get_stdout(process.into()))
    }

    /// Returns what has been captured of standard error.
    pub fn get_stderr<'a>(&self, process: impl Into<ProcessRef<'a>>) -> Result<OutputResponse, ProcessError> {
        block_on(self.sandbox.get_stderr(process.into()))
    }

    /// Returns what has been captured of both streams.
    pub fn get_output<'a>(&self, process: impl Into<ProcessRef<'a>>) -> Result<OutputResponse, ProcessError> {
        block_on(self.sandbox.get_output(process.into()))
    }

    /// Follows standard output, line by line.
    pub fn follow_stdout<'a>(&self, process: impl Into<ProcessRef<'a>>) -> Result<OutputLines, ProcessError> {
        block_on(self.sandbox.follow_stdout(process.into())).map(OutputLines)
    }

    /// Follows standard error, line by line.
    pub fn follow_stderr<'a>(&self, process: impl Into<ProcessRef<'a>>) -> Result<OutputLines, ProcessError> {
        block_on(self.sandbox.follow_stderr(process.into())).map(OutputLines)
    }

    /// Follows both streams, line by line.
    pub fn follow_output<'a>(&self, process: impl Into<ProcessRef<'a>>) -> Result<OutputLines, ProcessError> {
        block_on(self.sandbox.follow_output(process.into())).map(OutputLines)
    }

    /// Starts a program on a terminal of its own; see [`AsyncSandbox::create_pty`].
    pub fn create_pty(&self, pty: PtySpec) -> Result<Pty, ProcessError> {
        block_on(self.sandbox.create_pty(pty)).map(Pty)
    }

    /// Returns the terminal with this id.
    pub fn connect_pty(&self, id: &str) -> Result<Pty, ProcessError> {
        block_on(self.sandbox.connect_pty(id)).map(Pty)
    }

    /// Returns all terminals, oldest first.
    pub fn list_ptys(&self) -> Result<Vec<PtyInfo>, ProcessError> {
        block_on(self.sandbox.list_ptys())
    }

    /// Returns the content of a file.
    pub fn read_file(&self, path: &str) -> Result<Bytes, FileError> {
        block_on(self.sandbox.read_file(path))
    }

    /// Returns the content of a file as text.
    pub fn read_to_string(&self, path: &str) -> Result<String, FileError> {
        block_on(self.sandbox.read_to_string(path))
    }

    /// Writes a file of bytes or text; see [`AsyncSandbox::write_file`].
    pub fn write_file(&self, path: &str, content: impl Into<Bytes>) -> Result<(), FileError> {
        block_on(self.sandbox.write_file(path, content.into()))
    }

    /// Copies a file of the host into the sandbox.
    pub fn upload_file(&self, host_path: impl AsRef<Path>, path: &str) -> Result<(), FileError> {
        block_on(self.sandbox.upload_file(host_path.as_ref(), path))
    }

    /// Removes a file.
    pub fn delete_file(&self, path: &str) -> Result<(), FileError> {
        block_on(self.sandbox.delete_file(path))
    }

    /// Returns what a directory holds.
    pub fn list_directory(&self, path: &str) -> Result<Vec<DirectoryEntry>, FileError> {
        block_on(self.sandbox.list_directory(path))
    }
}

/// A process's output, line by line, as it comes: an iterator that ends when the process does.
pub struct OutputLines(OutputEvents);

impl Iterator for OutputLines {
    type Item = Result<OutputEvent, ProcessError>;

    fn next(&mut self) -> Option<Self::Item> {
        block_on(self.0.next())
    }
}

/// A terminal with its program, whose calls block; see [`Pty`](stillbox_api::Pty).
#[derive(Clone)]
pub struct Pty(Arc<dyn stillbox_api::Pty>);

impl Pty {
    /// Returns the id of the session.
    pub fn id(&self) -> &str {
        self.0.id()
    }

    /// Returns the number of the program's process.
    pub fn pid(&self) -> Pid {
        self.0.pid()
    }

    /// Returns what is known about the terminal now.
    pub fn info(&self) -> Result<PtyInfo, ProcessError> {
        block_on(self.0.info())
    }

    /// Types `input`, and blocks while the program doesn't read what was typed before.
    pub fn send_input(&self, input: impl AsRef<[u8]>) -> Result<(), ProcessError> {
        block_on(self.0.send_input(input.as_ref()))
    }

    /// Changes the size of the screen.
    pub fn resize(&self, rows: u16, cols: u16) -> Result<(), ProcessError> {
        block_on(self.0.resize(rows, cols))
    }

    /// Follows the screen: the recent past first, then live, until the session ends.
    pub fn output(&self) -> Result<PtyOutput, ProcessError> {
        block_on(self.0.output()).map(PtyOutput)
    }

    /// Waits for the program to end, and returns its exit code, or its negated signal.
    pub fn wait(&self) -> Result<i32, ProcessError> {
        block_on(self.0.wait())
    }

    /// Hangs up; see [`Pty::kill`](stillbox_api::Pty::kill).
    pub fn kill(&self) -> Result<(), ProcessError> {
        block_on(self.0.kill())
    }
}

/// What a terminal shows, as it comes: an iterator that ends when the session does.
pub struct PtyOutput(BoxStream<'static, Bytes>);

impl Iterator for PtyOutput {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        block_on(self.0.next())
    }
}
