//! Continuations: the compiled code by which suspended programs go on.
//!
//! ```text
//!   asked for --> in memory? --> on disk? --> made from the program's bytes, compiled, and kept in both
//! ```
//!
//! A continuation depends on its program and on the site alone, so it is compiled once for all processes, and once for all
//! engines that share a directory. Those that take longest are compiled before anyone asks: see [`ahead`](super::ahead).

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use stillbox_capture::host::{ContinuationSource, HostError};
use stillbox_capture::{Analysis, CaptureError, Site};
use wasmparser::{Operator, Parser, Payload};
use wasmtime::{Engine, Module};

use super::cache::{self, Disk};
use super::gate::Gate;
use super::recent::Recent;
use super::{Digest, NotCapturable, code_bytes};
use crate::config::{self, Code};
use crate::wasi;

/// How much compiled code is held in memory, in bytes.
const HELD_BYTES_MAX: u64 = 64 << 20;

/// What holding one takes at least, in bytes: its code is mapped in pages of its own, and a process can have some ten
/// thousands of mappings.
const ENTRY_BYTES: u64 = 32 << 10;

/// How much compiled code the directory may hold, in bytes.
const DISK_BYTES_MAX: u64 = 1 << 30;

/// How many are compiled at the same time. Each takes one processor, and for a large function some tens of megabytes.
const COMPILERS_MAX: usize = 4;

/// A continuation, once it is compiled.
type Held = Mutex<Option<Module>>;

/// The compiled continuations of all programs of an engine.
pub(super) struct Store {
    engine: Engine,
    /// What compiles quickly, and what compiles well: on the thread that asks, because a continuation is but one function.
    compilers: [OnceLock<Engine>; 2],
    disk: Option<Disk>,
    held: Mutex<Recent<(Digest, Site), Held>>,
    /// The time by which uses are ordered: how often something was asked for.
    now: AtomicU64,
    gate: Gate,
}

impl Store {
    pub(super) fn new(engine: Engine, cache_dir: Option<&Path>) -> Self {
        let disk = cache_dir.and_then(|dir| Disk::open(&dir.join("continuations"), &engine, DISK_BYTES_MAX));
        Self {
            engine,
            compilers: Default::default(),
            disk,
            held: Mutex::new(Recent::new(HELD_BYTES_MAX)),
            now: AtomicU64::new(0),
            gate: Gate::new(COMPILERS_MAX),
        }
    }

    /// Returns the code of a continuation, as the runtime serializes it.
    pub(super) fn compile(&self, wasm: &[u8]) -> wasmtime::Result<Vec<u8>> {
        // What has no loop is run once, in less time than it takes to compile.
        let quickly = !has_loop(wasm);
        let compiler = self.compilers[usize::from(quickly)].get_or_init(|| {
            // Code may be compiled by one engine and run by another if both agree in what matters to running it.
            let config = config::compiler_config(Code::of(&self.engine), quickly);
            config.and_then(|config| Engine::new(&config)).unwrap_or_else(|_| self.engine.clone())
        });
        compiler.precompile_module(wasm)
    }
}

/// Returns whether there is a loop in the code of a module.
fn has_loop(wasm: &[u8]) -> bool {
    let is_loop = |operator| matches!(operator, Ok(Operator::Loop { .. }));
    Parser::new(0).parse_all(wasm).any(|payload| match payload {
        Ok(Payload::CodeSectionEntry(body)) => {
            body.get_operators_reader().is_ok_and(|operators| operators.into_iter().any(is_loop))
        }
        _ => false,
    })
}

/// The continuations of one program.
pub(crate) struct Continuations {
    pub(super) store: Arc<Store>,
    digest: Digest,
    /// The module that the program was compiled from, without its data: what a suspended stack is understood by.
    wasm: Arc<[u8]>,
    /// What is known of the module, once it had to be found out.
    analysis: OnceLock<Result<Analysis, Arc<CaptureError>>>,
}

impl Continuations {
    pub(super) fn new(store: Arc<Store>, digest: Digest, wasm: Arc<[u8]>) -> Self {
        Self { store, digest, wasm, analysis: OnceLock::new() }
    }

    /// Analyzes the program, which takes half a second for a large one.
    pub(super) fn analyze(&self) -> Result<Analysis, CaptureError> {
        let analysis = Analysis::new(self.wasm.clone(), wasi::is_blocking)?;
        Ok(analysis.polled_by(Code::of(&self.store.engine).poll()))
    }

    /// Returns why the program can't be captured, which is known of it.
    pub(super) fn why_not(&self) -> NotCapturable {
        match self.analyze().and_then(|analysis| analysis.rewrite()) {
            Err(reason) => NotCapturable(reason),
            Ok(_) => NotCapturable(CaptureError::Encoding("what compiled it could not capture it".to_owned())),
        }
    }

    /// Returns whether there is code of this name on disk, if there is a disk.
    pub(super) fn on_disk(&self, name: &str) -> Option<bool> {
        Some(self.store.disk.as_ref()?.has(&self.file_name(name)))
    }

    /// Keeps code on disk.
    pub(super) fn keep(&self, name: &str, code: &[u8]) {
        if let Some(disk) = &self.store.disk {
            disk.store(code, &self.file_name(name));
        }
    }

    fn file_name(&self, name: &str) -> String {
        format!("{}-{name}", cache::name_of(&self.digest))
    }

    fn load(&self, site: Site) -> Option<Module> {
        self.store.disk.as_ref()?.load(&self.store.engine, &self.file_name(&site.0.to_string()))
    }

    fn make(&self, site: Site) -> Result<Module, HostError> {
        let analysis = self.analysis.get_or_init(|| self.analyze().map_err(Arc::new));
        let analysis = analysis.as_ref().map_err(|reason| wasmtime::Error::from(reason.clone()))?;
        let _turn = self.store.gate.enter();
        let wasm = analysis.continuation(site).map_err(|source| HostError::Continuation { site, source })?;
        let code = self.store.compile(&wasm)?;
        self.keep(&site.0.to_string(), &code);
        // SAFETY: this is what the runtime's own compiler has just made.
        Ok(unsafe { Module::deserialize(&self.store.engine, &code)? })
    }
}

impl ContinuationSource for Continuations {
    fn continuation(&self, site: Site) -> Result<Module, HostError> {
        let now = self.store.now.fetch_add(1, Ordering::Relaxed) + 1;
        let entry = self.store.held.lock().entry((self.digest, site), now);
        // Several who ask for the same one wait for one compilation.
        let mut held = entry.value.lock();
        if let Some(module) = &*held {
            return Ok(module.clone());
        }
        let found = self.load(site).map_or_else(|| self.make(site), Ok);
        let weight = found.as_ref().map_or(0, code_bytes);
        *held = found.as_ref().ok().cloned();
        drop(held);
        entry.set_weight(weight.max(ENTRY_BYTES));
        self.store.held.lock().trim();
        found
    }

    fn held(&self, site: Site) -> Option<Module> {
        let now = self.store.now.load(Ordering::Relaxed);
        let entry = self.store.held.lock().get((self.digest, site), now)?;
        // One that is being compiled is waited for elsewhere.
        entry.value.try_lock()?.clone()
    }
}

#[cfg(test)]
mod tests;
