//! `rev`, `tac`, `strings`, `dos2unix` and `unix2dos`: one pass over lines.

use std::io::{self, Write};

use stillbox_tools::getopt::Getopt;
use stillbox_tools::program::{Failure, Outcome, open_input, read_input, reason, stdout, warn};
use stillbox_tools::text::{for_each_line, unescape};

pub fn rev(args: &[String]) -> Outcome {
    let mut options = Getopt::new(args, "0", &[]);
    while options.next_option()?.is_some() {}
    let mut out = stdout();
    each_input(options.operands(), |bytes| {
        for_each_line(bytes, |line| {
            let body = line.strip_suffix(b"\n").unwrap_or(line);
            let reversed: String = String::from_utf8_lossy(body).chars().rev().collect();
            out.write_all(reversed.as_bytes())?;
            out.write_all(&line[body.len()..])?;
            Ok(())
        })
    })
}

pub fn tac(args: &[String]) -> Outcome {
    let long = [("before", "b"), ("separator=", "s")];
    let mut options = Getopt::new(args, "bs:", &long);
    let (mut before, mut separator) = (false, "\n".to_owned());
    while let Some((key, value)) = options.next_option()? {
        match key {
            "b" => before = true,
            _ => separator = value.unwrap_or_default(),
        }
    }
    if separator.is_empty() {
        return Err(Failure::new(1, "separator cannot be empty"));
    }
    let separator = separator.as_bytes();
    let mut out = stdout();
    each_input(options.operands(), |bytes| {
        let mut cuts: Vec<usize> = Vec::new();
        let mut at = 0;
        while at + separator.len() <= bytes.len() {
            if bytes[at..].starts_with(separator) {
                cuts.push(if before { at } else { at + separator.len() });
                at += separator.len();
            } else {
                at += 1;
            }
        }
        let mut end = bytes.len();
        for cut in cuts.into_iter().rev().chain([0]) {
            out.write_all(&bytes[cut..end])?;
            end = cut;
        }
        Ok(())
    })
}

pub fn strings(args: &[String]) -> Outcome {
    let long = [("all", "a"), ("bytes=", "n"), ("radix=", "t"), ("print-file-name", "f")];
    let mut options = Getopt::new(args, "adfn:ot:0123456789", &long);
    let (mut least, mut radix, mut with_name) = (String::new(), None, false);
    while let Some((key, value)) = options.next_option()? {
        match key {
            "n" => least = value.unwrap_or_default(),
            "t" => radix = value.and_then(|value| value.chars().next()),
            "o" => radix = Some('o'),
            "f" => with_name = true,
            "a" | "d" => {}
            digit => least.push_str(digit),
        }
    }
    let least: usize = match least.as_str() {
        "" => 4,
        text => text
            .parse()
            .ok()
            .filter(|least| *least > 0)
            .ok_or_else(|| Failure::new(1, format_args!("invalid minimum string length {text}")))?,
    };
    let mut out = stdout();
    let mut status = 0;
    let mut operands = options.operands();
    if operands.is_empty() {
        operands.push("-".into());
    }
    for name in operands {
        let bytes = match read_input(&name) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                warn(format_args!("'{name}': No such file"));
                status = 1;
                continue;
            }
            Err(error) => {
                warn(format_args!("{name}: {}", reason(&error)));
                status = 1;
                continue;
            }
        };
        let mut start = 0;
        for at in 0..=bytes.len() {
            if bytes.get(at).is_some_and(|byte| matches!(byte, b'\t' | 32..=126)) {
                continue;
            }
            if at - start >= least {
                if with_name {
                    write!(out, "{name}: ")?;
                }
                match radix {
                    Some('d') => write!(out, "{start:7} ")?,
                    Some('o') => write!(out, "{start:7o} ")?,
                    Some('x') => write!(out, "{start:7x} ")?,
                    _ => {}
                }
                out.write_all(&bytes[start..at])?;
                out.write_all(b"\n")?;
            }
            start = at + 1;
        }
    }
    out.flush()?;
    Ok(status)
}

pub fn dos2unix(args: &[String]) -> Outcome {
    convert(args, |line, result| match line.strip_suffix(b"\r\n") {
        Some(body) => {
            result.extend_from_slice(body);
            result.push(b'\n');
        }
        None => result.extend_from_slice(line),
    })
}

pub fn unix2dos(args: &[String]) -> Outcome {
    convert(args, |line, result| match line.strip_suffix(b"\n") {
        Some(body) => {
            result.extend_from_slice(body.strip_suffix(b"\r").unwrap_or(body));
            result.extend_from_slice(b"\r\n");
        }
        None => result.extend_from_slice(line),
    })
}

/// Changes files in place, or stdin to stdout, or with `-n` one file into another.
fn convert(args: &[String], line: impl Fn(&[u8], &mut Vec<u8>)) -> Outcome {
    let long = [("newfile", "n"), ("quiet", "q"), ("force", "f"), ("keepdate", "k"), ("oldfile", "o")];
    let mut options = Getopt::new(args, "nqfko", &long);
    let (mut new_file, mut quiet) = (false, false);
    while let Some((key, _)) = options.next_option()? {
        match key {
            "n" => new_file = true,
            "q" => quiet = true,
            _ => {}
        }
    }
    let converted = |name: &str| -> io::Result<Vec<u8>> {
        let mut result = Vec::new();
        for_each_line(read_input(name)?.as_slice(), |each| {
            line(each, &mut result);
            Ok::<(), io::Error>(())
        })?;
        Ok(result)
    };
    let operands = options.operands();
    if operands.is_empty() {
        let bytes = converted("-")?;
        let mut out = stdout();
        out.write_all(&bytes)?;
        out.flush()?;
        return Ok(0);
    }
    let pairs: Vec<(&String, &String)> = if new_file {
        operands.chunks(2).filter_map(|pair| Some((pair.first()?, pair.get(1)?))).collect()
    } else {
        operands.iter().map(|name| (name, name)).collect()
    };
    let mut status = 0;
    for (from, to) in pairs {
        match converted(from).and_then(|bytes| std::fs::write(to, bytes)) {
            Ok(()) if quiet => {}
            Ok(()) => warn(format_args!("converting file {from} ...")),
            Err(error) => {
                warn(format_args!("{from}: {}", reason(&error)));
                status = 1;
            }
        }
    }
    Ok(status)
}

pub fn envsubst(args: &[String]) -> Outcome {
    let long = [("variables", "v")];
    let mut options = Getopt::new(args, "v", &long);
    let mut only_list = false;
    while options.next_option()?.is_some() {
        only_list = true;
    }
    let operands = options.operands();
    let format = operands.first();
    let mut out = stdout();
    if only_list {
        let Some(format) = format else { return Err(Failure::new(1, "missing arguments")) };
        for (_, name) in references(format.as_bytes()) {
            writeln!(out, "{name}")?;
        }
        return Ok(0);
    }
    let chosen: Option<Vec<String>> =
        format.map(|format| references(format.as_bytes()).into_iter().map(|(_, name)| name).collect());
    let bytes = read_input("-").map_err(|error| Failure::new(1, reason(&error)))?;
    let mut at = 0;
    for (range, name) in references(&bytes) {
        if chosen.as_ref().is_some_and(|chosen| !chosen.contains(&name)) {
            continue;
        }
        out.write_all(&bytes[at..range.start])?;
        out.write_all(std::env::var(&name).unwrap_or_default().as_bytes())?;
        at = range.end;
    }
    out.write_all(&bytes[at..])?;
    out.flush()?;
    Ok(0)
}

/// Returns where `$NAME` and `${NAME}` stand in `bytes`.
fn references(bytes: &[u8]) -> Vec<(std::ops::Range<usize>, String)> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        at += 1;
        if bytes[start] != b'$' {
            continue;
        }
        let braced = bytes.get(at) == Some(&b'{');
        let from = at + usize::from(braced);
        let mut end = from;
        while bytes.get(end).is_some_and(|b| b.is_ascii_alphabetic() || *b == b'_' || end > from && b.is_ascii_digit())
        {
            end += 1;
        }
        if end == from || braced && bytes.get(end) != Some(&b'}') {
            continue;
        }
        at = end + usize::from(braced);
        found.push((start..at, String::from_utf8_lossy(&bytes[from..end]).into_owned()));
    }
    found
}

fn each_input(mut names: Vec<String>, mut each: impl FnMut(&[u8]) -> Result<(), Failure>) -> Outcome {
    if names.is_empty() {
        names.push("-".into());
    }
    let mut status = 0;
    for name in names {
        match open_input(&name).and_then(|mut input| {
            let mut bytes = Vec::new();
            io::Read::read_to_end(&mut input, &mut bytes)?;
            Ok(bytes)
        }) {
            Ok(bytes) => each(&bytes)?,
            Err(error) => {
                warn(format_args!("cannot open {name}: {}", reason(&error)));
                status = 1;
            }
        }
    }
    Ok(status)
}

/// `column`: a table with `-t`, else entries in columns that fill the width.
pub fn column(args: &[String]) -> Outcome {
    let long = [
        ("table", "t"),
        ("separator=", "s"),
        ("output-separator=", "o"),
        ("output-width=", "c"),
        ("fillrows", "x"),
        ("table-columns=", "N"),
        ("table-right=", "R"),
        ("keep-empty-lines", "L"),
        ("table-noheadings", "d"),
    ];
    let mut options = Getopt::new(args, "ts:o:c:xN:R:Lnd", &long);
    let mut layout = super::column::Layout::default();
    while let Some((key, value)) = options.next_option()? {
        let value = value.unwrap_or_default();
        match key {
            "t" => layout.table = true,
            "s" => layout.separators = Some(String::from_utf8_lossy(&unescape(&value)).into_owned()),
            "o" => layout.output_separator = String::from_utf8_lossy(&unescape(&value)).into_owned(),
            "c" => {
                layout.width =
                    value.parse().map_err(|_| Failure::new(1, format_args!("invalid columns argument: '{value}'")))?;
            }
            "x" => layout.fill_rows = true,
            "N" => layout.headings = Some(value.split(',').map(str::to_owned).collect()),
            "R" => layout.right = value.split(',').map(str::to_owned).collect(),
            "L" => layout.keep_empty = true,
            "d" => layout.no_headings = true,
            _ => {}
        }
    }
    let mut text = String::new();
    let status = each_input(options.operands(), |bytes| {
        text.push_str(&String::from_utf8_lossy(bytes));
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        Ok(())
    })?;
    let mut out = stdout();
    out.write_all(layout.render(&text).as_bytes())?;
    out.flush()?;
    Ok(status)
}
