//! The yardstick for programs: the same module on the runtime's own WASI.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow};
use stillbox_capture::Analysis;
use wasmtime::{Config, Engine, ExternType, Linker, Module, Store, Val};
use wasmtime_wasi::p1::{self, WasiP1Ctx};
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::{FsPerms, I32Exit, WasiCtxBuilder};

/// What a call is answered with that the yardstick doesn't have.
const NOSYS: i32 = 52;

/// How much a program may print, in bytes.
const OUTPUT_BYTES: usize = 64 << 10;

/// The calls that may wait, and are thus where a captured program can be held: those of the engine's that these programs
/// import.
const WAITS: [&str; 4] = ["fd_read", "fd_write", "poll_oneoff", "sched_yield"];

/// How a program can be interrupted while it computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Build {
    /// Not at all.
    Plain,
    /// By the runtime's epochs.
    Epochs,
    /// By polls of its own, which leave its stack behind.
    Captured,
}

/// A compiled program.
pub struct Plain {
    module: Module,
    linker: Linker<WasiP1Ctx>,
}

impl Plain {
    /// Compiles a program.
    pub fn new(build: Build, wasm: &[u8]) -> Result<Self> {
        match build {
            Build::Captured => {
                let analysis = Analysis::new(wasm, |_module, name| WAITS.contains(&name))?;
                Self::compile(build, &analysis.rewrite()?)
            }
            Build::Plain | Build::Epochs => Self::compile(build, wasm),
        }
        .context("plain wasmtime-wasi")
    }

    fn compile(build: Build, wasm: &[u8]) -> Result<Self> {
        let mut config = Config::new();
        config.wasm_threads(true).wasm_branch_hinting(true).wasm_exceptions(true);
        config.epoch_interruption(build == Build::Epochs);
        let compiled = Engine::new(&config).and_then(|engine| Self::link(Module::new(&engine, wasm)?));
        compiled.map_err(|error| anyhow!("{error:?}"))
    }

    fn link(module: Module) -> wasmtime::Result<Self> {
        let mut linker = Linker::new(module.engine());
        p1::add_to_linker_sync(&mut linker, |wasi| wasi)?;
        let mut store = Store::new(module.engine(), WasiCtxBuilder::new().build_p1());
        for import in module.imports() {
            let known = linker.get_by_import(&mut store, &import).is_some();
            if let (false, ExternType::Func(function)) = (known, import.ty()) {
                // Programs of ours ask for their working directory when they start, others name sockets, and do without.
                linker.func_new(import.module(), import.name(), function, |_, _, results| {
                    results.fill(Val::I32(NOSYS));
                    Ok(())
                })?;
            }
        }
        Ok(Self { module, linker })
    }

    /// Runs the program, which finds the directory `host` as `guest`. Returns what it prints, and how long it runs.
    pub fn run(&self, arguments: &[&str], host: &Path, guest: &str) -> Result<(Vec<u8>, Duration)> {
        let ran = self.call(arguments, host, guest);
        ran.map_err(|error| anyhow!("plain wasmtime-wasi: {arguments:?}: {error:?}"))
    }

    fn call(&self, arguments: &[&str], host: &Path, guest: &str) -> wasmtime::Result<(Vec<u8>, Duration)> {
        let stdout = MemoryOutputPipe::new(OUTPUT_BYTES);
        let mut wasi = WasiCtxBuilder::new();
        wasi.args(arguments).stdout(stdout.clone());
        wasi.preopened_dir(host, guest, FsPerms::ReadWrite)?;
        let mut store = Store::new(self.module.engine(), wasi.build_p1());
        // No epoch ever passes here: what is measured is looking at it.
        store.set_epoch_deadline(1);
        let instance = self.linker.instantiate(&mut store, &self.module)?;
        let start = instance.get_typed_func::<(), ()>(&mut store, "_start")?;
        let begun = Instant::now();
        let ended = start.call(&mut store, ());
        let took = begun.elapsed();
        match ended.map_err(|error| error.downcast::<I32Exit>()) {
            // A program may also end by `proc_exit`, which arrives here as an error.
            Ok(()) | Err(Ok(I32Exit(0))) => Ok((stdout.contents().to_vec(), took)),
            Err(Ok(exit)) => Err(exit.into()),
            Err(Err(error)) => Err(error),
        }
    }
}
