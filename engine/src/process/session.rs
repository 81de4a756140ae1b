//! Sessions: process groups that share a terminal, one of them in its foreground.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use stillbox_kernel::Errno;
use stillbox_kernel::tty::Tty;

use crate::process::signals::Action;
use crate::process::{Pid, Process, Signal, Table};

/// A session, named by the process that leads it.
pub(crate) struct Session {
    pub(crate) leader: Pid,
    /// The terminal that its processes know as `/dev/tty`.
    pub(crate) terminal: Option<Tty>,
}

impl Session {
    /// Returns the session of a new leader, which the terminal belongs to from now on.
    pub(super) fn new(leader: Pid, terminal: Option<Tty>) -> Arc<Self> {
        if let Some(terminal) = &terminal {
            terminal.set_session(leader);
        }
        Arc::new(Self { leader, terminal })
    }
}

impl Process {
    pub(crate) fn session(&self) -> Arc<Session> {
        self.session.lock().clone()
    }

    pub(crate) fn group(&self) -> Pid {
        self.group.load(Ordering::Acquire)
    }

    /// Returns whether another group of the process's session has the terminal.
    pub(crate) fn is_in_background(&self, terminal: &Tty) -> bool {
        terminal.is_background(self.session().leader, self.group())
    }

    /// Begins a session without a terminal, and leads it and a group.
    ///
    /// # Errors
    ///
    /// [`Errno::Perm`] if the process leads a group already.
    pub(crate) fn begin_session(&self) -> Result<Pid, Errno> {
        if self.table.list().iter().any(|process| process.group() == self.pid) {
            return Err(Errno::Perm);
        }
        *self.session.lock() = Session::new(self.pid, None);
        self.group.store(self.pid, Ordering::Release);
        Ok(self.pid)
    }

    /// Returns whether a signal of the terminal would stop the process although nobody is there to continue it.
    pub(super) fn is_left_alone_by(&self, signal: Signal) -> bool {
        signal.is_terminal_stop()
            && self.signals.action(signal) == Action::Default
            && self.table.is_orphaned(self.group(), self.session().leader)
    }
}

impl Table {
    /// Sends a signal to all processes of a group, and returns how many those are.
    pub(crate) fn signal_group(&self, group: Pid, signal: Signal) -> usize {
        self.signal_all(signal, |process| process.group() == group)
    }

    /// Sends a signal to all processes of a session.
    pub(crate) fn signal_session(&self, leader: Pid, signal: Signal) {
        self.signal_all(signal, |process| process.session().leader == leader);
    }

    /// Returns whether a group has no member whose parent is of another group of the session: a shell that could continue
    /// what was stopped (POSIX "orphaned process group").
    pub(crate) fn is_orphaned(&self, group: Pid, session: Pid) -> bool {
        let is_watched = |process: &Process| {
            let parent = self.get(process.parent.load(Ordering::Acquire));
            parent.is_some_and(|parent| parent.group() != group && parent.session().leader == session)
        };
        !self.list().iter().any(|process| process.group() == group && process.exit().is_none() && is_watched(process))
    }

    /// Hangs up on groups of stopped processes that have just lost the one who could continue them.
    pub(super) fn hang_up_orphans(&self, stopped: Vec<Arc<Process>>) {
        for process in stopped {
            let group = process.group();
            if self.is_orphaned(group, process.session().leader) {
                self.signal_group(group, Signal::HUP);
                self.signal_group(group, Signal::CONT);
            }
        }
    }
}
