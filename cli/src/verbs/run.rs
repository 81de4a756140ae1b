//! `stillbox run`: one command in a new sandbox.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use serde::Serialize;
use stillbox::{AsyncSandbox, Command, ExitReason, ProcessError, ProcessInfo, ProcessStatus};

use crate::args::{CommandArgs, RunArgs};
use crate::foreground::{self, Outcome};
use crate::home::Home;
use crate::named::Named;
use crate::{output, sandbox};

pub(crate) fn main(args: &RunArgs) -> anyhow::Result<ExitCode> {
    let home = Home::from_env()?;
    sandbox::block_on(async {
        if let Some(name) = &args.name {
            let named = Named::create(&home, name, &args.sandbox).await?;
            let outcome = run(&named.sandbox, &args.command).await;
            return named.leave(outcome).await;
        }
        let engine = sandbox::engine_in(&home)?;
        let sandbox = sandbox::create(&engine, &args.sandbox).await?;
        let outcome = run(&sandbox, &args.command).await;
        sandbox.terminate().await?;
        Ok(output::outcome_code(&outcome?))
    })
}

/// Runs a command in a sandbox to its end, or until it is suspended with its sandbox.
pub(crate) async fn run(sandbox: &Arc<dyn AsyncSandbox>, args: &CommandArgs) -> anyhow::Result<Outcome> {
    let started = Instant::now();
    let outcome = foreground::run(sandbox, command(args)?, args.json).await?;
    let Outcome::Ended(process) = &outcome else { return Ok(outcome) };
    if args.json {
        let report = Report::new(sandbox.as_ref(), process, started).await?;
        output::json(&report)?;
    } else if let (true, Some(timeout)) = (process.timed_out, args.timeout) {
        eprintln!("stillbox: {:?} was killed: it ran for more than {timeout:?}", process.command);
    }
    Ok(outcome)
}

fn command(args: &CommandArgs) -> anyhow::Result<Command> {
    let (program, arguments) = args.command.split_first().context("there is no command")?;
    let mut command = Command::new(program).args(arguments);
    command.timeout = args.timeout;
    Ok(command)
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
