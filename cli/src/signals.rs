//! What the user or the system asks of this process, to be passed on to the guest.

use stillbox::Signal;
use tokio::signal::unix::{self, SignalKind};

/// SIGINT as guests number it.
pub(crate) const SIGINT: Signal = 2;

/// SIGHUP, likewise.
pub(crate) const SIGHUP: Signal = 1;

/// SIGTERM, likewise.
pub(crate) const SIGTERM: Signal = 15;

/// SIGQUIT, likewise.
pub(crate) const SIGQUIT: Signal = 3;

/// The signals that are passed on.
pub(crate) struct Signals {
    interrupt: unix::Signal,
    terminate: unix::Signal,
    hangup: unix::Signal,
    quit: unix::Signal,
}

impl Signals {
    /// Takes over the signals: from now on they don't end this process.
    pub(crate) fn new() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: unix::signal(SignalKind::interrupt())?,
            terminate: unix::signal(SignalKind::terminate())?,
            hangup: unix::signal(SignalKind::hangup())?,
            quit: unix::signal(SignalKind::quit())?,
        })
    }

    /// Waits for the next signal, and returns its number in the guest. Cancel safe.
    pub(crate) async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => SIGINT,
            _ = self.terminate.recv() => SIGTERM,
            _ = self.hangup.recv() => SIGHUP,
            _ = self.quit.recv() => SIGQUIT,
        }
    }
}
