//! Sandboxes.
//!
//! ```text
//!   Sandbox (a handle) --> Inner (state.rs: status, name)
//!                             |  while it runs
//!                             v
//!                           Live: process table with the files, and the jobs (job.rs: what the host started)
//!                             |
//!     boot.rs makes it; start.rs, run.rs, processes.rs, pty.rs, files.rs, log.rs: what the API does with it; idle.rs ends
//!     it; supervise.rs starts the jobs of managed processes (managed.rs) again
//! ```

pub(crate) mod boot;
pub(crate) mod files;
pub(crate) mod idle;
pub(crate) mod job;
pub(crate) mod jobs;
pub(crate) mod log;
pub(crate) mod managed;
pub(crate) mod processes;
pub(crate) mod pty;
pub(crate) mod run;
pub(crate) mod start;
pub(crate) mod state;
pub(crate) mod supervise;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use stillbox_api::{
    AsyncSandbox, Command, CommandResult, DirectoryEntry, FileError, LifecycleError, Limits, LogFilter, LogLevel,
    LogLine, OutputEvents, OutputResponse, OutputStream, ProcessError, ProcessInfo, ProcessRef, Pty, PtyInfo, PtySpec,
    SandboxInfo, SandboxStatus, SandboxUpdate, Signal, TerminationReason, WrongStatus,
};
use stillbox_kernel::fs::OpenDir;
use tracing::Instrument as _;

use crate::engine::Shared;
use crate::process::Table;
use crate::sandbox::idle::Idle;
use crate::sandbox::jobs::Jobs;
use crate::sandbox::log::Log;
use crate::sandbox::pty::Ptys;
use crate::sandbox::state::{InUse, Inner};
use crate::wasi::files::Cwd;

/// What there is of a sandbox while it runs.
pub(crate) struct Live {
    id: String,
    pub(crate) table: Arc<Table>,
    jobs: Jobs,
    log: Arc<Log>,
    ptys: Ptys,
    /// The environment of processes that the host starts.
    env: BTreeMap<String, String>,
    /// Where they start, and where relative paths of the API begin.
    cwd: Cwd,
    /// The root directory, which every process has open.
    root: OpenDir,
    idle: Arc<Idle>,
    over: AtomicBool,
}

impl Live {
    fn set_idle_timeout(&self, timeout: Option<Duration>) {
        self.idle.set_timeout(timeout);
    }

    /// Changes what processes that start from now on may use, and the sandbox as a whole.
    fn set_limits(&self, limits: &Limits) {
        self.table.set_limits(limits.clone());
        self.table.fs.set_quota(boot::quota_of(limits));
        self.log.set_limit(limits.log_bytes);
        self.log.event(LogLevel::Info, "limits changed");
    }

    /// Kills everything, and resolves every wait for it.
    fn close(&self) {
        self.over.store(true, Ordering::Release);
        self.table.close();
        self.jobs.finish_all();
    }

    /// Returns whether the sandbox has ended meanwhile.
    fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    fn over(&self) -> WrongStatus {
        WrongStatus { id: self.id.clone(), status: SandboxStatus::Terminated }
    }
}

/// A handle on a sandbox of an [`Engine`](crate::Engine).
pub(crate) struct Sandbox {
    engine: Arc<Shared>,
    inner: Arc<Inner>,
    /// Whether the sandbox ends with this handle.
    owns: bool,
}

impl Sandbox {
    pub(crate) fn new(engine: Arc<Shared>, inner: Arc<Inner>, owns: bool) -> Arc<Self> {
        Arc::new(Self { engine, inner, owns })
    }

    fn live(&self) -> Result<InUse, WrongStatus> {
        self.inner.live()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        if self.owns {
            self.inner.terminate(TerminationReason::Requested);
        }
    }
}

#[async_trait]
impl AsyncSandbox for Sandbox {
    fn id(&self) -> &str {
        &self.inner.id
    }

    fn name(&self) -> Option<String> {
        self.inner.name()
    }

    async fn info(&self) -> Result<SandboxInfo, LifecycleError> {
        Ok(self.inner.info())
    }

    async fn status(&self) -> Result<SandboxStatus, LifecycleError> {
        Ok(self.inner.status())
    }

    async fn status_changed(&self, from: SandboxStatus) -> Result<SandboxStatus, LifecycleError> {
        if from == SandboxStatus::Terminated {
            return Err(self.inner.wrong_status(from).into());
        }
        Ok(self.inner.changed_from(from).await)
    }

    async fn update(&self, update: SandboxUpdate) -> Result<SandboxInfo, LifecycleError> {
        self.live()?;
        self.engine.update(&self.inner, update)?;
        Ok(self.inner.info())
    }

    async fn terminate(&self) -> Result<(), LifecycleError> {
        self.inner.terminate(TerminationReason::Requested);
        Ok(())
    }

    async fn run(&self, command: Command) -> Result<CommandResult, ProcessError> {
        let live = self.live()?;
        live.run(command).instrument(live.table.span.clone()).await
    }

    async fn start_process(&self, command: Command) -> Result<ProcessInfo, ProcessError> {
        let live = self.live()?;
        Ok(live.start(command).instrument(live.table.span.clone()).await?.info())
    }

    async fn list_processes(&self) -> Result<Vec<ProcessInfo>, ProcessError> {
        Ok(self.live()?.list_processes())
    }

    async fn get_process(&self, process: ProcessRef<'_>) -> Result<ProcessInfo, ProcessError> {
        Ok(self.live()?.jobs.find(process)?.info())
    }

    async fn wait_process(&self, process: ProcessRef<'_>) -> Result<ProcessInfo, ProcessError> {
        self.live()?.wait_process(process).await
    }

    async fn kill_process(&self, process: ProcessRef<'_>) -> Result<(), ProcessError> {
        self.live()?.kill_process(process)
    }

    async fn send_signal(&self, process: ProcessRef<'_>, signal: Signal) -> Result<(), ProcessError> {
        self.live()?.send_signal(process, signal)
    }

    async fn write_stdin(&self, process: ProcessRef<'_>, data: Bytes) -> Result<(), ProcessError> {
        self.live()?.write_stdin(process, data).await
    }

    async fn close_stdin(&self, process: ProcessRef<'_>) -> Result<(), ProcessError> {
        self.live()?.close_stdin(process)
    }

    async fn restart_process(&self, process: ProcessRef<'_>) -> Result<ProcessInfo, ProcessError> {
        self.live()?.restart_process(process).await
    }

    async fn get_stdout(&self, process: ProcessRef<'_>) -> Result<OutputResponse, ProcessError> {
        self.live()?.get_output(process, Some(OutputStream::Stdout))
    }

    async fn get_stderr(&self, process: ProcessRef<'_>) -> Result<OutputResponse, ProcessError> {
        self.live()?.get_output(process, Some(OutputStream::Stderr))
    }

    async fn get_output(&self, process: ProcessRef<'_>) -> Result<OutputResponse, ProcessError> {
        self.live()?.get_output(process, None)
    }

    async fn follow_stdout(&self, process: ProcessRef<'_>) -> Result<OutputEvents, ProcessError> {
        self.live()?.follow_output(process, Some(OutputStream::Stdout))
    }

    async fn follow_stderr(&self, process: ProcessRef<'_>) -> Result<OutputEvents, ProcessError> {
        self.live()?.follow_output(process, Some(OutputStream::Stderr))
    }

    async fn follow_output(&self, process: ProcessRef<'_>) -> Result<OutputEvents, ProcessError> {
        self.live()?.follow_output(process, None)
    }

    async fn get_logs(&self, filter: LogFilter) -> Result<Vec<LogLine>, ProcessError> {
        Ok(self.live()?.log.lines(&filter))
    }

    async fn create_pty(&self, spec: PtySpec) -> Result<Arc<dyn Pty>, ProcessError> {
        let live = self.live()?;
        Ok(live.create_pty(spec).instrument(live.table.span.clone()).await?)
    }

    async fn connect_pty(&self, id: &str) -> Result<Arc<dyn Pty>, ProcessError> {
        Ok(self.live()?.ptys.find(id)?)
    }

    async fn list_ptys(&self) -> Result<Vec<PtyInfo>, ProcessError> {
        Ok(self.live()?.ptys.list())
    }

    async fn read_file(&self, path: &str) -> Result<Bytes, FileError> {
        self.live()?.read_file(path)
    }

    async fn write_file(&self, path: &str, content: Bytes) -> Result<(), FileError> {
        self.live()?.write_file(path, content)
    }

    async fn upload_file(&self, host_path: &Path, path: &str) -> Result<(), FileError> {
        self.live()?.upload_file(host_path, path).await
    }

    async fn delete_file(&self, path: &str) -> Result<(), FileError> {
        self.live()?.delete_file(path)
    }

    async fn list_directory(&self, path: &str) -> Result<Vec<DirectoryEntry>, FileError> {
        self.live()?.list_directory(path)
    }
}
