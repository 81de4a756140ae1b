//! What a host needs to run rewritten modules with `wasmtime`.
//!
//! [`Exports`] are looked up once for a module, a [`Guest`] is made for each instance of it. [`Guest::call`] runs an
//! exported function until it returns or the stack is unwound; [`Guest::take`] then takes the frames out as an
//! [`Activation`], and [`Guest::resume`] brings them back, in the same instance or in another one whose memory, globals
//! and tables are the same.
//!
//! ```text
//!              call                      take
//!   instance --------> Outcome::Unwound ------> Activation
//!                          ^                        |
//!                          |        resume          |
//!                          '------------------------'---> Outcome::Returned
//! ```

mod activation;
mod continuations;
mod control;
mod error;
mod exports;
mod guest;
mod resume;
mod state;

pub use activation::{Activation, Reference};
pub use continuations::{CompiledContinuations, ContinuationSource, compile_continuations};
pub use control::ControlWord;
pub use error::HostError;
pub use exports::Exports;
pub use guest::{Guest, Outcome, Unwinder};
pub use state::{SavedReference, SavedStack, SavedValue, State};
