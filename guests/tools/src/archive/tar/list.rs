//! Listing an archive.

use std::io::{Read, Write};

use stillbox_tools::mode::letters;
use stillbox_tools::program::{Failure, Outcome, stdout};
use stillbox_tools::timestamp;
use tar::{Archive, Entry, EntryType};

use super::{Options, Wanted, broken, member_name, open};

/// Prints the names of members, or whole lines about them.
pub fn list(options: &Options) -> Outcome {
    let mut archive = Archive::new(open(options)?);
    let mut wanted = Wanted::new(options);
    let mut out = stdout();
    for entry in archive.entries().map_err(|error| broken(&error))? {
        let entry = entry.map_err(|error| broken(&error))?;
        let name = member_name(&entry);
        if wanted.wants(&name) {
            print(&entry, &name, options, options.verbose, &mut out)?;
        }
    }
    out.flush()?;
    Ok(wanted.finish())
}

/// Prints a member's name, or with `detail` over 0 a line as `ls -l` does.
pub fn print<R: Read>(
    entry: &Entry<'_, R>,
    name: &str,
    options: &Options,
    detail: u32,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    if detail == 0 {
        writeln!(out, "{name}")?;
        return Ok(());
    }
    let header = entry.header();
    let kind = match header.entry_type() {
        EntryType::Directory => 0o040000,
        EntryType::Symlink => 0o120000,
        EntryType::Char => 0o020000,
        EntryType::Block => 0o060000,
        EntryType::Fifo => 0o010000,
        _ => 0o100000,
    };
    let mut mode = letters(kind | header.mode().unwrap_or(0));
    let target = || entry.link_name_bytes().map(|name| String::from_utf8_lossy(&name).into_owned()).unwrap_or_default();
    let link = match header.entry_type() {
        EntryType::Symlink => format!(" -> {}", target()),
        EntryType::Link => {
            mode.replace_range(0..1, "h");
            format!(" link to {}", target())
        }
        _ => String::new(),
    };
    let named = |name: Option<&str>, id: u64| match name {
        Some(name) if !name.is_empty() && !options.numeric => name.to_owned(),
        _ => id.to_string(),
    };
    let user = named(header.username().ok().flatten(), header.uid().unwrap_or(0));
    let group = named(header.groupname().ok().flatten(), header.gid().unwrap_or(0));
    let owner = format!("{user}/{group}");
    let size = if header.entry_type() == EntryType::Link { 0 } else { entry.size() };
    let time = timestamp::date_time(header.mtime().unwrap_or(0) as i64);
    // Owner and size together take at least 19 columns.
    let width = 18_usize.saturating_sub(owner.len());
    writeln!(out, "{mode} {owner} {size:>width$} {} {name}{link}", &time[..16])?;
    Ok(())
}
