//! `stillbox shell`: a shell in a new sandbox.
//!
//! On a terminal, lines are edited here, by `rustyline`, and run by one `sh` in the sandbox with [`DRIVER`] as its
//! script:
//!
//! ```text
//!   terminal --line--> rustyline --line--> sh's stdin          while sh waits for a command
//!   terminal --line----------------------> sh's stdin          while one runs, which may read it
//!   terminal <----------- Screen <-------- sh's stdout, stderr
//!                            '--> prompts, which sh announces between them
//! ```
//!
//! A command has the same standard input as the shell, a pipe. Ctrl-D while it runs closes that pipe, so the shell ends
//! with the command; a new one then takes over its directory, its variables and its functions.

mod screen;

use std::fs::File;
use std::hash::{BuildHasher as _, RandomState};
use std::io::{self, IsTerminal as _, Read as _};
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use bytes::Bytes;
use rustyline::DefaultEditor;
use rustyline::error::ReadlineError;
use stillbox::{AsyncSandbox, Command, InputMode, OutputMode, Pid, ProcessError, ProcessInfo, ProcessStatus};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::args::{RunArgs, ShellArgs};
use crate::home::Home;
use crate::output::exit_code;
use crate::sandbox;
use crate::signals::{SIGINT, Signals};
use crate::terminal;
use crate::verbs::run;
use screen::{Prompt, Screen};

/// The script of the sandbox's `sh`.
const DRIVER: &str = include_str!("driver.sh");

/// Where one shell leaves its state for the next.
const STATE: &str = "/tmp/.stillbox-shell";

/// The line that tells the driver to forget a command that isn't complete.
const ABORT: &str = "\u{3}";

pub(crate) fn main(args: ShellArgs) -> anyhow::Result<ExitCode> {
    if !io::stdin().is_terminal() {
        return run::main(RunArgs { sandbox: args.sandbox, timeout: None, json: false, command: vec!["sh".into()] });
    }
    let engine = sandbox::engine()?;
    let runtime = sandbox::runtime()?;
    runtime.block_on(async {
        let sandbox = sandbox::create(&engine, &args.sandbox).await?;
        let code = converse(sandbox.clone()).await;
        sandbox.terminate().await?;
        code
    })
}

/// Reads commands and has them run, until the user leaves.
async fn converse(sandbox: Arc<dyn AsyncSandbox>) -> anyhow::Result<ExitCode> {
    let mut editor = Editor::new()?;
    let mut session = Session::start(sandbox, None).await?;
    loop {
        let prompt = match session.until_prompt().await? {
            Next::Prompt(prompt) => prompt,
            Next::Ended(process) if session.goes_on => {
                if process.status != ProcessStatus::Exited(0) && process.status.exit_code().is_none() {
                    eprintln!("stillbox: the shell was killed; a new one goes on without its variables");
                }
                session = Session::start(session.sandbox, Some(session.cwd)).await?;
                continue;
            }
            Next::Ended(process) => break Ok(exit_code(&process)),
        };
        match editor.read(&prompt)? {
            Input::Line(line) => session.send(format!("{line}\n").into()).await?,
            Input::Abort => session.send(format!("{ABORT}\n").into()).await?,
            Input::End => session.close().await?,
        }
        session.cwd = prompt.cwd;
    }
}

/// One `sh` in the sandbox.
struct Session {
    sandbox: Arc<dyn AsyncSandbox>,
    pid: Pid,
    screen: Screen,
    prompts: UnboundedReceiver<Prompt>,
    signals: Signals,
    /// The directory at the last prompt.
    cwd: String,
    /// Whether a new shell takes over when this one ends.
    goes_on: bool,
}

/// What comes after a command.
enum Next {
    Prompt(Prompt),
    Ended(Box<ProcessInfo>),
}

impl Session {
    async fn start(sandbox: Arc<dyn AsyncSandbox>, cwd: Option<String>) -> anyhow::Result<Self> {
        let mark = format!("stillbox-{:016x}", RandomState::new().hash_one(0));
        let (screen, prompts) = Screen::new(&mark)?;
        let mut command = Command::new("sh").args(["-c", DRIVER, "sh", &mark, STATE]);
        command.terminal = terminal::size();
        command.working_dir = cwd.clone();
        command.stdin = InputMode::Pipe;
        command.stdout = OutputMode::Stream(screen.stdout());
        command.stderr = OutputMode::Stream(screen.stderr());
        let signals = Signals::new().context("cannot handle signals")?;
        let pid = sandbox.start_process(command).await?.pid;
        Ok(Self { sandbox, pid, screen, prompts, signals, cwd: cwd.unwrap_or_default(), goes_on: false })
    }

    /// Waits until the shell wants a line, or ends. Meanwhile a command may run, which gets what is typed.
    async fn until_prompt(&mut self) -> anyhow::Result<Next> {
        // A new registration each time: the editor has read the terminal since the last one.
        // SAFETY: standard input stays open as long as this process lives.
        let terminal = unsafe { AsyncFd::register_with_interest(io::stdin(), Interest::READABLE) };
        let terminal = terminal.context("cannot wait for the terminal")?;
        let mut input = File::from(io::stdin().as_fd().try_clone_to_owned().context("cannot read the terminal")?);
        let mut open = true;
        let mut interrupted = false;
        loop {
            tokio::select! {
                biased;
                Some(prompt) = self.prompts.recv() => {
                    if self.goes_on {
                        // It doesn't know yet that its input has ended.
                        self.cwd = prompt.cwd;
                        continue;
                    }
                    self.screen.begin_line()?;
                    return Ok(Next::Prompt(prompt));
                }
                ended = self.sandbox.wait_process(self.pid.into()) => return Ok(Next::Ended(Box::new(ended?))),
                signal = self.signals.next() => {
                    let again = signal == SIGINT && std::mem::replace(&mut interrupted, true);
                    self.goes_on |= again;
                    expect_running(match again {
                        true => self.sandbox.kill_process(self.pid.into()).await,
                        false => self.sandbox.send_signal(self.pid.into(), signal).await,
                    })?;
                }
                ready = terminal.readable(), if open => {
                    let mut buffer = [0; 4096];
                    let read = input.read(&mut buffer).context("cannot read the terminal")?;
                    ready?.clear_ready();
                    if read == 0 {
                        (open, self.goes_on) = (false, true);
                        self.close().await?;
                    } else {
                        self.send(Bytes::copy_from_slice(&buffer[..read])).await?;
                    }
                }
            }
        }
    }

    async fn send(&self, text: Bytes) -> Result<(), ProcessError> {
        expect_running(self.sandbox.write_stdin(self.pid.into(), text).await)
    }

    async fn close(&self) -> Result<(), ProcessError> {
        expect_running(self.sandbox.close_stdin(self.pid.into()).await)
    }
}

/// Takes what fails because the shell has just ended as done: its end is about to be noticed.
fn expect_running(result: Result<(), ProcessError>) -> Result<(), ProcessError> {
    match result {
        Err(ProcessError::NotRunning { .. } | ProcessError::StdinNotWritable { .. }) => Ok(()),
        result => result,
    }
}

/// The line editor with its history.
struct Editor {
    editor: DefaultEditor,
    history: PathBuf,
}

/// What the user answers to a prompt.
enum Input {
    Line(String),
    Abort,
    End,
}

impl Editor {
    fn new() -> anyhow::Result<Self> {
        let mut editor = DefaultEditor::new().context("cannot use the terminal")?;
        let history = Home::from_env()?.data.join("history");
        // There is none at first.
        let _ = editor.load_history(&history);
        Ok(Self { editor, history })
    }

    fn read(&mut self, prompt: &Prompt) -> anyhow::Result<Input> {
        let text = if prompt.more { "> ".to_owned() } else { format!("stillbox:{}$ ", shorten(&prompt.cwd)) };
        match self.editor.readline(&text) {
            Ok(line) => {
                if !line.trim().is_empty() {
                    self.editor.add_history_entry(&line)?;
                    if let Err(error) = self.editor.save_history(&self.history) {
                        tracing::debug!(%error, "the history is not kept");
                    }
                }
                Ok(Input::Line(line))
            }
            Err(ReadlineError::Interrupted) => Ok(Input::Abort),
            Err(ReadlineError::Eof) => Ok(Input::End),
            Err(error) => Err(error).context("cannot read a line from the terminal"),
        }
    }
}

/// Returns a directory as prompts show it.
fn shorten(cwd: &str) -> String {
    match cwd.strip_prefix("/root") {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => format!("~{rest}"),
        _ => cwd.to_owned(),
    }
}
