//! The one source of time and randomness of a sandbox.

pub mod persist;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;

use crate::Errno;

/// Where a sandbox's time and randomness come from: the host, or a script that gives the same answers every time.
///
/// Clones are handles of one clock.
#[derive(Clone)]
pub struct Clock(Arc<Source>);

enum Source {
    Real { start: Instant, monotonic_before: u64 },
    Scripted(Mutex<Script>),
}

/// The whole state of a scripted clock, as plain data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// The wall time of the next reading, in nanoseconds since the Unix epoch.
    pub wall_ns: u64,
    /// The monotonic time of the next reading, in nanoseconds.
    pub monotonic_ns: u64,
    /// How far each reading of either time moves both.
    pub step: Duration,
    /// What the randomness is made from.
    pub seed: [u8; 32],
    /// How many random bytes have been handed out.
    pub random_position: u64,
}

impl Script {
    /// Returns a script that starts at `wall_ns`, stands still until it is advanced, and draws randomness from `seed`.
    pub fn new(wall_ns: u64, seed: u64) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        Self { wall_ns, monotonic_ns: 0, step: Duration::ZERO, seed: bytes, random_position: 0 }
    }

    /// Returns the script with every reading moving time by `step`.
    pub fn with_step(mut self, step: Duration) -> Self {
        self.step = step;
        self
    }

    fn advance(&mut self, by: Duration) {
        let by = saturating_nanos(by);
        self.wall_ns = self.wall_ns.saturating_add(by);
        self.monotonic_ns = self.monotonic_ns.saturating_add(by);
    }
}

impl Clock {
    /// Returns a clock that shows the host's time and gives the host's randomness. Its monotonic time starts at 0.
    pub fn real() -> Self {
        Self::real_from(0)
    }

    /// Returns a real clock whose monotonic time goes on from `monotonic_ns`, as that of a restored sandbox does.
    pub fn real_from(monotonic_ns: u64) -> Self {
        Self(Arc::new(Source::Real { start: Instant::now(), monotonic_before: monotonic_ns }))
    }

    /// Returns a clock that follows `script`.
    pub fn scripted(script: Script) -> Self {
        Self(Arc::new(Source::Scripted(Mutex::new(script))))
    }

    /// Returns the wall time in nanoseconds since the Unix epoch.
    pub fn wall_ns(&self) -> u64 {
        match &*self.0 {
            Source::Real { .. } => saturating_nanos(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()),
            Source::Scripted(script) => {
                let mut script = script.lock();
                let now = script.wall_ns;
                let step = script.step;
                script.advance(step);
                now
            }
        }
    }

    /// Returns the time since the sandbox started, in nanoseconds; it never goes back.
    pub fn monotonic_ns(&self) -> u64 {
        match &*self.0 {
            Source::Real { start, monotonic_before } => {
                monotonic_before.saturating_add(saturating_nanos(start.elapsed()))
            }
            Source::Scripted(script) => {
                let mut script = script.lock();
                let now = script.monotonic_ns;
                let step = script.step;
                script.advance(step);
                now
            }
        }
    }

    /// Returns the smallest difference that two readings can have, in nanoseconds; at least 1.
    pub fn resolution_ns(&self) -> u64 {
        match &*self.0 {
            Source::Real { .. } => 1,
            Source::Scripted(script) => saturating_nanos(script.lock().step).max(1),
        }
    }

    /// Fills `buffer` with random bytes.
    ///
    /// # Errors
    /// `IO` when the host has no randomness to give.
    pub fn fill_random(&self, buffer: &mut [u8]) -> Result<(), Errno> {
        match &*self.0 {
            Source::Real { .. } => getrandom::fill(buffer).map_err(|_| Errno::Io),
            Source::Scripted(script) => {
                let mut script = script.lock();
                let mut stream = blake3::Hasher::new_keyed(&script.seed).finalize_xof();
                stream.set_position(script.random_position);
                stream.fill(buffer);
                script.random_position = script.random_position.wrapping_add(buffer.len() as u64);
                Ok(())
            }
        }
    }

    /// Moves a scripted clock forward; a real one moves by itself and ignores this.
    pub fn advance(&self, by: Duration) {
        if let Source::Scripted(script) = &*self.0 {
            script.lock().advance(by);
        }
    }

    /// Returns the state of a scripted clock, or `None` for a real one.
    pub fn script(&self) -> Option<Script> {
        match &*self.0 {
            Source::Real { .. } => None,
            Source::Scripted(script) => Some(script.lock().clone()),
        }
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.script() {
            None => f.write_str("Clock::Real"),
            Some(script) => f.debug_tuple("Clock::Scripted").field(&script).finish(),
        }
    }
}

/// Returns a duration in nanoseconds; 2^64 of them are 584 years.
fn saturating_nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_gives_the_same_answers_twice_and_goes_on_where_it_was_saved() {
        let script = Script::new(1_000, 7).with_step(Duration::from_nanos(10));
        let (first, second) = (Clock::scripted(script.clone()), Clock::scripted(script));
        let (mut a, mut b, mut c) = ([0; 40], [0; 40], [0; 40]);
        first.fill_random(&mut a).unwrap();
        second.fill_random(&mut b).unwrap();
        assert_eq!(a, b);
        assert_eq!((first.wall_ns(), first.wall_ns(), first.monotonic_ns()), (1_000, 1_010, 20));

        let resumed = Clock::scripted(first.script().unwrap());
        first.fill_random(&mut b).unwrap();
        resumed.fill_random(&mut c).unwrap();
        assert_eq!(b, c);
        assert_ne!(a, b);
        assert_eq!(resumed.wall_ns(), 1_030);
        resumed.advance(Duration::from_nanos(60));
        assert_eq!(resumed.wall_ns(), 1_100);
    }

    #[test]
    fn a_real_clock_continues_and_is_random() {
        let clock = Clock::real_from(5_000_000_000);
        let (first, second) = (clock.monotonic_ns(), clock.monotonic_ns());
        assert!(first >= 5_000_000_000 && second >= first);
        let (mut a, mut b) = ([0; 16], [0; 16]);
        clock.fill_random(&mut a).unwrap();
        clock.fill_random(&mut b).unwrap();
        assert_ne!(a, b);
    }
}
