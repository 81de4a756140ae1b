//! The kinds of values that frames hold.

use wasm_encoder::{HeapType, Ieee32, Ieee64, Instruction, MemArg};
use wasmparser::{AbstractHeapType, RefType, ValType};

/// The type of a local or an operand, as far as a frame distinguishes types.
///
/// References are taken as nullable references to anything of their kind: without the proposals that are refused, no
/// instruction needs more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Value {
    I32,
    I64,
    F32,
    F64,
    V128,
    Ref(RefKind),
}

/// What a reference refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum RefKind {
    Func,
    Extern,
    Exn,
}

impl RefKind {
    /// All of them, in the order of their names in [`crate::names`].
    pub(crate) const ALL: [Self; 3] = [Self::Func, Self::Extern, Self::Exn];

    /// Returns the nullable reference type of this kind.
    pub(crate) fn encode(self) -> wasm_encoder::RefType {
        wasm_encoder::RefType { nullable: true, heap_type: self.heap_type() }
    }

    pub(crate) fn heap_type(self) -> HeapType {
        match self {
            Self::Func => HeapType::FUNC,
            Self::Extern => HeapType::EXTERN,
            Self::Exn => HeapType::Abstract { shared: false, ty: wasm_encoder::AbstractHeapType::Exn },
        }
    }

    fn of(ty: RefType) -> Option<Self> {
        match ty.heap_type() {
            // Only functions have types of their own: structures and arrays are refused.
            wasmparser::HeapType::Concrete(_) => Some(Self::Func),
            wasmparser::HeapType::Abstract { shared: false, ty } => match ty {
                AbstractHeapType::Func | AbstractHeapType::NoFunc => Some(Self::Func),
                AbstractHeapType::Extern | AbstractHeapType::NoExtern => Some(Self::Extern),
                AbstractHeapType::Exn | AbstractHeapType::NoExn => Some(Self::Exn),
                _ => None,
            },
            _ => None,
        }
    }
}

impl Value {
    /// Returns the kind of a value of type `ty`, or nothing if no frame can hold one.
    pub(crate) fn of(ty: ValType) -> Option<Self> {
        Some(match ty {
            ValType::I32 => Self::I32,
            ValType::I64 => Self::I64,
            ValType::F32 => Self::F32,
            ValType::F64 => Self::F64,
            ValType::V128 => Self::V128,
            ValType::Ref(ty) => Self::Ref(RefKind::of(ty)?),
        })
    }

    /// Returns how many bytes of a frame it takes. A reference is there as its number in a table.
    pub(crate) fn size(self) -> u32 {
        match self {
            Self::I32 | Self::F32 | Self::Ref(_) => 4,
            Self::I64 | Self::F64 => 8,
            Self::V128 => 16,
        }
    }

    pub(crate) fn encode(self) -> wasm_encoder::ValType {
        match self {
            Self::I32 => wasm_encoder::ValType::I32,
            Self::I64 => wasm_encoder::ValType::I64,
            Self::F32 => wasm_encoder::ValType::F32,
            Self::F64 => wasm_encoder::ValType::F64,
            Self::V128 => wasm_encoder::ValType::V128,
            Self::Ref(kind) => wasm_encoder::ValType::Ref(kind.encode()),
        }
    }

    /// Returns the instruction that makes some value of this type.
    pub(crate) fn any(self) -> Instruction<'static> {
        match self {
            Self::I32 => Instruction::I32Const(0),
            Self::I64 => Instruction::I64Const(0),
            Self::F32 => Instruction::F32Const(Ieee32::new(0)),
            Self::F64 => Instruction::F64Const(Ieee64::new(0)),
            Self::V128 => Instruction::V128Const(0),
            Self::Ref(kind) => Instruction::RefNull(kind.heap_type()),
        }
    }

    /// Returns the instruction that stores it; for a reference, its number.
    pub(crate) fn store(self, place: MemArg) -> Instruction<'static> {
        match self {
            Self::I32 | Self::Ref(_) => Instruction::I32Store(place),
            Self::I64 => Instruction::I64Store(place),
            Self::F32 => Instruction::F32Store(place),
            Self::F64 => Instruction::F64Store(place),
            Self::V128 => Instruction::V128Store(place),
        }
    }

    /// Returns the instruction that loads it; for a reference, its number.
    pub(crate) fn load(self, place: MemArg) -> Instruction<'static> {
        match self {
            Self::I32 | Self::Ref(_) => Instruction::I32Load(place),
            Self::I64 => Instruction::I64Load(place),
            Self::F32 => Instruction::F32Load(place),
            Self::F64 => Instruction::F64Load(place),
            Self::V128 => Instruction::V128Load(place),
        }
    }
}
