//! Exits with 1.
//!
//! Without the standard library's start-up it is a few hundred bytes, for the reason that `true` is.

#![no_std]
#![no_main]

mod bare;

/// What the C library's start-up calls.
#[unsafe(no_mangle)]
extern "C" fn __main_void() -> i32 {
    1
}
