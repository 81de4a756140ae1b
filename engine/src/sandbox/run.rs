//! Running a command to its end.

use std::future::poll_fn;
use std::sync::Arc;

use stillbox_api::{Command, CommandResult, ExitReason, OutputStream, ProcessError, ProcessStatus};

use crate::process::output::text_of;
use crate::sandbox::Live;
use crate::sandbox::job::{End, Job};

/// A job whose result one caller waits for: if that caller goes away, so does the job.
struct Attached {
    live: Arc<Live>,
    job: Arc<Job>,
}

impl Drop for Attached {
    fn drop(&mut self) {
        if self.job.end().is_none() {
            self.job.kill();
        }
        self.live.jobs.remove(self.job.pid());
    }
}

impl Live {
    /// Runs a command to its end. Dropping the future kills it.
    pub(crate) async fn run(self: &Arc<Self>, command: Command) -> Result<CommandResult, ProcessError> {
        if command.restart.is_some() || command.health_check.is_some() {
            let reason = "what is run is run once: it has neither a restart policy nor a health check";
            return Err(ProcessError::InvalidCommand { reason: reason.into() });
        }
        let job = self.start_once(command).await?;
        let attached = Attached { live: self.clone(), job };
        let end = poll_fn(|cx| attached.job.poll_end(cx)).await;
        Ok(result_of(&attached.job, end))
    }
}

fn result_of(job: &Job, end: End) -> CommandResult {
    let (exit_code, reason) = match end.status {
        _ if end.timed_out => (-9, ExitReason::TimedOut),
        ProcessStatus::Exited(code) => (code, ExitReason::Exited),
        ProcessStatus::Signaled(signal) => (-signal, ExitReason::Signaled),
        // A process that has ended doesn't run; all that is left is this.
        ProcessStatus::OomKilled | ProcessStatus::Running => (-9, ExitReason::OomKilled),
    };
    let (stdout_bytes, stdout_missed_bytes) = job.output.take(OutputStream::Stdout);
    let (stderr_bytes, stderr_missed_bytes) = job.output.take(OutputStream::Stderr);
    CommandResult {
        pid: job.pid(),
        exit_code,
        reason,
        stdout: text_of(&stdout_bytes),
        stderr: text_of(&stderr_bytes),
        stdout_bytes,
        stderr_bytes,
        stdout_missed_bytes,
        stderr_missed_bytes,
    }
}
