//! An embeddable sandbox engine: small computers, made in microseconds, for programs that you don't trust.
//!
//! A sandbox has its own files, processes, pipes, signals and limits. The programs in it are WebAssembly, run by
//! [Wasmtime](https://wasmtime.dev); there is no virtual machine, daemon or container behind it.
//!
//! ```no_run
//! use stillbox::{AsyncSandboxExt, Command, Engine, SandboxError, SandboxSpec, Sandboxes};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let engine = Engine::new()?;
//! let sandbox = engine.create(SandboxSpec::default()).await?;
//! sandbox.write("words.txt", "pear\napple\nfig\n").await?;
//! let result = sandbox.run(Command::shell("sort words.txt | tee sorted.txt | head -n 1")).await?;
//! assert_eq!((result.exit_code, result.stdout.as_str()), (0, "apple"));
//! assert_eq!(sandbox.read_to_string("sorted.txt").await?, "apple\nfig\npear\n");
//! sandbox.terminate().await?;
//! # Ok(())
//! # }
//! ```
//!
//! - [`Engine`] makes sandboxes ([`Sandboxes`]) and is where compiled programs are shared.
//! - [`AsyncSandbox`] is what a sandbox can do. Its futures need no particular runtime.
//! - [`blocking`] has the same without `async`.
//! - [`Image`] is what sandboxes begin with.
//!
//! The interface is a crate of its own, `stillbox-api`, which other engines implement as well; this crate re-exports it.

pub mod blocking;

mod config;
mod engine;
mod image;
mod memory;
mod metrics;
mod offload;
mod process;
mod program;
mod registry;
mod runtime;
mod sandbox;
mod snapshots;
mod task;
mod timers;
mod wasi;

pub use engine::{Engine, EngineBuilder, EngineError};
pub use image::{Image, ImageBuilder, ImageError};
pub use program::ProgramError;
pub use snapshots::{ExportError, ImportError};
pub use stillbox_api::*;
