//! What the three programs of this package share: choosing an applet by name, options as GNU reads them, buffered
//! output that survives a closed pipe, sizes and modes as people write them, and file metadata beyond std's.
//!
//! The applets themselves live beside each program's `main.rs`.

pub mod getopt;
pub mod human;
pub mod metadata;
pub mod mode;
pub mod process;
pub mod program;
pub mod text;
pub mod timestamp;
