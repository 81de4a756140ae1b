//! A map that holds what was used last, up to a weight.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A value that knows when it was used and what it weighs.
#[derive(Default)]
pub(super) struct Entry<V> {
    pub(super) value: V,
    /// When it was used last.
    used: AtomicU64,
    weight: AtomicU64,
}

/// Values by key. Time is what the caller says it is; it must not go back.
pub(super) struct Recent<K, V> {
    entries: HashMap<K, Arc<Entry<V>>>,
    pinned: HashSet<K>,
    weight_max: u64,
}

impl<V> Entry<V> {
    /// Says what the value weighs.
    pub(super) fn set_weight(&self, weight: u64) {
        self.weight.store(weight, Ordering::Relaxed);
    }

    fn weight(&self) -> u64 {
        self.weight.load(Ordering::Relaxed)
    }

    /// Takes note of a use.
    pub(super) fn touch(&self, now: u64) {
        self.used.store(now, Ordering::Relaxed);
    }
}

impl<K: Copy + Eq + Hash, V: Default> Recent<K, V> {
    pub(super) fn new(weight_max: u64) -> Self {
        Self { entries: HashMap::new(), pinned: HashSet::new(), weight_max }
    }

    /// Has the value of a key stay, whatever its use and weight.
    pub(super) fn pin(&mut self, key: K) {
        self.pinned.insert(key);
    }

    /// Returns the weight of all values.
    pub(super) fn weight(&self) -> u64 {
        self.entries.values().map(|entry| entry.weight()).sum()
    }

    /// Returns the value of a key, a default one if there was none.
    pub(super) fn entry(&mut self, key: K, now: u64) -> Arc<Entry<V>> {
        let entry = self.entries.entry(key).or_default();
        entry.touch(now);
        entry.clone()
    }

    /// Returns the value of a key, if there is one.
    pub(super) fn get(&self, key: K, now: u64) -> Option<Arc<Entry<V>>> {
        let entry = self.entries.get(&key)?;
        entry.touch(now);
        Some(entry.clone())
    }

    /// Forgets what was used longest ago, if all of it weighs too much, until a quarter is free again. Returns whether it
    /// did.
    pub(super) fn trim(&mut self) -> bool {
        let mut weight = self.weight();
        if weight <= self.weight_max {
            return false;
        }
        let mut oldest: Vec<(u64, K)> = self
            .entries
            .iter()
            .filter(|(key, _)| !self.pinned.contains(*key))
            .map(|(key, entry)| (entry.used.load(Ordering::Relaxed), *key))
            .collect();
        oldest.sort_unstable_by_key(|(used, _)| *used);
        for (_, key) in oldest {
            if weight <= self.weight_max / 4 * 3 {
                break;
            }
            if let Some(entry) = self.entries.remove(&key) {
                weight -= entry.weight();
            }
        }
        true
    }

    /// Tells whether an entry is held still.
    pub(super) fn holds(&self, key: K, entry: &Arc<Entry<V>>) -> bool {
        self.entries.get(&key).is_some_and(|held| Arc::ptr_eq(held, entry))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_used_longest_ago_goes_first_and_what_is_pinned_stays() {
        let mut recent: Recent<u32, ()> = Recent::new(40);
        recent.pin(0);
        for key in 0..4 {
            recent.entry(key, key.into()).set_weight(10);
            recent.trim();
        }
        assert_eq!(recent.weight(), 40);
        let second = recent.entry(2, 5);
        recent.entry(1, 4).touch(4);
        recent.entry(4, 6).set_weight(10);
        recent.trim();
        assert_eq!(recent.weight(), 30, "a quarter is free again");
        assert!(recent.holds(2, &second));
        let mut kept: Vec<u32> = recent.entries.keys().copied().collect();
        kept.sort_unstable();
        assert_eq!(kept, [0, 2, 4], "3 was the oldest, then 1");
    }
}
