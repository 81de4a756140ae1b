//! What `diff`'s two operands are: files, stdin, a directory and a file in it, or two trees.

use std::collections::BTreeSet;
use std::io::Write;

use stillbox_tools::metadata::{Stat, stat};
use stillbox_tools::program::{Failure, Outcome, read_input, reason, warn};
use stillbox_tools::{mode, text, timestamp};

use super::file::Pair;
use super::side::Columns;
use super::{Settings, Style, format, quoted, side};

const TROUBLE: i32 = 2;

/// Compares what the two operands name and returns diff's exit status.
pub fn compare_operands(settings: &Settings, left: &str, right: &str, out: &mut dyn Write) -> Outcome {
    let look = |path: &str| match path {
        "-" => Ok(None),
        path => match stat(path) {
            Ok(found) => Ok(Some(found)),
            Err(error) => Err(error),
        },
    };
    let (mut left, mut right) = (left.to_owned(), right.to_owned());
    let (mut seen_left, mut seen_right) = (look(&left), look(&right));
    let is_dir = |seen: &std::io::Result<Option<Stat>>| matches!(seen, Ok(Some(seen)) if seen.is_dir());
    // A directory beside a file stands for the file of that name in it.
    match (is_dir(&seen_left), is_dir(&seen_right)) {
        (true, false) if right != "-" && seen_right.is_ok() => {
            left = join(&left, base(&right));
            seen_left = look(&left);
        }
        (false, true) if left != "-" && seen_left.is_ok() => {
            right = join(&right, base(&left));
            seen_right = look(&right);
        }
        _ => {}
    }
    let mut failed = false;
    for (seen, other, path) in [(&seen_left, &seen_right, &left), (&seen_right, &seen_left, &right)] {
        if let Err(error) = seen
            && !(settings.new_file && error.kind() == std::io::ErrorKind::NotFound && other.is_ok())
        {
            warn(format_args!("{path}: {}", reason(error)));
            failed = true;
        }
    }
    if failed {
        return Ok(TROUBLE);
    }
    if is_dir(&seen_left) && is_dir(&seen_right) {
        return compare_dirs(settings, &left, &right, out);
    }
    compare_files(settings, (&left, seen_left.ok().flatten()), (&right, seen_right.ok().flatten()), false, out)
}

fn base(path: &str) -> &str {
    path.trim_end_matches('/').rsplit('/').next().unwrap_or(path)
}

fn join(dir: &str, name: &str) -> String {
    if dir.ends_with('/') { format!("{dir}{name}") } else { format!("{dir}/{name}") }
}

fn compare_dirs(settings: &Settings, left: &str, right: &str, out: &mut dyn Write) -> Outcome {
    let list = |dir: &str| -> Result<BTreeSet<String>, Failure> {
        let entries =
            std::fs::read_dir(dir).map_err(|error| Failure::new(TROUBLE, format_args!("{dir}: {}", reason(&error))))?;
        let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
        Ok(names.filter(|name| !settings.exclude.iter().any(|pattern| text::matches_glob(pattern, name))).collect())
    };
    let (left_names, right_names) = (list(left)?, list(right)?);
    let mut status = 0;
    for name in left_names.union(&right_names) {
        let (in_left, in_right) = (left_names.contains(name), right_names.contains(name));
        let (left_path, right_path) = (join(left, name), join(right, name));
        if in_left != in_right && !settings.new_file {
            writeln!(out, "Only in {}: {name}", if in_left { left } else { right })?;
            status = status.max(1);
            continue;
        }
        let (seen_left, seen_right) = (stat(&left_path).ok(), stat(&right_path).ok());
        let is_dir = |seen: &Option<Stat>| seen.as_ref().is_some_and(Stat::is_dir);
        let result = match (is_dir(&seen_left), is_dir(&seen_right)) {
            (true, true) if settings.recursive => compare_dirs(settings, &left_path, &right_path, out)?,
            (true, true) => {
                writeln!(out, "Common subdirectories: {left_path} and {right_path}")?;
                0
            }
            (false, false) => compare_files(settings, (&left_path, seen_left), (&right_path, seen_right), true, out)?,
            _ => {
                let kind = |seen: &Option<Stat>| seen.map_or("missing", |seen| mode::type_name(seen.mode, seen.size));
                let (left_kind, right_kind) = (kind(&seen_left), kind(&seen_right));
                writeln!(out, "File {left_path} is a {left_kind} while file {right_path} is a {right_kind}")?;
                1
            }
        };
        status = status.max(result);
    }
    Ok(status)
}

/// Compares two files; a file without metadata is stdin, or missing and taken as empty.
fn compare_files(
    settings: &Settings,
    left: (&str, Option<Stat>),
    right: (&str, Option<Stat>),
    in_tree: bool,
    out: &mut dyn Write,
) -> Outcome {
    let read = |(path, seen): (&str, Option<Stat>)| match seen {
        None if path != "-" => Ok(Vec::new()),
        _ => read_input(path),
    };
    let (left_bytes, right_bytes) = match (read(left), read(right)) {
        (Ok(left_bytes), Ok(right_bytes)) => (left_bytes, right_bytes),
        (Err(error), _) => return trouble(left.0, &error),
        (_, Err(error)) => return trouble(right.0, &error),
    };
    if left_bytes == right_bytes && settings.style != Style::SideBySide {
        if settings.report_identical {
            writeln!(out, "Files {} and {} are identical", left.0, right.0)?;
        }
        return Ok(0);
    }
    let is_binary = |bytes: &[u8]| bytes[..bytes.len().min(32 * 1024)].contains(&0);
    if !settings.treat_as_text && (is_binary(&left_bytes) || is_binary(&right_bytes)) {
        let word = if settings.brief { "Files" } else { "Binary files" };
        writeln!(out, "{word} {} and {} differ", left.0, right.0)?;
        return Ok(1);
    }
    let side_by_side = settings.style == Style::SideBySide && !settings.brief;
    let pair = Pair::new(&left_bytes, &right_bytes, settings);
    if side_by_side {
        let columns =
            Columns { width: settings.width, only_changes: settings.only_changes, left_only: settings.left_only };
        side::side_by_side(&pair, &columns, out)?;
        return Ok(i32::from(pair.differs()));
    }
    if !pair.differs() {
        if settings.report_identical {
            writeln!(out, "Files {} and {} are identical", left.0, right.0)?;
        }
        return Ok(0);
    }
    if settings.brief {
        writeln!(out, "Files {} and {} differ", left.0, right.0)?;
        return Ok(1);
    }
    if in_tree {
        writeln!(out, "diff{} {} {}", settings.switches, quoted(left.0), quoted(right.0))?;
    }
    let header = |at: usize, (path, seen): (&str, Option<Stat>)| match settings.labels.get(at) {
        Some(label) => label.clone(),
        None => format!("{path}\t{}", timestamp::full(seen.map_or((0, 0), |seen| seen.modified))),
    };
    let (left_header, right_header) = (header(0, left), header(1, right));
    match settings.style {
        Style::Normal | Style::SideBySide => format::normal(&pair, out)?,
        Style::Unified(lines) => {
            writeln!(out, "--- {left_header}\n+++ {right_header}")?;
            format::unified(&pair, lines, settings.show_function, out)?;
        }
        Style::Context(lines) => {
            writeln!(out, "*** {left_header}\n--- {right_header}")?;
            format::context(&pair, lines, settings.show_function, out)?;
        }
    }
    Ok(1)
}

fn trouble(path: &str, error: &std::io::Error) -> Outcome {
    warn(format_args!("{path}: {}", reason(error)));
    Ok(TROUBLE)
}
