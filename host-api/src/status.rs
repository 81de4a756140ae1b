//! The life of a sandbox.
//!
//! ```text
//!               create
//!                 |
//!                 v
//!              pending
//!                 |
//!                 v      checkpoint
//!   .--------> running <-------------> snapshotting
//!   |             |  ^
//!   |             |  | suspending failed
//!   |  suspend    v  |
//!   |          suspending
//!   | resume      |
//!   |             v                    every state
//!   '--------- suspended                    |  terminate, failure, or
//!                                           v  the end of an idle sandbox without a name
//!                                      terminated
//! ```

use std::fmt;

/// Where a sandbox is in its life; the module's drawing shows the ways between.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SandboxStatus {
    /// It is being made, or waits for room.
    Pending,
    /// It can be used.
    Running,
    /// It is being saved, and can be used meanwhile.
    Snapshotting,
    /// It is being put to rest.
    Suspending,
    /// It rests: its memory, processes and files are kept, and nothing in it runs.
    Suspended,
    /// It is over, for good. Its name is free.
    Terminated,
}

impl SandboxStatus {
    /// All of them, in the order of a life.
    pub const ALL: [Self; 6] =
        [Self::Pending, Self::Running, Self::Snapshotting, Self::Suspending, Self::Suspended, Self::Terminated];

    /// Returns whether a sandbox in this state may go over into `next`. Staying is not going over.
    pub fn can_become(self, next: Self) -> bool {
        match self {
            Self::Pending => matches!(next, Self::Running | Self::Terminated),
            Self::Running => matches!(next, Self::Snapshotting | Self::Suspending | Self::Terminated),
            Self::Snapshotting => matches!(next, Self::Running | Self::Terminated),
            Self::Suspending => matches!(next, Self::Running | Self::Suspended | Self::Terminated),
            Self::Suspended => matches!(next, Self::Running | Self::Terminated),
            Self::Terminated => false,
        }
    }

    /// Goes over into `next`.
    ///
    /// # Panics
    ///
    /// If [`can_become`](Self::can_become) forbids it, which is an engine's bug.
    #[track_caller]
    pub fn advance(&mut self, next: Self) {
        assert!(self.can_become(next), "a sandbox that is {self} cannot become {next}");
        *self = next;
    }

    /// Returns whether processes can be started and files be read in this state.
    pub fn is_usable(self) -> bool {
        matches!(self, Self::Running | Self::Snapshotting)
    }

    /// Returns the status as the wire protocol names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Snapshotting => "snapshotting",
            Self::Suspending => "suspending",
            Self::Suspended => "suspended",
            Self::Terminated => "terminated",
        }
    }
}

impl fmt::Display for SandboxStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::SandboxStatus::{self, *};

    #[test]
    fn the_ways_are_those_of_the_drawing() {
        let drawn = [
            (Pending, Running),
            (Running, Snapshotting),
            (Snapshotting, Running),
            (Running, Suspending),
            (Suspending, Running),
            (Suspending, Suspended),
            (Suspended, Running),
        ];
        for from in SandboxStatus::ALL {
            for to in SandboxStatus::ALL {
                let expected = drawn.contains(&(from, to)) || (to == Terminated && from != Terminated);
                assert_eq!(from.can_become(to), expected, "{from} -> {to}");
            }
        }
    }

    #[test]
    fn the_names_are_those_of_the_wire() {
        let names = SandboxStatus::ALL.map(SandboxStatus::as_str);
        assert_eq!(names, ["pending", "running", "snapshotting", "suspending", "suspended", "terminated"]);
    }

    #[test]
    fn every_state_is_reached_from_pending_and_ends_terminated() {
        for state in SandboxStatus::ALL {
            let reached = SandboxStatus::ALL.iter().any(|from| from.can_become(state));
            assert!(reached || state == Pending, "{state} is never reached");
            assert!(state.can_become(Terminated) || state == Terminated, "{state} cannot end");
        }
    }

    #[test]
    #[should_panic(expected = "a sandbox that is terminated cannot become running")]
    fn advance_refuses_what_is_not_drawn() {
        let mut status = Terminated;
        status.advance(Running);
    }
}
