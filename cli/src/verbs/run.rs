//! `stillbox run`: one command in a new sandbox.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use bytes::{Bytes, BytesMut};
use serde::Serialize;
use stillbox::{
    AsyncSandbox, Command, ExitReason, InputMode, OutputMode, OutputSink, Pid, ProcessError, ProcessInfo, ProcessStatus,
};
use tokio::runtime::Handle;

use crate::args::RunArgs;
use crate::output::{self, exit_code};
use crate::sandbox;
use crate::signals::{SIGINT, Signals};
use crate::terminal;

/// How much of standard input is passed on at a time, in bytes.
const STDIN_CHUNK_BYTES: usize = 64 << 10;

pub(crate) fn main(args: RunArgs) -> anyhow::Result<ExitCode> {
    let engine = sandbox::engine()?;
    let runtime = sandbox::runtime()?;
    let code = runtime.block_on(async {
        let sandbox = sandbox::create(&engine, &args.sandbox).await?;
        let code = run(&sandbox, &args).await;
        sandbox.terminate().await?;
        code
    });
    // The thread that reads standard input may be waiting for it, and is not waited for.
    runtime.shutdown_background();
    code
}

async fn run(sandbox: &Arc<dyn AsyncSandbox>, args: &RunArgs) -> anyhow::Result<ExitCode> {
    let started = Instant::now();
    let process = if terminal::is_ours() && !args.json {
        terminal::run(&**sandbox, command(args)?).await?
    } else {
        run_on_streams(sandbox, command(args)?, args.json).await?
    };

    if args.json {
        let report = Report::new(sandbox.as_ref(), &process, started).await?;
        output::json(&report)?;
    } else if let (true, Some(timeout)) = (process.timed_out, args.timeout) {
        eprintln!("stillbox: {:?} was killed: it ran for more than {timeout:?}", process.command);
    }
    Ok(exit_code(&process))
}

fn command(args: &RunArgs) -> anyhow::Result<Command> {
    let (program, arguments) = args.command.split_first().context("there is no command")?;
    let mut command = Command::new(program).args(arguments);
    command.timeout = args.timeout;
    Ok(command)
}

/// Runs a command with our standard streams as its own, or its output captured.
async fn run_on_streams(
    sandbox: &Arc<dyn AsyncSandbox>,
    command: Command,
    captured: bool,
) -> anyhow::Result<ProcessInfo> {
    let signals = Signals::new().context("cannot handle signals")?;
    let mut command = command.stdin(InputMode::Pipe);
    if !captured {
        command.stdout = live(io::stdout())?;
        command.stderr = live(io::stderr())?;
    }
    let process = sandbox.start_process(command).await?;
    pass_stdin(sandbox.clone(), process.pid);
    Ok(wait(sandbox.as_ref(), process.pid, signals).await?)
}

/// One of our own output streams, which a guest writes to without a buffer between.
struct Live(File);

/// Returns the mode that passes a guest's output on to one of our streams.
fn live(stream: impl AsFd) -> anyhow::Result<OutputMode> {
    let stream = stream.as_fd().try_clone_to_owned().context("cannot use the output")?;
    Ok(OutputMode::Stream(Arc::new(Live(stream.into()))))
}

impl OutputSink for Live {
    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        (&self.0).write_all(bytes)
    }
}

/// Passes our standard input on to a process, as fast as it reads, from a thread of its own.
fn pass_stdin(sandbox: Arc<dyn AsyncSandbox>, pid: Pid) {
    let runtime = Handle::current();
    std::thread::spawn(move || {
        // Failures end the passing, and nothing else: the process may not want any more, or be over.
        let pass = || -> anyhow::Result<()> {
            let mut buffer = BytesMut::new();
            loop {
                buffer.resize(STDIN_CHUNK_BYTES, 0);
                let read = match io::stdin().read(&mut buffer) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    read => read?,
                };
                if read == 0 {
                    return Ok(runtime.block_on(sandbox.close_stdin(pid.into()))?);
                }
                let chunk: Bytes = buffer.split_to(read).freeze();
                runtime.block_on(sandbox.write_stdin(pid.into(), chunk))?;
            }
        };
        if let Err(error) = pass() {
            tracing::debug!("standard input is not passed on any more: {error:#}");
        }
    });
}

/// Waits for a process to end, passing on signals meanwhile. A second interrupt kills.
async fn wait(sandbox: &dyn AsyncSandbox, pid: Pid, mut signals: Signals) -> Result<ProcessInfo, ProcessError> {
    let mut interrupted = false;
    loop {
        tokio::select! {
            ended = sandbox.wait_process(pid.into()) => return ended,
            signal = signals.next() => {
                let sent = match signal {
                    SIGINT if interrupted => sandbox.kill_process(pid.into()).await,
                    signal => sandbox.send_signal(pid.into(), signal).await,
                };
                interrupted |= signal == SIGINT;
                match sent {
                    Err(ProcessError::NotRunning { .. }) | Ok(()) => {}
                    Err(error) => return Err(error),
                }
            }
        }
    }
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report {
    /// The exit code, or the negated signal.
    exit_code: i32,
    signal: Option<i32>,
    /// `exited`, `signaled`, `oom_killed` or `timed_out`.
    reason: &'static str,
    stdout: String,
    stderr: String,
    /// How many bytes at the beginning of the output are not in `stdout`, because there were too many.
    stdout_missed_bytes: u64,
    stderr_missed_bytes: u64,
    duration_ms: u64,
}

impl Report {
    async fn new(sandbox: &dyn AsyncSandbox, process: &ProcessInfo, started: Instant) -> Result<Self, ProcessError> {
        let duration_ms = started.elapsed().as_millis() as u64;
        let stdout = sandbox.get_stdout(process.pid.into()).await?;
        let stderr = sandbox.get_stderr(process.pid.into()).await?;
        let signal = process.status.signal();
        let reason = match process.status {
            _ if process.timed_out => ExitReason::TimedOut,
            ProcessStatus::OomKilled => ExitReason::OomKilled,
            ProcessStatus::Signaled(_) => ExitReason::Signaled,
            ProcessStatus::Exited(_) | ProcessStatus::Running => ExitReason::Exited,
        };
        Ok(Self {
            exit_code: signal.map_or(process.status.exit_code().unwrap_or_default(), |signal| -signal),
            signal,
            reason: reason.as_str(),
            stdout: String::from_utf8_lossy(&stdout.bytes).into_owned(),
            stderr: String::from_utf8_lossy(&stderr.bytes).into_owned(),
            stdout_missed_bytes: stdout.missed_bytes,
            stderr_missed_bytes: stderr.missed_bytes,
            duration_ms,
        })
    }
}
