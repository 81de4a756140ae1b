//! Small files: created, written, closed, opened, read, closed and removed, again and again.
//!
//! The guest is the probe `bench_smallfile`, which times its own rounds: its start isn't part of the result.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use stillbox::Command;
use stillbox::blocking::Sandbox;
use tempfile::TempDir;

use crate::plain::{Build, Plain};
use crate::run;

/// What each round writes and reads, in bytes, as in the probe.
const SIZE: usize = 4096;

/// Returns how long so many rounds take in a sandbox.
pub fn sandboxed(sandbox: &Sandbox, rounds: u64) -> Result<Duration> {
    let command = Command::new("probes").args(["bench_smallfile".to_owned(), rounds.to_string()]);
    total(&run(sandbox, command)?.stdout_bytes, rounds)
}

/// Returns the time that so many rounds took, from what the probe prints: the nanoseconds of one.
fn total(printed: &[u8], rounds: u64) -> Result<Duration> {
    let printed = std::str::from_utf8(printed)?.trim();
    let round: u64 = printed.parse().with_context(|| format!("the probe printed {printed:?}"))?;
    Ok(Duration::from_nanos(round * rounds))
}

/// Makes a directory in the memory of the host, where there is one, for the yardsticks.
pub fn directory() -> Result<TempDir> {
    let memory = Path::new("/dev/shm");
    let dir = if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() };
    dir.context("cannot make a directory for the yardsticks")
}

/// The yardstick: the same rounds as system calls of the host.
pub fn native(dir: &Path, rounds: u64) -> Result<Duration> {
    let path = dir.join("bench_smallfile.tmp");
    let written = [0x5a; SIZE];
    let mut read = [0; SIZE];
    let start = Instant::now();
    for _ in 0..rounds {
        let mut file = File::create(&path)?;
        file.write_all(&written)?;
        drop(file);
        let mut file = File::open(&path)?;
        file.read_exact(&mut read)?;
        drop(file);
        fs::remove_file(&path)?;
    }
    let elapsed = start.elapsed();
    ensure!(read == written, "something else was read");
    Ok(elapsed)
}

/// The other yardstick: the same module on the runtime's own WASI, with a directory of the host as its root.
pub struct PlainWasi(Plain);

impl PlainWasi {
    /// Compiles the module.
    pub fn new() -> Result<Self> {
        let probes = stillbox_guests::find("probes").context("the probes are not prebuilt")?;
        Ok(Self(Plain::new(Build::Plain, probes.bytes)?))
    }

    /// Returns how long so many rounds take in `dir`.
    pub fn rounds(&self, dir: &Path, rounds: u64) -> Result<Duration> {
        let (printed, _) = self.0.run(&["probes", "bench_smallfile", &rounds.to_string()], dir, "/")?;
        total(&printed, rounds)
    }
}
