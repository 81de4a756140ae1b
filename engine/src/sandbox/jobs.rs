//! The jobs of one sandbox: the running ones, and as many of the ended ones as are remembered.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use stillbox_api::{ProcessError, ProcessRef, ProcessStatus};

use crate::process::{Pid, Signal};
use crate::sandbox::job::Job;

/// The jobs of one sandbox, by number, which is the order of their start.
#[derive(Default)]
pub(crate) struct Jobs {
    by_pid: Mutex<BTreeMap<Pid, Arc<Job>>>,
}

impl Jobs {
    /// Enters a job, and forgets the oldest ended ones beyond `finished_max`.
    pub(crate) fn enter(&self, job: Arc<Job>, finished_max: usize) {
        let mut by_pid = self.by_pid.lock();
        by_pid.insert(job.pid(), job);
        if by_pid.len() > finished_max {
            let finished: Vec<Pid> =
                by_pid.iter().filter(|(_, job)| job.end().is_some()).map(|(pid, _)| *pid).collect();
            for pid in &finished[..finished.len().saturating_sub(finished_max)] {
                by_pid.remove(pid);
            }
        }
    }

    /// Forgets a job.
    pub(crate) fn remove(&self, pid: Pid) {
        let job = self.by_pid.lock().remove(&pid);
        drop(job);
    }

    /// Returns the job that is meant; of several with one name, the newest.
    ///
    /// # Errors
    ///
    /// [`ProcessError::NotFound`].
    pub(crate) fn find(&self, process: ProcessRef<'_>) -> Result<Arc<Job>, ProcessError> {
        let by_pid = self.by_pid.lock();
        let found = match process {
            ProcessRef::Pid(pid) => by_pid.get(&pid),
            ProcessRef::Name(name) => by_pid.values().rev().find(|job| job.name.as_deref() == Some(name)),
        };
        found.cloned().ok_or_else(|| ProcessError::NotFound { process: process.to_string() })
    }

    /// Returns whether a running job has this name.
    pub(crate) fn has_running(&self, name: &str) -> bool {
        self.by_pid.lock().values().any(|job| job.name.as_deref() == Some(name) && job.end().is_none())
    }

    /// Returns all jobs, oldest first.
    pub(crate) fn list(&self) -> Vec<Arc<Job>> {
        self.by_pid.lock().values().cloned().collect()
    }

    /// Takes note that all jobs are over, whether or not their threads have come to their ends already: one may be in a
    /// call of the host's that takes its time.
    pub(crate) fn finish_all(&self) {
        for job in self.list() {
            job.finish(ProcessStatus::Signaled(Signal::KILL.number().into()));
        }
    }
}
