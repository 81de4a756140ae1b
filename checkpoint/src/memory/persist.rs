//! What a checkpoint holds of a linear memory. [`Pages`](crate::pages::Pages) fills the content, the engine the rest.

use serde::{Deserialize, Serialize};
use stillbox_kernel::chunk::ChunkRef;

/// A linear memory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryState {
    /// Its size in bytes: a multiple of [`PAGE_BYTES`](crate::pages::PAGE_BYTES).
    pub bytes: u64,
    /// The content from the first byte on. What follows the last run is zeros.
    pub runs: Vec<Run>,
}

/// Pages that follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// How many, each [`PAGE_BYTES`](crate::pages::PAGE_BYTES) long.
    pub pages: u32,
    /// What they hold.
    pub content: RunContent,
}

/// What the pages of a run hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RunContent {
    /// Zeros.
    Zero,
    /// Chunks whose names follow each other, from this one on.
    Chunks(ChunkRef),
}
