//! The host's own programs: as something to compare with ([`bash()`]), and as a second implementation of the programming
//! interface ([`NativeEngine`]), which keeps its contract by the plainest means.
//!
//! A [`NativeEngine`]'s sandbox is a directory of the host, and what runs in it are processes of the host: it is **no
//! boundary**. It is there to show that the contract can be kept by something else than the engine, and that its tests ask
//! for what Unix does.
//!
//! ```text
//!   NativeEngine --> Inner: directory, limits, log, entries        engine.rs, sandbox.rs (handle.rs), files.rs, log.rs
//!                              '--> Entry: a process as the API knows it, with its supervisor     entry.rs, supervise.rs
//!                                     '--> Job: one process of the host, and a thread that reads what it writes    job.rs
//!                                            '--> Output: its lines, for readers and followers    output.rs
//!                        '--> Session: a terminal of the host's with a job on it    pty.rs
//! ```
//!
//! Every process is the leader of a group, and has a mark in its environment that its descendants inherit: so what it
//! started is found again, whatever group or parent that has (`tree.rs`).

mod bash;
mod engine;
mod entry;
mod files;
mod handle;
mod job;
mod log;
mod output;
mod pty;
mod sandbox;
mod supervise;
mod tree;

pub use bash::{ENV, Outcome, bash, bash_with, has};
pub use engine::NativeEngine;

use std::time::{SystemTime, UNIX_EPOCH};

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}
