//! Running a process: one instance of a program on one thread, from `_start` to the exit status.
//!
//! ```text
//!   call --> the guest computes --> returns
//!    ^            |
//!    |            | its control word is set: it suspends itself, its stack unwinds
//!    |            v
//!    |         attend: end, wait while stopped, run handlers
//!    |            |
//!    '--- resume -'
//! ```
//!
//! A guest in a host call is attended to there, before the call returns ([`attend`] from `wasi/link.rs`).

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use stillbox_capture::host::{self as capture, Activation};
use stillbox_kernel::Errno;
use stillbox_kernel::wait::thread_waker;
use wasmtime::{AsContextMut, Memory, ResourceLimiter, Store, StoreContextMut, TypedFunc, WasmParams};

use crate::config::TABLE_ELEMENTS_MAX;
use crate::metrics::KillReason;
use crate::process::{Departure, Exit, Process, Signal, exit};
use crate::program::{CONTROL_BYTES, Invocation, Program};

/// The exported function that a guest's signals are given to, unless it names another.
const SIGNAL_HANDLER: &str = "__wasm_signal";

/// The state of one instance: what host functions get to see.
pub(crate) struct Guest {
    pub(crate) process: Arc<Process>,
    pub(crate) invocation: Arc<Invocation>,
    /// The name of the exported signal handler.
    pub(crate) signal_handler: String,
    /// The instance, once it is there, as the one who suspends and resumes it sees it.
    captured: Option<capture::Guest>,
    /// The memory that the guest exports, once a call has looked it up.
    pub(crate) memory: Option<Memory>,
    memory_limit_bytes: u64,
    /// How many elements the tables have together.
    table_elements: usize,
    /// Whether the memory is there that a suspended stack goes to, which is the engine's and not the guest's.
    has_control: bool,
}

impl ResourceLimiter for Guest {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        // It is hardly ever written to. A memory of the guest's own that looks like it takes its place in the account.
        if !self.has_control && (current, desired, maximum) == (0, CONTROL_BYTES, Some(CONTROL_BYTES)) {
            self.has_control = true;
            return Ok(true);
        }
        let more = (desired - current) as u64;
        if desired as u64 > self.memory_limit_bytes || !self.process.table.reserve(more) {
            return Ok(false);
        }
        self.process.memory_bytes.fetch_add(more, Ordering::AcqRel);
        Ok(true)
    }

    fn table_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let elements = self.table_elements + (desired - current);
        if elements > TABLE_ELEMENTS_MAX {
            return Ok(false);
        }
        self.table_elements = elements;
        Ok(true)
    }
}

/// Runs a process to its end, on this thread, through all programs that it executes.
pub(crate) fn run(process: &Arc<Process>, first: Arc<Invocation>) {
    let program = first.path.as_str();
    let _span = tracing::info_span!(parent: &process.table.span, "process", pid = process.pid, program).entered();
    process.table.runtime.counters.process_started();
    process.set_waker(thread_waker());
    process.cpu.start();
    let mut invocation = first;
    let exit = loop {
        // A panic would be a defect of the host, which must not take the application along: it ends this process only.
        let departure = std::panic::catch_unwind(AssertUnwindSafe(|| run_program(process, &invocation)));
        match departure {
            Ok(Departure::Exec(next)) => invocation = next,
            Ok(Departure::Exit(exit)) => break exit,
            Err(_) => {
                tracing::error!(pid = process.pid, "a host function panicked");
                break Exit::Signal(Signal::ABRT);
            }
        }
    };
    process.cpu.stop();
    tracing::debug!(pid = process.pid, ?exit, "process ended");
    process.finish(exit);
}

/// Runs one program until the guest leaves its stack.
fn run_program(process: &Arc<Process>, invocation: &Arc<Invocation>) -> Departure {
    let guest = Guest {
        process: process.clone(),
        invocation: invocation.clone(),
        signal_handler: SIGNAL_HANDLER.to_owned(),
        captured: None,
        memory: None,
        memory_limit_bytes: process.limits.process_memory_bytes,
        table_elements: 0,
        has_control: false,
    };
    // What the last program of an exec held is free again.
    process.table.released(process.memory_bytes.swap(0, Ordering::AcqRel));
    let mut store = Store::new(process.table.runtime.engine(), guest);
    store.limiter(|guest| guest);
    match start(&mut store, process, &invocation.program) {
        Ok(()) => Departure::Exit(Exit::Code(0)),
        Err(error) => exit::departure_of(error),
    }
}

fn start(store: &mut Store<Guest>, process: &Process, program: &Program) -> wasmtime::Result<()> {
    let instance = program.instantiate(&mut *store).map_err(|error| {
        tracing::debug!(%error, "a program could not be instantiated");
        if error.is::<Departure>() || error.is::<wasmtime::Trap>() { error } else { out_of_memory(process) }
    })?;
    let captured = capture::Guest::new(&mut *store, program.exports.clone(), instance)?;
    // The word is in a memory of the store, which outlives this function.
    let _interruptible = process.interruptible(captured.control(&*store));
    let start = captured.start(&mut *store)?;
    store.data_mut().captured = Some(captured);
    if process.signals.wants_attention() {
        attend(store.as_context_mut())?;
    }
    if let Some(start) = start {
        call(store.as_context_mut(), &start, ())?;
    }
    let main = instance.get_typed_func::<(), ()>(&mut *store, "_start")?;
    call(store.as_context_mut(), &main, ())
}

/// Returns the end of a process that got no memory to start in, which is what the out-of-memory killer does.
fn out_of_memory(process: &Process) -> wasmtime::Error {
    process.set_kill_reason(KillReason::Memory);
    Departure::Exit(Exit::Signal(Signal::KILL)).into()
}

/// Calls a function of the guest, and resumes it whenever it suspended itself and was attended to, until it returns.
fn call<P: WasmParams>(
    mut store: StoreContextMut<'_, Guest>,
    function: &TypedFunc<P, ()>,
    parameters: P,
) -> wasmtime::Result<()> {
    function.call(&mut store, parameters)?;
    while let Some(activation) = suspended(&mut store)? {
        attend(store.as_context_mut())?;
        resumption(&mut store, &activation)?.call(&mut store, ())?;
    }
    Ok(())
}

/// Takes the stack of the guest, if it has suspended itself.
fn suspended(store: &mut StoreContextMut<'_, Guest>) -> wasmtime::Result<Option<Activation>> {
    with_captured(store, |captured, store| {
        let unwound = captured.is_unwinding(&mut *store);
        Ok(if unwound { Some(captured.take(store)?) } else { None })
    })
}

/// Puts a stack back, and returns the function that goes on with it.
fn resumption(store: &mut StoreContextMut<'_, Guest>, activation: &Activation) -> wasmtime::Result<TypedFunc<(), ()>> {
    let invocation = store.data().invocation.clone();
    with_captured(store, |captured, store| {
        let continuations = invocation.program.capture()?;
        // What isn't at hand is compiled in one go, which takes less time than one after the other.
        capture::compile_continuations([activation.frames.as_slice()], continuations)?;
        captured.put_back(&mut *store, activation, continuations)?.typed(&*store)
    })
}

/// Has `act` use the instance beside the store that its handle is kept in.
fn with_captured<T>(
    store: &mut StoreContextMut<'_, Guest>,
    act: impl FnOnce(&mut capture::Guest, &mut StoreContextMut<'_, Guest>) -> wasmtime::Result<T>,
) -> wasmtime::Result<T> {
    let taken = store.data_mut().captured.take();
    let mut captured = taken.ok_or_else(|| wasmtime::Error::msg("the guest has no instance yet"))?;
    let result = act(&mut captured, store);
    store.data_mut().captured = Some(captured);
    result
}

/// Does what signals ask of a guest: end, stop, or run handlers.
pub(crate) fn attend(mut store: StoreContextMut<'_, Guest>) -> wasmtime::Result<()> {
    let process = store.data().process.clone();
    // Called off before looking, so that a signal which comes meanwhile interrupts again.
    process.resume_uninterrupted();
    process.wait_while_stopped()?;
    // One handler at a time: what comes while one runs waits for its end.
    if process.signals.is_handling() {
        return Ok(());
    }
    while let Some(signal) = process.signals.take_pending() {
        if let Some(handler) = handler(&mut store) {
            process.signals.set_handling(true);
            let handled = call(store.as_context_mut(), &handler, i32::from(signal.number()));
            process.signals.set_handling(false);
            handled?;
        }
        process.wait_while_stopped()?;
    }
    Ok(())
}

/// Returns the function that the guest wants its signals to be given to.
fn handler(store: &mut StoreContextMut<'_, Guest>) -> Option<TypedFunc<i32, ()>> {
    let instance = store.data().captured.as_ref()?.instance();
    let name = store.data().signal_handler.clone();
    instance.get_typed_func(&mut *store, &name).ok()
}

/// Starts the thread of a process that is in the table.
///
/// # Errors
///
/// [`Errno::Again`] if the system has no more threads.
pub(super) fn launch(process: Arc<Process>, invocation: Arc<Invocation>) -> Result<(), Errno> {
    let threads = process.table.runtime.threads.clone();
    threads.run(Box::new(move || run(&process, invocation))).map_err(|error| {
        tracing::warn!(%error, "no thread for a process");
        Errno::Again
    })
}
