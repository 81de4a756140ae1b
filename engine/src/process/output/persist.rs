//! Captured output, saved and brought back.

use std::sync::Arc;

use parking_lot::Mutex;
use stillbox_checkpoint::output::persist::{MarkState, OutputState, RingState};
use stillbox_kernel::account::Account;
use stillbox_kernel::wait::WaitSet;

use super::{Mark, Output, Ring, State};

impl Output {
    /// Saves what was captured.
    pub(crate) fn save(&self) -> OutputState {
        let state = self.state.lock();
        let [stdout, stderr] = &state.rings;
        OutputState { stdout: stdout.save(), stderr: stderr.save(), arrival: state.arrival, closed_ms: state.closed_ms }
    }

    /// Makes the output that was saved. What there is no room for is missed, the oldest first.
    pub(crate) fn load(state: &OutputState, limit: u64, account: &Account) -> Arc<Self> {
        let ring = |saved: &RingState| {
            let mut ring = Ring::new(usize::try_from(limit).unwrap_or(usize::MAX), account.nothing());
            ring.load(saved);
            ring
        };
        let rings = [ring(&state.stdout), ring(&state.stderr)];
        let state = State { rings, arrival: state.arrival, closed_ms: state.closed_ms };
        Arc::new(Self { state: Mutex::new(state), changed: WaitSet::default(), sinks: Default::default() })
    }
}

impl Ring {
    fn save(&self) -> RingState {
        let mark = |&Mark { start, arrival, time_ms }: &Mark| MarkState { start, arrival, time_ms };
        let bytes = Vec::from(self.bytes.clone()).into();
        RingState { bytes, start: self.start, marks: self.marks.iter().map(mark).collect() }
    }

    fn load(&mut self, saved: &RingState) {
        let mark = |&MarkState { start, arrival, time_ms }: &MarkState| Mark { start, arrival, time_ms };
        let marks: Vec<Mark> = saved.marks.iter().map(mark).collect();
        let room = self.room(saved.bytes.0.len() + marks.len() * size_of::<Mark>());
        (self.start, self.bytes, self.marks) = (saved.start, saved.bytes.0.to_vec().into(), marks.into());
        self.forget_marks();
        if self.used() > room {
            self.evict((self.used() - room) as u64);
        }
    }
}
