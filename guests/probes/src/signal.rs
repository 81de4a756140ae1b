//! Signals: caught, ignored, and as they are by default.

use std::time::{Duration, Instant};

use stillbox_sys::{self as sys, Disposition, Errno, Status};

use crate::check::{During, Outcome, equal, that};
use crate::child;

const SIGKILL: sys::Signal = 9;
const SIGUSR1: sys::Signal = 10;
const SIGTERM: sys::Signal = 15;
const LONG: Duration = Duration::from_secs(20);

/// A caught signal reaches the handler: a running program, and one that waits, whose call ends early.
pub fn handler(_: &[String]) -> Outcome {
    sys::signal_action(SIGUSR1, Disposition::Catch).during("catch")?;
    sys::kill(sys::getpid(), SIGUSR1).during("signal itself")?;
    let start = Instant::now();
    let mut caught = Vec::new();
    while caught.is_empty() && start.elapsed() < LONG {
        caught = sys::take_pending_signals().collect();
    }
    equal("while it computes", caught, vec![SIGUSR1])?;

    let me = sys::getpid().to_string();
    let pid = child::spawn("child_signal", &[&me, &SIGUSR1.to_string(), "50"]).spawn().during("spawn")?;
    let start = Instant::now();
    equal("while it sleeps", sys::sleep(LONG), Err(Errno::INTR))?;
    that("at once", start.elapsed() < LONG)?;
    equal("which", sys::take_pending_signals().collect::<Vec<_>>(), vec![SIGUSR1])?;
    equal("the sender", child::wait_for(pid)?, Status::Exited(0))
}

/// An ignored signal does nothing, to the program and to what it starts.
pub fn ignore(_: &[String]) -> Outcome {
    sys::signal_action(SIGTERM, Disposition::Ignore).during("ignore")?;
    sys::kill(sys::getpid(), SIGTERM).during("signal itself")?;
    let pid = child::spawn("child_sleep", &["150"]).spawn().during("spawn")?;
    sys::kill(pid, SIGTERM).during("signal the child")?;
    equal("the child inherits that", child::wait_for(pid)?, Status::Exited(0))?;
    let pid = child::spawn("child_sleep", &[]).signal(SIGTERM, Disposition::Default).spawn().during("spawn")?;
    sys::kill(pid, SIGTERM).during("signal the child")?;
    equal("unless told otherwise", child::wait_for(pid)?, Status::Signaled(SIGTERM))
}

/// A signal that nobody asked for kills, and a signal to nobody is an error.
pub fn default(_: &[String]) -> Outcome {
    for signal in [SIGTERM, SIGUSR1, SIGKILL] {
        let pid = child::spawn("child_sleep", &[]).spawn().during("spawn")?;
        equal("signal 0 only asks", sys::kill(pid, 0), Ok(()))?;
        sys::kill(pid, signal).during("kill")?;
        equal("status", child::wait_for(pid)?, Status::Signaled(signal))?;
        equal("afterwards", sys::kill(pid, signal), Err(Errno::SRCH))?;
    }
    Ok(())
}
