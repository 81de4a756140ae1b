//! Who has a named sandbox: of all commands of one user, one at a time has it awake.
//!
//! ```text
//!   running/NAME.lock    locked by the command that has the sandbox, for as long as it has
//!   running/NAME.sock    where that command takes requests of others
//! ```
//!
//! The lock is the operating system's, and goes with its process, however that ends. What a killed command leaves behind
//! is an unlocked file, which the next one takes over.

use std::fs::{self, File, TryLockError};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use stillbox::validate_name;

use crate::home::{Home, make_private};

/// How long a command may take to come to where it takes requests, or to its end after the last one.
const PATIENCE: Duration = Duration::from_secs(20);

/// How often is looked whether a claim is free.
const INTERVAL: Duration = Duration::from_millis(50);

/// The right to wake a sandbox up, or to make one of that name.
pub(crate) struct Claim {
    running: Running,
    name: String,
    _lock: File,
}

/// The directory of the claims.
pub(crate) struct Running {
    path: PathBuf,
    dir: File,
}

impl Running {
    pub(crate) fn open(home: &Home) -> anyhow::Result<Self> {
        let path = home.data.join("running");
        let open = || {
            make_private(&path)?;
            File::open(&path)
        };
        let dir = open().with_context(|| format!("cannot use {}", path.display()))?;
        Ok(Self { path, dir })
    }

    fn lock_path(&self, name: &str) -> PathBuf {
        self.path.join(format!("{name}.lock"))
    }

    /// Returns the path of a socket. It is short, however long that of the directory is: addresses of sockets have 108
    /// bytes.
    pub(crate) fn socket_path(&self, name: &str) -> PathBuf {
        format!("/proc/self/fd/{}/{name}.sock", self.dir.as_raw_fd()).into()
    }

    /// Returns the names that are claimed, or were by a command that was killed.
    pub(crate) fn names(&self) -> anyhow::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path).context("cannot list what runs")? {
            let file_name = entry.context("cannot list what runs")?.file_name();
            names.extend(file_name.to_str().and_then(|name| name.strip_suffix(".lock")).map(str::to_owned));
        }
        names.sort_unstable();
        Ok(names)
    }
}

impl Claim {
    /// Claims a name; `None` if another command has it.
    ///
    /// # Errors
    ///
    /// If no sandbox can have this name, or the directory can't be used.
    pub(crate) fn attempt(home: &Home, name: &str) -> anyhow::Result<Option<Self>> {
        validate_name(name).map_err(anyhow::Error::msg)?;
        let running = Running::open(home)?;
        let path = running.lock_path(name);
        loop {
            let lock = File::options().create(true).truncate(false).write(true).open(&path);
            let lock = lock.with_context(|| format!("cannot use {}", path.display()))?;
            match lock.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(error).context("cannot lock a sandbox"),
            }
            // Whoever had it before may have removed the file between the two steps.
            if is_at(&lock, &path) {
                return Ok(Some(Self { running, name: name.to_owned(), _lock: lock }));
            }
        }
    }

    /// Claims a name, and waits a while for a command that is about to end.
    ///
    /// # Errors
    ///
    /// As [`attempt`](Self::attempt), and if another command goes on having it.
    pub(crate) async fn new(home: &Home, name: &str) -> anyhow::Result<Self> {
        let mut patience = Patience::new();
        loop {
            if let Some(claim) = Self::attempt(home, name)? {
                return Ok(claim);
            }
            // One that takes requests is not about to end.
            let is_served = std::os::unix::net::UnixStream::connect(Running::open(home)?.socket_path(name)).is_ok();
            if is_served || !patience.again().await {
                bail!("{name} is in use by another command");
            }
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Returns the path of the socket of this claim, where nothing is.
    pub(crate) fn free_socket_path(&self) -> PathBuf {
        let path = self.running.socket_path(&self.name);
        // Left behind by a command that was killed: the claim is ours.
        let _ = fs::remove_file(&path);
        path
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        // While the lock is held, so that nobody else's files are removed.
        let _ = fs::remove_file(self.running.socket_path(&self.name));
        let _ = fs::remove_file(self.running.lock_path(&self.name));
    }
}

fn is_at(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::metadata(path)) {
        (Ok(file), Ok(there)) => (file.dev(), file.ino()) == (there.dev(), there.ino()),
        _ => false,
    }
}

/// How long something is tried again.
pub(crate) struct Patience(Instant);

impl Patience {
    pub(crate) fn new() -> Self {
        Self(Instant::now() + PATIENCE)
    }

    /// Waits before the next attempt; returns whether there is to be one.
    pub(crate) async fn again(&mut self) -> bool {
        tokio::time::sleep(INTERVAL).await;
        Instant::now() < self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_claimed_once_and_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home { data: dir.path().into(), cache: dir.path().join("cache") };
        let claim = Claim::attempt(&home, "box").unwrap().unwrap();
        assert!(Claim::attempt(&home, "box").unwrap().is_none());
        let other = Claim::attempt(&home, "other").unwrap();
        assert_eq!(Running::open(&home).unwrap().names().unwrap(), ["box", "other"]);
        drop((claim, other));
        assert!(Running::open(&home).unwrap().names().unwrap().is_empty());
        assert!(Claim::attempt(&home, "box").unwrap().is_some());
        assert!(Claim::attempt(&home, "../box").is_err());
    }
}
