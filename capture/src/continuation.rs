//! Continuations: what brings one captured frame back.
//!
//! The continuation of a site is a function without parameters, and with the results of the function that the site is
//! in. It loads the frame's values, calls the continuation of the next inner frame, and then does what the function had
//! still to do. It is found by taking the code behind the site, and then, from the inside to the outside, the code behind
//! each of the blocks around it:
//!
//! - Around a block or an arm, there is a block again, so that branches find it.
//! - Around a `try_table`, there is one with the same catches.
//! - Around a loop, only the current iteration is done. For the next, the values are stored as if the poll at the loop's
//!   header had suspended the function, and the continuation of that poll is called as a tail call. That one holds the
//!   whole loop, and is the same for all the sites in it. So nested loops don't multiply code.
//!
//! A continuation is a module of its own, which depends on nothing but the rewritten module and the site.

mod resume;

use std::collections::HashMap;
use std::convert::Infallible;
use std::hash::Hash;

use wasm_encoder::reencode::{self, Reencode, RoundtripReencoder};
use wasm_encoder::{EntityType, ExportKind, FuncType, GlobalType, Instruction, TagKind, TagType, ValType};
use wasmparser::Operator;

use crate::analyze::{Analysis, Site};
use crate::emit::{Emitter, Target};
use crate::poll::Poll;
use crate::rewrite::{control_memory, references_table};
use crate::sections::Sections;
use crate::value::{RefKind, Value};
use crate::{CaptureError, names};

impl Analysis {
    /// Returns the continuation of a site, as a module.
    ///
    /// What it imports from `main` are exports of an instance of the rewritten module, by their names; from `loop`, the
    /// continuations of other sites, named by the sites' numbers; from `resume`, the table through which continuations
    /// call that of the next inner frame. It exports the function `continue`.
    ///
    /// # Errors
    ///
    /// Fails if there is no such site.
    pub fn continuation(&self, site: Site) -> Result<Vec<u8>, CaptureError> {
        let (function, local) = self.function_with(site)?;
        let mut module = Continuation::new(self);
        let body = Emitter::new(&function, &mut module, true).write_continuation(local)?;
        let ty = module.plain_type(&[], &function.results);
        let mut sections = Sections::default();
        module.declare(&mut sections)?;
        let own = module.functions.list.len() as u32;
        sections.functions.function(ty);
        sections.exports.export(names::CONTINUE, ExportKind::Func, own);
        sections.push_body(own, &body);
        Ok(sections.finish())
    }
}

/// Something that a continuation imports as a function.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Callee {
    Main(u32),
    Reference(u32),
    Loop(Site),
}

/// What is imported from the tables of the main instance, and the table of continuations.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Table {
    Main(u32),
    References(RefKind),
    Resume,
}

/// What is imported from the memories of the main instance.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Memory {
    Main(u32),
    Control,
}

/// What is imported from the globals of the main instance.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Global {
    Main(u32),
    Unwinding,
    Pointer,
    Count(RefKind),
}

/// Things of one sort, numbered in the order in which they were first asked for.
struct Numbered<T> {
    list: Vec<T>,
    numbers: HashMap<T, u32>,
}

impl<T> Default for Numbered<T> {
    fn default() -> Self {
        Self { list: Vec::new(), numbers: HashMap::new() }
    }
}

impl<T: Clone + Eq + Hash> Numbered<T> {
    fn number(&mut self, thing: T) -> u32 {
        let next = self.list.len() as u32;
        *self.numbers.entry(thing.clone()).or_insert_with(|| {
            self.list.push(thing);
            next
        })
    }
}

/// A continuation's module in the making: what it imports is found out by what its code uses.
struct Continuation<'a> {
    analysis: &'a Analysis,
    types: Numbered<FuncType>,
    /// What is imported, and the type of each.
    functions: Numbered<Callee>,
    function_types: Vec<u32>,
    tables: Numbered<Table>,
    memories: Numbered<Memory>,
    tags: Numbered<u32>,
    globals: Numbered<Global>,
}

impl<'a> Continuation<'a> {
    fn new(analysis: &'a Analysis) -> Self {
        Self {
            analysis,
            types: Numbered::default(),
            functions: Numbered::default(),
            function_types: Vec::new(),
            tables: Numbered::default(),
            memories: Numbered::default(),
            tags: Numbered::default(),
            globals: Numbered::default(),
        }
    }

    /// Returns the index of the type of functions with these parameters and results.
    fn plain_type(&mut self, parameters: &[Value], results: &[Value]) -> u32 {
        let encode = |values: &[Value]| values.iter().map(|value| value.encode()).collect::<Vec<_>>();
        self.types.number(FuncType::new(encode(parameters), encode(results)))
    }

    fn function(&mut self, callee: Callee, ty: u32) -> u32 {
        let index = self.functions.number(callee);
        if index as usize == self.function_types.len() {
            self.function_types.push(ty);
        }
        index
    }

    /// Declares the types and the imports.
    fn declare(&mut self, sections: &mut Sections) -> Result<(), CaptureError> {
        let imports = &mut sections.imports;
        for (callee, &ty) in self.functions.list.iter().zip(&self.function_types) {
            let (from, name) = match callee {
                Callee::Main(index) => (names::MAIN, format!("{}{index}", names::FUNCTION)),
                Callee::Reference(index) => (names::MAIN, format!("{}{index}", names::REFERENCE)),
                Callee::Loop(site) => (names::LOOP, site.0.to_string()),
            };
            imports.import(from, &name, EntityType::Function(ty));
        }
        let declared = &self.analysis.module;
        for table in &self.tables.list {
            let (from, name, ty) = match *table {
                Table::Main(index) => {
                    let ty = RoundtripReencoder.table_type(declared.tables[index as usize])?;
                    (names::MAIN, format!("{}{index}", names::TABLE), ty)
                }
                Table::References(kind) => (names::MAIN, names::REFS[kind as usize].into(), references_table(kind)),
                Table::Resume => (names::RESUME, "table".into(), references_table(RefKind::Func)),
            };
            imports.import(from, &name, ty);
        }
        for memory in &self.memories.list {
            let (name, ty) = match *memory {
                Memory::Main(index) => {
                    let ty = RoundtripReencoder.memory_type(declared.memories[index as usize])?;
                    (format!("{}{index}", names::MEMORY), ty)
                }
                Memory::Control => (names::CONTROL.into(), control_memory()),
            };
            imports.import(names::MAIN, &name, ty);
        }
        for &tag in &self.tags.list {
            let ty = declared.types[declared.tags[tag as usize].func_type_idx as usize].clone();
            let func_type_idx = self.types.number(RoundtripReencoder.func_type(ty)?);
            let ty = TagType { kind: TagKind::Exception, func_type_idx };
            imports.import(names::MAIN, &format!("{}{tag}", names::TAG), ty);
        }
        let counter = GlobalType { val_type: ValType::I32, mutable: true, shared: false };
        for global in &self.globals.list {
            let (name, ty) = match *global {
                Global::Main(index) => {
                    let ty = RoundtripReencoder.global_type(declared.globals[index as usize])?;
                    (format!("{}{index}", names::GLOBAL), ty)
                }
                Global::Unwinding => (names::UNWINDING.into(), counter),
                Global::Pointer => (names::POINTER.into(), counter),
                Global::Count(kind) => (names::COUNT[kind as usize].into(), counter),
            };
            imports.import(names::MAIN, &name, ty);
        }
        self.types.list.iter().for_each(|ty| sections.types.ty().func_type(ty));
        Ok(())
    }
}

impl Reencode for Continuation<'_> {
    type Error = Infallible;

    fn type_index(&mut self, ty: u32) -> Result<u32, reencode::Error> {
        let ty = RoundtripReencoder.func_type(self.analysis.module.types[ty as usize].clone())?;
        Ok(self.types.number(ty))
    }

    fn function_index(&mut self, function: u32) -> Result<u32, reencode::Error> {
        let ty = self.type_index(self.analysis.module.functions[function as usize])?;
        Ok(self.function(Callee::Main(function), ty))
    }

    fn table_index(&mut self, table: u32) -> Result<u32, reencode::Error> {
        Ok(self.tables.number(Table::Main(table)))
    }

    fn memory_index(&mut self, memory: u32) -> Result<u32, reencode::Error> {
        Ok(self.memories.number(Memory::Main(memory)))
    }

    fn tag_index(&mut self, tag: u32) -> Result<u32, reencode::Error> {
        Ok(self.tags.number(tag))
    }

    fn global_index(&mut self, global: u32) -> Result<u32, reencode::Error> {
        Ok(self.globals.number(Global::Main(global)))
    }

    fn instruction<'b>(&mut self, operator: Operator<'b>) -> Result<Instruction<'b>, reencode::Error> {
        match operator {
            Operator::RefFunc { function_index } => {
                let ty = self.plain_type(&[], &[Value::Ref(RefKind::Func)]);
                Ok(Instruction::Call(self.function(Callee::Reference(function_index), ty)))
            }
            other => reencode::utils::instruction(self, other),
        }
    }
}

impl Target for Continuation<'_> {
    fn poll(&self) -> Poll {
        self.analysis.poll
    }

    fn control(&mut self) -> u32 {
        self.memories.number(Memory::Control)
    }

    fn unwinding(&mut self) -> u32 {
        self.globals.number(Global::Unwinding)
    }

    fn pointer(&mut self) -> u32 {
        self.globals.number(Global::Pointer)
    }

    fn references(&mut self, kind: RefKind) -> (u32, u32) {
        (self.tables.number(Table::References(kind)), self.globals.number(Global::Count(kind)))
    }
}
