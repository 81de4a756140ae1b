//! Jobs, saved and brought back.

use std::sync::Arc;
use std::time::Duration;

use stillbox_api::ProcessStatus;
use stillbox_checkpoint::output::persist::{EndState, JobState};
use stillbox_checkpoint::process::persist::{ExitState, InvocationState, LifeState, ProcessState};

use super::{End, Job, Record};
use crate::process::output::Output;
use crate::process::persist::LoadProcessError;
use crate::process::{Exit, INIT, Session};
use crate::sandbox::Live;
use crate::sandbox::managed::Managed;
use crate::timers::nanos;
use crate::wasi::fd_table::persist::{Opened, Reopened};

impl Job {
    /// Saves the job, whose terminal the host addresses by `terminal_id`.
    pub(crate) fn save(&self, opened: &mut Opened, terminal_id: Option<&str>) -> JobState {
        JobState {
            pid: self.pid(),
            name: self.name.clone(),
            command: self.command.clone(),
            args: self.args.clone(),
            started_at_ms: self.started_at_ms(),
            end: self.end().map(save_end),
            stdin_pipe: self.stdin.lock().as_ref().map(|writer| opened.pipe(writer)),
            time_left_ns: self.deadline.lock().as_ref().map(|timer| nanos(timer.left())),
            terminal: self.terminal.as_ref().map(|terminal| opened.terminal(terminal, terminal_id)),
            managed: self.managed.as_ref().map(|managed| managed.save()),
            output: self.output.save(),
        }
    }

    /// Makes the job that was saved, of a process that is in the table of `live` if it runs.
    ///
    /// # Errors
    ///
    /// For what is no state of a job.
    pub(crate) fn load(
        live: &Arc<Live>,
        state: &JobState,
        output: Arc<Output>,
        reopened: &Reopened,
    ) -> Result<Arc<Self>, LoadProcessError> {
        let process = match (&state.end, live.table.get(state.pid)) {
            (_, Some(process)) => process,
            (Some(end), None) => {
                let session = Arc::new(Session { leader: state.pid, terminal: None });
                live.table.load_ended(&record_of(state, end.exit), end.exit, session, live.cwd())?
            }
            (None, None) => return Err(LoadProcessError::State("is not there")),
        };
        let busy = || live.idle.busy();
        let managed = state.managed.as_ref().map(|saved| Managed::load(saved, output.clone(), busy()));
        let managed = managed.transpose().map_err(LoadProcessError::State)?;
        let record = Record {
            output,
            stdin: state.stdin_pipe.map(|at| reopened.writer(at)).transpose()?,
            terminal: state.terminal.map(|at| reopened.terminal(at)).transpose()?,
            name: state.name.clone(),
            managed: managed.clone(),
            command: state.command.clone(),
            args: state.args.clone(),
            log: Some(live.log.clone()),
            busy: busy(),
        };
        if let Some(end) = &state.end {
            let end = load_end(end).map_err(LoadProcessError::State)?;
            let job = Self::unfinished(process, record);
            let _ = job.end.set(end);
            job.stdin.lock().take();
            job.busy.lock().take();
            let job = Arc::new(job);
            if let Some(managed) = managed {
                live.supervise_again(managed, job.clone());
            }
            return Ok(job);
        }
        let job = Self::new(process, record);
        live.set_deadline(&job, state.time_left_ns.map(Duration::from_nanos));
        if let Some(managed) = managed {
            live.supervise_again(managed, job.clone());
        }
        Ok(job)
    }
}

/// Returns what is left of a process that has ended and was waited for.
fn record_of(state: &JobState, exit: ExitState) -> ProcessState {
    ProcessState {
        pid: state.pid,
        parent: INIT,
        group: state.pid,
        session: state.pid,
        job: state.pid,
        started_ns: state.started_at_ms.saturating_mul(1_000_000),
        cpu_ns: 0,
        children_cpu_ns: 0,
        wall_time_left_ns: None,
        invocation: InvocationState { path: state.command.clone(), args: Vec::new(), env: Vec::new() },
        life: LifeState::Zombie(exit),
    }
}

pub(in crate::sandbox) fn save_end(end: End) -> EndState {
    let exit = match end.status {
        ProcessStatus::Exited(code) => ExitState::Code(code as u32),
        ProcessStatus::Signaled(signal) => ExitState::Signal(u8::try_from(signal).unwrap_or(9)),
        ProcessStatus::OomKilled | ProcessStatus::Running => ExitState::Signal(9),
    };
    EndState { exit, timed_out: end.timed_out, at_ms: end.at_ms }
}

pub(in crate::sandbox) fn load_end(end: &EndState) -> Result<End, &'static str> {
    let status = match Exit::try_from(end.exit)? {
        Exit::Code(code) => ProcessStatus::Exited((code & 0xff) as i32),
        Exit::Signal(signal) => ProcessStatus::Signaled(signal.number().into()),
    };
    Ok(End { status, timed_out: end.timed_out, at_ms: end.at_ms })
}
