//! Gives the C library the permissions that preview 1 has no room for.
//!
//! Without them every file looks read-only: `rm` asks before it removes, and `cp` loses the x of a program. The linker
//! sends calls of `stat` to `__wrap_stat`, and those of `__real_stat` to the C library ([`build.rs`](../build.rs)).

use std::ffi::{CStr, c_char, c_int, c_uint};

use stillbox_sys as sys;

// The kinds of files in `st_mode`, as the kernel numbers them.
const FORMAT: u32 = 0o170_000;
const CHARACTER_DEVICE: u32 = 0o020_000;
const FIFO: u32 = 0o010_000;
const REGULAR: u32 = 0o100_000;

unsafe extern "C" {
    fn __real_stat(path: *const c_char, stat: *mut libc::stat) -> c_int;
    fn __real_lstat(path: *const c_char, stat: *mut libc::stat) -> c_int;
    fn __real_fstat(fd: c_int, stat: *mut libc::stat) -> c_int;
    fn __real_fstatat(directory: c_int, path: *const c_char, stat: *mut libc::stat, flags: c_int) -> c_int;
}

#[link(wasm_import_module = "stillbox_v1")]
unsafe extern "C" {
    fn path_mode_get(directory: c_int, lookup: u32, path: *const c_char, len: usize, mode: *mut u32) -> c_int;
}

#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_stat(path: *const c_char, stat: *mut libc::stat) -> c_int {
    // SAFETY: the arguments are the caller's, who keeps to the contract of `stat`.
    unsafe { fill(__real_stat(path, stat), stat, || sys::mode(bytes(path), true)) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_lstat(path: *const c_char, stat: *mut libc::stat) -> c_int {
    // SAFETY: as above.
    unsafe { fill(__real_lstat(path, stat), stat, || sys::mode(bytes(path), false)) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_fstat(fd: c_int, stat: *mut libc::stat) -> c_int {
    // SAFETY: as above.
    unsafe { fill(__real_fstat(fd, stat), stat, || sys::fd_mode(fd)) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_fstatat(
    directory: c_int,
    path: *const c_char,
    stat: *mut libc::stat,
    flags: c_int,
) -> c_int {
    let follow = flags & libc::AT_SYMLINK_NOFOLLOW == 0;
    // SAFETY: as above.
    unsafe {
        let status = __real_fstatat(directory, path, stat, flags);
        fill(status, stat, || match bytes(path) {
            path if directory == libc::AT_FDCWD || path.starts_with(b"/") => sys::mode(path, follow),
            path => {
                let mut mode = 0;
                match path_mode_get(directory, follow.into(), path.as_ptr().cast(), path.len(), &raw mut mode) {
                    0 => Ok(mode),
                    errno => Err(sys::Errno(errno)),
                }
            }
        })
    }
}

/// Completes what the C library filled in, and returns its `status`.
///
/// # Safety
///
/// `stat` is valid for writes, and filled in if `status` is 0.
unsafe fn fill(status: c_int, stat: *mut libc::stat, mode: impl FnOnce() -> sys::Result<u32>) -> c_int {
    if status == 0
        && let Ok(mode) = mode()
    {
        // On WASI these utilities know files, directories and links, and refuse all else. A device or a pipe reads like a file.
        let mode = if matches!(mode & FORMAT, CHARACTER_DEVICE | FIFO) { mode & !FORMAT | REGULAR } else { mode };
        // SAFETY: the caller says so.
        unsafe { (*stat).st_mode = mode };
    }
    status
}

#[unsafe(no_mangle)]
unsafe extern "C" fn chmod(path: *const c_char, mode: c_uint) -> c_int {
    // SAFETY: the caller passes a path that ends with NUL.
    report(sys::set_mode(unsafe { bytes(path) }, true, mode & 0o7777))
}

#[unsafe(no_mangle)]
extern "C" fn fchmod(fd: c_int, mode: c_uint) -> c_int {
    report(sys::set_mode(format!("/proc/self/fd/{fd}"), true, mode & 0o7777))
}

/// Returns what a C function returns, having set `errno`.
fn report(result: sys::Result<()>) -> c_int {
    unsafe extern "C" {
        static mut errno: c_int;
    }
    match result {
        Ok(()) => 0,
        Err(sys::Errno(number)) => {
            // SAFETY: a guest has one thread.
            unsafe { errno = number };
            -1
        }
    }
}

/// # Safety
///
/// `path` ends with NUL and outlives the result.
unsafe fn bytes<'a>(path: *const c_char) -> &'a [u8] {
    // SAFETY: the caller says so.
    unsafe { CStr::from_ptr(path) }.to_bytes()
}
