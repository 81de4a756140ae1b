//! `pgrep`, `pkill` and `pidof`: processes by name.

use std::io::Write;

use stillbox_sys::{Pid, Signal, signal_number};
use stillbox_tools::getopt::Getopt;
use stillbox_tools::process::Process;
use stillbox_tools::program::{Failure, Outcome, name, stdout, warn};

use super::identity::parse_user;

const LONG: [(&str, &str); 14] = [
    ("list-name", "l"),
    ("list-full", "a"),
    ("full", "f"),
    ("exact", "x"),
    ("count", "c"),
    ("delimiter=", "d"),
    ("newest", "n"),
    ("oldest", "o"),
    ("parent=", "P"),
    ("pgroup=", "g"),
    ("euid=", "u"),
    ("inverse", "v"),
    ("signal=", "signal"),
    ("ignore-case", "i"),
];

pub fn pgrep(args: &[String]) -> Outcome {
    run(args, None)
}

pub fn pkill(args: &[String]) -> Outcome {
    // `-9` and `-TERM` are signals when they are written first or among the options.
    let mut signal: Signal = 15;
    let mut rest = Vec::new();
    for arg in args {
        let named = arg.strip_prefix('-').filter(|text| text.len() > 1 || text.parse::<i32>().is_ok());
        match named.and_then(signal_number) {
            Some(number) if !arg.starts_with("--") => signal = number,
            _ => rest.push(arg.clone()),
        }
    }
    run(&rest, Some(signal))
}

fn run(args: &[String], mut signal: Option<Signal>) -> Outcome {
    let mut options = Getopt::new(args, "lafxcd:noP:g:u:U:vie", &LONG).usage_status(2);
    let (mut with_name, mut with_args, mut full, mut exact, mut count) = (false, false, false, false, false);
    let (mut newest, mut oldest, mut inverse, mut ignore_case, mut echo) = (false, false, false, false, false);
    let mut delimiter = "\n".to_owned();
    let (mut parents, mut groups, mut users): (Vec<Pid>, Vec<Pid>, Vec<u32>) = Default::default();
    let numbers = |text: &str| -> Result<Vec<Pid>, Failure> {
        let parse = |text: &str| text.parse().map_err(|_| Failure::usage(2, format_args!("not a number: {text}")));
        text.split(',').map(parse).collect()
    };
    while let Some((key, value)) = options.next_option()? {
        let value = value.unwrap_or_default();
        match key {
            "l" => with_name = true,
            "a" => with_args = true,
            "f" => full = true,
            "x" => exact = true,
            "c" => count = true,
            "d" => delimiter = value,
            "n" => newest = true,
            "o" => oldest = true,
            "P" => parents = numbers(&value)?,
            "g" => groups = numbers(&value)?,
            "v" => inverse = true,
            "i" => ignore_case = true,
            "e" => echo = true,
            "signal" => {
                let number = signal_number(&value);
                signal = Some(number.ok_or_else(|| Failure::usage(2, format_args!("unknown signal \"{value}\"")))?);
            }
            _ => {
                for user in value.split(',') {
                    let id = parse_user(user);
                    users.push(id.ok_or_else(|| Failure::usage(2, format_args!("invalid user name: {user}")))?);
                }
            }
        }
    }
    let operands = options.operands();
    let pattern = operands.first();
    if pattern.is_none() && parents.is_empty() && groups.is_empty() && users.is_empty() {
        return Err(Failure::usage(2, "no matching criteria specified"));
    }
    let pattern = pattern
        .map(|pattern| {
            let anchored = if exact { format!("^({pattern})$") } else { pattern.clone() };
            regex_lite::RegexBuilder::new(&anchored)
                .case_insensitive(ignore_case)
                .build()
                .map_err(|error| Failure::new(2, error))
        })
        .transpose()?;
    let own = stillbox_sys::getpid();
    let mut found: Vec<Process> = Process::all();
    found.retain(|process| {
        let text = if full && !process.args.is_empty() { process.args.join(" ") } else { process.name.clone() };
        let matches = pattern.as_ref().is_none_or(|pattern| pattern.is_match(&text))
            && (parents.is_empty() || parents.contains(&process.parent))
            && (groups.is_empty() || groups.contains(&process.group))
            && (users.is_empty() || users.contains(&process.user));
        process.pid != own && matches != inverse
    });
    if newest {
        found = found.into_iter().max_by_key(|process| (process.start_ticks, process.pid)).into_iter().collect();
    } else if oldest {
        found = found.into_iter().min_by_key(|process| (process.start_ticks, process.pid)).into_iter().collect();
    }
    let mut out = stdout();
    let kills = name() == "pkill";
    if count {
        writeln!(out, "{}", found.len())?;
    }
    let mut done = 0;
    for (at, process) in found.iter().enumerate() {
        if kills {
            match stillbox_sys::kill(process.pid, signal.unwrap_or(15)) {
                Ok(()) => done += 1,
                Err(errno) => warn(format_args!("killing pid {} failed: {errno}", process.pid)),
            }
            if echo {
                writeln!(out, "{} killed (pid {})", process.name, process.pid)?;
            }
        } else if !count {
            let separator = if at == 0 { "" } else { &delimiter };
            write!(out, "{separator}{}", process.pid)?;
            if with_args {
                write!(out, " {}", process.args.join(" "))?;
            } else if with_name {
                write!(out, " {}", process.name)?;
            }
            done += 1;
        } else {
            done += 1;
        }
    }
    if !kills && !count && done > 0 {
        writeln!(out)?;
    }
    out.flush()?;
    Ok(i32::from(done == 0))
}

pub fn pidof(args: &[String]) -> Outcome {
    let mut options = Getopt::new(args, "sxqo:", &[]);
    let (mut single, mut quiet, mut omitted) = (false, false, Vec::new());
    while let Some((key, value)) = options.next_option()? {
        match key {
            "s" => single = true,
            "q" => quiet = true,
            "o" => omitted.extend(value.unwrap_or_default().split(',').map(str::to_owned)),
            _ => {}
        }
    }
    let names = options.operands();
    let matches = |process: &Process| {
        let program = process.args.first().map_or("", String::as_str);
        names.iter().any(|name| process.name == *name || program == name || program.rsplit('/').next() == Some(name))
    };
    let mut pids: Vec<String> =
        Process::all().iter().rev().filter(|process| matches(process)).map(|process| process.pid.to_string()).collect();
    pids.retain(|pid| !omitted.contains(pid));
    pids.truncate(if single { 1 } else { usize::MAX });
    if pids.is_empty() {
        return Ok(1);
    }
    if !quiet {
        writeln!(stdout(), "{}", pids.join(" "))?;
    }
    Ok(0)
}
