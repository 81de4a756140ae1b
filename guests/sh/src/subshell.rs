//! Subshells: `( )`, `$( )`, elements of pipelines, `&` and process substitution.
//!
//! There is no fork. A subshell whose effects cannot be told apart from those of another process runs in this one, on
//! a copy of the state. Any other is a new process of this shell, which gets the state and the commands through a
//! pipe.

use serde::{Deserialize, Serialize};
use stillbox_sys::{self as sys, Disposition, Errno, Fd, Pid, Spawn};

use crate::shell::{Flow, Shell, State, Unwind};
use crate::syntax::ast::{
    AndOr, Argument, Command, CommandText, CompoundKind, Item, List, Pipeline, RedirectFd, RedirectKind, Simple, Word,
};
use crate::text;

/// The first argument of a shell that is a subshell; the second is the number of the pipe.
pub const ARGUMENT: &str = "--stillbox-subshell";

/// How many levels of commands a command substitution counts as.
const SUBSTITUTION_DEPTH: u32 = 16;

/// From this depth on a subshell gets a process of its own, and with it a fresh stack.
const IN_PROCESS_DEPTH: u32 = 1200;

/// Where the child finds the pipe.
const STATE_FD: Fd = 252;

/// Says what a command must have to run as a subshell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Needs {
    /// It only computes and prints: no other process is involved, and no file but those it opens.
    Nothing,
    /// It may start programs, but needs no process for itself.
    Snapshot,
    /// It could tell: it sets traps, waits, replaces itself, ...
    Process,
}

/// Builtins that only compute and print.
const PURE: [&str; 28] = [
    "echo", "printf", "test", "[", "true", "false", ":", "return", "exit", "break", "continue", "shift", "local",
    "declare", "typeset", "export", "readonly", "unset", "let", "set", "pwd", "cd", "type", "getopts", "shopt", "dirs",
    "hash", "jobs",
];

/// Builtins that act on the process or on its children.
const OWN_PROCESS: [&str; 11] =
    ["trap", "exec", "wait", "kill", "umask", "ulimit", "disown", "fg", "bg", "suspend", "times"];

/// Is what a subshell of its own gets.
#[derive(Serialize, Deserialize)]
struct Parcel {
    state: State,
    list: List,
}

impl Shell {
    /// Says what a command needs to run as a subshell.
    pub fn needs(&self, command: &Command) -> Needs {
        if self.depth > IN_PROCESS_DEPTH { Needs::Process } else { self.needs_command(command, &mut Vec::new()) }
    }

    pub fn needs_list(&self, list: &List) -> Needs {
        if self.depth > IN_PROCESS_DEPTH { Needs::Process } else { self.most(list, &mut Vec::new()) }
    }

    fn most(&self, list: &List, seen: &mut Vec<String>) -> Needs {
        list.iter().map(|item| self.needs_item(item, seen)).max().unwrap_or(Needs::Nothing)
    }

    fn needs_item(&self, item: &Item, seen: &mut Vec<String>) -> Needs {
        if item.background {
            return Needs::Process;
        }
        let pipelines = std::iter::once(&item.and_or.first).chain(item.and_or.rest.iter().map(|(_, p)| p));
        let mut needs = Needs::Nothing;
        for pipeline in pipelines {
            if pipeline.commands.len() != 1 || pipeline.timed.is_some() {
                needs = needs.max(Needs::Snapshot);
            }
            for command in &pipeline.commands {
                needs = needs.max(self.needs_command(command, seen));
            }
        }
        needs
    }

    fn needs_command(&self, command: &Command, seen: &mut Vec<String>) -> Needs {
        match command {
            Command::Simple(simple) => self.needs_simple(simple, seen),
            // A function it defines may do anything when it is called.
            Command::Function(_) => Needs::Process,
            Command::Compound(compound) => {
                let inner = match &compound.kind {
                    CompoundKind::Group(list) | CompoundKind::Subshell(list) => self.most(list, seen),
                    CompoundKind::If { branches, otherwise } => {
                        let lists = branches.iter().flat_map(|(c, b)| [c, b]).chain(otherwise);
                        lists.map(|list| self.most(list, seen)).max().unwrap_or(Needs::Nothing)
                    }
                    CompoundKind::While { condition, body, .. } => {
                        self.most(condition, seen).max(self.most(body, seen))
                    }
                    CompoundKind::For { body, .. } | CompoundKind::ArithFor { body, .. } => self.most(body, seen),
                    CompoundKind::Select { body, .. } => self.most(body, seen).max(Needs::Snapshot),
                    CompoundKind::Case { arms, .. } => {
                        arms.iter().map(|arm| self.most(&arm.body, seen)).max().unwrap_or(Needs::Nothing)
                    }
                    CompoundKind::Arith(_) | CompoundKind::Test(_) => Needs::Nothing,
                };
                let redirects = compound.redirects.iter().map(|r| needs_redirect(r.fd.as_ref(), &r.kind)).max();
                inner.max(redirects.unwrap_or(Needs::Nothing))
            }
        }
    }

    fn needs_simple(&self, simple: &Simple, seen: &mut Vec<String>) -> Needs {
        let redirects = simple.redirects.iter().map(|r| needs_redirect(r.fd.as_ref(), &r.kind)).max();
        let base = redirects.unwrap_or(Needs::Nothing);
        let name = match simple.words.first() {
            None => return base,
            Some(Argument::Word(word)) => word.as_literal(),
            Some(Argument::Assignment(..)) => None,
        };
        let Some(name) = name else { return base.max(Needs::Snapshot) };
        let needs = if let Some(function) = self.functions.get(name) {
            if seen.iter().any(|s| s == name) {
                // It calls itself; its other commands decide.
                Needs::Nothing
            } else {
                seen.push(name.to_owned());
                self.needs_command(&function.body, seen)
            }
        } else if OWN_PROCESS.contains(&name) {
            Needs::Process
        } else if PURE.contains(&name) {
            Needs::Nothing
        } else {
            Needs::Snapshot
        };
        base.max(needs)
    }

    /// Runs something on a copy of the state and returns what it printed, with its status.
    pub fn captured(&mut self, run: impl FnOnce(&mut Shell) -> Flow<i32>) -> (Vec<u8>, i32) {
        let outer = self.capture.replace(Vec::new());
        let status = self.in_subshell(run);
        let output = std::mem::replace(&mut self.capture, outer).unwrap_or_default();
        (output, status)
    }

    /// Runs something as a subshell in this process.
    pub fn in_subshell(&mut self, run: impl FnOnce(&mut Shell) -> Flow<i32>) -> i32 {
        self.in_snapshot(|shell| {
            shell.reset_traps();
            shell.subshell_level += 1;
            shell.in_process += 1;
            shell.options.monitor = false;
            let interactive = std::mem::take(&mut shell.interactive);
            // The subshell sees the jobs, but they are not its own to wait for.
            shell.jobs.poll(false);
            let jobs = shell.jobs.clone();
            let result = run(shell);
            let status = shell.finish(result);
            shell.jobs = jobs;
            shell.interactive = interactive;
            shell.in_process -= 1;
            status
        })
    }

    /// Runs something, and brings back the state from before.
    pub fn in_snapshot<T>(&mut self, run: impl FnOnce(&mut Shell) -> T) -> T {
        let state = self.state.clone();
        let result = run(self);
        let moved = self.state.cwd != state.cwd;
        self.state = state;
        if moved && let Err(errno) = sys::chdir(text::encode(&self.state.cwd)) {
            self.error(format_args!("cannot return to {}: {errno}", self.state.cwd));
        }
        result
    }

    /// Runs `$( )` and returns what it printed, without the newlines at the end.
    pub fn command_substitution(&mut self, command: &CommandText) -> Flow<String> {
        let errexit = self.options.errexit;
        if !self.shopts.inherit_errexit {
            self.options.errexit = false;
        }
        // It takes the stack of several commands.
        self.depth += SUBSTITUTION_DEPTH;
        self.trace_level += 1;
        let result = self.substitution_output(command);
        self.trace_level -= 1;
        self.depth -= SUBSTITUTION_DEPTH;
        self.options.errexit = errexit;
        let (mut output, status) = result?;
        self.status = status;
        self.substitution_status = Some(status);
        output.retain(|byte| *byte != 0);
        while output.last() == Some(&b'\n') {
            output.pop();
        }
        Ok(text::decode_vec(output))
    }

    fn substitution_output(&mut self, command: &CommandText) -> Flow<(Vec<u8>, i32)> {
        if let [item] = command.list.as_slice()
            && let Some(simple) = only_simple(item)
        {
            if let Some(word) = only_input(simple) {
                return self.file_content(word);
            }
            if !item.background && self.is_program(simple) {
                let simple = simple.clone();
                return self.piped(|shell| shell.in_snapshot(|shell| shell.start_simple(&simple)));
            }
        }
        if self.needs_list(&command.list) == Needs::Nothing {
            return Ok(self.captured(|shell| shell.run_list(&command.list)));
        }
        self.piped(|shell| shell.spawn_subshell_list(&command.list, false).map(Ok))
    }

    fn is_program(&self, simple: &Simple) -> bool {
        self.is_external(&Command::Simple(simple.clone()))
    }

    /// Starts something with a pipe as its file 1, and returns all it writes.
    fn piped(&mut self, start: impl FnOnce(&mut Shell) -> Flow<Result<Pid, i32>>) -> Flow<(Vec<u8>, i32)> {
        let (read, write) = match sys::pipe() {
            Ok(pipe) => pipe,
            Err(errno) => {
                self.error(format_args!("cannot make pipe for command substitution: {errno}"));
                return Err(Unwind::Abort(1));
            }
        };
        self.substituting += 1;
        let started = self.with_files(None, Some(write), start);
        let _ = sys::close(write);
        let output = match started {
            Ok(Ok(_)) => crate::input::read_all(read),
            _ => Vec::new(),
        };
        let _ = sys::close(read);
        let status = started.map(|started| match started {
            Ok(pid) => self.wait_foreground(pid),
            Err(status) => status,
        });
        self.substituting -= 1;
        let status = status?;
        if self.interactive {
            // An interrupt that ended it ends the command that it is part of.
            self.run_pending_traps()?;
        }
        Ok((output, status))
    }

    /// Is `$(<file)`.
    fn file_content(&mut self, word: &Word) -> Flow<(Vec<u8>, i32)> {
        let path = self.expand_text(word)?;
        match sys::open(text::encode(&path), sys::Open::READ) {
            Ok(fd) => {
                let content = crate::input::read_all(fd);
                let _ = sys::close(fd);
                Ok((content, 0))
            }
            Err(errno) => {
                self.error(format_args!("{path}: {errno}"));
                Ok((Vec::new(), 1))
            }
        }
    }

    /// Starts commands as a subshell of its own.
    pub fn spawn_subshell(&mut self, commands: &[Command]) -> Flow<Pid> {
        let items = commands.iter().map(|command| Item {
            and_or: AndOr {
                first: Pipeline { negated: false, timed: None, commands: vec![command.clone()] },
                rest: Vec::new(),
            },
            background: false,
        });
        self.spawn_subshell_list(&items.collect(), false)
    }

    /// Starts a list as a subshell of its own.
    pub fn spawn_subshell_list(&mut self, list: &List, background: bool) -> Flow<Pid> {
        let mut state = self.state.clone();
        state.subshell_level += 1;
        state.interactive = false;
        state.options.monitor = false;
        let parcel = match postcard::to_stdvec(&Parcel { state, list: list.clone() }) {
            Ok(parcel) => parcel,
            Err(error) => {
                self.error(format_args!("cannot describe a subshell: {error}"));
                return Err(Unwind::Abort(1));
            }
        };
        match self.start_subshell(&parcel, background) {
            Ok(pid) => Ok(pid),
            Err(errno) => self.fork_error(errno).map(|never| match never {}),
        }
    }

    fn start_subshell(&mut self, parcel: &[u8], background: bool) -> Result<Pid, Errno> {
        let (read, write) = sys::pipe()?;
        let mut spawn = Spawn::new(text::encode(&self.program));
        spawn.args([text::encode(&self.arg0), ARGUMENT.into(), STATE_FD.to_string().into()]);
        spawn.envs(self.environment());
        spawn.dup2(read, STATE_FD);
        self.assign_job(&mut spawn, background);
        let started = spawn.spawn();
        let _ = sys::close(read);
        if let Ok(pid) = started {
            self.joined_job(pid);
            let _ = sys::signal_action(13, Disposition::Ignore);
            // A child that is gone does not read it, and its status tells why.
            let _ = sys::write_all(write, parcel);
            let _ = sys::signal_action(13, Disposition::Default);
        }
        let _ = sys::close(write);
        started
    }

    /// Runs `<( )` or `>( )` and returns the path that leads to it.
    pub fn process_substitution(&mut self, input: bool, command: &CommandText) -> Flow<String> {
        let make = || -> Result<(Fd, Fd), Errno> {
            let (read, write) = sys::pipe()?;
            let (ours, theirs) = if input { (read, write) } else { (write, read) };
            // Bash counts these down from 63.
            let number = (20..=63).rev().find(|fd| !sys::is_open(*fd)).ok_or(Errno::MFILE)?;
            let kept = sys::dup_min(ours, number, false)?;
            sys::close(ours)?;
            Ok((kept, theirs))
        };
        let (kept, theirs) = match make() {
            Ok(pair) => pair,
            Err(errno) => {
                self.error(format_args!("cannot make pipe for process substitution: {errno}"));
                return Err(Unwind::Abort(1));
            }
        };
        // The child must not hold our end, or its own end would never see the other close.
        let _ = sys::set_cloexec(kept, true);
        let (stdin, stdout) = if input { (None, Some(theirs)) } else { (Some(theirs), None) };
        self.substituting += 1;
        let started = self.with_files(stdin, stdout, |shell| shell.spawn_subshell_list(&command.list, false));
        self.substituting -= 1;
        let _ = sys::set_cloexec(kept, false);
        let _ = sys::close(theirs);
        let pid = match started {
            Ok(pid) => pid,
            Err(unwind) => {
                let _ = sys::close(kept);
                return Err(unwind);
            }
        };
        self.last_background = Some(pid);
        self.substitutions.push((kept, pid));
        Ok(format!("/dev/fd/{kept}"))
    }

    /// Closes the files of process substitutions that were opened after the given number of them.
    pub fn close_substitutions(&mut self, keep: usize) {
        while self.substitutions.len() > keep {
            if let Some((fd, pid)) = self.substitutions.pop() {
                let _ = sys::close(fd);
                self.jobs.add_silent(pid);
            }
        }
    }
}

/// Runs as the child that [`Shell::spawn_subshell_list`] started.
pub fn main(fd: &str, program: String) -> i32 {
    let Ok(fd) = fd.parse::<Fd>() else { return 2 };
    let bytes = crate::input::read_all(fd);
    let _ = sys::close(fd);
    let Ok(Parcel { state, list }) = postcard::from_bytes::<Parcel>(&bytes) else {
        let _ = sys::write_all(2, b"sh: the state of a subshell is damaged\n");
        return 2;
    };
    let mut shell = Shell::from_state(state, program);
    shell.reset_traps();
    let result = shell.run_list(&list);
    shell.finish(result)
}

fn needs_redirect(fd: Option<&RedirectFd>, kind: &RedirectKind) -> Needs {
    match (fd, kind) {
        (Some(RedirectFd::Variable(_)), _) => Needs::Snapshot,
        // What is collected is not file 1, so only leaving it is simple.
        (None | Some(RedirectFd::Number(1)), RedirectKind::DupOut(word)) if word.as_literal() == Some("2") => {
            Needs::Nothing
        }
        (_, RedirectKind::DupIn(_) | RedirectKind::DupOut(_)) => Needs::Snapshot,
        (_, RedirectKind::Write(word) | RedirectKind::Append(word))
            if word.as_literal().is_none_or(|path| path.starts_with("/dev/std") || path.starts_with("/dev/fd")) =>
        {
            Needs::Snapshot
        }
        _ => Needs::Nothing,
    }
}

fn only_simple(item: &Item) -> Option<&Simple> {
    match (item.and_or.rest.is_empty(), &item.and_or.first) {
        (true, Pipeline { negated: false, timed: None, commands }) => match commands.as_slice() {
            [Command::Simple(simple)] => Some(simple),
            _ => None,
        },
        _ => None,
    }
}

/// Returns the file of a command that is nothing but `<file`.
fn only_input(simple: &Simple) -> Option<&Word> {
    match (simple.words.as_slice(), simple.assignments.as_slice(), simple.redirects.as_slice()) {
        ([], [], [redirect]) if redirect.fd.is_none() => match &redirect.kind {
            RedirectKind::Read(word) => Some(word),
            _ => None,
        },
        _ => None,
    }
}
