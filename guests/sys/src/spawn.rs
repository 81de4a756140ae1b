//! What a new process gets.

use std::ffi::CString;

use crate::{Disposition, Errno, Fd, Open, Pid, Result, Signal, imp};

/// Is one change to the child, most of them to its files, made before its program starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FdOp {
    /// Closes a file.
    Close(Fd),
    /// Makes `to` another name of `from`, which the child then inherits whatever its close-on-exec flag says.
    Dup2 {
        /// The file, in the child as it is so far.
        from: Fd,
        /// Its new number.
        to: Fd,
    },
    /// Opens a path as this number.
    Open(Fd, CString, Open),
    /// Changes the working directory.
    Chdir(CString),
    /// Moves it to a process group, 0 being one of its own.
    Group(Pid),
    /// Puts its group into the foreground of a terminal, which is one of the parent's files.
    Foreground(Fd),
}

/// Describes a process to start: the program, its arguments, and how it differs from its parent.
///
/// The child inherits every file without the close-on-exec flag, the working directory, the process group and the
/// ignored signals. Text holding a NUL makes [`spawn`](Spawn::spawn) fail with [`Errno::INVAL`].
#[derive(Debug, Clone)]
pub struct Spawn {
    pub(crate) program: Vec<u8>,
    pub(crate) argv: Vec<CString>,
    pub(crate) env: Option<Vec<CString>>,
    pub(crate) search: Option<Vec<u8>>,
    pub(crate) ops: Vec<FdOp>,
    pub(crate) signals: Vec<(Signal, Disposition)>,
    bad_text: bool,
}

impl Spawn {
    /// Starts the description with a program. `argv` starts empty.
    #[must_use]
    pub fn new(program: impl AsRef<[u8]>) -> Spawn {
        let bad_text = program.as_ref().contains(&0);
        Spawn {
            program: program.as_ref().to_vec(),
            argv: Vec::new(),
            env: None,
            search: None,
            ops: Vec::new(),
            signals: Vec::new(),
            bad_text,
        }
    }

    fn text(&mut self, text: impl AsRef<[u8]>) -> CString {
        CString::new(text.as_ref()).unwrap_or_else(|_| {
            self.bad_text = true;
            CString::default()
        })
    }

    /// Adds one element of argv, the first of which is `argv[0]`.
    pub fn arg(&mut self, arg: impl AsRef<[u8]>) -> &mut Self {
        let arg = self.text(arg);
        self.argv.push(arg);
        self
    }

    /// Adds elements of argv, the first of which is `argv[0]`.
    pub fn args(&mut self, args: impl IntoIterator<Item = impl AsRef<[u8]>>) -> &mut Self {
        for arg in args {
            self.arg(arg);
        }
        self
    }

    /// Adds a `KEY=value` to the child's environment, which without any is the parent's.
    pub fn env(&mut self, pair: impl AsRef<[u8]>) -> &mut Self {
        let pair = self.text(pair);
        self.env.get_or_insert_default().push(pair);
        self
    }

    /// Makes the child's environment exactly these `KEY=value` pairs.
    pub fn envs(&mut self, pairs: impl IntoIterator<Item = impl AsRef<[u8]>>) -> &mut Self {
        self.env = Some(Vec::new());
        for pair in pairs {
            self.env(pair);
        }
        self
    }

    /// Looks a program without `/` up in these directories, written as in `PATH`.
    pub fn search_path(&mut self, path: impl AsRef<[u8]>) -> &mut Self {
        self.search = Some(path.as_ref().to_vec());
        self
    }

    /// Adds a change to the child's files; they are made in this order.
    pub fn fd_op(&mut self, op: FdOp) -> &mut Self {
        self.ops.push(op);
        self
    }

    /// Makes `to` another name of `from` in the child.
    pub fn dup2(&mut self, from: Fd, to: Fd) -> &mut Self {
        self.fd_op(FdOp::Dup2 { from, to })
    }

    /// Closes a file in the child.
    pub fn close(&mut self, fd: Fd) -> &mut Self {
        self.fd_op(FdOp::Close(fd))
    }

    /// Opens a path in the child as this number.
    pub fn open(&mut self, fd: Fd, path: impl AsRef<[u8]>, how: Open) -> &mut Self {
        let path = self.text(path);
        self.fd_op(FdOp::Open(fd, path, how))
    }

    /// Starts the child in this directory.
    pub fn chdir(&mut self, path: impl AsRef<[u8]>) -> &mut Self {
        let path = self.text(path);
        self.fd_op(FdOp::Chdir(path))
    }

    /// Starts the child in this process group, 0 being one of its own.
    pub fn group(&mut self, group: Pid) -> &mut Self {
        self.fd_op(FdOp::Group(group))
    }

    /// Puts the child's group into the foreground of a terminal.
    pub fn foreground(&mut self, terminal: Fd) -> &mut Self {
        self.fd_op(FdOp::Foreground(terminal))
    }

    /// Sets what a signal does to the child; [`Disposition::Catch`] counts as the default.
    pub fn signal(&mut self, signal: Signal, disposition: Disposition) -> &mut Self {
        self.signals.push((signal, disposition));
        self
    }

    /// Starts the process and returns its number.
    ///
    /// # Errors
    /// [`Errno::NOENT`], [`Errno::ACCES`] (not executable, or a directory), [`Errno::NOEXEC`] (neither a program nor a
    /// `#!` script), [`Errno::TOOBIG`], [`Errno::AGAIN`] (too many processes), [`Errno::BADF`] and what opening gives.
    pub fn spawn(&self) -> Result<Pid> {
        self.check()?;
        imp::spawn(self)
    }

    /// Replaces this process's program. Files are changed as [`fd_op`](Self::fd_op) says even when that then fails.
    ///
    /// # Errors
    /// Returns only if it failed, with the errors of [`spawn`](Self::spawn).
    pub fn exec(&self) -> Errno {
        match self.check() {
            Ok(()) => imp::exec(self),
            Err(errno) => errno,
        }
    }

    fn check(&self) -> Result<()> {
        if self.bad_text {
            return Err(Errno::INVAL);
        }
        if self.program.is_empty() {
            return Err(Errno::NOENT);
        }
        Ok(())
    }
}
