//! An embeddable sandbox engine on Wasmtime.

mod config;
mod process;
mod program;
mod runtime;
mod wasi;

pub use stillbox_api::*;
