//! `ls`, `dir` and `vdir`.
//!
//! They are ours because the library's `ls` knows neither permissions nor owners nor links on this target.

mod columns;
mod entry;
mod long;
mod name;
mod options;

use std::ffi::OsString;
use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use uucore::display::Quotable;
use uucore::error::strip_errno;

use entry::{Entry, sort};
use options::{Hidden, Layout, Options};

/// Runs `ls` with these arguments, as the library's utilities are run, and returns its exit status: 1 if something inside a directory could not be looked
/// at, 2 if something that was asked for could not.
pub fn uumain(arguments: std::vec::IntoIter<OsString>) -> i32 {
    let options = match Options::parse(arguments) {
        Ok(options::Parsed::List(options)) => options,
        Ok(options::Parsed::Explain(text)) => {
            return i32::from(io::stdout().write_all(text.as_bytes()).is_err());
        }
        Err(error) => {
            eprintln!("ls: {error}\nTry 'ls --help' for more information.");
            return 2;
        }
    };
    let mut listing =
        Listing { options: &options, out: BufWriter::new(io::stdout().lock()), status: 0, started: false };
    let written = listing.operands().and_then(|()| listing.out.flush());
    match written {
        Ok(()) => listing.status,
        Err(error) => {
            eprintln!("ls: write error: {}", strip_errno(&error));
            2
        }
    }
}

struct Listing<'a, W: Write> {
    options: &'a Options,
    out: W,
    status: i32,
    /// Whether something was printed, from which the next directory is kept apart by an empty line.
    started: bool,
}

impl<W: Write> Listing<'_, W> {
    /// Lists what was asked for: first all that is not a directory, then each directory.
    fn operands(&mut self) -> io::Result<()> {
        let mut files = Vec::new();
        let mut directories = Vec::new();
        for path in &self.options.paths {
            match Entry::operand(path, self.options) {
                Ok(entry) if entry.is_directory() && !self.options.directory_itself => directories.push(entry),
                Ok(entry) => files.push(entry),
                Err(error) => self.complain("cannot access", path.as_ref(), &error, 2),
            }
        }
        sort(&mut files, self.options);
        sort(&mut directories, self.options);
        let headings = self.options.paths.len() > 1 || self.options.recursive;
        if !files.is_empty() {
            self.entries(&mut files)?;
            self.started = true;
        }
        directories.iter().try_for_each(|directory| self.directory(Path::new(&directory.name), headings, 2))
    }

    /// Lists a directory, and those in it if that was asked for.
    fn directory(&mut self, path: &Path, heading: bool, status_if_unreadable: i32) -> io::Result<()> {
        let listed = match fs::read_dir(path) {
            Ok(listed) => listed,
            Err(error) => {
                self.complain("cannot open directory", path, &error, status_if_unreadable);
                return Ok(());
            }
        };
        if heading {
            let gap = if self.started { "\n" } else { "" };
            writeln!(self.out, "{gap}{}:", name::shown(&path.to_string_lossy(), self.options))?;
        }
        self.started = true;

        let mut names: Vec<OsString> = Vec::new();
        if self.options.hidden == Hidden::All {
            names.extend([".".into(), "..".into()]);
        }
        for entry in listed {
            match entry {
                Ok(entry) => names.push(entry.file_name()),
                Err(error) => self.complain("reading directory", path, &error, 1),
            }
        }
        let mut entries = Vec::new();
        for name in names {
            if self.options.hidden == Hidden::Skip && name.as_encoded_bytes().starts_with(b".")
                || self.options.ignores(&name)
            {
                continue;
            }
            let inside = path.join(&name);
            match Entry::inside(name, &inside, self.options) {
                Ok(entry) => entries.push(entry),
                Err(error) => self.complain("cannot access", &inside, &error, 1),
            }
        }
        sort(&mut entries, self.options);
        if matches!(self.options.layout, Layout::Long) || self.options.blocks {
            let blocks = entries.iter().map(|entry| entry.kibibytes() * 1024).sum();
            writeln!(self.out, "total {}", long::size(blocks, self.options, 1024))?;
        }
        self.entries(&mut entries)?;
        if self.options.recursive {
            for entry in entries.iter().filter(|entry| entry.is_directory() && entry.name != "." && entry.name != "..")
            {
                self.directory(&path.join(&entry.name), true, 1)?;
            }
        }
        Ok(())
    }

    fn entries(&mut self, entries: &mut [Entry]) -> io::Result<()> {
        match self.options.layout {
            Layout::Long => long::print(&mut self.out, entries, self.options),
            _ => columns::print(&mut self.out, entries, self.options),
        }
    }

    fn complain(&mut self, what: &str, path: &Path, error: &io::Error, status: i32) {
        let _ = self.out.flush();
        eprintln!("ls: {what} {}: {}", path.quote(), strip_errno(error));
        self.status = self.status.max(status);
    }
}
