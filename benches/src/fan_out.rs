//! Many sandboxes at once: each is made, runs a program and ends.

use std::fs;
use std::process::{Child, Command as HostCommand, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use futures::future::try_join_all;
use stillbox::{Command, Engine, SandboxSpec, Sandboxes as _};

use crate::create;

/// What a burst took.
#[derive(Clone, Copy, Debug)]
pub struct Burst {
    /// From the first start to the last end.
    pub total: Duration,
    /// How much resident memory this process had more at most, in KiB. The kernel's account may be off by some hundreds.
    pub peak_kib: u64,
}

/// Has so many sandboxes be made, run a program that does nothing, and end, all at once.
pub fn sandboxes(engine: &Engine, count: usize) -> Result<Burst> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let life = || async {
        let sandbox = engine.create(SandboxSpec::default()).await?;
        let result = sandbox.run(Command::new("true")).await?;
        ensure!(result.success(), "{:?} {}", result.reason, result.exit_code);
        sandbox.terminate().await?;
        Ok(())
    };
    measured(|| runtime.block_on(try_join_all((0..count).map(|_| life()))).map(drop))
}

/// The yardstick: so many processes on the host, without any sandbox. Their memory is their own and doesn't show here.
pub fn native(count: usize) -> Result<Burst> {
    measured(|| all_at_once(count, || HostCommand::new("/bin/true")))
}

/// The other yardstick: so many in sandboxes of namespaces.
pub fn bubblewrap(count: usize) -> Result<Burst> {
    measured(|| {
        all_at_once(count, || {
            let mut command = HostCommand::new("bwrap");
            command.args(create::BUBBLEWRAP);
            command
        })
    })
}

/// Makes so many sandboxes that stay, and returns how long each of the first half takes, and each of the second.
pub fn creation(engine: &Engine, count: usize) -> Result<[Duration; 2]> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let half = count / 2;
    let mut live = Vec::with_capacity(count);
    let mut make = || -> Result<Duration> {
        let begun = Instant::now();
        for _ in 0..half {
            live.push(runtime.block_on(engine.create(SandboxSpec::default().terminate_on_drop(true)))?);
        }
        Ok(begun.elapsed() / u32::try_from(half.max(1))?)
    };
    Ok([make()?, make()?])
}

fn all_at_once(count: usize, command: impl Fn() -> HostCommand) -> Result<()> {
    let start = |_| command().stdin(Stdio::null()).spawn();
    let children: Vec<Child> = (0..count).map(start).collect::<std::io::Result<_>>()?;
    for mut child in children {
        let status = child.wait()?;
        ensure!(status.success(), "{status}");
    }
    Ok(())
}

fn measured(work: impl FnOnce() -> Result<()>) -> Result<Burst> {
    // 5 has the peak begin anew (proc(5)).
    fs::write("/proc/self/clear_refs", "5")?;
    let before = resident_kib("VmRSS:")?;
    let begun = Instant::now();
    work()?;
    Ok(Burst { total: begun.elapsed(), peak_kib: resident_kib("VmHWM:")?.saturating_sub(before) })
}

/// Returns a figure of `/proc/self/status`.
fn resident_kib(name: &str) -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)).context("the kernel doesn't say")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
