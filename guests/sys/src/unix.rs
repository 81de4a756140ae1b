//! The backend on Unix, for developing guests natively.

use std::ffi::{CStr, CString};
use std::time::Duration;

use crate::{
    CpuTimes, Disposition, Errno, Fd, FdOp, FsStats, Open, Pid, Result, Signal, Spawn, Status, Tty, TtyModes, TtySize,
    Usage, WaitFlags, control_char, file_type, signal,
};

fn c_path(path: &[u8]) -> Result<CString> {
    CString::new(path).map_err(|_| Errno::INVAL)
}

/// Returns this process's number.
#[must_use]
pub fn getpid() -> Pid {
    std::process::id()
}

/// Returns the parent's number.
#[must_use]
pub fn getppid() -> Pid {
    std::os::unix::process::parent_id()
}

/// Sends a signal to a process; 0 only tests whether it exists.
pub fn kill(pid: Pid, signal: Signal) -> Result<()> {
    // SAFETY: kill takes no pointers.
    Errno::check(unsafe { libc::kill(pid as i32, signal) }).map(drop)
}

/// Sends a signal to every process of a group.
pub fn kill_group(group: Pid, signal: Signal) -> Result<()> {
    // SAFETY: killpg takes no pointers.
    Errno::check(unsafe { libc::killpg(group as i32, signal) }).map(drop)
}

/// Returns the process group of a process, 0 being this one.
pub fn get_group(pid: Pid) -> Result<Pid> {
    // SAFETY: getpgid takes no pointers.
    Errno::check(unsafe { libc::getpgid(pid as i32) }).map(|group| group as Pid)
}

/// Moves a process (0: this one) to a group (0: one of its own).
pub fn set_group(pid: Pid, group: Pid) -> Result<()> {
    // SAFETY: setpgid takes no pointers.
    Errno::check(unsafe { libc::setpgid(pid as i32, group as i32) }).map(drop)
}

/// Waits for a child, any without `pid`. `None` comes only with [`WaitFlags::no_block`].
pub fn wait(pid: Option<Pid>, flags: WaitFlags) -> Result<Option<(Pid, Status)>> {
    let mut options = 0;
    if flags.no_block {
        options |= libc::WNOHANG;
    }
    if flags.stopped {
        options |= libc::WUNTRACED;
    }
    let mut raw = 0;
    // SAFETY: the status is valid for the write.
    let pid = Errno::check(unsafe { libc::waitpid(pid.map_or(-1, |p| p as i32), &raw mut raw, options) })?;
    if pid == 0 {
        return Ok(None);
    }
    let status = if libc::WIFSIGNALED(raw) {
        Status::Signaled(libc::WTERMSIG(raw))
    } else if libc::WIFSTOPPED(raw) {
        Status::Stopped(libc::WSTOPSIG(raw))
    } else {
        Status::Exited(libc::WEXITSTATUS(raw) as u8)
    };
    Ok(Some((pid as Pid, status)))
}

/// Returns the processor time of this process and of its children that have been waited for.
pub fn cpu_times() -> Result<CpuTimes> {
    Ok(CpuTimes { own: usage(libc::RUSAGE_SELF)?, children: usage(libc::RUSAGE_CHILDREN)? })
}

fn usage(whose: libc::c_int) -> Result<Usage> {
    // SAFETY: rusage holds numbers only, of which zero is a value.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the struct is valid for writes.
    Errno::check(unsafe { libc::getrusage(whose, &raw mut usage) })?;
    let nanoseconds = |time: libc::timeval| time.tv_sec as u64 * 1_000_000_000 + time.tv_usec as u64 * 1000;
    Ok(Usage { user: nanoseconds(usage.ru_utime), system: nanoseconds(usage.ru_stime) })
}

/// Makes a pipe and returns its read and write ends, which programs started later do not inherit.
pub fn pipe() -> Result<(Fd, Fd)> {
    let mut fds = [0; 2];
    // SAFETY: the array has room for both.
    Errno::check(unsafe { libc::pipe2(fds.as_mut_ptr(), libc::O_CLOEXEC) })?;
    Ok((fds[0], fds[1]))
}

/// Makes another number for a file: the lowest free one.
pub fn dup(fd: Fd) -> Result<Fd> {
    dup_min(fd, 0, false)
}

/// Makes another number for a file: the lowest free one that is at least `min`.
pub fn dup_min(fd: Fd, min: Fd, cloexec: bool) -> Result<Fd> {
    // SAFETY: fcntl takes no pointers here.
    Errno::check(unsafe { libc::fcntl(fd, if cloexec { libc::F_DUPFD_CLOEXEC } else { libc::F_DUPFD }, min) })
}

/// Makes `to` another number of `from`, closing what it was.
pub fn dup2(from: Fd, to: Fd) -> Result<()> {
    // SAFETY: dup2 takes no pointers.
    Errno::check(unsafe { libc::dup2(from, to) }).map(drop)
}

/// Sets whether programs started later inherit a file.
pub fn set_cloexec(fd: Fd, on: bool) -> Result<()> {
    // SAFETY: fcntl takes no pointers here.
    Errno::check(unsafe { libc::fcntl(fd, libc::F_SETFD, if on { libc::FD_CLOEXEC } else { 0 }) }).map(drop)
}

/// Returns whether programs started later do not inherit a file.
pub fn is_cloexec(fd: Fd) -> Result<bool> {
    // SAFETY: fcntl takes no pointers here.
    Errno::check(unsafe { libc::fcntl(fd, libc::F_GETFD) }).map(|flags| flags & libc::FD_CLOEXEC != 0)
}

/// Returns the working directory, with no symbolic links in it.
pub fn getcwd() -> Result<Vec<u8>> {
    Ok(std::env::current_dir()?.into_os_string().into_encoded_bytes())
}

/// Changes the working directory.
pub fn chdir(path: impl AsRef<[u8]>) -> Result<()> {
    let path = c_path(path.as_ref())?;
    // SAFETY: the path is NUL-terminated and outlives the call.
    Errno::check(unsafe { libc::chdir(path.as_ptr()) }).map(drop)
}

/// Sets the permissions that new files do not get, and returns what that was.
pub fn umask(mask: u32) -> Result<u32> {
    // SAFETY: umask takes no pointers.
    Ok(unsafe { libc::umask(mask) })
}

/// Returns type and permissions of a file, as `st_mode` has them.
pub fn mode(path: impl AsRef<[u8]>, follow: bool) -> Result<u32> {
    let path = c_path(path.as_ref())?;
    let mut stat = std::mem::MaybeUninit::<libc::stat>::uninit();
    let flags = if follow { 0 } else { libc::AT_SYMLINK_NOFOLLOW };
    // SAFETY: the path is NUL-terminated and the buffer has room.
    Errno::check(unsafe { libc::fstatat(libc::AT_FDCWD, path.as_ptr(), stat.as_mut_ptr(), flags) })?;
    // SAFETY: the call succeeded, so it filled the buffer.
    Ok(unsafe { stat.assume_init() }.st_mode)
}

/// Returns type and permissions of an open file.
pub fn fd_mode(fd: Fd) -> Result<u32> {
    let mut stat = std::mem::MaybeUninit::<libc::stat>::uninit();
    // SAFETY: the buffer has room.
    Errno::check(unsafe { libc::fstat(fd, stat.as_mut_ptr()) })?;
    // SAFETY: the call succeeded, so it filled the buffer.
    Ok(unsafe { stat.assume_init() }.st_mode)
}

/// Sets the permissions of a file.
pub fn set_mode(path: impl AsRef<[u8]>, follow: bool, mode: u32) -> Result<()> {
    let path = c_path(path.as_ref())?;
    let flags = if follow { 0 } else { libc::AT_SYMLINK_NOFOLLOW };
    // SAFETY: the path is NUL-terminated and outlives the call.
    Errno::check(unsafe { libc::fchmodat(libc::AT_FDCWD, path.as_ptr(), mode, flags) }).map(drop)
}

/// Returns size and use of the file system that holds a path.
pub fn fs_stats(path: impl AsRef<[u8]>) -> Result<FsStats> {
    let path = c_path(path.as_ref())?;
    let mut stat = std::mem::MaybeUninit::<libc::statvfs>::uninit();
    // SAFETY: the path is NUL-terminated and the buffer has room.
    Errno::check(unsafe { libc::statvfs(path.as_ptr(), stat.as_mut_ptr()) })?;
    // SAFETY: the call succeeded, so it filled the buffer.
    let stat = unsafe { stat.assume_init() };
    Ok(FsStats {
        bytes_total: stat.f_blocks * stat.f_frsize,
        bytes_used: (stat.f_blocks - stat.f_bfree) * stat.f_frsize,
        inodes_total: stat.f_files,
        inodes_used: stat.f_files - stat.f_ffree,
    })
}

extern "C" fn on_signal(number: libc::c_int) {
    signal::record(number);
}

fn set_signal(signal: Signal, disposition: Disposition) -> Result<()> {
    let handler = match disposition {
        Disposition::Default => libc::SIG_DFL,
        Disposition::Ignore => libc::SIG_IGN,
        Disposition::Catch => on_signal as extern "C" fn(libc::c_int) as libc::sighandler_t,
    };
    // SAFETY: an all-zero sigaction is a valid one: no flags (so blocked calls return EINTR) and an empty mask.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handler;
    // SAFETY: the action is valid and its handler only touches an atomic.
    Errno::check(unsafe { libc::sigaction(signal, &raw const action, std::ptr::null_mut()) }).map(drop)
}

/// Sets what a signal does to this process.
pub fn signal_action(signal: Signal, disposition: Disposition) -> Result<()> {
    set_signal(signal, disposition)
}

/// Returns whether a file is a terminal.
#[must_use]
pub fn isatty(fd: Fd) -> bool {
    // SAFETY: isatty takes no pointers.
    unsafe { libc::isatty(fd) == 1 }
}

/// Where `c_cc` has the characters of [`control_char`].
const CONTROL_CHARS: [usize; control_char::COUNT] = [
    libc::VINTR,
    libc::VQUIT,
    libc::VERASE,
    libc::VKILL,
    libc::VEOF,
    libc::VTIME,
    libc::VMIN,
    libc::VSUSP,
    libc::VEOL,
    libc::VREPRINT,
    libc::VWERASE,
    libc::VLNEXT,
    libc::VEOL2,
];

fn termios(fd: Fd) -> Result<libc::termios> {
    // SAFETY: the struct is plain numbers, which the call fills.
    unsafe {
        let mut termios = std::mem::zeroed();
        Errno::check(libc::tcgetattr(fd, &raw mut termios))?;
        Ok(termios)
    }
}

/// Returns how a terminal is set.
pub fn tty_modes(fd: Fd) -> Result<TtyModes> {
    let termios = termios(fd)?;
    let (input, output, local) = (termios.c_iflag, termios.c_oflag, termios.c_lflag);
    Ok(TtyModes { input, output, local, chars: CONTROL_CHARS.map(|place| termios.c_cc[place]) })
}

/// Sets a terminal. `flush` forgets what was typed and not read.
pub fn set_tty_modes(fd: Fd, modes: &TtyModes, flush: bool) -> Result<()> {
    let mut termios = termios(fd)?;
    (termios.c_iflag, termios.c_oflag, termios.c_lflag) = (modes.input, modes.output, modes.local);
    for (place, char) in CONTROL_CHARS.into_iter().zip(modes.chars) {
        termios.c_cc[place] = char;
    }
    let when = if flush { libc::TCSAFLUSH } else { libc::TCSADRAIN };
    // SAFETY: the struct is valid for reads.
    Errno::check(unsafe { libc::tcsetattr(fd, when, &raw const termios) }).map(drop)
}

/// Returns the size of a terminal.
pub fn tty_size(fd: Fd) -> Result<TtySize> {
    // SAFETY: the struct is plain numbers, which the call fills.
    unsafe {
        let mut size: libc::winsize = std::mem::zeroed();
        Errno::check(libc::ioctl(fd, libc::TIOCGWINSZ, &raw mut size))?;
        Ok(TtySize { rows: size.ws_row, cols: size.ws_col })
    }
}

/// Sets the size of a terminal; the group in its foreground gets SIGWINCH.
pub fn set_tty_size(fd: Fd, size: TtySize) -> Result<()> {
    let size = libc::winsize { ws_row: size.rows, ws_col: size.cols, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the struct is valid for reads.
    Errno::check(unsafe { libc::ioctl(fd, libc::TIOCSWINSZ, &raw const size) }).map(drop)
}

/// Returns the process group in the foreground of a terminal.
pub fn tty_group(fd: Fd) -> Result<Pid> {
    // SAFETY: no pointers.
    Errno::check(unsafe { libc::tcgetpgrp(fd) }).map(|group| group as Pid)
}

/// Puts a process group into the foreground of a terminal.
pub fn set_tty_group(fd: Fd, group: Pid) -> Result<()> {
    // SAFETY: no pointers.
    Errno::check(unsafe { libc::tcsetpgrp(fd, group as i32) }).map(drop)
}

/// Returns the leader of the session of a process, 0 being this one.
pub fn get_session(pid: Pid) -> Result<Pid> {
    // SAFETY: no pointers.
    Errno::check(unsafe { libc::getsid(pid as i32) }).map(|leader| leader as Pid)
}

/// Begins a session without a terminal, which this process leads; one that leads a process group can't.
pub fn new_session() -> Result<Pid> {
    // SAFETY: no pointers.
    Errno::check(unsafe { libc::setsid() }).map(|leader| leader as Pid)
}

/// Returns the terminal's size and mode.
pub fn tty_get() -> Result<Tty> {
    let fd = (0..3).find(|fd| isatty(*fd)).ok_or(Errno::NOTTY)?;
    // SAFETY: both structs are plain numbers, and the calls fill what they are given.
    let (size, modes) = unsafe {
        let mut size: libc::winsize = std::mem::zeroed();
        Errno::check(libc::ioctl(fd, libc::TIOCGWINSZ, &raw mut size))?;
        let mut modes: libc::termios = std::mem::zeroed();
        Errno::check(libc::tcgetattr(fd, &raw mut modes))?;
        (size, modes)
    };
    Ok(Tty {
        cols: size.ws_col.into(),
        rows: size.ws_row.into(),
        stdin: isatty(0),
        stdout: isatty(1),
        stderr: isatty(2),
        echo: modes.c_lflag & libc::ECHO != 0,
        line_buffered: modes.c_lflag & libc::ICANON != 0,
    })
}

/// Sets whether the terminal echoes and whether it gives whole lines; the rest of the value is ignored.
pub fn tty_set(tty: &Tty) -> Result<()> {
    let fd = (0..3).find(|fd| isatty(*fd)).ok_or(Errno::NOTTY)?;
    // SAFETY: the struct is plain numbers, filled by the first call and read by the second.
    unsafe {
        let mut modes: libc::termios = std::mem::zeroed();
        Errno::check(libc::tcgetattr(fd, &raw mut modes))?;
        for (on, flag) in [(tty.echo, libc::ECHO), (tty.line_buffered, libc::ICANON)] {
            if on {
                modes.c_lflag |= flag;
            } else {
                modes.c_lflag &= !flag;
            }
        }
        Errno::check(libc::tcsetattr(fd, libc::TCSANOW, &raw const modes)).map(drop)
    }
}

/// Sleeps. A signal that arrives first gives [`Errno::INTR`].
pub fn sleep(time: Duration) -> Result<()> {
    let request = libc::timespec { tv_sec: time.as_secs() as i64, tv_nsec: time.subsec_nanos().into() };
    // SAFETY: the request is valid, and no remainder is asked for.
    Errno::check(unsafe { libc::nanosleep(&raw const request, std::ptr::null_mut()) }).map(drop)
}

/// Finds the file that a program name stands for, as `execvp` does.
fn find_program(spawn: &Spawn) -> Result<CString> {
    let name = &spawn.program;
    let Some(path) = spawn.search.as_ref().filter(|_| !name.contains(&b'/')) else {
        return c_path(name);
    };
    let mut error = Errno::NOENT;
    for directory in path.split(|b| *b == b':') {
        let mut candidate = if directory.is_empty() { b".".to_vec() } else { directory.to_vec() };
        candidate.push(b'/');
        candidate.extend(name);
        match mode(&candidate, true) {
            Ok(mode) if mode & file_type::MASK == file_type::FILE && mode & 0o111 != 0 => return c_path(&candidate),
            Ok(_) => error = Errno::ACCES,
            Err(_) => {}
        }
    }
    Err(error)
}

/// Is a [`Spawn`] with everything allocated, so that the child of a fork need not.
struct Prepared<'a> {
    spawn: &'a Spawn,
    program: CString,
    argv: Vec<*const libc::c_char>,
    env: Option<Vec<*const libc::c_char>>,
}

impl<'a> Prepared<'a> {
    fn new(spawn: &'a Spawn) -> Result<Self> {
        let pointers = |texts: &[CString]| -> Vec<*const libc::c_char> {
            texts.iter().map(|t| t.as_ptr()).chain([std::ptr::null()]).collect()
        };
        Ok(Prepared {
            program: find_program(spawn)?,
            argv: pointers(&spawn.argv),
            env: spawn.env.as_deref().map(pointers),
            spawn,
        })
    }

    /// Applies the changes and replaces the program; async-signal-safe.
    fn exec(&self) -> Result<()> {
        for op in &self.spawn.ops {
            apply(op)?;
        }
        for (signal, disposition) in &self.spawn.signals {
            let plain = if *disposition == Disposition::Ignore { Disposition::Ignore } else { Disposition::Default };
            set_signal(*signal, plain)?;
        }
        // SAFETY: the arrays end with a null pointer and point to NUL-terminated text that `spawn` keeps alive.
        unsafe {
            match &self.env {
                Some(env) => libc::execve(self.program.as_ptr(), self.argv.as_ptr(), env.as_ptr()),
                None => libc::execv(self.program.as_ptr(), self.argv.as_ptr()),
            };
        }
        Err(Errno::last())
    }
}

fn apply(op: &FdOp) -> Result<()> {
    let open = |path: &CStr, how: Open| crate::open(path.to_bytes(), how);
    match op {
        FdOp::Close(fd) => crate::close(*fd),
        FdOp::Dup2 { from, to } if from == to => set_cloexec(*to, false),
        FdOp::Dup2 { from, to } => dup2(*from, *to),
        FdOp::Open(fd, path, how) => {
            let opened = open(path, *how)?;
            if opened == *fd {
                return set_cloexec(*fd, false);
            }
            dup2(opened, *fd)?;
            crate::close(opened)
        }
        FdOp::Chdir(path) => {
            // SAFETY: the path is NUL-terminated and outlives the call.
            Errno::check(unsafe { libc::chdir(path.as_ptr()) }).map(drop)
        }
        FdOp::Group(group) => set_group(0, *group),
        FdOp::Foreground(fd) => set_tty_group(*fd, get_group(0)?),
    }
}

pub(crate) fn exec(spawn: &Spawn) -> Errno {
    match Prepared::new(spawn).and_then(|p| p.exec()) {
        Err(errno) => errno,
        Ok(()) => unreachable!("a successful exec does not return"),
    }
}

/// Forks, and reports what failed in the child through a pipe that a successful exec closes.
pub(crate) fn spawn(spawn: &Spawn) -> Result<Pid> {
    let prepared = Prepared::new(spawn)?;
    let (read, write) = pipe()?;
    // The child's changes must not hit the pipe, so it sits above the numbers that people use.
    let high = dup_min(write, 1000, true);
    crate::close(write)?;
    let high = high?;
    // SAFETY: the child only calls async-signal-safe functions before exec or _exit; the caught signals' handler only
    // touches an atomic.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        if let Err(errno) = prepared.exec() {
            let _ = crate::write(high, &errno.0.to_ne_bytes());
        }
        // SAFETY: _exit takes no pointers and runs nothing of the parent's.
        unsafe { libc::_exit(127) };
    }
    let forked = Errno::check(pid);
    crate::close(high)?;
    let mut report = [0; 4];
    let failed = forked.is_ok()
        && loop {
            match crate::read(read, &mut report) {
                Err(Errno::INTR) => {}
                Ok(count) => break count == report.len(),
                Err(_) => break false,
            }
        };
    crate::close(read)?;
    let pid = forked? as Pid;
    if failed {
        while wait(Some(pid), WaitFlags::default()) == Err(Errno::INTR) {}
        return Err(Errno(i32::from_ne_bytes(report)));
    }
    Ok(pid)
}
