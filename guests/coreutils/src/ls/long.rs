//! One line for each entry, with all that is known about it.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use stillbox_sys::file_type;
use uucore::format::human::{SizeFormat, human_readable};

use super::entry::Entry;
use super::name;
use super::options::{Options, Units};

/// After this time, about half a year, a date shows the year and not the hour.
const RECENT: Duration = Duration::from_secs(31_556_952 / 2);

/// Prints the entries with their columns aligned.
pub fn print(out: &mut impl Write, entries: &[Entry], options: &Options) -> io::Result<()> {
    let dates = Dates::new(options);
    let users = Names::read("/etc/passwd", options);
    let groups = Names::read("/etc/group", options);
    let rows: Vec<Vec<Cell>> = entries.iter().map(|entry| row(entry, options, &dates, &users, &groups)).collect();
    let count = rows.first().map_or(0, Vec::len);
    let width = |column: usize| rows.iter().map(|row| row[column].text.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..count).map(width).collect();
    for (row, entry) in rows.iter().zip(entries) {
        for (cell, width) in row.iter().zip(&widths) {
            if cell.right {
                write!(out, "{:>width$} ", cell.text)?;
            } else {
                write!(out, "{:<width$} ", cell.text)?;
            }
        }
        writeln!(out, "{}", name::with_target(entry, options))?;
    }
    Ok(())
}

struct Cell {
    text: String,
    right: bool,
}

fn row(entry: &Entry, options: &Options, dates: &Dates, users: &Names, groups: &Names) -> Vec<Cell> {
    let right = |text| Cell { text, right: true };
    let left = |text| Cell { text, right: false };
    let mut row = Vec::new();
    if options.inode {
        row.push(right(entry.stat.st_ino.to_string()));
    }
    if options.blocks {
        row.push(right(size(entry.kibibytes() * 1024, options, 1024)));
    }
    row.push(left(mode(entry.stat.st_mode)));
    row.push(right(entry.stat.st_nlink.to_string()));
    if options.owner {
        row.push(left(users.name(entry.stat.st_uid)));
    }
    if options.group {
        row.push(left(groups.name(entry.stat.st_gid)));
    }
    row.push(right(size(entry.size(), options, 1)));
    row.push(left(dates.format(entry.time(options))));
    row
}

/// Returns a number of bytes as the options want it, in `unit`s where they don't say.
pub fn size(bytes: u64, options: &Options, unit: u64) -> String {
    match options.units {
        Units::Plain => bytes.div_ceil(unit).to_string(),
        Units::Binary => human_readable(bytes, SizeFormat::Binary),
        Units::Decimal => human_readable(bytes, SizeFormat::Decimal),
    }
}

/// Returns the ten letters for type and permissions.
fn mode(mode: u32) -> String {
    let kind = match mode & file_type::MASK {
        file_type::DIR => 'd',
        file_type::SYMLINK => 'l',
        file_type::CHAR => 'c',
        file_type::BLOCK => 'b',
        file_type::FIFO => 'p',
        file_type::SOCKET => 's',
        _ => '-',
    };
    let mut text = String::from(kind);
    for (shift, special, letter) in [(6, 0o4000, 's'), (3, 0o2000, 's'), (0, 0o1000, 't')] {
        let bits = mode >> shift;
        text.push(if bits & 4 == 0 { '-' } else { 'r' });
        text.push(if bits & 2 == 0 { '-' } else { 'w' });
        text.push(match (bits & 1 != 0, mode & special != 0) {
            (false, false) => '-',
            (true, false) => 'x',
            (true, true) => letter,
            (false, true) => letter.to_ascii_uppercase(),
        });
    }
    text
}

/// What the numbers of users or groups are called.
struct Names(BTreeMap<u32, String>);

impl Names {
    /// Reads a file of lines `name:password:number:...`; without it, or if they are not wanted, numbers stay numbers.
    fn read(path: &str, options: &Options) -> Self {
        let text = if options.numeric { String::new() } else { std::fs::read_to_string(path).unwrap_or_default() };
        let parse = |line: &str| {
            let mut fields = line.split(':');
            let name = fields.next()?.to_owned();
            Some((fields.nth(1)?.parse().ok()?, name))
        };
        Self(text.lines().filter_map(parse).collect())
    }

    fn name(&self, number: u32) -> String {
        self.0.get(&number).cloned().unwrap_or_else(|| number.to_string())
    }
}

/// How times are written.
struct Dates {
    zone: TimeZone,
    recent: String,
    older: String,
    now: i64,
}

impl Dates {
    fn new(options: &Options) -> Self {
        let zone = std::env::var("TZ").ok().and_then(|name| TimeZone::get(name.trim_start_matches(':')).ok());
        let (recent, older) = options.time_style.formats();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() as i64;
        Self { zone: zone.unwrap_or(TimeZone::UTC), recent, older, now }
    }

    fn format(&self, (seconds, nanoseconds): (i64, i64)) -> String {
        let age = self.now.saturating_sub(seconds);
        let format = if (0..RECENT.as_secs() as i64).contains(&age) { &self.recent } else { &self.older };
        let time = Timestamp::new(seconds, nanoseconds as i32).map(|time| time.to_zoned(self.zone.clone()));
        time.map_or_else(|_| seconds.to_string(), |time| time.strftime(format).to_string())
    }
}
