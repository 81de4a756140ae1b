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
//! A guest in a host call is attended to there, before the call returns ([`attend`] from `wasi/link.rs`). A sandbox that is
//! saved has its guests stand still between the one and the other, all at the same time (`hold.rs`); an instance that is
//! made of what was saved begins with `resume`.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use stillbox_capture::host::{self as capture, Activation, Unwinder};
use stillbox_kernel::Errno;
use stillbox_kernel::wait::thread_waker;
use wasmtime::{AsContextMut, Memory, ResourceLimiter, Store, StoreContextMut, TypedFunc, WasmParams};

use crate::config::TABLE_ELEMENTS_MAX;
use crate::memory::Images;
use crate::metrics::KillReason;
use crate::process::hold::{self, GuestStill};
use crate::process::{Departure, Exit, Interruptible, Process, Signal, exit};
use crate::program::{CONTROL_BYTES, Invocation};

/// The exported function that a guest's signals are given to, unless it names another.
pub(super) const SIGNAL_HANDLER: &str = "__wasm_signal";

/// An instance, as the one who suspends and resumes it sees it.
pub(super) type Captured = capture::Guest;

/// The state of one instance: what host functions get to see.
pub(crate) struct Guest {
    pub(crate) process: Arc<Process>,
    pub(crate) invocation: Arc<Invocation>,
    /// The name of the exported signal handler.
    pub(crate) signal_handler: String,
    /// What its memories held at first.
    pub(super) images: Images,
    /// The instance, once it is there.
    captured: Option<Captured>,
    /// Whether its main function runs, which is the one that can be gone on with elsewhere.
    in_main: bool,
    /// The memory that the guest exports, once a call has looked it up.
    pub(crate) memory: Option<Memory>,
    memory_limit_bytes: u64,
    /// How many elements the tables have together.
    table_elements: usize,
    /// Whether the memory is there that a suspended stack goes to, which is the engine's and not the guest's.
    has_control: bool,
}

impl Guest {
    fn new(process: &Arc<Process>, invocation: &Arc<Invocation>, images: Images) -> Self {
        Self {
            process: process.clone(),
            invocation: invocation.clone(),
            signal_handler: SIGNAL_HANDLER.to_owned(),
            images,
            captured: None,
            in_main: false,
            memory: None,
            memory_limit_bytes: process.limits.process_memory_bytes,
            table_elements: 0,
            has_control: false,
        }
    }

    /// Returns whether the guest can be suspended so that it can be saved.
    fn can_be_saved(&self) -> bool {
        self.in_main && self.is_capturable() && !self.process.signals.is_handling()
    }

    fn is_capturable(&self) -> bool {
        self.invocation.program.exports.is_capturable()
    }

    /// Takes note that the guest is in a call which can be issued again.
    pub(crate) fn enter_call(&self) {
        self.process.set_can_stand(self.can_be_saved());
    }

    /// Takes note that the guest's call is over, or can't be issued again any more.
    pub(crate) fn leave_call(&self) {
        self.process.set_can_stand(false);
    }

    /// Returns what has the guest leave a call that is issued again later.
    pub(crate) fn unwinder(&self) -> Option<Unwinder> {
        self.captured.as_ref()?.unwinder()
    }
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

/// How a process begins on a thread.
pub(super) enum Beginning {
    /// With a program.
    Program(Arc<Invocation>),
    /// Where it stood still.
    Still(Arc<Invocation>, Box<GuestStill>),
}

/// Runs a process on this thread, through all programs that it executes: to its end, or until it leaves its instance.
fn run(process: &Arc<Process>, beginning: Beginning) {
    let (first, mut still) = match beginning {
        Beginning::Program(first) => {
            process.table.runtime.counters.process_started();
            (first, None)
        }
        Beginning::Still(first, still) => (first, Some(still)),
    };
    let program = first.command.path.as_str();
    let _span = tracing::info_span!(parent: &process.table.span, "process", pid = process.pid, program).entered();
    process.set_waker(thread_waker());
    process.cpu.start();
    let mut invocation = first;
    let exit = loop {
        // A panic would be a defect of the host, which must not take the application along: it ends this process only.
        let departure = std::panic::catch_unwind(AssertUnwindSafe(|| match still.take() {
            None => run_program(process, &invocation),
            Some(still) => resume_program(process, &invocation, &still),
        }));
        match departure {
            Ok(Departure::Exec(next)) => invocation = next,
            Ok(Departure::Exit(exit)) => break exit,
            Ok(Departure::Leave) => {
                process.cpu.stop();
                return process.has_left();
            }
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
    let images = invocation.program.images.clone();
    in_store(Guest::new(process, invocation, images), |store| {
        let start = instantiate(store)?;
        // The word is in a memory of the store, which outlives this function.
        let _interruptible = interruptible(store)?;
        if process.signals.wants_attention() {
            attend(store.as_context_mut())?;
        }
        if let Some(start) = start {
            call(store.as_context_mut(), &start, ())?;
        }
        let instance = with_captured(&mut store.as_context_mut(), |captured, _| Ok(captured.instance()))?;
        let main = instance.get_typed_func::<(), ()>(&mut *store, "_start")?;
        store.data_mut().in_main = true;
        call(store.as_context_mut(), &main, ())
    })
}

/// Goes on with a program that stood still, in a new instance.
fn resume_program(process: &Arc<Process>, invocation: &Arc<Invocation>, still: &GuestStill) -> Departure {
    let images = still.memories.iter().map(|memory| Some(memory.image.clone())).collect();
    let guest = Guest { signal_handler: still.signal_handler.clone(), ..Guest::new(process, invocation, images) };
    process.standing.resume_call(still.blocked_for);
    in_store(guest, |store| {
        instantiate(store)?;
        let _interruptible = interruptible(store)?;
        store.data_mut().in_main = true;
        let mut store = store.as_context_mut();
        // A call that is issued again comes from a continuation, which has no memory to be looked up in.
        let instance = with_captured(&mut store, |captured, _| Ok(captured.instance()))?;
        store.data_mut().memory = instance.get_memory(&mut store, "memory");
        let activation = with_captured(&mut store, |captured, store| {
            for (memory, saved) in captured.memories(&mut *store)?.into_iter().zip(&still.memories) {
                let missing = saved.bytes.saturating_sub(memory.data_size(&*store) as u64);
                let pages = missing / memory.page_size(&*store);
                memory.grow(&mut *store, pages).map_err(|_| out_of_memory(process))?;
            }
            captured.set_state(&mut *store, &still.state)?;
            Ok(captured.load_stack(&mut *store, &still.stack)?)
        })?;
        go_on(store, activation)
    })
}

/// Runs a guest in a store of its own, and returns why it left that.
fn in_store(guest: Guest, run: impl FnOnce(&mut Store<Guest>) -> wasmtime::Result<()>) -> Departure {
    let process = guest.process.clone();
    process.is_capturable.store(guest.is_capturable(), Ordering::Relaxed);
    // What the last program of an exec held is free again.
    process.table.released(process.memory_bytes.swap(0, Ordering::AcqRel));
    let mut store = Store::new(process.table.runtime.engine(), guest);
    store.limiter(|guest| guest);
    match run(&mut store) {
        Ok(()) => Departure::Exit(Exit::Code(0)),
        Err(error) => exit::departure_of(error),
    }
}

/// Makes the instance of a store, and returns the function that the module has run at its start.
fn instantiate(store: &mut Store<Guest>) -> wasmtime::Result<Option<TypedFunc<(), ()>>> {
    let guest = store.data();
    let (process, program, images) = (guest.process.clone(), guest.invocation.program.clone(), guest.images.clone());
    let instance = program.instantiate(&mut *store, &images).map_err(|error| {
        tracing::debug!(%error, "a program could not be instantiated");
        if error.is::<Departure>() || error.is::<wasmtime::Trap>() { error } else { out_of_memory(&process) }
    })?;
    let captured = Captured::new(&mut *store, program.exports.clone(), instance)?;
    let start = captured.start(&mut *store)?;
    store.data_mut().captured = Some(captured);
    Ok(start)
}

/// Lets signals interrupt the instance of a store while what is returned is there.
fn interruptible(store: &mut Store<Guest>) -> wasmtime::Result<Interruptible> {
    let word = with_captured(&mut store.as_context_mut(), |captured, store| Ok(captured.control(&*store)))?;
    Ok(store.data().process.interruptible(word))
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
    match suspended(&mut store)? {
        Some(activation) => go_on(store, activation),
        None => Ok(()),
    }
}

/// Attends to a guest that is suspended and resumes it, again and again until it returns.
fn go_on(mut store: StoreContextMut<'_, Guest>, first: Activation) -> wasmtime::Result<()> {
    let mut next = Some(first);
    while let Some(activation) = next {
        attend_suspended(&mut store, &activation)?;
        resumption(&mut store, &activation)?.call(&mut store, ())?;
        next = suspended(&mut store)?;
    }
    Ok(())
}

/// Does what signals ask of a suspended guest, and has it stand still when its sandbox does.
fn attend_suspended(store: &mut StoreContextMut<'_, Guest>, activation: &Activation) -> wasmtime::Result<()> {
    let process = store.data().process.clone();
    let can_stand = store.data().can_be_saved();
    loop {
        process.set_can_stand(can_stand);
        let attended = attend(store.as_context_mut());
        process.set_can_stand(false);
        attended?;
        let stood = can_stand
            && process.stand(|| {
                let saved = with_captured(store, |captured, store| Ok(hold::save(captured, store, activation)));
                saved.unwrap_or_else(|error| Err(error.into()))
            })?;
        if !stood && !process.signals.is_stopped() {
            return Ok(());
        }
    }
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
///
/// A guest in a call doesn't stop there, since it could not be saved: it suspends itself as soon as the call is over.
pub(crate) fn attend(mut store: StoreContextMut<'_, Guest>) -> wasmtime::Result<()> {
    let process = store.data().process.clone();
    // Called off before looking, so that a signal which comes meanwhile interrupts again.
    process.resume_uninterrupted();
    let is_in_call = store.data().can_be_saved() && !process.can_stand();
    let stop = || if is_in_call { process.check_killed() } else { process.wait_while_stopped() };
    stop()?;
    // One handler at a time: what comes while one runs waits for its end.
    if process.signals.is_handling() {
        return Ok(());
    }
    while !process.signals.is_stopped()
        && let Some(signal) = process.signals.take_pending()
    {
        if let Some(handler) = handler(&mut store) {
            process.set_can_stand(false);
            process.signals.set_handling(true);
            let handled = call(store.as_context_mut(), &handler, i32::from(signal.number()));
            process.signals.set_handling(false);
            process.set_can_stand(!is_in_call && store.data().can_be_saved());
            handled?;
        }
        stop()?;
    }
    if process.signals.is_stopped() || process.table.is_held() {
        process.call();
    }
    Ok(())
}

/// Returns the function that the guest wants its signals to be given to.
fn handler(store: &mut StoreContextMut<'_, Guest>) -> Option<TypedFunc<i32, ()>> {
    let instance = store.data().captured.as_ref()?.instance();
    let name = store.data().signal_handler.clone();
    instance.get_typed_func(&mut *store, &name).ok()
}

/// Starts a thread for a process that is in the table.
///
/// # Errors
///
/// [`Errno::Again`] if the system has no more threads.
pub(super) fn launch(process: Arc<Process>, beginning: Beginning) -> Result<(), Errno> {
    let threads = process.table.runtime.threads.clone();
    threads.run(Box::new(move || run(&process, beginning))).map_err(|error| {
        tracing::warn!(%error, "no thread for a process");
        Errno::Again
    })
}
