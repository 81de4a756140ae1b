//! `stillbox shell`: a shell in a new sandbox.
//!
//! On a terminal it is the sandbox's interactive `sh`, which edits lines itself. What was typed in earlier ones is given to
//! it as its history.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use stillbox::{AsyncSandbox, Command};

use crate::args::{CommandArgs, RunArgs, ShellArgs};
use crate::home::Home;
use crate::output::outcome_code;
use crate::verbs::run;
use crate::{sandbox, terminal};

/// Where the sandbox's shell has its history: a file in the user's directory.
const HISTORY: &str = ".sh_history";

/// The most that is kept of the history, in bytes.
const HISTORY_BYTES_MAX: usize = 256 << 10;

pub(crate) fn main(args: ShellArgs) -> anyhow::Result<ExitCode> {
    if !terminal::is_ours() {
        let command = CommandArgs { timeout: None, json: false, command: vec!["sh".into()] };
        return run::main(&RunArgs { name: None, sandbox: args.sandbox, command });
    }
    let engine = sandbox::engine()?;
    let runtime = sandbox::runtime()?;
    runtime.block_on(async {
        let sandbox = sandbox::create(&engine, &args.sandbox).await?;
        let history = History::new()?;
        history.lend(&*sandbox).await;
        let mut command = Command::new("sh").arg("-i").env("HISTFILE", history.guest_path());
        if !args.sandbox.env.iter().any(|(name, _)| name == "PS1") {
            command = command.env("PS1", r"stillbox:\w$ ");
        }
        let ended = terminal::run(&*sandbox, command).await;
        history.take_back(&*sandbox).await;
        sandbox.terminate().await?;
        Ok(outcome_code(&ended?))
    })
}

/// The history of all shells, which is a convenience: where it can't be read or written, there is none.
struct History {
    path: PathBuf,
}

impl History {
    fn new() -> anyhow::Result<Self> {
        Ok(Self { path: Home::from_env()?.data.join("shell-history") })
    }

    fn guest_path(&self) -> String {
        format!("{}/{HISTORY}", sandbox::USER_DIR)
    }

    async fn lend(&self, sandbox: &dyn AsyncSandbox) {
        if let Ok(history) = fs::read(&self.path)
            && let Err(error) = sandbox.write_file(&self.guest_path(), history.into()).await
        {
            tracing::debug!(%error, "the shell has no history");
        }
    }

    async fn take_back(&self, sandbox: &dyn AsyncSandbox) {
        let Ok(history) = sandbox.read_file(&self.guest_path()).await else { return };
        let from = history.len().saturating_sub(HISTORY_BYTES_MAX);
        // A line that was cut is left out.
        let cut = history[from..].iter().position(|&byte| byte == b'\n').filter(|_| from > 0);
        let kept = &history[from + cut.map_or(0, |newline| newline + 1)..];
        let written = self.path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&self.path, kept));
        if let Err(error) = written {
            tracing::debug!(%error, "the history is not kept");
        }
    }
}
