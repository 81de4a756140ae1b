//! Processes, file descriptors and signals for the programs that run inside a sandbox.
//!
//! Rust's standard library has no processes, pipes or descriptor duplication on `wasm32-wasip1`; this crate calls the
//! sandbox's process ABI for them. The same functions exist on Unix, so that a guest is developed and tested natively:
//! the backend is `wasm.rs` inside a sandbox and `unix.rs` elsewhere.
//!
//! Linking this crate also makes relative paths work: a constructor tells wasi-libc the working directory that the
//! process was started in. A program that needs nothing else says `use stillbox_sys as _;`.

pub mod date;
mod errno;
mod file;
mod signal;
mod spawn;
mod terminal;

#[cfg(target_os = "wasi")]
#[path = "wasm.rs"]
mod imp;
#[cfg(unix)]
#[path = "unix.rs"]
mod imp;

pub use errno::{Errno, Result};
pub use file::{Open, PollFd, Whence, close, is_open, open, poll, read, seek, write, write_all};
pub use imp::{
    chdir, cpu_times, dup, dup_min, dup2, fd_mode, fs_stats, get_group, get_session, getcwd, getpid, getppid,
    is_cloexec, isatty, kill, kill_group, mode, new_session, pipe, set_cloexec, set_group, set_mode, set_tty_group,
    set_tty_modes, set_tty_size, signal_action, sleep, tty_get, tty_group, tty_modes, tty_set, tty_size, umask, wait,
};
pub use signal::{Disposition, SIGNALS, Signal, signal_description, signal_name, signal_number, take_pending_signals};
pub use spawn::{FdOp, Spawn};
pub use terminal::{TtyModes, TtySize, control_char, tty_flag};

/// Is the number of an open file.
pub type Fd = i32;

/// Is the number of a process.
pub type Pid = u32;

/// Tells how a child ended or stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It called exit with this code.
    Exited(u8),
    /// This signal killed it.
    Signaled(Signal),
    /// This signal stopped it; it can go on.
    Stopped(Signal),
}

impl Status {
    /// Returns the number that a shell shows as `$?`: the exit code, or 128 plus the signal.
    #[must_use]
    pub fn code(self) -> i32 {
        match self {
            Status::Exited(code) => i32::from(code),
            Status::Signaled(signal) | Status::Stopped(signal) => 128 + signal,
        }
    }
}

/// Says how [`wait`] waits; the default blocks until a child has ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WaitFlags {
    /// Returns `None` at once when no child has changed.
    pub no_block: bool,
    /// Also reports children that were stopped by a signal.
    pub stopped: bool,
}

/// Is the processor time that a process has used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CpuTimes {
    /// By itself.
    pub own: Usage,
    /// By its children that it has waited for, and by theirs.
    pub children: Usage,
}

/// Is processor time, in nanoseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// In programs.
    pub user: u64,
    /// In the kernel. A sandbox doesn't tell it apart and counts it as the program's.
    pub system: u64,
}

impl std::ops::Add for Usage {
    type Output = Usage;

    fn add(self, other: Usage) -> Usage {
        Usage { user: self.user + other.user, system: self.system + other.system }
    }
}

impl std::ops::Sub for Usage {
    type Output = Usage;

    fn sub(self, earlier: Usage) -> Usage {
        Usage { user: self.user.saturating_sub(earlier.user), system: self.system.saturating_sub(earlier.system) }
    }
}

/// Is the size of a terminal, and how it treats what is typed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tty {
    /// Columns.
    pub cols: u32,
    /// Rows.
    pub rows: u32,
    /// Whether standard input is the terminal.
    pub stdin: bool,
    /// Whether standard output is the terminal.
    pub stdout: bool,
    /// Whether standard error is the terminal.
    pub stderr: bool,
    /// Whether typed characters are shown.
    pub echo: bool,
    /// Whether input arrives in whole lines.
    pub line_buffered: bool,
}

/// Is the size and use of a file system.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FsStats {
    /// Its capacity in bytes.
    pub bytes_total: u64,
    /// The bytes in use.
    pub bytes_used: u64,
    /// How many files it can hold.
    pub inodes_total: u64,
    /// How many files it holds.
    pub inodes_used: u64,
}

/// Are the type bits of a [`mode`], as `st_mode` has them.
pub mod file_type {
    /// The bits that hold the type.
    pub const MASK: u32 = 0o170_000;
    /// A socket.
    pub const SOCKET: u32 = 0o140_000;
    /// A symbolic link.
    pub const SYMLINK: u32 = 0o120_000;
    /// A regular file.
    pub const FILE: u32 = 0o100_000;
    /// A block device.
    pub const BLOCK: u32 = 0o060_000;
    /// A directory.
    pub const DIR: u32 = 0o040_000;
    /// A character device.
    pub const CHAR: u32 = 0o020_000;
    /// A pipe.
    pub const FIFO: u32 = 0o010_000;
}
