//! Writing what a function has still to do after one of its sites.

use wasm_encoder::reencode::Reencode;
use wasm_encoder::{BlockType, Instruction};
use wasmparser::Operator;

use super::{Callee, Continuation, Table};
use crate::CaptureError;
use crate::emit::{Emitter, Target};
use crate::frame::{Layout, TRAILER_BYTES};
use crate::function::{Block, SiteKind, SiteState, What};
use crate::sections::Body;
use crate::value::Value;

impl Emitter<'_, '_, Continuation<'_>> {
    /// Writes the continuation of a site.
    pub(super) fn write_continuation(mut self, site: u32) -> Result<Body, CaptureError> {
        let layout = Layout::of(self.function, site)?;
        self.take_frame(&layout);
        self.load(&layout);
        let state = &self.function.sites[site as usize];
        match state.kind {
            // All that there is to load are the arguments.
            SiteKind::Import => self.write_all(),
            SiteKind::Call | SiteKind::Poll => {
                self.begin();
                self.rest(site, state)?;
                self.finish()
            }
        }
    }

    /// Moves the frame pointer to the start of the frame, and traps unless the frame is of the right size.
    fn take_frame(&mut self, layout: &Layout) {
        let (frame, pointer) = (self.frame(), self.target.pointer());
        let size = layout.size as i32;
        self.push_all([Instruction::GlobalGet(pointer), Instruction::I32Const(size), Instruction::I32Sub]);
        self.push_all([Instruction::LocalTee(frame), Instruction::GlobalSet(pointer)]);
        let size_at = self.place(layout.size - TRAILER_BYTES + 4);
        self.push_all([Instruction::LocalGet(frame), Instruction::I32Load(size_at), Instruction::I32Const(size)]);
        self.push_all([Instruction::I32Ne, Instruction::If(BlockType::Empty)]);
        self.push_all([Instruction::Unreachable, Instruction::End]);
    }

    /// Puts the frame's values where the function has them.
    fn load(&mut self, layout: &Layout) {
        let frame = self.frame();
        for &(place, ty, at) in &layout.values {
            let local = self.local(place, ty);
            let place = self.place(at);
            self.push_all([Instruction::LocalGet(frame), ty.load(place)]);
            if let Value::Ref(kind) = ty {
                let (table, _) = self.target.references(kind);
                self.push(Instruction::TableGet(table));
            }
            self.push(Instruction::LocalSet(local));
        }
    }

    fn rest(&mut self, site: u32, state: &SiteState) -> Result<(), CaptureError> {
        let function = self.function;
        let path = function.around(state);
        // Inwards: what is around the site is opened again.
        let mut reached = 0;
        for (&outer, &inner) in path.iter().zip(&path[1..]) {
            let (outer, inner) = (&function.blocks[outer as usize], &function.blocks[inner as usize]);
            self.push_operands(state, outer.base, inner.base);
            if inner.is_loop && state.kind == SiteKind::Poll && state.at == inner.start + 1 {
                self.whole_loop(state, inner)?;
                self.rest_of_block(outer, inner.end + 1)?;
                break;
            }
            self.reopen(inner)?;
            reached += 1;
        }
        if reached + 1 == path.len() {
            let innermost = &function.blocks[state.block as usize];
            self.push_operands(state, innermost.base, state.operands.len() as u32);
            if state.kind == SiteKind::Call {
                self.call_inner_frame(state)?;
                self.check(site)?;
            }
            self.rest_of_block(innermost, state.at + 1)?;
        }
        // Outwards: what comes behind each block.
        for level in (0..reached).rev() {
            let outer = &function.blocks[path[level] as usize];
            let inner = &function.blocks[path[level + 1] as usize];
            self.close(inner)?;
            self.rest_of_block(outer, inner.end + 1)?;
        }
        Ok(())
    }

    /// Writes a loop, at whose own poll the function was suspended.
    ///
    /// The poll comes at the end of an iteration here, instead of at its beginning. So a program that is suspended again
    /// and again does at least one iteration each time.
    ///
    /// ```text
    ///   block $behind
    ///     loop $again
    ///       block $next      what branched to the loop branches to here
    ///         ...
    ///         br $behind
    ///       end
    ///       (poll)
    ///       br $again
    ///     end
    ///   end
    /// ```
    fn whole_loop(&mut self, state: &SiteState, block: &Block) -> Result<(), CaptureError> {
        let (parameters, results) = self.signature(block)?;
        let behind = self.block_type(&results);
        self.begin_extra_block(behind);
        self.push_operands(state, block.base, state.operands.len() as u32);
        let again = self.target.block_type(block.ty)?;
        self.push(Instruction::Loop(again));
        self.begin_extra();
        let next = match parameters.as_slice() {
            [] => BlockType::Empty,
            several => BlockType::FunctionType(self.target.plain_type(several, several)),
        };
        self.push(Instruction::Block(next));
        self.enter();
        self.range(block.start + 2, block.end)?;
        self.push_all([Instruction::Br(2), Instruction::End]);
        self.leave();
        self.range(block.start + 1, block.start + 2)?;
        self.push(Instruction::Br(0));
        self.end_extra_block();
        self.end_extra_block();
        Ok(())
    }

    /// Puts operands back on the stack.
    fn push_operands(&mut self, state: &SiteState, from: u32, to: u32) {
        for operand in from..to {
            let local = self.operand(operand, state.operands[operand as usize]);
            self.push(Instruction::LocalGet(local));
        }
    }

    /// Writes a block's operators from `from` up to the end of the block or arm.
    fn rest_of_block(&mut self, block: &Block, from: usize) -> Result<(), CaptureError> {
        let to = block.otherwise.filter(|otherwise| from <= *otherwise).unwrap_or(block.end);
        self.range(from, to)
    }

    /// Begins a block again that the site is in.
    fn reopen(&mut self, block: &Block) -> Result<(), CaptureError> {
        let (parameters, results) = self.signature(block)?;
        let ty = self.block_type(&results);
        if block.is_loop {
            // A branch to the loop leaves the inner one, behind which comes what does the next iteration.
            self.begin_extra_block(ty);
            let next = self.block_type(&parameters);
            self.push(Instruction::Block(next));
            self.enter();
            return Ok(());
        }
        match &self.function.operators[block.start].what {
            What::Wasm(Operator::TryTable { try_table }) => self.begin_try(try_table, ty),
            _ => {
                self.push(Instruction::Block(ty));
                self.enter();
            }
        }
        Ok(())
    }

    /// Ends a block that [`Self::reopen`] has begun.
    fn close(&mut self, block: &Block) -> Result<(), CaptureError> {
        if !block.is_loop {
            self.push(Instruction::End);
            self.leave();
            return Ok(());
        }
        self.push_all([Instruction::Br(1), Instruction::End]);
        self.leave();
        self.next_iteration(block)?;
        self.end_extra_block();
        Ok(())
    }

    /// Suspends the function at a loop's poll, and goes on there, with the loop's parameters on the stack.
    fn next_iteration(&mut self, block: &Block) -> Result<(), CaptureError> {
        let function = self.function;
        let Some(poll) = function.poll_of_loop(block) else {
            return Err(CaptureError::Encoding(format!("a loop of function {} has no poll", function.index)));
        };
        let (parameters, _) = self.signature(block)?;
        for (&ty, operand) in parameters.iter().zip(block.base..block.base + parameters.len() as u32).rev() {
            let local = self.operand(operand, ty);
            self.push(Instruction::LocalSet(local));
        }
        let layout = Layout::of(function, poll)?;
        self.store(&layout);
        // The whole frame is there but for its site, which nobody looks at.
        let (frame, pointer) = (self.frame(), self.target.pointer());
        let size_at = self.place(layout.size - TRAILER_BYTES + 4);
        self.push_all([Instruction::GlobalGet(pointer), Instruction::LocalTee(frame)]);
        self.push_all([Instruction::I32Const(layout.size as i32), Instruction::I32Store(size_at)]);
        self.push_all([Instruction::LocalGet(frame), Instruction::I32Const(layout.size as i32), Instruction::I32Add]);
        self.push(Instruction::GlobalSet(pointer));
        let ty = self.target.plain_type(&[], &function.results);
        let callee = self.target.function(Callee::Loop(function.number(poll)), ty);
        self.push(Instruction::ReturnCall(callee));
        Ok(())
    }

    /// Calls the continuation of the next inner frame, which the frame pointer is behind.
    fn call_inner_frame(&mut self, state: &SiteState) -> Result<(), CaptureError> {
        let What::Wasm(operator) = &self.function.operators[state.at].what else { return Ok(()) };
        let Some(called) = self.target.analysis.called(operator) else { return Ok(()) };
        let results = self.values(called.results())?;
        let ty = self.target.plain_type(&[], &results);
        let pointer = self.target.pointer();
        let table = self.target.tables.number(Table::Resume);
        let place = self.place(0);
        self.push_all([Instruction::GlobalGet(pointer), Instruction::I32Const(TRAILER_BYTES as i32)]);
        self.push_all([Instruction::I32Sub, Instruction::I32Load(place)]);
        self.push(Instruction::CallIndirect { type_index: ty, table_index: table });
        Ok(())
    }

    /// Returns the parameters and results of a block.
    fn signature(&self, block: &Block) -> Result<(Vec<Value>, Vec<Value>), CaptureError> {
        match block.ty {
            wasmparser::BlockType::Empty => Ok((Vec::new(), Vec::new())),
            wasmparser::BlockType::Type(ty) => Ok((Vec::new(), self.values(&[ty])?)),
            wasmparser::BlockType::FuncType(index) => {
                let ty = &self.target.analysis.module.types[index as usize];
                Ok((self.values(ty.params())?, self.values(ty.results())?))
            }
        }
    }

    fn values(&self, types: &[wasmparser::ValType]) -> Result<Vec<Value>, CaptureError> {
        let value = |ty: &wasmparser::ValType| {
            Value::of(*ty)
                .ok_or_else(|| CaptureError::Encoding(format!("function {} uses the type {ty}", self.function.index)))
        };
        types.iter().map(value).collect()
    }

    /// Returns the type of a block without parameters.
    fn block_type(&mut self, results: &[Value]) -> BlockType {
        match results {
            [] => BlockType::Empty,
            [one] => BlockType::Result(one.encode()),
            several => BlockType::FunctionType(self.target.plain_type(&[], several)),
        }
    }
}
