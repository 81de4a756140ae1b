//! `tar`: makes, lists and unpacks tape archives, compressed or not.

mod create;
mod list;
mod options;
mod unpack;

use std::fs::{self, File};
use std::io::{self, Read, Write};

use stillbox_tools::program::{Failure, Outcome, reason, stdout, warn};

use crate::codec::Format;
pub use options::{Action, Options};

/// The status of a run that had errors.
const FAILED: i32 = 2;

/// Archives are written in records of this many bytes.
const RECORD: usize = 10_240;

pub fn main(args: &[String]) -> Outcome {
    let options = options::parse(args)?;
    let status = match options.action {
        Action::Create => create_archive(&options)?,
        Action::Append | Action::Update => append_archive(&options)?,
        Action::List => list::list(&options)?,
        Action::Extract => unpack::unpack(&options)?,
    };
    if status != 0 {
        warn("Exiting with failure status due to previous errors");
    }
    Ok(status)
}

fn fatal(message: impl std::fmt::Display) -> Failure {
    warn(message);
    Failure::new(FAILED, "Error is not recoverable: exiting now")
}

/// Opens the archive and undoes its compression, which its first bytes tell.
fn open(options: &Options) -> Result<Box<dyn Read>, Failure> {
    let cannot = |error: io::Error| fatal(format_args!("{}: Cannot open: {}", options.archive, reason(&error)));
    let mut input: Box<dyn Read> = match options.archive.as_str() {
        "-" => Box::new(io::stdin()),
        path => Box::new(File::open(path).map_err(cannot)?),
    };
    let mut start = [0; 6];
    let mut length = 0;
    while length < start.len() {
        match input.read(&mut start[length..]).map_err(cannot)? {
            0 => break,
            count => length += count,
        }
    }
    let start = start[..length].to_vec();
    let detected = Format::detect(&start);
    let whole = io::Cursor::new(start).chain(input);
    match detected {
        Some(format) => format.reader(whole).map_err(cannot),
        None => match options.format {
            Some(format) => Err(not_compressed(format)),
            None => Ok(Box::new(io::BufReader::with_capacity(64 * 1024, whole))),
        },
    }
}

fn not_compressed(format: Format) -> Failure {
    let _ = writeln!(io::stderr(), "\n{}: stdin: not in {} format", format.name(), format.name());
    warn("Child returned status 1");
    Failure::new(FAILED, "Error is not recoverable: exiting now")
}

/// Pads an archive to whole records.
struct Recorded<W: Write> {
    inner: W,
    written: usize,
}

impl<W: Write> Write for Recorded<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        self.written += count;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

fn create_archive(options: &Options) -> Outcome {
    let failed = |error: io::Error| fatal(format_args!("{}: Cannot write: {}", options.archive, reason(&error)));
    if options.members.is_empty() && options.files_from.is_empty() {
        return Err(Failure::usage(FAILED, "Cowardly refusing to create an empty archive"));
    }
    let mut output: Box<dyn Write> = match options.archive.as_str() {
        "-" => Box::new(stdout()),
        path => Box::new(io::BufWriter::new(
            File::create(path).map_err(|error| fatal(format_args!("{path}: Cannot open: {}", reason(&error))))?,
        )),
    };
    let format = options.format.or_else(|| options.by_suffix.then(|| Format::of_name(&options.archive)).flatten());
    let Some(format) = format else {
        return write_members(options, &mut output, 0).and_then(|status| {
            output.flush().map_err(failed)?;
            Ok(status)
        });
    };
    let mut plain = Vec::new();
    let status = write_members(options, &mut plain, 0)?;
    format.compress(&mut plain.as_slice(), &mut output, options.level).map_err(failed)?;
    Ok(status)
}

fn write_members(options: &Options, output: &mut dyn Write, written: usize) -> Outcome {
    let mut recorded = Recorded { inner: output, written };
    let status = create::write(options, &mut recorded)?;
    let failed = |error: io::Error| fatal(format_args!("{}: Cannot write: {}", options.archive, reason(&error)));
    let padding = recorded.written.next_multiple_of(RECORD) - recorded.written;
    recorded.write_all(&vec![0; padding]).map_err(failed)?;
    recorded.flush().map_err(failed)?;
    Ok(status)
}

fn append_archive(options: &Options) -> Outcome {
    let cannot = |error: io::Error| fatal(format_args!("{}: Cannot open: {}", options.archive, reason(&error)));
    let bytes = match fs::read(&options.archive) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(cannot(error)),
    };
    if Format::detect(&bytes).is_some() {
        return Err(fatal("Cannot update compressed archives"));
    }
    // The end is after the last member's data, which fill whole blocks.
    let mut end = 0;
    let mut known = Vec::new();
    let mut archive = ::tar::Archive::new(bytes.as_slice());
    for entry in archive.entries().map_err(cannot)? {
        let entry = entry.map_err(cannot)?;
        end = (entry.raw_file_position() + entry.size()).next_multiple_of(512) as usize;
        known.push((member_name(&entry), entry.header().mtime().unwrap_or(0)));
    }
    let mut result = bytes[..end.min(bytes.len())].to_vec();
    let mut options = options.clone();
    if options.action == Action::Update {
        options.newer_than = known;
    }
    let status = write_members(&options, &mut result, end)?;
    fs::write(&options.archive, result).map_err(cannot)?;
    Ok(status)
}

/// Returns a member's name as text.
fn member_name<R: Read>(entry: &::tar::Entry<'_, R>) -> String {
    String::from_utf8_lossy(&entry.path_bytes()).into_owned()
}

/// The members that the command line asks for, and which of them have been found.
struct Wanted<'a> {
    options: &'a Options,
    found: Vec<bool>,
}

impl<'a> Wanted<'a> {
    fn new(options: &'a Options) -> Self {
        Self { options, found: vec![false; options.members.len()] }
    }

    fn wants(&mut self, name: &str) -> bool {
        if self.options.excludes(name) {
            return false;
        }
        if self.options.members.is_empty() {
            return true;
        }
        let bare = name.trim_end_matches('/');
        let mut wanted = false;
        for (at, (_, member)) in self.options.members.iter().enumerate() {
            let member = member.trim_end_matches('/');
            let matches = bare == member
                || bare.strip_prefix(member).is_some_and(|rest| rest.starts_with('/'))
                || self.options.wildcards && stillbox_tools::text::matches_glob(member, bare);
            if matches {
                self.found[at] = true;
                wanted = true;
            }
        }
        wanted
    }

    /// Complains of members that were not there, and returns the status.
    fn finish(self) -> i32 {
        let mut status = 0;
        for ((_, member), found) in self.options.members.iter().zip(self.found) {
            if !found {
                warn(format_args!("{member}: Not found in archive"));
                status = FAILED;
            }
        }
        status
    }
}

/// Returns the failure of an archive that cannot be read on.
fn broken(error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => fatal("Unexpected EOF in archive"),
        _ if error.to_string().contains("unexpected EOF") => fatal("Unexpected EOF in archive"),
        _ => {
            warn("This does not look like a tar archive");
            Failure::new(FAILED, "Exiting with failure status due to previous errors")
        }
    }
}
