//! The first pass: what a program does in one instruction, but must be able to be stopped in, becomes a function.
//!
//! - A large `memory.fill` or `memory.copy` becomes a loop over parts ([`bulk`]).
//! - Each blocking import gets a wrapper, which everything but itself uses in its stead: directly, in tables, in exports.
//! - Segments are used and dropped by functions, since no other module can reach them; a global says which were dropped.
//! - The start function becomes an export.
//!
//! The result is an ordinary module, in which every function and type keeps its index.

mod bulk;

use std::collections::HashMap;
use std::convert::Infallible;
use std::ops::Range;

use wasm_encoder::reencode::{self, Reencode};
use wasm_encoder::{ConstExpr, ExportKind, ExportSection, GlobalType, Instruction, ValType};
use wasmparser::Operator;

use crate::CaptureError;
use crate::module::Module;
use crate::names;
use crate::sections::{Body, Sections};

/// A prepared module.
pub(crate) struct Prepared {
    pub(crate) wasm: Vec<u8>,
    /// The functions that do nothing but call one blocking import each.
    pub(crate) wrappers: Range<u32>,
}

/// What one added function does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Job {
    Fill { memory: u32 },
    Copy { to: u32, from: u32 },
    InitMemory { memory: u32, segment: u32 },
    InitTable { table: u32, segment: u32 },
    DropData { segment: u32 },
    DropElements { segment: u32 },
}

/// Prepares a valid `module` for being polled, and captured if `blocking` tells which imports block.
pub(crate) fn prepare(module: &Module, blocking: impl Fn(&str, &str) -> bool) -> Result<Prepared, CaptureError> {
    let mut pass = Pass::new(module, blocking);
    let mut sections = Sections::default();
    sections.copy(module.wasm(), &mut pass)?;
    for function in module.defined() {
        pass.parse_function_body(&mut sections.code, module.body(function))?;
    }
    pass.add_wrappers(&mut sections);
    pass.add_jobs(&mut sections);
    if let Some(start) = module.start {
        sections.exports.export(names::START, ExportKind::Func, pass.callable(start));
    }
    let wrappers = pass.first_added..pass.first_added + pass.wrapped.len() as u32;
    Ok(Prepared { wasm: sections.finish(), wrappers })
}

/// The copying of the module.
struct Pass<'a> {
    module: &'a Module,
    /// The index of the first function that is added.
    first_added: u32,
    /// The blocking imports, in the order of their wrappers.
    wrapped: Vec<u32>,
    wrapper_of: HashMap<u32, u32>,
    /// What is to be added behind the wrappers.
    jobs: Vec<Job>,
    function_of: HashMap<Job, u32>,
}

impl<'a> Pass<'a> {
    fn new(module: &'a Module, blocking: impl Fn(&str, &str) -> bool) -> Self {
        let first_added = module.functions.len() as u32;
        let names = module.imports.iter().enumerate();
        let wrapped: Vec<u32> =
            names.filter(|(_, (module, name))| blocking(module, name)).map(|(index, _)| index as u32).collect();
        let wrapper_of = wrapped.iter().copied().zip(first_added..).collect();
        Self { module, first_added, wrapped, wrapper_of, jobs: Vec::new(), function_of: HashMap::new() }
    }

    /// Returns what stands for a function wherever the module refers to it.
    fn callable(&self, function: u32) -> u32 {
        self.wrapper_of.get(&function).copied().unwrap_or(function)
    }

    /// Returns the function that does `job`, which is to be added.
    fn function_for(&mut self, job: Job) -> u32 {
        let next = self.first_added + (self.wrapped.len() + self.jobs.len()) as u32;
        *self.function_of.entry(job).or_insert_with(|| {
            self.jobs.push(job);
            next
        })
    }

    fn add_wrappers(&self, sections: &mut Sections) {
        for &import in &self.wrapped {
            let ty = self.module.functions[import as usize];
            sections.functions.function(ty);
            let mut body = Body::default();
            for parameter in 0..self.module.types[ty as usize].params().len() as u32 {
                body.push(Instruction::LocalGet(parameter));
            }
            body.push(Instruction::Call(import));
            body.push(Instruction::End);
            sections.push_body(0, &body);
        }
    }

    fn add_jobs(&self, sections: &mut Sections) {
        let mut globals = self.module.globals.len() as u32;
        let first_function = self.first_added + self.wrapped.len() as u32;
        let first_type = self.module.types.len() as u32;
        for (&job, added) in self.jobs.iter().zip(0..) {
            let dropped = matches!(job, Job::DropData { .. } | Job::DropElements { .. });
            if dropped {
                let flag = GlobalType { val_type: ValType::I32, mutable: true, shared: false };
                let name = format!("{}{globals}", names::DROP);
                sections.globals.global(flag, &ConstExpr::i32_const(0));
                sections.exports.export(&name, ExportKind::Func, first_function + added);
            }
            let (parameters, body) = self.write(job, globals);
            sections.types.ty().function(parameters, []);
            sections.functions.function(first_type + added);
            sections.push_body(first_function + added, &body);
            globals += u32::from(dropped);
        }
    }

    /// Returns the parameters and the body of the function that does `job`.
    fn write(&self, job: Job, dropped: u32) -> (Vec<ValType>, Body) {
        let address = |memory: u32| match self.module.memories[memory as usize].memory64 {
            true => ValType::I64,
            false => ValType::I32,
        };
        let (parameters, instruction) = match job {
            Job::Fill { memory } => return bulk::fill(memory, address(memory)),
            Job::Copy { to, from } => return bulk::copy(to, address(to), from, address(from)),
            Job::InitMemory { memory, segment } => (
                vec![address(memory), ValType::I32, ValType::I32],
                Instruction::MemoryInit { mem: memory, data_index: segment },
            ),
            Job::InitTable { table, segment } => {
                let address = if self.module.tables[table as usize].table64 { ValType::I64 } else { ValType::I32 };
                (vec![address, ValType::I32, ValType::I32], Instruction::TableInit { elem_index: segment, table })
            }
            Job::DropData { segment } => (vec![], Instruction::DataDrop(segment)),
            Job::DropElements { segment } => (vec![], Instruction::ElemDrop(segment)),
        };
        let mut body = Body::default();
        for parameter in 0..parameters.len() as u32 {
            body.push(Instruction::LocalGet(parameter));
        }
        body.push(instruction);
        if parameters.is_empty() {
            body.push(Instruction::I32Const(1));
            body.push(Instruction::GlobalSet(dropped));
        }
        body.push(Instruction::End);
        (parameters, body)
    }
}

impl Reencode for Pass<'_> {
    type Error = Infallible;

    fn function_index(&mut self, function: u32) -> Result<u32, reencode::Error> {
        Ok(self.callable(function))
    }

    /// Leaves out what has a reserved name: a program that exports one can be stopped, if not captured.
    fn parse_export(
        &mut self,
        exports: &mut ExportSection,
        export: wasmparser::Export<'_>,
    ) -> Result<(), reencode::Error> {
        if export.name.starts_with(names::PREFIX) {
            return Ok(());
        }
        reencode::utils::parse_export(self, exports, export)
    }

    fn instruction<'b>(&mut self, operator: Operator<'b>) -> Result<Instruction<'b>, reencode::Error> {
        let job = match operator {
            Operator::MemoryFill { mem } => Job::Fill { memory: mem },
            Operator::MemoryCopy { dst_mem, src_mem } => Job::Copy { to: dst_mem, from: src_mem },
            Operator::MemoryInit { data_index, mem } => Job::InitMemory { memory: mem, segment: data_index },
            Operator::TableInit { elem_index, table } => Job::InitTable { table, segment: elem_index },
            Operator::DataDrop { data_index } => Job::DropData { segment: data_index },
            Operator::ElemDrop { elem_index } => Job::DropElements { segment: elem_index },
            other => return reencode::utils::instruction(self, other),
        };
        Ok(Instruction::Call(self.function_for(job)))
    }
}
