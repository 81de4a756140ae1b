//! Filling and copying memory in parts, so that a program can be stopped meanwhile.
//!
//! What is short is done at once. What is long is done in parts, by a loop that is polled like any other. The bounds are
//! looked at first: what goes beyond them is left to the instruction itself, which traps before it writes anything.
//! Memory never shrinks, so what was within bounds stays within them.

use wasm_encoder::{BlockType, Instruction, ValType};

use crate::sections::Body;

/// How many bytes are filled or copied at once: about 20 microseconds of work.
const PART_BYTES: i64 = 256 << 10;

/// Parameters of both functions: where to, what or where from, how much.
const TO: u32 = 0;
const FROM: u32 = 1;
const LENGTH: u32 = 2;

/// Returns the parameters and the body of a function that fills `memory`, whose addresses are of type `address`.
pub(super) fn fill(memory: u32, address: ValType) -> (Vec<ValType>, Body) {
    let mut body = Body::default();
    let fill = Instruction::MemoryFill(memory);
    at_once_unless_long(&mut body, address, &fill);
    at_once_if_out_of_bounds(&mut body, (TO, memory, address), address, &fill);
    body.push(Instruction::Loop(BlockType::Empty));
    body.push_all([
        Instruction::LocalGet(TO),
        Instruction::LocalGet(FROM),
        constant(address, PART_BYTES),
        fill.clone(),
    ]);
    step(&mut body, TO, address, true);
    step(&mut body, LENGTH, address, false);
    repeat_while_long(&mut body, address);
    body.push(Instruction::End);
    operation(&mut body, &fill);
    body.push(Instruction::End);
    (vec![address, ValType::I32, address], body)
}

/// Returns the parameters and the body of a function that copies between two memories, which may be the same.
pub(super) fn copy(to: u32, to_address: ValType, from: u32, from_address: ValType) -> (Vec<ValType>, Body) {
    let mut body = Body::default();
    let copy = Instruction::MemoryCopy { src_mem: from, dst_mem: to };
    // The length has the smaller of the two types.
    let length = if to_address == ValType::I64 { from_address } else { to_address };
    at_once_unless_long(&mut body, length, &copy);
    at_once_if_out_of_bounds(&mut body, (TO, to, to_address), length, &copy);
    at_once_if_out_of_bounds(&mut body, (FROM, from, from_address), length, &copy);
    if to == from {
        // What lies before what it is copied to is copied from its end, lest its end be overwritten first.
        body.push_all([Instruction::LocalGet(FROM), Instruction::LocalGet(TO), less_than(to_address)]);
        body.push(Instruction::If(BlockType::Empty));
        backwards(&mut body, &copy, length);
        body.push_all([Instruction::Return, Instruction::End]);
    }
    body.push(Instruction::Loop(BlockType::Empty));
    body.push_all([Instruction::LocalGet(TO), Instruction::LocalGet(FROM), constant(length, PART_BYTES), copy.clone()]);
    step(&mut body, TO, to_address, true);
    step(&mut body, FROM, from_address, true);
    step(&mut body, LENGTH, length, false);
    repeat_while_long(&mut body, length);
    body.push(Instruction::End);
    operation(&mut body, &copy);
    body.push(Instruction::End);
    (vec![to_address, from_address, length], body)
}

/// Copies within one memory, whose addresses and lengths are of type `address`, the last part first.
fn backwards(body: &mut Body, copy: &Instruction<'static>, address: ValType) {
    body.push(Instruction::Loop(BlockType::Empty));
    step(body, LENGTH, address, false);
    for start in [TO, FROM] {
        body.push_all([Instruction::LocalGet(start), Instruction::LocalGet(LENGTH), add(address)]);
    }
    body.push_all([constant(address, PART_BYTES), copy.clone()]);
    repeat_while_long(body, address);
    body.push(Instruction::End);
    operation(body, copy);
}

fn operation(body: &mut Body, instruction: &Instruction<'static>) {
    body.push_all([Instruction::LocalGet(TO), Instruction::LocalGet(FROM), Instruction::LocalGet(LENGTH)]);
    body.push(instruction.clone());
}

fn at_once_unless_long(body: &mut Body, length: ValType, instruction: &Instruction<'static>) {
    let at_most = if length == ValType::I64 { Instruction::I64LeU } else { Instruction::I32LeU };
    body.push_all([Instruction::LocalGet(LENGTH), constant(length, PART_BYTES), at_most]);
    body.push(Instruction::If(BlockType::Empty));
    operation(body, instruction);
    body.push_all([Instruction::Return, Instruction::End]);
}

/// Does it at once if `place`, a parameter with its memory and its type, ends beyond the memory: that traps.
fn at_once_if_out_of_bounds(
    body: &mut Body,
    place: (u32, u32, ValType),
    length: ValType,
    instruction: &Instruction<'static>,
) {
    let (start, memory, address) = place;
    // The length is more than the memory's size, or the start is more than the size without the length. Neither
    // difference can wrap around where it counts.
    wide(body, LENGTH, length);
    size(body, memory, address);
    body.push(Instruction::I64GtU);
    wide(body, start, address);
    size(body, memory, address);
    wide(body, LENGTH, length);
    body.push_all([Instruction::I64Sub, Instruction::I64GtU, Instruction::I32Or]);
    body.push(Instruction::If(BlockType::Empty));
    operation(body, instruction);
    body.push_all([Instruction::Return, Instruction::End]);
}

fn size(body: &mut Body, memory: u32, address: ValType) {
    body.push(Instruction::MemorySize(memory));
    if address != ValType::I64 {
        body.push(Instruction::I64ExtendI32U);
    }
    body.push_all([Instruction::I64Const(16), Instruction::I64Shl]);
}

fn wide(body: &mut Body, local: u32, ty: ValType) {
    body.push(Instruction::LocalGet(local));
    if ty != ValType::I64 {
        body.push(Instruction::I64ExtendI32U);
    }
}

/// Moves a local by one part.
fn step(body: &mut Body, local: u32, ty: ValType, up: bool) {
    body.push_all([Instruction::LocalGet(local), constant(ty, if up { PART_BYTES } else { -PART_BYTES }), add(ty)]);
    body.push(Instruction::LocalSet(local));
}

fn repeat_while_long(body: &mut Body, length: ValType) {
    let more = if length == ValType::I64 { Instruction::I64GtU } else { Instruction::I32GtU };
    body.push_all([Instruction::LocalGet(LENGTH), constant(length, PART_BYTES), more, Instruction::BrIf(0)]);
}

fn constant(ty: ValType, value: i64) -> Instruction<'static> {
    if ty == ValType::I64 { Instruction::I64Const(value) } else { Instruction::I32Const(value as i32) }
}

fn add(ty: ValType) -> Instruction<'static> {
    if ty == ValType::I64 { Instruction::I64Add } else { Instruction::I32Add }
}

fn less_than(ty: ValType) -> Instruction<'static> {
    if ty == ValType::I64 { Instruction::I64LtU } else { Instruction::I32LtU }
}
