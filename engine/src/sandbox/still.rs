//! A sandbox at one instant, in memory: what a copy starts from, and what a checkpoint is made of.
//!
//! ```text
//!   Live ---- hold.rs, persist.rs ----> Still <---- store: Checkpoint, its contents hashed
//!   Live <---------- persist.rs --------- |   ----> store
//! ```
//!
//! Taking one hashes nothing, and copies what its processes wrote to their memories. Files are shared.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use stillbox_api::{Limits, RestoreError};
use stillbox_capture::host::compile_continuations;
use stillbox_checkpoint::output::persist::JobState;
use stillbox_checkpoint::process::persist::{LifeState, ProcessState, RunningState};
use stillbox_checkpoint::sandbox::persist::SandboxState;
use stillbox_checkpoint::{Checkpoint, ChunkTable, Chunks, State, StateError};
use stillbox_kernel::chunk::ChunkReader;
use stillbox_kernel::clock::persist::ClockState;
use stillbox_kernel::fs::Tree;
use stillbox_kernel::fs::persist::BaseTree;

use crate::image::Base;
use crate::memory::Image;
use crate::process::Pid;
use crate::process::hold::MemoryStill;
use crate::program::{Program, Programs};
use crate::sandbox::boot::quota_of;
use crate::wasi::fd_table::persist::Opened;

/// A sandbox at one instant.
pub(crate) struct Still {
    pub(crate) sandbox: SandboxState,
    pub(crate) clock: ClockState,
    pub(crate) tree: Tree,
    /// What the tree began as.
    pub(crate) base: Base,
    pub(crate) opened: Opened,
    /// Without their memories and programs.
    pub(crate) processes: Vec<ProcessState>,
    pub(crate) jobs: Vec<JobState>,
    /// Whether this is all of the sandbox, or its files alone.
    pub(crate) has_processes: bool,
    pub(crate) guests: BTreeMap<Pid, Contents>,
    /// Where the contents are that the states name.
    pub(crate) chunks: Arc<dyn Chunks>,
}

/// What a running process has that is shared and not copied.
#[derive(Clone)]
pub(crate) struct Contents {
    pub(crate) program: Arc<Program>,
    pub(crate) memories: Vec<MemoryStill>,
}

/// How large an image in a checkpoint may be, in bytes.
const BASE_BYTES_MAX: u64 = 4 << 30;

/// A memory's image as bytes that are shared.
struct Shared(Arc<Image>);

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        self.0.bytes()
    }
}

impl Still {
    /// Returns the limits of the sandbox that stood still.
    pub(crate) fn limits(&self) -> Limits {
        self.sandbox.limits.load(Limits::default())
    }

    /// Makes a checkpoint of it, in which contents are hashed that were not before.
    ///
    /// # Errors
    ///
    /// If its parts don't fit together, which would be a defect.
    pub(crate) fn checkpoint(&self) -> Result<Checkpoint, StateError> {
        let mut chunks: ChunkTable = self.opened.chunks.clone();
        let tree = self.tree.save(self.base.identified(), true, &mut chunks);
        let mut processes = self.processes.clone();
        for process in &mut processes {
            if let (LifeState::Running(running), Some(contents)) = (&mut process.life, self.guests.get(&process.pid)) {
                save_contents(running, contents, &mut chunks);
            }
        }
        let Opened { pipes, terminals, descriptions, .. } = &self.opened;
        let state = State {
            sandbox: self.sandbox.clone(),
            clock: self.clock.clone(),
            tree,
            pipes: pipes.clone(),
            terminals: terminals.clone(),
            descriptions: descriptions.clone(),
            processes,
            jobs: self.jobs.clone(),
        };
        Checkpoint::new(state, Arc::new(chunks))
    }

    /// Has the code ready by which its processes go on, as far as it isn't: on all processors, where a process would have it
    /// compiled when it gets there. A stack that is damaged is found out then.
    pub(crate) fn compile_continuations(&self) {
        for process in &self.processes {
            let LifeState::Running(running) = &process.life else { continue };
            let Some(Ok(continuations)) = self.guests.get(&process.pid).map(|contents| contents.program.capture())
            else {
                continue;
            };
            let stacks = running.activations.iter().map(|activation| &activation.frames.0[..]);
            if let Err(error) = compile_continuations(stacks, continuations) {
                tracing::debug!(pid = process.pid, %error, "a process has no continuations");
            }
        }
    }

    /// Brings a checkpoint into memory. It may come from anyone.
    ///
    /// This compiles programs that are new to the engine, which can take seconds.
    ///
    /// # Errors
    ///
    /// For what is damaged, or needs what this engine lacks.
    pub(crate) fn of(checkpoint: &Checkpoint, bases: &[BaseTree], programs: &Programs) -> Result<Self, RestoreError> {
        let Checkpoint { state, chunks } = checkpoint;
        let limits = state.sandbox.limits.load(Limits::default());
        let reader: &dyn ChunkReader = &**chunks;
        let (tree, base) =
            Tree::load(&state.tree, bases, BASE_BYTES_MAX, reader, &quota_of(&limits)).map_err(damaged)?;
        let mut guests = BTreeMap::new();
        let mut processes = state.processes.clone();
        for process in &mut processes {
            if let LifeState::Running(running) = &mut process.life {
                let contents = load_contents(running, &**chunks, limits.program_bytes, programs)?;
                guests.insert(process.pid, contents);
            }
        }
        let opened = Opened::of(state.pipes.clone(), state.terminals.clone(), state.descriptions.clone());
        let still = Self {
            sandbox: state.sandbox.clone(),
            clock: state.clock.clone(),
            tree,
            base: Base::of(base),
            opened,
            processes,
            jobs: state.jobs.clone(),
            has_processes: true,
            guests,
            chunks: chunks.clone(),
        };
        still.compile_continuations();
        Ok(still)
    }
}

fn save_contents(running: &mut RunningState, contents: &Contents, chunks: &mut ChunkTable) {
    running.program.module = contents.program.save(chunks);
    for (state, memory) in running.memories.iter_mut().zip(&contents.memories) {
        let held = Bytes::from_owner(Shared(memory.image.clone()));
        let bytes = state.bytes;
        *state = memory.image.pages().save(&held, chunks);
        // Zeros follow.
        state.bytes = bytes;
    }
}

fn load_contents(
    running: &mut RunningState,
    chunks: &dyn Chunks,
    program_bytes_max: u64,
    programs: &Programs,
) -> Result<Contents, RestoreError> {
    let module = std::mem::take(&mut running.program.module);
    let digest = running.program.digest;
    let read = || {
        let mut bytes = Vec::new();
        for chunk in &module {
            bytes.extend_from_slice(&chunks.get(*chunk).map_err(damaged)?.1);
            if bytes.len() as u64 > program_bytes_max {
                return Err(RestoreError::Damaged { reason: "a program is larger than it may be".into() });
            }
        }
        if *blake3::hash(&bytes).as_bytes() != digest {
            return Err(RestoreError::Mismatch { reason: "a program is neither here nor in the snapshot".into() });
        }
        Ok(Bytes::from(bytes))
    };
    let program = programs.of_digest(digest, read)?.map_err(damaged)?;
    let mut memories = Vec::new();
    for state in &mut running.memories {
        let missing = || RestoreError::Damaged { reason: "a page of a memory is missing".into() };
        let pages = state.pages(chunks).ok_or_else(missing)?;
        let image = Image::of_stored(pages, |file| state.write_to(chunks, file, 0));
        memories.push(MemoryStill {
            bytes: state.bytes,
            image: image.map_err(|error| RestoreError::Engine(error.into()))?,
        });
        state.runs.clear();
    }
    Ok(Contents { program, memories })
}

fn damaged(error: impl std::error::Error) -> RestoreError {
    let mut reason = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        reason.push_str(&format!(": {error}"));
        source = error.source();
    }
    RestoreError::Damaged { reason }
}
