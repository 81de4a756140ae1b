//! Processes as guests handle them: spawn, exec, wait, signals, groups and sessions.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};

use stillbox_kernel::Errno;

use crate::process::signals::Action;
use crate::process::spawn::{Place, Spawn};
use crate::process::table::{ChildChange, Which};
use crate::process::{Departure, Pid, Process, Signal, Stop};
use crate::program::Invocation;
use crate::program::resolve::{self, DEFAULT_PATH, Request};
use crate::wasi::fd_table::FdTable;
use crate::wasi::files::{self, Cwd, How};
use crate::wasi::terminal;

/// The command of a spawn or an exec.
pub(crate) struct SpawnArgs {
    pub(crate) name: String,
    pub(crate) args: Vec<String>,
    pub(crate) env: Vec<String>,
    /// The `PATH` to look the name up along, if that is wanted; empty means the environment's.
    pub(crate) search: Option<String>,
}

/// What is done to a child before it starts, most of it to its descriptors.
pub(crate) enum FdOp {
    Close(u32),
    Dup {
        from: u32,
        to: u32,
    },
    Open {
        fd: u32,
        path: String,
        how: How,
    },
    Chdir(String),
    Fchdir(u32),
    /// Puts it into a process group; 0 is one of its own.
    Group(Pid),
    /// Puts its group into the foreground of a terminal.
    Foreground(u32),
}

/// A child that is about to start.
struct Child {
    fds: FdTable,
    cwd: Cwd,
    place: Place,
}

/// Returns the value of `PATH` in an environment.
pub(crate) fn path_of(env: &[String]) -> &str {
    env.iter().find_map(|entry| entry.strip_prefix("PATH=")).unwrap_or(DEFAULT_PATH)
}

fn invocation(process: &Process, spawn: SpawnArgs, cwd: &Cwd) -> Result<Arc<Invocation>, Errno> {
    let SpawnArgs { mut name, args, env, search } = spawn;
    // What a link in `/proc` leads to is what is started, so that the new process's own link leads there too.
    if name == "/proc/self/exe" {
        name = process.command.lock().path.clone();
    }
    let path = search.as_deref().map(|path| if path.is_empty() { path_of(&env).to_owned() } else { path.to_owned() });
    let table = &process.table;
    let charge = resolve::charge(&table.kernel, args.iter().chain(&env))?;
    let bytes_max = table.limits().program_bytes;
    let (name, search, caller) = (name.as_str(), path.as_deref(), process.pid);
    let request = Request { name, search, args, env, cwd, caller, bytes_max, charge };
    table.runtime.programs.resolve(&table.fs, request).map_err(|error| {
        tracing::debug!(name, ?error, "a guest could not start a program");
        error.errno()
    })
}

/// Starts a child of `process` and returns its number.
pub(crate) fn spawn(
    process: &Arc<Process>,
    args: SpawnArgs,
    ops: &[FdOp],
    dispositions: &[(Signal, bool)],
) -> Result<Pid, Errno> {
    let fds = process.fds.lock().clone();
    let cwd = process.cwd.lock().clone();
    let mut child = Child { fds, cwd, place: Place::default() };
    for op in ops {
        apply(process, &mut child, op)?;
    }
    let Child { mut fds, cwd, place } = child;
    fds.close_on_exec();
    let signals = process.signals.inherited();
    for &(signal, ignored) in dispositions {
        signals.set_action(signal, if ignored { Action::Ignore } else { Action::Default })?;
    }
    let invocation = invocation(process, args, &cwd)?;
    let pid = process.table.allocate_pid();
    let request = Spawn { pid, invocation, fds, cwd, parent: Some(process.clone()), signals, place };
    Ok(process.table.spawn(request)?.pid)
}

fn apply(process: &Process, child: &mut Child, op: &FdOp) -> Result<(), Errno> {
    let Child { fds, cwd, place } = child;
    match op {
        FdOp::Close(fd) => drop(fds.remove(*fd)?),
        FdOp::Dup { from, to } => {
            let description = fds.get(*from)?;
            fds.set(*to, description)?;
        }
        FdOp::Open { fd, path, how } => {
            let opened = files::open(process, cwd.dir(), path, *how).map_err(errno_of)?;
            fds.set(*fd, opened)?;
        }
        FdOp::Chdir(path) => *cwd = cwd.change(process, path)?,
        FdOp::Fchdir(fd) => {
            let description = fds.get(*fd)?;
            *cwd = Cwd::new(description.dir()?.clone());
        }
        FdOp::Group(group) => {
            if *group != 0 {
                require_group(process, *group)?;
            }
            place.group = Some(*group);
        }
        FdOp::Foreground(fd) => {
            let description = fds.get(*fd)?;
            let tty = description.tty()?;
            terminal::require_own(process, tty)?;
            place.foreground = Some(tty.clone());
        }
    }
    Ok(())
}

/// Checks that a group is there in the session of a process.
pub(super) fn require_group(process: &Process, group: Pid) -> Result<(), Errno> {
    let leader = process.session().leader;
    let is_meant = |other: &Arc<Process>| other.group() == group && other.session().leader == leader;
    if process.table.list().iter().any(is_meant) { Ok(()) } else { Err(Errno::Perm) }
}

/// Returns the error number of a call that never ends a process.
fn errno_of(stop: Stop) -> Errno {
    match stop {
        Stop::Errno(errno) => errno,
        Stop::Departure(_) | Stop::Hold => Errno::Intr,
    }
}

/// Replaces the program of `process`: returns the departure that does it.
pub(crate) fn exec(process: &Process, args: SpawnArgs) -> Result<Departure, Errno> {
    let cwd = process.cwd.lock().clone();
    let invocation = invocation(process, args, &cwd)?;
    // From here on nothing fails, so the old program's things can go.
    let closed = {
        let mut fds = process.fds.lock();
        let before = fds.clone();
        fds.close_on_exec();
        before
    };
    drop(closed);
    process.signals.reset_handlers();
    *process.command.lock() = invocation.command.clone();
    Ok(Departure::Exec(invocation))
}

/// Waits for a change of a child. `None` if nothing has changed and the caller doesn't want to wait.
pub(crate) fn join(
    process: &Process,
    which: Which,
    nonblocking: bool,
    stopped: bool,
) -> Result<Option<(Pid, ChildChange)>, Stop> {
    if nonblocking {
        let mut cx = Context::from_waker(Waker::noop());
        return match process.table.poll_wait(&mut cx, process, which, stopped) {
            Poll::Ready(change) => Ok(Some(change?)),
            Poll::Pending => Ok(None),
        };
    }
    let change = process.block(None, |cx| process.table.poll_wait(cx, process, which, stopped))?;
    Ok(Some(change?))
}

/// Sends a signal, as `kill` with a positive number does; 0 only asks whether the process is there.
pub(crate) fn kill(process: &Process, pid: Pid, signal: u8) -> Result<(), Stop> {
    let target = target(process, pid)?;
    if signal == 0 {
        return Ok(());
    }
    target.signal(Signal::new(signal).ok_or(Errno::Inval)?);
    // A signal that a process sends itself is delivered before the call returns (POSIX `kill`).
    Ok(process.check_killed()?)
}

/// Sends a signal to all processes of a group.
pub(crate) fn kill_group(process: &Process, group: Pid, signal: u8) -> Result<(), Stop> {
    let group = if group == 0 { process.group() } else { group };
    let count = match signal {
        0 => process.table.list().iter().filter(|process| process.group() == group).count(),
        signal => process.table.signal_group(group, Signal::new(signal).ok_or(Errno::Inval)?),
    };
    if count == 0 {
        return Err(Errno::Srch.into());
    }
    // A signal that a process sends itself is delivered before the call returns (POSIX `kill`).
    Ok(process.check_killed()?)
}

/// Returns the process that a guest means by `pid`, where 0 is itself.
fn target(process: &Process, pid: Pid) -> Result<Arc<Process>, Errno> {
    let pid = if pid == 0 { process.pid } else { pid };
    process.table.get(pid).ok_or(Errno::Srch)
}

/// Returns the parent of a process.
pub(crate) fn parent(process: &Process, pid: Pid) -> Result<Pid, Errno> {
    let target = target(process, pid)?;
    Ok(target.parent.load(Ordering::Acquire))
}

/// Returns the group of a process.
pub(crate) fn group(process: &Process, pid: Pid) -> Result<Pid, Errno> {
    Ok(target(process, pid)?.group())
}

/// Returns the leader of the session of a process.
pub(crate) fn session(process: &Process, pid: Pid) -> Result<Pid, Errno> {
    Ok(target(process, pid)?.session().leader)
}

/// Puts a process, itself or a child, into a group.
pub(crate) fn set_group(process: &Process, pid: Pid, group: Pid) -> Result<(), Errno> {
    let target = target(process, pid)?;
    if target.pid != process.pid && target.parent.load(Ordering::Acquire) != process.pid {
        return Err(Errno::Srch);
    }
    let (own, session) = (process.session().leader, target.session().leader);
    // POSIX `setpgid`: the leader of a session leads its group for good, and other sessions are out of reach.
    if own != session || (session == target.pid && group != 0 && group != target.pid) {
        return Err(Errno::Perm);
    }
    let group = if group == 0 { target.pid } else { group };
    if group != target.pid {
        require_group(process, group)?;
    }
    target.group.store(group, Ordering::Release);
    Ok(())
}
