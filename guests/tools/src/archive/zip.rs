//! `zip`: makes and changes zip archives.

use std::fs::{self, File};
use std::io::{self, BufReader, Cursor, Read, Write};

use stillbox_sys::date::{Date, seconds_of};
use stillbox_tools::getopt::Getopt;
use stillbox_tools::metadata::{lstat, stat};
use stillbox_tools::program::{Failure, Outcome, read_input, reason, stdout};
use stillbox_tools::text::matches_glob;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

const LONG: [(&str, &str); 10] = [
    ("recurse-paths", "r"),
    ("junk-paths", "j"),
    ("quiet", "q"),
    ("move", "m"),
    ("delete", "d"),
    ("update", "u"),
    ("freshen", "f"),
    ("symlinks", "y"),
    ("no-dir-entries", "D"),
    ("verbose", "v"),
];

struct Zip {
    recursive: bool,
    junk_paths: bool,
    quiet: bool,
    moves: bool,
    update: bool,
    freshen: bool,
    keep_links: bool,
    no_directories: bool,
    level: i64,
    exclude: Vec<String>,
    include: Vec<String>,
    /// What is to be written, in order: the path, or `-` for stdin, and the name in the archive.
    found: Vec<(String, String)>,
    warned: bool,
}

pub fn main(args: &[String]) -> Outcome {
    let mut zip = Zip {
        recursive: false,
        junk_paths: false,
        quiet: false,
        moves: false,
        update: false,
        freshen: false,
        keep_links: false,
        no_directories: false,
        level: 6,
        exclude: Vec::new(),
        include: Vec::new(),
        found: Vec::new(),
        warned: false,
    };
    let args = zip.take_patterns(args);
    let mut options = Getopt::new(&args, "rjqmdufyDv0123456789TXokle@", &LONG).usage_status(16);
    let (mut delete, mut names_from_stdin) = (false, false);
    while let Some((key, _)) = options.next_option()? {
        match key {
            "r" => zip.recursive = true,
            "j" => zip.junk_paths = true,
            "q" => zip.quiet = true,
            "m" => zip.moves = true,
            "d" => delete = true,
            "u" => zip.update = true,
            "f" => zip.freshen = true,
            "y" => zip.keep_links = true,
            "D" => zip.no_directories = true,
            "@" => names_from_stdin = true,
            "e" => return Err(Failure::new(16, "error: encryption is not supported")),
            digit => zip.level = digit.parse().unwrap_or(zip.level),
        }
    }
    let mut operands = options.operands();
    if operands.is_empty() {
        return Err(Failure::new(16, "error: missing archive; usage: zip [OPTION]... ARCHIVE FILE..."));
    }
    let mut archive = operands.remove(0);
    let has_suffix = archive.rsplit('/').next().is_some_and(|base| base.contains('.'));
    if archive != "-" && !has_suffix {
        archive.push_str(".zip");
    }
    if names_from_stdin {
        let text = io::read_to_string(io::stdin()).unwrap_or_default();
        operands.extend(text.lines().map(str::to_owned));
    }
    let mut out: Box<dyn Write> = if archive == "-" { Box::new(io::stderr()) } else { Box::new(stdout()) };
    let status =
        if delete { zip.delete(&archive, &operands, &mut out)? } else { zip.add(&archive, operands, &mut out)? };
    out.flush()?;
    Ok(status)
}

fn cannot(what: &str, error: impl std::fmt::Display) -> Failure {
    Failure::new(15, format_args!("error: {what}: {error}"))
}

impl Zip {
    /// Takes `-x` and `-i` with all the patterns that follow them, which getopt does not know.
    fn take_patterns(&mut self, args: &[String]) -> Vec<String> {
        let mut rest = Vec::new();
        let mut list: Option<char> = None;
        for arg in args {
            match (arg.as_str(), list) {
                ("-x" | "--exclude", _) => list = Some('x'),
                ("-i" | "--include", _) => list = Some('i'),
                ("@", Some(_)) => list = None,
                (text, Some(kind)) if !text.starts_with('-') => {
                    if kind == 'x' { &mut self.exclude } else { &mut self.include }.push(text.to_owned());
                }
                (text, _) => {
                    list = None;
                    rest.push(text.to_owned());
                }
            }
        }
        rest
    }

    fn wants(&self, name: &str) -> bool {
        let matches = |patterns: &[String]| patterns.iter().any(|pattern| matches_glob(pattern, name));
        !matches(&self.exclude) && (self.include.is_empty() || matches(&self.include))
    }

    fn collect(&mut self, path: &str, out: &mut dyn Write) -> Result<(), Failure> {
        if path == "-" {
            self.found.push((path.to_owned(), path.to_owned()));
            return Ok(());
        }
        let found = if self.keep_links { lstat(path) } else { stat(path) };
        let Ok(found) = found else {
            writeln!(out, "\tzip warning: name not matched: {path}")?;
            self.warned = true;
            return Ok(());
        };
        let mut name = path.trim_start_matches('/').to_owned();
        while let Some(rest) = name.strip_prefix("./").or_else(|| name.strip_prefix("../")) {
            name = rest.to_owned();
        }
        if self.junk_paths {
            name = name.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned();
        }
        if found.is_dir() {
            let bare = name.trim_end_matches('/').to_owned();
            let is_here = matches!(bare.as_str(), "" | "." | "..");
            let name = format!("{bare}/");
            if !self.no_directories && !self.junk_paths && !is_here && self.wants(&name) {
                self.found.push((path.to_owned(), name));
            }
            if self.recursive {
                let entries = fs::read_dir(path).into_iter().flatten().flatten();
                for entry in entries {
                    let child = entry.file_name().to_string_lossy().into_owned();
                    let child = if path == "." { child } else { format!("{}/{child}", path.trim_end_matches('/')) };
                    self.collect(&child, out)?;
                }
            }
        } else if self.wants(&name) {
            self.found.push((path.to_owned(), name));
        }
        Ok(())
    }

    fn open(archive: &str) -> Result<Option<ZipArchive<BufReader<File>>>, Failure> {
        match File::open(archive) {
            Ok(file) => {
                let opened = ZipArchive::new(BufReader::new(file));
                opened.map(Some).map_err(|error| {
                    Failure::new(3, format_args!("error: Zip file structure invalid ({archive}): {error}"))
                })
            }
            Err(_) => Ok(None),
        }
    }

    fn add(&mut self, archive: &str, operands: Vec<String>, out: &mut dyn Write) -> Outcome {
        for operand in if operands.is_empty() && self.freshen { vec![".".to_owned()] } else { operands } {
            self.collect(&operand, out)?;
        }
        let own = stat(archive).ok().map(|found| (found.device, found.inode));
        self.found.retain(|(path, _)| {
            path == "-" || own.is_none() || stat(path).ok().map(|found| (found.device, found.inode)) != own
        });
        let mut old = if archive == "-" { None } else { Self::open(archive)? };
        let known: Vec<String> =
            old.iter().flat_map(|old| old.file_names().map(str::to_owned).collect::<Vec<_>>()).collect();
        if self.update || self.freshen {
            let mut kept = Vec::new();
            for (path, name) in std::mem::take(&mut self.found) {
                let stored =
                    old.as_mut().and_then(|old| old.by_name(&name).ok().map(|member| modified(member.last_modified())));
                let newer = stored.map(|time| stat(&path).is_ok_and(|found| found.modified.0 > time + 1));
                if newer.unwrap_or(!self.freshen) {
                    kept.push((path, name));
                }
            }
            self.found = kept;
            if self.found.is_empty() && old.is_some() {
                return Ok(12);
            }
        }
        if self.found.is_empty() {
            writeln!(out, "\nzip error: Nothing to do! ({archive})")?;
            return Ok(12);
        }
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        // Members keep their places; new ones follow.
        if let Some(old) = &mut old {
            for at in 0..old.len() {
                let name = old.name_for_index(at).unwrap_or_default().to_owned();
                match self.found.iter().position(|(_, each)| *each == name) {
                    Some(index) => {
                        let (path, name) = self.found[index].clone();
                        self.write(&mut writer, &path, &name, "updating", out)?;
                    }
                    None => {
                        let member = old.by_index_raw(at).map_err(|error| cannot(archive, error))?;
                        writer.raw_copy_file(member).map_err(|error| cannot(archive, error))?;
                    }
                }
            }
        }
        for (path, name) in self.found.clone() {
            if !known.contains(&name) {
                self.write(&mut writer, &path, &name, "  adding", out)?;
            }
        }
        self.store(archive, writer)?;
        if self.moves {
            for (path, name) in self.found.iter().rev() {
                let _ = if name.ends_with('/') { fs::remove_dir(path) } else { fs::remove_file(path) };
            }
        }
        // Files that were not there are worth a status of their own.
        Ok(if self.warned { 18 } else { 0 })
    }

    fn store(&self, archive: &str, writer: ZipWriter<Cursor<Vec<u8>>>) -> Result<(), Failure> {
        let bytes = writer.finish().map_err(|error| cannot(archive, error))?.into_inner();
        if archive == "-" {
            let mut out = stdout();
            out.write_all(&bytes)?;
            out.flush()?;
            return Ok(());
        }
        // The old archive stays until the new one is whole.
        let temporary = format!("{archive}.{}.tmp", stillbox_sys::getpid());
        fs::write(&temporary, bytes)
            .and_then(|()| fs::rename(&temporary, archive))
            .map_err(|error| cannot(archive, reason(&error)))
    }

    fn write(
        &self,
        writer: &mut ZipWriter<Cursor<Vec<u8>>>,
        path: &str,
        name: &str,
        verb: &str,
        out: &mut dyn Write,
    ) -> Result<(), Failure> {
        let failed = |error: &dyn std::fmt::Display| Failure::new(14, format_args!("error: {path}: {error}"));
        let found = if path == "-" { None } else { lstat(path).ok() };
        let found = match found {
            Some(found) if found.is_symlink() && !self.keep_links => stat(path).ok(),
            found => found,
        };
        let mode = found.map_or(0o100644, |found| found.mode);
        let seconds = found.map_or_else(now, |found| found.modified.0);
        let options = SimpleFileOptions::default().unix_permissions(mode).last_modified_time(dos_time(seconds));
        if name.ends_with('/') {
            writer.add_directory(name, options).map_err(|error| failed(&error))?;
            return self.report(verb, name, None, out);
        }
        if found.is_some_and(|found| found.is_symlink()) {
            let target = fs::read_link(path).map_err(|error| failed(&reason(&error)))?;
            writer.add_symlink(name, target.to_string_lossy(), options).map_err(|error| failed(&error))?;
            return self.report(verb, name, None, out);
        }
        let bytes = read_input(path).map_err(|error| failed(&reason(&error)))?;
        // As zip does: what would not become smaller is stored.
        let mut encoder =
            flate2::read::DeflateEncoder::new(bytes.as_slice(), flate2::Compression::new(self.level as u32));
        let mut packed = Vec::new();
        encoder.read_to_end(&mut packed).map_err(|error| failed(&error))?;
        let deflates = self.level > 0 && packed.len() < bytes.len();
        let method = if deflates { CompressionMethod::Deflated } else { CompressionMethod::Stored };
        let options = options.compression_method(method).compression_level(deflates.then_some(self.level));
        writer.start_file(name, options).map_err(|error| failed(&error))?;
        writer.write_all(&bytes).map_err(|error| failed(&error))?;
        self.report(verb, name, deflates.then_some((packed.len(), bytes.len())), out)
    }

    fn report(
        &self,
        verb: &str,
        name: &str,
        sizes: Option<(usize, usize)>,
        out: &mut dyn Write,
    ) -> Result<(), Failure> {
        if self.quiet {
            return Ok(());
        }
        match sizes {
            Some((packed, plain)) => {
                let saved = ((plain - packed) * 100 + plain / 2) / plain;
                writeln!(out, "{verb}: {name} (deflated {saved}%)")?;
            }
            None => writeln!(out, "{verb}: {name} (stored 0%)")?,
        }
        Ok(())
    }

    fn delete(&self, archive: &str, patterns: &[String], out: &mut dyn Write) -> Outcome {
        let Some(mut old) = Self::open(archive)? else {
            return Err(Failure::new(13, format_args!("error: Could not find archive ({archive})")));
        };
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        let mut deleted = 0;
        for at in 0..old.len() {
            let name = old.name_for_index(at).unwrap_or_default().to_owned();
            if patterns.iter().any(|pattern| matches_glob(pattern, &name)) {
                deleted += 1;
                if !self.quiet {
                    writeln!(out, "deleting: {name}")?;
                }
            } else {
                let member = old.by_index_raw(at).map_err(|error| cannot(archive, error))?;
                writer.raw_copy_file(member).map_err(|error| cannot(archive, error))?;
            }
        }
        if deleted == 0 {
            writeln!(out, "\nzip error: Nothing to do! ({archive})")?;
            return Ok(12);
        }
        if deleted == old.len() {
            fs::remove_file(archive).map_err(|error| cannot(archive, reason(&error)))?;
            return Ok(0);
        }
        self.store(archive, writer)?;
        Ok(0)
    }
}

fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs() as i64)
}

/// Returns a time as zip keeps it: from 1980 on, in steps of two seconds.
fn dos_time(seconds: i64) -> DateTime {
    let Date { year, month, day, hour, minute, second, .. } = Date::from_seconds(seconds);
    let year = u16::try_from(year).unwrap_or_default();
    let [month, day, hour, minute, second] = [month, day, hour, minute, second].map(|part| part as u8);
    DateTime::from_date_and_time(year, month, day, hour, minute, second).unwrap_or_default()
}

fn modified(time: Option<DateTime>) -> i64 {
    let time = time.unwrap_or_default();
    seconds_of(time.year().into(), time.month().into(), time.day().into())
        + i64::from(time.hour()) * 3600
        + i64::from(time.minute()) * 60
        + i64::from(time.second())
}
