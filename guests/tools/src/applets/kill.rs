//! `kill`: sends a signal to processes and groups, or lists signals.

use std::io::Write;

use stillbox_sys::{SIGNALS, Signal, signal_name, signal_number};
use stillbox_tools::program::{Failure, Outcome, stdout, warn};

pub fn main(args: &[String]) -> Outcome {
    let mut signal: Signal = 15;
    let mut operands: &[String] = args;
    let parse = |text: &str| signal_number(text).ok_or_else(|| Failure::new(1, format_args!("unknown signal {text}")));
    match args.first().map(String::as_str) {
        None => return Err(Failure::usage(1, "no process ID specified")),
        Some("-l" | "--list" | "-L" | "--table") => return list(&args[1..]),
        Some("-s" | "--signal" | "-n") => {
            let Some(text) = args.get(1) else {
                return Err(Failure::usage(1, "option requires an argument -- 's'"));
            };
            signal = parse(text)?;
            operands = &args[2..];
        }
        Some(first) => {
            if let Some(text) = first.strip_prefix("--signal=") {
                signal = parse(text)?;
                operands = &args[1..];
            } else if first != "--" && first.len() > 1 && first.starts_with('-') {
                signal = parse(
                    first[1..].strip_prefix('s').filter(|text| signal_number(text).is_some()).unwrap_or(&first[1..]),
                )?;
                operands = &args[1..];
            }
        }
    }
    if operands.first().is_some_and(|first| first == "--") {
        operands = &operands[1..];
    }
    if operands.is_empty() {
        return Err(Failure::usage(1, "no process ID specified"));
    }
    let mut status = 0;
    for operand in operands {
        let Ok(pid) = operand.parse::<i32>() else {
            warn(format_args!("failed to parse argument: '{operand}'"));
            status = 1;
            continue;
        };
        if let Err(errno) = send(pid, signal) {
            warn(format_args!("({pid}): {errno}"));
            status = 1;
        }
    }
    Ok(status)
}

/// Sends a signal as kill(2) does: 0 is the own group, negative numbers are groups, -1 is everything else.
pub fn send(pid: i32, signal: Signal) -> stillbox_sys::Result<()> {
    match pid {
        0 => stillbox_sys::kill_group(stillbox_sys::get_group(0)?, signal),
        -1 => {
            let own = stillbox_sys::getpid();
            for process in stillbox_tools::process::Process::all() {
                if process.pid != own && process.pid != 1 {
                    stillbox_sys::kill(process.pid, signal)?;
                }
            }
            Ok(())
        }
        ..0 => stillbox_sys::kill_group(pid.unsigned_abs(), signal),
        _ => stillbox_sys::kill(pid.unsigned_abs(), signal),
    }
}

fn list(operands: &[String]) -> Outcome {
    let mut out = stdout();
    if operands.is_empty() {
        for (_, name, _) in SIGNALS {
            writeln!(out, "{name}")?;
        }
    }
    for operand in operands {
        match operand.parse::<i32>() {
            // A status of a process that a signal ended is 128 and the signal.
            Ok(number) => match signal_name(if number > 128 { number - 128 } else { number }) {
                Some(name) => writeln!(out, "{name}")?,
                None => return Err(Failure::new(1, format_args!("unknown signal {operand}"))),
            },
            Err(_) => match signal_number(operand) {
                Some(number) => writeln!(out, "{number}")?,
                None => return Err(Failure::new(1, format_args!("unknown signal {operand}"))),
            },
        }
    }
    out.flush()?;
    Ok(0)
}
