//! `du`: the space that files take.

use std::collections::HashSet;
use std::io::Write;

use stillbox_tools::getopt::Getopt;
use stillbox_tools::human;
use stillbox_tools::metadata::{lstat, stat};
use stillbox_tools::program::{Failure, Outcome, reason, stdout, warn};
use stillbox_tools::text::matches_glob;
use stillbox_tools::timestamp;

const LONG: [(&str, &str); 19] = [
    ("all", "a"),
    ("apparent-size", "apparent"),
    ("block-size=", "B"),
    ("bytes", "b"),
    ("total", "c"),
    ("dereference", "L"),
    ("dereference-args", "D"),
    ("max-depth=", "d"),
    ("human-readable", "h"),
    ("si", "si"),
    ("count-links", "l"),
    ("null", "0"),
    ("separate-dirs", "S"),
    ("summarize", "s"),
    ("threshold=", "t"),
    ("exclude=", "exclude"),
    ("one-file-system", "x"),
    ("time", "time"),
    ("inodes", "inodes"),
];

enum Unit {
    Block(u64),
    Human(u64),
}

struct Du {
    unit: Unit,
    all: bool,
    apparent: bool,
    follow: bool,
    follow_args: bool,
    count_links: bool,
    separate: bool,
    inodes: bool,
    time: bool,
    max_depth: usize,
    threshold: i64,
    exclude: Vec<String>,
    end: char,
    seen: HashSet<(u64, u64)>,
    status: i32,
}

/// What a file or tree takes: bytes (or inodes), and its latest change.
#[derive(Clone, Copy, Default)]
struct Usage {
    amount: u64,
    latest: i64,
}

pub fn main(args: &[String]) -> Outcome {
    let mut options = Getopt::new(args, "aB:bcd:DhHkLlmP0sSt:x", &LONG);
    let mut du = Du {
        unit: Unit::Block(1024),
        all: false,
        apparent: false,
        follow: false,
        follow_args: false,
        count_links: false,
        separate: false,
        inodes: false,
        time: false,
        max_depth: usize::MAX,
        threshold: 0,
        exclude: Vec::new(),
        end: '\n',
        seen: HashSet::new(),
        status: 0,
    };
    let (mut total, mut summarize) = (false, false);
    while let Some((key, value)) = options.next_option()? {
        let value = value.unwrap_or_default();
        match key {
            "a" => du.all = true,
            "apparent" => du.apparent = true,
            "B" => {
                du.unit = match human::parse_size(&value).filter(|size| *size > 0) {
                    Some(size) => Unit::Block(size),
                    None => return Err(Failure::usage(1, format_args!("invalid -B argument '{value}'"))),
                };
            }
            "b" => (du.apparent, du.unit) = (true, Unit::Block(1)),
            "c" => total = true,
            "d" => {
                du.max_depth =
                    value.parse().map_err(|_| Failure::usage(1, format_args!("invalid maximum depth '{value}'")))?;
            }
            "D" | "H" => du.follow_args = true,
            "h" => du.unit = Unit::Human(1024),
            "si" => du.unit = Unit::Human(1000),
            "k" => du.unit = Unit::Block(1024),
            "m" => du.unit = Unit::Block(1024 * 1024),
            "L" => du.follow = true,
            "l" => du.count_links = true,
            "0" => du.end = '\0',
            "s" => summarize = true,
            "S" => du.separate = true,
            "t" => {
                let digits = value.trim_start_matches('-');
                let size = human::parse_size(digits)
                    .ok_or_else(|| Failure::usage(1, format_args!("invalid --threshold argument '{value}'")))?;
                du.threshold = if value.starts_with('-') { -(size as i64) } else { size as i64 };
            }
            "exclude" => du.exclude.push(value),
            "time" => du.time = true,
            "inodes" => du.inodes = true,
            _ => {}
        }
    }
    if summarize && du.all {
        return Err(Failure::usage(1, "cannot both summarize and show all entries"));
    }
    if summarize && du.max_depth != usize::MAX && du.max_depth != 0 {
        let message = format!("warning: summarizing conflicts with --max-depth={}", du.max_depth);
        return Err(Failure::usage(1, message));
    }
    if summarize {
        du.max_depth = 0;
    }
    let mut operands = options.operands();
    if operands.is_empty() {
        operands.push(".".into());
    }
    let mut out = stdout();
    let mut sum = Usage::default();
    for path in &operands {
        sum.add(du.walk(path, 0, &mut out)?);
    }
    if total {
        du.print(sum, "total", &mut out)?;
    }
    out.flush()?;
    Ok(du.status)
}

impl Usage {
    fn add(&mut self, other: Usage) {
        self.amount += other.amount;
        self.latest = self.latest.max(other.latest);
    }
}

impl Du {
    /// Adds up a path and what is under it, printing on the way back up.
    fn walk(&mut self, path: &str, depth: usize, out: &mut dyn Write) -> Result<Usage, Failure> {
        let follow = self.follow || depth == 0 && self.follow_args;
        let found = match if follow { stat(path) } else { lstat(path) } {
            Ok(found) => found,
            Err(error) => {
                warn(format_args!("cannot access '{path}': {}", reason(&error)));
                self.status = 1;
                return Ok(Usage::default());
            }
        };
        let name = path.rsplit('/').next().unwrap_or(path);
        if self.exclude.iter().any(|pattern| matches_glob(pattern, name) || matches_glob(pattern, path)) {
            return Ok(Usage::default());
        }
        // A file with several names counts once, unless each name is to count; a directory is only walked once.
        let once = found.is_dir() || found.links > 1 && !self.count_links;
        if once && !self.seen.insert((found.device, found.inode)) {
            return Ok(Usage::default());
        }
        let amount = match (self.inodes, self.apparent) {
            (true, _) => 1,
            (_, true) => found.size,
            _ => found.blocks * 512,
        };
        let own = Usage { amount, latest: found.modified.0 };
        let mut tree = own;
        let mut shown = own;
        if found.is_dir() {
            let entries = match std::fs::read_dir(path) {
                Ok(entries) => entries,
                Err(error) => {
                    warn(format_args!("cannot read directory '{path}': {}", reason(&error)));
                    self.status = 1;
                    return Ok(tree);
                }
            };
            for entry in entries.flatten() {
                let name = entry.file_name();
                let child =
                    format!("{}/{}", if path == "/" { "" } else { path.trim_end_matches('/') }, name.to_string_lossy());
                let is_dir = entry.file_type().is_ok_and(|kind| kind.is_dir());
                let usage = self.walk(&child, depth + 1, out)?;
                tree.add(usage);
                if !(self.separate && is_dir) {
                    shown.add(usage);
                }
            }
        }
        if depth == 0 || depth <= self.max_depth && (self.all || found.is_dir()) {
            self.print(shown, path, out)?;
        }
        Ok(tree)
    }

    fn print(&self, usage: Usage, path: &str, out: &mut dyn Write) -> Result<(), Failure> {
        let amount = usage.amount as i64;
        if self.threshold > 0 && amount < self.threshold || self.threshold < 0 && amount > -self.threshold {
            return Ok(());
        }
        let text = match self.unit {
            _ if self.inodes => usage.amount.to_string(),
            Unit::Block(size) => usage.amount.div_ceil(size).to_string(),
            Unit::Human(base) => human::size(usage.amount, base),
        };
        let time = if self.time { format!("{}\t", &timestamp::date_time(usage.latest)[..16]) } else { String::new() };
        write!(out, "{text}\t{time}{path}{}", self.end)?;
        Ok(())
    }
}
