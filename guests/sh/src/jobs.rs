//! Background and stopped jobs.

use stillbox_sys::{self as sys, Pid, Status, TtyModes, WaitFlags};

/// Is how a job is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobState {
    Running,
    Stopped,
    Done(Status),
}

#[derive(Debug, Clone)]
pub struct Job {
    pub number: usize,
    /// The last process of the pipeline, which the status comes from.
    pub pid: Pid,
    /// The process group, if it has one of its own.
    pub group: Option<Pid>,
    /// The processes that have not ended.
    pub alive: Vec<Pid>,
    pub text: String,
    pub state: JobState,
    /// How the last process ended, while others go on.
    last: Option<Status>,
    /// Whether the user has been told that it ended, or was stopped.
    pub reported: bool,
    /// How the job had set the terminal when it was stopped.
    pub modes: Option<TtyModes>,
}

/// Is the jobs of this shell.
#[derive(Debug, Clone, Default)]
pub struct Jobs {
    jobs: Vec<Job>,
    /// Numbers for commands that never became a process.
    failed: Pid,
}

impl Jobs {
    /// Adds a process and returns its job number.
    pub fn add(&mut self, pid: Pid, group: Option<Pid>, text: String) -> usize {
        // Jobs that were waited for make room for their numbers.
        self.jobs.retain(|job| !job.reported || job.state == JobState::Stopped);
        let number = self.jobs.iter().map(|job| job.number).max().unwrap_or(0) + 1;
        self.jobs.push(Job {
            number,
            pid,
            group,
            alive: vec![pid],
            text,
            state: JobState::Running,
            last: None,
            reported: false,
            modes: None,
        });
        number
    }

    /// Adds a command that could not be started, for `wait $!` to find.
    pub fn add_finished(&mut self, status: i32, text: String) -> Pid {
        self.failed += 1;
        let pid = Pid::MAX / 2 - self.failed;
        self.add(pid, None, text);
        self.note(pid, Status::Exited(status as u8));
        pid
    }

    /// Adds a process that nobody hears of, but that `wait` with its number finds.
    pub fn add_silent(&mut self, pid: Pid) {
        self.add(pid, None, String::new());
        if let Some(job) = self.by_pid(pid) {
            job.number = 0;
        }
    }

    /// Adds what was stopped in the foreground, and returns its job.
    pub fn add_stopped(&mut self, stopped: Vec<Pid>, group: Pid, text: String) -> Option<&mut Job> {
        let last = *stopped.last()?;
        self.add(last, Some(group), text);
        let job = self.jobs.last_mut()?;
        (job.alive, job.state, job.reported) = (stopped, JobState::Stopped, true);
        Some(job)
    }

    /// Takes note of what a wait has found out about a process.
    pub fn note(&mut self, pid: Pid, status: Status) {
        let Some(job) = self.jobs.iter_mut().find(|job| job.alive.contains(&pid)) else { return };
        if let Status::Stopped(_) = status {
            job.reported &= job.state == JobState::Stopped;
            job.state = JobState::Stopped;
            return;
        }
        job.alive.retain(|alive| *alive != pid);
        if pid == job.pid {
            job.last = Some(status);
        }
        if let (true, Some(status)) = (job.alive.is_empty(), job.last) {
            job.reported &= job.state != JobState::Stopped;
            job.state = JobState::Done(status);
        }
    }

    pub fn by_pid(&mut self, pid: Pid) -> Option<&mut Job> {
        self.jobs.iter_mut().find(|job| job.pid == pid)
    }

    /// Returns the job that `%1`, `%+`, `%-` or `%name` means.
    pub fn by_spec(&mut self, spec: &str) -> Option<&mut Job> {
        let spec = spec.strip_prefix('%').unwrap_or(spec);
        match spec {
            "" | "+" | "%" => self.current(0),
            "-" => self.current(1),
            spec => match spec.parse::<usize>() {
                Ok(number) => self.jobs.iter_mut().find(|job| job.number == number),
                Err(_) => self.jobs.iter_mut().find(|job| job.text.starts_with(spec)),
            },
        }
    }

    /// Returns the current job, or the one before it: those that were stopped come before those that run.
    fn current(&mut self, before: usize) -> Option<&mut Job> {
        let mut live: Vec<_> = self.jobs.iter_mut().filter(|job| job.is_live()).collect();
        live.sort_by_key(|job| (job.state == JobState::Stopped, job.number));
        live.into_iter().rev().nth(before)
    }

    /// Looks which jobs have ended, or were stopped.
    pub fn poll(&mut self, stopped: bool) {
        let waited: Vec<Pid> = self.jobs.iter().flat_map(|job| job.alive.clone()).collect();
        for pid in waited {
            if let Ok(Some((_, status))) = sys::wait(Some(pid), WaitFlags { no_block: true, stopped }) {
                self.note(pid, status);
            }
        }
    }

    /// Takes out the jobs for which the function says so.
    pub fn forget(&mut self, is_meant: impl Fn(&Job) -> bool) {
        self.jobs.retain(|job| !is_meant(job));
    }

    pub fn all(&mut self) -> &mut Vec<Job> {
        &mut self.jobs
    }

    /// Returns the processes that still run.
    pub fn running(&self) -> Vec<Pid> {
        self.jobs.iter().filter(|job| job.state == JobState::Running).map(|job| job.pid).collect()
    }

    pub fn has_stopped(&self) -> bool {
        self.jobs.iter().any(|job| job.state == JobState::Stopped)
    }
}

impl Job {
    /// Returns whether the job is one that the user knows and can do something about.
    pub fn is_live(&self) -> bool {
        self.number > 0 && (!self.reported || self.state == JobState::Stopped)
    }

    /// Returns how the last process ended, if it has.
    pub fn status(&self) -> Option<Status> {
        self.last
    }
}
