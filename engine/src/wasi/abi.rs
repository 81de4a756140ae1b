//! The ABI as `wiggle` generates it from the witx text: one trait for each namespace, and the types they share.

use stillbox_kernel::Errno;
use wiggle::GuestError;

use crate::process::hold::Held;
use crate::process::{Departure, Stop};

wiggle::from_witx!({
    witx: [
        "witx/wasi_snapshot_preview1.witx",
        "witx/wasi_unstable.witx",
        "witx/wasix_32v1.witx",
        "witx/stillbox_v1.witx",
    ],
    errors: { errno => trappable Error },
    tracing: false,
    wasmtime: false,
});

pub(crate) use types::Error;

/// What a function of the ABI returns.
pub(crate) type Result<T> = std::result::Result<T, Error>;

impl wiggle::GuestErrorType for types::Errno {
    fn success() -> Self {
        Self::Success
    }
}

impl From<Errno> for Error {
    fn from(errno: Errno) -> Self {
        // Both have the numbers of preview1.
        types::Errno::try_from(errno.code()).unwrap_or(types::Errno::Io).into()
    }
}

impl From<Departure> for Error {
    fn from(departure: Departure) -> Self {
        Error::trap(departure.into())
    }
}

impl From<Stop> for Error {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Errno(errno) => errno.into(),
            Stop::Departure(departure) => departure.into(),
            Stop::Hold => Error::trap(Held.into()),
        }
    }
}

impl From<GuestError> for Error {
    fn from(error: GuestError) -> Self {
        errno_of(&error).into()
    }
}

/// Returns what a guest is told that gave arguments which can't be read.
pub(super) fn errno_of(error: &GuestError) -> Errno {
    match error {
        GuestError::InvalidFlagValue(_) | GuestError::InvalidEnumValue(_) => Errno::Inval,
        GuestError::InvalidUtf8(_) => Errno::Ilseq,
        GuestError::TryFromIntError(_) => Errno::Overflow,
        GuestError::InFunc { err, .. } => errno_of(err),
        // Bad pointers of every kind.
        _ => Errno::Fault,
    }
}
