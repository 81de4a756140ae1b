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
pub(crate) mod hold;
pub(crate) mod idle;
pub(crate) mod job;
pub(crate) mod jobs;
pub(crate) mod log;
pub(crate) mod managed;
pub(crate) mod persist;
pub(crate) mod processes;
pub(crate) mod pty;
pub(crate) mod run;
pub(crate) mod snapshot;
pub(crate) mod start;
pub(crate) mod state;
pub(crate) mod still;
pub(crate) mod supervise;
pub(crate) mod suspend;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use stillbox_api::{
    AsyncSandbox, CheckpointError, Command, CommandResult, DirectoryEntry, FileError, LifecycleError, Limits,
    LogFilter, LogLevel, LogLine, OutputEvents, OutputResponse, OutputSink, OutputStream, ProcessError, ProcessInfo,
    ProcessRef, Pty, PtyInfo, PtySpec, RestoreError, SandboxInfo, SandboxStatus, SandboxUpdate, Signal, SnapshotInfo,
    SnapshotKind, TerminationReason, WrongStatus,
};
use stillbox_checkpoint::Purpose;
use stillbox_kernel::fs::OpenDir;
use tracing::Instrument as _;

use crate::engine::Shared;
use crate::image::Base;
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
    /// What the files began as.
    base: Base,
    /// Whether its processes have no instances, as it is suspended.
    is_resting: AtomicBool,
    idle: Arc<Idle>,
    over: AtomicBool,
}

impl Live {
    /// Returns where processes start that the host starts.
    fn cwd(&self) -> &Cwd {
        &self.cwd
    }

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

    /// Returns what runs, after waking a suspended sandbox up.
    ///
    /// # Errors
    ///
    /// If the sandbox can't be used, or not be woken up.
    async fn live(&self) -> Result<InUse, LifecycleError> {
        loop {
            let status = match self.inner.live() {
                Ok(live) => return Ok(live),
                Err(WrongStatus { status, .. }) => status,
            };
            match status {
                SandboxStatus::Suspending | SandboxStatus::Pending => _ = self.inner.changed_from(status).await,
                SandboxStatus::Suspended if self.inner.auto_resume() => {
                    suspend::resume(&self.engine, &self.inner).await?
                }
                SandboxStatus::Running | SandboxStatus::Snapshotting => {}
                SandboxStatus::Suspended | SandboxStatus::Terminated => {
                    return Err(self.inner.wrong_status(status).into());
                }
            }
        }
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
        if self.inner.status() == SandboxStatus::Terminated {
            return Err(self.inner.wrong_status(SandboxStatus::Terminated).into());
        }
        self.engine.update(&self.inner, update)?;
        Ok(self.inner.info())
    }

    async fn terminate(&self) -> Result<(), LifecycleError> {
        let rest = self.inner.rest().ok();
        self.inner.terminate(TerminationReason::Requested);
        if let Some((checkpoint, _)) = rest {
            // Nobody finds it any more when this returns, in no process.
            self.engine.snapshots.discard(&checkpoint).await;
        }
        Ok(())
    }

    async fn run(&self, command: Command) -> Result<CommandResult, ProcessError> {
        let live = self.live().await?;
        live.run(command).instrument(live.table.span.clone()).await
    }

    async fn start_process(&self, command: Command) -> Result<ProcessInfo, ProcessError> {
        let live = self.live().await?;
        Ok(live.start(command).instrument(live.table.span.clone()).await?.info())
    }

    async fn list_processes(&self) -> Result<Vec<ProcessInfo>, ProcessError> {
        Ok(self.live().await?.list_processes())
    }

    async fn get_process(&self, process: ProcessRef<'_>) -> Result<ProcessInfo, ProcessError> {
        Ok(self.live().await?.jobs.find(process)?.info())
    }

    async fn wait_process(&self, process: ProcessRef<'_>) -> Result<ProcessInfo, ProcessError> {
        self.live().await?.wait_process(process).await
    }

    async fn kill_process(&self, process: ProcessRef<'_>) -> Result<(), ProcessError> {
        self.live().await?.kill_process(process)
    }

    async fn send_signal(&self, process: ProcessRef<'_>, signal: Signal) -> Result<(), ProcessError> {
        self.live().await?.send_signal(process, signal)
    }

    async fn write_stdin(&self, process: ProcessRef<'_>, data: Bytes) -> Result<(), ProcessError> {
        self.live().await?.write_stdin(process, data).await
    }

    async fn close_stdin(&self, process: ProcessRef<'_>) -> Result<(), ProcessError> {
        self.live().await?.close_stdin(process)
    }

    async fn restart_process(&self, process: ProcessRef<'_>) -> Result<ProcessInfo, ProcessError> {
        self.live().await?.restart_process(process).await
    }

    async fn get_stdout(&self, process: ProcessRef<'_>) -> Result<OutputResponse, ProcessError> {
        self.live().await?.get_output(process, Some(OutputStream::Stdout))
    }

    async fn get_stderr(&self, process: ProcessRef<'_>) -> Result<OutputResponse, ProcessError> {
        self.live().await?.get_output(process, Some(OutputStream::Stderr))
    }

    async fn get_output(&self, process: ProcessRef<'_>) -> Result<OutputResponse, ProcessError> {
        self.live().await?.get_output(process, None)
    }

    async fn follow_stdout(&self, process: ProcessRef<'_>) -> Result<OutputEvents, ProcessError> {
        self.live().await?.follow_output(process, Some(OutputStream::Stdout))
    }

    async fn follow_stderr(&self, process: ProcessRef<'_>) -> Result<OutputEvents, ProcessError> {
        self.live().await?.follow_output(process, Some(OutputStream::Stderr))
    }

    async fn follow_output(&self, process: ProcessRef<'_>) -> Result<OutputEvents, ProcessError> {
        self.live().await?.follow_output(process, None)
    }

    async fn redirect_output(
        &self,
        process: ProcessRef<'_>,
        stream: OutputStream,
        sink: Arc<dyn OutputSink>,
    ) -> Result<(), ProcessError> {
        self.live().await?.redirect_output(process, stream, sink).await
    }

    async fn get_logs(&self, filter: LogFilter) -> Result<Vec<LogLine>, ProcessError> {
        Ok(self.live().await?.log.lines(&filter))
    }

    async fn create_pty(&self, spec: PtySpec) -> Result<Arc<dyn Pty>, ProcessError> {
        let live = self.live().await?;
        Ok(live.create_pty(spec).instrument(live.table.span.clone()).await?)
    }

    async fn connect_pty(&self, id: &str) -> Result<Arc<dyn Pty>, ProcessError> {
        Ok(self.live().await?.ptys.find(id)?)
    }

    async fn list_ptys(&self) -> Result<Vec<PtyInfo>, ProcessError> {
        Ok(self.live().await?.ptys.list())
    }

    async fn read_file(&self, path: &str) -> Result<Bytes, FileError> {
        self.live().await?.read_file(path)
    }

    async fn write_file(&self, path: &str, content: Bytes) -> Result<(), FileError> {
        self.live().await?.write_file(path, content)
    }

    async fn upload_file(&self, host_path: &Path, path: &str) -> Result<(), FileError> {
        self.live().await?.upload_file(host_path, path).await
    }

    async fn delete_file(&self, path: &str) -> Result<(), FileError> {
        self.live().await?.delete_file(path)
    }

    async fn list_directory(&self, path: &str) -> Result<Vec<DirectoryEntry>, FileError> {
        self.live().await?.list_directory(path)
    }

    async fn suspend(&self) -> Result<(), LifecycleError> {
        suspend::suspend(&self.engine, &self.inner).await
    }

    async fn resume(&self) -> Result<(), LifecycleError> {
        suspend::resume(&self.engine, &self.inner).await
    }

    async fn checkpoint(&self, kind: SnapshotKind) -> Result<SnapshotInfo, CheckpointError> {
        let _in_use = self.live().await?;
        snapshot::checkpoint(&self.engine, &self.inner, kind).await
    }

    async fn list_snapshots(&self) -> Result<Vec<SnapshotInfo>, CheckpointError> {
        let list = self.engine.snapshots.list(Purpose::Snapshot).await?;
        Ok(list.iter().filter(|record| record.sandbox_id == self.inner.id).map(SnapshotInfo::from).collect())
    }

    async fn rollback(&self, snapshot_id: &str) -> Result<(), RestoreError> {
        let _in_use = self.live().await?;
        snapshot::rollback(&self.engine, &self.inner, snapshot_id).await
    }

    async fn copy(&self, times: usize) -> Result<Vec<Arc<dyn AsyncSandbox>>, CheckpointError> {
        let _in_use = self.live().await?;
        snapshot::copy(&self.engine, &self.inner, times).await
    }
}
