//! The jobs of one sandbox: the running ones, and as many of the ended ones as are remembered.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use parking_lot::Mutex;
use stillbox_api::{ProcessError, ProcessRef, ProcessStatus};
use stillbox_kernel::account::Account;

use crate::process::{Pid, Signal};
use crate::sandbox::job::Job;

/// The jobs of one sandbox, by number, which is the order of their start.
#[derive(Default)]
pub(crate) struct Jobs {
    by_pid: Mutex<BTreeMap<Pid, Arc<Job>>>,
    /// The names of jobs that are about to start.
    claimed: Mutex<HashSet<String>>,
}

/// The right to start a job with a certain name, if it is to have one.
pub(crate) struct Claim<'a> {
    jobs: &'a Jobs,
    name: Option<&'a str>,
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        if let Some(name) = self.name {
            self.jobs.claimed.lock().remove(name);
        }
    }
}

impl Jobs {
    /// Claims a name until its job is entered.
    ///
    /// # Errors
    ///
    /// [`ProcessError::NameTaken`] if another job has it that runs or is about to.
    pub(crate) fn claim<'a>(&'a self, name: Option<&'a str>) -> Result<Claim<'a>, ProcessError> {
        if let Some(name) = name {
            let mut claimed = self.claimed.lock();
            let by_pid = self.by_pid.lock();
            let is_running = by_pid.values().any(|job| job.name.as_deref() == Some(name) && job.end().is_none());
            if is_running || !claimed.insert(name.to_owned()) {
                return Err(ProcessError::NameTaken { name: name.to_owned() });
            }
        }
        Ok(Claim { jobs: self, name })
    }

    /// Enters a job, and forgets the oldest ended ones: those beyond `finished_max`, and others as long as little is left
    /// of what all of them may capture.
    pub(crate) fn enter(&self, job: Arc<Job>, finished_max: usize, captured: &Account) {
        let is_scarce = || captured.used() > captured.limit() / 4 * 3;
        let mut by_pid = self.by_pid.lock();
        by_pid.insert(job.pid(), job);
        if by_pid.len() <= finished_max && !is_scarce() {
            return;
        }
        let finished: Vec<Pid> = by_pid.iter().filter(|(_, job)| job.end().is_some()).map(|(pid, _)| *pid).collect();
        let excess = finished.len().saturating_sub(finished_max);
        for (index, pid) in finished.iter().enumerate() {
            if index >= excess && !is_scarce() {
                break;
            }
            by_pid.remove(pid);
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
