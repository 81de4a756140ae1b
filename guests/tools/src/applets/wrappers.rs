//! `nohup`, `nice`, `setsid`, `stdbuf`, `ionice` and `time`: a command run with one thing changed.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::time::Instant;

use stillbox_sys::{Disposition, Open, Status, Usage, WaitFlags, isatty, signal_action};
use stillbox_tools::getopt::Getopt;
use stillbox_tools::process::{command, exec, not_started};
use stillbox_tools::program::{Failure, Outcome, stdout, warn};

pub fn nohup(args: &[String]) -> Outcome {
    let mut options = Getopt::new(args, "+", &[]).usage_status(125);
    while options.next_option()?.is_some() {}
    let argv = options.operands();
    if argv.is_empty() {
        return Err(Failure::usage(125, "missing operand"));
    }
    let failed = |what: &str, errno| Failure::new(125, format_args!("{what}: {errno}"));
    if isatty(0) {
        let null = stillbox_sys::open("/dev/null", Open::READ).map_err(|errno| failed("/dev/null", errno))?;
        stillbox_sys::dup2(null, 0).map_err(|errno| failed("failed to redirect standard input", errno))?;
    }
    if isatty(1) {
        let file = stillbox_sys::open("nohup.out", Open::APPEND).map_err(|errno| failed("nohup.out", errno))?;
        warn("ignoring input and appending output to 'nohup.out'");
        stillbox_sys::dup2(file, 1).map_err(|errno| failed("failed to redirect standard output", errno))?;
    }
    if isatty(2) {
        stillbox_sys::dup2(1, 2).map_err(|errno| failed("failed to redirect standard error", errno))?;
    }
    signal_action(1, Disposition::Ignore).map_err(|errno| failed("cannot ignore SIGHUP", errno))?;
    Err(exec(&argv))
}

pub fn nice(args: &[String]) -> Outcome {
    // `-10` is an old way to write `-n 10`.
    let old = args.first().and_then(|first| first.strip_prefix('-')).filter(|rest| rest.parse::<i32>().is_ok());
    let args = if old.is_some() { &args[1..] } else { args };
    let mut options = Getopt::new(args, "+n:", &[("adjustment=", "n")]).usage_status(125);
    while let Some((_, value)) = options.next_option()? {
        let value = value.unwrap_or_default();
        if value.parse::<i32>().is_err() {
            return Err(Failure::usage(125, format_args!("invalid adjustment '{value}'")));
        }
    }
    let argv = options.operands();
    if argv.is_empty() {
        writeln!(stdout(), "0")?;
        return Ok(0);
    }
    // The processes of a sandbox share its time evenly: there is no priority to change.
    Err(exec(&argv))
}

pub fn ionice(args: &[String]) -> Outcome {
    let mut options = Getopt::new(args, "+c:n:tp:", &[("class=", "c"), ("classdata=", "n"), ("ignore", "t")]);
    while options.next_option()?.is_some() {}
    let argv = options.operands();
    if argv.is_empty() {
        writeln!(stdout(), "none: prio 0")?;
        return Ok(0);
    }
    Err(exec(&argv))
}

pub fn setsid(args: &[String]) -> Outcome {
    let long = [("ctty", "c"), ("fork", "f"), ("wait", "w")];
    let mut options = Getopt::new(args, "+cfw", &long);
    let (mut fork, mut wait) = (false, false);
    while let Some((key, _)) = options.next_option()? {
        match key {
            "f" => fork = true,
            "w" => wait = true,
            _ => {}
        }
    }
    let argv = options.operands();
    if argv.is_empty() {
        return Err(Failure::usage(1, "no command specified"));
    }
    let is_leader = stillbox_sys::get_group(0).is_ok_and(|group| group == stillbox_sys::getpid());
    if !fork && !is_leader {
        stillbox_sys::new_session().map_err(|errno| Failure::new(1, format_args!("setsid failed: {errno}")))?;
        return Err(exec(&argv));
    }
    // A child in this one's group leads none, so it can begin a session.
    let again: Vec<String> = ["setsid".to_owned()].into_iter().chain(argv.iter().map(|arg| arg.to_string())).collect();
    let child = command(&again).spawn().map_err(|errno| not_started(&again[0], errno))?;
    if wait { await_child(child) } else { Ok(0) }
}

pub fn stdbuf(args: &[String]) -> Outcome {
    let mut options =
        Getopt::new(args, "+i:o:e:", &[("input=", "i"), ("output=", "o"), ("error=", "e")]).usage_status(125);
    let mut given = false;
    while options.next_option()?.is_some() {
        given = true;
    }
    let argv = options.operands();
    if argv.is_empty() {
        return Err(Failure::usage(125, "missing operand"));
    }
    if !given {
        return Err(Failure::usage(125, "you must specify a buffering mode option"));
    }
    // The libraries that programs are built with choose their buffers alone; what they print is the same.
    Err(exec(&argv))
}

fn await_child(child: stillbox_sys::Pid) -> Outcome {
    loop {
        match stillbox_sys::wait(Some(child), WaitFlags::default()) {
            Ok(Some((_, status))) => return Ok(status.code()),
            Ok(None) | Err(stillbox_sys::Errno::INTR) => {}
            Err(errno) => return Err(Failure::new(125, format_args!("wait: {errno}"))),
        }
    }
}

pub fn time(args: &[String]) -> Outcome {
    let long =
        [("portability", "p"), ("format=", "f"), ("output=", "o"), ("append", "a"), ("verbose", "v"), ("quiet", "q")];
    let mut options = Getopt::new(args, "+pf:o:avq", &long).usage_status(125);
    let (mut format, mut output, mut append) = (std::env::var("TIME").unwrap_or_default(), None, false);
    if format.is_empty() {
        format = "%Uuser %Ssystem %Eelapsed %PCPU (%Xavgtext+%Davgdata %Mmaxresident)k\n\
                  %Iinputs+%Ooutputs (%Fmajor+%Rminor)pagefaults %Wswaps"
            .into();
    }
    while let Some((key, value)) = options.next_option()? {
        match key {
            "p" => format = "real %e\nuser %U\nsys %S".into(),
            "f" => format = value.unwrap_or_default(),
            "o" => output = value,
            "a" => append = true,
            _ => {}
        }
    }
    let argv = options.operands();
    if argv.is_empty() {
        return Err(Failure::usage(125, "missing program to run"));
    }
    let start = Instant::now();
    let child = command(&argv).spawn().map_err(|errno| {
        let failure = not_started(&argv[0], errno);
        Failure::new(failure.status, format_args!("cannot run {}: {errno}", argv[0]))
    })?;
    let status = loop {
        match stillbox_sys::wait(Some(child), WaitFlags::default()) {
            Ok(Some((_, status))) => break status,
            Ok(None) | Err(stillbox_sys::Errno::INTR) => {}
            Err(errno) => return Err(Failure::new(125, format_args!("wait: {errno}"))),
        }
    };
    let mut text = String::new();
    match status {
        Status::Signaled(signal) => writeln!(text, "Command terminated by signal {signal}")?,
        status if status.code() != 0 => writeln!(text, "Command exited with non-zero status {}", status.code())?,
        _ => {}
    }
    // This process has no other children.
    let used = stillbox_sys::cpu_times().unwrap_or_default().children;
    text.push_str(&usage(&format, start.elapsed().as_secs_f64(), used, status.code(), &argv));
    text.push('\n');
    match output {
        None => io::stderr().write_all(text.as_bytes())?,
        Some(path) => {
            let file =
                std::fs::OpenOptions::new().create(true).write(true).append(append).truncate(!append).open(&path);
            let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
            written.map_err(|error| {
                Failure::new(125, format_args!("{path}: {}", stillbox_tools::program::reason(&error)))
            })?;
        }
    }
    Ok(status.code())
}

/// Fills in a format of `time`. What isn't known of one process, such as its memory, reads as 0.
fn usage(format: &str, elapsed: f64, used: Usage, status: i32, argv: &[String]) -> String {
    let [user, system] = [used.user, used.system].map(|nanoseconds| nanoseconds as f64 / 1e9);
    let mut text = String::new();
    let mut chars = format.chars();
    while let Some(c) = chars.next() {
        match (c, c == '%' || c == '\\') {
            (_, false) => text.push(c),
            ('\\', _) => match chars.next() {
                Some('n') => text.push('\n'),
                Some('t') => text.push('\t'),
                Some(other) => text.push(other),
                None => text.push('\\'),
            },
            _ => match chars.next() {
                Some('e') => text.push_str(&format!("{elapsed:.2}")),
                Some('E') => {
                    let (hours, minutes, seconds) = (elapsed as u64 / 3600, elapsed as u64 / 60 % 60, elapsed % 60.0);
                    if hours > 0 {
                        text.push_str(&format!("{hours}:{minutes:02}:{:02}", seconds as u64));
                    } else {
                        text.push_str(&format!("{minutes}:{seconds:05.2}"));
                    }
                }
                Some('U') => text.push_str(&format!("{user:.2}")),
                Some('S') => text.push_str(&format!("{system:.2}")),
                Some('P') => text.push_str(&format!("{:.0}%", 100.0 * (user + system) / elapsed.max(1e-9))),
                Some('C') => text.push_str(&argv.join(" ")),
                Some('x') => text.push_str(&status.to_string()),
                Some('%') => text.push('%'),
                Some('M' | 'X' | 'D' | 'K' | 't' | 'p' | 'F' | 'R' | 'W' | 'c' | 'w' | 'I' | 'O' | 'r' | 's' | 'k') => {
                    text.push('0');
                }
                Some(other) => text.push_str(&format!("?{other}")),
                None => text.push('?'),
            },
        }
    }
    text
}
