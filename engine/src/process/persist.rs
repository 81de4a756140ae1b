//! Processes, saved and brought back: all that is known of one but its memories and its program, which are shared by what
//! is saved in memory and become chunks when it is stored.

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::Ordering;
use std::time::Duration;

use parking_lot::Mutex;
use stillbox_capture::host::{SavedStack, SavedValue, State};
use stillbox_checkpoint::memory::persist::MemoryState;
use stillbox_checkpoint::process::persist::{
    ActivationState, ExitState, InvocationState, LifeState, ProcessState, ProgramState, RunningState, TableState,
    ValueState,
};
use stillbox_kernel::Errno;
use stillbox_kernel::fs::persist::NotSavable;
use stillbox_kernel::wait::WaitSet;

use crate::config::PROCESSES_MAX;
use crate::process::hold::{GuestStill, MemoryStill, Standing};
use crate::process::run::{self, Beginning};
use crate::process::time_limits::{self, TimeLimits};
use crate::process::{CpuTime, Exit, Process, Session, Signal, Signals, Table};
use crate::program::resolve::charge;
use crate::program::{CommandLine, Invocation, Program};
use crate::timers::nanos;
use crate::wasi::fd_table::persist::{Opened, ReopenError, Reopened};
use crate::wasi::files::Cwd;

impl Process {
    /// Saves the process, whose instance stands still unless it has ended.
    ///
    /// # Errors
    ///
    /// For what it has open that can't be opened again.
    pub(crate) fn save(&self, guest: Option<&GuestStill>, opened: &mut Opened) -> Result<ProcessState, NotSavable> {
        let command = self.command.lock().clone();
        let life = match (self.exit(), guest) {
            (None, Some(guest)) => LifeState::Running(Box::new(self.save_running(guest, opened)?)),
            (exit, _) => LifeState::Zombie(exit.unwrap_or(Exit::Signal(Signal::KILL)).into()),
        };
        Ok(ProcessState {
            pid: self.pid,
            parent: self.parent.load(Ordering::Acquire),
            group: self.group(),
            session: self.session().leader,
            job: self.job,
            started_ns: self.started_ns,
            cpu_ns: self.cpu.used_ns(),
            children_cpu_ns: self.children_cpu_ns.load(Ordering::Relaxed),
            wall_time_left_ns: self.time_limits.wall_time_left().map(nanos),
            invocation: InvocationState {
                path: command.path.clone(),
                args: command.args.clone(),
                env: command.env.clone(),
            },
            life,
        })
    }

    fn save_running(&self, guest: &GuestStill, opened: &mut Opened) -> Result<RunningState, NotSavable> {
        let fds = self.fds.lock().clone();
        Ok(RunningState {
            program: ProgramState { digest: guest.program.digest, module: Vec::new() },
            cwd: self.cwd.lock().dir().save(),
            umask: self.umask.load(Ordering::Acquire),
            descriptors: opened.descriptors(&fds)?,
            signals: self.signals.save(&guest.signal_handler),
            activations: vec![save_stack(&guest.stack)],
            blocked_for_ns: guest.blocked_for.map(nanos),
            memories: guest
                .memories
                .iter()
                .map(|memory| MemoryState { bytes: memory.bytes, runs: Vec::new() })
                .collect(),
            globals: guest.state.globals.iter().map(save_value).collect(),
            tables: guest.state.tables.iter().map(|table| TableState { functions: table.clone() }).collect(),
        })
    }
}

/// A process could not be brought back.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadProcessError {
    #[error(transparent)]
    Reopen(#[from] ReopenError),
    #[error("there is no room for one more process")]
    Room(#[from] Errno),
    /// It is no state of a process.
    #[error("it {0}")]
    State(&'static str),
}

/// A process that is in the table, and that goes on when it is launched. One that isn't is as it was before: it rests, or is
/// no more.
pub(crate) struct Waiting {
    process: Arc<Process>,
    /// There until it is launched.
    beginning: Option<Beginning>,
    /// Whether it rested here before.
    has_rested: bool,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if self.beginning.is_none() {
            return;
        }
        if self.has_rested {
            self.process.table.runtime.counters.process_left();
        } else {
            self.process.finish(Exit::Signal(Signal::KILL));
        }
    }
}

impl Waiting {
    /// Lets the process go on, on a thread of its own.
    ///
    /// # Errors
    ///
    /// [`Errno::Again`] if the system has no more threads.
    pub(crate) fn launch(mut self) -> Result<(), Errno> {
        let Some(beginning) = self.beginning.take() else { return Ok(()) };
        run::launch(self.process.clone(), beginning).inspect_err(|_| self.process.finish(Exit::Signal(Signal::KILL)))
    }
}

impl Process {
    /// Has no time pass for the process's limits.
    pub(crate) fn stop_timers(&self) {
        self.time_limits.clear();
    }

    /// Gives a process that has left its instance another one, with which it goes on when it is launched.
    ///
    /// # Errors
    ///
    /// For what is no state of a process, or if the engine has as many as it may.
    pub(crate) fn wake_up(
        self: &Arc<Self>,
        state: &ProcessState,
        program: Arc<Program>,
        memories: Vec<MemoryStill>,
    ) -> Result<Waiting, LoadProcessError> {
        let LifeState::Running(running) = &state.life else { return Err(LoadProcessError::State("has ended")) };
        let guest = load_guest(running, program.clone(), memories)?;
        if !self.table.runtime.counters.admit_process(PROCESSES_MAX.into()) {
            return Err(Errno::Again.into());
        }
        time_limits::watch(self, state.wall_time_left_ns.map(Duration::from_nanos));
        let invocation = Arc::new(Invocation { program, command: self.command.lock().clone() });
        let beginning = Some(Beginning::Still(invocation, Box::new(guest)));
        Ok(Waiting { process: self.clone(), beginning, has_rested: true })
    }

    /// Ends a process that has left its instance.
    pub(crate) fn end_at_rest(&self) {
        // Counted as live once more, as what ends was.
        let counted = self.table.runtime.counters.admit_process(u64::MAX);
        debug_assert!(counted, "there is no limit");
        self.finish(Exit::Signal(Signal::KILL));
    }
}

impl Table {
    /// Enters a process that runs, with its program and what its memories hold.
    ///
    /// # Errors
    ///
    /// For what is no state of a process, or more than there is room for.
    pub(crate) fn load_running(
        self: &Arc<Self>,
        state: &ProcessState,
        running: &RunningState,
        program: Arc<Program>,
        memories: Vec<MemoryStill>,
        session: Arc<Session>,
        reopened: &Reopened,
    ) -> Result<Waiting, LoadProcessError> {
        let guest = load_guest(running, program.clone(), memories)?;
        let fds = reopened.descriptors(&running.descriptors, self.limits().fds)?;
        let cwd = Cwd::new(self.fs.load_directory(&running.cwd).map_err(ReopenError::from)?);
        let command = self.load_command(&state.invocation)?;
        let process = self.load_process(state, command.clone(), session, cwd);
        *process.fds.lock() = fds;
        process.umask.store(running.umask & 0o777, Ordering::Release);
        if !self.runtime.counters.admit_process(PROCESSES_MAX.into()) {
            return Err(Errno::Again.into());
        }
        if let Err(errno) = self.enter(process.clone()) {
            self.runtime.counters.process_refused();
            return Err(errno.into());
        }
        time_limits::watch(&process, state.wall_time_left_ns.map(Duration::from_nanos));
        let invocation = Arc::new(Invocation { program, command });
        let beginning = Some(Beginning::Still(invocation, Box::new(guest)));
        Ok(Waiting { process, beginning, has_rested: false })
    }

    /// Returns a process that has ended. It is only entered if its parent can wait for it.
    ///
    /// # Errors
    ///
    /// As [`load_running`](Self::load_running).
    pub(crate) fn load_ended(
        self: &Arc<Self>,
        state: &ProcessState,
        exit: ExitState,
        session: Arc<Session>,
        root: &Cwd,
    ) -> Result<Arc<Process>, LoadProcessError> {
        let command = self.load_command(&state.invocation)?;
        let process = self.load_process(state, command, session, root.clone());
        let exit = Exit::try_from(exit).map_err(LoadProcessError::State)?;
        let _ = process.exit.set(exit);
        Ok(process)
    }

    /// Enters a process that has ended, for its parent to wait for.
    ///
    /// # Errors
    ///
    /// [`Errno::Again`] when there are as many processes as there may be.
    pub(crate) fn enter_ended(&self, process: Arc<Process>) -> Result<(), Errno> {
        self.enter(process)
    }

    fn load_command(&self, state: &InvocationState) -> Result<Arc<CommandLine>, Errno> {
        let InvocationState { path, args, env } = state.clone();
        let charge = charge(&self.kernel, args.iter().chain(&env))?;
        Ok(Arc::new(CommandLine::new(path, args, env, charge)))
    }

    fn load_process(
        self: &Arc<Self>,
        state: &ProcessState,
        command: Arc<CommandLine>,
        session: Arc<Session>,
        cwd: Cwd,
    ) -> Arc<Process> {
        let signals = match &state.life {
            LifeState::Running(running) => Signals::load(&running.signals),
            LifeState::Zombie(_) => Signals::default(),
        };
        Arc::new(Process {
            pid: state.pid,
            job: state.job,
            table: self.clone(),
            limits: self.limits(),
            fds: Mutex::default(),
            cwd: Mutex::new(cwd),
            umask: 0.into(),
            parent: state.parent.into(),
            group: state.group.into(),
            session: Mutex::new(session),
            command: Mutex::new(command),
            signals,
            memory_bytes: 0.into(),
            cpu: CpuTime::from(state.cpu_ns),
            children_cpu_ns: state.children_cpu_ns.into(),
            kill_reason: OnceLock::new(),
            time_limits: TimeLimits::default(),
            started_ns: state.started_ns,
            waker: Mutex::default(),
            control: Mutex::default(),
            can_stand: false.into(),
            standing: Standing::default(),
            is_capturable: true.into(),
            child_changed: WaitSet::default(),
            exit: OnceLock::new(),
            ended: WaitSet::default(),
        })
    }
}

fn load_guest(
    running: &RunningState,
    program: Arc<Program>,
    memories: Vec<MemoryStill>,
) -> Result<GuestStill, LoadProcessError> {
    let fail = |reason| Err(LoadProcessError::State(reason));
    let [activation] = &running.activations[..] else { return fail("has not one stack") };
    let Some(stack) = load_stack(activation) else { return fail("has a stack with values in the place of references") };
    let Some(globals) = running.globals.iter().map(load_value).collect() else {
        return fail("has a global that refers to an exception");
    };
    let tables = running.tables.iter().map(|table| table.functions.clone()).collect();
    let handler = running.signals.handler.clone();
    Ok(GuestStill {
        program,
        stack,
        state: State { globals, tables },
        memories,
        signal_handler: handler.unwrap_or_else(|| run::SIGNAL_HANDLER.to_owned()),
        blocked_for: running.blocked_for_ns.map(Duration::from_nanos),
    })
}

fn save_stack(stack: &SavedStack) -> ActivationState {
    let reference = |reference: &Option<u32>| reference.map_or(ValueState::Null, ValueState::Func);
    ActivationState {
        frames: stack.frames.clone().into(),
        references: stack.references.each_ref().map(|list| list.iter().map(reference).collect()),
    }
}

fn load_stack(activation: &ActivationState) -> Option<SavedStack> {
    let mut stack = SavedStack { frames: activation.frames.0.to_vec(), ..SavedStack::default() };
    for (list, saved) in stack.references.iter_mut().zip(&activation.references) {
        for value in saved {
            list.push(match value {
                ValueState::Null => None,
                ValueState::Func(index) => Some(*index),
                _ => return None,
            });
        }
    }
    Some(stack)
}

fn save_value(value: &SavedValue) -> ValueState {
    match *value {
        SavedValue::I32(value) => ValueState::I32(value as u32),
        SavedValue::I64(value) => ValueState::I64(value as u64),
        SavedValue::F32(bits) => ValueState::F32(bits),
        SavedValue::F64(bits) => ValueState::F64(bits),
        SavedValue::V128(value) => ValueState::V128(value.to_le_bytes()),
        SavedValue::Reference(None) => ValueState::Null,
        SavedValue::Reference(Some(index)) => ValueState::Func(index),
    }
}

fn load_value(value: &ValueState) -> Option<SavedValue> {
    Some(match *value {
        ValueState::I32(value) => SavedValue::I32(value as i32),
        ValueState::I64(value) => SavedValue::I64(value as i64),
        ValueState::F32(bits) => SavedValue::F32(bits),
        ValueState::F64(bits) => SavedValue::F64(bits),
        ValueState::V128(bytes) => SavedValue::V128(u128::from_le_bytes(bytes)),
        ValueState::Null => SavedValue::Reference(None),
        ValueState::Func(index) => SavedValue::Reference(Some(index)),
        ValueState::Exception { .. } => return None,
    })
}

impl From<Exit> for ExitState {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Code(code) => Self::Code(code),
            Exit::Signal(signal) => Self::Signal(signal.number()),
        }
    }
}

impl TryFrom<ExitState> for Exit {
    type Error = &'static str;

    fn try_from(exit: ExitState) -> Result<Self, &'static str> {
        match exit {
            ExitState::Code(code) => Ok(Self::Code(code)),
            ExitState::Signal(number) => {
                Signal::new(number).map(Self::Signal).ok_or("was ended by a signal that is none")
            }
        }
    }
}
