//! Starting a process: from a request, by the host or by another process, to a thread that runs.

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use parking_lot::Mutex;
use stillbox_kernel::Errno;
use stillbox_kernel::tty::Tty;
use stillbox_kernel::wait::WaitSet;

use crate::config::PROCESSES_MAX;
use crate::process::hold::Standing;
use crate::process::run::{self, Beginning};
use crate::process::time_limits::{self, TimeLimits};
use crate::process::{CpuTime, INIT, Pid, Process, Session, Signals, Table};
use crate::program::Invocation;
use crate::wasi::fd_table::FdTable;
use crate::wasi::files::Cwd;

/// A process to be started.
pub(crate) struct Spawn {
    /// Its number, from [`Table::allocate_pid`].
    pub(crate) pid: Pid,
    pub(crate) invocation: Arc<Invocation>,
    pub(crate) fds: FdTable,
    pub(crate) cwd: Cwd,
    /// Its parent, for a process that another one starts.
    pub(crate) parent: Option<Arc<Process>>,
    pub(crate) signals: Signals,
    pub(crate) place: Place,
}

/// Where a process begins, if not beside its parent.
#[derive(Default)]
pub(crate) struct Place {
    /// The process group; 0 is one of its own.
    pub(crate) group: Option<Pid>,
    /// The terminal that the group gets into the foreground of.
    pub(crate) foreground: Option<Tty>,
    /// The terminal that a process of the host's leads a session on.
    pub(crate) terminal: Option<Tty>,
}

/// The permission bits that new files don't get, until a process sets others.
const UMASK: u32 = 0o022;

impl Table {
    /// Starts a process.
    ///
    /// # Errors
    ///
    /// [`Errno::Again`] when the sandbox or the engine has as many processes as it may, the system has no more threads, or
    /// the sandbox has ended.
    pub(crate) fn spawn(self: &Arc<Self>, request: Spawn) -> Result<Arc<Process>, Errno> {
        let (pid, limits) = (request.pid, self.limits());
        let parent = request.parent.as_deref();
        let inherit = |field: fn(&Process) -> &AtomicU32, default: u32| {
            AtomicU32::new(parent.map_or(default, |parent| field(parent).load(Ordering::Acquire)))
        };
        let Place { group, foreground, terminal } = request.place;
        let session = match parent {
            Some(parent) => parent.session(),
            None => Session::new(pid, terminal),
        };
        let process = Arc::new(Process {
            pid,
            job: parent.map_or(pid, |parent| parent.job),
            table: self.clone(),
            fds: Mutex::new(request.fds.with_limit(limits.fds)),
            limits,
            cwd: Mutex::new(request.cwd),
            umask: inherit(|parent| &parent.umask, UMASK),
            parent: AtomicU32::new(parent.map_or(INIT, |parent| parent.pid)),
            group: match group {
                Some(0) => pid.into(),
                Some(group) => group.into(),
                None => inherit(|parent| &parent.group, pid),
            },
            session: Mutex::new(session),
            command: Mutex::new(request.invocation.command.clone()),
            signals: request.signals,
            memory_bytes: AtomicU64::new(0),
            cpu: CpuTime::default(),
            children_cpu_ns: AtomicU64::new(0),
            kill_reason: OnceLock::new(),
            time_limits: TimeLimits::default(),
            started_ns: self.clock.wall_ns(),
            waker: Mutex::default(),
            control: Mutex::default(),
            can_stand: false.into(),
            standing: Standing::default(),
            is_capturable: true.into(),
            child_changed: WaitSet::default(),
            exit: OnceLock::new(),
            ended: WaitSet::default(),
        });
        let counters = &self.runtime.counters;
        if !counters.admit_process(PROCESSES_MAX.into()) {
            return Err(Errno::Again);
        }
        self.enter(process.clone()).inspect_err(|_| counters.process_refused())?;
        if let Some(terminal) = foreground {
            terminal.set_foreground(process.group());
        }
        tracing::debug!(parent: &self.span, pid, program = %request.invocation.command.path, "process started");
        run::launch(process.clone(), Beginning::Program(request.invocation)).inspect_err(|_| {
            self.remove(pid);
            counters.process_refused();
        })?;
        time_limits::watch(&process, process.limits.wall_time);
        Ok(process)
    }
}
