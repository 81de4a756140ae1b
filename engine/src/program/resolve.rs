//! From a command to a program: the lookup along `PATH`, `#!` lines, and what a file holds.

use std::sync::Arc;

use stillbox_kernel::Errno;
use stillbox_kernel::account::{Account, Charge};
use stillbox_kernel::fs::{At, FileSystem, OpenFile, OpenOptions, Opened};

use crate::metrics::count;
use crate::process::Pid;
use crate::program::{Program, ProgramError, Programs};
use crate::wasi::files::Cwd;

/// Where programs are looked for if the environment has no `PATH`.
pub(crate) const DEFAULT_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// How many interpreters a script may name one after another, as on Linux.
const INTERPRETERS_MAX: usize = 4;

/// How much of a file is read for its `#!` line, in bytes, as on Linux.
const SHEBANG_BYTES_MAX: usize = 256;

/// A program with its arguments and environment: all that an exec sets.
pub(crate) struct Invocation {
    pub(crate) program: Arc<Program>,
    pub(crate) command: Arc<CommandLine>,
}

/// What a process was started with, as others see it too.
pub(crate) struct CommandLine {
    /// The absolute path of the program: of the interpreter, for a script.
    pub(crate) path: String,
    pub(crate) args: Vec<String>,
    /// `KEY=value` each.
    pub(crate) env: Vec<String>,
    /// What the arguments and the environment are counted as.
    _charge: Charge,
}

impl CommandLine {
    /// Returns a command line whose arguments and environment are [counted](charge) as `charge`.
    pub(crate) fn new(path: String, args: Vec<String>, env: Vec<String>, charge: Charge) -> Self {
        Self { path, args, env, _charge: charge }
    }
}

/// A command to be resolved.
pub(crate) struct Request<'a> {
    /// A path if it holds a `/`; else, with `search`, a name to look up.
    pub(crate) name: &'a str,
    /// The value of `PATH` to look the name up along, if that is wanted.
    pub(crate) search: Option<&'a str>,
    /// The arguments, the program's name first.
    pub(crate) args: Vec<String>,
    pub(crate) env: Vec<String>,
    pub(crate) cwd: &'a Cwd,
    /// The process that asks, for what paths below `/proc/self` mean; 0 for the host.
    pub(crate) caller: Pid,
    /// The largest file that is taken for a program, in bytes.
    pub(crate) bytes_max: u64,
    /// What arguments and environment are [counted](charge) as.
    pub(crate) charge: Charge,
}

/// Why a command can't be run.
#[derive(Debug)]
pub(crate) enum ResolveError {
    /// No such file, no permission, or the like.
    File(Errno),
    /// The file isn't a program.
    Program(ProgramError),
    /// The file is larger than a program may be.
    TooLarge,
}

impl ResolveError {
    pub(crate) fn errno(&self) -> Errno {
        match self {
            Self::File(errno) => *errno,
            Self::Program(error) => error.errno(),
            Self::TooLarge => Errno::Nomem,
        }
    }
}

impl From<Errno> for ResolveError {
    fn from(errno: Errno) -> Self {
        Self::File(errno)
    }
}

/// A file that was found to be executable.
struct Executable {
    path: String,
    file: OpenFile,
    /// How the file begins: as much as a `#!` line may take.
    head: Vec<u8>,
}

/// A command whose program was found, and may have to be compiled.
pub(crate) struct Located {
    executable: Executable,
    args: Vec<String>,
    env: Vec<String>,
    charge: Charge,
}

/// Counts arguments and environment as what the host holds for them, with what allocating each takes.
///
/// # Errors
///
/// [`Errno::Nomem`].
pub(crate) fn charge<'a>(account: &Account, strings: impl Iterator<Item = &'a String>) -> Result<Charge, Errno> {
    const ALLOCATION_BYTES: usize = 16;
    account.charge(strings.map(|string| (size_of::<String>() + ALLOCATION_BYTES + string.len()) as u64).sum())
}

impl Programs {
    /// Finds the program that a command means and compiles it if it is new, which can take seconds.
    ///
    /// # Errors
    ///
    /// As [`locate`](Self::locate) and [`load_located`](Self::load_located).
    pub(crate) fn resolve(&self, fs: &FileSystem, request: Request<'_>) -> Result<Arc<Invocation>, ResolveError> {
        self.load_located(self.locate(fs, request)?)
    }

    /// Finds the program that a command means, through the interpreters that scripts name.
    ///
    /// # Errors
    ///
    /// [`Errno::Noent`] if there is no such file, [`Errno::Acces`] if it may not be executed, and
    /// [`ResolveError::TooLarge`].
    pub(crate) fn locate(&self, fs: &FileSystem, request: Request<'_>) -> Result<Located, ResolveError> {
        let Request { name, search, mut args, env, cwd, caller, bytes_max, charge } = request;
        let at = At::directory(cwd.dir(), caller);
        let files = Files { fs, at, bytes_max };
        let mut executable = files.find(name, search)?;
        for _ in 0..=INTERPRETERS_MAX {
            let Some((interpreter, option)) = shebang(&executable.head) else {
                executable.path = absolute(executable.path, cwd);
                return Ok(Located { executable, args, env, charge });
            };
            // The script's path takes the place of its own name, behind the interpreter and its one option.
            let script = std::mem::take(&mut executable.path);
            let rest = args.into_iter().skip(1);
            args = [interpreter.clone()].into_iter().chain(option).chain([script]).chain(rest).collect();
            executable = files.open(&interpreter)?;
        }
        Err(Errno::Loop.into())
    }

    /// Returns whether a located program is compiled, or is known to be none.
    pub(crate) fn is_ready(&self, located: &Located) -> bool {
        located.executable.file.content_id().is_ok_and(|content_id| self.ready(content_id).is_some())
    }

    /// Returns the invocation of a located program, which is compiled if it is new.
    ///
    /// # Errors
    ///
    /// Why the file is no program, or can't be read.
    pub(crate) fn load_located(&self, located: Located) -> Result<Arc<Invocation>, ResolveError> {
        let Located { executable: Executable { path, file, .. }, args, env, charge } = located;
        // What is compiled isn't read: a file that a guest wrote is in pieces, and would be put together at each start.
        let program = match self.ready(file.content_id()?) {
            Some(ready) => {
                count(&self.counters.program_hits);
                ready
            }
            None => {
                let (content_id, contents) = file.identified_contents()?;
                self.compile(content_id, &contents)
            }
        };
        let program = program.map_err(ResolveError::Program)?;
        let command = Arc::new(CommandLine::new(path, args, env, charge));
        Ok(Arc::new(Invocation { program, command }))
    }
}

/// Where programs are looked for, and which of them are too large.
struct Files<'a> {
    fs: &'a FileSystem,
    at: At<'a>,
    bytes_max: u64,
}

impl Files<'_> {
    /// Finds the file of a command: itself if it holds a `/`, else the first executable one along the path.
    fn find(&self, name: &str, search: Option<&str>) -> Result<Executable, ResolveError> {
        if name.is_empty() {
            return Err(Errno::Noent.into());
        }
        let Some(search) = search.filter(|_| !name.contains('/')) else {
            return self.open(name);
        };
        let mut result = Err(Errno::Noent.into());
        for dir in search.split(':') {
            let path = match dir {
                // An empty entry means the working directory (POSIX, "Other Environment Variables").
                "" => name.to_owned(),
                dir => format!("{}/{name}", dir.trim_end_matches('/')),
            };
            match self.open(&path) {
                Ok(executable) => return Ok(executable),
                // A file that is there but can't be run is the answer if nothing better follows.
                Err(error @ (ResolveError::File(Errno::Acces) | ResolveError::TooLarge)) => result = Err(error),
                Err(_) => {}
            }
        }
        result
    }

    fn open(&self, path: &str) -> Result<Executable, ResolveError> {
        let options = OpenOptions { read: true, ..OpenOptions::default() };
        let file = match self.fs.open(self.at, path, &options)? {
            Opened::File(file) => file,
            _ => return Err(Errno::Acces.into()),
        };
        if file.size()? > self.bytes_max {
            return Err(ResolveError::TooLarge);
        }
        let mut head = vec![0; b"#!".len() + SHEBANG_BYTES_MAX];
        let count = file.read_at(0, &mut head)?;
        head.truncate(count);
        // WASI has no way to set permission bits, so a guest's compiler couldn't make what it writes executable: a module
        // is executable as it is.
        if !file.stat()?.is_executable() && !head.starts_with(b"\0asm") {
            return Err(Errno::Acces.into());
        }
        Ok(Executable { path: path.to_owned(), file, head })
    }
}

/// Returns the path as `/proc/PID/exe` tells it, which must hold wherever the process goes.
fn absolute(path: String, cwd: &Cwd) -> String {
    match cwd.path() {
        Ok(dir) if !path.starts_with('/') => format!("{}/{path}", dir.trim_end_matches('/')),
        _ => path,
    }
}

/// Returns the interpreter of a script and its option, if the file starts with `#!`.
fn shebang(head: &[u8]) -> Option<(String, Option<String>)> {
    let line = head.strip_prefix(b"#!")?;
    let end = line.iter().position(|&byte| byte == b'\n').unwrap_or(line.len());
    let line = std::str::from_utf8(&line[..end]).ok()?.trim();
    let (interpreter, option) = match line.split_once([' ', '\t']) {
        Some((interpreter, option)) => (interpreter, Some(option.trim().to_owned())),
        None => (line, None),
    };
    (!interpreter.is_empty()).then(|| (interpreter.to_owned(), option))
}

#[cfg(test)]
mod tests {
    use super::shebang;

    #[test]
    fn a_shebang_has_an_interpreter_and_one_option() {
        assert_eq!(shebang(b"#!/bin/sh\nexit"), Some(("/bin/sh".into(), None)));
        assert_eq!(shebang(b"#! /usr/bin/env python3 -u \n"), Some(("/usr/bin/env".into(), Some("python3 -u".into()))));
        assert_eq!(shebang(b"#!/bin/sh"), Some(("/bin/sh".into(), None)));
        assert_eq!(shebang(b"#!\n"), None);
        assert_eq!(shebang(b"\0asm"), None);
    }
}
