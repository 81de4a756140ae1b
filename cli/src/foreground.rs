//! A process of a sandbox, with our standard streams as its own.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsFd;
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use bytes::{Bytes, BytesMut};
use stillbox::{
    AsyncSandbox, Command, InputMode, LifecycleError, OutputMode, OutputSink, OutputStream, Pid, ProcessError,
    ProcessInfo, SandboxStatus,
};
use tokio::runtime::Handle;

use crate::output;
use crate::signals::{SIGHUP, SIGINT, SIGTERM, Signals};
use crate::terminal;

/// How much of standard input is passed on at a time, in bytes.
const STDIN_CHUNK_BYTES: usize = 64 << 10;

/// What became of a process.
pub(crate) enum Outcome {
    Ended(ProcessInfo),
    /// It was suspended with its sandbox.
    Suspended,
}

/// Runs a command with our standard streams as its own, or its output captured.
pub(crate) async fn run(sandbox: &Arc<dyn AsyncSandbox>, command: Command, captured: bool) -> anyhow::Result<Outcome> {
    if terminal::is_ours() && !captured {
        return terminal::run(&**sandbox, command).await;
    }
    let signals = Signals::new().context("cannot handle signals")?;
    let mut command = command.stdin(InputMode::Pipe);
    if !captured {
        command.stdout = OutputMode::Stream(live(io::stdout())?);
        command.stderr = OutputMode::Stream(live(io::stderr())?);
    }
    let process = sandbox.start_process(command).await?;
    pass_stdin(sandbox.clone(), process.pid);
    wait(sandbox.as_ref(), process.pid, signals).await
}

/// Has a sandbox's processes go on with our standard streams as theirs; `None` if nothing was ever started in it.
///
/// The oldest one that runs has our input and our signals, and we wait for its end. If all have ended, the last one's end
/// is what is returned, behind what they wrote while nobody looked.
pub(crate) async fn go_on(sandbox: &Arc<dyn AsyncSandbox>) -> anyhow::Result<Option<Outcome>> {
    let processes = sandbox.list_processes().await?;
    let running = processes.iter().find(|process| process.status.is_running());
    let Some(first) = running.or(processes.last()) else { return Ok(None) };
    let terminals = sandbox.list_ptys().await?;
    if let Some(its) = terminals.iter().find(|pty| pty.pid == first.pid) {
        ensure!(terminal::is_ours(), "its program is on a terminal: resume it on one");
        let pty = sandbox.connect_pty(&its.id).await?;
        return terminal::attach(&**sandbox, pty).await.map(Some);
    }
    let signals = Signals::new().context("cannot handle signals")?;
    for process in &processes {
        sandbox.redirect_output(process.into(), OutputStream::Stdout, live(io::stdout())?).await?;
        sandbox.redirect_output(process.into(), OutputStream::Stderr, live(io::stderr())?).await?;
    }
    if first.stdin_writable {
        pass_stdin(sandbox.clone(), first.pid);
    }
    wait(sandbox.as_ref(), first.pid, signals).await.map(Some)
}

/// Waits until a sandbox is suspended. One that ends isn't, whose processes have ended with it.
pub(crate) async fn suspended(sandbox: &dyn AsyncSandbox) -> Result<(), LifecycleError> {
    let mut status = sandbox.status().await?;
    while status != SandboxStatus::Suspended {
        if status == SandboxStatus::Terminated {
            return std::future::pending().await;
        }
        status = sandbox.status_changed(status).await?;
    }
    Ok(())
}

/// Suspends a sandbox that has a name, as the system asks us to end; returns whether it has been.
pub(crate) async fn suspend_named(sandbox: &dyn AsyncSandbox) -> bool {
    if sandbox.name().is_none() {
        return false;
    }
    match sandbox.suspend().await {
        Ok(()) => true,
        Err(error) => {
            output::note(&format!("{:#}", anyhow::Error::from(error)));
            false
        }
    }
}

/// One of our own output streams, which a guest writes to without a buffer between.
struct Live(File);

/// Returns what passes a guest's output on to one of our streams.
fn live(stream: impl AsFd) -> anyhow::Result<Arc<dyn OutputSink>> {
    let stream = stream.as_fd().try_clone_to_owned().context("cannot use the output")?;
    Ok(Arc::new(Live(stream.into())))
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
        // Failures end the passing, and nothing else: the process may not want any more, or be over or suspended.
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
async fn wait(sandbox: &dyn AsyncSandbox, pid: Pid, mut signals: Signals) -> anyhow::Result<Outcome> {
    let mut interrupted = false;
    let suspended = suspended(sandbox);
    let mut suspended = std::pin::pin!(suspended);
    loop {
        tokio::select! {
            biased;
            rests = &mut suspended => return Ok(rests.map(|()| Outcome::Suspended)?),
            ended = sandbox.wait_process(pid.into()) => match ended {
                // It has just been suspended.
                Err(ProcessError::WrongStatus(_)) => return Ok(suspended.await.map(|()| Outcome::Suspended)?),
                ended => return Ok(Outcome::Ended(ended?)),
            },
            signal = signals.next() => {
                if matches!(signal, SIGTERM | SIGHUP) && suspend_named(sandbox).await {
                    return Ok(Outcome::Suspended);
                }
                let sent = match signal {
                    SIGINT if interrupted => sandbox.kill_process(pid.into()).await,
                    signal => sandbox.send_signal(pid.into(), signal).await,
                };
                interrupted |= signal == SIGINT;
                match sent {
                    Err(ProcessError::NotRunning { .. } | ProcessError::WrongStatus(_)) | Ok(()) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
    }
}
