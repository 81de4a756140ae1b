//! What a sandbox and its processes may use.

use std::time::Duration;

/// What a sandbox and its processes may use. Every field has a default.
///
/// Past a limit, a program gets the error number or the signal that Unix has for it, a caller of the API gets a typed
/// error, and the host goes on.
///
/// ```
/// # use stillbox_api::Limits;
/// let small = Limits { processes: 8, memory_bytes: 256 << 20, ..Limits::default() };
/// assert_eq!(small.fds, 1024);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Memory of one process, in bytes; default 1 GiB. Growing past it fails as `mmap` does (`ENOMEM`).
    pub process_memory_bytes: u64,
    /// Memory of all processes of the sandbox together, in bytes; default 2 GiB. Growing past it fails likewise, and a
    /// program that can't start for lack of it fails with `ENOMEM`.
    pub memory_bytes: u64,
    /// CPU time of one process; default `None`, without end. Past it: SIGXCPU, which ends the process; one that handles
    /// the signal gets a tenth of a second to end in, and then SIGKILL. An engine that can't enforce it refuses to make
    /// the sandbox.
    pub cpu_time: Option<Duration>,
    /// How long one process may live, whoever started it; default `None`, without end. Past it: SIGKILL.
    pub wall_time: Option<Duration>,
    /// Processes that live at the same time, zombies included; default 256. Past it: `EAGAIN`.
    pub processes: u32,
    /// Records, with their output, of ended processes that can still be asked about; default 64. Past it the oldest
    /// is forgotten.
    pub finished_processes: u32,
    /// Open file descriptors of one process; default 1024. Past it: `EMFILE`.
    pub fds: u32,
    /// Files in mounts of the host that the whole sandbox has open; default 128. Each is a descriptor of the host's own
    /// process. Past it: `ENFILE`.
    pub host_fds: u32,
    /// Host memory, in bytes, that the sandbox's pipes, open files, directory listings, arguments and environments may
    /// take together; default 64 MiB. As it runs out, new pipes hold less; past it: `ENFILE` for a pipe, `ENOMEM` else.
    pub kernel_bytes: u64,
    /// Bytes of the arguments and the environment of one program; default 1 MiB. Past it: `E2BIG`.
    pub argument_bytes: u32,
    /// Bytes in flight in one pipe; default 65,536. Past it the writer waits.
    pub pipe_bytes: u32,
    /// Captured bytes of one output stream of one process; default 8 MiB. Past it the oldest are displaced, and readers
    /// are told how many.
    pub output_bytes: u64,
    /// Captured bytes of all processes of the sandbox together; default 64 MiB. As it runs out, the oldest ended processes
    /// are forgotten; past it, what is captured displaces older output of its own stream.
    pub captured_bytes: u64,
    /// Bytes of one program's file; default 64 MiB. Compiling takes many times as much memory while it lasts. Past it:
    /// `ENOMEM`.
    pub program_bytes: u64,
    /// Bytes that the sandbox's log holds; default 1 MiB. Past it the oldest lines are forgotten.
    pub log_bytes: u64,
    /// Terminals ([`create_pty`](crate::AsyncSandbox::create_pty)), those of ended programs that are remembered included;
    /// default 64. For one more the oldest of an ended program is forgotten; past it: a typed error.
    pub terminals: u32,
    /// Bytes that one terminal has shown last and that can be read again; default 1 MiB. Past it the oldest are displaced. What
    /// was typed and not read yet may be as much as `pipe_bytes`.
    pub terminal_bytes: u32,
    /// Bytes that the sandbox's files hold in all, those of its image aside; default 1 GiB. Past it: `ENOSPC`.
    pub file_bytes: u64,
    /// Files, directories and links that the sandbox has made, which cost the host up to 4 KiB of memory each beside their
    /// bytes; default 262,144. Past it: `ENOSPC`.
    pub inodes: u64,
    /// Bytes of one path; default 4096. Past it: `ENAMETOOLONG`.
    pub path_bytes: u32,
    /// Stack of one process, in bytes; default 1 MiB. Past it: SIGSEGV. An engine may round it up, or have one size for
    /// all of its sandboxes; it refuses to make a sandbox that asks for more than it has.
    pub stack_bytes: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            process_memory_bytes: 1 << 30,
            memory_bytes: 2 << 30,
            cpu_time: None,
            wall_time: None,
            processes: 256,
            finished_processes: 64,
            fds: 1024,
            host_fds: 128,
            kernel_bytes: 64 << 20,
            argument_bytes: 1 << 20,
            pipe_bytes: 65_536,
            output_bytes: 8 << 20,
            captured_bytes: 64 << 20,
            program_bytes: 64 << 20,
            log_bytes: 1 << 20,
            terminals: 64,
            terminal_bytes: 1 << 20,
            file_bytes: 1 << 30,
            inodes: 1 << 18,
            path_bytes: 4096,
            stack_bytes: 1 << 20,
        }
    }
}
