//! What a checkpoint holds of a clock.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Clock, Script};

/// A clock. Of a real one only how far its monotonic time had come: a restored sandbox sees the true wall time, and draws
/// randomness that nobody has drawn before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClockState {
    /// The host's time.
    Real {
        /// The monotonic time, in nanoseconds since the sandbox was first made, its time as a snapshot not counted.
        monotonic_ns: u64,
    },
    /// A script, which goes on with its next line.
    Scripted {
        /// The wall time of the next reading, in nanoseconds since the Unix epoch.
        wall_ns: u64,
        /// The monotonic time of the next reading, in nanoseconds.
        monotonic_ns: u64,
        /// How far each reading moves both, in nanoseconds.
        step_ns: u64,
        /// What the randomness is made from.
        seed: [u8; 32],
        /// How many random bytes have been handed out.
        random_position: u64,
    },
}

impl Clock {
    /// Saves the clock.
    pub fn save(&self) -> ClockState {
        match self.script() {
            None => ClockState::Real { monotonic_ns: self.monotonic_ns() },
            Some(Script { wall_ns, monotonic_ns, step, seed, random_position }) => {
                let step_ns = super::saturating_nanos(step);
                ClockState::Scripted { wall_ns, monotonic_ns, step_ns, seed, random_position }
            }
        }
    }

    /// Makes the clock that was saved. Every state is that of some clock, so this can't fail.
    pub fn load(state: &ClockState) -> Self {
        match *state {
            ClockState::Real { monotonic_ns } => Self::real_from(monotonic_ns),
            ClockState::Scripted { wall_ns, monotonic_ns, step_ns, seed, random_position } => {
                let step = Duration::from_nanos(step_ns);
                Self::scripted(Script { wall_ns, monotonic_ns, step, seed, random_position })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_goes_on_where_it_was() {
        let clock = Clock::scripted(Script::new(50, 7).with_step(Duration::from_nanos(3)));
        clock.fill_random(&mut [0; 5]).unwrap();
        clock.wall_ns();
        let restored = Clock::load(&clock.save());
        let (mut a, mut b) = ([0; 8], [0; 8]);
        clock.fill_random(&mut a).unwrap();
        restored.fill_random(&mut b).unwrap();
        assert_eq!((a, clock.wall_ns()), (b, restored.wall_ns()));
    }

    #[test]
    fn a_real_clock_keeps_its_monotonic_time_and_nothing_else() {
        let clock = Clock::load(&ClockState::Real { monotonic_ns: 5_000_000_000 });
        assert!(clock.monotonic_ns() >= 5_000_000_000);
        assert!(matches!(clock.save(), ClockState::Real { monotonic_ns } if monotonic_ns >= 5_000_000_000));
    }

    #[test]
    fn extreme_clocks_do_not_panic() {
        let most = u64::MAX;
        for state in [
            ClockState::Real { monotonic_ns: most },
            ClockState::Scripted {
                wall_ns: most,
                monotonic_ns: most,
                step_ns: most,
                seed: [0; 32],
                random_position: most - 3,
            },
        ] {
            let clock = Clock::load(&state);
            assert_eq!(clock.monotonic_ns(), most);
            clock.wall_ns();
            clock.fill_random(&mut [0; 64]).unwrap();
            clock.fill_random(&mut [0; 64]).unwrap();
        }
    }
}
