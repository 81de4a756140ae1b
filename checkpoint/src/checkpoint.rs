//! The checkpoint as a value.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use stillbox_kernel::clock::persist::ClockState;
use stillbox_kernel::fs::persist::TreeState;
use stillbox_kernel::pipe::persist::PipeState;
use stillbox_kernel::tty::persist::TerminalState;

use crate::check::{self, StateError};
use crate::chunks::Chunks;
use crate::descriptors::persist::DescriptionState;
use crate::output::persist::JobState;
use crate::process::persist::ProcessState;
use crate::sandbox::persist::SandboxState;

/// A whole sandbox at one instant: its state, and the contents that the state names. Clones share everything.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    /// All that has structure.
    pub state: Arc<State>,
    /// Contents of files and memories.
    pub chunks: Arc<dyn Chunks>,
}

/// Everything of a sandbox that has structure. Parts name each other by their places in these lists.
///
/// A checkpoint of the files alone has no processes, jobs, descriptions, pipes and terminals.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// The sandbox as a whole.
    pub sandbox: SandboxState,
    /// Its clock.
    pub clock: ClockState,
    /// Its files.
    pub tree: TreeState,
    /// Its pipes.
    pub pipes: Vec<PipeState>,
    /// Its terminals.
    pub terminals: Vec<TerminalState>,
    /// Its open file descriptions, which descriptors of one or more processes share.
    pub descriptions: Vec<DescriptionState>,
    /// Its processes, zombies included, in ascending order of their numbers.
    pub processes: Vec<ProcessState>,
    /// What the host knows of the processes that it started, in ascending order of their numbers.
    pub jobs: Vec<JobState>,
}

impl Checkpoint {
    /// Puts a checkpoint together, if its parts fit.
    ///
    /// # Errors
    /// [`StateError`] says which do not. What only the kernel can tell, it tells when the files and pipes are loaded.
    pub fn new(state: State, chunks: Arc<dyn Chunks>) -> Result<Self, StateError> {
        check::state(&state, &*chunks)?;
        Ok(Self { state: Arc::new(state), chunks })
    }

    /// Returns the bytes of all contents, each counted once.
    pub fn content_bytes(&self) -> u64 {
        (0..self.chunks.count()).filter_map(|index| self.chunks.describe(index)).map(|(_, len)| u64::from(len)).sum()
    }
}
