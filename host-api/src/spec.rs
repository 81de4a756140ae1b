//! What a sandbox is to be like.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::Limits;

/// What a new sandbox is to be like. Every field has a default, so `SandboxSpec::default()` is a usable sandbox.
///
/// The fields are public, and a method of the same name sets each of them in a chain:
///
/// ```
/// # use stillbox_api::{Mount, SandboxSpec};
/// let spec = SandboxSpec::named("build-7").env("LANG", "C").mount(Mount::read_only("/srv/sources", "/src"));
/// assert_eq!(spec.image, None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SandboxSpec {
    /// The name, unique in the engine until the sandbox is terminated: 1 to 63 of `a-z`, `0-9` and `-`, with neither a
    /// `-` at an end nor digits alone. A sandbox without a name is ephemeral: it can't be suspended.
    pub name: Option<String>,
    /// The image whose files the sandbox begins with; `None` is the engine's own.
    pub image: Option<String>,
    /// The snapshot to continue from, in place of an image. The environment, the working directory and the limits are those
    /// of the snapshot, as far as nothing else is said here.
    pub snapshot_id: Option<String>,
    /// Variables that are added to the image's environment.
    pub env: BTreeMap<String, String>,
    /// The directory that processes start in and that relative paths begin at; `None` is the image's. It is made if it
    /// doesn't exist.
    pub working_dir: Option<String>,
    /// A program to start as soon as the sandbox runs, with its arguments; none if empty. A sandbox that goes on with the
    /// processes of a snapshot can't have one.
    pub entrypoint: Vec<String>,
    /// How long the sandbox may be idle, with no call in progress and no process running that a call started; after
    /// that a named sandbox is suspended and another one terminated. `None`, the default, is for ever.
    pub idle_timeout: Option<Duration>,
    /// Whether a call to a suspended sandbox resumes it, as it does by default. `false` needs a name.
    pub auto_resume: bool,
    /// Whether the sandbox is terminated when the last clone of the handle that `create` returned is dropped. By
    /// default it lives on and can be connected to.
    pub terminate_on_drop: bool,
    /// What the sandbox and its processes may use. With a `snapshot_id`, the default stands for the limits of the snapshot,
    /// and its processes can't go on under others; [`update`](crate::AsyncSandbox::update) can change them later.
    pub limits: Limits,
    /// Directories of the host that the sandbox sees.
    pub mounts: Vec<Mount>,
}

impl Default for SandboxSpec {
    fn default() -> Self {
        Self {
            name: None,
            image: None,
            snapshot_id: None,
            env: BTreeMap::new(),
            working_dir: None,
            entrypoint: Vec::new(),
            idle_timeout: None,
            auto_resume: true,
            terminate_on_drop: false,
            limits: Limits::default(),
            mounts: Vec::new(),
        }
    }
}

impl SandboxSpec {
    /// Returns the default sandbox, with a name.
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..Self::default() }
    }

    /// Sets the image.
    #[must_use]
    pub fn image(mut self, image: impl Into<String>) -> Self {
        self.image = Some(image.into());
        self
    }

    /// Sets the snapshot to continue from.
    #[must_use]
    pub fn snapshot_id(mut self, id: impl Into<String>) -> Self {
        self.snapshot_id = Some(id.into());
        self
    }

    /// Sets a variable of the environment.
    #[must_use]
    pub fn env(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.env.insert(key.into(), value.into());
        self
    }

    /// Sets the directory that processes start in.
    #[must_use]
    pub fn working_dir(mut self, dir: impl Into<String>) -> Self {
        self.working_dir = Some(dir.into());
        self
    }

    /// Sets the program to start with the sandbox, and its arguments.
    #[must_use]
    pub fn entrypoint(mut self, argv: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.entrypoint = argv.into_iter().map(Into::into).collect();
        self
    }

    /// Sets how long the sandbox may be idle.
    #[must_use]
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle_timeout = Some(timeout);
        self
    }

    /// Sets whether a call to a suspended sandbox resumes it.
    #[must_use]
    pub fn auto_resume(mut self, auto_resume: bool) -> Self {
        self.auto_resume = auto_resume;
        self
    }

    /// Sets whether the sandbox ends with the handle that `create` returns.
    #[must_use]
    pub fn terminate_on_drop(mut self, terminate: bool) -> Self {
        self.terminate_on_drop = terminate;
        self
    }

    /// Sets what the sandbox may use.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Adds a directory of the host.
    #[must_use]
    pub fn mount(mut self, mount: Mount) -> Self {
        self.mounts.push(mount);
        self
    }

    /// Checks what can be checked without an engine: that the name is well formed, and goes with the rest.
    ///
    /// # Errors
    ///
    /// A sentence that says what is wrong.
    pub fn validate(&self) -> Result<(), String> {
        if let Some(name) = &self.name {
            validate_name(name)?;
        } else if !self.auto_resume {
            return Err("auto_resume: false requires a named sandbox".into());
        }
        if self.image.is_some() && self.snapshot_id.is_some() {
            return Err("a sandbox begins with an image or a snapshot, not with both".into());
        }
        Ok(())
    }
}

/// Checks that `name` can name a sandbox; see [`SandboxSpec::name`].
///
/// # Errors
///
/// A sentence that says what is wrong.
pub fn validate_name(name: &str) -> Result<(), String> {
    let labelled = name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    if !(1..=63).contains(&name.len()) || !labelled || name.starts_with('-') || name.ends_with('-') {
        return Err(format!("the name {name:?} is not 1 to 63 of a-z, 0-9 and inner -"));
    }
    if name.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("the name {name:?} is all digits"));
    }
    Ok(())
}

/// A directory of the host that a sandbox sees. It is never part of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// The directory on the host.
    pub host_path: PathBuf,
    /// Where the sandbox sees it: an absolute path.
    pub guest_path: String,
    /// Whether the sandbox may change it.
    pub writable: bool,
}

impl Mount {
    /// Returns a mount that the sandbox may only read.
    pub fn read_only(host_path: impl Into<PathBuf>, guest_path: impl Into<String>) -> Self {
        Self { host_path: host_path.into(), guest_path: guest_path.into(), writable: false }
    }

    /// Returns a mount that the sandbox may change.
    pub fn writable(host_path: impl Into<PathBuf>, guest_path: impl Into<String>) -> Self {
        Self { writable: true, ..Self::read_only(host_path, guest_path) }
    }
}

/// What [`update`](crate::AsyncSandbox::update) changes; what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SandboxUpdate {
    /// A new name. Naming an ephemeral sandbox makes it one that can be suspended; its id stays.
    pub name: Option<String>,
    /// New limits. Those of one process hold for processes that start from now on; those of the sandbox as a whole hold
    /// from now on, and what is past a lower one already stays but doesn't grow.
    pub limits: Option<Limits>,
    /// A new idle timeout, in whose place an inner `None` puts none.
    pub idle_timeout: Option<Option<Duration>>,
    /// Whether a call to the suspended sandbox resumes it.
    pub auto_resume: Option<bool>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_labels_of_a_host_name() {
        for good in ["a", "build-7", "0a", &"x".repeat(63)] {
            assert_eq!(validate_name(good), Ok(()));
        }
        for bad in ["", "-a", "a-", "A", "a b", "a/b", "a.b", "ä", "17", &"x".repeat(64)] {
            assert!(validate_name(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_spec_that_contradicts_itself_is_refused() {
        assert_eq!(SandboxSpec::default().validate(), Ok(()));
        assert!(SandboxSpec::default().auto_resume(false).validate().is_err());
        assert_eq!(SandboxSpec::named("a").auto_resume(false).validate(), Ok(()));
        assert!(SandboxSpec::default().image("x").snapshot_id("y").validate().is_err());
    }
}
