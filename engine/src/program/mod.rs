//! Programs: executable files, compiled.
//!
//! [`Programs`] holds the compiled code of every content once for the engine, [`resolve`] finds the file that a name
//! means, and [`Program`] is the result: all that an instance needs but its memory.

pub(crate) mod resolve;

mod cache;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use stillbox_kernel::Errno;
use wasmtime::{Engine, InstancePre, Linker, Module};

use crate::process::Guest;

pub(crate) use resolve::Invocation;

/// A program that is ready to be started.
pub(crate) struct Program {
    pub(crate) instance_pre: InstancePre<Guest>,
}

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

/// A program that is being compiled, or has been.
type Slot = Arc<OnceLock<Result<Arc<Program>, ProgramError>>>;

/// The compiled programs of an engine, found by what their file holds.
///
/// A start looks its program up by content id, which costs one map access. Only a content that was never seen is hashed,
/// and only a hash that is neither in memory nor on disk is compiled.
pub(crate) struct Programs {
    engine: Engine,
    linker: Linker<Guest>,
    disk: Option<cache::Disk>,
    by_content: Mutex<HashMap<u64, Slot>>,
    by_digest: Mutex<HashMap<Digest, Slot>>,
    /// The digests of contents that an image brought along, so that they need no hashing.
    known: Mutex<HashMap<u64, Digest>>,
}

/// How many contents are remembered before those not in use are forgotten.
const CONTENTS_MAX: usize = 4096;

impl Programs {
    pub(crate) fn new(engine: Engine, linker: Linker<Guest>, cache_dir: Option<PathBuf>) -> Self {
        let disk = cache_dir.and_then(|dir| cache::Disk::open(dir, &engine));
        Self {
            engine,
            linker,
            disk,
            by_content: Mutex::default(),
            by_digest: Mutex::default(),
            known: Mutex::default(),
        }
    }

    /// Tells the digest of a content beforehand.
    pub(crate) fn know(&self, content_id: u64, digest: Digest) {
        self.known.lock().insert(content_id, digest);
    }

    /// Returns the program of a content if it is compiled.
    fn ready(&self, content_id: u64) -> Option<Result<Arc<Program>, ProgramError>> {
        self.by_content.lock().get(&content_id)?.get().cloned()
    }

    /// Returns the program of a content that isn't ready, and remembers it as that.
    ///
    /// This can take seconds. Several callers for one content wait for one compilation.
    fn compile(&self, content_id: u64, bytes: &[u8]) -> Result<Arc<Program>, ProgramError> {
        let known = self.known.lock().get(&content_id).copied();
        let digest = known.unwrap_or_else(|| *blake3::hash(bytes).as_bytes());
        let slot = self.by_digest.lock().entry(digest).or_default().clone();
        let result = slot.get_or_init(|| self.load(bytes, &digest).map(Arc::new)).clone();

        let mut by_content = self.by_content.lock();
        if by_content.len() >= CONTENTS_MAX {
            let known = self.known.lock();
            by_content.retain(|id, _| known.contains_key(id));
        }
        by_content.insert(content_id, slot);
        result
    }

    fn load(&self, bytes: &[u8], digest: &Digest) -> Result<Program, ProgramError> {
        check_header(bytes)?;
        let module = match self.disk.as_ref().and_then(|disk| disk.load(&self.engine, digest)) {
            Some(module) => module,
            None => {
                let started = std::time::Instant::now();
                let module = Module::from_binary(&self.engine, bytes)
                    .map_err(|error| ProgramError::Invalid(first_line(&error)))?;
                tracing::info!(bytes = bytes.len(), elapsed = ?started.elapsed(), "compiled a program");
                if let Some(disk) = &self.disk {
                    disk.store(&module, digest);
                }
                module
            }
        };
        self.link(&module)
    }

    fn link(&self, module: &Module) -> Result<Program, ProgramError> {
        let mut linker = self.linker.clone();
        for import in module.imports() {
            crate::wasi::stub_if_missing(&mut linker, &import)?;
        }
        if !module.exports().any(|export| export.name() == "_start" && export.ty().func().is_some()) {
            return Err(ProgramError::NoStart);
        }
        let instance_pre = linker.instantiate_pre(module).map_err(|error| ProgramError::Invalid(first_line(&error)))?;
        Ok(Program { instance_pre })
    }
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
