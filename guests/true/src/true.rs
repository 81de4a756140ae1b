//! Exits with 0.
//!
//! Without the standard library's start-up it is a few hundred bytes, so that what it costs to run is what a process costs.

#![no_std]
#![no_main]

mod bare;

/// What the C library's start-up calls.
#[unsafe(no_mangle)]
extern "C" fn __main_void() -> i32 {
    0
}
