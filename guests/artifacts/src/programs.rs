//! Where in the image the programs are.

use crate::{ALL, Artifact};

/// A file of the image that holds a program.
#[derive(Clone, Copy)]
pub struct Program {
    /// The file's name in `/bin`.
    pub name: &'static str,
    /// What it holds. Programs with the same artifact are hard links to one file.
    pub artifact: &'static Artifact,
}

impl Program {
    /// Returns the file's path, such as `/bin/ls`.
    pub fn path(&self) -> String {
        format!("{}/{}", Self::DIRECTORY, self.name)
    }

    /// The directory that holds them all; `/usr/bin` is a link to it.
    pub const DIRECTORY: &'static str = "/bin";

    /// The permissions of the files.
    pub const MODE: u32 = 0o755;
}

/// Returns the programs of the default image. No two have the same name.
pub fn programs() -> impl Iterator<Item = Program> {
    ALL.iter().flat_map(|artifact| artifact.applets.iter().map(move |name| Program { name, artifact }))
}
