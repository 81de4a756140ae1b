//! What `dd` needs in place of a thread.

use std::ffi::{c_int, c_void};
use std::sync::atomic::{AtomicBool, Ordering};

static PRETEND: AtomicBool = AtomicBool::new(false);

/// Lets the program believe that it has started the threads it asks for.
///
/// That is right for `dd` alone: its only thread tells it once a second that it may report its progress, so that it
/// reports at the end only, and the library's `dd` fails without it. Anyone else is told that there are no threads.
pub fn pretend() {
    PRETEND.store(true, Ordering::Relaxed);
}

#[unsafe(no_mangle)]
extern "C" fn pthread_create(
    _thread: *mut c_void,
    _attributes: *const c_void,
    _start: *const c_void,
    _argument: *mut c_void,
) -> c_int {
    if PRETEND.load(Ordering::Relaxed) { 0 } else { libc::EAGAIN }
}
