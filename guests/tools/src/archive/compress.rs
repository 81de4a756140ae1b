//! `gzip`, `bzip2`, `xz`, `zstd`, and the names that decompress or print.

use std::fs;
use std::io::{self, Read, Write};

use stillbox_tools::getopt::Getopt;
use stillbox_tools::metadata::{set_modified, stat};
use stillbox_tools::program::{Failure, Outcome, name, open_input, reason, stdout, warn};

use crate::codec::Format;

const LONG: [(&str, &str); 20] = [
    ("stdout", "c"),
    ("to-stdout", "c"),
    ("decompress", "d"),
    ("uncompress", "d"),
    ("compress", "z"),
    ("force", "f"),
    ("keep", "k"),
    ("list", "l"),
    ("no-name", "n"),
    ("name", "N"),
    ("quiet", "q"),
    ("recursive", "r"),
    ("suffix=", "S"),
    ("test", "t"),
    ("verbose", "v"),
    ("fast", "1"),
    ("best", "9"),
    ("rm", "rm"),
    ("threads=", "T"),
    ("output=", "o"),
];

struct Run {
    format: Format,
    decompress: bool,
    to_stdout: bool,
    force: bool,
    keep: bool,
    list: bool,
    test: bool,
    quiet: bool,
    verbose: bool,
    recursive: bool,
    no_name: bool,
    suffix: String,
    output: Option<String>,
    level: u32,
    status: i32,
    /// The sums of `-l`.
    listed: Vec<(u64, u64)>,
}

pub fn main(args: &[String]) -> Outcome {
    let (format, decompress, to_stdout) = match name() {
        "gunzip" => (Format::Gzip, true, false),
        "zcat" => (Format::Gzip, true, true),
        "bzip2" => (Format::Bzip2, false, false),
        "bunzip2" => (Format::Bzip2, true, false),
        "bzcat" => (Format::Bzip2, true, true),
        "xz" => (Format::Xz, false, false),
        "unxz" => (Format::Xz, true, false),
        "xzcat" => (Format::Xz, true, true),
        "zstd" => (Format::Zstd, false, false),
        "unzstd" => (Format::Zstd, true, false),
        "zstdcat" => (Format::Zstd, true, true),
        _ => (Format::Gzip, false, false),
    };
    let mut run = Run {
        format,
        decompress,
        to_stdout,
        force: false,
        // zstd alone leaves its input.
        keep: format == Format::Zstd,
        list: false,
        test: false,
        quiet: false,
        verbose: false,
        recursive: false,
        no_name: false,
        suffix: format.suffix().into(),
        output: None,
        level: 6,
        status: 0,
        listed: Vec::new(),
    };
    let mut options = Getopt::new(args, "acdfhklLnNqrS:tvz0123456789eT:o:", &LONG);
    while let Some((key, value)) = options.next_option()? {
        match key {
            "c" => run.to_stdout = true,
            "d" => run.decompress = true,
            "z" => run.decompress = false,
            "f" => run.force = true,
            "k" => run.keep = true,
            "rm" => run.keep = false,
            "l" => run.list = true,
            "t" => (run.test, run.decompress) = (true, true),
            "n" => run.no_name = true,
            "q" => run.quiet = true,
            "v" => run.verbose = true,
            "r" => run.recursive = true,
            "o" => run.output = value,
            "S" => run.suffix = format!(".{}", value.unwrap_or_default().trim_start_matches('.')),
            digit => {
                if let Ok(level) = digit.parse::<u32>() {
                    run.level = level;
                }
            }
        }
    }
    let mut operands = options.operands();
    if operands.is_empty() {
        operands.push("-".into());
    }
    if run.list && run.format != Format::Gzip {
        return Err(Failure::new(1, "--list is only supported for gzip"));
    }
    let mut out = stdout();
    if run.list && !run.quiet {
        writeln!(out, "         compressed        uncompressed  ratio uncompressed_name")?;
    }
    for operand in &operands {
        run.operand(operand, &mut out)?;
    }
    if run.list && run.listed.len() > 1 {
        let (packed, plain) = run.listed.iter().fold((0, 0), |sum, each| (sum.0 + each.0, sum.1 + each.1));
        list_line(packed, plain, "(totals)", &mut out)?;
    }
    out.flush()?;
    Ok(run.status)
}

fn list_line(packed: u64, plain: u64, name: &str, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{packed:>19} {plain:>19} {:>6} {name}", ratio(packed.saturating_sub(18), plain))
}

/// Returns what compression saved, in percent.
fn ratio(packed: u64, plain: u64) -> String {
    let saved = if plain == 0 { 0.0 } else { 100.0 - packed as f64 * 100.0 / plain as f64 };
    format!("{saved:.1}%")
}

impl Run {
    fn complain(&mut self, status: i32, message: impl std::fmt::Display) {
        // A warning, 2, does not hide an error, 1.
        if self.status != 1 {
            self.status = status;
        }
        if !self.quiet || status == 1 {
            warn(message);
        }
    }

    fn operand(&mut self, operand: &str, out: &mut dyn Write) -> Result<(), Failure> {
        if operand == "-" {
            if self.list {
                let (packed, plain) = self.sizes("-").unwrap_or_default();
                return Ok(list_line(packed, plain, "stdout", out)?);
            }
            let result = self.convert(&mut io::stdin().lock(), out);
            return self.checked("stdin", result);
        }
        let mut path = operand.to_owned();
        if self.decompress && fs::symlink_metadata(&path).is_err() && !path.ends_with(&self.suffix) {
            // A name may be given without its suffix.
            let longer = format!("{path}{}", self.suffix);
            if fs::symlink_metadata(&longer).is_ok() {
                path = longer;
            }
        }
        let found = match stat(&path) {
            Ok(found) => found,
            Err(error) => {
                self.complain(1, format_args!("{path}: {}", reason(&error)));
                return Ok(());
            }
        };
        if found.is_dir() {
            if !self.recursive {
                self.complain(2, format_args!("{path} is a directory -- ignored"));
                return Ok(());
            }
            let mut names: Vec<String> = match fs::read_dir(&path) {
                Ok(entries) => {
                    entries.flatten().map(|entry| format!("{path}/{}", entry.file_name().to_string_lossy())).collect()
                }
                Err(error) => {
                    self.complain(1, format_args!("{path}: {}", reason(&error)));
                    return Ok(());
                }
            };
            names.sort();
            return names.iter().try_for_each(|each| self.operand(each, out));
        }
        if self.list {
            match self.sizes(&path) {
                Ok((packed, plain)) => {
                    self.listed.push((packed, plain));
                    let plain_name = path.strip_suffix(&self.suffix).unwrap_or(&path);
                    list_line(packed, plain, plain_name, out)?;
                }
                Err(error) => self.complain(1, format_args!("{path}: {}", describe(self.format, &error))),
            }
            return Ok(());
        }
        let mut input = match open_input(&path) {
            Ok(input) => input,
            Err(error) => {
                self.complain(1, format_args!("{path}: {}", reason(&error)));
                return Ok(());
            }
        };
        if self.test {
            let result = self.convert(&mut input, &mut io::sink());
            if self.verbose && result.is_ok() {
                warn_plain(&format!("{path}:\t OK"));
            }
            return self.checked(&path, result);
        }
        if self.to_stdout {
            let result = self.convert(&mut input, out);
            return self.checked(&path, result);
        }
        let Some(target) = self.output.clone().or_else(|| self.target(&path)) else { return Ok(()) };
        if fs::symlink_metadata(&target).is_ok() && !self.force {
            self.complain(2, format_args!("{target} already exists;\tnot overwritten"));
            return Ok(());
        }
        let mut packed = Vec::new();
        let result = self.convert(&mut input, &mut packed);
        if result.is_err() {
            return self.checked(&path, result);
        }
        if !self.decompress && self.format == Format::Gzip && !self.no_name {
            let base = path.rsplit('/').next().unwrap_or(&path);
            packed = with_gzip_name(&packed, base, found.modified.0);
        }
        let written = fs::write(&target, &packed).and_then(|()| {
            stillbox_sys::set_mode(&target, true, found.mode & 0o7777)?;
            set_modified(&target, found.modified.0)
        });
        if let Err(error) = written {
            self.complain(1, format_args!("{target}: {}", reason(&error)));
            return Ok(());
        }
        if self.verbose {
            let (small, large) =
                if self.decompress { (found.size, packed.len() as u64) } else { (packed.len() as u64, found.size) };
            let how = if self.keep { "created" } else { "replaced with" };
            warn_plain(&format!("{path}:\t{} -- {how} {target}", ratio(small, large)));
        }
        if !self.keep
            && let Err(error) = fs::remove_file(&path)
        {
            self.complain(1, format_args!("{path}: {}", reason(&error)));
        }
        Ok(())
    }

    /// Returns the name of the result, or complains.
    fn target(&mut self, path: &str) -> Option<String> {
        if !self.decompress {
            if path.ends_with(&self.suffix) && !self.force {
                if !self.quiet {
                    warn(format_args!("{path} already has {} suffix -- unchanged", self.suffix));
                }
                return None;
            }
            return Some(format!("{path}{}", self.suffix));
        }
        let short = match self.format {
            Format::Gzip => ".tgz",
            Format::Bzip2 => ".tbz2",
            Format::Xz => ".txz",
            Format::Zstd => ".tzst",
        };
        if let Some(base) = path.strip_suffix(&self.suffix) {
            return Some(base.to_owned());
        }
        if let Some(base) = path.strip_suffix(short) {
            return Some(format!("{base}.tar"));
        }
        self.complain(2, format_args!("{path}: unknown suffix -- ignored"));
        None
    }

    fn convert(&self, input: &mut dyn Read, output: &mut dyn Write) -> io::Result<()> {
        if !self.decompress {
            return self.format.compress(input, output, self.level);
        }
        let mut start = [0; 6];
        let mut length = 0;
        while length < start.len() {
            match input.read(&mut start[length..])? {
                0 => break,
                count => length += count,
            }
        }
        let start = &start[..length];
        let mut whole = start.chain(input);
        if Format::detect(start) != Some(self.format) {
            // As zcat does: what is not compressed is passed on when that is forced.
            if self.force && self.to_stdout {
                return io::copy(&mut whole, output).map(drop);
            }
            let kind = if start.is_empty() { io::ErrorKind::UnexpectedEof } else { io::ErrorKind::InvalidData };
            return Err(io::Error::new(kind, format!("not in {} format", self.format.name())));
        }
        let mut reader = self.format.reader(whole)?;
        io::copy(&mut reader, output)?;
        output.flush()
    }

    fn checked(&mut self, path: &str, result: io::Result<()>) -> Result<(), Failure> {
        match result {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(error.into()),
            Err(error) => {
                self.complain(1, format_args!("{path}: {}", describe(self.format, &error)));
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    /// Returns the compressed and plain size of a gzip file.
    fn sizes(&self, path: &str) -> io::Result<(u64, u64)> {
        let bytes = stillbox_tools::program::read_input(path)?;
        let plain = io::copy(&mut self.format.reader(bytes.as_slice())?, &mut io::sink())?;
        Ok((bytes.len() as u64, plain))
    }
}

fn describe(format: Format, error: &io::Error) -> String {
    let text = error.to_string();
    match error.kind() {
        _ if text.starts_with("not in ") => text,
        io::ErrorKind::UnexpectedEof => "unexpected end of file".into(),
        io::ErrorKind::InvalidInput if format == Format::Gzip && text.contains("header") => "not in gzip format".into(),
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => "invalid compressed data--format violated".into(),
        _ => reason(error),
    }
}

fn warn_plain(message: &str) {
    let _ = writeln!(io::stderr(), "{message}");
}

/// Puts the name and time of the original file into a gzip header that has neither.
fn with_gzip_name(packed: &[u8], name: &str, modified: i64) -> Vec<u8> {
    const HEADER: usize = 10;
    const HAS_NAME: u8 = 8;
    let mut result = packed[..HEADER].to_vec();
    result[3] |= HAS_NAME;
    result[4..8].copy_from_slice(&u32::try_from(modified).unwrap_or(0).to_le_bytes());
    result.extend_from_slice(name.as_bytes());
    result.push(0);
    result.extend_from_slice(&packed[HEADER..]);
    result
}
