//! Managed processes, saved and brought back with a supervisor of their own.

use std::sync::Arc;
use std::time::Duration;

use stillbox_api::{Command, HealthCheck, InputMode, LastExit, OutputMode, Probe, RestartCondition, RestartPolicy};
use stillbox_checkpoint::managed::persist::{CommandState, ConditionState, HealthCheckState, InputState, ManagedState};

use super::Managed;
use crate::process::output::Output;
use crate::sandbox::idle::Busy;
use crate::sandbox::job::End;
use crate::sandbox::job::persist::{load_end, save_end};
use crate::timers::nanos;

impl Managed {
    /// Saves what its supervisor goes by.
    pub(in crate::sandbox) fn save(&self) -> ManagedState {
        let state = self.state.lock();
        let end = |exit: LastExit| End { status: exit.status, timed_out: false, at_ms: exit.ended_at_ms };
        ManagedState {
            id: self.id.clone(),
            command: save_command(&self.command),
            condition: match self.policy.condition {
                RestartCondition::Never => ConditionState::Never,
                RestartCondition::OnFailure => ConditionState::OnFailure,
                RestartCondition::Always => ConditionState::Always,
            },
            restarts_max: self.policy.restarts_max,
            backoff_initial_ns: nanos(self.policy.backoff_initial),
            backoff_max_ns: nanos(self.policy.backoff_max),
            health_check: self.command.health_check.as_ref().and_then(save_health_check),
            restart_count: state.restart_count,
            last_exit: state.last_exit.map(end).map(save_end),
            last_error: state.last_error.clone(),
            is_over: state.is_over || state.is_stopped,
        }
    }

    /// Makes the record that was saved.
    ///
    /// # Errors
    ///
    /// Says what is wrong with it.
    pub(in crate::sandbox) fn load(
        saved: &ManagedState,
        output: Arc<Output>,
        busy: Busy,
    ) -> Result<Arc<Self>, &'static str> {
        let policy = RestartPolicy {
            condition: match saved.condition {
                ConditionState::Never => RestartCondition::Never,
                ConditionState::OnFailure => RestartCondition::OnFailure,
                ConditionState::Always => RestartCondition::Always,
            },
            restarts_max: saved.restarts_max,
            backoff_initial: Duration::from_nanos(saved.backoff_initial_ns),
            backoff_max: Duration::from_nanos(saved.backoff_max_ns),
        };
        let command = Command {
            restart: Some(policy),
            health_check: saved.health_check.as_ref().map(load_health_check),
            ..load_command(&saved.command)
        };
        let managed = Self::new(command, 0, output, busy);
        let mut state = managed.state.lock();
        state.restart_count = saved.restart_count;
        let exit = saved.last_exit.as_ref().map(load_end).transpose()?;
        state.last_exit = exit.map(|end| LastExit { status: end.status, ended_at_ms: end.at_ms });
        state.last_error = saved.last_error.clone();
        (state.is_stopped, state.is_over) = (saved.is_over, saved.is_over);
        let busy = if saved.is_over { state.busy.take() } else { None };
        drop(state);
        drop(busy);
        Ok(Arc::new(Self { id: saved.id.clone(), ..Arc::into_inner(managed).ok_or("is in use")? }))
    }
}

fn save_command(command: &Command) -> CommandState {
    CommandState {
        program: command.program.clone(),
        args: command.args.clone(),
        env: command.env.clone(),
        working_dir: command.working_dir.clone(),
        stdin: match &command.stdin {
            InputMode::Closed => InputState::Closed,
            InputMode::Bytes(bytes) => InputState::Bytes(bytes.to_vec().into()),
            InputMode::Pipe => InputState::Pipe,
        },
        discards_stdout: matches!(command.stdout, OutputMode::Discard),
        discards_stderr: matches!(command.stderr, OutputMode::Discard),
        user: command.user.clone(),
        timeout_ns: command.timeout.map(nanos),
        name: command.name.clone(),
        stop_grace_ns: nanos(command.stop_grace),
    }
}

/// Returns the command that was saved. What went to a stream of the host's own is captured.
fn load_command(saved: &CommandState) -> Command {
    let output = |discards| if discards { OutputMode::Discard } else { OutputMode::Capture };
    Command {
        args: saved.args.clone(),
        env: saved.env.clone(),
        working_dir: saved.working_dir.clone(),
        stdin: match &saved.stdin {
            InputState::Closed => InputMode::Closed,
            InputState::Bytes(bytes) => InputMode::Bytes(bytes.0.clone()),
            InputState::Pipe => InputMode::Pipe,
        },
        stdout: output(saved.discards_stdout),
        stderr: output(saved.discards_stderr),
        user: saved.user.clone(),
        timeout: saved.timeout_ns.map(Duration::from_nanos),
        name: saved.name.clone(),
        stop_grace: Duration::from_nanos(saved.stop_grace_ns),
        ..Command::new(&saved.program)
    }
}

fn save_health_check(check: &HealthCheck) -> Option<HealthCheckState> {
    // This engine starts nothing that is probed in another way.
    let Probe::Exec { argv } = &check.probe else { return None };
    Some(HealthCheckState {
        argv: argv.clone(),
        initial_delay_ns: nanos(check.initial_delay),
        interval_ns: nanos(check.interval),
        timeout_ns: nanos(check.timeout),
        failure_threshold: check.failure_threshold,
    })
}

fn load_health_check(saved: &HealthCheckState) -> HealthCheck {
    HealthCheck {
        initial_delay: Duration::from_nanos(saved.initial_delay_ns),
        interval: Duration::from_nanos(saved.interval_ns),
        timeout: Duration::from_nanos(saved.timeout_ns),
        failure_threshold: saved.failure_threshold,
        ..HealthCheck::exec(saved.argv.clone())
    }
}
