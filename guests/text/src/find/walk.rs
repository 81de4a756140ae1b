//! Walks over the directories and decides about each file.

use super::expr::{Access, Amount, Expr, Perm, Time};
use super::printf::link_target;
use super::{Command, Follow};
use crate::glob;
use crate::io::{self, Output};
use crate::stat::Stat;
use std::time::{SystemTime, UNIX_EPOCH};

/// One file found.
pub struct Entry<'a> {
    /// The operand that it was found under.
    pub root: &'a str,
    pub path: &'a str,
    pub depth: usize,
    pub stat: &'a Stat,
}

impl Entry<'_> {
    /// Returns the path's last part.
    pub fn name(&self) -> &str {
        let trimmed = self.path.trim_end_matches('/');
        if trimmed.is_empty() { "/" } else { trimmed.rsplit('/').next().unwrap_or(trimmed) }
    }
}

/// A run.
pub struct Walk<'a> {
    command: &'a Command,
    pub(super) out: Output,
    pub(super) failed: bool,
    pub(super) now: i64,
    prune: bool,
    quit: bool,
}

impl<'a> Walk<'a> {
    pub fn new(command: &'a Command) -> Walk<'a> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64);
        Walk { command, out: Output::stdout(), failed: false, now, prune: false, quit: false }
    }

    /// Walks over everything; returns the exit status.
    pub fn run(&mut self) -> i32 {
        let command = self.command;
        for root in &command.roots {
            if self.quit {
                break;
            }
            let mut above = Vec::new();
            self.visit(root, root, 0, None, &mut above);
        }
        self.finish_batches(&command.expr);
        self.out.flush();
        i32::from(self.failed)
    }

    pub(super) fn complain(&mut self, path: &str, error: &std::io::Error) {
        self.out.flush();
        eprintln!("find: ‘{path}’: {}", io::message(error));
        self.failed = true;
    }

    fn visit(&mut self, root: &str, path: &str, depth: usize, device: Option<u64>, above: &mut Vec<(u64, u64)>) {
        let follow = match self.command.follow {
            Follow::Never => false,
            Follow::Operands => depth == 0,
            Follow::Always => true,
        };
        // A link that leads nowhere is itself.
        let stat = match Stat::of(path, follow) {
            Err(_) if follow => Stat::of(path, false),
            result => result,
        };
        let stat = match stat {
            Ok(stat) => stat,
            Err(error) => return self.complain(path, &error),
        };
        let entry = Entry { root, path, depth, stat: &stat };
        let wanted = depth >= self.command.min_depth;
        self.prune = false;
        if wanted && !self.command.depth_first {
            self.evaluate(&self.command.expr, &entry);
        }
        let crosses = self.command.one_file_system && device.is_some_and(|device| device != stat.dev);
        let identity = (stat.dev, stat.ino);
        let descends = stat.is_dir() && depth < self.command.max_depth && !crosses && !self.quit;
        if descends && (!self.prune || self.command.depth_first) {
            if above.contains(&identity) {
                self.out.flush();
                eprintln!("find: File system loop detected; ‘{path}’ is part of the same file system loop.");
                self.failed = true;
                return;
            }
            above.push(identity);
            self.children(root, path, depth, device.or(Some(stat.dev)), above);
            above.pop();
        }
        if wanted && self.command.depth_first && !self.quit {
            self.evaluate(&self.command.expr, &entry);
        }
    }

    fn children(&mut self, root: &str, path: &str, depth: usize, device: Option<u64>, above: &mut Vec<(u64, u64)>) {
        // All names first: an action may remove files while we walk.
        let names: Result<Vec<_>, _> =
            std::fs::read_dir(path).and_then(|entries| entries.map(|entry| Ok(entry?.file_name())).collect());
        let names = match names {
            Ok(names) => names,
            Err(error) => return self.complain(path, &error),
        };
        for name in names {
            if self.quit {
                return;
            }
            let name = name.to_string_lossy();
            let child = if path.ends_with('/') { format!("{path}{name}") } else { format!("{path}/{name}") };
            self.visit(root, &child, depth + 1, device, above);
        }
    }

    fn evaluate(&mut self, expr: &Expr, entry: &Entry<'_>) -> bool {
        let options = |ignore_case: bool| glob::Options { ignore_case };
        match expr {
            Expr::And(left, right) => self.evaluate(left, entry) && !self.quit && self.evaluate(right, entry),
            Expr::Or(left, right) => self.evaluate(left, entry) || (!self.quit && self.evaluate(right, entry)),
            Expr::List(left, right) => {
                self.evaluate(left, entry);
                !self.quit && self.evaluate(right, entry)
            }
            Expr::Not(inner) => !self.evaluate(inner, entry),
            Expr::True => true,
            Expr::False => false,
            Expr::Name { pattern, ignore_case } => glob::matches(pattern, entry.name(), options(*ignore_case)),
            Expr::Path { pattern, ignore_case } => glob::matches(pattern, entry.path, options(*ignore_case)),
            Expr::LinkName { pattern, ignore_case } => {
                entry.stat.is_symlink() && glob::matches(pattern, &link_target(entry.path), options(*ignore_case))
            }
            Expr::Regex(regex) => regex.find_at(entry.path.as_bytes(), 0).is_some(),
            Expr::Type { letters, through } => {
                let letter = if *through { self.type_through(entry) } else { entry.stat.type_letter() };
                letters.split(',').any(|wanted| wanted.chars().eq([letter]))
            }
            Expr::Size { amount, unit } => amount.fits(entry.stat.size.div_ceil(*unit)),
            Expr::Empty => self.is_empty(entry),
            Expr::Age { time, amount, seconds, from } => {
                let (at, nanos) = time_of(entry.stat, *time);
                let age = from.0 - at - i64::from(from.1 < nanos);
                match (amount, u64::try_from(age)) {
                    // A time that has not come has no age at all.
                    (amount, Err(_)) => matches!(amount, Amount::Less(_)),
                    // Days that have not passed whole do not count, and minutes that have begun do.
                    (Amount::Exactly(wanted), Ok(age)) if *seconds == 60 => age / 60 + 1 == *wanted,
                    (amount, Ok(age)) => amount.fits(age / seconds),
                }
            }
            Expr::Newer { time, than } => time_of(entry.stat, *time) > *than,
            Expr::Perm(perm) => {
                let mode = entry.stat.mode & 0o7777;
                match perm {
                    Perm::Exactly(wanted) => mode == *wanted,
                    Perm::All(wanted) => mode & wanted == *wanted,
                    Perm::Any(wanted) => *wanted == 0 || mode & wanted != 0,
                }
            }
            // The user of a sandbox is root: what nobody may execute is all that is forbidden.
            Expr::Access(Access::Execute) => entry.stat.is_dir() || entry.stat.mode & 0o111 != 0,
            Expr::Access(_) => true,
            Expr::Links(amount) => amount.fits(entry.stat.nlink),
            Expr::Inode(amount) => amount.fits(entry.stat.ino),
            Expr::SameFile(dev, ino) => (entry.stat.dev, entry.stat.ino) == (*dev, *ino),
            Expr::User(id) => entry.stat.uid == *id,
            Expr::Group(id) => entry.stat.gid == *id,
            Expr::Prune => {
                self.prune = true;
                true
            }
            Expr::Quit => {
                self.quit = true;
                true
            }
            action => self.act(action, entry),
        }
    }

    /// Returns the type behind a link, or of a link if links are followed anyway or lead nowhere.
    fn type_through(&self, entry: &Entry<'_>) -> char {
        let follow = self.command.follow != Follow::Always;
        Stat::of(entry.path, follow).map_or('l', |stat| stat.type_letter())
    }

    fn is_empty(&mut self, entry: &Entry<'_>) -> bool {
        if entry.stat.is_file() {
            return entry.stat.size == 0;
        }
        if !entry.stat.is_dir() {
            return false;
        }
        match std::fs::read_dir(entry.path) {
            Ok(mut entries) => entries.next().is_none(),
            Err(error) => {
                self.complain(entry.path, &error);
                false
            }
        }
    }
}

fn time_of(stat: &Stat, time: Time) -> (i64, u32) {
    match time {
        Time::Access => stat.atime,
        Time::Modified => stat.mtime,
        Time::Changed => stat.ctime,
    }
}
