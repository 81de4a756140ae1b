//! `cmp`: where two files first differ, or every byte that does.

use std::io::{self, Read, Write};

use stillbox_tools::getopt::Getopt;
use stillbox_tools::human;
use stillbox_tools::program::{Failure, Outcome, open_input, reason, stdout, warn};

const LONG: [(&str, &str); 7] = [
    ("print-bytes", "b"),
    ("ignore-initial=", "i"),
    ("verbose", "l"),
    ("bytes=", "n"),
    ("quiet", "s"),
    ("silent", "s"),
    ("help", "help"),
];

pub fn main(args: &[String]) -> Outcome {
    let mut options = Getopt::new(args, "bi:ln:s", &LONG).usage_status(2);
    let (mut print_bytes, mut verbose, mut silent, mut limit) = (false, false, false, u64::MAX);
    let mut skips = [0, 0];
    let size = |text: &str, option: &str| {
        human::parse_size(text).ok_or_else(|| Failure::usage(2, format_args!("invalid --{option} value '{text}'")))
    };
    while let Some((key, value)) = options.next_option()? {
        let value = value.unwrap_or_default();
        match key {
            "b" => print_bytes = true,
            "l" => verbose = true,
            "s" => silent = true,
            "n" => limit = size(&value, "bytes")?,
            "i" => {
                let (first, second) = value.split_once(':').unwrap_or((&value, &value));
                skips = [size(first, "ignore-initial")?, size(second, "ignore-initial")?];
            }
            _ => {}
        }
    }
    let operands = options.operands();
    if operands.is_empty() {
        return Err(Failure::usage(2, "missing operand after 'cmp'"));
    }
    if let Some(extra) = operands.get(4) {
        return Err(Failure::usage(2, format_args!("extra operand '{extra}'")));
    }
    for (skip, text) in skips.iter_mut().zip(operands.iter().skip(2)) {
        *skip = size(text, "ignore-initial")?;
    }
    let names = [operands[0].as_str(), operands.get(1).map_or("-", String::as_str)];
    let mut inputs = Vec::new();
    for (name, skip) in names.iter().zip(skips) {
        let open = || -> io::Result<_> {
            let mut input = io::BufReader::new(open_input(name)?);
            io::copy(&mut (&mut input).take(skip), &mut io::sink())?;
            Ok(input.bytes())
        };
        inputs.push(open().map_err(|error| Failure::new(2, format_args!("{name}: {}", reason(&error))))?);
    }
    let mut out = stdout();
    let (mut offset, mut line, mut differs) = (0_u64, 1_u64, false);
    let mut at_line_start = false;
    while offset < limit {
        let mut pair = [None, None];
        for (slot, (input, name)) in pair.iter_mut().zip(inputs.iter_mut().zip(names)) {
            *slot = input
                .next()
                .transpose()
                .map_err(|error| Failure::new(2, format_args!("{name}: {}", reason(&error))))?;
        }
        offset += 1;
        match pair {
            [None, None] => break,
            [Some(a), Some(b)] if a == b => {
                at_line_start = a == b'\n';
                line += u64::from(at_line_start);
            }
            [Some(a), Some(b)] => {
                differs = true;
                if silent {
                    break;
                }
                if verbose {
                    if print_bytes {
                        writeln!(out, "{offset} {a:3o} {:4} {b:3o} {}", printable(a), printable(b))?;
                    } else {
                        writeln!(out, "{offset} {a:3o} {b:3o}")?;
                    }
                    continue;
                }
                write!(out, "{} {} differ: byte {offset}, line {line}", names[0], names[1])?;
                if print_bytes {
                    write!(out, " is {a:3o} {} {b:3o} {}", printable(a), printable(b))?;
                }
                writeln!(out)?;
                break;
            }
            [a, _] => {
                let short = names[usize::from(a.is_some())];
                out.flush()?;
                if !silent {
                    let before = offset - 1;
                    match before {
                        0 => warn(format_args!("EOF on {short} which is empty")),
                        _ if verbose => warn(format_args!("EOF on {short} after byte {before}")),
                        _ if at_line_start => {
                            warn(format_args!("EOF on {short} after byte {before}, line {}", line - 1))
                        }
                        _ => warn(format_args!("EOF on {short} after byte {before}, in line {line}")),
                    }
                }
                differs = true;
                break;
            }
        }
    }
    out.flush()?;
    Ok(i32::from(differs))
}

/// Shows a byte as `cat -v` does.
fn printable(byte: u8) -> String {
    let mut text = String::new();
    let mut byte = byte;
    if byte >= 128 {
        text.push_str("M-");
        byte -= 128;
    }
    match byte {
        0..32 => {
            text.push('^');
            text.push(char::from(byte + 64));
        }
        127 => text.push_str("^?"),
        _ => text.push(char::from(byte)),
    }
    text
}
