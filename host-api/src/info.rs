//! What is known about sandboxes and snapshots.

use std::time::Duration;

use crate::{Limits, SandboxStatus};

/// What is known about a sandbox at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SandboxInfo {
    /// Its id: of `a-z`, `0-9` and `-`, never used again, and never its name.
    pub id: String,
    /// Its name, if it has one.
    pub name: Option<String>,
    /// Where it is in its life.
    pub status: SandboxStatus,
    /// Why it ended, of a terminated one.
    pub termination_reason: Option<TerminationReason>,
    /// The image it began with, or the sandbox that it continued from did, if it was asked for by name.
    pub image: Option<String>,
    /// The snapshot it continued from.
    pub snapshot_id: Option<String>,
    /// What runs it, for people to read: `wasmtime`, for example.
    pub runtime: String,
    /// What it may use.
    pub limits: Limits,
    /// How long it may be idle.
    pub idle_timeout: Option<Duration>,
    /// Whether a call resumes it when it is suspended.
    pub auto_resume: bool,
    /// When it was made, in milliseconds since the Unix epoch.
    pub created_at_ms: u64,
    /// When it ended, in milliseconds since the Unix epoch.
    pub terminated_at_ms: Option<u64>,
}

/// Why a sandbox ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TerminationReason {
    /// It was told to, or its owner dropped it.
    Requested,
    /// It was idle for longer than its timeout.
    IdleTimeout,
    /// Its engine was shut down.
    EngineShutdown,
    /// Making or resuming it failed.
    Failed,
}

/// How [`get_or_create`](crate::Sandboxes::get_or_create) came by its sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BindOutcome {
    /// There was none of that name, and it was made.
    Created,
    /// It ran already.
    Attached,
    /// It was suspended, and was resumed.
    Resumed,
}

/// What is known about a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotInfo {
    /// Its id, to be given as [`SandboxSpec::snapshot_id`](crate::SandboxSpec::snapshot_id).
    pub id: String,
    /// The sandbox it was taken of.
    pub sandbox_id: String,
    /// The name that the sandbox had.
    pub sandbox_name: Option<String>,
    /// What it holds.
    pub kind: SnapshotKind,
    /// Its size in bytes.
    pub size_bytes: u64,
    /// When it was taken, in milliseconds since the Unix epoch.
    pub created_at_ms: u64,
}

/// What a snapshot holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SnapshotKind {
    /// The files: a sandbox made of it begins with no process.
    Filesystem,
    /// The files, and the processes with their memory: a sandbox made of it goes on where this one was.
    #[default]
    Memory,
}
