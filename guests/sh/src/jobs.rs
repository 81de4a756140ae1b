//! Background processes.

use stillbox_sys::{self as sys, Pid, Status, WaitFlags};

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
    pub pid: Pid,
    pub text: String,
    pub state: JobState,
    /// Whether the user has been told that it ended.
    pub reported: bool,
}

/// Is the background processes of this shell.
#[derive(Debug, Clone, Default)]
pub struct Jobs {
    jobs: Vec<Job>,
    /// Numbers for commands that never became a process.
    failed: Pid,
}

impl Jobs {
    /// Adds a process and returns its job number.
    pub fn add(&mut self, pid: Pid, text: String) -> usize {
        // Jobs that were waited for make room for their numbers.
        self.jobs.retain(|job| !job.reported);
        let number = self.jobs.iter().map(|job| job.number).max().unwrap_or(0) + 1;
        self.jobs.push(Job { number, pid, text, state: JobState::Running, reported: false });
        number
    }

    /// Adds a command that could not be started, for `wait $!` to find.
    pub fn add_finished(&mut self, status: i32, text: String) -> Pid {
        self.failed += 1;
        let pid = Pid::MAX / 2 - self.failed;
        self.add(pid, text);
        self.set(pid, JobState::Done(Status::Exited(status as u8)));
        pid
    }

    /// Adds a process that nobody hears of, but that `wait` with its number finds.
    pub fn add_silent(&mut self, pid: Pid) {
        self.add(pid, String::new());
        if let Some(job) = self.by_pid(pid) {
            job.number = 0;
        }
    }

    pub fn add_stopped(&mut self, pid: Pid) {
        if !self.jobs.iter().any(|job| job.pid == pid) {
            self.add(pid, String::new());
        }
        self.set(pid, JobState::Stopped);
    }

    pub fn set(&mut self, pid: Pid, state: JobState) {
        if let Some(job) = self.jobs.iter_mut().find(|job| job.pid == pid) {
            job.state = state;
        }
    }

    pub fn by_pid(&mut self, pid: Pid) -> Option<&mut Job> {
        self.jobs.iter_mut().find(|job| job.pid == pid)
    }

    /// Returns the job that `%1`, `%+`, `%-` or `%name` means.
    pub fn by_spec(&mut self, spec: &str) -> Option<&mut Job> {
        let spec = spec.strip_prefix('%').unwrap_or(spec);
        let live = |job: &&mut Job| !job.reported;
        match spec {
            "" | "+" | "%" => self.jobs.iter_mut().rev().find(live),
            "-" => self.jobs.iter_mut().rev().filter(live).nth(1),
            spec => match spec.parse::<usize>() {
                Ok(number) => self.jobs.iter_mut().find(|job| job.number == number),
                Err(_) => self.jobs.iter_mut().find(|job| job.text.starts_with(spec)),
            },
        }
    }

    /// Looks which jobs have ended.
    pub fn poll(&mut self) {
        for job in self.jobs.iter_mut().filter(|job| job.state == JobState::Running) {
            if let Ok(Some((_, status))) = sys::wait(Some(job.pid), WaitFlags { no_block: true, stopped: false }) {
                job.state = JobState::Done(status);
            }
        }
    }

    pub fn all(&mut self) -> &mut Vec<Job> {
        &mut self.jobs
    }

    /// Returns the processes that still run.
    pub fn running(&self) -> Vec<Pid> {
        self.jobs.iter().filter(|job| job.state == JobState::Running).map(|job| job.pid).collect()
    }
}
