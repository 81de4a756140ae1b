//! Programs: executable files, compiled.
//!
//! [`Programs`] holds the compiled code of every content once for the engine, [`resolve`] finds the file that a name
//! means, and [`Program`] is the result: all that an instance needs but its memory.

pub(crate) mod resolve;

mod ahead;
mod cache;
mod continuations;
mod data;
mod gate;
mod recent;

use std::collections::HashMap;
use std::error::Error;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use parking_lot::Mutex;
use stillbox_capture::host::{Exports, HostError};
use stillbox_capture::{Analysis, CaptureError, Poll};
use stillbox_kernel::Errno;
use stillbox_kernel::chunk::{ChunkId, ChunkRef, ChunkWriter};
use wasmtime::{Engine, Instance, InstancePre, Linker, Module, Store};

use crate::config::Code;
use crate::memory::{self, Image, Images};
use crate::metrics::{Counters, count};
use crate::process::Guest;
use crate::wasi;
use ahead::Ahead;
use gate::Gate;
use recent::{Entry, Recent};

pub(crate) use continuations::Continuations;
pub(crate) use resolve::{CommandLine, Invocation};

/// The size of the memory in which each instance of a captured program has its control word and saves its stack, in bytes.
pub(crate) const CONTROL_BYTES: usize = stillbox_capture::CONTROL_PAGES as usize * memory::PAGE_BYTES;

/// A program that is ready to be started.
pub(crate) struct Program {
    instance_pre: InstancePre<Guest>,
    /// What its memories hold at first.
    pub(crate) images: Images,
    /// Where the parts of its state are.
    pub(crate) exports: Arc<Exports>,
    /// The hash of its file, by which a checkpoint names it.
    pub(crate) digest: Digest,
    /// Its file, whatever that holds by now. Of an image's program these bytes are the image's.
    source: Bytes,
    /// The file as a checkpoint has it, once one was taken.
    chunks: OnceLock<Vec<(ChunkId, Bytes)>>,
    continuations: Arc<Continuations>,
}

/// Why a program can't be captured: it runs, and can be stopped, but what is on its stack stays there.
#[derive(Debug, thiserror::Error)]
#[error("the program can't be captured")]
pub(crate) struct NotCapturable(#[source] CaptureError);

impl Program {
    /// Makes an instance of the program, whose memories begin with these images: its own, or what was saved of another
    /// instance.
    ///
    /// # Errors
    ///
    /// The runtime's, among them a limit of the store.
    pub(crate) fn instantiate(
        &self,
        store: &mut Store<Guest>,
        images: &[Option<Arc<Image>>],
    ) -> wasmtime::Result<Instance> {
        memory::with_images(images, || self.instance_pre.instantiate(store))
    }

    /// Returns what brings a suspended stack of the program back.
    ///
    /// # Errors
    ///
    /// Why the program can't be captured. Finding that out anew takes as long as analyzing the program.
    pub(crate) fn capture(&self) -> Result<&Continuations, NotCapturable> {
        if self.exports.is_capturable() { Ok(&self.continuations) } else { Err(self.continuations.why_not()) }
    }

    /// Saves the program's file.
    pub(crate) fn save(&self, chunks: &mut dyn ChunkWriter) -> Vec<ChunkRef> {
        let parts = self.chunks.get_or_init(|| {
            let starts = (0..self.source.len()).step_by(CHUNK_BYTES);
            let part = |start| self.source.slice(start..self.source.len().min(start + CHUNK_BYTES));
            starts.map(part).map(|part| (ChunkId::of(&part), part)).collect()
        });
        parts.iter().map(|(id, part)| chunks.put(*id, part.clone())).collect()
    }
}

/// How much of a file is a chunk, in bytes: as much as of a file in a sandbox, which most programs are.
const CHUNK_BYTES: usize = stillbox_checkpoint::CHUNK_BYTES_MAX as usize;

/// Why a file isn't a program.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ProgramError {
    /// It neither holds a core WebAssembly module nor starts with `#!`.
    #[error("it is not a WebAssembly module")]
    NotWasm,
    /// It holds a component (WASI 0.2), which this engine doesn't run yet.
    #[error("it is a WebAssembly component; only core modules (WASI preview 1) are supported")]
    Component,
    /// It is corrupt, or uses what the engine doesn't support.
    #[error("the module is not valid: {0}")]
    Invalid(String),
    /// It imports something that no namespace of the engine has.
    #[error("it imports `{module}::{name}`, which is not part of the sandbox's ABI")]
    UnknownImport {
        /// The namespace.
        module: String,
        /// The function, memory or the like.
        name: String,
    },
    /// It has no `_start` function, so it is a library.
    #[error("it has no `_start` function, so it is not a command")]
    NoStart,
}

impl ProgramError {
    /// Returns what a guest that tried to execute the file is told.
    pub(crate) fn errno(&self) -> Errno {
        Errno::Noexec
    }
}

/// The hash of a program's file.
type Digest = [u8; 32];

/// What compiling came to.
type Compiled = Result<Arc<Program>, ProgramError>;

/// A program that is being compiled, or has been.
type Slot = Arc<Entry<OnceLock<Compiled>>>;

/// The compiled programs of an engine, found by what their file holds.
///
/// A start looks its program up by content id, which costs one map access. Only a content that was never seen is hashed,
/// and only a hash that is neither in memory nor on disk is compiled. What guests bring is forgotten when others were used
/// since; what an image brings stays.
pub(crate) struct Programs {
    engine: Engine,
    linker: Linker<Guest>,
    counters: Arc<Counters>,
    disk: Option<cache::Disk>,
    continuations: Arc<continuations::Store>,
    ahead: Option<Ahead>,
    by_content: Mutex<HashMap<u64, (Digest, Slot)>>,
    by_digest: Mutex<Recent<Digest, OnceLock<Compiled>>>,
    /// The digests of contents that an image brought along, so that they need no hashing.
    known: Mutex<HashMap<u64, Digest>>,
    /// The time by which uses are ordered: how many contents have been asked for that were not ready.
    now: AtomicU64,
    compilers: Arc<Gate>,
}

/// How many contents are remembered before those not in use are forgotten.
const CONTENTS_MAX: usize = 4096;

/// How much compiled code is held in memory, in bytes: some tens of large interpreters. Programs that run hold their own.
const CODE_BYTES_MAX: u64 = 512 << 20;

/// How much compiled code the directory may hold, in bytes.
const DISK_BYTES_MAX: u64 = 4 << 30;

/// What holding any program costs beside its code, in bytes, and what holding the reason costs that a file is none.
const ENTRY_BYTES: u64 = 16 << 10;

/// How many programs are compiled at the same time. Each compilation uses all processors and, for a large program, some
/// hundreds of megabytes; more than one keep small programs from waiting for a large one.
const COMPILERS_MAX: usize = 4;

impl Programs {
    pub(crate) fn new(
        engine: Engine,
        linker: Linker<Guest>,
        cache_dir: Option<PathBuf>,
        ahead: bool,
        counters: Arc<Counters>,
    ) -> Self {
        let cache_dir = cache_dir.as_deref();
        let compilers = Arc::new(Gate::new(COMPILERS_MAX));
        let disk = cache_dir.and_then(|dir| cache::Disk::open(dir, &engine, DISK_BYTES_MAX));
        Self {
            continuations: Arc::new(continuations::Store::new(engine.clone(), cache_dir)),
            ahead: ahead.then(|| Ahead::new(compilers.clone())),
            engine,
            linker,
            counters,
            disk,
            by_content: Mutex::default(),
            by_digest: Mutex::new(Recent::new(CODE_BYTES_MAX)),
            known: Mutex::default(),
            now: AtomicU64::new(0),
            compilers,
        }
    }

    /// Tells the digest of a content beforehand.
    pub(crate) fn know(&self, content_id: u64, digest: Digest) {
        self.known.lock().insert(content_id, digest);
        self.by_digest.lock().pin(digest);
    }

    /// Returns how much compiled code is held.
    pub(crate) fn code_bytes(&self) -> u64 {
        self.by_digest.lock().weight()
    }

    /// Returns the program of a content if it is compiled.
    fn ready(&self, content_id: u64) -> Option<Compiled> {
        let by_content = self.by_content.lock();
        let (_, slot) = by_content.get(&content_id)?;
        let ready = slot.value.get()?;
        slot.touch(self.now.load(Ordering::Relaxed));
        Some(ready.clone())
    }

    /// Returns the program of a content that isn't ready, and remembers it as that.
    ///
    /// This can take seconds. Several callers for one content wait for one compilation.
    fn compile(&self, content_id: u64, bytes: &Bytes) -> Compiled {
        let known = self.known.lock().get(&content_id).copied();
        let digest = known.unwrap_or_else(|| *blake3::hash(bytes).as_bytes());
        let (slot, result) = self.compiled(digest, bytes);

        let mut by_content = self.by_content.lock();
        by_content.insert(content_id, (digest, slot));
        let mut by_digest = self.by_digest.lock();
        if by_digest.trim() {
            by_content.retain(|_, (digest, slot)| by_digest.holds(*digest, slot));
        }
        drop(by_digest);
        if by_content.len() > CONTENTS_MAX {
            let known = self.known.lock();
            by_content.retain(|id, _| known.contains_key(id) || *id == content_id);
        }
        result
    }

    /// Returns the program of a digest, which is compiled if it is new, from what `bytes` gives.
    ///
    /// This can take seconds.
    ///
    /// # Errors
    ///
    /// What `bytes` says.
    pub(crate) fn of_digest<E>(&self, digest: Digest, bytes: impl FnOnce() -> Result<Bytes, E>) -> Result<Compiled, E> {
        let now = self.now.load(Ordering::Relaxed);
        let slot = self.by_digest.lock().entry(digest, now);
        if let Some(ready) = slot.value.get() {
            return Ok(ready.clone());
        }
        Ok(self.compiled(digest, &bytes()?).1)
    }

    fn compiled(&self, digest: Digest, bytes: &Bytes) -> (Slot, Compiled) {
        let now = self.now.fetch_add(1, Ordering::Relaxed) + 1;
        let slot = self.by_digest.lock().entry(digest, now);
        let result = slot.value.get_or_init(|| self.load(bytes, &digest).map(Arc::new)).clone();
        let code_bytes = result.as_ref().map_or(0, |program| code_bytes(program.instance_pre.module()));
        slot.set_weight(ENTRY_BYTES + code_bytes);
        (slot, result)
    }

    fn load(&self, bytes: &Bytes, digest: &Digest) -> Result<Program, ProgramError> {
        check_header(bytes)?;
        let (wasm, images) = data::split(bytes)?;
        let wasm: Arc<[u8]> = wasm.into();
        let name = cache::name_of(digest);
        let module = match self.disk.as_ref().and_then(|disk| disk.load(&self.engine, &name)) {
            Some(module) => {
                count(&self.counters.programs_loaded);
                module
            }
            None => {
                let _turn = self.compilers.enter();
                let started = std::time::Instant::now();
                let rewritten = rewrite(&wasm, Code::of(&self.engine).poll())?;
                let module = Module::from_binary(&self.engine, &rewritten)
                    .map_err(|error| ProgramError::Invalid(first_line(&error)))?;
                count(&self.counters.programs_compiled);
                tracing::info!(bytes = bytes.len(), elapsed = ?started.elapsed(), "compiled a program");
                if let Some(disk) = &self.disk {
                    let code = module.serialize().map_err(|error| ProgramError::Invalid(first_line(&error)))?;
                    disk.store(&code, &name);
                }
                module
            }
        };
        let invalid = |error: HostError| ProgramError::Invalid(error.to_string());
        let exports = Arc::new(Exports::of(&module).map_err(invalid)?);
        let instance_pre = self.link(&module)?;
        let continuations = Arc::new(Continuations::new(self.continuations.clone(), *digest, wasm));
        if let Some(ahead) = self.ahead.as_ref().filter(|_| exports.is_capturable()) {
            ahead.compile(&continuations);
        }
        let (source, chunks) = (bytes.clone(), OnceLock::new());
        let images = images.into();
        Ok(Program { instance_pre, images, exports, digest: *digest, source, chunks, continuations })
    }

    fn link(&self, module: &Module) -> Result<InstancePre<Guest>, ProgramError> {
        let mut linker = self.linker.clone();
        for import in module.imports() {
            wasi::stub_if_missing(&mut linker, &import)?;
        }
        if !module.exports().any(|export| export.name() == "_start" && export.ty().func().is_some()) {
            return Err(ProgramError::NoStart);
        }
        linker.instantiate_pre(module).map_err(|error| ProgramError::Invalid(first_line(&error)))
    }
}

/// Returns how large the compiled code of a module is, in bytes.
fn code_bytes(module: &Module) -> u64 {
    let image = module.image_range();
    (image.end.addr() - image.start.addr()) as u64
}

/// Returns a module that can be suspended wherever it runs; one that can't be captured can at least be interrupted.
fn rewrite(wasm: &Arc<[u8]>, poll: Poll) -> Result<Vec<u8>, ProgramError> {
    let analysis = Analysis::new(wasm.clone(), wasi::is_blocking);
    let captured = analysis.and_then(|analysis| analysis.polled_by(poll).rewrite());
    captured.or_else(|reason| {
        let polled =
            stillbox_capture::polling(wasm.clone(), poll).map_err(|error| ProgramError::Invalid(innermost(&error)))?;
        tracing::warn!(%reason, "a program can't be captured");
        Ok(polled)
    })
}

/// Says early, and in plain words, what is no core module at all.
fn check_header(bytes: &[u8]) -> Result<(), ProgramError> {
    match bytes {
        [0, b'a', b's', b'm', 1, 0, 0, 0, ..] => Ok(()),
        [0, b'a', b's', b'm', _, _, 1, 0, ..] => Err(ProgramError::Component),
        _ => Err(ProgramError::NotWasm),
    }
}

/// Returns the innermost message of the runtime's error, which says what is wrong; the outer ones say where.
fn first_line(error: &wasmtime::Error) -> String {
    error.root_cause().to_string().lines().next().unwrap_or_default().to_owned()
}

/// Returns what the last cause of an error says.
fn innermost(error: &dyn Error) -> String {
    error.source().map_or_else(|| error.to_string(), innermost)
}
