//! `install`: copies files and sets their modes; makes directories.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use stillbox_tools::getopt::Getopt;
use stillbox_tools::metadata::stat;
use stillbox_tools::mode::Change;
use stillbox_tools::program::{Failure, Outcome, reason, stdout, warn};

const LONG: [(&str, &str); 11] = [
    ("directory", "d"),
    ("mode=", "m"),
    ("target-directory=", "t"),
    ("no-target-directory", "T"),
    ("verbose", "v"),
    ("owner=", "o"),
    ("group=", "g"),
    ("preserve-timestamps", "p"),
    ("compare", "C"),
    ("strip", "s"),
    ("backup=?", "b"),
];

struct Install {
    change: Change,
    verbose: bool,
    create_parents: bool,
    keep_times: bool,
}

pub fn main(args: &[String]) -> Outcome {
    let mut options = Getopt::new(args, "bcCdDg:m:o:pst:Tv", &LONG);
    let (mut directories, mut mode, mut target, mut no_directory) = (false, "755".to_owned(), None, false);
    let (mut verbose, mut create_parents, mut keep_times) = (false, false, false);
    while let Some((key, value)) = options.next_option()? {
        match key {
            "d" => directories = true,
            "m" => mode = value.unwrap_or_default(),
            "t" => target = value,
            "T" => no_directory = true,
            "v" => verbose = true,
            "D" => create_parents = true,
            "p" => keep_times = true,
            _ => {}
        }
    }
    let change = Change::parse(&mode).ok_or_else(|| Failure::new(1, format_args!("invalid mode '{mode}'")))?;
    let install = Install { change, verbose, create_parents, keep_times };
    let mut operands = options.operands();
    if operands.is_empty() {
        return Err(Failure::usage(1, "missing file operand"));
    }
    let mut out = stdout();
    let mut status = 0;
    let mut report = |result: io::Result<()>, what: String| {
        if let Err(error) = result {
            warn(format_args!("{what}: {}", reason(&error)));
            status = 1;
        }
    };
    if directories {
        for path in &operands {
            report(install.directory(path, &mut out), format!("cannot create directory '{path}'"));
        }
        out.flush()?;
        return Ok(status);
    }
    let target = match target {
        Some(target) => target,
        None if operands.len() == 1 => {
            let message = format!("missing destination file operand after '{}'", operands[0]);
            return Err(Failure::usage(1, message));
        }
        None => operands.pop().unwrap_or_default(),
    };
    if create_parents && operands.len() > 1 && !no_directory {
        report(fs::create_dir_all(&target), format!("cannot create directory '{target}'"));
    }
    let into_directory = !no_directory && stat(&target).is_ok_and(|found| found.is_dir());
    if operands.len() > 1 && !into_directory {
        return Err(Failure::new(1, format_args!("target '{target}' is not a directory")));
    }
    for from in &operands {
        let to = if into_directory {
            let name = Path::new(from).file_name().unwrap_or_default().to_string_lossy();
            format!("{}/{name}", target.trim_end_matches('/'))
        } else {
            target.clone()
        };
        if stat(from).is_ok_and(|found| found.is_dir()) {
            warn(format_args!("omitting directory '{from}'"));
            status = 1;
            continue;
        }
        if let Err(error) = fs::metadata(from) {
            warn(format_args!("cannot stat '{from}': {}", reason(&error)));
            status = 1;
            continue;
        }
        if let Err(error) = install.file(from, &to, &mut out) {
            warn(format_args!("cannot create regular file '{to}': {}", reason(&error)));
            status = 1;
        }
    }
    out.flush()?;
    Ok(status)
}

impl Install {
    fn directory(&self, path: &str, out: &mut dyn Write) -> io::Result<()> {
        let mut missing: Vec<&Path> =
            Path::new(path).ancestors().take_while(|each| !each.as_os_str().is_empty() && !each.exists()).collect();
        missing.reverse();
        fs::create_dir_all(path)?;
        if self.verbose {
            for each in missing {
                writeln!(out, "install: creating directory '{}'", each.display())?;
            }
        }
        self.set_mode(path, true)
    }

    fn file(&self, from: &str, to: &str, out: &mut dyn Write) -> io::Result<()> {
        if let Some(parent) =
            Path::new(to).parent().filter(|parent| self.create_parents && !parent.as_os_str().is_empty())
        {
            fs::create_dir_all(parent)?;
        }
        // The destination is a new file: what has the old one open, or is it, keeps it.
        match fs::remove_file(to) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        fs::write(to, fs::read(from)?)?;
        if self.keep_times {
            stillbox_tools::metadata::set_modified(to, stat(from)?.modified.0)?;
        }
        self.set_mode(to, false)?;
        if self.verbose {
            writeln!(out, "'{from}' -> '{to}'")?;
        }
        Ok(())
    }

    fn set_mode(&self, path: &str, is_dir: bool) -> io::Result<()> {
        Ok(stillbox_sys::set_mode(path, true, self.change.apply(0, is_dir, 0))?)
    }
}
