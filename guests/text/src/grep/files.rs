//! Which files are searched.

use super::options::Command;
use crate::glob;
use crate::stat::Stat;

/// Tells whether `--include`, `--exclude` or `--exclude-dir` leaves out the file or directory at `path`.
pub fn is_skipped(command: &Command, path: &str, is_dir: bool, from_command_line: bool) -> bool {
    let trimmed = path.trim_end_matches('/');
    let name = trimmed.rsplit('/').next().unwrap_or(trimmed);
    let fits = |pattern: &String| {
        let pattern = pattern.trim_end_matches('/');
        let options = glob::Options::default();
        glob::matches(pattern, name, options) || (from_command_line && glob::matches(pattern, trimmed, options))
    };
    if is_dir {
        return !name.is_empty() && command.exclude_dirs.iter().any(fits);
    }
    // The last pattern that fits decides; a file that fits none is taken unless only some are wanted.
    match command.globs.iter().rev().find(|(_, pattern)| fits(pattern)) {
        Some((included, _)) => !included,
        None => command.globs.first().is_some_and(|(included, _)| *included),
    }
}

/// Tells whether the file at `path` is the regular file that the output goes to, which would feed itself.
pub fn is_output(path: &str) -> bool {
    let Ok(output) = Stat::of_stdout() else { return false };
    output.is_file() && Stat::of(path, true).is_ok_and(|stat| (stat.dev, stat.ino) == (output.dev, output.ino))
}
