//! What Lua's libraries call of POSIX and the C library for WASI has not, by its C names; `c/include/posix.h` declares it.

use std::ffi::{CStr, c_char, c_int};
use std::fs::{self, OpenOptions};
use std::hash::{BuildHasher as _, RandomState};
use std::io::ErrorKind;
use std::os::fd::IntoRawFd as _;
use std::ptr;
use std::sync::Mutex;

use libc::FILE;
use stillbox_sys::{self as sys, Errno, Fd, Pid, Spawn, Status, WaitFlags};

const SHELL: &str = "/bin/sh";
/// What ends the name of a temporary file, to be replaced by chance.
const PLACEHOLDER: &[u8] = b"XXXXXX";
const ATTEMPTS: usize = 100;

/// The streams that are an end of a pipe, by their addresses, with the process at the other end.
static CHILDREN: Mutex<Vec<(usize, Pid)>> = Mutex::new(Vec::new());

/// Starts a command with a pipe to its input (mode `w`) or from its output (`r`).
#[unsafe(no_mangle)]
unsafe extern "C" fn popen(command: *const c_char, mode: *const c_char) -> *mut FILE {
    // SAFETY: Lua passes strings.
    let (command, mode) = unsafe { (CStr::from_ptr(command), CStr::from_ptr(mode)) };
    let started = start_with_pipe(command, mode.to_bytes().starts_with(b"w"));
    let (ours, pid) = match started {
        Ok(started) => started,
        Err(error) => {
            set_errno(error);
            return ptr::null_mut();
        }
    };
    // SAFETY: the mode is a string.
    let stream = unsafe { libc::fdopen(ours, mode.as_ptr()) };
    if !stream.is_null() {
        children().push((stream.addr(), pid));
    }
    stream
}

fn start_with_pipe(command: &CStr, writes: bool) -> sys::Result<(Fd, Pid)> {
    let (read, write) = sys::pipe()?;
    let (ours, theirs, number) = if writes { (write, read, 0) } else { (read, write, 1) };
    // Neither this child has our end, nor do later ones.
    let pid = sys::set_cloexec(ours, true).and_then(|()| {
        let mut spawn = shell(command);
        spawn.dup2(theirs, number);
        if theirs != number {
            spawn.close(theirs);
        }
        spawn.spawn()
    });
    sys::close(theirs)?;
    match pid {
        Ok(pid) => Ok((ours, pid)),
        Err(error) => {
            sys::close(ours)?;
            Err(error)
        }
    }
}

/// Closes a stream of [`popen`]'s, waits for its command, and returns how that ended, as `sys/wait.h` reads it.
#[unsafe(no_mangle)]
unsafe extern "C" fn pclose(stream: *mut FILE) -> c_int {
    let mut children = children();
    let child = children.iter().position(|(address, _)| *address == stream.addr());
    let child = child.map(|at| children.swap_remove(at).1);
    drop(children);
    // SAFETY: the caller gives the stream away.
    unsafe { libc::fclose(stream) };
    told(child.ok_or(Errno::CHILD).and_then(end_of))
}

/// Has the shell run a command, and returns how it ended; without one, whether there is a shell.
#[unsafe(no_mangle)]
unsafe extern "C" fn system(command: *const c_char) -> c_int {
    if command.is_null() {
        return c_int::from(fs::exists(SHELL).unwrap_or(false));
    }
    // SAFETY: Lua passes a string.
    let command = unsafe { CStr::from_ptr(command) };
    told(shell(command).spawn().and_then(end_of))
}

fn shell(command: &CStr) -> Spawn {
    let mut spawn = Spawn::new(SHELL);
    spawn.args([b"sh", b"-c", command.to_bytes()]);
    spawn
}

fn end_of(child: Pid) -> sys::Result<Status> {
    loop {
        match sys::wait(Some(child), WaitFlags::default()) {
            Ok(Some((_, status))) => return Ok(status),
            Ok(None) | Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
    }
}

fn told(end: sys::Result<Status>) -> c_int {
    match end {
        Ok(Status::Exited(code)) => c_int::from(code) << 8,
        Ok(Status::Signaled(signal) | Status::Stopped(signal)) => signal,
        Err(error) => {
            set_errno(error);
            -1
        }
    }
}

/// Makes a file by a name that ends with `XXXXXX`, which is replaced, and opens it.
#[unsafe(no_mangle)]
unsafe extern "C" fn mkstemp(name: *mut c_char) -> c_int {
    // SAFETY: Lua passes a string that may be written to, and nobody else has it.
    let name = unsafe { std::slice::from_raw_parts_mut(name.cast::<u8>(), libc::strlen(name)) };
    let Some(start) = name.len().checked_sub(PLACEHOLDER.len()).filter(|start| name[*start..] == *PLACEHOLDER) else {
        return failed(Errno::INVAL);
    };
    for _ in 0..ATTEMPTS {
        let mut random = RandomState::new().hash_one(());
        for place in &mut name[start..] {
            const LETTERS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
            *place = LETTERS[(random % 36) as usize];
            random /= 36;
        }
        let Ok(path) = std::str::from_utf8(name) else { return failed(Errno::INVAL) };
        match OpenOptions::new().read(true).write(true).create_new(true).open(path) {
            Ok(file) => return file.into_raw_fd(),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return failed(Errno(error.raw_os_error().unwrap_or(Errno::IO.0))),
        }
    }
    failed(Errno::EXIST)
}

/// Opens a file that has no name.
#[unsafe(no_mangle)]
unsafe extern "C" fn tmpfile() -> *mut FILE {
    let mut name = *b"/tmp/lua_XXXXXX\0";
    // SAFETY: the name is a string, and ours.
    unsafe {
        let fd = mkstemp(name.as_mut_ptr().cast());
        if fd < 0 {
            return ptr::null_mut();
        }
        libc::unlink(name.as_ptr().cast());
        libc::fdopen(fd, c"w+".as_ptr())
    }
}

/// Returns the processor time of this process, in nanoseconds.
#[unsafe(no_mangle)]
extern "C" fn clock() -> i64 {
    sys::cpu_times().map_or(-1, |times| times.own.user as i64)
}

fn children() -> std::sync::MutexGuard<'static, Vec<(usize, Pid)>> {
    CHILDREN.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn failed(error: Errno) -> c_int {
    set_errno(error);
    -1
}

fn set_errno(Errno(number): Errno) {
    // SAFETY: it is this thread's own, and there is no other.
    unsafe { *libc::__errno_location() = number }
}
