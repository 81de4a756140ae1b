//! The signals of a process, saved and brought back.

use std::sync::atomic::Ordering;

use stillbox_checkpoint::process::persist::{ActionState, SignalState};

use super::{Action, Signal, Signals};

impl Signals {
    /// Saves the signals of a process whose handler has this name.
    pub(in crate::process) fn save(&self, handler: &str) -> SignalState {
        let action = |action: &Action| match action {
            Action::Default => ActionState::Default,
            Action::Ignore => ActionState::Ignore,
            Action::Catch => ActionState::Catch,
        };
        SignalState {
            actions: self.actions.lock().iter().map(action).collect(),
            pending: *self.pending.lock(),
            blocked: 0,
            fatal: self.fatal().map(Signal::number),
            stopped: Some(self.stopped.load(Ordering::Acquire)).filter(|signal| *signal != 0),
            stop_unreported: self.stop_is_news.load(Ordering::Acquire),
            handler: Some(handler.to_owned()),
        }
    }

    /// Makes the signals that were saved.
    pub(in crate::process) fn load(state: &SignalState) -> Self {
        let signals = Self::default();
        for (action, saved) in signals.actions.lock().iter_mut().zip(&state.actions) {
            *action = match saved {
                ActionState::Default => Action::Default,
                ActionState::Ignore => Action::Ignore,
                ActionState::Catch => Action::Catch,
            };
        }
        // There are 31 signals.
        *signals.pending.lock() = state.pending & (u32::MAX >> 1);
        let number = |number: Option<u8>| number.and_then(Signal::new).map_or(0, Signal::number);
        signals.fatal.store(number(state.fatal), Ordering::SeqCst);
        signals.stopped.store(number(state.stopped), Ordering::Release);
        signals.stop_is_news.store(state.stop_unreported, Ordering::Release);
        signals.attract();
        signals
    }
}
