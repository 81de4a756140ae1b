//! Ctrl-C while a script runs: an error in it, so that a prompt comes back. A second one ends the program, if the first had
//! no effect.

use std::ffi::{c_int, c_void};
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use stillbox_sys::{self as sys, Disposition};

use crate::api::{self, State};

const SIGINT: sys::Signal = 2;

/// What runs at the moment.
static RUNNING: AtomicPtr<State> = AtomicPtr::new(ptr::null_mut());

/// Has SIGINT interrupt what this state is about to run.
pub fn begin(state: *mut State) {
    RUNNING.store(state, Ordering::Relaxed);
    handle();
    let _ = sys::signal_action(SIGINT, Disposition::Catch);
}

/// Has SIGINT end the program again.
pub fn end() {
    let _ = sys::signal_action(SIGINT, Disposition::Default);
    RUNNING.store(ptr::null_mut(), Ordering::Relaxed);
}

#[cfg(target_os = "wasi")]
fn handle() {
    #[link(wasm_import_module = "wasix_32v1")]
    unsafe extern "C" {
        fn callback_signal(name: *const u8, len: usize);
    }
    let name = "lua_interrupted";
    // SAFETY: the host reads the name.
    unsafe { callback_signal(name.as_ptr(), name.len()) }
}

#[cfg(not(target_os = "wasi"))]
fn handle() {}

/// Is called by the host wherever the script is. Setting a hook is the one thing that Lua allows there.
#[unsafe(no_mangle)]
extern "C" fn lua_interrupted(_signal: i32) {
    let state = RUNNING.load(Ordering::Relaxed);
    if !state.is_null() {
        let _ = sys::signal_action(SIGINT, Disposition::Default);
        // SAFETY: the state is valid while it is the one that runs.
        unsafe { api::lua_sethook(state, Some(raise), api::MASK_ALL, 1) }
    }
}

unsafe extern "C-unwind" fn raise(state: *mut State, _activation: *mut c_void) {
    // SAFETY: Lua passes its state; nothing in this function is to be dropped.
    unsafe {
        api::lua_sethook(state, None, 0, 0);
        let _: c_int = api::luaL_error(state, c"interrupted!".as_ptr());
    }
}
