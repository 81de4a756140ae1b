//! A suspended guest's stack.

use wasmtime::{AsContextMut, ExnRef, ExternRef, Func, OwnedRooted, Ref};

use super::HostError;
use crate::value::RefKind;

/// The stack of a suspended guest: its frames, and the references in them.
#[derive(Clone, Debug, Default)]
pub struct Activation {
    /// The frames' bytes, the innermost first: see [`frames`](crate::frames).
    pub frames: Vec<u8>,
    /// The references to functions, host values and exceptions in frames, which name them by number.
    pub references: [Vec<Reference>; 3],
}

/// A reference in a frame, kept alive while it is here. It can only be given back to the same store.
#[derive(Clone, Debug)]
pub enum Reference {
    /// To nothing.
    Null,
    /// To a function.
    Func(Func),
    /// To a value of the host.
    Extern(OwnedRooted<ExternRef>),
    /// To an exception.
    Exn(OwnedRooted<ExnRef>),
}

impl Reference {
    pub(super) fn of(reference: &Ref, mut store: impl AsContextMut) -> Result<Self, HostError> {
        Ok(match reference {
            Ref::Func(Some(function)) => Self::Func(*function),
            Ref::Extern(Some(value)) => Self::Extern(value.to_owned_rooted(&mut store)?),
            Ref::Exn(Some(exception)) => Self::Exn(exception.to_owned_rooted(&mut store)?),
            _ => Self::Null,
        })
    }

    /// Returns the reference for the runtime, if it is of `kind` or null.
    pub(super) fn get(&self, kind: RefKind, mut store: impl AsContextMut) -> Ref {
        match (self, kind) {
            (Self::Func(function), RefKind::Func) => Ref::Func(Some(*function)),
            (Self::Extern(value), RefKind::Extern) => Ref::Extern(Some(value.to_rooted(&mut store))),
            (Self::Exn(exception), RefKind::Exn) => Ref::Exn(Some(exception.to_rooted(&mut store))),
            (_, RefKind::Func) => Ref::Func(None),
            (_, RefKind::Extern) => Ref::Extern(None),
            (_, RefKind::Exn) => Ref::Exn(None),
        }
    }
}
