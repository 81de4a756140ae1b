//! `tree`: a directory as an indented list.

use std::io::Write;

use stillbox_tools::getopt::Getopt;
use stillbox_tools::human;
use stillbox_tools::metadata::{Stat, lstat, stat};
use stillbox_tools::mode::letters;
use stillbox_tools::program::{Failure, Outcome, stdout};
use stillbox_tools::text::matches_glob;

struct Tree {
    all: bool,
    dirs_only: bool,
    full_path: bool,
    sizes: bool,
    human: bool,
    permissions: bool,
    classify: bool,
    no_indent: bool,
    dirs_first: bool,
    prune: bool,
    reverse: bool,
    by_time: bool,
    depth: usize,
    include: Vec<String>,
    exclude: Vec<String>,
    dirs: usize,
    files: usize,
}

pub fn main(args: &[String]) -> Outcome {
    let long = [
        ("noreport", "noreport"),
        ("dirsfirst", "dirsfirst"),
        ("prune", "prune"),
        ("charset=", "charset"),
        ("filelimit=", "filelimit"),
        ("nolinks", "nolinks"),
    ];
    let mut options = Getopt::new(args, "adfFhiI:L:nCpP:rstxNQ", &long);
    let mut tree = Tree {
        all: false,
        dirs_only: false,
        full_path: false,
        sizes: false,
        human: false,
        permissions: false,
        classify: false,
        no_indent: false,
        dirs_first: false,
        prune: false,
        reverse: false,
        by_time: false,
        depth: usize::MAX,
        include: Vec::new(),
        exclude: Vec::new(),
        dirs: 0,
        files: 0,
    };
    let mut report = true;
    while let Some((key, value)) = options.next_option()? {
        let value = value.unwrap_or_default();
        match key {
            "a" => tree.all = true,
            "d" => tree.dirs_only = true,
            "f" => tree.full_path = true,
            "F" => tree.classify = true,
            "h" => (tree.sizes, tree.human) = (true, true),
            "s" => tree.sizes = true,
            "i" => tree.no_indent = true,
            "I" => tree.exclude.extend(value.split('|').map(str::to_owned)),
            "P" => tree.include.extend(value.split('|').map(str::to_owned)),
            "L" => {
                tree.depth = value
                    .parse()
                    .ok()
                    .filter(|depth| *depth > 0)
                    .ok_or_else(|| Failure::new(1, "Invalid level, must be greater than 0."))?;
            }
            "p" => tree.permissions = true,
            "r" => tree.reverse = true,
            "t" => tree.by_time = true,
            "noreport" => report = false,
            "dirsfirst" => tree.dirs_first = true,
            "prune" => tree.prune = true,
            _ => {}
        }
    }
    let mut operands = options.operands();
    if operands.is_empty() {
        operands.push(".".into());
    }
    let mut out = stdout();
    let mut status = 0;
    for path in &operands {
        if stat(path).is_ok_and(|found| found.is_dir()) {
            writeln!(out, "{path}")?;
            tree.dirs += 1;
            tree.list(path, "", 1, &mut out)?;
        } else {
            writeln!(out, "{path}  [error opening dir]")?;
            status = 2;
        }
    }
    if report {
        let plural = |count: usize, one: &str, many: &str| format!("{count} {}", if count == 1 { one } else { many });
        write!(out, "\n{}", plural(tree.dirs, "directory", "directories"))?;
        if !tree.dirs_only {
            write!(out, ", {}", plural(tree.files, "file", "files"))?;
        }
        writeln!(out)?;
    }
    out.flush()?;
    Ok(status)
}

impl Tree {
    fn entries(&self, dir: &str, depth: usize) -> Vec<(String, Stat)> {
        let mut entries = Vec::new();
        for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = format!("{}/{name}", dir.trim_end_matches('/'));
            let Ok(found) = lstat(&path) else { continue };
            let matches = |patterns: &[String]| patterns.iter().any(|pattern| matches_glob(pattern, &name));
            let skipped = !self.all && name.starts_with('.')
                || self.dirs_only && !found.is_dir()
                || matches(&self.exclude)
                || !found.is_dir() && !self.include.is_empty() && !matches(&self.include)
                || self.prune && found.is_dir() && (depth >= self.depth || self.entries(&path, depth + 1).is_empty());
            if !skipped {
                entries.push((name, found));
            }
        }
        entries.sort_by(|a, b| {
            let times = if self.by_time { a.1.modified.cmp(&b.1.modified) } else { std::cmp::Ordering::Equal };
            let order = times.then_with(|| a.0.cmp(&b.0));
            let order = if self.reverse { order.reverse() } else { order };
            if self.dirs_first { b.1.is_dir().cmp(&a.1.is_dir()).then(order) } else { order }
        });
        entries
    }

    fn list(&mut self, dir: &str, indent: &str, depth: usize, out: &mut dyn Write) -> Result<(), Failure> {
        let entries = self.entries(dir, depth);
        for (at, (name, found)) in entries.iter().enumerate() {
            let last = at + 1 == entries.len();
            let path = format!("{}/{name}", dir.trim_end_matches('/'));
            if !self.no_indent {
                write!(out, "{indent}{}", if last { "└── " } else { "├── " })?;
            }
            let mut details = Vec::new();
            if self.permissions {
                details.push(letters(found.mode));
            }
            if self.sizes && self.human {
                details.push(format!("{:>4}", human::size(found.size, 1024)));
            } else if self.sizes {
                details.push(format!("{:>11}", found.size));
            }
            if !details.is_empty() {
                write!(out, "[{}]  ", details.join(" "))?;
            }
            write!(out, "{}", if self.full_path { &path } else { name })?;
            if found.is_symlink() {
                write!(out, " -> {}", std::fs::read_link(&path).unwrap_or_default().display())?;
            } else if self.classify && found.is_dir() {
                write!(out, "/")?;
            } else if self.classify && found.mode & 0o111 != 0 {
                write!(out, "*")?;
            }
            writeln!(out)?;
            if !found.is_dir() {
                // A link counts as what it points to.
                let to_dir = found.is_symlink() && stat(&path).is_ok_and(|target| target.is_dir());
                if to_dir {
                    self.dirs += 1
                } else {
                    self.files += 1
                }
                continue;
            }
            self.dirs += 1;
            if depth < self.depth {
                let deeper = format!("{indent}{}", if last { "    " } else { "│\u{a0}\u{a0} " });
                self.list(&path, &deeper, depth + 1, out)?;
            }
        }
        Ok(())
    }
}
