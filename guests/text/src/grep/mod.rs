//! `grep`, `egrep`, `fgrep`.

mod files;
mod options;
mod print;
mod search;

use crate::io::{self, Input, Output};
use options::{Command, Directories, FilesWith};
use print::Printer;
use search::{Searcher, Target};
use std::io::Error;

/// The exit status of a run with an error.
const TROUBLE: i32 = 2;

/// Runs `grep` under `name`; returns the exit status: 0 if a line was selected, 1 if none was, 2 after an error.
pub fn main(name: &'static str, args: Vec<String>) -> i32 {
    let command = match options::parse(name, args) {
        Ok(Some(command)) => command,
        Ok(None) => return 0,
        Err(message) => {
            eprintln!("{message}");
            return TROUBLE;
        }
    };
    let searcher = match Searcher::new(&command) {
        Ok(searcher) => searcher,
        Err(error) => {
            eprintln!("{name}: {error}");
            return TROUBLE;
        }
    };
    let mut run = Run { printer: Printer::new(&command), command: &command, searcher, found: false, failed: false };
    run.all();
    run.printer.flush();
    match (run.found, run.failed) {
        (true, true) if command.quiet => 0,
        (_, true) => TROUBLE,
        (found, false) => i32::from(!found),
    }
}

/// One run over all files.
struct Run<'a> {
    command: &'a Command,
    searcher: Searcher,
    printer: Printer,
    found: bool,
    failed: bool,
}

impl Run<'_> {
    fn all(&mut self) {
        let command = self.command;
        for file in &command.files {
            if self.is_done() {
                return;
            }
            if file == "-" {
                self.search(Input::stdin(), &command.label, None);
            } else if command.directories == Directories::Recurse && std::path::Path::new(file).is_dir() {
                self.tree(file);
            } else if !files::is_skipped(command, file, false, true) {
                self.file(file);
            }
        }
        if command.files.is_empty() {
            self.tree("");
        }
    }

    /// Tells whether nothing more has to be looked at.
    fn is_done(&self) -> bool {
        self.found && self.command.quiet
    }

    /// Searches the files under the directory at `root`, in the order in which the file system gives them.
    fn tree(&mut self, root: &str) {
        if files::is_skipped(self.command, root, true, true) {
            return;
        }
        let mut above = Vec::new();
        self.directory(root, &mut above);
    }

    fn directory(&mut self, path: &str, above: &mut Vec<(u64, u64)>) {
        let place = if path.is_empty() { "." } else { path };
        let identity = crate::stat::Stat::of(place, true).map(|stat| (stat.dev, stat.ino)).unwrap_or_default();
        if above.contains(&identity) && identity != (0, 0) {
            eprintln!("{}: {place}: warning: recursive directory loop", crate::program());
            return;
        }
        let entries = match std::fs::read_dir(place) {
            Ok(entries) => entries,
            Err(error) => return self.fail(place, &error),
        };
        above.push(identity);
        for entry in entries.flatten() {
            if self.is_done() {
                break;
            }
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let child = match path {
                "" => name.into_owned(),
                path if path.ends_with('/') => format!("{path}{name}"),
                path => format!("{path}/{name}"),
            };
            let Ok(kind) = entry.file_type() else { continue };
            if kind.is_symlink() && !self.command.follow {
                continue;
            }
            let is_dir = kind.is_dir() || (kind.is_symlink() && std::path::Path::new(&child).is_dir());
            if files::is_skipped(self.command, &child, is_dir, false) {
                continue;
            }
            if is_dir {
                self.directory(&child, above);
            } else if kind.is_file() || kind.is_symlink() {
                self.file(&child);
            }
        }
        above.pop();
    }

    fn file(&mut self, path: &str) {
        match std::fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => {
                if self.command.directories != Directories::Skip {
                    self.fail(path, &Error::from(std::io::ErrorKind::IsADirectory));
                    self.report(path, 0);
                }
                return;
            }
            _ => {}
        }
        match Input::open(path) {
            Ok(input) => self.search(input, path, Some(path)),
            Err(error) => self.fail(path, &error),
        }
    }

    fn fail(&mut self, path: &str, error: &Error) {
        self.failed = true;
        if self.command.no_messages {
            return;
        }
        self.printer.flush();
        let text = match error.kind() {
            std::io::ErrorKind::IsADirectory => "Is a directory".to_owned(),
            _ => io::message(error),
        };
        eprintln!("{}: {path}: {text}", crate::program());
    }

    fn search(&mut self, mut input: Input, name: &str, path: Option<&str>) {
        let command = self.command;
        if path.is_some_and(|path| !command.only_names_or_counts() && files::is_output(path)) {
            eprintln!("{}: {name}: input file is also the output", crate::program());
            self.failed = true;
            return;
        }
        let mut target = Target::new(command, &mut self.printer, name);
        let result = self.searcher.search(&mut input, &mut target);
        let (selected, is_binary) = (target.selected, target.is_binary);
        if let Err(error) = result {
            return self.fail(name, &error);
        }
        self.found |= selected > 0;
        self.report(name, selected);
        if is_binary && !command.only_names_or_counts() {
            self.printer.binary(name);
        }
    }

    /// Writes what there is to say about a file as a whole.
    fn report(&mut self, name: &str, selected: u64) {
        if self.command.quiet {
            return;
        }
        if self.command.count {
            self.printer.count(name, selected);
        }
        match self.command.files_with {
            Some(FilesWith::Matches) if selected > 0 => self.printer.name(name),
            Some(FilesWith::None) if selected == 0 => self.printer.name(name),
            _ => {}
        }
    }
}

/// Shows how to call `grep`.
fn usage() -> String {
    format!("Usage: {0} [OPTION]... PATTERNS [FILE]...\nTry '{0} --help' for more information.", crate::program())
}

/// Prints what `--help` shows.
fn help() {
    let mut out = Output::stdout();
    out.write(options::HELP.replace("grep", crate::program()).as_bytes());
    out.flush();
}
