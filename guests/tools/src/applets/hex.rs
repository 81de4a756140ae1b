//! `xxd` and `hexdump`: bytes as hexadecimal text, and back.

use std::io::{self, Read, Write};

use stillbox_tools::getopt::Getopt;
use stillbox_tools::human::parse_size;
use stillbox_tools::program::{Failure, Outcome, open_input, read_input, reason, stdout, warn};

struct Xxd {
    columns: usize,
    group: usize,
    bits: bool,
    plain: bool,
    upper: bool,
    little_endian: bool,
    offset: u64,
}

pub fn xxd(args: &[String]) -> Outcome {
    // xxd takes its long names with one dash as well, and is called `-ps` more often than `-p`.
    let args: Vec<String> = args
        .iter()
        .map(|arg| match arg.as_str() {
            "-ps" | "-postscript" | "-plain" => "-p".into(),
            "-revert" => "-r".into(),
            "-include" => "-i".into(),
            "-cols" => "-c".into(),
            "-len" => "-l".into(),
            "-seek" | "-skip" => "-s".into(),
            "-bits" => "-b".into(),
            "-groupsize" => "-g".into(),
            other => other.to_owned(),
        })
        .collect();
    let mut options = Getopt::new(&args, "bc:dEeg:il:n:o:prs:u", &[("revert", "r"), ("plain", "p")]);
    let (mut columns, mut group, mut limit, mut seek, mut offset) = (None, None, u64::MAX, 0_i64, 0_u64);
    let (mut bits, mut plain, mut upper, mut revert, mut include, mut little_endian, mut name) =
        (false, false, false, false, false, false, None);
    let number = |text: &str| -> Result<i64, Failure> {
        let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
        let parsed = match digits.strip_prefix("0x") {
            Some(hex) => i64::from_str_radix(hex, 16).ok(),
            None => digits.trim_start_matches('+').parse().ok(),
        };
        Ok(sign * parsed.ok_or_else(|| Failure::new(1, format_args!("invalid number '{text}'")))?)
    };
    while let Some((key, value)) = options.next_option()? {
        let value = value.unwrap_or_default();
        match key {
            "b" => bits = true,
            "c" => columns = Some(number(&value)?.max(0) as usize),
            "e" => little_endian = true,
            "g" => group = Some(number(&value)?.max(0) as usize),
            "i" => include = true,
            "l" => limit = number(&value)?.max(0) as u64,
            "n" => name = Some(value),
            "o" => offset = number(&value)?.max(0) as u64,
            "p" => plain = true,
            "r" => revert = true,
            "s" => seek = number(&value)?,
            "u" => upper = true,
            _ => {}
        }
    }
    let operands = options.operands();
    let input = operands.first().map_or("-", String::as_str);
    let bytes = read_input(input).map_err(|error| Failure::new(2, format_args!("{input}: {}", reason(&error))))?;
    let mut out: Box<dyn Write> = match operands.get(1).map(String::as_str) {
        None | Some("-") => Box::new(stdout()),
        Some(path) => Box::new(io::BufWriter::new(
            std::fs::File::create(path).map_err(|error| Failure::new(3, format_args!("{path}: {}", reason(&error))))?,
        )),
    };
    if revert {
        let text = String::from_utf8_lossy(&bytes);
        let result = if plain { revert_plain(&text) } else { revert_dump(&text) };
        out.write_all(&result)?;
        out.flush()?;
        return Ok(0);
    }
    let start = if seek < 0 {
        bytes.len().saturating_sub(seek.unsigned_abs() as usize)
    } else {
        (seek as usize).min(bytes.len())
    };
    let end = bytes.len().min(start.saturating_add(usize::try_from(limit).unwrap_or(usize::MAX)));
    let bytes = &bytes[start..end];
    if include {
        let name = name.or_else(|| (input != "-").then(|| input.to_owned()));
        include_file(bytes, name.as_deref(), columns.unwrap_or(12).max(1), upper, &mut out)?;
    } else {
        let default = if plain {
            30
        } else if bits {
            6
        } else {
            16
        };
        let group = group.unwrap_or(if bits {
            1
        } else if little_endian {
            4
        } else {
            2
        });
        let columns = columns.filter(|columns| *columns > 0).unwrap_or(default);
        let dump = Xxd { columns, group, bits, plain, upper, little_endian, offset: start as u64 + offset };
        dump.print(bytes, &mut out)?;
    }
    out.flush()?;
    Ok(0)
}

impl Xxd {
    fn byte(&self, byte: u8) -> String {
        match (self.bits, self.upper) {
            (true, _) => format!("{byte:08b}"),
            (_, true) => format!("{byte:02X}"),
            _ => format!("{byte:02x}"),
        }
    }

    fn print(&self, bytes: &[u8], out: &mut dyn Write) -> io::Result<()> {
        if self.plain {
            for row in bytes.chunks(self.columns) {
                let text: String = row.iter().map(|byte| self.byte(*byte)).collect();
                writeln!(out, "{text}")?;
            }
            return Ok(());
        }
        let digits = if self.bits { 8 } else { 2 };
        let group = if self.group == 0 { self.columns } else { self.group };
        let width = self.columns * digits + self.columns.div_ceil(group) - usize::from(self.group == 0);
        for (row_number, row) in bytes.chunks(self.columns).enumerate() {
            let mut text = String::new();
            for unit in row.chunks(group) {
                if self.little_endian {
                    text.push_str(&"  ".repeat(group - unit.len()));
                    text.extend(unit.iter().rev().map(|byte| self.byte(*byte)));
                } else {
                    text.extend(unit.iter().map(|byte| self.byte(*byte)));
                }
                if self.group != 0 {
                    text.push(' ');
                }
            }
            let letters: String = row.iter().map(|byte| letter(*byte)).collect();
            let address = self.offset + (row_number * self.columns) as u64;
            writeln!(out, "{address:08x}: {text:<width$} {letters}")?;
        }
        Ok(())
    }
}

fn letter(byte: u8) -> char {
    if (32..127).contains(&byte) { char::from(byte) } else { '.' }
}

fn include_file(bytes: &[u8], name: Option<&str>, columns: usize, upper: bool, out: &mut dyn Write) -> io::Result<()> {
    let name = name.map(|name| {
        let mut identifier: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        if identifier.starts_with(|c: char| c.is_ascii_digit()) {
            identifier.insert_str(0, "__");
        }
        identifier
    });
    if let Some(name) = &name {
        writeln!(out, "unsigned char {name}[] = {{")?;
    }
    let rows: Vec<String> = bytes
        .chunks(columns)
        .map(|row| {
            let texts = row.iter().map(|byte| if upper { format!("0X{byte:02X}") } else { format!("0x{byte:02x}") });
            format!("  {}", texts.collect::<Vec<_>>().join(", "))
        })
        .collect();
    if !rows.is_empty() {
        writeln!(out, "{}", rows.join(",\n"))?;
    }
    if let Some(name) = &name {
        writeln!(out, "}};\nunsigned int {name}_len = {};", bytes.len())?;
    }
    Ok(())
}

fn revert_plain(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.chars().filter_map(|c| c.to_digit(16)).map(|digit| digit as u8).collect();
    digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn revert_dump(text: &str) -> Vec<u8> {
    let mut result = Vec::new();
    for line in text.lines() {
        let Some((address, rest)) = line.split_once(':') else { continue };
        let Ok(address) = usize::from_str_radix(address.trim(), 16) else { continue };
        // The dump ends where two blanks set the letters apart.
        let dump = rest.trim_start().split("  ").next().unwrap_or_default();
        if address > result.len() {
            result.resize(address, 0);
        }
        result.truncate(address);
        result.extend(revert_plain(dump));
    }
    result
}

pub fn hexdump(args: &[String]) -> Outcome {
    let long = [("canonical", "C"), ("length=", "n"), ("skip=", "s"), ("no-squeezing", "v"), ("two-bytes-hex", "x")];
    let mut options = Getopt::new(args, "bcCdon:s:vxe:f:", &long);
    let (mut style, mut limit, mut skip, mut squeeze) = ('w', u64::MAX, 0, true);
    let size = |text: &str| {
        let number = match text.strip_prefix("0x") {
            Some(hex) => u64::from_str_radix(hex, 16).ok(),
            None => parse_size(text),
        };
        number.ok_or_else(|| Failure::new(1, format_args!("failed to parse length: '{text}'")))
    };
    while let Some((key, value)) = options.next_option()? {
        match key {
            "n" => limit = size(&value.unwrap_or_default())?,
            "s" => skip = size(&value.unwrap_or_default())?,
            "v" => squeeze = false,
            "e" | "f" => return Err(Failure::new(1, format_args!("option '-{key}' is not supported"))),
            other => style = other.chars().next().unwrap_or('w'),
        }
    }
    let mut operands = options.operands();
    if operands.is_empty() {
        operands.push("-".into());
    }
    let mut bytes = Vec::new();
    let mut status = 0;
    for name in &operands {
        let read = open_input(name).and_then(|mut input| input.read_to_end(&mut bytes));
        if let Err(error) = read {
            warn(format_args!("{name}: {}", reason(&error)));
            status = 1;
        }
    }
    if status != 0 && bytes.is_empty() {
        return Ok(status);
    }
    let start = usize::try_from(skip).unwrap_or(usize::MAX).min(bytes.len());
    let end = bytes.len().min(start.saturating_add(usize::try_from(limit).unwrap_or(usize::MAX)));
    let mut out = stdout();
    let mut previous: Option<&[u8]> = None;
    let mut starred = false;
    let width = if style == 'C' { 8 } else { 7 };
    for (at, row) in bytes[start..end].chunks(16).enumerate() {
        if squeeze && row.len() == 16 && previous == Some(row) {
            if !starred {
                writeln!(out, "*")?;
            }
            starred = true;
            continue;
        }
        starred = false;
        previous = Some(row);
        writeln!(out, "{:0width$x}{}", start + at * 16, hexdump_row(style, row))?;
    }
    if end > start {
        writeln!(out, "{end:0width$x}")?;
    }
    out.flush()?;
    Ok(status)
}

/// `hd` is `hexdump -C`.
pub fn hd(args: &[String]) -> Outcome {
    hexdump(&[&["-C".to_owned()], args].concat())
}

fn hexdump_row(style: char, row: &[u8]) -> String {
    let word = |pair: &[u8]| u16::from(pair[0]) | u16::from(*pair.get(1).unwrap_or(&0)) << 8;
    let mut text = String::new();
    match style {
        'C' => {
            for (at, byte) in row.iter().enumerate() {
                text.push_str(if at % 8 == 0 { "  " } else { " " });
                text.push_str(&format!("{byte:02x}"));
            }
            let letters: String = row.iter().map(|byte| letter(*byte)).collect();
            text = format!("{text:<50}  |{letters}|");
        }
        'b' => text.extend(row.iter().map(|byte| format!(" {byte:03o}"))),
        'c' => text.extend(row.iter().map(|byte| format!(" {:>3}", character(*byte)))),
        'd' => text.extend(row.chunks(2).map(|pair| format!("   {:05}", word(pair)))),
        'o' => text.extend(row.chunks(2).map(|pair| format!("  {:06o}", word(pair)))),
        'x' => text.extend(row.chunks(2).map(|pair| format!("    {:04x}", word(pair)))),
        _ => text.extend(row.chunks(2).map(|pair| format!(" {:04x}", word(pair)))),
    }
    // A short last row is filled up, as its units are.
    let full = match style {
        'C' => return text,
        'w' => 8 * 5,
        _ if matches!(style, 'b' | 'c') => 16 * 4,
        _ => 8 * 8,
    };
    format!("{text:<full$}")
}

fn character(byte: u8) -> String {
    match byte {
        0 => "\\0".into(),
        7 => "\\a".into(),
        8 => "\\b".into(),
        9 => "\\t".into(),
        10 => "\\n".into(),
        11 => "\\v".into(),
        12 => "\\f".into(),
        13 => "\\r".into(),
        32..127 => char::from(byte).to_string(),
        _ => format!("{byte:03o}"),
    }
}
