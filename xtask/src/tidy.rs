//! `cargo xtask tidy`: the invariants of `ARCHITECTURE.md` that a program can check.

mod boundaries;
mod exceptions;
mod length;
mod machine;
mod manifests;
mod test_files;

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use crate::{repository, shell};

/// Check the invariants of the repository that a program can check
#[derive(clap::Args)]
pub struct Tidy {}

impl Tidy {
    /// Prints what breaks an invariant, and fails if anything does.
    pub fn run(self) -> Result<()> {
        let files = committed(&repository())?;
        for note in length::notes(&files) {
            println!("note: {note}");
        }
        let broken = broken(&files);
        for line in &broken {
            println!("{line}");
        }
        if !broken.is_empty() {
            bail!("{} broken invariants", broken.len());
        }
        Ok(())
    }
}

/// A text file that is, or is about to be, committed.
struct File {
    /// From the root of the repository, with `/` between the parts.
    path: String,
    text: String,
}

impl File {
    /// Returns the lines with their numbers from 1, without line comments.
    ///
    /// A `//` in a string cuts the line short: that hides what follows it, which is the price of not parsing.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let without_comment = |line| str::split(line, "//").next().unwrap_or_default();
        self.text.lines().map(without_comment).enumerate().map(|(index, line)| (index + 1, line))
    }

    fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }
}

fn broken(files: &[File]) -> Vec<String> {
    let checks = [
        boundaries::broken as fn(&[File]) -> Vec<String>,
        exceptions::broken,
        machine::broken,
        manifests::broken,
        test_files::broken,
    ];
    checks.iter().flat_map(|check| check(files)).collect()
}

/// Returns every text file that Git knows or would add.
fn committed(repository: &Path) -> Result<Vec<File>> {
    let mut git = Command::new("git");
    git.current_dir(repository).args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let listed = shell::output(&mut git)?;
    let paths = listed.split('\0').filter(|path| !path.is_empty());
    // What is not UTF-8 is not text, and what is gone was deleted without having been committed yet.
    let text = |path: &str| fs::read_to_string(repository.join(path)).ok();
    Ok(paths.filter_map(|path| text(path).map(|text| File { path: path.to_owned(), text })).collect())
}

#[cfg(test)]
mod tests;
