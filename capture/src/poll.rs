//! How a program looks at its control word.

use wasm_encoder::{Instruction, MemArg};

/// Where a plain poll stores something that nobody reads.
const BESIDE: u64 = 4;

/// How a program looks at its control word. Its sites and frames are the same either way, so a program that was suspended
/// by one goes on by the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Poll {
    /// By an atomic load. The runtime must allow `wasm_threads`.
    #[default]
    Atomic,
    /// By a plain load after a store beside the word: for a runtime that has no atomic instructions, as Wasmtime's
    /// interpreter.
    Plain,
}

impl Poll {
    /// Returns the instructions that leave the control word on the stack, which is in the memory `control`.
    ///
    /// A compiler takes a loop's load for one before the loop, whose value it has already, unless something may have written
    /// to that memory in the loop: then a loop would not be interruptible.
    pub(crate) fn instructions(self, control: u32) -> Vec<Instruction<'static>> {
        let at = |offset| MemArg { offset, align: 2, memory_index: control };
        let zero = Instruction::I32Const(0);
        match self {
            Self::Atomic => vec![zero, Instruction::I32AtomicLoad(at(0))],
            Self::Plain => {
                vec![zero.clone(), zero.clone(), Instruction::I32Store(at(BESIDE)), zero, Instruction::I32Load(at(0))]
            }
        }
    }
}
