//! The backend inside a sandbox: the process ABI's imports.

use std::ffi::CString;
use std::time::Duration;

use crate::{
    CpuTimes, Disposition, Errno, Fd, FdOp, FsStats, Pid, Result, Signal, Spawn, Status, Tty, TtyModes, TtySize, Usage,
    WaitFlags, signal,
};

/// Is the raw ABI. Every function returns an error number, 0 being success.
mod abi {
    use crate::{TtyModes, TtySize};

    #[repr(C)]
    pub struct FdOp {
        pub cmd: u8,
        pub fd: u32,
        pub src_fd: u32,
        pub path: *const u8,
        pub path_len: u32,
        pub dirflags: u32,
        pub oflags: u16,
        pub rights_base: u64,
        pub rights_inheriting: u64,
        pub fdflags: u16,
        pub fdflagsext: u16,
    }

    #[repr(C)]
    pub struct SignalAction {
        pub signal: u8,
        pub disposition: u8,
    }

    #[repr(C)]
    pub struct OptionPid {
        pub tag: u8,
        pub pid: u32,
    }

    #[repr(C)]
    #[derive(Default)]
    pub struct Tty {
        pub cols: u32,
        pub rows: u32,
        pub width: u32,
        pub height: u32,
        pub stdin_tty: u8,
        pub stdout_tty: u8,
        pub stderr_tty: u8,
        pub echo: u8,
        pub line_buffered: u8,
        pub line_feeds: u8,
    }

    #[repr(C)]
    #[derive(Default)]
    pub struct FsStats {
        pub bytes_total: u64,
        pub bytes_used: u64,
        pub inodes_total: u64,
        pub inodes_used: u64,
    }

    #[repr(C)]
    #[derive(Default)]
    pub struct CpuTimes {
        pub own: u64,
        pub children: u64,
    }

    const _: () = assert!(size_of::<FdOp>() == 56 && size_of::<SignalAction>() == 2 && size_of::<OptionPid>() == 8);
    const _: () = assert!(size_of::<Tty>() == 24 && size_of::<FsStats>() == 32);
    const _: () = assert!(size_of::<TtyModes>() == 28 && size_of::<TtySize>() == 4);

    #[link(wasm_import_module = "wasix_32v1")]
    unsafe extern "C" {
        pub fn proc_spawn3(
            name: *const u8,
            name_len: usize,
            args: *const *const u8,
            args_len: usize,
            envs: *const *const u8,
            envs_len: usize,
            fd_ops: *const FdOp,
            fd_ops_len: usize,
            signals: *const SignalAction,
            signals_len: usize,
            search_path: i32,
            path: *const u8,
            path_len: usize,
            pid: *mut u32,
        ) -> i32;
        pub fn proc_exec4(
            name: *const u8,
            name_len: usize,
            args: *const *const u8,
            args_len: usize,
            envs: *const *const u8,
            envs_len: usize,
            search_path: i32,
            path: *const u8,
            path_len: usize,
        ) -> i32;
        pub fn proc_join(pid: *mut OptionPid, flags: u32, status: *mut u8) -> i32;
        pub fn proc_signal(pid: u32, signal: i32) -> i32;
        pub fn proc_id(pid: *mut u32) -> i32;
        pub fn proc_parent(pid: u32, parent: *mut u32) -> i32;
        pub fn fd_dup2(fd: i32, min: i32, cloexec: i32, result: *mut i32) -> i32;
        pub fn fd_pipe(read: *mut i32, write: *mut i32) -> i32;
        pub fn fd_fdflags_get(fd: i32, flags: *mut u16) -> i32;
        pub fn fd_fdflags_set(fd: i32, flags: i32) -> i32;
        pub fn getcwd(buffer: *mut u8, len: *mut u32) -> i32;
        pub fn chdir(path: *const u8, len: usize) -> i32;
        pub fn tty_get(tty: *mut Tty) -> i32;
        pub fn tty_set(tty: *const Tty) -> i32;
        pub fn thread_sleep(nanoseconds: u64) -> i32;
    }

    #[link(wasm_import_module = "stillbox_v1")]
    unsafe extern "C" {
        pub fn path_mode_get(dir: i32, lookup: u32, path: *const u8, len: usize, mode: *mut u32) -> i32;
        pub fn fd_mode_get(fd: i32, mode: *mut u32) -> i32;
        pub fn path_mode_set(dir: i32, lookup: u32, path: *const u8, len: usize, mode: u32) -> i32;
        pub fn umask_set(mask: u32, old: *mut u32) -> i32;
        pub fn path_fs_get(dir: i32, path: *const u8, len: usize, stats: *mut FsStats) -> i32;
        pub fn signal_action(signal: i32, disposition: i32) -> i32;
        pub fn proc_cpu_get(times: *mut CpuTimes) -> i32;
        pub fn proc_group_get(pid: u32, group: *mut u32) -> i32;
        pub fn proc_group_set(pid: u32, group: u32) -> i32;
        pub fn proc_group_signal(group: u32, signal: i32) -> i32;
        pub fn proc_session_get(pid: u32, leader: *mut u32) -> i32;
        pub fn proc_session_new(leader: *mut u32) -> i32;
        pub fn tty_attr_get(fd: i32, modes: *mut TtyModes) -> i32;
        pub fn tty_attr_set(fd: i32, flush: u32, modes: *const TtyModes) -> i32;
        pub fn tty_size_get(fd: i32, size: *mut TtySize) -> i32;
        pub fn tty_size_set(fd: i32, size: *const TtySize) -> i32;
        pub fn tty_group_get(fd: i32, group: *mut u32) -> i32;
        pub fn tty_group_set(fd: i32, group: u32) -> i32;
    }
}

/// The directory that wasi-libc resolves every path from: `/`.
const ROOT: Fd = 3;

fn check(errno: i32) -> Result<()> {
    if errno == 0 { Ok(()) } else { Err(Errno(errno)) }
}

/// Calls the host with room for one result.
fn get<T: Default>(call: impl FnOnce(*mut T) -> i32) -> Result<T> {
    let mut value = T::default();
    check(call(&raw mut value))?;
    Ok(value)
}

// wasi-libc keeps a working directory of its own, which starts as `/`; std's relative paths use that one.
#[used]
#[unsafe(link_section = ".init_array")]
static ADOPT_CWD: extern "C" fn() = adopt_cwd;

extern "C" fn adopt_cwd() {
    if let Ok(cwd) = getcwd() {
        let _ = libc_chdir(&cwd);
    }
}

unsafe extern "C" {
    #[link_name = "chdir"]
    fn raw_libc_chdir(path: *const libc::c_char) -> i32;
}

fn libc_chdir(path: &[u8]) -> Result<()> {
    let path = CString::new(path).map_err(|_| Errno::INVAL)?;
    // SAFETY: the path is NUL-terminated and outlives the call.
    Errno::check(unsafe { raw_libc_chdir(path.as_ptr()) }).map(drop)
}

/// Is called by the host when a caught signal arrives.
#[unsafe(no_mangle)]
extern "C" fn __wasm_signal(number: i32) {
    signal::record(number);
}

/// Returns this process's number.
#[must_use]
pub fn getpid() -> Pid {
    // SAFETY: the host writes one number.
    get(|pid| unsafe { abi::proc_id(pid) }).unwrap_or(0)
}

/// Returns the parent's number.
#[must_use]
pub fn getppid() -> Pid {
    // SAFETY: the host writes one number.
    get(|parent| unsafe { abi::proc_parent(getpid(), parent) }).unwrap_or(0)
}

/// Sends a signal to a process; 0 only tests whether it exists.
pub fn kill(pid: Pid, signal: Signal) -> Result<()> {
    // SAFETY: no pointers.
    check(unsafe { abi::proc_signal(pid, signal) })
}

/// Sends a signal to every process of a group.
pub fn kill_group(group: Pid, signal: Signal) -> Result<()> {
    // SAFETY: no pointers.
    check(unsafe { abi::proc_group_signal(group, signal) })
}

/// Returns the process group of a process, 0 being this one.
pub fn get_group(pid: Pid) -> Result<Pid> {
    // SAFETY: the host writes one number.
    get(|group| unsafe { abi::proc_group_get(pid, group) })
}

/// Moves a process (0: this one) to a group (0: one of its own).
pub fn set_group(pid: Pid, group: Pid) -> Result<()> {
    // SAFETY: no pointers.
    check(unsafe { abi::proc_group_set(pid, group) })
}

/// Waits for a child, any without `pid`. `None` comes only with [`WaitFlags::no_block`].
pub fn wait(pid: Option<Pid>, flags: WaitFlags) -> Result<Option<(Pid, Status)>> {
    let mut child = abi::OptionPid { tag: pid.is_some().into(), pid: pid.unwrap_or(0) };
    let bits = u32::from(flags.no_block) | u32::from(flags.stopped) << 1;
    // The ABI aligns the status to 2 bytes and writes 6; this is 8, aligned to 4.
    let mut raw = [0u32; 2];
    // SAFETY: both pointers are valid for what the host writes.
    check(unsafe { abi::proc_join(&raw mut child, bits, raw.as_mut_ptr().cast()) })?;
    let [first, second] = raw.map(u32::to_le_bytes);
    let status = match first[0] {
        1 => Status::Exited(first[2]),
        2 => Status::Signaled(second[0].into()),
        3 => Status::Stopped(first[2].into()),
        _ => return Ok(None),
    };
    Ok(Some((child.pid, status)))
}

/// Returns the processor time of this process and of its children that have been waited for.
pub fn cpu_times() -> Result<CpuTimes> {
    // SAFETY: the host fills the struct.
    let times: abi::CpuTimes = get(|times| unsafe { abi::proc_cpu_get(times) })?;
    let usage = |user| Usage { user, system: 0 };
    Ok(CpuTimes { own: usage(times.own), children: usage(times.children) })
}

/// Makes a pipe and returns its read and write ends, which programs started later do not inherit.
pub fn pipe() -> Result<(Fd, Fd)> {
    let (mut read, mut write) = (0, 0);
    // SAFETY: the host writes one number to each.
    check(unsafe { abi::fd_pipe(&raw mut read, &raw mut write) })?;
    set_cloexec(read, true)?;
    set_cloexec(write, true)?;
    Ok((read, write))
}

/// Makes another number for a file: the lowest free one.
pub fn dup(fd: Fd) -> Result<Fd> {
    dup_min(fd, 0, false)
}

/// Makes another number for a file: the lowest free one that is at least `min`.
pub fn dup_min(fd: Fd, min: Fd, cloexec: bool) -> Result<Fd> {
    // SAFETY: the host writes one number.
    get(|result| unsafe { abi::fd_dup2(fd, min, cloexec.into(), result) })
}

/// Makes `to` another number of `from`, closing what it was.
pub fn dup2(from: Fd, to: Fd) -> Result<()> {
    if from == to {
        return is_cloexec(from).map(drop);
    }
    is_cloexec(from)?;
    // A guest has one thread, so nothing takes the number in between.
    let _ = crate::close(to);
    match dup_min(from, to, false)? {
        got if got == to => Ok(()),
        got => {
            let _ = crate::close(got);
            Err(Errno::BADF)
        }
    }
}

/// Sets whether programs started later inherit a file.
pub fn set_cloexec(fd: Fd, on: bool) -> Result<()> {
    // SAFETY: no pointers.
    check(unsafe { abi::fd_fdflags_set(fd, on.into()) })
}

/// Returns whether programs started later do not inherit a file.
pub fn is_cloexec(fd: Fd) -> Result<bool> {
    // SAFETY: the host writes one number.
    get(|flags| unsafe { abi::fd_fdflags_get(fd, flags) }).map(|flags: u16| flags & 1 != 0)
}

/// Returns the working directory, with no symbolic links in it.
pub fn getcwd() -> Result<Vec<u8>> {
    let mut buffer = vec![0; 256];
    loop {
        let mut len = buffer.len() as u32;
        // SAFETY: the buffer is valid for writes of `len` bytes.
        match check(unsafe { abi::getcwd(buffer.as_mut_ptr(), &raw mut len) }) {
            Ok(()) => {
                buffer.truncate(len as usize);
                while buffer.last() == Some(&0) {
                    buffer.pop();
                }
                return Ok(buffer);
            }
            Err(Errno::OVERFLOW) if len as usize > buffer.len() => buffer.resize(len as usize, 0),
            Err(errno) => return Err(errno),
        }
    }
}

/// Changes the working directory, for this program's relative paths and for the programs it starts.
pub fn chdir(path: impl AsRef<[u8]>) -> Result<()> {
    let path = path.as_ref();
    // SAFETY: the path is valid for reads of its length.
    check(unsafe { abi::chdir(path.as_ptr(), path.len()) })?;
    libc_chdir(&getcwd()?)
}

/// Sets the permissions that new files do not get, and returns what that was.
pub fn umask(mask: u32) -> Result<u32> {
    // SAFETY: the host writes one number.
    get(|old| unsafe { abi::umask_set(mask, old) })
}

/// Returns the path as seen from [`ROOT`].
fn from_root(path: &[u8]) -> Result<Vec<u8>> {
    if path.is_empty() {
        return Err(Errno::NOENT);
    }
    let mut full = if path.starts_with(b"/") { Vec::new() } else { getcwd()? };
    full.push(b'/');
    full.extend(path);
    let start = full.iter().position(|b| *b != b'/').unwrap_or(full.len());
    full.drain(..start);
    if full.is_empty() {
        full.push(b'.');
    }
    Ok(full)
}

/// Returns type and permissions of a file, as `st_mode` has them.
pub fn mode(path: impl AsRef<[u8]>, follow: bool) -> Result<u32> {
    let path = from_root(path.as_ref())?;
    // SAFETY: the path is valid for reads of its length, and the host writes one number.
    get(|mode| unsafe { abi::path_mode_get(ROOT, follow.into(), path.as_ptr(), path.len(), mode) })
}

/// Returns type and permissions of an open file.
pub fn fd_mode(fd: Fd) -> Result<u32> {
    // SAFETY: the host writes one number.
    get(|mode| unsafe { abi::fd_mode_get(fd, mode) })
}

/// Sets the permissions of a file.
pub fn set_mode(path: impl AsRef<[u8]>, follow: bool, mode: u32) -> Result<()> {
    let path = from_root(path.as_ref())?;
    // SAFETY: the path is valid for reads of its length.
    check(unsafe { abi::path_mode_set(ROOT, follow.into(), path.as_ptr(), path.len(), mode) })
}

/// Returns size and use of the file system that holds a path.
pub fn fs_stats(path: impl AsRef<[u8]>) -> Result<FsStats> {
    let path = from_root(path.as_ref())?;
    // SAFETY: the path is valid for reads of its length, and the host fills the struct.
    let stats: abi::FsStats = get(|stats| unsafe { abi::path_fs_get(ROOT, path.as_ptr(), path.len(), stats) })?;
    Ok(FsStats {
        bytes_total: stats.bytes_total,
        bytes_used: stats.bytes_used,
        inodes_total: stats.inodes_total,
        inodes_used: stats.inodes_used,
    })
}

/// Sets what a signal does to this process.
pub fn signal_action(signal: Signal, disposition: Disposition) -> Result<()> {
    let disposition = match disposition {
        Disposition::Default => 0,
        Disposition::Ignore => 1,
        Disposition::Catch => 2,
    };
    // SAFETY: no pointers.
    check(unsafe { abi::signal_action(signal, disposition) })
}

/// Returns whether a file is a terminal.
#[must_use]
pub fn isatty(fd: Fd) -> bool {
    tty_modes(fd).is_ok()
}

/// Returns how a terminal is set.
pub fn tty_modes(fd: Fd) -> Result<TtyModes> {
    // SAFETY: the host fills the struct.
    get(|modes| unsafe { abi::tty_attr_get(fd, modes) })
}

/// Sets a terminal. `flush` forgets what was typed and not read.
pub fn set_tty_modes(fd: Fd, modes: &TtyModes, flush: bool) -> Result<()> {
    // SAFETY: the struct is valid for reads.
    check(unsafe { abi::tty_attr_set(fd, flush.into(), modes) })
}

/// Returns the size of a terminal.
pub fn tty_size(fd: Fd) -> Result<TtySize> {
    // SAFETY: the host fills the struct.
    get(|size| unsafe { abi::tty_size_get(fd, size) })
}

/// Sets the size of a terminal; the group in its foreground gets SIGWINCH.
pub fn set_tty_size(fd: Fd, size: TtySize) -> Result<()> {
    // SAFETY: the struct is valid for reads.
    check(unsafe { abi::tty_size_set(fd, &raw const size) })
}

/// Returns the process group in the foreground of a terminal.
pub fn tty_group(fd: Fd) -> Result<Pid> {
    // SAFETY: the host writes one number.
    get(|group| unsafe { abi::tty_group_get(fd, group) })
}

/// Puts a process group into the foreground of a terminal.
pub fn set_tty_group(fd: Fd, group: Pid) -> Result<()> {
    // SAFETY: no pointers.
    check(unsafe { abi::tty_group_set(fd, group) })
}

/// Returns the leader of the session of a process, 0 being this one.
pub fn get_session(pid: Pid) -> Result<Pid> {
    // SAFETY: the host writes one number.
    get(|leader| unsafe { abi::proc_session_get(pid, leader) })
}

/// Begins a session without a terminal, which this process leads; one that leads a process group can't.
pub fn new_session() -> Result<Pid> {
    // SAFETY: the host writes one number.
    get(|leader| unsafe { abi::proc_session_new(leader) })
}

fn raw_tty() -> Result<abi::Tty> {
    // SAFETY: the host fills the struct.
    get(|tty| unsafe { abi::tty_get(tty) })
}

/// Returns the terminal's size and mode.
pub fn tty_get() -> Result<Tty> {
    let raw = raw_tty()?;
    Ok(Tty {
        cols: raw.cols,
        rows: raw.rows,
        stdin: raw.stdin_tty != 0,
        stdout: raw.stdout_tty != 0,
        stderr: raw.stderr_tty != 0,
        echo: raw.echo != 0,
        line_buffered: raw.line_buffered != 0,
    })
}

/// Sets whether the terminal echoes and whether it gives whole lines; the rest of the value is ignored.
pub fn tty_set(tty: &Tty) -> Result<()> {
    let raw = abi::Tty { echo: tty.echo.into(), line_buffered: tty.line_buffered.into(), ..raw_tty()? };
    // SAFETY: the struct is valid for reads.
    check(unsafe { abi::tty_set(&raw const raw) })
}

/// Sleeps. A signal that arrives first gives [`Errno::INTR`].
pub fn sleep(time: Duration) -> Result<()> {
    let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    // SAFETY: no pointers.
    check(unsafe { abi::thread_sleep(nanoseconds) })
}

const RIGHT_READ: u64 = 1 << 1;
const RIGHT_WRITE: u64 = 1 << 6;
/// Every right of preview 1, the two that the open flags decide included.
const RIGHTS: u64 = (1 << 30) - 1;

fn raw_fd_op(op: &FdOp) -> abi::FdOp {
    let mut raw = abi::FdOp {
        cmd: 0,
        fd: 0,
        src_fd: 0,
        path: std::ptr::null(),
        path_len: 0,
        dirflags: 0,
        oflags: 0,
        rights_base: 0,
        rights_inheriting: 0,
        fdflags: 0,
        fdflagsext: 0,
    };
    let set_path = |raw: &mut abi::FdOp, path: &CString| {
        raw.path = path.as_ptr().cast();
        raw.path_len = path.as_bytes().len() as u32;
    };
    match op {
        FdOp::Close(fd) => raw.fd = *fd as u32,
        FdOp::Dup2 { from, to } => {
            raw.cmd = 1;
            raw.fd = *to as u32;
            raw.src_fd = *from as u32;
        }
        FdOp::Open(fd, path, how) => {
            raw.cmd = 2;
            raw.fd = *fd as u32;
            set_path(&mut raw, path);
            raw.dirflags = 1;
            raw.oflags = u16::from(how.create)
                | u16::from(how.directory) << 1
                | u16::from(how.exclusive) << 2
                | u16::from(how.truncate) << 3;
            raw.fdflags = how.append.into();
            raw.rights_base = RIGHTS & !(RIGHT_READ | RIGHT_WRITE);
            raw.rights_base |= if how.read { RIGHT_READ } else { 0 };
            raw.rights_base |= if how.write || how.append { RIGHT_WRITE } else { 0 };
            raw.rights_inheriting = raw.rights_base;
        }
        FdOp::Chdir(path) => {
            raw.cmd = 3;
            set_path(&mut raw, path);
        }
        FdOp::Group(group) => {
            raw.cmd = 0x80;
            raw.src_fd = *group;
        }
        FdOp::Foreground(fd) => {
            raw.cmd = 0x81;
            raw.fd = *fd as u32;
        }
    }
    raw
}

fn pointers(texts: &[CString]) -> Vec<*const u8> {
    texts.iter().map(|text| text.as_ptr().cast()).collect()
}

/// Is the environment as the ABI takes it: a null pointer stands for the caller's own.
///
/// That is the program's current one, which std may have changed since the start, so it is passed in full.
fn environment(spawn: &Spawn) -> Vec<CString> {
    match &spawn.env {
        Some(env) => env.clone(),
        None => std::env::vars_os()
            .filter_map(|(key, value)| {
                let mut pair = key.into_encoded_bytes();
                pair.push(b'=');
                pair.extend(value.into_encoded_bytes());
                CString::new(pair).ok()
            })
            .collect(),
    }
}

pub(crate) fn spawn(spawn: &Spawn) -> Result<Pid> {
    let argv = pointers(&spawn.argv);
    let env_texts = environment(spawn);
    let mut env = pointers(&env_texts);
    let env_len = env.len();
    // An empty environment must not look like an inherited one.
    env.push(std::ptr::null());
    let ops: Vec<abi::FdOp> = spawn.ops.iter().map(raw_fd_op).collect();
    let signals: Vec<abi::SignalAction> = spawn
        .signals
        .iter()
        .map(|(signal, disposition)| abi::SignalAction {
            signal: *signal as u8,
            disposition: (*disposition == Disposition::Ignore).into(),
        })
        .collect();
    let path = spawn.search.as_deref().unwrap_or_default();
    // SAFETY: every pointer is valid for its length, and what they point to outlives the call.
    get(|pid| unsafe {
        abi::proc_spawn3(
            spawn.program.as_ptr(),
            spawn.program.len(),
            argv.as_ptr(),
            argv.len(),
            env.as_ptr(),
            env_len,
            ops.as_ptr(),
            ops.len(),
            signals.as_ptr(),
            signals.len(),
            spawn.search.is_some().into(),
            path.as_ptr(),
            path.len(),
            pid,
        )
    })
}

pub(crate) fn exec(spawn: &Spawn) -> Errno {
    if let Err(errno) = prepare_exec(spawn) {
        return errno;
    }
    let argv = pointers(&spawn.argv);
    let env_texts = environment(spawn);
    let mut env = pointers(&env_texts);
    let env_len = env.len();
    env.push(std::ptr::null());
    let path = spawn.search.as_deref().unwrap_or_default();
    // SAFETY: every pointer is valid for its length, and what they point to outlives the call.
    let errno = unsafe {
        abi::proc_exec4(
            spawn.program.as_ptr(),
            spawn.program.len(),
            argv.as_ptr(),
            argv.len(),
            env.as_ptr(),
            env_len,
            spawn.search.is_some().into(),
            path.as_ptr(),
            path.len(),
        )
    };
    Errno(errno)
}

/// Makes in this process the changes that a spawn would make in the child.
fn prepare_exec(spawn: &Spawn) -> Result<()> {
    for op in &spawn.ops {
        match op {
            FdOp::Close(fd) => crate::close(*fd)?,
            FdOp::Dup2 { from, to } if from == to => set_cloexec(*to, false)?,
            FdOp::Dup2 { from, to } => dup2(*from, *to)?,
            FdOp::Open(fd, path, how) => {
                let opened = crate::open(path.as_bytes(), *how)?;
                if opened == *fd {
                    set_cloexec(*fd, false)?;
                } else {
                    dup2(opened, *fd)?;
                    crate::close(opened)?;
                }
            }
            FdOp::Chdir(path) => chdir(path.as_bytes())?,
            FdOp::Group(group) => set_group(0, *group)?,
            FdOp::Foreground(fd) => set_tty_group(*fd, get_group(0)?)?,
        }
    }
    for (signal, disposition) in &spawn.signals {
        let plain = if *disposition == Disposition::Ignore { Disposition::Ignore } else { Disposition::Default };
        signal_action(*signal, plain)?;
    }
    Ok(())
}
