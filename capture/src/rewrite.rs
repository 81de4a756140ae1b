//! The second pass: the main module, whose stack can be saved.

use std::collections::BTreeSet;
use std::convert::Infallible;

use wasm_encoder::reencode::{self, Reencode};
use wasm_encoder::{ConstExpr, ExportKind, GlobalType, Instruction, MemoryType, TableType, ValType};
use wasmparser::Operator;

use crate::analyze::Analysis;
use crate::emit::{Emitter, Target};
use crate::frame::{self, Layout};
use crate::function::{Function, What};
use crate::liveness::WORK_MAX;
use crate::poll::Poll;
use crate::sections::{Body, Sections};
use crate::value::RefKind;
use crate::{CaptureError, names};

/// The most bytes of code that a rewritten module may have.
const CODE_BYTES_MAX: usize = 256 << 20;

impl Analysis {
    /// Returns the module anew, such that its stack can be saved.
    ///
    /// # Errors
    ///
    /// Fails if a function, or the whole, would become larger than engines take.
    pub fn rewrite(&self) -> Result<Vec<u8>, CaptureError> {
        let module = &self.module;
        let mut sections = Sections::default();
        sections.copy(module.wasm(), &mut reencode::RoundtripReencoder)?;
        let mut main = Main::new(self);
        for function in module.defined() {
            if self.may_suspend(function) {
                main.write(&mut sections, function)?;
            } else {
                sections.code.raw(module.body(function).as_bytes());
            }
            if sections.code.byte_len() > CODE_BYTES_MAX {
                return Err(CaptureError::TooMuch("code"));
            }
        }
        main.add_state(&mut sections);
        main.add_references(&mut sections);
        main.add_exports(&mut sections);
        sections.finish_within_limits()
    }
}

/// The rewritten module: every index is as it was, and what is new comes last.
struct Main<'a> {
    analysis: &'a Analysis,
    /// How much may still be done to find out which locals are live.
    work_left: usize,
    /// The kinds of references in frames, in the order of their tables.
    kinds: Vec<RefKind>,
    /// The functions that continuations call.
    called: BTreeSet<u32>,
    /// The functions that continuations take references to.
    referenced: BTreeSet<u32>,
}

impl<'a> Main<'a> {
    fn new(analysis: &'a Analysis) -> Self {
        Self { analysis, work_left: WORK_MAX, kinds: Vec::new(), called: BTreeSet::new(), referenced: BTreeSet::new() }
    }

    fn write(&mut self, sections: &mut Sections, index: u32) -> Result<(), CaptureError> {
        let function = Function::of(self.analysis, index, &mut self.work_left)?;
        for placed in &function.operators {
            match placed.what {
                What::Wasm(Operator::Call { function_index } | Operator::ReturnCall { function_index }) => {
                    self.called.insert(function_index);
                }
                What::Wasm(Operator::RefFunc { function_index }) => {
                    self.referenced.insert(function_index);
                }
                _ => {}
            }
        }
        for site in 0..function.sites.len() as u32 {
            for kind in Layout::of(&function, site)?.references() {
                if !self.kinds.contains(&kind) {
                    self.kinds.push(kind);
                }
            }
        }
        let body = Emitter::new(&function, self, false).write_all()?;
        sections.push_body(index, &body);
        Ok(())
    }

    /// Adds the memory with the control word and the frames, and the globals.
    fn add_state(&self, sections: &mut Sections) {
        sections.memories.memory(control_memory());
        let counter = GlobalType { val_type: ValType::I32, mutable: true, shared: false };
        sections.globals.global(counter, &ConstExpr::i32_const(0));
        sections.globals.global(counter, &ConstExpr::i32_const(frame::FIRST as i32));
        for &kind in &self.kinds {
            sections.globals.global(counter, &ConstExpr::i32_const(0));
            sections.tables.table(references_table(kind));
        }
    }

    /// Adds the functions that return references to functions.
    ///
    /// A continuation's own reference to a function would be another one than the program's, and a host that compares
    /// references could not tell which function it is.
    fn add_references(&self, sections: &mut Sections) {
        if self.referenced.is_empty() {
            return;
        }
        let ty = self.analysis.module.types.len() as u32;
        sections.types.ty().function([], [ValType::FUNCREF]);
        for (&function, added) in self.referenced.iter().zip(self.analysis.module.functions.len() as u32..) {
            sections.functions.function(ty);
            let mut body = Body::default();
            body.push_all([Instruction::RefFunc(function), Instruction::End]);
            sections.push_body(added, &body);
            sections.exports.export(&format!("{}{function}", names::REFERENCE), ExportKind::Func, added);
        }
    }

    fn add_exports(&mut self, sections: &mut Sections) {
        let module = &self.analysis.module;
        if self.analysis.references_move {
            self.called.extend(module.referenced.iter().chain(&self.analysis.referenced_by_code));
        }
        let exports = &mut sections.exports;
        for &function in &self.called {
            exports.export(&format!("{}{function}", names::FUNCTION), ExportKind::Func, function);
        }
        if self.analysis.references_move {
            exports.export(names::MOVES, ExportKind::Global, self.analysis.module.globals.len() as u32 + 1);
        }
        let indexed = [
            (names::MEMORY, ExportKind::Memory, module.memories.len()),
            (names::TABLE, ExportKind::Table, module.tables.len()),
            (names::TAG, ExportKind::Tag, module.tags.len()),
            (names::GLOBAL, ExportKind::Global, module.globals.len()),
        ];
        for (name, kind, count) in indexed {
            for index in 0..count as u32 {
                exports.export(&format!("{name}{index}"), kind, index);
            }
        }
        exports.export(names::CONTROL, ExportKind::Memory, self.control());
        exports.export(names::UNWINDING, ExportKind::Global, self.unwinding());
        exports.export(names::POINTER, ExportKind::Global, self.pointer());
        for kind in self.kinds.clone() {
            let (table, count) = self.references(kind);
            sections.exports.export(names::REFS[kind as usize], ExportKind::Table, table);
            sections.exports.export(names::COUNT[kind as usize], ExportKind::Global, count);
        }
    }
}

/// Returns the type of the memory with the control word and the frames.
pub(crate) fn control_memory() -> MemoryType {
    // Of a size that never changes, so that no access to it needs a check.
    let pages = frame::CONTROL_PAGES;
    MemoryType { minimum: pages, maximum: Some(pages), memory64: false, shared: false, page_size_log2: None }
}

/// Returns the type of the table of references of a kind.
pub(crate) fn references_table(kind: RefKind) -> TableType {
    TableType { element_type: kind.encode(), table64: false, minimum: 0, maximum: None, shared: false }
}

impl Reencode for Main<'_> {
    type Error = Infallible;
}

impl Target for Main<'_> {
    fn poll(&self) -> Poll {
        self.analysis.poll
    }

    fn control(&mut self) -> u32 {
        self.analysis.module.memories.len() as u32
    }

    fn unwinding(&mut self) -> u32 {
        self.analysis.module.globals.len() as u32
    }

    fn pointer(&mut self) -> u32 {
        self.unwinding() + 1
    }

    fn references(&mut self, kind: RefKind) -> (u32, u32) {
        let position = self.kinds.iter().position(|known| *known == kind).unwrap_or(self.kinds.len());
        (self.analysis.module.tables.len() as u32 + position as u32, self.pointer() + 1 + position as u32)
    }
}
