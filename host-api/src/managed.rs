//! Managed processes: started again when they end, probed while they run.
//!
//! A process that is started with a name, a [`RestartPolicy`] or a [`HealthCheck`] is managed: a supervisor of the engine
//! looks after it until it is over.
//!
//! ```text
//!                    .------------------------------------------------------.
//!                    v                                                      |
//!   start ------> starting ------> running ------> ended?  ----------> backing off
//!                  probed, but      |   ^           | the policy          the pause doubles
//!                  not well yet     |   |           | says no
//!                                   '---'           v
//!                              unhealthy, and    stopped  <----- kill_process, from everywhere
//!                              not restarted        |
//!                                                   '----> restart_process, which works everywhere
//! ```
//!
//! Its number changes with each restart, and its record is the same: it is found by its name, and by the number it has
//! now. What it writes is captured as one output across restarts, so that what it said before it failed can be read
//! after. What a process left running is killed before it is started again.

use std::time::Duration;

use crate::ProcessStatus;

/// What a supervisor does when a managed process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RestartPolicy {
    /// After which ends the process is started again; default: after failures.
    pub condition: RestartCondition,
    /// How many times at most; `None`, the default, is without end. A restart by the host begins to count anew.
    pub restarts_max: Option<u32>,
    /// The pause before the first restart, which doubles each time; default 500 ms. It begins anew after a restart by the
    /// host, and when the process has run for longer than the longest pause.
    pub backoff_initial: Duration,
    /// The longest pause; default 30 s.
    pub backoff_max: Duration,
}

impl Default for RestartPolicy {
    fn default() -> Self {
        Self {
            condition: RestartCondition::OnFailure,
            restarts_max: None,
            backoff_initial: Duration::from_millis(500),
            backoff_max: Duration::from_secs(30),
        }
    }
}

impl RestartPolicy {
    /// Returns the default policy with another condition.
    pub fn new(condition: RestartCondition) -> Self {
        Self { condition, ..Self::default() }
    }

    /// Returns whether a process is started again that ended in this way, after so many restarts.
    pub fn restarts_after(&self, end: ProcessStatus, restarts: u32) -> bool {
        let wanted = match self.condition {
            RestartCondition::Never => false,
            RestartCondition::OnFailure => end != ProcessStatus::Exited(0),
            RestartCondition::Always => true,
        };
        wanted && self.restarts_max.is_none_or(|max| restarts < max)
    }

    /// Returns the pause before the next restart, after so many without a long run in between.
    pub fn backoff(&self, restarts: u32) -> Duration {
        let doubled = 1_u32.checked_shl(restarts).map(|factor| self.backoff_initial.saturating_mul(factor));
        doubled.unwrap_or(self.backoff_max).min(self.backoff_max)
    }
}

/// After which ends a managed process is started again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RestartCondition {
    /// After none.
    Never,
    /// After an exit code other than 0, after a signal, and when it is unhealthy.
    #[default]
    OnFailure,
    /// After every end but a kill by the host.
    Always,
}

impl RestartCondition {
    /// Returns the condition as the wire protocol names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::OnFailure => "on_failure",
            Self::Always => "always",
        }
    }
}

/// A probe that a supervisor makes of a managed process, again and again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthCheck {
    /// What is asked.
    pub probe: Probe,
    /// The time between the start and the first probe; default 5 s.
    pub initial_delay: Duration,
    /// The time between the end of a probe and the next; default 1 s.
    pub interval: Duration,
    /// How long a probe may take; default 500 ms.
    pub timeout: Duration,
    /// After how many failures in a row the process counts as unhealthy; default 3. It is then restarted, if its policy
    /// restarts after failures.
    pub failure_threshold: u32,
}

impl HealthCheck {
    /// Returns a check that makes `probe` with the default times.
    pub fn new(probe: Probe) -> Self {
        Self {
            probe,
            initial_delay: Duration::from_secs(5),
            interval: Duration::from_secs(1),
            timeout: Duration::from_millis(500),
            failure_threshold: 3,
        }
    }

    /// Returns a check that runs a program inside the sandbox; see [`Probe::Exec`].
    pub fn exec(argv: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self::new(Probe::Exec { argv: argv.into_iter().map(Into::into).collect() })
    }
}

/// What a health check asks of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Probe {
    /// Whether a program that is run inside the sandbox exits with 0. It has the environment and the working directory of
    /// the process that it is about, is not listed, and its output goes nowhere.
    Exec {
        /// The program and its arguments.
        argv: Vec<String>,
    },
    /// Whether a connection to the port at 127.0.0.1 inside the sandbox is accepted. An engine whose sandboxes have no
    /// network refuses it.
    Tcp {
        /// The port.
        port: u16,
    },
    /// Whether a GET of the path, from 127.0.0.1 inside the sandbox, is answered with success. An engine whose sandboxes
    /// have no network refuses it.
    Http {
        /// The port.
        port: u16,
        /// The path, with its leading `/`.
        path: String,
    },
}

/// What is known about the supervision of a process at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManagedInfo {
    /// What the supervisor calls it: its name if it has one, and otherwise a text that is unique in the sandbox.
    pub id: String,
    /// Where it is between its restarts.
    pub status: ManagedStatus,
    /// The policy.
    pub restart: RestartPolicy,
    /// How many times it was started again, by the supervisor or the host.
    pub restart_count: u32,
    /// What is asked of it.
    pub health_check: Option<HealthCheck>,
    /// What came of that.
    pub health: HealthStatus,
    /// How many probes have failed in a row.
    pub consecutive_health_failures: u32,
    /// How it ended the last time.
    pub last_exit: Option<LastExit>,
    /// Why it could not be started again the last time, if that was so.
    pub last_error: Option<String>,
    /// When it will be started again, in milliseconds since the Unix epoch, if it is waiting for that.
    pub next_restart_at_ms: Option<u64>,
}

/// How a managed process ended the last time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastExit {
    /// How it ended.
    pub status: ProcessStatus,
    /// When, in milliseconds since the Unix epoch.
    pub ended_at_ms: u64,
}

/// Where a managed process is between its restarts; the module's drawing shows the ways between.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ManagedStatus {
    /// It runs, and has a health check that hasn't succeeded yet.
    Starting,
    /// It runs.
    Running,
    /// It ended, and is about to be started again.
    BackingOff,
    /// It is over, or is about to be because it was killed. Nothing but the host starts it again.
    Stopped,
}

impl ManagedStatus {
    /// Returns the status as the wire protocol names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Running => "running",
            Self::BackingOff => "backing_off",
            Self::Stopped => "stopped",
        }
    }
}

/// What the probes of a managed process have shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HealthStatus {
    /// It has no health check.
    Disabled,
    /// No probe has succeeded since it started, and not enough have failed.
    Starting,
    /// The last probe succeeded, or not enough have failed since.
    Healthy,
    /// As many probes as the threshold says have failed in a row.
    Unhealthy,
}

impl HealthStatus {
    /// Returns the status as the wire protocol names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::Starting => "starting",
            Self::Healthy => "healthy",
            Self::Unhealthy => "unhealthy",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_doubles_up_to_the_longest() {
        let policy = RestartPolicy { backoff_max: Duration::from_secs(3), ..RestartPolicy::default() };
        let pauses: Vec<u128> = (0..5).map(|restarts| policy.backoff(restarts).as_millis()).collect();
        assert_eq!(pauses, [500, 1000, 2000, 3000, 3000]);
        assert_eq!(policy.backoff(u32::MAX), policy.backoff_max);
        let long = RestartPolicy { backoff_initial: Duration::MAX, ..policy };
        assert_eq!(long.backoff(31), long.backoff_max);
    }

    #[test]
    fn the_defaults_are_those_of_the_hosted_api() {
        let policy = RestartPolicy {
            condition: RestartCondition::OnFailure,
            restarts_max: None,
            backoff_initial: Duration::from_millis(500),
            backoff_max: Duration::from_secs(30),
        };
        assert_eq!(RestartPolicy::default(), policy);
        let probe = Probe::Tcp { port: 80 };
        let check = HealthCheck {
            probe: probe.clone(),
            initial_delay: Duration::from_millis(5000),
            interval: Duration::from_millis(1000),
            timeout: Duration::from_millis(500),
            failure_threshold: 3,
        };
        assert_eq!(HealthCheck::new(probe), check);
    }

    #[test]
    fn the_condition_and_the_maximum_decide() {
        use ProcessStatus::{Exited, OomKilled, Signaled};
        for (condition, expected) in [
            (RestartCondition::Never, [false; 4]),
            (RestartCondition::OnFailure, [false, true, true, true]),
            (RestartCondition::Always, [true; 4]),
        ] {
            let policy = RestartPolicy { restarts_max: Some(2), ..RestartPolicy::new(condition) };
            let ends = [Exited(0), Exited(1), Signaled(15), OomKilled];
            assert_eq!(ends.map(|end| policy.restarts_after(end, 1)), expected);
            assert_eq!(ends.map(|end| policy.restarts_after(end, 2)), [false; 4]);
        }
    }
}
