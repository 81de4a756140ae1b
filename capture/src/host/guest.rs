//! One instance of a rewritten module.

use std::collections::HashMap;
use std::ptr::NonNull;
use std::sync::Arc;

use wasmtime::{
    AsContext, AsContextMut, Extern, Func, Global, Instance, Memory, ModuleExport, Table, TypedFunc, Val, WasmParams,
    WasmResults,
};

use super::HostError;
use super::activation::{Activation, Reference};
use super::control::ControlWord;
use super::exports::{Exports, Stack};
use crate::value::RefKind;
use crate::{Site, frame};

/// How a call of a guest ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome<R> {
    /// The function returned.
    Returned(R),
    /// The guest suspended itself: its stack can be taken.
    Unwound,
}

/// What a blocking import suspends its guest with; it belongs to the store of the guest.
#[derive(Clone, Copy, Debug)]
pub struct Unwinder(Global);

impl Unwinder {
    /// Begins to unwind the stack.
    ///
    /// The import must then return, with any results. It is called again, with the same arguments, when the guest is
    /// resumed. Nothing but a blocking import may do this.
    ///
    /// # Errors
    ///
    /// Fails if the store is another one.
    pub fn unwind(self, store: impl AsContextMut) -> wasmtime::Result<()> {
        self.0.set(store, Val::I32(1))
    }
}

/// An instance of a rewritten module.
///
/// It holds places in its store, and must be used with that store alone.
pub struct Guest {
    pub(super) instance: Instance,
    pub(super) control: Memory,
    pub(super) exports: Arc<Exports>,
    stack: Option<(Global, Global)>,
    /// The continuations that there are in the store, with their places in the table.
    pub(super) continuations: HashMap<Site, (Func, u32)>,
    pub(super) table: Option<Table>,
}

impl Guest {
    /// Finds what belongs to `instance`, which is one of the module that `exports` are of.
    ///
    /// The module's start function was not run: see [`Self::start`].
    ///
    /// # Errors
    ///
    /// Fails if the instance is one of another module.
    pub fn new(mut store: impl AsContextMut, exports: Arc<Exports>, instance: Instance) -> Result<Self, HostError> {
        let mut get = |export: &ModuleExport| instance.get_module_export(&mut store, export);
        let control = get(&exports.control).and_then(Extern::into_memory);
        let control = control.ok_or(HostError::NotRewritten("control word"))?;
        let mut global = |export| {
            get(export).and_then(Extern::into_global).ok_or(HostError::NotRewritten("global variable of the stack"))
        };
        let stack = match &exports.stack {
            Some(stack) => Some((global(&stack.unwinding)?, global(&stack.pointer)?)),
            None => None,
        };
        Ok(Self { instance, control, exports, stack, continuations: HashMap::new(), table: None })
    }

    /// Returns the instance.
    pub fn instance(&self) -> Instance {
        self.instance
    }

    /// Returns the word by which the guest is told to suspend itself.
    pub fn control(&self, store: impl AsContext) -> ControlWord {
        let data = self.control.data_ptr(store);
        // A memory of the runtime's is somewhere.
        ControlWord::at(NonNull::new(data).unwrap_or(NonNull::dangling()))
    }

    /// Returns the function that the module would have had run at its start, which the host must call first.
    ///
    /// # Errors
    ///
    /// Fails if the instance is one of another module.
    pub fn start(&self, mut store: impl AsContextMut) -> Result<Option<TypedFunc<(), ()>>, HostError> {
        let Some(start) = &self.exports.start else { return Ok(None) };
        let start = self.instance.get_module_export(&mut store, start).and_then(Extern::into_func);
        let start = start.ok_or(HostError::NotRewritten("start function"))?;
        Ok(Some(start.typed(&store)?))
    }

    /// Calls a function that the guest exports.
    ///
    /// # Errors
    ///
    /// Fails if the guest traps, or a host function that it called fails.
    pub fn call<P: WasmParams, R: WasmResults>(
        &self,
        mut store: impl AsContextMut,
        function: &TypedFunc<P, R>,
        parameters: P,
    ) -> wasmtime::Result<Outcome<R>> {
        let results = function.call(&mut store, parameters)?;
        Ok(if self.is_unwinding(&mut store) { Outcome::Unwound } else { Outcome::Returned(results) })
    }

    /// Returns whether the stack is being unwound, or was and has not been taken yet.
    pub fn is_unwinding(&self, mut store: impl AsContextMut) -> bool {
        let Some((unwinding, _)) = self.stack else { return false };
        !matches!(unwinding.get(&mut store), Val::I32(0))
    }

    /// Returns what a blocking import suspends the guest with, or nothing if the program can't be captured.
    pub fn unwinder(&self) -> Option<Unwinder> {
        self.stack.map(|(unwinding, _)| Unwinder(unwinding))
    }

    /// Takes the stack out of the guest, which was unwound.
    ///
    /// The guest is then as if it had never been called: other functions of it can be called before it is resumed.
    ///
    /// # Errors
    ///
    /// Fails if the guest was not unwound.
    pub fn take(&self, mut store: impl AsContextMut) -> Result<Activation, HostError> {
        let (unwinding, pointer) = self.stack.ok_or(HostError::NotCapturable)?;
        if !self.is_unwinding(&mut store) {
            return Err(HostError::NotSuspended);
        }
        let first = frame::FIRST as usize;
        let end = match pointer.get(&mut store) {
            Val::I32(pointer) => pointer as u32 as usize,
            _ => first,
        };
        let frames = self.control.data(&store).get(first..end).unwrap_or_default().to_vec();
        let references = self.take_references(&mut store)?;
        unwinding.set(&mut store, Val::I32(0))?;
        pointer.set(&mut store, Val::I32(frame::FIRST as i32))?;
        Ok(Activation { frames, references })
    }

    /// Puts a stack into the guest, for its outermost continuation to be called.
    pub(super) fn put(
        &self,
        mut store: impl AsContextMut,
        frames: &[u8],
        references: &[Vec<Reference>; 3],
    ) -> Result<(), HostError> {
        let (_, pointer) = self.stack.ok_or(HostError::NotCapturable)?;
        self.control.write(&mut store, frame::FIRST as usize, frames).map_err(wasmtime::Error::from)?;
        pointer.set(&mut store, Val::I32((frame::FIRST as usize + frames.len()) as i32))?;
        for (kind, table, count) in self.references(&mut store)? {
            let list = &references[kind as usize];
            let size = table.size(&store);
            if size < list.len() as u64 {
                let null = Reference::Null.get(kind, &mut store);
                table.grow(&mut store, list.len() as u64 - size, null)?;
            }
            for (reference, index) in list.iter().zip(0..) {
                let reference = reference.get(kind, &mut store);
                table.set(&mut store, index, reference)?;
            }
            // Every frame is read before the first new one is written.
            count.set(&mut store, Val::I32(0))?;
        }
        Ok(())
    }

    fn take_references(&self, mut store: impl AsContextMut) -> Result<[Vec<Reference>; 3], HostError> {
        let mut taken: [Vec<Reference>; 3] = Default::default();
        for (kind, table, count) in self.references(&mut store)? {
            let Val::I32(length) = count.get(&mut store) else { continue };
            count.set(&mut store, Val::I32(0))?;
            for index in 0..u64::from(length as u32) {
                let Some(reference) = table.get(&mut store, index) else { break };
                taken[kind as usize].push(Reference::of(&reference, &mut store)?);
            }
        }
        Ok(taken)
    }

    fn references(&self, mut store: impl AsContextMut) -> Result<Vec<(RefKind, Table, Global)>, HostError> {
        let Some(Stack { references, .. }) = &self.exports.stack else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        for references in references {
            let mut get = |export| self.instance.get_module_export(&mut store, export);
            let table = get(&references.table).and_then(Extern::into_table);
            let count = get(&references.count).and_then(Extern::into_global);
            match (table, count) {
                (Some(table), Some(count)) => found.push((references.kind, table, count)),
                _ => return Err(HostError::NotRewritten("table of references")),
            }
        }
        Ok(found)
    }
}
