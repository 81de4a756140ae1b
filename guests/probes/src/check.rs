//! Saying what does not hold.

use std::fmt::{Debug, Display};
use std::io;

/// What a probe returns: nothing, or what does not hold.
pub type Outcome<T = ()> = Result<T, String>;

/// Fails unless `got` is `expected`.
pub fn equal<T: PartialEq + Debug>(what: &str, got: T, expected: T) -> Outcome {
    if got == expected { Ok(()) } else { Err(format!("{what}: got {got:?}, expected {expected:?}")) }
}

/// Fails, with what was tried, unless `holds`.
pub fn that(what: &str, holds: bool) -> Outcome {
    if holds { Ok(()) } else { Err(format!("{what}: does not hold")) }
}

/// Fails unless `result` is one of these errors. Several are right where systems differ.
pub fn error<T: Debug>(what: &str, result: io::Result<T>, errors: &[i32]) -> Outcome {
    match result {
        Err(error) if error.raw_os_error().is_some_and(|number| errors.contains(&number)) => Ok(()),
        other => Err(format!("{what}: got {other:?}, expected one of {errors:?}")),
    }
}

/// Returns the name of the error's kind. The standard library knows fewer of them on this target than elsewhere.
pub fn kind(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(libc::ENAMETOOLONG) => "InvalidFilename".to_owned(),
        Some(libc::ENOSPC) => "StorageFull".to_owned(),
        _ => format!("{:?}", error.kind()),
    }
}

/// Adds what was tried to an error.
pub trait During<T> {
    /// Turns the error into text that starts with `what`.
    fn during(self, what: &str) -> Outcome<T>;
}

impl<T, E: Display> During<T> for Result<T, E> {
    fn during(self, what: &str) -> Outcome<T> {
        self.map_err(|error| format!("{what}: {error}"))
    }
}

/// Returns the number in `arguments[at]`, or `default` if there are fewer.
pub fn number(arguments: &[String], at: usize, default: u64) -> Outcome<u64> {
    arguments.get(at).map_or(Ok(default), |text| text.parse().during(&format!("argument `{text}`")))
}
