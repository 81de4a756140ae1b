//! A sandbox that is held still: what a checkpoint is, its format, and where it is stored.
//!
//! ```text
//!   persist.rs of each noun --> State, plain data      contents --> chunks, by their hash
//!                                  \                      /
//!                                   v                    v
//!                                       Checkpoint
//!                              /            |             \
//!              MemoryStore    DirectoryStore    one file: export, import
//! ```
//!
//! `find . -name persist.rs` lists what a checkpoint holds. The kernel's nouns (files, pipes, terminals, clocks) are saved and loaded
//! by the kernel; the data types of the engine's (sandbox, process, descriptors, memory, output) are here, and the
//! engine fills them.
//!
//! A checkpoint may come from anyone. Reading one can give an error, or a [`Checkpoint`] whose parts fit together; what its
//! guests then see may be garbage, which harms nobody but them. Nothing here depends on a processor or on the runtime.

mod check;
mod checkpoint;
mod chunks;
pub mod format;
pub mod pages;
mod record;
pub mod store;

/// What is saved of a sandbox as a whole.
pub mod sandbox {
    pub mod persist;
}
/// What is saved of a process.
pub mod process {
    pub mod persist;
}
/// What is saved of descriptors and open file descriptions.
pub mod descriptors {
    pub mod persist;
}
/// What is saved of captured output, and of the records of processes that the host started.
pub mod output {
    pub mod persist;
}
/// What is saved of managed processes.
pub mod managed {
    pub mod persist;
}
/// What is saved of linear memories.
pub mod memory {
    pub mod persist;
}

pub use check::StateError;
pub use checkpoint::{Checkpoint, State};
pub use chunks::{CHUNK_BYTES_MAX, ChunkTable, Chunks, Place};
pub use format::FormatError;
pub use record::{Purpose, SnapshotRecord};
pub use store::{CheckpointStore, Collected, DirectoryStore, MemoryStore, StoreError, StoreOptions};
