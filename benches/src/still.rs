//! A sandbox that is held still: copied, saved, restored, suspended and resumed, while its guest holds much memory of which
//! it has written to a part since the last time.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use futures::StreamExt as _;
use stillbox::{
    AsyncSandbox, AsyncSandboxExt as _, Command, Engine, InputMode, OutputEvents, Pid, SandboxSpec, Sandboxes as _,
    SnapshotInfo, SnapshotKind,
};
use tokio::runtime::Runtime;

/// How many system pages lie together among those that the guest writes to: a heap isn't written page by page.
const TOGETHER: u64 = 16;

/// How long the guest looks at the clock, beginning before it is held.
const LOOKS: Duration = Duration::from_millis(50);

/// How much a guest holds, and which part of that it writes to between two operations.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// What is resident, in MiB.
    pub mib: u64,
    /// What is written to, in percent.
    pub percent: u64,
}

impl Load {
    /// Returns the command that has the guest write, and look at the clock for a time after that.
    fn command(self, looks: Duration) -> Result<Vec<u8>> {
        let pages = (self.mib << 20) / 4096;
        let written = pages * self.percent / 100;
        let together = TOGETHER.min(written.max(1));
        let runs = written.div_ceil(together).max(1);
        let mut command = Vec::new();
        for number in [written, together, pages / runs * 4096, 0] {
            command.extend(u32::try_from(number)?.to_le_bytes());
        }
        command.extend(u64::try_from(looks.as_nanos())?.to_le_bytes());
        Ok(command)
    }
}

/// Returns the guest that holds so many MiB.
fn guest(mib: u64) -> Result<Vec<u8>> {
    let text = include_str!("resident.wat").replace("MEMORY", &(mib * 16 + 1).to_string());
    Ok(wat::parse_str(text)?)
}

/// A sandbox with a guest that holds memory.
pub struct Resident {
    runtime: Arc<Runtime>,
    sandbox: Arc<dyn AsyncSandbox>,
    process: Pid,
    output: OutputEvents,
    /// How many lines it has printed.
    lines: usize,
}

impl Resident {
    /// Starts a guest that holds so much, in a sandbox that can be suspended.
    pub fn start(engine: &Engine, mib: u64) -> Result<Self> {
        let runtime = Arc::new(tokio::runtime::Builder::new_current_thread().build()?);
        let started = async {
            let sandbox = engine.create(SandboxSpec::named(format!("resident-{mib}"))).await?;
            sandbox.write("resident.wasm", guest(mib)?).await?;
            let process = sandbox.start_process(Command::new("./resident.wasm").stdin(InputMode::Pipe)).await?.pid;
            let output = sandbox.follow_stdout(process.into()).await?;
            anyhow::Ok((sandbox, process, output))
        };
        let (sandbox, process, output) = runtime.block_on(started)?;
        let mut resident = Self { runtime, sandbox, process, output, lines: 0 };
        let line = resident.line()?;
        ensure!(line == "ready", "the guest said {line:?}");
        Ok(resident)
    }

    /// Returns the same guest in a sandbox that goes on from this one.
    fn continued(&self, sandbox: Arc<dyn AsyncSandbox>) -> Result<Self> {
        let output = self.runtime.block_on(sandbox.follow_stdout(self.process.into()))?.skip(self.lines).boxed();
        Ok(Self { runtime: self.runtime.clone(), sandbox, process: self.process, output, lines: self.lines })
    }

    fn line(&mut self) -> Result<String> {
        let event = self.runtime.block_on(self.output.next()).context("the guest has ended")??;
        self.lines += 1;
        Ok(event.line)
    }

    /// Has the guest write to its memory, and returns when it has.
    fn write(&mut self, load: Load, looks: Duration) -> Result<()> {
        let command = load.command(looks)?;
        self.runtime.block_on(self.sandbox.write_stdin(self.process.into(), command.into()))?;
        let line = self.line()?;
        ensure!(line == "written", "the guest said {line:?}");
        Ok(())
    }

    /// Has the guest say something, which it can only do when it runs.
    fn answer(&mut self) -> Result<()> {
        self.write(Load { mib: 1, percent: 0 }, Duration::ZERO)
    }

    /// Ends the sandbox.
    pub fn terminate(self) -> Result<()> {
        Ok(self.runtime.block_on(self.sandbox.terminate())?)
    }

    /// Makes a copy, and returns how long the guest stood still, as it saw that itself.
    pub fn pause(&mut self, load: Load) -> Result<Duration> {
        self.write(load, LOOKS)?;
        let copies = self.runtime.block_on(self.sandbox.copy(1))?;
        let gap = Duration::from_nanos(self.line()?.parse()?);
        copies.into_iter().try_for_each(|copy| self.runtime.block_on(copy.terminate()))?;
        Ok(gap)
    }

    /// Returns the longest time between two looks at the clock when the guest isn't held: what the machine adds.
    pub fn no_pause(&mut self, load: Load) -> Result<Duration> {
        self.write(load, LOOKS)?;
        Ok(Duration::from_nanos(self.line()?.parse()?))
    }

    /// Makes a copy, and returns how long it takes until its guest answers.
    pub fn copy(&mut self, load: Load) -> Result<Duration> {
        self.write(load, Duration::ZERO)?;
        let begun = Instant::now();
        let copy = self.runtime.block_on(self.sandbox.copy(1))?.pop().context("there is no copy")?;
        let mut copy = self.continued(copy)?;
        copy.answer()?;
        let took = begun.elapsed();
        copy.terminate()?;
        Ok(took)
    }

    /// Saves the sandbox and returns how long that takes, and what it is saved as.
    pub fn checkpoint(&mut self, load: Load) -> Result<(Duration, SnapshotInfo)> {
        self.write(load, Duration::ZERO)?;
        let begun = Instant::now();
        let snapshot = self.runtime.block_on(self.sandbox.checkpoint(SnapshotKind::Memory))?;
        Ok((begun.elapsed(), snapshot))
    }

    /// Forgets what was saved.
    pub fn forget(&self, engine: &Engine, snapshot: &SnapshotInfo) -> Result<()> {
        Ok(self.runtime.block_on(engine.delete_snapshot(&snapshot.id))?)
    }

    /// Goes on with what was saved, in a new sandbox, and returns how long it takes until its guest answers.
    pub fn restore(&self, engine: &Engine, snapshot: &SnapshotInfo) -> Result<Duration> {
        let begun = Instant::now();
        let spec = SandboxSpec::default().snapshot_id(&snapshot.id);
        let mut restored = self.continued(self.runtime.block_on(engine.create(spec))?)?;
        restored.answer()?;
        let took = begun.elapsed();
        restored.terminate()?;
        Ok(took)
    }

    /// Suspends the sandbox, and returns how long that takes.
    pub fn suspend(&mut self, load: Load) -> Result<Duration> {
        self.write(load, Duration::ZERO)?;
        let begun = Instant::now();
        self.runtime.block_on(self.sandbox.suspend())?;
        Ok(begun.elapsed())
    }

    /// Resumes the sandbox, and returns how long it takes until its guest answers.
    pub fn resume(&mut self) -> Result<Duration> {
        let begun = Instant::now();
        self.runtime.block_on(self.sandbox.resume())?;
        self.answer()?;
        Ok(begun.elapsed())
    }
}

/// Starts an engine that keeps snapshots in this directory, or in memory.
pub fn engine(snapshots: Option<&Path>) -> Result<Engine> {
    let builder = Engine::builder().cache_dir(crate::cache());
    Ok(match snapshots {
        Some(dir) => builder.snapshot_dir(dir),
        None => builder,
    }
    .build()?)
}
