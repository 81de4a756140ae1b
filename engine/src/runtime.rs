//! What all sandboxes of an engine share: the compiler, the compiled programs, and the threads that guests run on.

use std::path::PathBuf;
use std::sync::Arc;

use wasmtime::{Engine, Linker};

use crate::config::{self, Code};
use crate::memory::Memories;
use crate::metrics::Counters;
use crate::process::threads::Threads;
use crate::program::Programs;
use crate::timers::Timers;

/// The part of an engine that knows `wasmtime`.
pub(crate) struct Runtime {
    engine: Engine,
    pub(crate) programs: Programs,
    pub(crate) threads: Threads,
    pub(crate) timers: Timers,
    pub(crate) counters: Arc<Counters>,
}

impl Runtime {
    /// Starts a runtime. Programs are compiled to `code`, which is kept in `cache_dir`, if there is one, and in part made
    /// `ahead`.
    ///
    /// # Errors
    ///
    /// Whatever the runtime says when the system can't give it what it needs, such as address space.
    pub(crate) fn new(code: Code, cache_dir: Option<PathBuf>, ahead: bool) -> wasmtime::Result<Arc<Self>> {
        let engine = Engine::new(&config::wasmtime_config(Arc::new(Memories::default()), code)?)?;
        let mut linker = Linker::new(&engine);
        crate::wasi::add_to_linker(&mut linker)?;
        let counters = Arc::<Counters>::default();
        let programs = Programs::new(engine.clone(), linker, cache_dir, ahead, counters.clone());
        let (threads, timers) = (Threads::default(), Timers::default());
        Ok(Arc::new(Self { engine, programs, threads, timers, counters }))
    }

    /// Returns the engine that code is compiled for.
    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }
}
