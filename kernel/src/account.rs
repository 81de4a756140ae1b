//! Counting what a sandbox makes its host hold, against a limit.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::Errno;

/// A count with a limit. Clones are the same one.
#[derive(Clone, Debug)]
pub struct Account(Arc<Count>);

#[derive(Debug)]
struct Count {
    limit: AtomicU64,
    used: AtomicU64,
    /// What is counted here is counted there, too.
    whole: Option<Account>,
}

impl Account {
    /// Returns an account of nothing yet.
    pub fn new(limit: u64) -> Self {
        Self(Arc::new(Count { limit: limit.into(), used: AtomicU64::new(0), whole: None }))
    }

    /// Returns an account without a limit of its own, whose charges count here as well.
    pub fn part(&self) -> Self {
        Self(Arc::new(Count { limit: u64::MAX.into(), used: AtomicU64::new(0), whole: Some(self.clone()) }))
    }

    /// Returns how much is charged now.
    pub fn used(&self) -> u64 {
        self.0.used.load(Ordering::Relaxed)
    }

    /// Returns the limit.
    pub fn limit(&self) -> u64 {
        self.0.limit.load(Ordering::Relaxed)
    }

    /// Changes the limit. What is counted past a lower one already stays.
    pub fn set_limit(&self, limit: u64) {
        self.0.limit.store(limit, Ordering::Relaxed);
    }

    /// Counts `amount` until the charge is dropped.
    ///
    /// # Errors
    ///
    /// [`Errno::Nomem`] past the limit; then nothing is counted.
    pub fn charge(&self, amount: u64) -> Result<Charge, Errno> {
        self.add(amount)?;
        Ok(Charge { account: self.clone(), amount })
    }

    /// Returns a charge of nothing yet.
    pub fn nothing(&self) -> Charge {
        Charge { account: self.clone(), amount: 0 }
    }

    fn add(&self, amount: u64) -> Result<(), Errno> {
        if let Some(whole) = &self.0.whole {
            whole.add(amount)?;
        }
        let fits = |used: u64| used.checked_add(amount).filter(|&total| total <= self.limit());
        let added = self.0.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits);
        if added.is_err()
            && let Some(whole) = &self.0.whole
        {
            whole.subtract(amount);
        }
        added.map(drop).map_err(|_| Errno::Nomem)
    }

    fn subtract(&self, amount: u64) {
        self.0.used.fetch_sub(amount, Ordering::Relaxed);
        if let Some(whole) = &self.0.whole {
            whole.subtract(amount);
        }
    }
}

/// Something that is counted while this is there.
#[derive(Debug)]
pub struct Charge {
    account: Account,
    amount: u64,
}

impl Charge {
    /// Returns how much is counted.
    pub fn amount(&self) -> u64 {
        self.amount
    }

    /// Counts nothing any more.
    pub fn clear(&mut self) {
        self.account.subtract(std::mem::take(&mut self.amount));
    }

    /// Counts another amount in place of the one before.
    ///
    /// # Errors
    ///
    /// As [`Account::charge`]; then the one before stays.
    pub fn resize(&mut self, amount: u64) -> Result<(), Errno> {
        match amount.checked_sub(self.amount) {
            Some(more) => self.account.add(more)?,
            None => self.account.subtract(self.amount - amount),
        }
        self.amount = amount;
        Ok(())
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_charge_counts_while_it_is_there() {
        let account = Account::new(10);
        let mut first = account.charge(6).unwrap();
        assert_eq!(account.charge(5).unwrap_err(), Errno::Nomem);
        let second = account.charge(4).unwrap();
        assert_eq!(first.resize(7), Err(Errno::Nomem));
        assert_eq!((first.amount(), account.used()), (6, 10));
        drop(second);
        first.resize(2).unwrap();
        first.resize(10).unwrap();
        assert_eq!(account.used(), 10);
        drop(first);
        assert_eq!(account.used(), 0);
        assert_eq!(account.charge(u64::MAX).unwrap_err(), Errno::Nomem);
    }

    #[test]
    fn a_lower_limit_leaves_what_is_there() {
        let account = Account::new(10);
        let mut charge = account.charge(6).unwrap();
        account.set_limit(4);
        assert_eq!(charge.resize(7), Err(Errno::Nomem));
        charge.resize(3).unwrap();
        account.set_limit(20);
        charge.resize(20).unwrap();
    }

    #[test]
    fn a_part_counts_in_the_whole() {
        let whole = Account::new(10);
        let part = whole.part();
        let _other = whole.charge(3).unwrap();
        let charge = part.charge(7).unwrap();
        assert_eq!((part.used(), whole.used()), (7, 10));
        assert_eq!(part.charge(1).unwrap_err(), Errno::Nomem);
        drop(charge);
        assert_eq!((part.used(), whole.used()), (0, 3));
    }
}
