//! Which sandboxes an engine has, by id and by name.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use parking_lot::Mutex;
use stillbox_api::SandboxStatus;
use stillbox_kernel::clock::Clock;

use crate::sandbox::state::Inner;

/// How many terminated sandboxes are still found by their ids.
const TERMINATED_MAX: usize = 1024;

/// The sandboxes of one engine. Its lock is taken before that of a sandbox's state, never after.
#[derive(Default)]
pub(crate) struct Registry {
    entries: Mutex<Entries>,
}

#[derive(Default)]
struct Entries {
    by_id: HashMap<String, Arc<Inner>>,
    /// The ids of the named ones that are not terminated.
    by_name: HashMap<String, String>,
    /// The terminated ones, oldest first.
    terminated: VecDeque<String>,
    made: u64,
}

impl Registry {
    /// Enters the sandbox that `make` makes of an id and a number, under `name` if there is one.
    ///
    /// # Errors
    ///
    /// The sandbox that has the name.
    pub(crate) fn enter(
        &self,
        name: Option<&str>,
        make: impl FnOnce(String, u64) -> Arc<Inner>,
    ) -> Result<Arc<Inner>, Arc<Inner>> {
        let mut entries = self.entries.lock();
        if let Some(holder) = name.and_then(|name| entries.named(name)) {
            return Err(holder);
        }
        let inner = make(random_id("sb-"), entries.made);
        entries.made += 1;
        entries.by_id.insert(inner.id.clone(), inner.clone());
        if let Some(name) = name {
            entries.by_name.insert(name.to_owned(), inner.id.clone());
        }
        Ok(inner)
    }

    /// Enters a sandbox that another engine has suspended, unless it is known, or its name is taken.
    pub(crate) fn adopt(&self, id: &str, name: Option<&str>, make: impl FnOnce(u64) -> Arc<Inner>) {
        let mut entries = self.entries.lock();
        let is_taken = name.is_some_and(|name| entries.by_name.contains_key(name));
        if is_taken || entries.by_id.contains_key(id) {
            return;
        }
        let inner = make(entries.made);
        entries.made += 1;
        entries.by_id.insert(id.to_owned(), inner);
        if let Some(name) = name {
            entries.by_name.insert(name.to_owned(), id.to_owned());
        }
    }

    /// Returns the sandbox with this id, or else the one with this name.
    pub(crate) fn find(&self, id_or_name: &str) -> Option<Arc<Inner>> {
        let entries = self.entries.lock();
        entries.by_id.get(id_or_name).cloned().or_else(|| entries.named(id_or_name))
    }

    /// Returns the sandbox with this name.
    pub(crate) fn named(&self, name: &str) -> Option<Arc<Inner>> {
        self.entries.lock().named(name)
    }

    /// Gives a sandbox another name, and tells it while nobody can look.
    ///
    /// # Errors
    ///
    /// If another one has that name, or this one is over.
    pub(crate) fn rename(&self, inner: &Inner, name: &str) -> Result<(), NotRenamed> {
        let mut entries = self.entries.lock();
        if inner.status() == SandboxStatus::Terminated {
            return Err(NotRenamed::Terminated);
        }
        match entries.by_name.get(name) {
            Some(holder) if *holder != inner.id => return Err(NotRenamed::NameTaken),
            _ => {}
        }
        if let Some(old) = inner.name() {
            entries.by_name.remove(&old);
        }
        entries.by_name.insert(name.to_owned(), inner.id.clone());
        inner.set_name(name.to_owned());
        Ok(())
    }

    /// Ends a sandbox by `end`, which returns its name: that is free at the very moment at which the end can be seen.
    /// The sandbox that ended longest ago is forgotten. `None` if this one had ended already.
    pub(crate) fn retire<T>(&self, id: &str, end: impl FnOnce() -> Option<(Option<String>, T)>) -> Option<T> {
        let mut entries = self.entries.lock();
        let (name, ended) = end()?;
        if let Some(name) = name {
            entries.by_name.remove(&name);
        }
        entries.terminated.push_back(id.to_owned());
        let oldest = if entries.terminated.len() > TERMINATED_MAX { entries.terminated.pop_front() } else { None };
        let forgotten = oldest.and_then(|oldest| entries.by_id.remove(&oldest));
        drop(entries);
        drop(forgotten);
        Some(ended)
    }

    /// Forgets a sandbox that never came to be.
    pub(crate) fn forget(&self, id: &str) {
        let forgotten = self.entries.lock().by_id.remove(id);
        drop(forgotten);
    }

    /// Returns all sandboxes, oldest first.
    pub(crate) fn list(&self) -> Vec<Arc<Inner>> {
        let mut list: Vec<_> = self.entries.lock().by_id.values().cloned().collect();
        list.sort_unstable_by_key(|inner| inner.number);
        list
    }
}

/// Why a sandbox didn't get a name.
pub(crate) enum NotRenamed {
    NameTaken,
    Terminated,
}

impl Entries {
    fn named(&self, name: &str) -> Option<Arc<Inner>> {
        self.by_id.get(self.by_name.get(name)?).cloned()
    }
}

/// Returns a new id: lower-case letters and digits behind a prefix, so that it can be part of a host name and of a URL.
pub(crate) fn random_id(prefix: &str) -> String {
    let mut random = [0; 12];
    // Without the host's randomness nothing would be safe to run; the time in its place keeps ids apart at least.
    if Clock::real().fill_random(&mut random).is_err() {
        random[..8].copy_from_slice(&Clock::real().wall_ns().to_le_bytes());
    }
    let digits = random.iter().map(|byte| char::from(b"0123456789abcdefghjkmnpqrstvwxyz"[usize::from(byte & 31)]));
    prefix.chars().chain(digits).collect()
}
