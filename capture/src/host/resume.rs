//! Bringing a stack back.

use wasmtime::{AsContextMut, Extern, Func, Instance, Ref, RefType, StoreContextMut, Table, TableType, WasmResults};

use super::continuations::{ContinuationSource, loop_site};
use super::{Activation, Guest, HostError, Outcome};
use crate::{FrameError, Site, frames, names};

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
