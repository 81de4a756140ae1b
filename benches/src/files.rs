//! Small files: created, written, closed, opened, read, closed and removed, again and again.
//!
//! The guest is the probe `bench_smallfile`, which times its own rounds: its start isn't part of the result.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, ensure};
use stillbox::Command;
use stillbox::blocking::Sandbox;
use tempfile::TempDir;
use wasmtime::{ExternType, Linker, Module, Store, Val};
use wasmtime_wasi::p1::{self, WasiP1Ctx};
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::{FsPerms, I32Exit, WasiCtxBuilder};

use crate::run;

/// What each round writes and reads, in bytes, as in the probe.
const SIZE: usize = 4096;

/// What a call is answered with that the yardstick doesn't have.
const NOSYS: i32 = 52;

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
pub struct PlainWasi {
    module: Module,
    linker: Linker<WasiP1Ctx>,
}

impl PlainWasi {
    /// Compiles the module.
    pub fn new() -> Result<Self> {
        let probes = stillbox_guests::find("probes").context("the probes are not prebuilt")?;
        Self::link(probes.bytes).map_err(of_the_runtime)
    }

    fn link(module: &[u8]) -> wasmtime::Result<Self> {
        let engine = wasmtime::Engine::default();
        let module = Module::new(&engine, module)?;
        let mut linker = Linker::new(&engine);
        p1::add_to_linker_sync(&mut linker, |wasi| wasi)?;
        for import in module.imports() {
            let known = import.module() == "wasi_snapshot_preview1";
            if let (false, ExternType::Func(function)) = (known, import.ty()) {
                // The probe asks for its working directory when it starts, and does without.
                linker.func_new(import.module(), import.name(), function, |_, _, results| {
                    results.fill(Val::I32(NOSYS));
                    Ok(())
                })?;
            }
        }
        Ok(Self { module, linker })
    }

    /// Returns how long so many rounds take in `dir`.
    pub fn rounds(&self, dir: &Path, rounds: u64) -> Result<Duration> {
        let printed = self.run(dir, &rounds.to_string()).map_err(of_the_runtime)?;
        total(&printed, rounds)
    }

    fn run(&self, dir: &Path, rounds: &str) -> wasmtime::Result<Vec<u8>> {
        let stdout = MemoryOutputPipe::new(1024);
        let mut wasi = WasiCtxBuilder::new();
        wasi.args(&["probes", "bench_smallfile", rounds]).stdout(stdout.clone());
        wasi.preopened_dir(dir, "/", FsPerms::ReadWrite)?;
        let mut store = Store::new(self.module.engine(), wasi.build_p1());
        let instance = self.linker.instantiate(&mut store, &self.module)?;
        let ended = instance.get_typed_func::<(), ()>(&mut store, "_start")?.call(&mut store, ());
        match ended.map_err(|error| error.downcast::<I32Exit>()) {
            // A program may also end by `proc_exit`, which arrives here as an error.
            Ok(()) | Err(Ok(I32Exit(0))) => Ok(stdout.contents().to_vec()),
            Err(Ok(exit)) => Err(exit.into()),
            Err(Err(error)) => Err(error),
        }
    }
}

fn of_the_runtime(error: wasmtime::Error) -> anyhow::Error {
    anyhow!("plain wasmtime-wasi: {error:?}")
}
