//! What can keep a program from being captured.

use std::convert::Infallible;

use thiserror::Error;

use crate::Site;

/// Why a module can't be made capturable, or one of its continuations not be made.
///
/// A program that gets one of these can still be run and stopped: see [`crate::polling`].
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CaptureError {
    /// The module is no valid WebAssembly, by the proposals that the engine accepts.
    #[error("the module is not valid")]
    Invalid(#[source] wasmparser::Error),

    /// The module is valid, but uses what can't be captured.
    #[error("the module uses what can't be captured")]
    Unsupported(#[source] wasmparser::Error),

    /// The module can't be written anew.
    #[error("the module can't be written anew: {0}")]
    Encoding(String),

    /// The module exports a name that begins with the prefix that is kept for the names which the rewrite adds.
    #[error("the module exports the reserved name {0:?}")]
    ReservedName(String),

    /// A function is larger than a captured one may be.
    #[error("function {function} has more {what} than the {max} that can be captured")]
    FunctionTooLarge {
        /// Its index.
        function: u32,
        /// What it has too many of.
        what: &'static str,
        /// How many of these there may be.
        max: usize,
    },

    /// The module has more of something than there may be, with what the rewrite adds.
    #[error("the module is larger than what can be captured")]
    ModuleTooLarge(#[source] wasmparser::Error),

    /// The module has more code or more sites than there may be.
    #[error("the module has more {0} than can be captured")]
    TooMuch(&'static str),

    /// The module has no such site, or the site can't be reached.
    #[error("there is no site {}", .0.0)]
    NoSuchSite(Site),
}

impl From<wasmparser::Error> for CaptureError {
    fn from(source: wasmparser::Error) -> Self {
        Self::Invalid(source)
    }
}

impl From<wasm_encoder::reencode::Error<Infallible>> for CaptureError {
    fn from(source: wasm_encoder::reencode::Error<Infallible>) -> Self {
        match source {
            wasm_encoder::reencode::Error::ParseError(source) => Self::Invalid(source),
            other => Self::Encoding(other.to_string()),
        }
    }
}
