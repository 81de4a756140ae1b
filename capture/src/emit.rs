//! Writing a function's code anew: with polls, with a check after each call that may be suspended, with an exit.
//!
//! ```text
//!   block $exit
//!     ...                                  the function's own code
//!     i32.const 0  i32.atomic.load         a poll
//!     if                                   unlikely
//!       i32.const 1  global.set $unwinding
//!       (values to the frame)  i64.const SITE|SIZE<<32  local.set $trailer  br $exit
//!     end
//!     ...
//!     call $other
//!     global.get $unwinding
//!     if                                   unlikely
//!       (values to the frame)  i64.const SITE|SIZE<<32  local.set $trailer  br $exit
//!     end
//!     ...
//!     return
//!   end
//!   (the trailer to the frame, the pointer behind it, any results)
//! ```
//!
//! What is unlikely calls nothing: a call there would cost the whole loop its registers.

use std::collections::HashMap;
use std::convert::Infallible;

use wasm_encoder::reencode::Reencode;
use wasm_encoder::{BlockType, Catch, Instruction, MemArg, ValType};
use wasmparser::{Operator, TryTable};

use crate::CaptureError;
use crate::frame::{Layout, Place, TRAILER_BYTES};
use crate::function::{Function, Placed, Save, What, begins_block};
use crate::poll::Poll;
use crate::sections::Body;
use crate::value::{RefKind, Value};

/// The most bytes of code that an engine takes in one function.
const CODE_BYTES_MAX: usize = 7_654_321;

/// The most locals that an engine takes in one function.
const LOCALS_MAX: usize = 50_000;

/// How many places for references are made at once.
const REFERENCES_GROWTH: i32 = 64;

/// The module that code is written for: its indices.
pub(crate) trait Target: Reencode<Error = Infallible> {
    /// How the control word is looked at.
    fn poll(&self) -> Poll;
    /// The memory with the control word and the frames.
    fn control(&mut self) -> u32;
    /// The global that is 1 while the stack unwinds.
    fn unwinding(&mut self) -> u32;
    /// The global that holds the address behind the outermost frame.
    fn pointer(&mut self) -> u32;
    /// The table of references of a kind, and the global that counts them.
    fn references(&mut self, kind: RefKind) -> (u32, u32);
}

/// A function in the making.
pub(crate) struct Emitter<'e, 'a, T> {
    pub(crate) function: &'e Function<'a>,
    pub(crate) target: &'e mut T,
    body: Body,
    /// How many locals the function has beyond its own.
    extra_locals: u32,
    /// For each block of the original function around the next operator, how many labels are around it.
    labels: Vec<u32>,
    /// How many labels are around the next instruction.
    depth: u32,
    /// The locals that operands are copied to.
    operands: HashMap<(u32, Value), u32>,
    frame: Option<u32>,
    trailer: Option<u32>,
}

impl<'e, 'a, T: Target> Emitter<'e, 'a, T> {
    /// Begins to write `function`, or its continuation, which declares its parameters as locals.
    pub(crate) fn new(function: &'e Function<'a>, target: &'e mut T, is_continuation: bool) -> Self {
        let parameters = if is_continuation { 0 } else { function.parameters as usize };
        let locals = function.locals[parameters..].iter().map(|local| local.encode()).collect();
        Self {
            function,
            target,
            body: Body { locals, ..Body::default() },
            extra_locals: 0,
            labels: vec![0],
            depth: 1,
            operands: HashMap::new(),
            frame: None,
            trailer: None,
        }
    }

    /// Writes the whole function.
    pub(crate) fn write_all(mut self) -> Result<Body, CaptureError> {
        self.begin();
        self.range(0, self.function.operators.len() - 1)?;
        self.finish()
    }

    /// Opens the block that is left when the function is suspended.
    pub(crate) fn begin(&mut self) {
        if !self.function.sites.is_empty() {
            self.push(Instruction::Block(BlockType::Empty));
            self.depth += 1;
        }
    }

    /// Writes the exit.
    pub(crate) fn finish(mut self) -> Result<Body, CaptureError> {
        if !self.function.sites.is_empty() {
            self.push_all([Instruction::Return, Instruction::End]);
            self.exit();
        }
        self.push(Instruction::End);
        self.check_size()?;
        Ok(self.body)
    }

    /// Writes the operators from `from` up to `to`, without it.
    pub(crate) fn range(&mut self, from: usize, to: usize) -> Result<(), CaptureError> {
        let function = self.function;
        for placed in &function.operators[from..to] {
            if let Some(save) = &placed.save {
                self.save(save);
            }
            self.operator(placed)?;
        }
        Ok(())
    }

    /// Writes one operator and what its site needs, but saves nothing.
    pub(crate) fn operator(&mut self, placed: &Placed<'_>) -> Result<(), CaptureError> {
        match (&placed.what, placed.site) {
            (What::Poll, Some(site)) => return self.poll(site),
            (What::Poll, None) => {}
            (What::Wasm(operator), site) => {
                self.instruction(operator)?;
                if let Some(site) = site {
                    self.check(site)?;
                }
            }
        }
        self.check_size()
    }

    fn instruction(&mut self, operator: &Operator<'_>) -> Result<(), CaptureError> {
        match operator {
            Operator::Br { relative_depth } => self.push(Instruction::Br(self.label(*relative_depth))),
            Operator::BrIf { relative_depth } => self.push(Instruction::BrIf(self.label(*relative_depth))),
            Operator::BrTable { targets } => {
                let labels = targets.targets().map(|label| Ok(self.label(label?)));
                let labels = labels.collect::<Result<Vec<_>, wasmparser::Error>>()?;
                let default = self.label(targets.default());
                self.push(Instruction::BrTable(labels.into(), default));
            }
            Operator::BrOnNull { .. } | Operator::BrOnNonNull { .. } => {
                return Err(CaptureError::Encoding(format!("{operator:?} branches in an unknown way")));
            }
            Operator::TryTable { try_table } => {
                let ty = self.target.block_type(try_table.ty)?;
                self.begin_try(try_table, ty);
            }
            operator => {
                let instruction = self.target.instruction(operator.clone())?;
                self.push(instruction);
                if begins_block(operator) {
                    self.enter();
                } else if matches!(operator, Operator::End) {
                    self.leave();
                }
            }
        }
        Ok(())
    }

    /// Begins a block of type `ty` in which exceptions are caught as `try_table` says.
    pub(crate) fn begin_try(&mut self, try_table: &TryTable, ty: BlockType) {
        let catch = |catch: &wasmparser::Catch| match *catch {
            wasmparser::Catch::One { tag, label } => (Some(tag), label, false),
            wasmparser::Catch::OneRef { tag, label } => (Some(tag), label, true),
            wasmparser::Catch::All { label } => (None, label, false),
            wasmparser::Catch::AllRef { label } => (None, label, true),
        };
        let mut catches = Vec::with_capacity(try_table.catches.len());
        for (tag, label, with_reference) in try_table.catches.iter().map(catch) {
            let label = self.label(label);
            let tag = tag.map(|tag| self.target.tag_index(tag).unwrap_or(tag));
            catches.push(match (tag, with_reference) {
                (Some(tag), false) => Catch::One { tag, label },
                (Some(tag), true) => Catch::OneRef { tag, label },
                (None, false) => Catch::All { label },
                (None, true) => Catch::AllRef { label },
            });
        }
        self.push(Instruction::TryTable(ty, catches.into()));
        self.enter();
    }

    /// Enters a block that the original function has too.
    pub(crate) fn enter(&mut self) {
        self.labels.push(self.depth);
        self.depth += 1;
    }

    /// Leaves a block that the original function has too.
    pub(crate) fn leave(&mut self) {
        self.labels.pop();
        self.depth -= 1;
    }

    /// Begins a block that the original function has not.
    pub(crate) fn begin_extra_block(&mut self, ty: BlockType) {
        self.push(Instruction::Block(ty));
        self.begin_extra();
    }

    /// Enters a block that the original function has not.
    pub(crate) fn begin_extra(&mut self) {
        self.depth += 1;
    }

    /// Ends a block that the original function has not.
    pub(crate) fn end_extra_block(&mut self) {
        self.push(Instruction::End);
        self.depth -= 1;
    }

    fn label(&self, relative: u32) -> u32 {
        self.depth - 1 - self.labels[self.labels.len() - 1 - relative as usize]
    }

    /// Copies operands to their locals.
    fn save(&mut self, save: &Save) {
        let places = save.types.iter().zip(save.first..);
        let locals: Vec<u32> = places.map(|(&ty, operand)| self.operand(operand, ty)).collect();
        for &local in locals.iter().skip(1).rev() {
            self.push(Instruction::LocalSet(local));
        }
        if let Some(&lowest) = locals.first() {
            self.push(Instruction::LocalTee(lowest));
        }
        for &local in locals.iter().skip(1) {
            self.push(Instruction::LocalGet(local));
        }
    }

    /// Returns the local that an operand is copied to.
    pub(crate) fn operand(&mut self, operand: u32, ty: Value) -> u32 {
        if let Some(&local) = self.operands.get(&(operand, ty)) {
            return local;
        }
        let local = self.add_local(ty.encode());
        self.operands.insert((operand, ty), local);
        local
    }

    /// Returns the local that a value of a frame is in while the function runs.
    pub(crate) fn local(&mut self, place: Place, ty: Value) -> u32 {
        match place {
            Place::Local(local) => local,
            Place::Operand(operand) => self.operand(operand, ty),
        }
    }

    /// Returns the local for the address of a frame.
    pub(crate) fn frame(&mut self) -> u32 {
        if let Some(local) = self.frame {
            return local;
        }
        let local = self.add_local(ValType::I32);
        self.frame = Some(local);
        local
    }

    fn trailer(&mut self) -> u32 {
        if let Some(local) = self.trailer {
            return local;
        }
        let local = self.add_local(ValType::I64);
        self.trailer = Some(local);
        local
    }

    fn add_local(&mut self, ty: ValType) -> u32 {
        let local = self.function.locals.len() as u32 + self.extra_locals;
        self.extra_locals += 1;
        self.body.locals.push(ty);
        local
    }

    /// Writes a poll.
    fn poll(&mut self, site: u32) -> Result<(), CaptureError> {
        let control = self.target.control();
        let unwinding = self.target.unwinding();
        for instruction in self.target.poll().instructions(control) {
            self.push(instruction);
        }
        self.unlikely_if();
        self.push_all([Instruction::I32Const(1), Instruction::GlobalSet(unwinding)]);
        self.suspend(site)?;
        self.push(Instruction::End);
        self.check_size()
    }

    /// Writes what comes after a call that may have been suspended.
    pub(crate) fn check(&mut self, site: u32) -> Result<(), CaptureError> {
        let unwinding = self.target.unwinding();
        self.push(Instruction::GlobalGet(unwinding));
        self.unlikely_if();
        self.suspend(site)?;
        self.push(Instruction::End);
        Ok(())
    }

    fn unlikely_if(&mut self) {
        self.body.unlikely.push(self.body.code.len() as u32);
        self.push(Instruction::If(BlockType::Empty));
    }

    /// Writes a frame and leaves the function; this is within an `if`.
    fn suspend(&mut self, site: u32) -> Result<(), CaptureError> {
        let layout = Layout::of(self.function, site)?;
        self.store(&layout);
        let trailer = u64::from(self.function.number(site).0) | u64::from(layout.size) << 32;
        let local = self.trailer();
        self.push_all([Instruction::I64Const(trailer as i64), Instruction::LocalSet(local)]);
        // The exit is the second label from the outside, after the function itself.
        self.push(Instruction::Br(self.depth - 1));
        Ok(())
    }

    /// Writes the values of a frame behind the frame pointer, which stays.
    pub(crate) fn store(&mut self, layout: &Layout) {
        if layout.values.is_empty() {
            return;
        }
        let frame = self.frame();
        let pointer = self.target.pointer();
        self.push_all([Instruction::GlobalGet(pointer), Instruction::LocalSet(frame)]);
        for &(place, ty, at) in &layout.values {
            let local = self.local(place, ty);
            let place = self.place(at);
            match ty {
                Value::Ref(kind) => self.store_reference(kind, local, place),
                _ => self.push_all([Instruction::LocalGet(frame), Instruction::LocalGet(local), ty.store(place)]),
            }
        }
    }

    /// Puts a reference into its table, which grows if need be, and its number into the frame.
    fn store_reference(&mut self, kind: RefKind, local: u32, place: MemArg) {
        let frame = self.frame();
        let (table, count) = self.target.references(kind);
        self.push_all([Instruction::GlobalGet(count), Instruction::TableSize(table), Instruction::I32Eq]);
        self.push(Instruction::If(BlockType::Empty));
        self.push_all([Instruction::RefNull(kind.heap_type()), Instruction::I32Const(REFERENCES_GROWTH)]);
        self.push_all([Instruction::TableGrow(table), Instruction::Drop, Instruction::End]);
        self.push_all([Instruction::GlobalGet(count), Instruction::LocalGet(local), Instruction::TableSet(table)]);
        self.push_all([Instruction::LocalGet(frame), Instruction::GlobalGet(count), Instruction::I32Store(place)]);
        self.push_all([Instruction::GlobalGet(count), Instruction::I32Const(1), Instruction::I32Add]);
        self.push(Instruction::GlobalSet(count));
    }

    /// Returns a place in the frame whose address is in the local for it.
    pub(crate) fn place(&mut self, at: u32) -> MemArg {
        MemArg { offset: at.into(), align: 0, memory_index: self.target.control() }
    }

    /// Writes what every suspension of the function ends with.
    fn exit(&mut self) {
        let (frame, trailer) = (self.frame(), self.trailer());
        let pointer = self.target.pointer();
        let place = self.place(0);
        self.push_all([Instruction::GlobalGet(pointer), Instruction::LocalGet(trailer), Instruction::I64Const(32)]);
        self.push_all([Instruction::I64ShrU, Instruction::I32WrapI64, Instruction::I32Add]);
        self.push_all([Instruction::LocalTee(frame), Instruction::GlobalSet(pointer)]);
        self.push_all([Instruction::LocalGet(frame), Instruction::I32Const(TRAILER_BYTES as i32), Instruction::I32Sub]);
        self.push_all([Instruction::LocalGet(trailer), Instruction::I64Store(place)]);
        for result in &self.function.results {
            self.body.push(result.any());
        }
    }

    pub(crate) fn push(&mut self, instruction: Instruction<'_>) {
        self.body.push(instruction);
    }

    pub(crate) fn push_all<const N: usize>(&mut self, instructions: [Instruction<'_>; N]) {
        self.body.push_all(instructions);
    }

    fn check_size(&self) -> Result<(), CaptureError> {
        if self.body.code.len() > CODE_BYTES_MAX {
            return Err(self.too_large("bytes of code", CODE_BYTES_MAX));
        }
        if self.function.locals.len() + self.extra_locals as usize > LOCALS_MAX {
            return Err(self.too_large("locals", LOCALS_MAX));
        }
        Ok(())
    }

    fn too_large(&self, what: &'static str, max: usize) -> CaptureError {
        CaptureError::FunctionTooLarge { function: self.function.index, what, max }
    }
}
