//! Programs.

use stillbox_sys::{self as sys, Errno, Pid, Spawn};

use crate::shell::{Flow, Shell, Unwind};
use crate::syntax::ast::{Command, Simple};
use crate::text;

/// Where programs are looked for without a `PATH`.
pub const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Is a started process, or the status of the failure to start it.
pub type Launch = Result<Pid, i32>;

impl Shell {
    /// Returns whether a command is surely a program.
    pub fn is_external(&self, command: &Command) -> bool {
        let Command::Simple(simple) = command else { return false };
        let Some(crate::syntax::ast::Argument::Word(word)) = simple.words.first() else { return false };
        word.as_literal().is_some_and(|name| {
            !name.is_empty()
                && !name.contains(['*', '?', '['])
                && !self.functions.contains_key(name)
                && crate::builtins::find(name).is_none()
                && !crate::builtins::is_declaration(name)
        })
    }

    /// Expands and starts a simple command that is a program, without waiting for it.
    pub fn start_simple(&mut self, simple: &Simple) -> Flow<Launch> {
        self.start_program(simple, false)
    }

    pub(super) fn start_background_simple(&mut self, simple: &Simple) -> Flow<Launch> {
        self.start_program(simple, true)
    }

    fn start_program(&mut self, simple: &Simple, background: bool) -> Flow<Launch> {
        let opened = self.substitutions.len();
        let launch = self.start_expanded(simple, background);
        self.close_substitutions(opened);
        launch
    }

    fn start_expanded(&mut self, simple: &Simple, background: bool) -> Flow<Launch> {
        self.line = simple.line;
        let arguments = match self.expand_arguments(&simple.words) {
            Ok(arguments) => arguments,
            Err(unwind) => return self.failed(unwind),
        };
        let Some(name) = arguments.first().cloned() else { return Ok(Err(0)) };
        let undo = match self.apply_redirects(&simple.redirects) {
            Ok(Ok(undo)) => undo,
            Ok(Err(status)) => return Ok(Err(status)),
            Err(unwind) => return self.failed(unwind),
        };
        self.vars.push_frame();
        let assigned = self.assign_temporarily(&simple.assignments);
        let launch = match assigned {
            Ok(()) => {
                self.trace(&simple.assignments, &arguments);
                self.launch(&name, &arguments, background)
            }
            Err(unwind) => self.failed(unwind),
        };
        self.vars.pop_frame();
        self.undo(undo);
        launch
    }

    /// An error in an expansion ends only the process that would have started.
    fn failed(&self, unwind: Unwind) -> Flow<Launch> {
        match unwind {
            Unwind::Abort(status) | Unwind::Exit(status) => Ok(Err(status)),
            other => Err(other),
        }
    }

    /// Starts a program with the exported variables.
    pub fn launch(&mut self, name: &str, arguments: &[String], background: bool) -> Flow<Launch> {
        let mut spawn = self.describe(name, arguments);
        self.assign_job(&mut spawn, background);
        let mut started = spawn.spawn();
        if started == Err(Errno::NOEXEC) {
            let mut script = self.describe_script(name, arguments);
            self.assign_job(&mut script, background);
            started = script.spawn();
        }
        match started {
            Ok(pid) => {
                self.joined_job(pid);
                Ok(Ok(pid))
            }
            Err(errno) => self.launch_error(name, errno).map(Err),
        }
    }

    /// Describes the start of a program.
    pub fn describe(&mut self, name: &str, arguments: &[String]) -> Spawn {
        let mut spawn = Spawn::new(text::encode(name));
        spawn.args(arguments.iter().map(|a| text::encode(a)));
        spawn.envs(self.environment());
        let path = self.get("PATH").unwrap_or_default();
        spawn.search_path(text::encode(&path));
        spawn
    }

    /// Describes the start of this shell for a file that is neither a program nor names its interpreter.
    pub fn describe_script(&mut self, name: &str, arguments: &[String]) -> Spawn {
        let path = if name.contains('/') { name.to_owned() } else { find_in_path(self, name).unwrap_or_default() };
        let program = self.program.clone();
        let mut full = vec!["sh".to_owned(), path];
        full.extend(arguments.iter().skip(1).cloned());
        self.describe(&program, &full)
    }

    pub fn environment(&mut self) -> Vec<Vec<u8>> {
        let last = ("_".to_owned(), self.last_argument.clone());
        let pairs = self.vars.environment().into_iter().filter(|(name, _)| name != "_").chain([last]);
        let mut environment: Vec<_> = pairs.map(|(name, value)| text::encode(&format!("{name}={value}"))).collect();
        for name in &self.exported_functions {
            if let Some(function) = self.functions.get(name) {
                let printed = crate::syntax::function_text(function);
                let body = printed.strip_prefix(name.as_str()).unwrap_or(&printed).trim();
                environment.push(text::encode(&format!("BASH_FUNC_{name}%%={body}")));
            }
        }
        environment
    }

    /// Tells why a program did not start, and returns the status for that.
    pub fn launch_error(&mut self, name: &str, errno: Errno) -> Flow<i32> {
        match errno {
            Errno::NOENT if !name.contains('/') => {
                if let Some(handler) = self.functions.get("command_not_found_handle").cloned() {
                    return self.call_function(&handler, &["command_not_found_handle".to_owned(), name.to_owned()]);
                }
                self.error(format_args!("{name}: command not found"));
                Ok(127)
            }
            Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::NAMETOOLONG => {
                self.error(format_args!("{name}: {errno}"));
                Ok(if errno == Errno::NOENT { 127 } else { 126 })
            }
            Errno::AGAIN | Errno::NOMEM => self.fork_error(errno).map(|never| match never {}),
            _ => {
                let directory = errno == Errno::ACCES
                    && sys::mode(text::encode(name), true)
                        .is_ok_and(|m| m & sys::file_type::MASK == sys::file_type::DIR);
                if directory {
                    self.error(format_args!("{name}: Is a directory"));
                } else {
                    self.error(format_args!("{name}: {errno}"));
                }
                Ok(126)
            }
        }
    }

    /// Gives up when no more processes can be made.
    pub fn fork_error(&mut self, errno: Errno) -> Flow<std::convert::Infallible> {
        self.error(format_args!("fork: {errno}"));
        Err(if self.interactive { Unwind::Abort(254) } else { Unwind::Exit(254) })
    }
}

/// Finds an executable file along `PATH`.
pub fn find_in_path(shell: &mut Shell, name: &str) -> Option<String> {
    let path = shell.get("PATH").unwrap_or_default();
    let candidates = path.split(':').map(|directory| match directory {
        "" => format!("./{name}"),
        directory => format!("{}/{name}", directory.trim_end_matches('/')),
    });
    candidates.into_iter().find(|candidate| is_executable(candidate))
}

/// Returns whether a path is a file that may be run.
pub fn is_executable(path: &str) -> bool {
    sys::mode(text::encode(path), true)
        .is_ok_and(|mode| mode & sys::file_type::MASK == sys::file_type::FILE && mode & 0o111 != 0)
}
