//! `tar`'s command line.

use std::fs;

use stillbox_tools::getopt::Getopt;
use stillbox_tools::program::{Failure, read_input, reason};
use stillbox_tools::text::matches_glob;

use super::FAILED;
use crate::codec::Format;

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Action {
    Create,
    Append,
    Update,
    List,
    Extract,
}

/// The command line, read.
#[derive(Clone, Debug)]
pub struct Options {
    pub action: Action,
    pub archive: String,
    pub format: Option<Format>,
    pub by_suffix: bool,
    pub level: u32,
    pub verbose: u32,
    pub to_stdout: bool,
    pub keep_old: bool,
    pub skip_old: bool,
    pub keep_newer: bool,
    pub no_times: bool,
    pub follow: bool,
    pub absolute: bool,
    pub no_recursion: bool,
    pub wildcards: bool,
    pub numeric: bool,
    pub sort: bool,
    pub remove: bool,
    pub totals: bool,
    pub strip: usize,
    pub mtime: Option<i64>,
    pub mode: Option<stillbox_tools::mode::Change>,
    pub owner: Option<String>,
    pub group: Option<String>,
    pub exclude: Vec<String>,
    pub one_top_level: Option<String>,
    pub null: bool,
    pub files_from: Vec<String>,
    /// The operands, each with the directory that `-C` set before it.
    pub members: Vec<(Option<String>, String)>,
    /// The last `-C`.
    pub directory: Option<String>,
    /// With `-u`: what the archive holds, and how old it is.
    pub newer_than: Vec<(String, u64)>,
}

const SHORT: &str = "+AcrutxvzjJaZC:f:X:T:OPpkhmowWSsGg:K:N:V:b:B";

const LONG: [(&str, &str); 66] = [
    ("create", "c"),
    ("append", "r"),
    ("update", "u"),
    ("list", "t"),
    ("extract", "x"),
    ("get", "x"),
    ("verbose", "v"),
    ("gzip", "z"),
    ("gunzip", "z"),
    ("ungzip", "z"),
    ("bzip2", "j"),
    ("xz", "J"),
    ("zstd", "zstd"),
    ("auto-compress", "a"),
    ("no-auto-compress", "ignored"),
    ("directory=", "C"),
    ("file=", "f"),
    ("exclude-from=", "X"),
    ("files-from=", "T"),
    ("null", "null"),
    ("to-stdout", "O"),
    ("absolute-names", "P"),
    ("preserve-permissions", "p"),
    ("same-permissions", "p"),
    ("no-same-permissions", "ignored"),
    ("same-owner", "ignored"),
    ("no-same-owner", "ignored"),
    ("keep-old-files", "k"),
    ("skip-old-files", "skip-old"),
    ("keep-newer-files", "keep-newer"),
    ("overwrite", "ignored"),
    ("overwrite-dir", "ignored"),
    ("unlink-first", "ignored"),
    ("dereference", "h"),
    ("hard-dereference", "ignored"),
    ("touch", "m"),
    ("exclude=", "exclude"),
    ("exclude-vcs", "exclude-vcs"),
    ("exclude-caches", "ignored"),
    ("strip-components=", "strip"),
    ("no-recursion", "no-recursion"),
    ("recursion", "ignored"),
    ("wildcards", "wildcards"),
    ("no-wildcards", "ignored"),
    ("anchored", "ignored"),
    ("no-anchored", "ignored"),
    ("wildcards-match-slash", "ignored"),
    ("numeric-owner", "numeric"),
    ("sort=", "sort"),
    ("mtime=", "mtime"),
    ("mode=", "mode"),
    ("owner=", "owner"),
    ("group=", "group"),
    ("remove-files", "remove"),
    ("totals", "totals"),
    ("one-top-level=?", "top"),
    ("format=", "ignored-value"),
    ("warning=", "ignored-value"),
    ("blocking-factor=", "ignored-value"),
    ("checkpoint=?", "ignored"),
    ("sparse", "ignored"),
    ("posix", "ignored"),
    ("xattrs", "ignored"),
    ("acls", "ignored"),
    ("force-local", "ignored"),
    ("full-time", "ignored"),
];

pub fn parse(args: &[String]) -> Result<Options, Failure> {
    let args = dashed(args);
    let mut action = None;
    let mut options = Options {
        action: Action::List,
        archive: std::env::var("TAPE").unwrap_or_else(|_| "-".into()),
        format: None,
        by_suffix: false,
        level: 6,
        verbose: 0,
        to_stdout: false,
        keep_old: false,
        skip_old: false,
        keep_newer: false,
        no_times: false,
        follow: false,
        absolute: false,
        no_recursion: false,
        wildcards: false,
        numeric: false,
        sort: false,
        remove: false,
        totals: false,
        strip: 0,
        mtime: None,
        mode: None,
        owner: None,
        group: None,
        exclude: Vec::new(),
        one_top_level: None,
        null: false,
        files_from: Vec::new(),
        members: Vec::new(),
        directory: None,
        newer_than: Vec::new(),
    };
    let mut top_level = None;
    let mut rest = args.as_slice();
    // Operands and `-C` are taken in their order.
    while !rest.is_empty() {
        let mut getopt = Getopt::new(rest, SHORT, &LONG).usage_status(FAILED);
        while let Some((key, value)) = getopt.next_option()? {
            let given = value.clone().unwrap_or_default();
            match key {
                "c" => set(&mut action, Action::Create)?,
                "r" => set(&mut action, Action::Append)?,
                "u" => set(&mut action, Action::Update)?,
                "t" => set(&mut action, Action::List)?,
                "x" => set(&mut action, Action::Extract)?,
                "A" => return Err(Failure::new(FAILED, "option -A is not supported")),
                "top" => top_level = Some(value),
                _ => options.set(key, given)?,
            }
        }
        let operands = getopt.operands();
        let after_dashes = operands.len() < rest.len() && rest[rest.len() - operands.len() - 1] == "--";
        let taken = if after_dashes { operands.len() } else { operands.len().min(1) };
        for operand in &operands[..taken] {
            options.members.push((options.directory.clone(), operand.clone()));
        }
        rest = &rest[rest.len() - (operands.len() - taken)..];
    }
    let Some(action) = action else {
        let message = "You must specify one of the '-Acdtrux', '--delete' or '--test-label' options";
        return Err(Failure::usage(FAILED, message));
    };
    options.action = action;
    if let Some(given) = top_level {
        let base = options.archive.rsplit('/').next().unwrap_or_default();
        let stem = base.split(".t").next().unwrap_or(base);
        options.one_top_level = Some(given.unwrap_or_else(|| stem.to_owned()));
    }
    options.read_lists()?;
    Ok(options)
}

/// Turns the old form `tar cvf name` into `tar -c -v -f name`.
fn dashed(args: &[String]) -> Vec<String> {
    let Some(first) = args.first().filter(|first| !first.starts_with('-')) else { return args.to_vec() };
    let mut values = args[1..].iter();
    let mut result = Vec::new();
    for letter in first.chars() {
        result.push(format!("-{letter}"));
        if SHORT.contains(&format!("{letter}:")) {
            result.extend(values.next().cloned());
        }
    }
    result.extend(values.cloned());
    result
}

fn set(action: &mut Option<Action>, new: Action) -> Result<(), Failure> {
    if action.is_some_and(|action| action != new) {
        let message = "You may not specify more than one '-Acdtrux', '--delete' or  '--test-label' option";
        return Err(Failure::usage(FAILED, message));
    }
    *action = Some(new);
    Ok(())
}

impl Options {
    fn set(&mut self, key: &str, value: String) -> Result<(), Failure> {
        let invalid = |what: &str, value: &str| Failure::new(FAILED, format_args!("{value}: Invalid {what}"));
        match key {
            "v" => self.verbose += 1,
            "z" => self.format = Some(Format::Gzip),
            "j" => self.format = Some(Format::Bzip2),
            "J" => self.format = Some(Format::Xz),
            "zstd" => self.format = Some(Format::Zstd),
            "a" => self.by_suffix = true,
            "C" => {
                self.directory = Some(match &self.directory {
                    Some(before) if !value.starts_with('/') => format!("{before}/{value}"),
                    _ => value,
                });
            }
            "f" => self.archive = value,
            "X" => {
                let text = read_input(&value)
                    .map_err(|error| Failure::new(FAILED, format_args!("{value}: Cannot open: {}", reason(&error))))?;
                self.exclude.extend(String::from_utf8_lossy(&text).lines().map(str::to_owned));
            }
            "T" => self.files_from.push(value),
            "null" => self.null = true,
            "O" => self.to_stdout = true,
            "P" => self.absolute = true,
            "k" => self.keep_old = true,
            "skip-old" => self.skip_old = true,
            "keep-newer" => self.keep_newer = true,
            "h" => self.follow = true,
            "m" => self.no_times = true,
            "exclude" => self.exclude.push(value),
            "exclude-vcs" => self.exclude.extend([".git", ".gitignore", ".svn", ".hg", "CVS"].map(str::to_owned)),
            "strip" => self.strip = value.parse().map_err(|_| invalid("number of elements", &value))?,
            "no-recursion" => self.no_recursion = true,
            "wildcards" => self.wildcards = true,
            "numeric" => self.numeric = true,
            "sort" => self.sort = value != "none",
            "mtime" => self.mtime = Some(parse_time(&value).ok_or_else(|| invalid("date", &value))?),
            "mode" => {
                let change = stillbox_tools::mode::Change::parse(&value);
                self.mode = Some(change.ok_or_else(|| Failure::new(FAILED, "Invalid mode given on option"))?);
            }
            "owner" => self.owner = Some(value),
            "group" => self.group = Some(value),
            "remove" => self.remove = true,
            "totals" => self.totals = true,
            _ => {}
        }
        Ok(())
    }

    fn read_lists(&mut self) -> Result<(), Failure> {
        for list in &self.files_from {
            let text = read_input(list)
                .map_err(|error| Failure::new(FAILED, format_args!("{list}: Cannot open: {}", reason(&error))))?;
            let end = if self.null { '\0' } else { '\n' };
            let names = String::from_utf8_lossy(&text).into_owned();
            for name in names.split(end).filter(|name| !name.is_empty()) {
                self.members.push((self.directory.clone(), name.to_owned()));
            }
        }
        Ok(())
    }

    /// Returns whether a pattern of `--exclude` covers a member, as a whole or from any of its parts on.
    pub fn excludes(&self, name: &str) -> bool {
        let name = name.trim_end_matches('/');
        self.exclude.iter().any(|pattern| {
            let pattern = pattern.trim_end_matches('/');
            let mut from = 0;
            loop {
                let rest = &name[from..];
                // A pattern for a directory covers what is in it.
                let mut ends = rest.match_indices('/').map(|(at, _)| at).chain([rest.len()]);
                if ends.any(|end| matches_glob(pattern, &rest[..end])) {
                    return true;
                }
                match rest.find('/') {
                    Some(at) => from += at + 1,
                    None => return false,
                }
            }
        })
    }
}

/// Parses a time: `@seconds`, `2024-05-06`, `2024-05-06 07:08:09`, or a file whose time is meant.
fn parse_time(text: &str) -> Option<i64> {
    if let Some(seconds) = text.strip_prefix('@') {
        return seconds.parse().ok();
    }
    if text.starts_with(['/', '.']) {
        return fs::metadata(text).ok().and_then(|_| Some(stillbox_tools::metadata::stat(text).ok()?.modified.0));
    }
    stillbox_tools::timestamp::parse(text)
}
