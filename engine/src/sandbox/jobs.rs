//! The jobs of one sandbox: the running ones, and as many of the ended ones as are remembered.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

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
    /// How many managed processes there have been.
    managed: AtomicU32,
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
    /// [`ProcessError::NameTaken`] if another job has it that isn't over, or is about to start.
    pub(crate) fn claim<'a>(&'a self, name: Option<&'a str>) -> Result<Claim<'a>, ProcessError> {
        if let Some(name) = name {
            let mut claimed = self.claimed.lock();
            let by_pid = self.by_pid.lock();
            let is_held = by_pid.values().any(|job| job.name.as_deref() == Some(name) && !job.is_over());
            if is_held || !claimed.insert(name.to_owned()) {
                return Err(ProcessError::NameTaken { name: name.to_owned() });
            }
        }
        Ok(Claim { jobs: self, name })
    }

    /// Enters a job.
    pub(crate) fn enter(&self, job: Arc<Job>) {
        self.by_pid.lock().insert(job.pid(), job);
    }

    /// Forgets the oldest ended jobs: those beyond `finished_max`, and others as long as little is left of what all jobs
    /// may capture.
    pub(crate) fn make_room(&self, finished_max: usize, captured: &Account) {
        let is_scarce = || captured.used() > captured.limit() / 4 * 3;
        let mut by_pid = self.by_pid.lock();
        if by_pid.len() <= finished_max && !is_scarce() {
            return;
        }
        let finished: Vec<Pid> = by_pid.iter().filter(|(_, job)| job.is_over()).map(|(pid, _)| *pid).collect();
        let excess = finished.len().saturating_sub(finished_max);
        for (index, pid) in finished.iter().enumerate() {
            if index >= excess && !is_scarce() {
                break;
            }
            by_pid.remove(pid);
        }
    }

    /// Enters a job in the place of the last one of the same managed process.
    pub(super) fn replace(&self, job: Arc<Job>) {
        let mut by_pid = self.by_pid.lock();
        let is_last = |other: &Arc<Job>| match (&other.managed, &job.managed) {
            (Some(other), Some(managed)) => Arc::ptr_eq(other, managed),
            _ => false,
        };
        by_pid.retain(|_, other| !is_last(other));
        by_pid.insert(job.pid(), job);
    }

    /// Has `revive` say that a managed process isn't over, if its name is free.
    ///
    /// # Errors
    ///
    /// [`ProcessError::NameTaken`] if another job has its name that isn't over, or is about to start.
    pub(super) fn revive<T>(&self, job: &Arc<Job>, revive: impl FnOnce() -> T) -> Result<T, ProcessError> {
        if let Some(name) = &job.name {
            let claimed = self.claimed.lock();
            let by_pid = self.by_pid.lock();
            let holds = |other: &Arc<Job>| other.name.as_ref() == Some(name) && !other.is_over();
            if claimed.contains(name) || by_pid.values().any(|other| other.pid() != job.pid() && holds(other)) {
                return Err(ProcessError::NameTaken { name: name.clone() });
            }
            return Ok(revive());
        }
        Ok(revive())
    }

    /// Returns another number for a managed process.
    pub(super) fn next_managed(&self) -> u32 {
        self.managed.fetch_add(1, Ordering::Relaxed) + 1
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
            if let (Some(managed), Some(end)) = (&job.managed, job.end()) {
                managed.close(end.at_ms);
            }
        }
    }
}
