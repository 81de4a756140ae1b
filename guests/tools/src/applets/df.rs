//! `df`: the space of file systems.

use std::io::Write;

use stillbox_sys::FsStats;
use stillbox_tools::getopt::Getopt;
use stillbox_tools::human;
use stillbox_tools::program::{Failure, Outcome, stdout, warn};

const LONG: [(&str, &str); 13] = [
    ("all", "a"),
    ("block-size=", "B"),
    ("human-readable", "h"),
    ("si", "H"),
    ("inodes", "i"),
    ("local", "l"),
    ("portability", "P"),
    ("print-type", "T"),
    ("total", "total"),
    ("type=", "t"),
    ("exclude-type=", "x"),
    ("output=?", "output"),
    ("sync", "sync"),
];

struct Mount {
    source: String,
    point: String,
    kind: String,
}

struct Columns {
    inodes: bool,
    kind: bool,
    portable: bool,
    block: u64,
    human: Option<u64>,
}

pub fn main(args: &[String]) -> Outcome {
    let mut options = Getopt::new(args, "aB:hHiklmPTt:x:v", &LONG);
    let mut columns = Columns { inodes: false, kind: false, portable: false, block: 1024, human: None };
    let (mut all, mut total, mut only, mut except) = (false, false, Vec::new(), Vec::new());
    while let Some((key, value)) = options.next_option()? {
        let value = value.unwrap_or_default();
        match key {
            "a" => all = true,
            "B" => {
                columns.block = human::parse_size(&value)
                    .filter(|size| *size > 0)
                    .ok_or_else(|| Failure::usage(1, format_args!("invalid -B argument '{value}'")))?;
            }
            "h" => columns.human = Some(1024),
            "H" => columns.human = Some(1000),
            "i" => columns.inodes = true,
            "k" => (columns.block, columns.human) = (1024, None),
            "m" => (columns.block, columns.human) = (1024 * 1024, None),
            "P" => columns.portable = true,
            "T" => columns.kind = true,
            "total" => total = true,
            "t" => only.push(value),
            "x" => except.push(value),
            "output" => return Err(Failure::usage(1, "option '--output' is not supported")),
            _ => {}
        }
    }
    let operands = options.operands();
    let mounts = mounts();
    let mut status = 0;
    let chosen: Vec<&Mount> = if operands.is_empty() {
        mounts.iter().collect()
    } else {
        let mut chosen = Vec::new();
        for path in &operands {
            match std::fs::canonicalize(path).or_else(|error| absolute(path).ok_or(error)) {
                Ok(path) => chosen.extend(containing(&mounts, &path.to_string_lossy())),
                Err(error) => {
                    warn(format_args!("{path}: {}", stillbox_tools::program::reason(&error)));
                    status = 1;
                }
            }
        }
        chosen
    };
    let mut rows = vec![columns.header()];
    let mut sum = FsStats::default();
    for mount in chosen {
        let skipped = !only.is_empty() && !only.contains(&mount.kind) || except.contains(&mount.kind);
        let Ok(stats) = stillbox_sys::fs_stats(&mount.point) else { continue };
        if skipped || stats.bytes_total == 0 && !all && operands.is_empty() {
            continue;
        }
        sum.bytes_total += stats.bytes_total;
        sum.bytes_used += stats.bytes_used;
        sum.inodes_total += stats.inodes_total;
        sum.inodes_used += stats.inodes_used;
        rows.push(columns.row(&mount.source, &mount.kind, &mount.point, &stats));
    }
    if rows.len() == 1 {
        return match status {
            0 => Err(Failure::new(1, "no file systems processed")),
            status => Ok(status),
        };
    }
    if total {
        rows.push(columns.row("total", "-", "-", &sum));
    }
    let mut out = stdout();
    out.write_all(layout(&rows, columns.kind).as_bytes())?;
    out.flush()?;
    Ok(status)
}

/// Returns the path if it names something, though the sandbox cannot resolve it further.
fn absolute(path: &str) -> Option<std::path::PathBuf> {
    std::fs::metadata(path).ok()?;
    Some(std::env::current_dir().ok()?.join(path))
}

fn mounts() -> Vec<Mount> {
    let text = std::fs::read_to_string("/proc/mounts").unwrap_or_default();
    let mut mounts: Vec<Mount> = text
        .lines()
        .filter_map(|line| {
            let mut fields = line.split(' ').map(|field| field.replace("\\040", " "));
            Some(Mount { source: fields.next()?, point: fields.next()?, kind: fields.next()? })
        })
        .collect();
    if mounts.is_empty() {
        mounts.push(Mount { source: "root".into(), point: "/".into(), kind: "tmpfs".into() });
    }
    mounts
}

/// Returns the mount with the longest path that holds `path`; of equal ones the last, which covers the others.
fn containing<'a>(mounts: &'a [Mount], path: &str) -> Option<&'a Mount> {
    let holds = |mount: &&Mount| {
        let point = mount.point.trim_end_matches('/');
        path.strip_prefix(point).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    mounts.iter().filter(holds).max_by_key(|mount| mount.point.len())
}

impl Columns {
    fn header(&self) -> Vec<String> {
        let size = match self.human {
            Some(_) => "Size".to_owned(),
            None if self.portable => format!("{}-blocks", self.block),
            None if self.block == 1024 => "1K-blocks".into(),
            None if self.block.is_multiple_of(1024) => {
                format!("{}-blocks", human::size(self.block, 1024).replace(".0", ""))
            }
            None => format!("{}B-blocks", self.block),
        };
        let mut names = vec!["Filesystem".to_owned()];
        if self.kind {
            names.push("Type".into());
        }
        if self.inodes {
            names.extend(["Inodes", "IUsed", "IFree", "IUse%"].map(str::to_owned));
        } else {
            let available = if self.human.is_some() { "Avail" } else { "Available" };
            let percent = if self.portable { "Capacity" } else { "Use%" };
            names.extend([size, "Used".into(), available.into(), percent.into()]);
        }
        names.push("Mounted on".into());
        names
    }

    fn row(&self, source: &str, kind: &str, point: &str, stats: &FsStats) -> Vec<String> {
        let (total, used) =
            if self.inodes { (stats.inodes_total, stats.inodes_used) } else { (stats.bytes_total, stats.bytes_used) };
        let free = total.saturating_sub(used);
        let show = |amount: u64| match self.human {
            Some(base) => human::size(amount, base),
            None if self.inodes => amount.to_string(),
            None => amount.div_ceil(self.block).to_string(),
        };
        let percent = if total == 0 { "-".into() } else { format!("{}%", (used * 100).div_ceil(total)) };
        let mut row = vec![source.to_owned()];
        if self.kind {
            row.push(kind.into());
        }
        row.extend([show(total), show(used), show(free), percent, point.into()]);
        row
    }
}

/// Sets texts flush left, numbers flush right.
fn layout(rows: &[Vec<String>], with_kind: bool) -> String {
    let left = if with_kind { 2 } else { 1 };
    let count = rows[0].len();
    let mut widths: Vec<usize> =
        (0..count).map(|at| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0)).collect();
    widths[0] = widths[0].max(14);
    // The width that `df` gives at least to each of its columns of numbers.
    for (at, width) in widths.iter_mut().enumerate().take(count - 1).skip(left) {
        *width = (*width).max(if at + 2 == count { 4 } else { 5 });
    }
    let mut text = String::new();
    for row in rows {
        let fields: Vec<String> = (0..count)
            .map(|at| match at {
                _ if at + 1 == count => row[at].clone(),
                _ if at < left => format!("{:<width$}", row[at], width = widths[at]),
                _ => format!("{:>width$}", row[at], width = widths[at]),
            })
            .collect();
        text.push_str(&fields.join(" "));
        text.push('\n');
    }
    text
}
