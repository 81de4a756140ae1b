//! A handle on a sandbox.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use stillbox::{
    AsyncSandbox, Command, CommandResult, DirectoryEntry, ExitReason, FileError, LifecycleError, LogFilter, LogLine,
    OutputEvents, OutputResponse, OutputStream, Pid, ProcessError, ProcessInfo, ProcessRef, ProcessStatus, Pty,
    PtyInfo, PtySpec, SandboxInfo, SandboxStatus, SandboxUpdate, Signal, TerminationReason, WrongStatus,
};
use tokio::sync::oneshot;

use super::engine::Shared;
use super::entry::{Entry, Request};
use super::files;
use super::sandbox::Inner;

/// A handle.
pub(super) struct Sandbox {
    pub(super) engine: Arc<Shared>,
    pub(super) inner: Arc<Inner>,
    pub(super) owns: bool,
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        if self.owns {
            self.inner.terminate(TerminationReason::Requested);
        }
    }
}

/// Kills what it is about when the one who waits for it goes away.
struct Attached(Arc<Entry>);

impl Drop for Attached {
    fn drop(&mut self) {
        if !self.0.is_over() {
            self.0.job().kill();
        }
    }
}

impl Sandbox {
    fn output(&self, process: ProcessRef<'_>, stream: Option<OutputStream>) -> Result<OutputResponse, ProcessError> {
        let job = self.inner.find(process)?.job();
        Ok(job.output.response(job.pid, stream))
    }

    fn follow(&self, process: ProcessRef<'_>, stream: Option<OutputStream>) -> Result<OutputEvents, ProcessError> {
        Ok(self.inner.find(process)?.job().output.clone().follow(stream))
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
            return Err(WrongStatus { id: self.inner.id.clone(), status: from }.into());
        }
        let mut status = self.inner.status.subscribe();
        let changed = status.wait_for(|status| *status != from).await;
        Ok(*changed.map_err(|error| LifecycleError::Engine(error.into()))?)
    }

    async fn update(&self, update: SandboxUpdate) -> Result<SandboxInfo, LifecycleError> {
        drop(self.inner.used()?);
        self.engine.update(&self.inner, update)?;
        Ok(self.inner.info())
    }

    async fn terminate(&self) -> Result<(), LifecycleError> {
        self.inner.terminate(TerminationReason::Requested);
        Ok(())
    }

    async fn run(&self, command: Command) -> Result<CommandResult, ProcessError> {
        if command.restart.is_some() || command.health_check.is_some() {
            return Err(ProcessError::InvalidCommand { reason: "what is run is run once".into() });
        }
        let attached = Attached(self.inner.start(command, false)?);
        let job = attached.0.job();
        let end = job.ended().await;
        let (exit_code, reason) = match end.status {
            _ if end.timed_out => (-9, ExitReason::TimedOut),
            ProcessStatus::Exited(code) => (code, ExitReason::Exited),
            status => (-status.signal().unwrap_or(9), ExitReason::Signaled),
        };
        let [stdout, stderr] =
            [OutputStream::Stdout, OutputStream::Stderr].map(|stream| job.output.response(job.pid, Some(stream)));
        Ok(CommandResult {
            pid: job.pid,
            exit_code,
            reason,
            stdout: stdout.lines.join("\n"),
            stderr: stderr.lines.join("\n"),
            stdout_bytes: stdout.bytes,
            stderr_bytes: stderr.bytes,
            stdout_missed_bytes: stdout.missed_bytes,
            stderr_missed_bytes: stderr.missed_bytes,
        })
    }

    async fn start_process(&self, command: Command) -> Result<ProcessInfo, ProcessError> {
        Ok(self.inner.start(command, true)?.info())
    }

    async fn list_processes(&self) -> Result<Vec<ProcessInfo>, ProcessError> {
        Ok(self.inner.used()?.entries.iter().map(|entry| entry.info()).collect())
    }

    async fn get_process(&self, process: ProcessRef<'_>) -> Result<ProcessInfo, ProcessError> {
        Ok(self.inner.find(process)?.info())
    }

    async fn wait_process(&self, process: ProcessRef<'_>) -> Result<ProcessInfo, ProcessError> {
        let entry = self.inner.find(process)?;
        entry.over().await;
        Ok(entry.info())
    }

    async fn kill_process(&self, process: ProcessRef<'_>) -> Result<(), ProcessError> {
        let entry = self.inner.find(process)?;
        match &entry.managed {
            Some(managed) if !*managed.is_over.borrow() => {
                managed.state().is_stopping = true;
                let _ = managed.requests.send(Request::Stop);
            }
            _ => entry.job().kill(),
        }
        Ok(())
    }

    async fn send_signal(&self, process: ProcessRef<'_>, signal: Signal) -> Result<(), ProcessError> {
        self.inner.find(process)?.job().signal(signal)
    }

    async fn write_stdin(&self, process: ProcessRef<'_>, data: Bytes) -> Result<(), ProcessError> {
        let job = self.inner.find(process)?.job();
        job.write_stdin(&data).await
    }

    async fn close_stdin(&self, process: ProcessRef<'_>) -> Result<(), ProcessError> {
        let job = self.inner.find(process)?.job();
        if job.close_stdin() { Ok(()) } else { Err(ProcessError::StdinNotWritable { pid: job.pid }) }
    }

    async fn restart_process(&self, process: ProcessRef<'_>) -> Result<ProcessInfo, ProcessError> {
        let entry = self.inner.find(process)?;
        let pid: Pid = entry.job().pid;
        let managed = entry.managed.as_ref().ok_or(ProcessError::NotManaged { pid })?;
        let (sender, receiver) = oneshot::channel();
        {
            let state = self.inner.used()?;
            if let Some(name) = entry.command.name.as_ref().filter(|name| entry.is_over() && state.holds(name)) {
                return Err(ProcessError::NameTaken { name: name.clone() });
            }
            let _ = managed.requests.send(Request::Restart(sender));
        }
        receiver.await.unwrap_or(Err(ProcessError::NotRunning { pid }))
    }

    async fn get_stdout(&self, process: ProcessRef<'_>) -> Result<OutputResponse, ProcessError> {
        self.output(process, Some(OutputStream::Stdout))
    }

    async fn get_stderr(&self, process: ProcessRef<'_>) -> Result<OutputResponse, ProcessError> {
        self.output(process, Some(OutputStream::Stderr))
    }

    async fn get_output(&self, process: ProcessRef<'_>) -> Result<OutputResponse, ProcessError> {
        self.output(process, None)
    }

    async fn follow_stdout(&self, process: ProcessRef<'_>) -> Result<OutputEvents, ProcessError> {
        self.follow(process, Some(OutputStream::Stdout))
    }

    async fn follow_stderr(&self, process: ProcessRef<'_>) -> Result<OutputEvents, ProcessError> {
        self.follow(process, Some(OutputStream::Stderr))
    }

    async fn follow_output(&self, process: ProcessRef<'_>) -> Result<OutputEvents, ProcessError> {
        self.follow(process, None)
    }

    async fn get_logs(&self, filter: LogFilter) -> Result<Vec<LogLine>, ProcessError> {
        drop(self.inner.used()?);
        Ok(self.inner.log.lines(&filter))
    }

    async fn create_pty(&self, spec: PtySpec) -> Result<Arc<dyn Pty>, ProcessError> {
        Ok(self.inner.create_pty(spec)?)
    }

    async fn connect_pty(&self, id: &str) -> Result<Arc<dyn Pty>, ProcessError> {
        let state = self.inner.used()?;
        let found = state.ptys.iter().find(|session| session.id() == id).cloned();
        Ok(found.ok_or_else(|| ProcessError::NoSuchPty { id: id.to_owned() })?)
    }

    async fn list_ptys(&self) -> Result<Vec<PtyInfo>, ProcessError> {
        Ok(self.inner.used()?.ptys.iter().map(|session| session.info_now()).collect())
    }

    async fn read_file(&self, path: &str) -> Result<Bytes, FileError> {
        files::read(&self.inner.path(path)?, path)
    }

    async fn write_file(&self, path: &str, content: Bytes) -> Result<(), FileError> {
        files::write(&self.inner.path(path)?, path, &content)
    }

    async fn upload_file(&self, host_path: &Path, path: &str) -> Result<(), FileError> {
        let to = self.inner.path(path)?;
        let content =
            std::fs::read(host_path).map_err(|source| FileError::Host { host_path: host_path.to_owned(), source })?;
        files::write(&to, path, &content)
    }

    async fn delete_file(&self, path: &str) -> Result<(), FileError> {
        files::delete(&self.inner.path(path)?, path)
    }

    async fn list_directory(&self, path: &str) -> Result<Vec<DirectoryEntry>, FileError> {
        files::list(&self.inner.path(path)?, path)
    }
}
