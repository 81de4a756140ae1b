//! Makes the stack of a running WebAssembly program savable, and brings it back.
//!
//! A runtime has no means to save the stack of a program that it runs. So the program is rewritten before it is compiled:
//! at each loop, and in functions that call themselves, it looks at a *control word*, and when that is set it writes what
//! every function on the stack still needs into *frames* in a memory of its own, and returns. A suspended program is then
//! nothing but bytes: its frames, memories, globals and tables. It goes on, in the same instance or in a new one on another
//! machine, by *continuations*: one small module for each place where a function can be suspended, made and compiled when
//! it is first needed. `docs/capture.md` tells how that works.
//!
//! There are two layers. [`Analysis`], [`frames`] and [`polling`] turn bytes into bytes and know no runtime. [`host`] runs
//! what they make with `wasmtime`. The engine's configuration must allow `wasm_threads` (for one atomic load: no memory is
//! shared; where there are no atomic loads, see [`Poll`]) and `wasm_multi_memory`, and should allow `wasm_branch_hinting`; a pool of instances must have room for one
//! memory more, up to three tables more where references are in frames, and an instance for each continuation in use.
//!
//! # Example
//!
//! ```
//! use std::sync::Arc;
//! use stillbox_capture::Analysis;
//! use stillbox_capture::host::{CompiledContinuations, Exports, Guest, Outcome};
//! use wasmtime::{Config, Engine, Instance, Module, Store};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut config = Config::new();
//! config.wasm_threads(true).wasm_multi_memory(true).wasm_branch_hinting(true);
//! let engine = Engine::new(&config)?;
//!
//! // Once for each program. No import of this one blocks.
//! let program = wat::parse_str(
//!     r#"(module (func (export "sum") (param $n i32) (result i64) (local $sum i64)
//!       (loop $next
//!         (local.set $sum (i64.add (local.get $sum) (i64.extend_i32_u (local.get $n))))
//!         (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
//!       (local.get $sum)))"#,
//! )?;
//! let analysis = Arc::new(Analysis::new(program, |_module, _name| false)?);
//! let module = Module::new(&engine, analysis.rewrite()?)?;
//! let exports = Arc::new(Exports::of(&module)?);
//! let continuations = CompiledContinuations::new(engine.clone(), analysis);
//!
//! // Once for each process.
//! let mut store = Store::new(&engine, ());
//! let instance = Instance::new(&mut store, &module, &[])?;
//! let mut guest = Guest::new(&mut store, exports.clone(), instance)?;
//! if let Some(start) = guest.start(&mut store)? {
//!     guest.call(&mut store, &start, ())?;
//! }
//!
//! // Any thread may do this at any time, while the store is there.
//! unsafe { guest.control(&store).request() };
//! let sum = instance.get_typed_func::<i32, i64>(&mut store, "sum")?;
//! assert_eq!(guest.call(&mut store, &sum, 1000)?, Outcome::Unwound);
//!
//! // To bytes, and from bytes in another store. The memories' contents are for the host to copy.
//! let stack = guest.take(&mut store)?;
//! let (stack, state) = (guest.save_stack(&mut store, &stack)?, guest.state(&mut store)?);
//!
//! let mut store = Store::new(&engine, ());
//! let instance = Instance::new(&mut store, &module, &[])?;
//! let mut guest = Guest::new(&mut store, exports, instance)?;
//! guest.set_state(&mut store, &state)?;
//! let stack = guest.load_stack(&mut store, &stack)?;
//! assert_eq!(guest.resume::<i64>(&mut store, &stack, &continuations)?, Outcome::Returned(500_500));
//! # Ok(())
//! # }
//! ```
//!
//! # What a host must see to
//!
//! - **Blocking imports** are those that `Analysis::new` was told of. Such an import may, instead of waiting, call
//!   [`Unwinder::unwind`](host::Unwinder::unwind) and return anything. It is called again, with the same arguments, when
//!   the guest is resumed; so it must not have done anything yet.
//! - **Other imports** must not suspend the guest. One that calls back into the guest gets an
//!   [`Outcome::Unwound`](host::Outcome::Unwound) like any caller, and must take that stack before it returns.
//! - **The control word** stays set until the host clears it, which it does before it resumes the guest. While it stays
//!   set, a guest that is resumed gets at least one iteration or call further each time.
//! - **To kill** a guest is to suspend it and to drop it.
//! - **A start function** is not run by instantiation: see [`Guest::start`](host::Guest::start).
//! - **What can't be captured**, a [`CaptureError`] says. [`polling`] is for those programs: they run, and can be stopped.

mod analyze;
mod continuation;
mod emit;
mod error;
mod frame;
mod function;
pub mod host;
mod liveness;
mod module;
mod names;
mod poll;
mod polling;
mod prepare;
mod rewrite;
mod sections;
mod sites;
mod value;

pub use analyze::{Analysis, Site};
pub use error::CaptureError;
pub use frame::{CONTROL_PAGES, Frame, FrameError, frames};
pub use names::SAFEPOINT;
pub use poll::Poll;
pub use polling::polling;
pub use sites::Loop;

/// The version of what a module is rewritten to: of the names it exports, of the numbers of its sites, and of its frames.
///
/// Compiled code and frames that are kept belong to one version.
pub const VERSION: u32 = 2;
