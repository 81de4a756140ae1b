//! What one command asks of another that has a sandbox awake: a line of JSON each way, over a socket of the user's own.
//!
//! ```text
//!   stillbox suspend NAME                           stillbox run --name NAME ..
//!       ask --------- Request ----> NAME.sock ----> serve, perform
//!           <-------- Reply ------------------------'
//! ```
//!
//! If no command has the sandbox, the one that asks does it all by itself, by the same [`perform`].

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};
use stillbox::{AsyncSandbox, Engine, SandboxStatus, SandboxUpdate, Sandboxes as _, SnapshotInfo, SnapshotKind};
use tokio::net::UnixListener;
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet, spawn_blocking};

use crate::claim::{Claim, Patience, Running};
use crate::home::Home;

/// The longest line, in bytes.
const LINE_BYTES_MAX: u64 = 64 << 10;

/// How long the other side may take to send or to take a line.
const LINE_WITHIN: Duration = Duration::from_secs(10);

/// How long may pass until a request is done: large sandboxes take their time to be stored.
const DONE_WITHIN: Duration = Duration::from_secs(600);

/// What is to be done with a sandbox.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Request {
    Suspend,
    Checkpoint { files: bool },
    Fork { times: usize },
    Remove,
    Describe,
}

/// What was done.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reply {
    Done,
    Saved(Saved),
    Forked {
        names: Vec<String>,
    },
    Described(Entry),
    /// The sandbox rests, and the command that had it is about to end.
    Rests,
    Failed {
        reason: String,
    },
}

/// A snapshot, as `--json` prints it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Saved {
    pub(crate) id: String,
    pub(crate) sandbox: Option<String>,
    /// `memory` or `filesystem`.
    pub(crate) kind: String,
    pub(crate) size_bytes: u64,
    pub(crate) created_at_ms: u64,
}

impl From<SnapshotInfo> for Saved {
    fn from(info: SnapshotInfo) -> Self {
        let kind = match info.kind {
            SnapshotKind::Memory => "memory",
            SnapshotKind::Filesystem => "filesystem",
        };
        let SnapshotInfo { id, sandbox_name: sandbox, size_bytes, created_at_ms, .. } = info;
        Self { id, sandbox, kind: kind.into(), size_bytes, created_at_ms }
    }
}

/// A sandbox, as `ps --json` prints it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) name: String,
    /// Not known of one whose command doesn't answer.
    pub(crate) id: Option<String>,
    pub(crate) status: String,
    pub(crate) created_at_ms: Option<u64>,
    /// How many processes run that commands have started; not known of a sandbox that rests.
    pub(crate) processes: Option<usize>,
}

/// Does what is asked for, with a sandbox that is awake.
///
/// # Errors
///
/// What keeps it from being done: the sandbox goes on as it was.
pub(crate) async fn perform(
    (home, engine, sandbox): (&Home, &Engine, &dyn AsyncSandbox),
    request: &Request,
) -> anyhow::Result<Reply> {
    Ok(match *request {
        Request::Suspend => {
            sandbox.suspend().await?;
            Reply::Done
        }
        Request::Checkpoint { files } => {
            let kind = if files { SnapshotKind::Filesystem } else { SnapshotKind::Memory };
            Reply::Saved(sandbox.checkpoint(kind).await?.into())
        }
        Request::Fork { times } => Reply::Forked { names: fork(home, engine, sandbox, times).await? },
        Request::Remove => {
            sandbox.terminate().await?;
            Reply::Done
        }
        Request::Describe => {
            let info = sandbox.info().await?;
            let processes = sandbox.list_processes().await?;
            let running = processes.iter().filter(|process| process.status.is_running()).count();
            let mut entry = Entry::from(info);
            entry.processes = Some(running);
            Reply::Described(entry)
        }
    })
}

impl From<stillbox::SandboxInfo> for Entry {
    fn from(info: stillbox::SandboxInfo) -> Self {
        Self {
            name: info.name.unwrap_or_default(),
            id: Some(info.id),
            status: info.status.to_string(),
            created_at_ms: Some(info.created_at_ms),
            processes: None,
        }
    }
}

/// Makes copies, each of which gets the next free name and rests.
async fn fork(home: &Home, engine: &Engine, sandbox: &dyn AsyncSandbox, times: usize) -> anyhow::Result<Vec<String>> {
    let copies = sandbox.copy(times).await?;
    let prefix = sandbox.name().unwrap_or_default();
    let mut names = Vec::new();
    let mut number = 0;
    for copy in &copies {
        match settle(home, engine, copy.as_ref(), &prefix, &mut number).await {
            Ok(name) => names.push(name),
            Err(error) => {
                for copy in &copies[names.len()..] {
                    copy.terminate().await?;
                }
                return Err(error);
            }
        }
    }
    Ok(names)
}

/// Gives a copy the next free name, and puts it to rest.
async fn settle(
    home: &Home,
    engine: &Engine,
    copy: &dyn AsyncSandbox,
    prefix: &str,
    number: &mut u32,
) -> anyhow::Result<String> {
    loop {
        *number += 1;
        let name = format!("{prefix}-{number}");
        let Some(claim) = Claim::attempt(home, &name)? else { continue };
        if engine.connect(&name).await.is_ok() {
            continue;
        }
        copy.update(SandboxUpdate { name: Some(name), auto_resume: Some(false), ..SandboxUpdate::default() }).await?;
        copy.suspend().await?;
        return Ok(claim.name().to_owned());
    }
}

/// Asks the command that has a sandbox; `None` if there is none that answers.
pub(crate) fn ask(running: &Running, name: &str, request: &Request) -> anyhow::Result<Option<Reply>> {
    let Ok(stream) = UnixStream::connect(running.socket_path(name)) else { return Ok(None) };
    let exchange = || -> anyhow::Result<Reply> {
        stream.set_write_timeout(Some(LINE_WITHIN))?;
        stream.set_read_timeout(Some(DONE_WITHIN))?;
        send(&stream, request)?;
        receive(&stream)
    };
    exchange().map(Some).with_context(|| format!("the command that has {name} does not answer"))
}

/// Asks as [`ask`], until the sandbox is somebody's who answers, or our own: then returns the claim.
pub(crate) async fn ask_or_claim(home: &Home, name: &str, request: &Request) -> anyhow::Result<Result<Reply, Claim>> {
    let running = Arc::new(Running::open(home)?);
    let mut patience = Patience::new();
    loop {
        if let Some(claim) = Claim::attempt(home, name)? {
            return Ok(Err(claim));
        }
        let asked = {
            let (running, name, request) = (running.clone(), name.to_owned(), request.clone());
            spawn_blocking(move || ask(&running, &name, &request)).await??
        };
        match asked {
            Some(Reply::Failed { reason }) => bail!(reason),
            Some(Reply::Rests) | None => {}
            Some(reply) => return Ok(Ok(reply)),
        }
        if !patience.again().await {
            bail!("{name} is in use by a command that does not answer");
        }
    }
}

fn send(mut stream: &UnixStream, value: &impl Serialize) -> anyhow::Result<()> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    Ok(stream.write_all(&line)?)
}

fn receive<T: for<'a> Deserialize<'a>>(stream: &UnixStream) -> anyhow::Result<T> {
    let mut line = String::new();
    BufReader::new(stream.take(LINE_BYTES_MAX)).read_line(&mut line)?;
    Ok(serde_json::from_str(&line)?)
}

/// Where requests for a sandbox arrive.
pub(crate) struct Listener(UnixListener);

/// Takes requests for a sandbox that this process has awake.
pub(crate) struct Server {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Listener {
    /// Lets requests wait until they are taken.
    ///
    /// # Errors
    ///
    /// If the system has no socket for it.
    pub(crate) fn new(claim: &Claim) -> anyhow::Result<Self> {
        UnixListener::bind(claim.free_socket_path()).map(Self).context("cannot take requests")
    }

    /// Takes requests from now on.
    pub(crate) fn serve(self, home: &Home, engine: &Engine, sandbox: &Arc<dyn AsyncSandbox>) -> Server {
        let listener = self.0;
        let (stop, mut stopped) = oneshot::channel();
        let (home, engine, sandbox) = (home.clone(), engine.clone(), sandbox.clone());
        let task = tokio::spawn(async move {
            let mut clients = JoinSet::new();
            loop {
                tokio::select! {
                    accepted = listener.accept() => match accepted {
                        Ok((stream, _)) => {
                            let (home, engine, sandbox) = (home.clone(), engine.clone(), sandbox.clone());
                            clients.spawn(async move {
                                if let Err(error) = serve(stream, &home, &engine, &*sandbox).await {
                                    tracing::debug!("a request was not answered: {error:#}");
                                }
                            });
                        }
                        Err(error) => tracing::warn!(%error, "a request cannot be taken"),
                    },
                    Some(_) = clients.join_next() => {}
                    _ = &mut stopped => break,
                }
            }
            while clients.join_next().await.is_some() {}
        });
        Server { stop, task }
    }
}

impl Server {
    /// Takes no more requests, and waits until those that were taken are answered.
    pub(crate) async fn finish(self) {
        let _ = self.stop.send(());
        if let Err(error) = self.task.await {
            tracing::warn!(%error, "requests are not taken any more");
        }
    }
}

async fn serve(
    stream: tokio::net::UnixStream,
    home: &Home,
    engine: &Engine,
    sandbox: &dyn AsyncSandbox,
) -> anyhow::Result<()> {
    let stream = stream.into_std()?;
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(LINE_WITHIN))?;
    stream.set_write_timeout(Some(LINE_WITHIN))?;
    let (stream, request) =
        spawn_blocking(move || receive::<Request>(&stream).map(|request| (stream, request))).await??;
    let reply = match perform((home, engine, sandbox), &request).await {
        Ok(reply) => reply,
        Err(_) if sandbox.status().await? == SandboxStatus::Suspended => Reply::Rests,
        Err(error) => Reply::Failed { reason: format!("{error:#}") },
    };
    spawn_blocking(move || send(&stream, &reply)).await?
}
