//! Where compiled continuations come from.

use std::collections::{HashMap, HashSet};
use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use parking_lot::Mutex;
use wasmtime::{Engine, Module};

use super::HostError;
use crate::{Analysis, Site, frames, names};

/// Where compiled continuations come from.
///
/// A continuation depends on the program and the site alone, so it can be kept for as long as the program's code is,
/// wherever that is kept.
pub trait ContinuationSource {
    /// Returns the compiled continuation of a site, as [`Analysis::continuation`] makes it.
    ///
    /// # Errors
    ///
    /// Fails if it can't be made.
    fn continuation(&self, site: Site) -> Result<Module, HostError>;

    /// Returns the compiled continuation of a site if it is at hand.
    fn held(&self, site: Site) -> Option<Module>;
}

/// Continuations that are compiled when they are first asked for, and then kept.
pub struct CompiledContinuations {
    engine: Engine,
    analysis: Arc<Analysis>,
    modules: Mutex<HashMap<Site, Module>>,
}

impl CompiledContinuations {
    /// Makes an empty store of continuations of the program that `analysis` is of.
    pub fn new(engine: Engine, analysis: Arc<Analysis>) -> Self {
        Self { engine, analysis, modules: Mutex::default() }
    }
}

impl ContinuationSource for CompiledContinuations {
    fn continuation(&self, site: Site) -> Result<Module, HostError> {
        if let Some(module) = self.held(site) {
            return Ok(module);
        }
        let wasm = self.analysis.continuation(site).map_err(|source| HostError::Continuation { site, source })?;
        let module = Module::new(&self.engine, wasm)?;
        self.modules.lock().insert(site, module.clone());
        Ok(module)
    }

    fn held(&self, site: Site) -> Option<Module> {
        self.modules.lock().get(&site).cloned()
    }
}

/// Asks `source` for all the continuations that some stacks need, and returns how many they are. Those that aren't at hand
/// are asked for on all processors at once.
///
/// This needs no guest, and can be done in the background when stacks were saved: then they can be resumed at once wherever
/// the source's continuations are at hand.
///
/// # Errors
///
/// Fails if the bytes are no frames, or a continuation can't be made.
pub fn compile_continuations<'a>(
    stacks: impl IntoIterator<Item = &'a [u8]>,
    source: &(impl ContinuationSource + Sync),
) -> Result<usize, HostError> {
    let mut known = HashSet::new();
    let mut open = Vec::new();
    for stack in stacks {
        open.extend(frames(stack)?.iter().map(|frame| frame.site));
    }
    while !open.is_empty() {
        let (mut modules, mut missing) = (Vec::new(), Vec::new());
        for site in open.drain(..).filter(|site| known.insert(*site)) {
            match source.held(site) {
                Some(module) => modules.push(module),
                None => missing.push(site),
            }
        }
        modules.extend(made(&missing, source)?);
        for module in &modules {
            // A continuation is followed by those of the loops around its site.
            for import in module.imports().filter(|import| import.module() == names::LOOP) {
                open.push(loop_site(import.name())?);
            }
        }
    }
    Ok(known.len())
}

/// Returns the continuations of some sites, in any order.
fn made(sites: &[Site], source: &(impl ContinuationSource + Sync)) -> Result<Vec<Module>, HostError> {
    let next = AtomicUsize::new(0);
    let work = || -> Result<Vec<Module>, HostError> {
        let mut modules = Vec::new();
        while let Some(site) = sites.get(next.fetch_add(1, Ordering::Relaxed)) {
            modules.push(source.continuation(*site)?);
        }
        Ok(modules)
    };
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
    thread::scope(|scope| {
        // This thread works as well, and alone if there can't be others.
        let others = 1..processors.min(sites.len());
        let others = others.map_while(|_| thread::Builder::new().spawn_scoped(scope, work).ok()).collect::<Vec<_>>();
        let mut modules = work()?;
        for other in others {
            modules.extend(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
        }
        Ok(modules)
    })
}

/// Returns the site that an imported continuation of a loop is of.
pub(super) fn loop_site(name: &str) -> Result<Site, HostError> {
    name.parse().map(Site).map_err(|_| HostError::Import(name.to_owned()))
}
