//! From a command to a running process.

use std::sync::Arc;
use std::time::Duration;

use stillbox_api::{Command, InputMode, LogLevel, OutputMode, OutputStream, Probe, ProcessError, Unsupported};
use stillbox_kernel::Errno;
use stillbox_kernel::fs::Device;
use stillbox_kernel::pipe::{PipeWriter, charged_pipe};
use stillbox_kernel::tty::Tty;

use crate::offload::offload;
use crate::process::output::Output;
use crate::process::spawn::{Place, Spawn};
use crate::process::{Pid, Signals};
use crate::program::Invocation;
use crate::program::resolve::{self, Request, ResolveError};
use crate::sandbox::Live;
use crate::sandbox::job::{Job, Record};
use crate::sandbox::log::{Log, QUOTED_BYTES_MAX, quoted};
use crate::sandbox::managed::{Managed, describe};
use crate::wasi::fd_table::{self, Description, FdTable, Object};
use crate::wasi::files::Cwd;
use crate::wasi::processes::path_of;

impl Live {
    /// Starts a command, which becomes a managed process if it asks to be one.
    pub(crate) async fn start(self: &Arc<Self>, command: Command) -> Result<Arc<Job>, ProcessError> {
        if !command.is_managed() {
            return self.start_once(command).await;
        }
        check(&command)?;
        let name = command.name.clone();
        let _claim = self.jobs.claim(name.as_deref())?;
        let output = Output::new(self.table.limits().output_bytes, &self.table.captured);
        let managed = Managed::new(command.clone(), self.jobs.next_managed(), output, self.idle.busy());
        self.make_room();
        let job = self.launch(command, Role::Managed(managed.clone())).await?;
        managed.started(&job);
        self.jobs.enter(job.clone());
        self.supervise(managed, job.clone());
        Ok(job)
    }

    /// Forgets ended jobs in favour of one that is about to start, which may write as soon as it has.
    fn make_room(&self) {
        let finished_max = self.table.limits().finished_processes as usize;
        self.jobs.make_room(finished_max, &self.table.captured);
    }

    /// Starts a command that nobody supervises.
    pub(super) async fn start_once(self: &Arc<Self>, command: Command) -> Result<Arc<Job>, ProcessError> {
        self.start_unsupervised(command, Role::Once).await
    }

    /// Starts a command that has a terminal as all its standard streams.
    pub(super) async fn start_on(self: &Arc<Self>, terminal: Tty, command: Command) -> Result<Arc<Job>, ProcessError> {
        self.start_unsupervised(command, Role::OnTerminal(terminal)).await
    }

    async fn start_unsupervised(self: &Arc<Self>, command: Command, role: Role) -> Result<Arc<Job>, ProcessError> {
        check(&command)?;
        let name = command.name.clone();
        let _claim = self.jobs.claim(name.as_deref())?;
        self.make_room();
        let job = self.launch(command, role).await?;
        self.jobs.enter(job.clone());
        Ok(job)
    }

    /// Starts a managed process again, after what the last one left running has been killed.
    pub(super) async fn start_again(self: &Arc<Self>, managed: &Arc<Managed>) -> Result<Arc<Job>, ProcessError> {
        if let Some(last) = managed.job() {
            last.kill();
        }
        let job = self.launch(managed.command.clone(), Role::Managed(managed.clone())).await?;
        managed.output.reopen();
        let count = managed.restarted(&job);
        self.jobs.replace(job.clone());
        self.log.process_event(job.pid(), LogLevel::Info, &format!("is restart {count} of {}", managed.id));
        Ok(job)
    }

    /// Starts the process of a command.
    ///
    /// Programs that are not compiled yet are compiled on a thread of the engine, which the caller waits for without
    /// blocking.
    pub(super) async fn launch(self: &Arc<Self>, command: Command, role: Role) -> Result<Arc<Job>, ProcessError> {
        let limits = self.table.limits();
        let cwd = self.cwd_of(&command)?;
        let env = self.env_of(&command, &cwd);
        let argument_bytes: usize =
            env.iter().chain(&command.args).chain([&command.program]).map(|arg| arg.len() + 1).sum();
        if argument_bytes > limits.argument_bytes as usize {
            return Err(ProcessError::Limit { program: command.program, limit: "argument_bytes" });
        }
        let invocation = self.resolve(&command, env, &cwd).await?;

        let (pid, log) = (self.table.allocate_pid(), role.log(&self.log));
        let output = role.output().unwrap_or_else(|| Output::new(limits.output_bytes, &self.table.captured));
        let terminal = role.terminal();
        let (stdio, stdin) = self.stdio(&command, pid, &output, terminal.as_ref())?;
        let fds = FdTable::new(limits.fds, stdio, self.root.clone());
        let place = Place { terminal: terminal.clone(), ..Place::default() };
        let request = Spawn { pid, invocation, fds, cwd, parent: None, signals: Signals::default(), place };
        if let Some(log) = &log {
            log.process_event(pid, LogLevel::Info, &format!("started: {}", told(&command)));
        }
        let process = self.table.spawn(request).map_err(|errno| {
            let error = self.spawn_error(&command.program, errno);
            if let Some(log) = &log {
                log.process_ended(pid, LogLevel::Error, &describe(&error));
            }
            error
        })?;

        let Command { program, args, timeout, name, .. } = command;
        let (busy, managed) = (self.idle.busy(), role.managed());
        let record = Record { output, stdin, terminal, name, managed, command: program, args, log, busy };
        let job = Job::new(process, record);
        self.set_deadline(&job, timeout);
        Ok(job)
    }

    /// Has the job killed when its timeout has passed.
    pub(super) fn set_deadline(&self, job: &Arc<Job>, timeout: Option<Duration>) {
        let Some(timeout) = timeout else { return };
        let job_then = Arc::downgrade(job);
        let timer = self.table.runtime.timers.after(timeout, move || {
            if let Some(job) = job_then.upgrade() {
                job.time_out();
            }
        });
        job.set_deadline(timer);
    }

    /// Returns the environment of a command: the sandbox's, with what the command adds.
    ///
    /// `PWD` is added, as a shell adds it: a program whose C library knows only preview 1 has no other way to learn where
    /// it is.
    fn env_of(&self, command: &Command, cwd: &Cwd) -> Vec<String> {
        let kept = self.env.iter().filter(|(key, _)| !command.env.contains_key(*key) && *key != "PWD");
        let mut env: Vec<_> = kept.chain(&command.env).map(|(key, value)| format!("{key}={value}")).collect();
        if let (false, Ok(path)) = (command.env.contains_key("PWD"), cwd.path()) {
            env.push(format!("PWD={path}"));
        }
        env
    }

    fn cwd_of(&self, command: &Command) -> Result<Cwd, ProcessError> {
        let Some(path) = &command.working_dir else { return Ok(self.cwd.clone()) };
        self.open_dir(path)
            .map(Cwd::new)
            .map_err(|_| ProcessError::NoWorkingDir { program: command.program.clone(), working_dir: path.clone() })
    }

    /// Finds the program of a command, and has it compiled if it is new.
    async fn resolve(&self, command: &Command, env: Vec<String>, cwd: &Cwd) -> Result<Arc<Invocation>, ProcessError> {
        let program = &command.program;
        let args: Vec<String> = [program].into_iter().chain(&command.args).cloned().collect();
        let path = path_of(&env).to_owned();
        let charge = resolve::charge(&self.table.kernel, args.iter().chain(&env));
        let charge = charge.map_err(|_| ProcessError::Limit { program: program.clone(), limit: "kernel_bytes" })?;
        let bytes_max = self.table.limits().program_bytes;
        let request = Request { name: program, search: Some(&path), args, env, cwd, caller: 0, bytes_max, charge };
        let runtime = &self.table.runtime;
        let located = runtime.programs.locate(&self.table.fs, request).map_err(|error| start_error(program, error))?;
        let loaded = if runtime.programs.is_ready(&located) {
            runtime.programs.load_located(located)
        } else {
            let runtime = runtime.clone();
            let threads = runtime.threads.clone();
            offload(&threads, move || runtime.programs.load_located(located))
                .await
                .map_err(|error| ProcessError::Engine(error.into()))?
        };
        loaded.map_err(|error| start_error(program, error))
    }

    /// Returns the standard streams of a command, and the host's end of its input.
    fn stdio(
        &self,
        command: &Command,
        pid: Pid,
        output: &Arc<Output>,
        terminal: Option<&Tty>,
    ) -> Result<([Arc<Description>; 3], Option<PipeWriter>), ProcessError> {
        if let Some(terminal) = terminal {
            let description = Description::stream(Object::Tty(terminal.clone()));
            return Ok(([description.clone(), description.clone(), description], None));
        }
        let (stdin, writer) = self.stdin(command)?;
        let stdout = self.stdout(&command.stdout, pid, output, OutputStream::Stdout);
        let stderr = self.stdout(&command.stderr, pid, output, OutputStream::Stderr);
        Ok(([stdin, stdout, stderr].map(Description::stream), writer))
    }

    fn stdin(&self, command: &Command) -> Result<(Object, Option<PipeWriter>), ProcessError> {
        Ok(match &command.stdin {
            InputMode::Closed => (Object::Device(Device::Null), None),
            InputMode::Bytes(bytes) => (Object::Input(bytes.clone()), None),
            InputMode::Pipe => {
                let pipe = charged_pipe(self.table.limits().pipe_bytes as usize, &self.table.pipes);
                let limit = |_| ProcessError::Limit { program: command.program.clone(), limit: "kernel_bytes" };
                let (reader, writer) = pipe.map_err(limit)?;
                (Object::PipeReader(reader), Some(writer))
            }
        })
    }

    fn stdout(&self, mode: &OutputMode, pid: Pid, output: &Arc<Output>, stream: OutputStream) -> Object {
        let sink = match mode {
            OutputMode::Capture => self.log.sink(pid, output.clone(), stream),
            OutputMode::Discard => return Object::Device(Device::Null),
            OutputMode::Stream(sink) => sink.clone(),
        };
        Object::Output(fd_table::Output { job: pid, stream, sink })
    }

    fn spawn_error(&self, program: &str, errno: Errno) -> ProcessError {
        let program = program.to_owned();
        match errno {
            // A sandbox that ends at this moment lets nothing be started either.
            _ if self.is_over() => self.over().into(),
            Errno::Again => ProcessError::Limit { program, limit: "processes" },
            errno => ProcessError::NotExecutable { program, source: errno.into() },
        }
    }
}

/// What a process is started as.
pub(super) enum Role {
    /// A job of its own.
    Once,
    /// A job with a terminal of its own.
    OnTerminal(Tty),
    /// One of the processes of a managed one.
    Managed(Arc<Managed>),
    /// A look at another one, of which nobody is told.
    Probe,
}

impl Role {
    fn managed(self) -> Option<Arc<Managed>> {
        match self {
            Self::Managed(managed) => Some(managed),
            Self::Once | Self::OnTerminal(_) | Self::Probe => None,
        }
    }

    fn terminal(&self) -> Option<Tty> {
        match self {
            Self::OnTerminal(terminal) => Some(terminal.clone()),
            Self::Once | Self::Managed(_) | Self::Probe => None,
        }
    }

    /// Returns the output that the process goes on with.
    fn output(&self) -> Option<Arc<Output>> {
        match self {
            Self::Managed(managed) => Some(managed.output.clone()),
            Self::Once | Self::OnTerminal(_) | Self::Probe => None,
        }
    }

    /// Returns where the life of the process is noted.
    fn log(&self, log: &Arc<Log>) -> Option<Arc<Log>> {
        match self {
            Self::Once | Self::OnTerminal(_) | Self::Managed(_) => Some(log.clone()),
            Self::Probe => None,
        }
    }
}

/// Returns the beginning of a command as an event quotes it.
fn told(command: &Command) -> String {
    let mut told = quoted(&command.program).to_owned();
    for arg in &command.args {
        if told.len() > QUOTED_BYTES_MAX {
            break;
        }
        told.push(' ');
        told.push_str(quoted(arg));
    }
    quoted(&told).to_owned()
}

/// Refuses what no process can have, and what this engine doesn't offer.
fn check(command: &Command) -> Result<(), ProcessError> {
    let invalid = |reason: String| Err(ProcessError::InvalidCommand { reason });
    let variables = command.env.iter().flat_map(|(key, value)| [key, value]);
    if command.args.iter().chain([&command.program]).chain(variables).any(|text| text.contains('\0')) {
        return invalid("a NUL can be in neither an argument nor a variable".into());
    }
    if let Some(key) = command.env.keys().find(|key| key.is_empty() || key.contains('=')) {
        return invalid(format!("{key:?} can't be the name of a variable"));
    }
    if let Some(name) = &command.name
        && (name.is_empty() || name.contains('/') || name.bytes().all(|byte| byte.is_ascii_digit()))
    {
        return invalid(format!("{name:?} can't be the name of a process: it is empty, all digits, or holds a slash"));
    }
    if command.user.as_deref().is_some_and(|user| user.is_empty() || user.contains(['\0', '/']) || user.ends_with(':'))
    {
        return invalid("a user is a name, a number, or two numbers with a colon between".into());
    }
    match command.health_check.as_ref().map(|check| &check.probe) {
        Some(Probe::Exec { argv }) if argv.is_empty() => invalid("a probe runs a program, and names none".into()),
        Some(Probe::Tcp { .. } | Probe::Http { .. }) => {
            let reason = "sandboxes of this engine have no network; Probe::Exec runs a program inside instead";
            Err(Unsupported { operation: "a TCP or HTTP probe", reason }.into())
        }
        Some(Probe::Exec { .. }) | None => Ok(()),
    }
}

/// Says why a program could not be started.
fn start_error(program: &str, error: ResolveError) -> ProcessError {
    let program = program.to_owned();
    match error {
        ResolveError::File(Errno::Noent) => ProcessError::NoSuchProgram { program },
        ResolveError::File(errno) => ProcessError::NotExecutable { program, source: errno.into() },
        ResolveError::TooLarge => ProcessError::Limit { program, limit: "program_bytes" },
        ResolveError::Program(error) => ProcessError::NotExecutable { program, source: error.into() },
    }
}
