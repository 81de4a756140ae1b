//! What a checkpoint holds of descriptors. The engine fills all of it.

use serde::{Deserialize, Serialize};
use stillbox_kernel::blob::Blob;
use stillbox_kernel::fs::persist::{DeviceState, OpenDirState, OpenFileState};

/// A descriptor of a process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DescriptorState {
    /// Its number.
    pub fd: u32,
    /// Its open file description, by its place in [`State::descriptions`](crate::State::descriptions).
    pub description: u32,
    /// Whether another program doesn't get it.
    pub cloexec: bool,
    /// The path that the program is told it is preopened at.
    pub preopen: Option<String>,
}

/// An open file description: what duplicated and inherited descriptors share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DescriptionState {
    /// What it refers to.
    pub object: ObjectState,
    /// The position of the next read or write, or the cookie of the next entry.
    pub position: u64,
    /// Whether it can be read.
    pub readable: bool,
    /// Whether it can be written.
    pub writable: bool,
    /// Whether writes go to the end.
    pub append: bool,
    /// Whether reads and writes don't wait.
    pub nonblocking: bool,
}

/// What a description refers to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ObjectState {
    /// A file.
    File(OpenFileState),
    /// A directory.
    Dir(OpenDirState),
    /// The end of a pipe that is read, by its place in [`State::pipes`](crate::State::pipes).
    PipeReader(u32),
    /// The end of a pipe that is written, likewise.
    PipeWriter(u32),
    /// A device.
    Device(DeviceState),
    /// A terminal, by its place in [`State::terminals`](crate::State::terminals).
    Terminal(u32),
    /// An output stream that is captured, of the job of this number.
    Output {
        /// The number of the process that the host started.
        job: u32,
        /// Whether it is standard error rather than standard output.
        stderr: bool,
    },
    /// Input that the host gave whole.
    Input(Blob),
}
