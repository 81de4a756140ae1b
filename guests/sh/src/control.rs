//! Job control: each job is a process group, and one of them has the terminal.

use stillbox_sys::{self as sys, Disposition, Fd, Pid, Signal, Spawn, Status, TtyModes};

use crate::jobs::{Job, JobState};
use crate::shell::{Flow, Shell, Unwind};
use crate::trap::Trap;

const INT: Signal = 2;
const QUIT: Signal = 3;
const TERM: Signal = 15;
const CONT: Signal = 18;
const TSTP: Signal = 20;
const TTIN: Signal = 21;
const TTOU: Signal = 22;
const WINCH: Signal = 28;

/// Where the shell keeps its terminal: above the files that people use.
const TERMINAL_MIN: Fd = 200;

/// How often a shell in the background waits for its turn before it does without job control.
const TURNS_MAX: u32 = 16;

/// Is the terminal of an interactive shell.
#[derive(Debug)]
pub struct Control {
    pub terminal: Fd,
    group: Pid,
    /// How the terminal is to be set when the shell has it.
    pub modes: TtyModes,
}

/// Is the processes of the pipeline that runs now.
#[derive(Debug, Default)]
pub struct Group {
    leader: Option<Pid>,
    stopped: Vec<Pid>,
    /// Whether the terminal's interrupt ended one of them.
    interrupted: bool,
    /// Whether a signal ended one of them.
    killed: bool,
}

impl Group {
    pub fn leader(&self) -> Option<Pid> {
        self.leader
    }
}

impl Shell {
    /// Makes the shell the one who says which job has the terminal, if it is on one.
    pub fn take_control(&mut self) {
        // The terminal's interrupt ends what runs or the line that is typed, not the shell.
        let _ = sys::signal_action(INT, Disposition::Catch);
        for signal in [QUIT, TERM] {
            let _ = sys::signal_action(signal, Disposition::Ignore);
        }
        self.control = control();
        self.options.monitor = self.control.is_some();
        if let Some(control) = &self.control {
            for signal in [TSTP, TTIN, TTOU] {
                let _ = sys::signal_action(signal, Disposition::Ignore);
            }
            // A new size interrupts what waits for a key, so that the line is shown anew.
            let _ = sys::signal_action(WINCH, Disposition::Catch);
            let _ = sys::set_tty_group(control.terminal, control.group);
        } else if self.interactive && sys::isatty(0) {
            self.error("no job control in this shell");
        }
    }

    /// Says where a new process belongs, and gives it back the signals that the shell takes for itself.
    pub fn assign_job(&mut self, spawn: &mut Spawn, background: bool) {
        if background && !self.interactive && !self.options.monitor {
            // Without job control, what runs in the background is not meant to be interrupted.
            spawn.signal(INT, Disposition::Ignore).signal(QUIT, Disposition::Ignore);
            return;
        }
        let is_job = self.options.monitor && self.substituting == 0;
        if self.interactive || self.control.is_some() {
            let of_terminal: &[Signal] = if is_job { &[TSTP, TTIN, TTOU] } else { &[] };
            for &signal in [QUIT, TERM].iter().chain(of_terminal) {
                let ignored = self.traps.get(&Trap::Signal(signal)).is_some_and(String::is_empty);
                if !ignored {
                    spawn.signal(signal, Disposition::Default);
                }
            }
        }
        if is_job {
            spawn.group(self.group.leader.unwrap_or(0));
            if let (Some(control), false) = (&self.control, background) {
                spawn.foreground(control.terminal);
            }
        }
    }

    /// Takes note of a process that was started.
    pub fn joined_job(&mut self, pid: Pid) {
        if self.options.monitor && self.substituting == 0 {
            self.group.leader.get_or_insert(pid);
        }
    }

    /// Runs something whose processes are a job of their own.
    pub fn in_job<T>(&mut self, run: impl FnOnce(&mut Shell) -> T) -> (T, Group) {
        let outer = std::mem::take(&mut self.group);
        let result = run(self);
        (result, std::mem::replace(&mut self.group, outer))
    }

    /// Takes note of how a process in the foreground is doing.
    pub fn note_foreground(&mut self, pid: Pid, status: Status) {
        match status {
            Status::Stopped(_) => self.group.stopped.push(pid),
            Status::Signaled(signal) => {
                self.group.killed = true;
                self.group.interrupted |= signal == INT;
            }
            Status::Exited(_) => {}
        }
    }

    /// Takes the terminal back from a job that has ended or was stopped. One that was interrupted, or was stopped in the
    /// midst of others, ends the whole command.
    pub fn end_foreground(&mut self, group: Group, text: impl FnOnce() -> String) -> Flow<()> {
        let (Some(leader), Some(control)) = (group.leader, &mut self.control) else { return Ok(()) };
        let _ = sys::set_tty_group(control.terminal, control.group);
        let modes = sys::tty_modes(control.terminal).ok();
        if group.killed || !group.stopped.is_empty() {
            let _ = sys::set_tty_modes(control.terminal, &control.modes, false);
        } else if let Some(modes) = modes {
            // A program that ended well may have set the terminal for those that come.
            control.modes = modes;
        }
        if !group.stopped.is_empty() {
            if let Some(job) = self.jobs.add_stopped(group.stopped, leader, text()) {
                job.modes = modes;
                let line = format!("\n{}", crate::builtins::job_line(job, '+', false));
                let _ = sys::write_all(2, &crate::text::encode(&line));
            }
            return if self.loops > 0 || !self.calls.is_empty() { Err(Unwind::Abort(128 + TSTP)) } else { Ok(()) };
        }
        if group.interrupted {
            let _ = sys::write_all(2, b"\n");
            return Err(Unwind::Abort(128 + INT));
        }
        Ok(())
    }

    /// Puts a job into the foreground, and waits for it.
    pub fn resume(&mut self, job: Job) -> Flow<i32> {
        let Job { pid, group, alive, text, modes, .. } = job.clone();
        self.jobs.forget(|job| job.pid == pid);
        if let (Some(control), Some(group)) = (&self.control, group) {
            if let Some(modes) = modes {
                let _ = sys::set_tty_modes(control.terminal, &modes, false);
            }
            let _ = sys::set_tty_group(control.terminal, group);
        }
        continue_processes(&job);
        let (status, ended) = self.in_job(|shell| {
            shell.group.leader = group;
            let mut status = job.status().map_or(0, Status::code);
            for process in alive {
                let code = shell.wait_foreground(process);
                if process == pid {
                    status = code;
                }
            }
            status
        });
        self.end_foreground(ended, || text)?;
        Ok(status)
    }

    /// Lets a job go on in the background.
    pub fn resume_in_background(&mut self, pid: Pid) {
        if let Some(job) = self.jobs.by_pid(pid) {
            (job.state, job.reported) = (JobState::Running, false);
            continue_processes(job);
        }
    }
}

/// Continues the processes of a job, which may have ended in the meantime.
fn continue_processes(job: &Job) {
    match job.group {
        Some(group) => {
            let _ = sys::kill_group(group, CONT);
        }
        None => job.alive.iter().for_each(|pid| {
            let _ = sys::kill(*pid, CONT);
        }),
    }
}

/// Returns the terminal of this process's session, once it is this process's turn.
fn control() -> Option<Control> {
    let opened = sys::open("/dev/tty", sys::Open { write: true, ..sys::Open::READ }).ok()?;
    let terminal = sys::dup_min(opened, TERMINAL_MIN, true);
    let _ = sys::close(opened);
    let terminal = terminal.ok()?;
    let mut group = sys::get_group(0).ok()?;
    let mut turns = 0;
    while sys::tty_group(terminal).ok()? != group {
        turns += 1;
        if turns > TURNS_MAX {
            return None;
        }
        let _ = sys::kill_group(group, TTIN);
    }
    if group != sys::getpid() {
        sys::set_group(0, 0).ok()?;
        group = sys::getpid();
    }
    let modes = sys::tty_modes(terminal).ok()?;
    Some(Control { terminal, group, modes })
}
