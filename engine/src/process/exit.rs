//! How a process ends.

use std::fmt;
use std::sync::Arc;

use crate::process::signals::Signal;
use crate::program::Invocation;

/// The exit status of a process: a code, or the signal that ended it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It called `proc_exit`, or its main function returned.
    Code(u32),
    /// A signal ended it, sent or raised by a fault.
    Signal(Signal),
}

/// Why a guest's stack is being left: the error that travels from a host call out to the thread that runs the process.
pub(crate) enum Departure {
    /// The process ends.
    Exit(Exit),
    /// The process goes on with another program.
    Exec(Arc<Invocation>),
    /// The process stands still and gives its instance up, to go on in another one.
    Leave,
}

impl fmt::Debug for Departure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exit(exit) => f.debug_tuple("Exit").field(exit).finish(),
            Self::Exec(_) => f.write_str("Exec"),
            Self::Leave => f.write_str("Leave"),
        }
    }
}

impl fmt::Display for Departure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exit(Exit::Code(code)) => write!(f, "exit with code {code}"),
            Self::Exit(Exit::Signal(signal)) => write!(f, "end by signal {}", signal.number()),
            Self::Exec(_) => f.write_str("run another program"),
            Self::Leave => f.write_str("leave the instance"),
        }
    }
}

impl std::error::Error for Departure {}

/// Returns the departure that an error from the runtime stands for: a host call's own, or the signal that a native
/// program would have got for the same fault.
pub(crate) fn departure_of(error: wasmtime::Error) -> Departure {
    use wasmtime::Trap;

    let error = match error.downcast::<Departure>() {
        Ok(departure) => return departure,
        Err(error) => error,
    };
    let signal = match error.downcast_ref::<Trap>() {
        Some(Trap::StackOverflow | Trap::MemoryOutOfBounds | Trap::HeapMisaligned) => Signal::SEGV,
        Some(Trap::IntegerDivisionByZero | Trap::IntegerOverflow | Trap::BadConversionToInteger) => Signal::FPE,
        Some(Trap::IndirectCallToNull | Trap::BadSignature | Trap::TableOutOfBounds) => Signal::ILL,
        // `unreachable` is what a compiler puts after a call of `abort`, and an uncaught exception is one too.
        _ => Signal::ABRT,
    };
    tracing::debug!(%error, signal = signal.number(), "a guest faulted");
    Departure::Exit(Exit::Signal(signal))
}
