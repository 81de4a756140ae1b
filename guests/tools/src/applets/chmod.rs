//! `chmod`, and `chown` and `chgrp` as far as a single user goes.

use std::io::Write;

use stillbox_tools::getopt::Getopt;
use stillbox_tools::metadata::{Stat, lstat, stat};
use stillbox_tools::mode::{Change, letters};
use stillbox_tools::program::{Failure, Outcome, reason, stdout, warn};

use super::identity::{parse_group, parse_user};

const LONG: [(&str, &str); 8] = [
    ("recursive", "R"),
    ("verbose", "v"),
    ("changes", "c"),
    ("silent", "f"),
    ("quiet", "f"),
    ("reference=", "reference"),
    ("preserve-root", "root"),
    ("no-preserve-root", "root"),
];

struct Chmod {
    change: Change,
    umask: u32,
    recursive: bool,
    verbose: bool,
    changes: bool,
    quiet: bool,
}

pub fn chmod(args: &[String]) -> Outcome {
    // A mode such as `-x` looks like an option: it is set aside first.
    let mut mode = None;
    let mut plain = Vec::new();
    for arg in args {
        let looks_like_mode = arg.len() > 1
            && arg.starts_with('-')
            && arg[1..].starts_with(|c: char| "rwxXstugoa0123456789,=+-".contains(c))
            && !arg.starts_with("--");
        if mode.is_none() && looks_like_mode && Change::parse(arg).is_some() {
            mode = Some(arg.clone());
        } else {
            plain.push(arg.clone());
        }
    }
    let mut options = Getopt::new(&plain, "Rvcf", &LONG);
    let (mut recursive, mut verbose, mut changes, mut quiet, mut reference) = (false, false, false, false, None);
    while let Some((key, value)) = options.next_option()? {
        match key {
            "R" => recursive = true,
            "v" => verbose = true,
            "c" => changes = true,
            "f" => quiet = true,
            "reference" => reference = value,
            _ => {}
        }
    }
    let mut operands = options.operands();
    let text = match (reference, mode) {
        (Some(path), _) => {
            let of = stat(&path).map_err(|error| {
                Failure::new(1, format_args!("failed to get attributes of '{path}': {}", reason(&error)))
            })?;
            format!("{:o}", of.mode & 0o7777)
        }
        (None, Some(mode)) => mode,
        (None, None) if operands.is_empty() => return Err(Failure::usage(1, "missing operand")),
        (None, None) => operands.remove(0),
    };
    if operands.is_empty() {
        return Err(Failure::usage(1, format_args!("missing operand after '{text}'")));
    }
    let change = Change::parse(&text).ok_or_else(|| Failure::usage(1, format_args!("invalid mode: '{text}'")))?;
    let umask = stillbox_sys::umask(0).unwrap_or(0o022);
    let _ = stillbox_sys::umask(umask);
    let run = Chmod { change, umask, recursive, verbose, changes, quiet };
    let mut out = stdout();
    let mut status = 0;
    for path in &operands {
        match stat(path) {
            Ok(found) => run.apply(path, &found, &mut out, &mut status)?,
            Err(error) => {
                status = 1;
                if !quiet && lstat(path).is_ok() {
                    warn(format_args!("cannot operate on dangling symlink '{path}'"));
                } else if !quiet {
                    warn(format_args!("cannot access '{path}': {}", reason(&error)));
                }
            }
        }
    }
    out.flush()?;
    Ok(status)
}

impl Chmod {
    fn apply(&self, path: &str, found: &Stat, out: &mut dyn Write, status: &mut i32) -> Result<(), Failure> {
        let old = found.mode & 0o7777;
        let new = self.change.apply(found.mode, found.is_dir(), self.umask);
        match stillbox_sys::set_mode(path, true, new) {
            Ok(()) if new != old && (self.verbose || self.changes) => {
                let (from, to) = (letters(old), letters(new));
                writeln!(out, "mode of '{path}' changed from {old:04o} ({}) to {new:04o} ({})", &from[1..], &to[1..])?;
            }
            Ok(()) if self.verbose => {
                writeln!(out, "mode of '{path}' retained as {old:04o} ({})", &letters(old)[1..])?;
            }
            Ok(()) => {}
            Err(errno) => {
                *status = 1;
                if !self.quiet {
                    warn(format_args!("changing permissions of '{path}': {errno}"));
                }
            }
        }
        if !self.recursive || !found.is_dir() {
            return Ok(());
        }
        for (name, entry) in entries(path, status) {
            // Links met on the way keep their target's mode.
            if !entry.is_symlink() {
                self.apply(&name, &entry, out, status)?;
            }
        }
        Ok(())
    }
}

/// Returns the entries of a directory by name, with their metadata.
fn entries(dir: &str, status: &mut i32) -> Vec<(String, Stat)> {
    let list = match std::fs::read_dir(dir) {
        Ok(list) => list,
        Err(error) => {
            warn(format_args!("cannot read directory '{dir}': {}", reason(&error)));
            *status = 1;
            return Vec::new();
        }
    };
    let mut entries = Vec::new();
    for entry in list.flatten() {
        let path = format!("{}/{}", dir.trim_end_matches('/'), entry.file_name().to_string_lossy());
        if let Ok(found) = lstat(&path) {
            entries.push((path, found));
        }
    }
    entries
}

pub fn chown(args: &[String]) -> Outcome {
    change_owner(args, |text| {
        let (user, group) = text.split_once([':', '.']).unwrap_or((text, ""));
        let user_id = if user.is_empty() { Some(0) } else { parse_user(user) };
        let group_id = if group.is_empty() { Some(0) } else { parse_group(group) };
        match (user_id, group_id) {
            (None, _) => Err(Failure::new(1, format_args!("invalid user: '{text}'"))),
            (_, None) => Err(Failure::new(1, format_args!("invalid group: '{text}'"))),
            (Some(user), Some(group)) => Ok((user, group)),
        }
    })
}

pub fn chgrp(args: &[String]) -> Outcome {
    change_owner(args, |text| match parse_group(text) {
        Some(group) => Ok((0, group)),
        None => Err(Failure::new(1, format_args!("invalid group: '{text}'"))),
    })
}

/// Checks what is asked for. Everything in a sandbox belongs to root, so that giving it to root is done already, and
/// giving it to anybody else cannot be done.
fn change_owner(args: &[String], parse: impl Fn(&str) -> Result<(u32, u32), Failure>) -> Outcome {
    let long = [
        ("recursive", "R"),
        ("verbose", "v"),
        ("changes", "c"),
        ("silent", "f"),
        ("quiet", "f"),
        ("no-dereference", "h"),
        ("dereference", "L"),
        ("reference=", "reference"),
        ("from=", "from"),
    ];
    let mut options = Getopt::new(args, "RvcfhHLP", &long);
    let (mut reference, mut quiet) = (false, false);
    while let Some((key, _)) = options.next_option()? {
        match key {
            "reference" => reference = true,
            "f" => quiet = true,
            _ => {}
        }
    }
    let mut operands = options.operands();
    if operands.is_empty() {
        return Err(Failure::usage(1, "missing operand"));
    }
    let owner = if reference { (0, 0) } else { parse(&operands.remove(0))? };
    if operands.is_empty() {
        return Err(Failure::usage(1, "missing operand"));
    }
    let mut status = 0;
    for path in &operands {
        let problem = match lstat(path) {
            Err(error) => format!("cannot access '{path}': {}", reason(&error)),
            Ok(_) if owner != (0, 0) => {
                let what = if owner.0 == 0 { "group" } else { "ownership" };
                format!("changing {what} of '{path}': Operation not permitted")
            }
            Ok(_) => continue,
        };
        status = 1;
        if !quiet {
            warn(problem);
        }
    }
    Ok(status)
}
