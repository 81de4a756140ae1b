//! `patch`: applies a diff to files.

mod parse;

use std::fs;
use std::io::Write;
use std::path::Path;

use parse::{FilePatch, Hunk, parse};
use stillbox_tools::getopt::Getopt;
use stillbox_tools::program::{Failure, Outcome, name, read_input, reason, stdout};

const LONG: [(&str, &str); 20] = [
    ("strip=", "p"),
    ("input=", "i"),
    ("directory=", "d"),
    ("output=", "o"),
    ("reverse", "R"),
    ("forward", "N"),
    ("dry-run", "dry-run"),
    ("backup", "b"),
    ("suffix=", "z"),
    ("fuzz=", "F"),
    ("remove-empty-files", "E"),
    ("quiet", "s"),
    ("silent", "s"),
    ("force", "f"),
    ("batch", "t"),
    ("unified", "u"),
    ("normal", "n"),
    ("reject-file=", "r"),
    ("verbose", "verbose"),
    ("posix", "posix"),
];

struct Patch {
    strip: Option<usize>,
    output: Option<String>,
    reject: Option<String>,
    reverse: bool,
    forward: bool,
    dry_run: bool,
    backup: bool,
    suffix: String,
    fuzz: usize,
    quiet: bool,
    force: bool,
}

pub fn main(args: &[String]) -> Outcome {
    let mut options = Getopt::new(args, "p:i:d:o:RNbz:F:EsftunlTr:", &LONG).usage_status(2);
    let mut patch = Patch {
        strip: None,
        output: None,
        reject: None,
        reverse: false,
        forward: false,
        dry_run: false,
        backup: false,
        suffix: ".orig".into(),
        fuzz: 2,
        quiet: false,
        force: false,
    };
    let (mut input, mut directory) = ("-".to_owned(), None);
    let number = |text: &str, what: &str| {
        text.parse().map_err(|_| Failure::new(2, format_args!("**** {what} {text} is not a number")))
    };
    while let Some((key, value)) = options.next_option()? {
        let value = value.unwrap_or_default();
        match key {
            "p" => patch.strip = Some(number(&value, "strip count")?),
            "i" => input = value,
            "d" => directory = Some(value),
            "o" => patch.output = Some(value),
            "r" => patch.reject = Some(value),
            "R" => patch.reverse = true,
            "N" => patch.forward = true,
            "dry-run" => patch.dry_run = true,
            "b" => patch.backup = true,
            "z" => patch.suffix = value,
            "F" => patch.fuzz = number(&value, "fuzz factor")?,
            "s" => patch.quiet = true,
            "f" | "t" => patch.force = true,
            _ => {}
        }
    }
    let operands = options.operands();
    if let Some(file) = operands.get(1) {
        input = file.clone();
    }
    let cannot =
        |what: &str, error: &std::io::Error| Failure::new(2, format_args!("**** Can't {what} : {}", reason(error)));
    // A patch named on the command line is relative to where patch was called.
    let bytes = read_input(&input).map_err(|error| cannot(&format!("open patch file {input}"), &error))?;
    if let Some(directory) = directory {
        stillbox_sys::chdir(&directory)
            .map_err(|errno| Failure::new(2, format_args!("**** Can't change to directory {directory} : {errno}")))?;
    }
    let files = parse(&bytes).map_err(|line| {
        Failure::new(2, format_args!("**** malformed patch at line {line}: {}", excerpt(&bytes, line)))
    })?;
    if files.iter().all(|file| file.hunks.is_empty()) {
        let only_blank = bytes.iter().all(u8::is_ascii_whitespace);
        return if only_blank {
            Ok(0)
        } else {
            Err(Failure::new(2, "**** Only garbage was found in the patch input."))
        };
    }
    let mut out = stdout();
    let mut status = 0;
    for file in &files {
        status = status.max(patch.apply_file(file, operands.first().map(String::as_str), &mut out)?);
    }
    out.flush()?;
    Ok(status)
}

fn excerpt(bytes: &[u8], line: usize) -> String {
    let found = bytes.split(|byte| *byte == b'\n').nth(line.saturating_sub(1)).unwrap_or_default();
    String::from_utf8_lossy(found).into_owned()
}

impl Patch {
    /// Returns the file that a patch is for: of the two names, with `-p` leading parts less, the one that exists.
    fn target(&self, file: &FilePatch) -> Option<String> {
        let strip = |path: &str| match self.strip {
            None => Path::new(path).file_name().map(|name| name.to_string_lossy().into_owned()),
            Some(count) => {
                let mut rest = path;
                for _ in 0..count {
                    rest = rest.split_once('/')?.1.trim_start_matches('/');
                }
                Some(rest.to_owned())
            }
        };
        let names = [(&file.old, file.old_missing), (&file.new, file.new_missing)];
        let mut candidates: Vec<String> =
            names.iter().filter(|(path, _)| *path != "/dev/null").filter_map(|(path, _)| strip(path)).collect();
        candidates.retain(|path| !path.is_empty());
        let exists = candidates.iter().find(|path| Path::new(path).exists()).cloned();
        // A name that leads out of the directory is not followed.
        let safe = |path: &String| !path.starts_with('/') && path.split('/').all(|part| part != "..");
        exists.or_else(|| candidates.pop()).filter(safe)
    }

    fn apply_file(&self, file: &FilePatch, operand: Option<&str>, out: &mut dyn Write) -> Outcome {
        let Some(target) = operand.map(str::to_owned).or_else(|| self.target(file)) else {
            writeln!(out, "can't find file to patch at input line 1\nNo file to patch.  Skipping patch.")?;
            writeln!(out, "{} out of {} hunks ignored", file.hunks.len(), file.hunks.len())?;
            return Ok(1);
        };
        let creates = if self.reverse { file.new_missing } else { file.old_missing };
        let deletes = if self.reverse { file.old_missing } else { file.new_missing };
        let original = match fs::read(&target) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && (creates || operand.is_some()) => Vec::new(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                writeln!(out, "can't find file to patch at input line 3\nNo file to patch.  Skipping patch.")?;
                let count = file.hunks.len();
                writeln!(out, "{count} out of {count} hunk{} ignored", if count == 1 { "" } else { "s" })?;
                return Ok(1);
            }
            Err(error) => {
                return Err(Failure::new(2, format_args!("**** Can't open file {target} : {}", reason(&error))));
            }
        };
        if !self.quiet {
            let verb = if self.dry_run { "checking" } else { "patching" };
            writeln!(out, "{verb} file {target}")?;
        }
        let mut lines: Vec<Vec<u8>> = original.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        let mut reverse = self.reverse;
        if let Some(first) = file.hunks.first() {
            let fits = |reverse: bool| locate(first, reverse, &lines, 0, 0, 0).is_some();
            if !fits(reverse) && locate(first, reverse, &lines, 0, 0, self.fuzz).is_none() && fits(!reverse) {
                if self.forward || !self.force && !self.reverse {
                    let question = if self.forward {
                        "Skipping patch."
                    } else {
                        "Assume -R? [n] \nApply anyway? [n] \nSkipping patch."
                    };
                    let kind = if self.reverse { "Unreversed" } else { "Reversed (or previously applied)" };
                    writeln!(out, "{kind} patch detected!  {question}")?;
                    return self.reject(file, &target, &file.hunks.iter().collect::<Vec<_>>(), "ignored", out);
                }
                if !self.force {
                    reverse = !reverse;
                }
            }
        }
        let mut offset = 0_isize;
        let mut applied_to = 0;
        let mut failed: Vec<&Hunk> = Vec::new();
        let mut inexact = false;
        for (at, hunk) in file.hunks.iter().enumerate() {
            let Some((start, fuzz)) = locate(hunk, reverse, &lines, offset, applied_to, self.fuzz) else {
                let expected = if reverse { hunk.new_start } else { hunk.old_start };
                if !self.quiet {
                    writeln!(out, "Hunk #{} FAILED at {}.", at + 1, expected as isize + offset + 1)?;
                }
                failed.push(hunk);
                continue;
            };
            let (old, new, expected) = sides(hunk, reverse);
            let before = fuzz.min(hunk.context_before);
            let after = fuzz.min(hunk.context_after);
            let shift = start as isize - (expected as isize + offset);
            if (fuzz > 0 || shift != 0) && !self.quiet {
                write!(out, "Hunk #{} succeeded at {}", at + 1, start + 1)?;
                if fuzz > 0 {
                    write!(out, " with fuzz {fuzz}")?;
                }
                let lines = start as isize - (expected as isize + offset);
                if lines != 0 {
                    write!(out, " (offset {lines} line{})", if lines == 1 { "" } else { "s" })?;
                }
                writeln!(out, ".")?;
            }
            inexact |= fuzz > 0 || shift != 0;
            // With fuzz the outer lines of context stay as the file has them.
            let range = start + before..start + old.len() - after;
            let replacement: Vec<Vec<u8>> = new[before..new.len() - after].to_vec();
            lines.splice(range, replacement);
            offset += shift + new.len() as isize - old.len() as isize;
            applied_to = start + new.len() - after;
        }
        let result: Vec<u8> = lines.concat();
        if !self.dry_run {
            let target = self.output.as_ref().unwrap_or(&target);
            let backup = self.backup || inexact || !failed.is_empty();
            self.write(target, &original, &result, deletes && failed.is_empty(), backup)?;
        }
        if failed.is_empty() { Ok(0) } else { self.reject(file, &target, &failed, "FAILED", out) }
    }

    fn write(&self, target: &str, original: &[u8], result: &[u8], deletes: bool, backup: bool) -> Result<(), Failure> {
        let cannot = |error: std::io::Error| {
            Failure::new(2, format_args!("**** Can't create file {target} : {}", reason(&error)))
        };
        if backup {
            fs::write(format!("{target}{}", self.suffix), original).map_err(cannot)?;
        }
        if deletes && result.is_empty() && self.output.is_none() {
            return match fs::remove_file(target) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(cannot(error)),
                _ => Ok(()),
            };
        }
        if target == "-" {
            std::io::stdout().write_all(result)?;
            return Ok(());
        }
        if let Some(parent) = Path::new(target).parent().filter(|parent| !parent.as_os_str().is_empty()) {
            fs::create_dir_all(parent).map_err(cannot)?;
        }
        fs::write(target, result).map_err(cannot)
    }

    fn reject(&self, file: &FilePatch, target: &str, hunks: &[&Hunk], verdict: &str, out: &mut dyn Write) -> Outcome {
        let (count, all) = (hunks.len(), file.hunks.len());
        let plural = if all == 1 { "hunk" } else { "hunks" };
        write!(out, "{count} out of {all} {plural} {verdict}")?;
        if self.dry_run || self.reject.as_deref() == Some("-") {
            writeln!(out)?;
            return Ok(1);
        }
        let path = self.reject.clone().unwrap_or_else(|| format!("{target}.rej"));
        writeln!(out, " -- saving rejects to file {path}")?;
        let mut text = file.header.clone();
        for hunk in hunks {
            text.extend_from_slice(&hunk.text);
        }
        fs::write(&path, text)
            .map_err(|error| Failure::new(2, format_args!("**** {}: {path}: {}", name(), reason(&error))))?;
        Ok(1)
    }
}

fn sides(hunk: &Hunk, reverse: bool) -> (&[Vec<u8>], &[Vec<u8>], usize) {
    if reverse { (&hunk.new, &hunk.old, hunk.new_start) } else { (&hunk.old, &hunk.new, hunk.old_start) }
}

/// Returns where a hunk's old lines are, nearest to where they should be, and how many lines of context at either end
/// had to be left out of the comparison.
fn locate(
    hunk: &Hunk,
    reverse: bool,
    lines: &[Vec<u8>],
    offset: isize,
    least: usize,
    fuzz_most: usize,
) -> Option<(usize, usize)> {
    let (old, _, expected) = sides(hunk, reverse);
    let context = hunk.context_before.max(hunk.context_after);
    for fuzz in 0..=fuzz_most.min(context) {
        // The side with less context is at the file's start or end, and gives up its lines later.
        let before = (fuzz + hunk.context_before).saturating_sub(context);
        let after = (fuzz + hunk.context_after).saturating_sub(context);
        let body = old.get(before..old.len() - after)?;
        let expected = expected as isize + offset;
        let fits = |start: isize| {
            let first = start + before as isize;
            let in_order = start >= least as isize || start + before as isize >= least as isize;
            let anchored_start =
                fuzz > 0 || hunk.context_before >= hunk.context_after || start == 0 || hunk.old_start > 0;
            first >= 0
                && in_order
                && anchored_start
                && lines.get(first as usize..first as usize + body.len()).is_some_and(|found| found == body)
        };
        let furthest = lines.len() as isize + 1;
        for distance in 0..=furthest.max(expected) {
            for start in [expected + distance, expected - distance] {
                if fits(start) && start >= 0 {
                    return Some((start as usize, fuzz));
                }
            }
        }
    }
    None
}
