//! What is inside the default image: the [`programs`] built from `guests/`, and the [files](skeleton) around them.
//!
//! It is plain data. The engine makes a file tree of it, once, and shares that among all sandboxes.

mod programs;
pub mod skeleton;

pub use programs::{Program, programs};

/// A prebuilt WebAssembly program.
#[derive(Clone, Copy)]
pub struct Artifact {
    /// Its own name, such as `coreutils`.
    pub name: &'static str,
    /// The module.
    pub bytes: &'static [u8],
    /// The BLAKE3 of [`bytes`](Self::bytes), computed when it was built: nothing has to hash it to find compiled code.
    pub hash: [u8; 32],
    /// The names that it has in the image. A program with several looks at its first argument to see which it is;
    /// one without any is there for tests and not part of the image.
    pub applets: &'static [&'static str],
}

/// Every prebuilt program, sorted by name.
pub const ALL: &[Artifact] = include!(concat!(env!("OUT_DIR"), "/artifacts.rs"));

/// Returns the artifact called `name`.
pub fn find(name: &str) -> Option<&'static Artifact> {
    ALL.iter().find(|artifact| artifact.name == name)
}

#[cfg(test)]
mod tests;
