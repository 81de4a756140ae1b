//! The way for programs that can't be captured: they are only polled.

use std::convert::Infallible;
use std::sync::Arc;

use wasm_encoder::reencode::{self, Reencode};
use wasm_encoder::{EntityType, ExportKind, Function, Instruction, MemoryType};
use wasmparser::{FunctionBody, Operator};

use crate::module::{self, Module};
use crate::poll::Poll;
use crate::prepare::prepare;
use crate::sections::Sections;
use crate::{CaptureError, names};

/// Returns `wasm` anew, such that it can be stopped, though not captured, and looks at the control word by `poll`.
///
/// At each loop and in each function that calls others it looks at the control word, and calls the imported function
/// [`SAFEPOINT`](crate::SAFEPOINT) if that is not zero. That slows tight loops down more than what is done for programs
/// that can be captured, but there is no valid module for which it can't be done.
///
/// # Errors
///
/// Fails if the module is not valid.
pub fn polling(wasm: impl Into<Arc<[u8]>>, poll: Poll) -> Result<Vec<u8>, CaptureError> {
    let original = Module::validated(wasm.into(), module::RUNNABLE)?;
    let prepared = prepare(&original, |_, _| false)?;
    let module = Module::parsed(prepared.wasm.into(), module::RUNNABLE)?;
    let mut sections = Sections::default();
    let mut pass = Pass { module: &module, imported: module.imported(), poll };
    sections.copy(module.wasm(), &mut pass)?;
    let safepoint = module.types.len() as u32;
    sections.types.ty().function([], []);
    sections.imports.import(names::SAFEPOINT.0, names::SAFEPOINT.1, EntityType::Function(safepoint));
    for function in module.defined() {
        pass.parse_function_body(&mut sections.code, module.body(function))?;
    }
    sections.memories.memory(MemoryType {
        minimum: 1,
        maximum: Some(1),
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    sections.exports.export(names::CONTROL, ExportKind::Memory, module.memories.len() as u32);
    sections.finish_within_limits()
}

/// The copying of a module, which gets one imported function more.
struct Pass<'a> {
    module: &'a Module,
    imported: u32,
    poll: Poll,
}

impl Pass<'_> {
    fn poll(&self, function: &mut Function) {
        let control = self.module.memories.len() as u32;
        for instruction in self.poll.instructions(control) {
            function.instruction(&instruction);
        }
        function.instruction(&Instruction::If(wasm_encoder::BlockType::Empty));
        function.instruction(&Instruction::Call(self.imported));
        function.instruction(&Instruction::End);
    }
}

impl Reencode for Pass<'_> {
    type Error = Infallible;

    fn function_index(&mut self, function: u32) -> Result<u32, reencode::Error> {
        Ok(function + u32::from(function >= self.imported))
    }

    fn parse_function_body(
        &mut self,
        code: &mut wasm_encoder::CodeSection,
        body: FunctionBody<'_>,
    ) -> Result<(), reencode::Error> {
        let mut function = self.new_function_with_parsed_locals(&body)?;
        if calls_others(&body)? {
            self.poll(&mut function);
        }
        let mut operators = body.get_operators_reader()?;
        while !operators.eof() {
            let operator = operators.read()?;
            let begins_loop = matches!(operator, Operator::Loop { .. });
            function.instruction(&self.instruction(operator)?);
            if begins_loop {
                self.poll(&mut function);
            }
        }
        code.function(&function);
        Ok(())
    }
}

fn calls_others(body: &FunctionBody<'_>) -> Result<bool, wasmparser::Error> {
    let mut operators = body.get_operators_reader()?;
    while !operators.eof() {
        if matches!(
            operators.read()?,
            Operator::Call { .. }
                | Operator::CallIndirect { .. }
                | Operator::CallRef { .. }
                | Operator::ReturnCall { .. }
                | Operator::ReturnCallIndirect { .. }
                | Operator::ReturnCallRef { .. }
        ) {
            return Ok(true);
        }
    }
    Ok(false)
}
