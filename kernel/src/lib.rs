//! The kernel of a Stillbox sandbox: files, pipes, terminals, clocks and waiting, as plain Rust data.
//!
//! Nothing in here knows the WebAssembly runtime, and nothing does host I/O but `fs::mount`, the one door to the host's
//! files. That is what lets a sandbox be saved: its state is all here, and all of it is data.
#![forbid(unsafe_code)]

pub mod account;
pub mod blob;
pub mod chunk;
pub mod clock;
pub mod errno;
pub mod fs;
pub mod pipe;
pub mod tty;
pub mod wait;

pub use errno::Errno;
