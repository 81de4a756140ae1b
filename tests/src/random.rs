//! Numbers that look like chance.

/// A sequence of them (splitmix64).
pub struct Random(u64);

impl Random {
    /// Returns the sequence that belongs to a number, the same each time.
    pub fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns the sequence of this process.
    pub fn of_this_run() -> Self {
        Self(std::process::id().into())
    }

    /// Returns the next number, which is less than `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}
