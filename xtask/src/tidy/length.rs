//! Files that a person can no longer read in a sitting.

use super::File;

const LINES_MAX: usize = 600;

/// Returns the source files that are longer than they should be. That is a reason to look, not a mistake.
pub fn notes(files: &[File]) -> Vec<String> {
    let lengths = files.iter().filter(|file| file.is_rust()).map(|file| (file, file.text.lines().count()));
    lengths
        .filter(|(_, lines)| *lines > LINES_MAX)
        .map(|(file, lines)| format!("{}: {lines} lines", file.path))
        .collect()
}
