//! A sandbox beside others that compute without end, and the end of those.

use std::process::{Child, Command as HostCommand, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use stillbox::blocking::{Engine, Sandbox};
use stillbox::{Command, ProcessStatus};

use crate::{host, run, sandbox};

/// How long a loop is let run before it is killed: long enough that it computes.
const COMPUTES: Duration = Duration::from_millis(5);

/// What computes on the host.
const LOOP: [&str; 2] = ["-c", "while :; do :; done"];

/// Sandboxes that compute without end, each in one process, until they are dropped.
pub struct Hogs(#[expect(dead_code, reason = "their sandboxes end with them")] Vec<Sandbox>);

impl Hogs {
    /// Starts so many.
    pub fn start(engine: &Engine, count: usize) -> Result<Self> {
        let hog = |_| {
            let sandbox = sandbox(engine)?;
            sandbox.start_process(Command::new("probes").arg("hostile_spin"))?;
            Ok(sandbox)
        };
        (0..count).map(hog).collect::<Result<_>>().map(Self)
    }
}

/// The yardstick: shells of the host that compute without end, until this is dropped.
pub struct NativeHogs(Vec<Child>);

impl NativeHogs {
    /// Starts so many.
    pub fn start(count: usize) -> Result<Self> {
        let mut hogs = Self(Vec::new());
        for _ in 0..count {
            hogs.0.push(HostCommand::new("sh").args(LOOP).stdin(Stdio::null()).spawn()?);
        }
        Ok(hogs)
    }
}

impl Drop for NativeHogs {
    fn drop(&mut self) {
        for hog in &mut self.0 {
            // One that can't be killed or waited for has ended already.
            let _ = hog.kill();
            let _ = hog.wait();
        }
    }
}

/// Runs a program that does nothing in a sandbox that lives.
pub fn run_true(sandbox: &Sandbox) -> Result<()> {
    run(sandbox, Command::new("true")).map(drop)
}

/// The yardstick: the same on the host.
pub fn native_true() -> Result<()> {
    host::run("/bin/true", &[]).map(drop)
}

/// Kills a tight loop, and returns how long that takes until its end is known.
pub fn kill(sandbox: &Sandbox) -> Result<Duration> {
    let process = sandbox.start_process(Command::new("probes").arg("hostile_spin"))?;
    sleep(COMPUTES);
    let begun = Instant::now();
    sandbox.kill_process(&process)?;
    let ended = sandbox.wait_process(&process)?;
    let took = begun.elapsed();
    ensure!(ended.status == ProcessStatus::Signaled(9), "{:?}", ended.status);
    Ok(took)
}

/// The yardstick: the same with a shell of the host.
pub fn native_kill() -> Result<Duration> {
    let mut process = HostCommand::new("sh").args(LOOP).stdin(Stdio::null()).spawn()?;
    sleep(COMPUTES);
    let begun = Instant::now();
    process.kill()?;
    process.wait()?;
    Ok(begun.elapsed())
}
