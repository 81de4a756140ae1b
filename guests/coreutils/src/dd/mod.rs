//! `dd`.
//!
//! It is ours because the library's reports from a thread, and there are none.

mod operands;

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::time::Instant;

use uucore::display::Quotable;
use uucore::error::strip_errno;
use uucore::format::human::{SizeFormat, human_readable};

use operands::{Operands, Status};

/// Runs `dd` with these arguments, as the library's utilities are run, and returns its exit status.
pub fn uumain(arguments: std::vec::IntoIter<OsString>) -> i32 {
    let run = Operands::parse(arguments.skip(1)).and_then(|operands| copy(&operands));
    match run {
        Ok(complete) => i32::from(!complete),
        Err(error) => {
            eprintln!("dd: {error}");
            1
        }
    }
}

/// Blocks that were whole, and that were not.
#[derive(Default)]
struct Blocks {
    whole: u64,
    partial: u64,
}

impl Blocks {
    fn add(&mut self, size: usize, block: usize) {
        if size == block {
            self.whole += 1;
        } else {
            self.partial += 1;
        }
    }
}

#[derive(Default)]
struct Counts {
    read: Blocks,
    written: Blocks,
    bytes: u64,
}

/// Copies, reports, and returns whether all went well that may go wrong under `conv=noerror`.
fn copy(operands: &Operands) -> Result<bool, String> {
    let mut input = open_input(operands)?;
    let mut output = open_output(operands)?;
    let start = Instant::now();
    let mut counts = Counts::default();
    let copied = transfer(operands, &mut input, &mut output, &mut counts);
    report(operands, &counts, start);
    copied
}

fn transfer(
    operands: &Operands,
    input: &mut dyn Read,
    output: &mut Output,
    counts: &mut Counts,
) -> Result<bool, String> {
    let mut complete = true;
    let mut block = vec![0; operands.input_block];
    let mut pending: Vec<u8> = Vec::new();
    let mut left = operands.count.unwrap_or(u64::MAX);
    while left > 0 {
        let wanted = if operands.count_bytes {
            block.len().min(usize::try_from(left).unwrap_or(usize::MAX))
        } else {
            block.len()
        };
        let got = match read_block(input, &mut block[..wanted], operands.full_blocks) {
            Ok(0) => break,
            Ok(got) => got,
            Err(error) => {
                let message = format!("error reading {}: {}", operands.input_name().quote(), strip_errno(&error));
                if !operands.no_error {
                    return Err(message);
                }
                eprintln!("dd: {message}");
                complete = false;
                left -= if operands.count_bytes { wanted as u64 } else { 1 };
                continue;
            }
        };
        counts.read.add(got, operands.input_block);
        left -= if operands.count_bytes { got as u64 } else { 1 };
        let mut size = got;
        if operands.pad && size < operands.input_block {
            block[size..].fill(0);
            size = operands.input_block;
        }
        operands.convert(&mut block[..size]);
        if operands.same_block {
            output.write(&block[..size], operands, counts)?;
            continue;
        }
        pending.extend_from_slice(&block[..size]);
        while pending.len() >= operands.output_block {
            let rest = pending.split_off(operands.output_block);
            output.write(&pending, operands, counts)?;
            pending = rest;
        }
    }
    if !pending.is_empty() {
        output.write(&pending, operands, counts)?;
    }
    output.finish(operands)?;
    Ok(complete)
}

/// Reads once, or until the block is full or the input has ended.
fn read_block(input: &mut dyn Read, block: &mut [u8], full: bool) -> io::Result<usize> {
    let mut filled = 0;
    while filled < block.len() {
        match input.read(&mut block[filled..]) {
            Ok(0) => break,
            Ok(got) => filled += got,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        }
        if !full {
            break;
        }
    }
    Ok(filled)
}

fn open_input(operands: &Operands) -> Result<Box<dyn Read>, String> {
    let skip = operands.skip_in_bytes();
    let Some(path) = &operands.input else {
        let mut stdin = io::stdin();
        skip_by_reading(&mut stdin, skip)
            .map_err(|error| format!("'standard input': cannot skip: {}", strip_errno(&error)))?;
        return Ok(Box::new(stdin));
    };
    let failed = |what: &str, error: &io::Error| format!("{what} {}: {}", path.quote(), strip_errno(error));
    let mut file = File::open(path).map_err(|error| failed("failed to open", &error))?;
    if skip > 0 {
        if file.metadata().is_ok_and(|metadata| metadata.is_file()) {
            file.seek(SeekFrom::Start(skip)).map_err(|error| failed("cannot skip in", &error))?;
        } else {
            skip_by_reading(&mut file, skip).map_err(|error| failed("cannot skip in", &error))?;
        }
    }
    Ok(Box::new(file))
}

fn skip_by_reading(input: &mut impl Read, skip: u64) -> io::Result<()> {
    io::copy(&mut input.take(skip), &mut io::sink()).map(drop)
}

enum Output {
    Stdout(io::Stdout),
    File(File),
}

fn open_output(operands: &Operands) -> Result<Output, String> {
    let seek = operands.seek_in_bytes();
    let Some(path) = &operands.output else {
        let mut stdout = io::stdout();
        // What is not a file can't be seeked in: zeros take the place of what is skipped.
        let skipped = io::copy(&mut io::repeat(0).take(seek), &mut stdout);
        skipped.map_err(|error| format!("'standard output': cannot seek: {}", strip_errno(&error)))?;
        return Ok(Output::Stdout(stdout));
    };
    let failed = |what: &str, error: &io::Error| format!("{what} {}: {}", path.quote(), strip_errno(error));
    let mut options = OpenOptions::new();
    options.create(!operands.no_create && !operands.exclusive).create_new(operands.exclusive);
    options.write(!operands.append).append(operands.append);
    let mut file = options.open(path).map_err(|error| failed("failed to open", &error))?;
    if file.metadata().is_ok_and(|metadata| metadata.is_file()) {
        if !operands.no_truncate && !operands.append {
            file.set_len(seek).map_err(|error| failed("failed to truncate", &error))?;
        }
        if seek > 0 {
            file.seek(SeekFrom::Start(seek)).map_err(|error| failed("cannot seek in", &error))?;
        }
    }
    Ok(Output::File(file))
}

impl Output {
    fn write(&mut self, bytes: &[u8], operands: &Operands, counts: &mut Counts) -> Result<(), String> {
        let written = match self {
            Self::Stdout(stdout) => stdout.write_all(bytes),
            Self::File(file) => file.write_all(bytes),
        };
        written
            .map_err(|error| format!("error writing {}: {}", operands.output_name().quote(), strip_errno(&error)))?;
        counts.written.add(bytes.len(), operands.output_block);
        counts.bytes += bytes.len() as u64;
        Ok(())
    }

    fn finish(&mut self, operands: &Operands) -> Result<(), String> {
        let finished = match self {
            Self::Stdout(stdout) => stdout.flush(),
            Self::File(file) if operands.sync => file.sync_all(),
            Self::File(_) => Ok(()),
        };
        finished.map_err(|error| format!("error writing {}: {}", operands.output_name().quote(), strip_errno(&error)))
    }
}

fn report(operands: &Operands, counts: &Counts, start: Instant) {
    if operands.status == Status::None {
        return;
    }
    let Counts { read, written, bytes } = counts;
    eprintln!("{}+{} records in\n{}+{} records out", read.whole, read.partial, written.whole, written.partial);
    if operands.status == Status::NoTransfer {
        return;
    }
    let seconds = start.elapsed().as_secs_f64();
    let unit = if *bytes == 1 { "byte" } else { "bytes" };
    let sizes = match *bytes {
        0..1000 => String::new(),
        1000..1024 => format!(" ({})", with_unit(*bytes, SizeFormat::Decimal)),
        _ => format!(" ({}, {})", with_unit(*bytes, SizeFormat::Decimal), with_unit(*bytes, SizeFormat::Binary)),
    };
    let rate = with_unit((*bytes as f64 / seconds.max(1e-9)) as u64, SizeFormat::Decimal);
    eprintln!("{bytes} {unit}{sizes} copied, {seconds:.6} s, {rate}/s");
}

/// Returns a size such as `1.0 MB` or `1.0 MiB`.
fn with_unit(bytes: u64, format: SizeFormat) -> String {
    let text = human_readable(bytes, format);
    let number = text.trim_end_matches(char::is_alphabetic);
    match &text[number.len()..] {
        "" => format!("{number} B"),
        prefix if format == SizeFormat::Binary => format!("{number} {prefix}iB"),
        prefix => format!("{number} {prefix}B"),
    }
}
