//! Running a process: one instance of a program on one thread, from `_start` to the exit status.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use stillbox_kernel::Errno;
use stillbox_kernel::wait::thread_waker;
use wasmtime::{Instance, Memory, ResourceLimiter, Store, StoreContextMut, TypedFunc, UpdateDeadline};

use crate::config::TABLE_ELEMENTS_MAX;
use crate::metrics::KillReason;
use crate::process::{Departure, Exit, Process, Signal, exit};
use crate::program::{Invocation, Program};

/// How far ahead, in epochs, the next interruption is put while a signal handler runs: the runtime can't attend to an
/// interruption within one, and a handler ends soon. One that doesn't is reached by as many interruptions.
pub(super) const HANDLER_EPOCHS: u64 = 1 << 20;

/// The exported function that a guest's signals are given to, unless it names another.
const SIGNAL_HANDLER: &str = "__wasm_signal";

/// The state of one instance: what host functions get to see.
pub(crate) struct Guest {
    pub(crate) process: Arc<Process>,
    pub(crate) invocation: Arc<Invocation>,
    /// The name of the exported signal handler.
    pub(crate) signal_handler: String,
    instance: Option<Instance>,
    /// The memory that the guest exports, once a call has looked it up.
    pub(crate) memory: Option<Memory>,
    memory_limit_bytes: u64,
    /// How many elements the tables have together.
    table_elements: usize,
}

impl ResourceLimiter for Guest {
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
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
        instance: None,
        memory: None,
        memory_limit_bytes: process.table.limits.process_memory_bytes,
        table_elements: 0,
    };
    // What the last program of an exec held is free again.
    process.table.released(process.memory_bytes.swap(0, Ordering::AcqRel));
    let mut store = Store::new(process.table.runtime.engine(), guest);
    store.limiter(|guest| guest);
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(|mut store| attend(&mut store));
    match start(&mut store, &invocation.program) {
        Ok(()) => Departure::Exit(Exit::Code(0)),
        Err(error) => exit::departure_of(error),
    }
}

fn start(store: &mut Store<Guest>, program: &Program) -> wasmtime::Result<()> {
    // A signal that came before the deadline was set would not be seen by it.
    let process = store.data().process.clone();
    process.check_killed()?;
    let instance = program.instantiate(&mut *store).map_err(|error| {
        tracing::debug!(%error, "a program could not be instantiated");
        if error.is::<Departure>() || error.is::<wasmtime::Trap>() { error } else { out_of_memory(&process) }
    })?;
    store.data_mut().instance = Some(instance);
    instance.get_typed_func::<(), ()>(&mut *store, "_start")?.call(&mut *store, ())
}

/// Returns the end of a process that got no memory to start in, which is what the out-of-memory killer does.
fn out_of_memory(process: &Process) -> wasmtime::Error {
    process.set_kill_reason(KillReason::Memory);
    Departure::Exit(Exit::Signal(Signal::KILL)).into()
}

/// Does what signals ask of a guest that is computing: end, stop, or run handlers.
fn attend(store: &mut StoreContextMut<'_, Guest>) -> wasmtime::Result<UpdateDeadline> {
    let process = store.data().process.clone();
    if process.signals.wants_attention() {
        process.wait_while_stopped()?;
        while let Some(signal) = process.signals.take_pending() {
            let handled = match handler(store) {
                Some(handler) => handle(store, &process, &handler, signal),
                None => Ok(()),
            };
            // A handler that a kill interrupted fails, but that is not how the process ended.
            process.check_killed()?;
            handled?;
        }
    }
    Ok(UpdateDeadline::Continue(1))
}

fn handle(
    store: &mut StoreContextMut<'_, Guest>,
    process: &Process,
    handler: &TypedFunc<i32, ()>,
    signal: Signal,
) -> wasmtime::Result<()> {
    process.signals.set_handling(true);
    // Looked at after that is said, so that whoever kills the process meanwhile knows how to reach it.
    if process.signals.fatal().is_none() {
        store.set_epoch_deadline(HANDLER_EPOCHS);
        handler.call(&mut *store, i32::from(signal.number()))?;
    }
    process.signals.set_handling(false);
    Ok(())
}

/// Returns the function that the guest wants its signals to be given to.
fn handler(store: &mut StoreContextMut<'_, Guest>) -> Option<TypedFunc<i32, ()>> {
    let instance = store.data().instance?;
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
