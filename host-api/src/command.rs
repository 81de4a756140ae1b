//! What to run, and where its input comes from and its output goes.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::{HealthCheck, RestartPolicy};

/// A program to run in a sandbox, with its arguments and surroundings.
///
/// Only the program is needed; everything else has a default. The fields are public, and a method of the same name
/// sets each of them in a chain:
///
/// ```
/// # use std::time::Duration;
/// # use stillbox_api::Command;
/// let build = Command::new("sh").args(["-c", "make -j2"]).env("CC", "clang").timeout(Duration::from_secs(60));
/// assert_eq!(build.args.len(), 2);
/// ```
#[derive(Clone, Debug)]
pub struct Command {
    /// The program: a path in the sandbox if it holds a `/`, otherwise a name that is looked up along `PATH`.
    pub program: String,
    /// The arguments after the program's own name.
    pub args: Vec<String>,
    /// Variables that are added to the sandbox's environment, replacing those of the same name.
    pub env: BTreeMap<String, String>,
    /// The directory to start in; `None` is the sandbox's own. One that doesn't exist fails the start.
    pub working_dir: Option<String>,
    /// Where standard input comes from; closed by default.
    pub stdin: InputMode,
    /// Where standard output goes; captured by default.
    pub stdout: OutputMode,
    /// Where standard error goes; captured by default.
    pub stderr: OutputMode,
    /// The user to run as, as `name`, `uid` or `uid:gid`. An engine with one user accepts any that is well formed, and
    /// ignores it: the sandbox is the boundary, not the user.
    pub user: Option<String>,
    /// How long the process may run, from the moment it exists: an engine that compiles a program before its first start
    /// doesn't count that, and a managed process has it anew at each restart. When the time has passed, the process and all its descendants are killed, and the end is
    /// reported as [`ExitReason::TimedOut`](crate::ExitReason::TimedOut) with signal 9; that is not an error.
    pub timeout: Option<Duration>,
    /// A name to address the process by, beside its pid. Not empty, without `/`, not all digits, and unique among the
    /// sandbox's processes that are not over. What [`start_process`](crate::AsyncSandbox::start_process) starts under a
    /// name is a managed process, with the default policy if none is given.
    pub name: Option<String>,
    /// What to do when the process ends. Makes it a managed process, which [`run`](crate::AsyncSandbox::run) refuses.
    pub restart: Option<RestartPolicy>,
    /// How to find out whether the process is well. Makes it a managed process, which `run` refuses.
    pub health_check: Option<HealthCheck>,
    /// How long a managed process has between the SIGTERM that asks it to end and the SIGKILL; default 10 s.
    pub stop_grace: Duration,
}

/// How long a managed process has to end when it is asked to.
const STOP_GRACE: Duration = Duration::from_secs(10);

impl Command {
    /// Returns a command that runs `program` without arguments.
    pub fn new(program: impl Into<String>) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            env: BTreeMap::new(),
            working_dir: None,
            stdin: InputMode::Closed,
            stdout: OutputMode::Capture,
            stderr: OutputMode::Capture,
            user: None,
            timeout: None,
            name: None,
            restart: None,
            health_check: None,
            stop_grace: STOP_GRACE,
        }
    }

    /// Returns a command that has `sh` run `script`.
    pub fn shell(script: impl Into<String>) -> Self {
        Self::new("sh").arg("-c").arg(script)
    }

    /// Adds one argument.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<String>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Adds several arguments.
    #[must_use]
    pub fn args(mut self, args: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets a variable of the environment.
    #[must_use]
    pub fn env(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.env.insert(key.into(), value.into());
        self
    }

    /// Sets the directory to start in.
    #[must_use]
    pub fn working_dir(mut self, dir: impl Into<String>) -> Self {
        self.working_dir = Some(dir.into());
        self
    }

    /// Sets where standard input comes from.
    #[must_use]
    pub fn stdin(mut self, mode: impl Into<InputMode>) -> Self {
        self.stdin = mode.into();
        self
    }

    /// Sets where standard output goes.
    #[must_use]
    pub fn stdout(mut self, mode: OutputMode) -> Self {
        self.stdout = mode;
        self
    }

    /// Sets where standard error goes.
    #[must_use]
    pub fn stderr(mut self, mode: OutputMode) -> Self {
        self.stderr = mode;
        self
    }

    /// Sets the user to run as.
    #[must_use]
    pub fn user(mut self, user: impl Into<String>) -> Self {
        self.user = Some(user.into());
        self
    }

    /// Sets how long the process may run.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Names the process.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets what to do when the process ends.
    #[must_use]
    pub fn restart(mut self, policy: RestartPolicy) -> Self {
        self.restart = Some(policy);
        self
    }

    /// Sets how to find out whether the process is well.
    #[must_use]
    pub fn health_check(mut self, check: HealthCheck) -> Self {
        self.health_check = Some(check);
        self
    }

    /// Sets how long a managed process has between SIGTERM and SIGKILL.
    #[must_use]
    pub fn stop_grace(mut self, grace: Duration) -> Self {
        self.stop_grace = grace;
        self
    }

    /// Returns whether [`start_process`](crate::AsyncSandbox::start_process) makes a managed process of it: it has a name,
    /// a restart policy or a health check.
    pub fn is_managed(&self) -> bool {
        self.name.is_some() || self.restart.is_some() || self.health_check.is_some()
    }
}

/// Where a process's standard input comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum InputMode {
    /// Nowhere: the first read is at the end, as with `/dev/null`.
    #[default]
    Closed,
    /// A pipe that [`write_stdin`](crate::AsyncSandbox::write_stdin) fills, until
    /// [`close_stdin`](crate::AsyncSandbox::close_stdin).
    Pipe,
    /// These bytes, then the end.
    Bytes(Bytes),
}

impl From<Bytes> for InputMode {
    fn from(bytes: Bytes) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<String> for InputMode {
    fn from(text: String) -> Self {
        Self::Bytes(text.into())
    }
}

impl From<&'static str> for InputMode {
    fn from(text: &'static str) -> Self {
        Self::Bytes(text.into())
    }
}

/// Where one of a process's output streams goes.
#[derive(Clone, Default)]
pub enum OutputMode {
    /// Into a bounded buffer ([`Limits::output_bytes`](crate::Limits::output_bytes)) that can be read and followed, and
    /// outlives the process.
    #[default]
    Capture,
    /// Nowhere: reading it gives nothing, following it ends when the process does.
    Discard,
    /// Live to the host, byte for byte, and nowhere else.
    Stream(Arc<dyn OutputSink>),
}

impl fmt::Debug for OutputMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Capture => "Capture",
            Self::Discard => "Discard",
            Self::Stream(_) => "Stream(..)",
        })
    }
}

/// A receiver on the host of what a process writes, as it writes it.
pub trait OutputSink: Send + Sync {
    /// Takes all of `bytes`, which are never empty and are not cut at lines or characters.
    ///
    /// This is called on the thread of the process that writes, and may block it: that is the back-pressure. A process
    /// that is killed meanwhile ends when the call returns. An error means that nobody will read any more: the process
    /// gets what Unix gives for a pipe without a reader, SIGPIPE or `EPIPE`.
    fn write(&self, bytes: &[u8]) -> io::Result<()>;
}
