//! What can go wrong between a host and a rewritten module.

use thiserror::Error;

use crate::{CaptureError, FrameError, Site};

/// Why a guest could not be suspended or resumed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HostError {
    /// The module is not one that was rewritten here.
    #[error("the module has no {0}, so it was not rewritten")]
    NotRewritten(&'static str),

    /// The module was made to be stopped only.
    #[error("the program can't be captured")]
    NotCapturable,

    /// What is to be taken is not there: the stack was not unwound.
    #[error("the program was not suspended")]
    NotSuspended,

    /// What is to be resumed is no stack.
    #[error("the frames are damaged")]
    Frames(#[from] FrameError),

    /// There is a reference that means nothing outside of the store that it is in.
    #[error("{0} refers to what is no function of the program")]
    Reference(String),

    /// What is to be restored is not of this program.
    #[error("what is to be restored belongs to another program")]
    OtherProgram,

    /// A continuation can't be made.
    #[error("there is no continuation for site {}", .site.0)]
    Continuation {
        /// Where the program would go on.
        site: Site,
        /// Why.
        #[source]
        source: CaptureError,
    },

    /// A continuation imports what is not there.
    #[error("a continuation imports {0:?}, which the program does not export")]
    Import(String),

    /// The runtime failed, or the guest trapped.
    #[error("the runtime failed")]
    Runtime(#[source] wasmtime::Error),
}

impl From<wasmtime::Error> for HostError {
    fn from(source: wasmtime::Error) -> Self {
        Self::Runtime(source)
    }
}
