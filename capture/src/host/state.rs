//! What a guest is besides its stack: memories, globals, tables, dropped segments.

use std::collections::HashMap;

use wasmtime::{AsContextMut, Extern, Func, Memory, ModuleExport, Ref, V128, Val};

use super::exports::Stack;
use super::{Activation, Guest, HostError, Reference};
use crate::value::RefKind;

/// A guest's globals and tables, and which segments it has dropped, as plain data.
///
/// With the memories' bytes, which the host saves as it sees fit, and a [`SavedStack`], this is all there is to a guest.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// The mutable globals, in the module's order.
    pub globals: Vec<SavedValue>,
    /// The tables with their elements, unless they are as they were at the start.
    pub tables: Vec<Vec<SavedReference>>,
}

/// The value of a global.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SavedValue {
    /// An integer of 32 bits.
    I32(i32),
    /// An integer of 64 bits.
    I64(i64),
    /// The bits of a number.
    F32(u32),
    /// The bits of a number.
    F64(u64),
    /// A vector.
    V128(u128),
    /// A reference.
    Reference(SavedReference),
}

/// A reference to a function by its index, or to nothing.
pub type SavedReference = Option<u32>;

/// A guest's stack as plain data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SavedStack {
    /// The frames' bytes, the innermost first: see [`frames`](crate::frames).
    pub frames: Vec<u8>,
    /// The references in frames: to functions, to values of the host, to exceptions. All but the first are null.
    pub references: [Vec<SavedReference>; 3],
}

impl Guest {
    /// Returns the guest's memories, in the module's order.
    ///
    /// # Errors
    ///
    /// Fails if the program can't be captured.
    pub fn memories(&self, mut store: impl AsContextMut) -> Result<Vec<Memory>, HostError> {
        let memories = &self.stack_exports()?.memories;
        memories.iter().map(|export| self.find(&mut store, export, Extern::into_memory)).collect()
    }

    /// Returns the guest's globals and tables.
    ///
    /// # Errors
    ///
    /// Fails if there is a reference in them to anything but a function of the program: such a reference means nothing
    /// outside of this store.
    pub fn state(&self, mut store: impl AsContextMut) -> Result<State, HostError> {
        let exports = self.stack_exports()?;
        let functions = self.function_indices(&mut store)?;
        let mut state = State::default();
        for (index, export) in &exports.globals {
            let global = self.find(&mut store, export, Extern::into_global)?;
            let place = || format!("global {index}");
            state.globals.push(match global.get(&mut store) {
                Val::I32(value) => SavedValue::I32(value),
                Val::I64(value) => SavedValue::I64(value),
                Val::F32(bits) => SavedValue::F32(bits),
                Val::F64(bits) => SavedValue::F64(bits),
                Val::V128(value) => SavedValue::V128(value.into()),
                other => {
                    let reference = other.ref_().ok_or_else(|| HostError::Reference(place()))?;
                    SavedValue::Reference(save(&mut store, &functions, &reference, place)?)
                }
            });
        }
        for (index, export) in exports.tables.iter().enumerate() {
            let table = self.find(&mut store, export, Extern::into_table)?;
            let mut elements = Vec::new();
            for element in 0..table.size(&store) {
                let Some(reference) = table.get(&mut store, element) else { break };
                let place = || format!("element {element} of table {index}");
                elements.push(save(&mut store, &functions, &reference, place)?);
            }
            state.tables.push(elements);
        }
        Ok(state)
    }

    /// Brings a new instance into a saved state, but for its memories.
    ///
    /// # Errors
    ///
    /// Fails if it is no state of this program.
    pub fn set_state(&self, mut store: impl AsContextMut, state: &State) -> Result<(), HostError> {
        let exports = self.stack_exports()?;
        if state.globals.len() != exports.globals.len() || state.tables.len() != exports.tables.len() {
            return Err(HostError::OtherProgram);
        }
        let functions = self.functions(&mut store)?;
        for ((index, export), value) in exports.globals.iter().zip(&state.globals) {
            let global = self.find(&mut store, export, Extern::into_global)?;
            let value = match *value {
                SavedValue::I32(value) => Val::I32(value),
                SavedValue::I64(value) => Val::I64(value),
                SavedValue::F32(bits) => Val::F32(bits),
                SavedValue::F64(bits) => Val::F64(bits),
                SavedValue::V128(value) => Val::V128(V128::from(value)),
                SavedValue::Reference(reference) => {
                    let ty = global.ty(&store).content().clone();
                    let kind = kind_of(ty.as_ref()).ok_or(HostError::OtherProgram)?;
                    load(&functions, kind, reference)?.into()
                }
            };
            let dropped = matches!(value, Val::I32(dropped) if dropped != 0);
            global.set(&mut store, value).map_err(|_| HostError::OtherProgram)?;
            if let Some((_, drop)) = exports.drops.iter().find(|(global, _)| global == index && dropped) {
                self.find(&mut store, drop, Extern::into_func)?.call(&mut store, &[], &mut [])?;
            }
        }
        for (export, elements) in exports.tables.iter().zip(&state.tables) {
            let table = self.find(&mut store, export, Extern::into_table)?;
            let kind = kind_of(Some(table.ty(&store).element())).ok_or(HostError::OtherProgram)?;
            let missing = (elements.len() as u64).saturating_sub(table.size(&store));
            table.grow(&mut store, missing, load(&functions, kind, None)?)?;
            for (&element, index) in elements.iter().zip(0..) {
                table.set(&mut store, index, load(&functions, kind, element)?)?;
            }
        }
        Ok(())
    }

    /// Returns a suspended stack as plain data.
    ///
    /// # Errors
    ///
    /// Fails if there is a reference in it to anything but a function of the program.
    pub fn save_stack(&self, mut store: impl AsContextMut, stack: &Activation) -> Result<SavedStack, HostError> {
        let functions = self.function_indices(&mut store)?;
        let mut references: [Vec<SavedReference>; 3] = Default::default();
        for kind in RefKind::ALL {
            for (number, reference) in stack.references[kind as usize].iter().enumerate() {
                let reference = reference.get(kind, &mut store);
                let place = || format!("reference {number} of the stack");
                references[kind as usize].push(save(&mut store, &functions, &reference, place)?);
            }
        }
        Ok(SavedStack { frames: stack.frames.clone(), references })
    }

    /// Returns a saved stack for being resumed in this instance.
    ///
    /// # Errors
    ///
    /// Fails if it refers to a function that the program has no references to.
    pub fn load_stack(&self, mut store: impl AsContextMut, saved: &SavedStack) -> Result<Activation, HostError> {
        let functions = self.functions(&mut store)?;
        let mut references: [Vec<Reference>; 3] = Default::default();
        for kind in RefKind::ALL {
            for &reference in &saved.references[kind as usize] {
                let reference = load(&functions, kind, reference)?;
                references[kind as usize].push(Reference::of(&reference, &mut store)?);
            }
        }
        Ok(Activation { frames: saved.frames.clone(), references })
    }

    fn stack_exports(&self) -> Result<&Stack, HostError> {
        self.exports.stack.as_ref().ok_or(HostError::NotCapturable)
    }

    fn find<E>(
        &self,
        store: impl AsContextMut,
        export: &ModuleExport,
        into: fn(Extern) -> Option<E>,
    ) -> Result<E, HostError> {
        let found = self.instance.get_module_export(store, export).and_then(into);
        found.ok_or(HostError::NotRewritten("state"))
    }

    /// Returns the functions that references can be to, by their indices.
    fn functions(&self, mut store: impl AsContextMut) -> Result<HashMap<u32, Func>, HostError> {
        let functions = self.stack_exports()?.functions.iter();
        functions.map(|(index, export)| Ok((*index, self.find(&mut store, export, Extern::into_func)?))).collect()
    }

    /// Returns the indices of the functions that references can be to, by the functions' addresses.
    fn function_indices(&self, mut store: impl AsContextMut) -> Result<HashMap<usize, u32>, HostError> {
        let functions = self.functions(&mut store)?.into_iter();
        Ok(functions.map(|(index, function)| (function.to_raw(&mut store) as usize, index)).collect())
    }
}

fn save(
    store: impl AsContextMut,
    functions: &HashMap<usize, u32>,
    reference: &Ref,
    place: impl FnOnce() -> String,
) -> Result<SavedReference, HostError> {
    match reference {
        reference if reference.is_null() => Ok(None),
        Ref::Func(Some(function)) => match functions.get(&(function.to_raw(store) as usize)) {
            Some(&index) => Ok(Some(index)),
            None => Err(HostError::Reference(place())),
        },
        _ => Err(HostError::Reference(place())),
    }
}

fn load(functions: &HashMap<u32, Func>, kind: RefKind, reference: SavedReference) -> Result<Ref, HostError> {
    match (kind, reference) {
        (RefKind::Func, Some(index)) => Ok(Ref::Func(Some(*functions.get(&index).ok_or(HostError::OtherProgram)?))),
        (_, Some(_)) => Err(HostError::OtherProgram),
        (RefKind::Func, None) => Ok(Ref::Func(None)),
        (RefKind::Extern, None) => Ok(Ref::Extern(None)),
        (RefKind::Exn, None) => Ok(Ref::Exn(None)),
    }
}

/// Returns what a reference type refers to, if that can be in a frame.
fn kind_of(ty: Option<&wasmtime::RefType>) -> Option<RefKind> {
    let top = ty?.heap_type().top();
    if top.is_extern() {
        Some(RefKind::Extern)
    } else if top.is_exn() {
        Some(RefKind::Exn)
    } else if matches!(top, wasmtime::HeapType::Func) {
        Some(RefKind::Func)
    } else {
        None
    }
}
