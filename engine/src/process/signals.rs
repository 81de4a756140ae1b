//! Signals: their numbers, what each does by default, and what a process has pending.

mod persist;

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use parking_lot::Mutex;
use stillbox_kernel::{Errno, tty};

/// A signal's number, 1 to 31, as on Linux.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Signal(u8);

#[allow(missing_docs, reason = "the names are POSIX's")]
impl Signal {
    pub const HUP: Self = Self(1);
    pub const INT: Self = Self(2);
    pub const QUIT: Self = Self(3);
    pub const ILL: Self = Self(4);
    pub const ABRT: Self = Self(6);
    pub const FPE: Self = Self(8);
    pub const KILL: Self = Self(9);
    pub const SEGV: Self = Self(11);
    pub const PIPE: Self = Self(13);
    pub const TERM: Self = Self(15);
    pub const CHLD: Self = Self(17);
    pub const CONT: Self = Self(18);
    pub const STOP: Self = Self(19);
    pub const TSTP: Self = Self(20);
    pub const TTIN: Self = Self(21);
    pub const TTOU: Self = Self(22);
    pub const URG: Self = Self(23);
    pub const XCPU: Self = Self(24);
    pub const WINCH: Self = Self(28);

    /// Returns the signal of a number, if there is one.
    pub fn new(number: u8) -> Option<Self> {
        (1..=31).contains(&number).then_some(Self(number))
    }

    /// Returns the number.
    pub fn number(self) -> u8 {
        self.0
    }

    /// Returns whether a terminal sends it to stop a process, which one that nobody can continue again takes no notice of.
    pub(crate) fn is_terminal_stop(self) -> bool {
        matches!(self, Self::TSTP | Self::TTIN | Self::TTOU)
    }

    fn bit(self) -> u32 {
        1 << (self.0 - 1)
    }

    /// Returns what the signal does to a process that hasn't said otherwise (POSIX `signal.h`).
    fn default_effect(self) -> Effect {
        match self {
            Self::CHLD | Self::URG | Self::WINCH => Effect::Ignore,
            Self::CONT => Effect::Continue,
            Self::STOP | Self::TSTP | Self::TTIN | Self::TTOU => Effect::Stop,
            _ => Effect::Terminate,
        }
    }
}

impl From<tty::Signal> for Signal {
    fn from(signal: tty::Signal) -> Self {
        match signal {
            tty::Signal::Interrupt => Self::INT,
            tty::Signal::Quit => Self::QUIT,
            tty::Signal::Suspend => Self::TSTP,
            tty::Signal::WindowChanged => Self::WINCH,
        }
    }
}

/// What a process has asked a signal to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Action {
    #[default]
    Default,
    Ignore,
    Catch,
}

/// What delivering a signal does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    Ignore,
    Terminate,
    Stop,
    Continue,
    /// The guest's handler is to run.
    Handle,
}

/// The signal state of one process.
#[derive(Default)]
pub(crate) struct Signals {
    actions: Mutex<[Action; 31]>,
    pending: Mutex<u32>,
    /// The number of the signal that ends the process, or 0.
    fatal: AtomicU8,
    /// The number of the signal that stopped the process, or 0.
    stopped: AtomicU8,
    /// Whether the parent hasn't been told of the stop.
    stop_is_news: AtomicBool,
    /// Whether a handler runs.
    handling: AtomicBool,
    /// Whether any of the above wants the guest's attention: all that a blocked call has to look at.
    attention: AtomicBool,
}

impl Signals {
    /// Returns the state of a child: ignored signals stay ignored, all else is as new (POSIX `posix_spawn`).
    pub(crate) fn inherited(&self) -> Self {
        let inherited = Self::default();
        for (child, parent) in inherited.actions.lock().iter_mut().zip(*self.actions.lock()) {
            if parent == Action::Ignore {
                *child = Action::Ignore;
            }
        }
        inherited
    }

    /// Forgets handlers, whose code is gone after an exec. Ignored signals stay ignored.
    pub(crate) fn reset_handlers(&self) {
        for action in self.actions.lock().iter_mut().filter(|action| **action == Action::Catch) {
            *action = Action::Default;
        }
    }

    /// Sets what a signal does.
    ///
    /// # Errors
    ///
    /// [`Errno::Inval`] for the two that can't be caught or ignored.
    pub(crate) fn set_action(&self, signal: Signal, action: Action) -> Result<(), Errno> {
        if matches!(signal, Signal::KILL | Signal::STOP) && action != Action::Default {
            return Err(Errno::Inval);
        }
        self.actions.lock()[usize::from(signal.number() - 1)] = action;
        Ok(())
    }

    /// Returns what a signal does.
    pub(crate) fn action(&self, signal: Signal) -> Action {
        self.actions.lock()[usize::from(signal.number() - 1)]
    }

    /// Takes note of a signal and says what it does. The caller wakes the guest.
    pub(crate) fn deliver(&self, signal: Signal) -> Effect {
        let effect = match self.action(signal) {
            Action::Ignore if signal != Signal::CONT => Effect::Ignore,
            Action::Ignore => Effect::Continue,
            Action::Default => signal.default_effect(),
            Action::Catch => Effect::Handle,
        };
        // A stopped process continues on SIGCONT whatever it does with it (POSIX `kill`).
        if signal == Signal::CONT {
            self.stopped.store(0, Ordering::Release);
        }
        match effect {
            Effect::Ignore | Effect::Continue => {}
            Effect::Terminate => {
                let _ = self.fatal.compare_exchange(0, signal.number(), Ordering::SeqCst, Ordering::SeqCst);
            }
            Effect::Stop => {
                self.stop_is_news.store(true, Ordering::Release);
                self.stopped.store(signal.number(), Ordering::Release);
            }
            Effect::Handle => *self.pending.lock() |= signal.bit(),
        }
        if effect != Effect::Ignore {
            self.attention.store(true, Ordering::SeqCst);
        }
        effect
    }

    /// Returns the signal that ends the process, once there is one.
    pub(crate) fn fatal(&self) -> Option<Signal> {
        Signal::new(self.fatal.load(Ordering::SeqCst))
    }

    /// Returns whether the process is stopped.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire) != 0
    }

    /// Returns the signal that stopped the process, if the parent hasn't been told of it yet.
    pub(crate) fn untold_stop(&self) -> Option<Signal> {
        let news = self.stop_is_news.load(Ordering::Acquire);
        Signal::new(self.stopped.load(Ordering::Acquire)).filter(|_| news)
    }

    /// Takes note that the parent has been told of the stop.
    pub(crate) fn stop_was_told(&self) {
        self.stop_is_news.store(false, Ordering::Release);
    }

    /// Says whether a handler runs.
    pub(super) fn set_handling(&self, handling: bool) {
        self.handling.store(handling, Ordering::SeqCst);
    }

    /// Returns whether a handler runs.
    pub(super) fn is_handling(&self) -> bool {
        self.handling.load(Ordering::SeqCst)
    }

    /// Returns whether anything was delivered that the guest hasn't attended to.
    pub(crate) fn wants_attention(&self) -> bool {
        self.attention.load(Ordering::Acquire)
    }

    /// Has the process look at what is wanted of it, though no signal was delivered.
    pub(super) fn attract(&self) {
        self.attention.store(true, Ordering::SeqCst);
    }

    /// Returns whether a handler is to run now, so that a blocked call must be interrupted.
    pub(crate) fn has_pending(&self) -> bool {
        *self.pending.lock() != 0 && !self.is_handling()
    }

    /// Takes the lowest pending signal whose handler is to run; without one, attention is no longer wanted.
    pub(crate) fn take_pending(&self) -> Option<Signal> {
        let mut pending = self.pending.lock();
        if *pending == 0 {
            // Cleared first and looked at after, so that a signal delivered meanwhile isn't missed.
            self.attention.store(false, Ordering::SeqCst);
            if self.fatal().is_some() || self.is_stopped() {
                self.attention.store(true, Ordering::SeqCst);
            }
            return None;
        }
        let number = pending.trailing_zeros() as u8 + 1;
        *pending &= *pending - 1;
        Some(Signal(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INT: Signal = Signal::INT;
    const TERM: Signal = Signal::TERM;

    #[test]
    fn the_first_fatal_signal_stays() {
        let signals = Signals::default();
        assert_eq!(signals.deliver(TERM), Effect::Terminate);
        assert_eq!(signals.deliver(Signal::KILL), Effect::Terminate);
        assert_eq!(signals.fatal(), Some(TERM));
    }

    #[test]
    fn kill_and_stop_keep_their_effect() {
        let signals = Signals::default();
        assert_eq!(signals.set_action(Signal::KILL, Action::Ignore), Err(Errno::Inval));
        assert_eq!(signals.set_action(Signal::STOP, Action::Catch), Err(Errno::Inval));
    }

    #[test]
    fn a_caught_signal_is_pending_once() {
        let signals = Signals::default();
        assert_eq!(signals.set_action(INT, Action::Catch), Ok(()));
        signals.deliver(INT);
        signals.deliver(INT);
        assert_eq!(signals.take_pending(), Some(INT));
        assert_eq!(signals.take_pending(), None);
        assert!(!signals.wants_attention());
    }

    #[test]
    fn children_inherit_what_is_ignored() {
        let signals = Signals::default();
        assert_eq!(signals.set_action(INT, Action::Ignore), Ok(()));
        assert_eq!(signals.set_action(TERM, Action::Catch), Ok(()));
        let child = signals.inherited();
        assert_eq!(child.deliver(INT), Effect::Ignore);
        assert_eq!(child.deliver(TERM), Effect::Terminate);
    }
}
