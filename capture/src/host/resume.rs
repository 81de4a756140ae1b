//! Bringing a stack back.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use parking_lot::Mutex;
use wasmtime::{
    AsContextMut, Engine, Extern, Func, Instance, Module, Ref, RefType, StoreContextMut, Table, TableType, WasmResults,
};

use super::{Activation, Guest, HostError, Outcome};
use crate::{Analysis, FrameError, Site, frames, names};

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
        if let Some(module) = self.modules.lock().get(&site) {
            return Ok(module.clone());
        }
        let wasm = self.analysis.continuation(site).map_err(|source| HostError::Continuation { site, source })?;
        let module = Module::new(&self.engine, wasm)?;
        self.modules.lock().insert(site, module.clone());
        Ok(module)
    }
}

/// Asks `source` for all the continuations that a stack needs, and returns how many they are.
///
/// This needs no guest, and can be done in the background when a stack was saved: then it can be resumed at once wherever
/// the source's continuations are at hand.
///
/// # Errors
///
/// Fails if the bytes are no frames, or a continuation can't be made.
pub fn compile_continuations(stack: &[u8], source: &dyn ContinuationSource) -> Result<usize, HostError> {
    let mut known = HashSet::new();
    let mut open: Vec<Site> = frames(stack)?.iter().map(|frame| frame.site).collect();
    while let Some(site) = open.pop() {
        if known.insert(site) {
            let module = source.continuation(site)?;
            let loops = module.imports().filter(|import| import.module() == names::LOOP);
            for import in loops {
                open.push(loop_site(import.name())?);
            }
        }
    }
    Ok(known.len())
}

/// Returns the site that an imported continuation of a loop is of.
fn loop_site(name: &str) -> Result<Site, HostError> {
    name.parse().map(Site).map_err(|_| HostError::Import(name.to_owned()))
}

impl Guest {
    /// Goes on with a suspended stack, in this instance or in another one of the same module in the same state.
    ///
    /// The control word should have been cleared. The results are those of the function that was called at first.
    ///
    /// # Errors
    ///
    /// Fails if the guest traps, or if what is to be resumed is no stack of this program. A damaged stack does no harm to
    /// the host, but the guest's state is then undefined.
    pub fn resume<R: WasmResults>(
        &mut self,
        mut store: impl AsContextMut<Data: 'static>,
        activation: &Activation,
        source: &dyn ContinuationSource,
    ) -> Result<Outcome<R>, HostError> {
        let outermost = self.put_back(&mut store, activation, source)?.typed::<(), R>(&store)?;
        Ok(self.call(store, &outermost, ())?)
    }

    /// Puts a suspended stack back, and returns the function that goes on with it.
    ///
    /// That function must be called before anything else of the guest. It has no parameters, and the results of the
    /// function that was called at first; whether it returned is to be asked of [`Self::is_unwinding`].
    ///
    /// # Errors
    ///
    /// Fails if what is to be resumed is no stack of this program.
    pub fn put_back(
        &mut self,
        mut store: impl AsContextMut<Data: 'static>,
        activation: &Activation,
        source: &dyn ContinuationSource,
    ) -> Result<Func, HostError> {
        let mut store = store.as_context_mut();
        let frames = frames(&activation.frames)?;
        let mut bytes = activation.frames.clone();
        let mut outermost = None;
        for frame in &frames {
            let (function, place) = self.continuation(&mut store, frame.site, source)?;
            outermost.get_or_insert(function);
            bytes[frame.trailer..frame.trailer + 4].copy_from_slice(&place.to_le_bytes());
        }
        self.put(&mut store, &bytes, &activation.references)?;
        outermost.ok_or(HostError::Frames(FrameError::None))
    }

    /// Returns a site's continuation in this store, and its place in the table.
    fn continuation<T: 'static>(
        &mut self,
        store: &mut StoreContextMut<'_, T>,
        site: Site,
        source: &dyn ContinuationSource,
    ) -> Result<(Func, u32), HostError> {
        if let Some(&known) = self.continuations.get(&site) {
            return Ok(known);
        }
        let module = source.continuation(site)?;
        let mut imports = Vec::new();
        for import in module.imports() {
            imports.push(match import.module() {
                names::RESUME => Extern::Table(self.table(store)?),
                names::LOOP => {
                    let around = loop_site(import.name())?;
                    // The loops around a site are around each other, so this comes to an end.
                    Extern::Func(self.continuation(store, around, source)?.0)
                }
                _ => {
                    let export = self.instance.get_export(&mut *store, import.name());
                    export.ok_or_else(|| HostError::Import(import.name().to_owned()))?
                }
            });
        }
        let instance = Instance::new(&mut *store, &module, &imports)?;
        let function = instance.get_func(&mut *store, names::CONTINUE);
        let function = function.ok_or_else(|| HostError::Import(names::CONTINUE.to_owned()))?;
        // The first place stays empty: what is no index is most likely zero.
        let place = self.continuations.len() as u32 + 1;
        let table = self.table(store)?;
        let size = table.size(&*store);
        if u64::from(place) >= size {
            table.grow(&mut *store, size, Ref::Func(None))?;
        }
        table.set(&mut *store, place.into(), Ref::Func(Some(function)))?;
        self.continuations.insert(site, (function, place));
        Ok((function, place))
    }

    /// Returns the table through which continuations call each other.
    fn table<T: 'static>(&mut self, store: &mut StoreContextMut<'_, T>) -> Result<Table, HostError> {
        if let Some(table) = self.table {
            return Ok(table);
        }
        let ty = TableType::new(RefType::FUNCREF, 64, None);
        let table = Table::new(store, ty, Ref::Func(None))?;
        self.table = Some(table);
        Ok(table)
    }
}
