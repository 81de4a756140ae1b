//! A module in the making, section by section.

use std::convert::Infallible;

use wasm_encoder::reencode::Reencode;
use wasm_encoder::{
    BranchHint, BranchHints, CodeSection, DataCountSection, DataSection, ElementSection, Encode, ExportSection,
    FunctionSection, GlobalSection, ImportSection, Instruction, MemorySection, StartSection, TableSection, TagSection,
    TypeSection, ValType,
};
use wasmparser::{Parser, Payload, Validator};

use crate::{CaptureError, module};

/// The sections of a module; their order in the module is not that in which they are filled.
#[derive(Default)]
pub(crate) struct Sections {
    pub(crate) types: TypeSection,
    pub(crate) imports: ImportSection,
    pub(crate) functions: FunctionSection,
    pub(crate) tables: TableSection,
    pub(crate) memories: MemorySection,
    pub(crate) tags: TagSection,
    pub(crate) globals: GlobalSection,
    pub(crate) exports: ExportSection,
    pub(crate) start: Option<u32>,
    pub(crate) elements: ElementSection,
    pub(crate) data_count: Option<u32>,
    pub(crate) code: CodeSection,
    pub(crate) data: DataSection,
    hints: BranchHints,
    hinted: bool,
}

/// A function's code, with the places of the branches that are seldom taken.
#[derive(Default)]
pub(crate) struct Body {
    pub(crate) locals: Vec<ValType>,
    pub(crate) code: Vec<u8>,
    pub(crate) unlikely: Vec<u32>,
}

impl Body {
    pub(crate) fn push(&mut self, instruction: Instruction<'_>) {
        instruction.encode(&mut self.code);
    }

    pub(crate) fn push_all<const N: usize>(&mut self, instructions: [Instruction<'_>; N]) {
        instructions.into_iter().for_each(|instruction| self.push(instruction));
    }
}

impl Sections {
    /// Copies all of `wasm` but its code, its start function and its custom sections.
    pub(crate) fn copy<R: Reencode<Error = Infallible>>(
        &mut self,
        wasm: &[u8],
        map: &mut R,
    ) -> Result<(), CaptureError> {
        for payload in Parser::new(0).parse_all(wasm) {
            match payload? {
                Payload::TypeSection(section) => map.parse_type_section(&mut self.types, section)?,
                Payload::ImportSection(section) => map.parse_import_section(&mut self.imports, section)?,
                Payload::FunctionSection(section) => map.parse_function_section(&mut self.functions, section)?,
                Payload::TableSection(section) => map.parse_table_section(&mut self.tables, section)?,
                Payload::MemorySection(section) => map.parse_memory_section(&mut self.memories, section)?,
                Payload::TagSection(section) => map.parse_tag_section(&mut self.tags, section)?,
                Payload::GlobalSection(section) => map.parse_global_section(&mut self.globals, section)?,
                Payload::ExportSection(section) => map.parse_export_section(&mut self.exports, section)?,
                Payload::ElementSection(section) => map.parse_element_section(&mut self.elements, section)?,
                Payload::DataCountSection { count, .. } => self.data_count = Some(count),
                Payload::DataSection(section) => map.parse_data_section(&mut self.data, section)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Adds a function's body; `index` is the function's.
    pub(crate) fn push_body(&mut self, index: u32, body: &Body) {
        let mut bytes = encode_locals(&body.locals);
        let before = bytes.len() as u32;
        bytes.extend_from_slice(&body.code);
        self.code.raw(&bytes);
        if !body.unlikely.is_empty() {
            self.hinted = true;
            let hint = |at: &u32| BranchHint { branch_func_offset: before + at, branch_hint_value: 0 };
            self.hints.function_hints(index, body.unlikely.iter().map(hint));
        }
    }

    /// Returns the module, unless it has more of something than engines take.
    pub(crate) fn finish_within_limits(self) -> Result<Vec<u8>, CaptureError> {
        let wasm = self.finish();
        let mut validator = Validator::new_with_features(module::RUNNABLE);
        for payload in Parser::new(0).parse_all(&wasm) {
            // The bodies were valid before, and are not looked at.
            let payload = payload.map_err(CaptureError::ModuleTooLarge)?;
            validator.payload(&payload).map_err(CaptureError::ModuleTooLarge)?;
        }
        Ok(wasm)
    }

    /// Returns the module.
    pub(crate) fn finish(self) -> Vec<u8> {
        let mut module = wasm_encoder::Module::new();
        module.section(&self.types);
        module.section(&self.imports);
        module.section(&self.functions);
        module.section(&self.tables);
        module.section(&self.memories);
        // An empty section of tags would be one too many where exceptions are not known.
        if !self.tags.is_empty() {
            module.section(&self.tags);
        }
        module.section(&self.globals);
        module.section(&self.exports);
        if let Some(function_index) = self.start {
            module.section(&StartSection { function_index });
        }
        module.section(&self.elements);
        if let Some(count) = self.data_count {
            module.section(&DataCountSection { count });
        }
        if self.hinted {
            module.section(&self.hints);
        }
        module.section(&self.code);
        module.section(&self.data);
        module.finish()
    }
}

/// Encodes the declarations of locals, with one entry for each run of the same type.
fn encode_locals(locals: &[ValType]) -> Vec<u8> {
    let mut runs: Vec<(u32, ValType)> = Vec::new();
    for local in locals {
        match runs.last_mut() {
            Some((count, ty)) if ty == local => *count += 1,
            _ => runs.push((1, *local)),
        }
    }
    let mut bytes = Vec::new();
    runs.len().encode(&mut bytes);
    for (count, ty) in runs {
        count.encode(&mut bytes);
        ty.encode(&mut bytes);
    }
    bytes
}
