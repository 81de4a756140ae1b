//! What Rust's standard library and common crates need of the C library, and Debian's, of 2022, lacks.
//!
//! The C library that rustup ships with its target has all of it. Each definition is weak, so that a guest may have a
//! better one of its own.

#![no_std]
#![feature(linkage)]

use core::ffi::{c_char, c_int, c_void};
use core::ptr;

const EAGAIN: c_int = 6;
const EINVAL: c_int = 28;
const ELOOP: c_int = 32;
const ENAMETOOLONG: c_int = 37;
const ENOENT: c_int = 44;
const ENOTSUP: c_int = 58;

const PATH_MAX: usize = 4096;
const LINKS_MAX: usize = 40;

unsafe extern "C" {
    static mut errno: c_int;
    fn getcwd(buffer: *mut c_char, size: usize) -> *mut c_char;
    fn link(old: *const c_char, new: *const c_char) -> c_int;
    fn __real_linkat(
        old_directory: c_int,
        old: *const c_char,
        new_directory: c_int,
        new: *const c_char,
        flags: c_int,
    ) -> c_int;
    fn malloc(size: usize) -> *mut c_void;
    fn readlink(path: *const c_char, buffer: *mut c_char, size: usize) -> isize;
}

fn set_errno(number: c_int) {
    // SAFETY: a guest has one thread.
    unsafe { errno = number }
}

#[unsafe(no_mangle)]
#[linkage = "weak"]
extern "C" fn __errno_location() -> *mut c_int {
    &raw mut errno
}

// Hard links: this library's own `linkat` fails for every path that is relative to the working directory.

const AT_FDCWD: c_int = -2;

#[unsafe(no_mangle)]
extern "C" fn __wrap_linkat(
    old_directory: c_int,
    old: *const c_char,
    new_directory: c_int,
    new: *const c_char,
    flags: c_int,
) -> c_int {
    // SAFETY: what the caller promised of the strings holds for either function.
    unsafe {
        if old_directory == AT_FDCWD && new_directory == AT_FDCWD && flags == 0 {
            link(old, new)
        } else {
            __real_linkat(old_directory, old, new_directory, new, flags)
        }
    }
}

// Modes: preview 1 has none.

#[unsafe(no_mangle)]
#[linkage = "weak"]
extern "C" fn chmod(_path: *const c_char, _mode: u32) -> c_int {
    set_errno(ENOTSUP);
    -1
}

#[unsafe(no_mangle)]
#[linkage = "weak"]
extern "C" fn fchmod(_fd: c_int, _mode: u32) -> c_int {
    set_errno(ENOTSUP);
    -1
}

// Threads: there are none, which is what a program that wants one learns.

#[unsafe(no_mangle)]
#[linkage = "weak"]
extern "C" fn pthread_create(
    _thread: *mut c_void,
    _attributes: *const c_void,
    _start: *const c_void,
    _argument: *mut c_void,
) -> c_int {
    EAGAIN
}

#[unsafe(no_mangle)]
#[linkage = "weak"]
extern "C" fn pthread_join(_thread: *mut c_void, _result: *mut *mut c_void) -> c_int {
    EINVAL
}

#[unsafe(no_mangle)]
#[linkage = "weak"]
extern "C" fn pthread_detach(_thread: *mut c_void) -> c_int {
    EINVAL
}

#[unsafe(no_mangle)]
#[linkage = "weak"]
extern "C" fn pthread_attr_init(_attributes: *mut c_void) -> c_int {
    0
}

#[unsafe(no_mangle)]
#[linkage = "weak"]
extern "C" fn pthread_attr_setstacksize(_attributes: *mut c_void, _size: usize) -> c_int {
    0
}

#[unsafe(no_mangle)]
#[linkage = "weak"]
extern "C" fn pthread_attr_destroy(_attributes: *mut c_void) -> c_int {
    0
}

/// A path of bounded length.
struct Text {
    bytes: [u8; PATH_MAX],
    len: usize,
}

impl Text {
    const fn new() -> Self {
        Self { bytes: [0; PATH_MAX], len: 0 }
    }

    /// Appends, leaving room for the final NUL.
    fn push(&mut self, more: &[u8]) -> Result<(), c_int> {
        if self.len + more.len() >= PATH_MAX {
            return Err(ENAMETOOLONG);
        }
        for &byte in more.iter().chain(b"\0") {
            self.put(self.len, byte);
            self.len += 1;
        }
        self.len -= 1;
        Ok(())
    }

    /// Sets one byte. Written without a bounds check, because a panic would need more of `core` than is linked.
    fn put(&mut self, at: usize, byte: u8) {
        if let Some(place) = self.bytes.get_mut(at) {
            *place = byte;
        }
    }

    fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    /// Removes the last component of an absolute path that is kept without a final slash.
    fn pop_component(&mut self) {
        self.len = self.as_slice().iter().rposition(|&byte| byte == b'/').unwrap_or(0);
        self.put(self.len, 0);
    }
}

/// Follows every link of `path` into `done`, which holds an absolute path without a final slash, or nothing for the root.
fn resolve(path: &[u8], done: &mut Text, links: &mut usize) -> Result<(), c_int> {
    if path.first() == Some(&b'/') {
        done.len = 0;
    }
    for component in path.split(|&byte| byte == b'/') {
        match component {
            b"" | b"." => continue,
            b".." => done.pop_component(),
            name => {
                done.push(b"/")?;
                done.push(name)?;
                let mut link = [0; PATH_MAX];
                // SAFETY: the path ends with NUL, and the buffer is valid for its length.
                let len = unsafe { readlink(done.bytes.as_ptr().cast(), link.as_mut_ptr().cast(), link.len()) };
                if len >= 0 {
                    *links += 1;
                    if *links > LINKS_MAX {
                        return Err(ELOOP);
                    }
                    done.pop_component();
                    resolve(link.get(..len as usize).unwrap_or_default(), done, links)?;
                } else {
                    // SAFETY: a guest has one thread.
                    match unsafe { errno } {
                        // It is there, and not a link.
                        EINVAL => {}
                        error => return Err(error),
                    }
                }
            }
        }
    }
    Ok(())
}

/// The path as an absolute one without links: in `resolved`, or in new memory if that is null.
#[unsafe(no_mangle)]
#[linkage = "weak"]
unsafe extern "C" fn realpath(path: *const c_char, resolved: *mut c_char) -> *mut c_char {
    // SAFETY: the caller passes a path that ends with NUL.
    let path = unsafe { core::ffi::CStr::from_ptr(path) }.to_bytes();
    let mut done = Text::new();
    let mut links = 0;
    let resolution = match path.first() {
        None => Err(ENOENT),
        Some(b'/') => resolve(path, &mut done, &mut links),
        Some(_) => start_here(&mut done).and_then(|()| resolve(path, &mut done, &mut links)),
    };
    let root_if_empty = |done: &mut Text| if done.len == 0 { done.push(b"/") } else { Ok(()) };
    if let Err(error) = resolution.and_then(|()| root_if_empty(&mut done)) {
        set_errno(error);
        return ptr::null_mut();
    }
    // SAFETY: the memory is as long as the text with its NUL, or PATH_MAX as the caller's has to be.
    unsafe {
        let target = if resolved.is_null() { malloc(done.len + 1).cast() } else { resolved };
        if !target.is_null() {
            ptr::copy_nonoverlapping(done.as_slice().as_ptr().cast(), target, done.len);
            *target.add(done.len) = 0;
        }
        target
    }
}

/// Puts the working directory into `done`.
fn start_here(done: &mut Text) -> Result<(), c_int> {
    // SAFETY: the buffer is valid for its length.
    let cwd = unsafe { getcwd(done.bytes.as_mut_ptr().cast(), PATH_MAX) };
    if cwd.is_null() {
        // SAFETY: a guest has one thread.
        return Err(unsafe { errno });
    }
    done.len = done.bytes.iter().position(|&byte| byte == 0).unwrap_or(0);
    if done.as_slice() == b"/" {
        done.len = 0;
    }
    Ok(())
}
