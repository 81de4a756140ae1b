//! `ps`: the processes that run.

use std::io::Write;

use stillbox_sys::Pid;
use stillbox_tools::process::{Process, uptime_seconds};
use stillbox_tools::program::{Failure, Outcome, stdout};
use stillbox_tools::timestamp;

use super::identity::{parse_user, user_name};

/// A column: the names that select it, its heading, its least width, and whether numbers make it flush right.
struct Column {
    names: &'static [&'static str],
    heading: &'static str,
    width: usize,
    right: bool,
    value: fn(&Process, &Now) -> String,
}

/// What values depend on besides the process.
struct Now {
    uptime: f64,
    boot: i64,
    memory: u64,
}

const COLUMNS: &[Column] = &[
    Column { names: &["pid"], heading: "PID", width: 5, right: true, value: |p, _| p.pid.to_string() },
    Column { names: &["ppid"], heading: "PPID", width: 5, right: true, value: |p, _| p.parent.to_string() },
    Column { names: &["pgid", "pgrp"], heading: "PGID", width: 5, right: true, value: |p, _| p.group.to_string() },
    Column { names: &["sid", "sess"], heading: "SID", width: 5, right: true, value: |p, _| p.session.to_string() },
    Column { names: &["tty", "tt", "tname"], heading: "TTY", width: 8, right: false, value: |p, _| terminal(p) },
    Column { names: &["time", "cputime"], heading: "TIME", width: 8, right: true, value: |p, _| long_time(p) },
    Column { names: &["bsdtime"], heading: "TIME", width: 6, right: true, value: |p, _| short_time(p) },
    Column {
        names: &["comm", "ucmd", "ucomm"],
        heading: "COMMAND",
        width: 15,
        right: false,
        value: |p, _| p.name.clone(),
    },
    Column { names: &["cmdname"], heading: "CMD", width: 15, right: false, value: |p, _| p.name.clone() },
    Column { names: &["args", "command"], heading: "COMMAND", width: 27, right: false, value: |p, _| p.command_line() },
    Column { names: &["cmd"], heading: "CMD", width: 27, right: false, value: |p, _| p.command_line() },
    Column {
        names: &["user", "euser", "ruser"],
        heading: "USER",
        width: 8,
        right: false,
        value: |p, _| user_name(p.user),
    },
    Column { names: &["uname"], heading: "UID", width: 8, right: false, value: |p, _| user_name(p.user) },
    Column { names: &["uid", "euid"], heading: "UID", width: 5, right: true, value: |p, _| p.user.to_string() },
    Column {
        names: &["stat", "state", "s"],
        heading: "STAT",
        width: 4,
        right: false,
        value: |p, _| p.state.to_string(),
    },
    Column {
        names: &["pcpu", "%cpu"],
        heading: "%CPU",
        width: 4,
        right: true,
        value: |p, now| format!("{:.1}", cpu(p, now)),
    },
    Column {
        names: &["c"],
        heading: "C",
        width: 2,
        right: true,
        value: |p, now| format!("{:.0}", cpu(p, now).floor()),
    },
    Column { names: &["pmem", "%mem"], heading: "%MEM", width: 4, right: true, value: memory_share },
    Column {
        names: &["vsz", "vsize"],
        heading: "VSZ",
        width: 6,
        right: true,
        value: |p, _| (p.virtual_bytes / 1024).to_string(),
    },
    Column {
        names: &["rss", "rssize"],
        heading: "RSS",
        width: 5,
        right: true,
        value: |p, _| (p.resident_bytes / 1024).to_string(),
    },
    Column {
        names: &["stime"],
        heading: "STIME",
        width: 5,
        right: false,
        value: |p, now| started(p, now)[11..16].to_owned(),
    },
    Column {
        names: &["start", "start_time", "bsdstart"],
        heading: "START",
        width: 5,
        right: false,
        value: |p, now| started(p, now)[11..16].to_owned(),
    },
    Column { names: &["lstart"], heading: "STARTED", width: 24, right: true, value: started },
    Column { names: &["etime"], heading: "ELAPSED", width: 11, right: true, value: |p, now| elapsed(age(p, now)) },
    Column { names: &["etimes"], heading: "ELAPSED", width: 7, right: true, value: |p, now| age(p, now).to_string() },
    Column { names: &["ni", "nice"], heading: "NI", width: 3, right: true, value: |_, _| "0".into() },
];

fn age(process: &Process, now: &Now) -> u64 {
    (now.uptime - process.start_ticks as f64 / 100.0).max(0.0) as u64
}

fn cpu(process: &Process, now: &Now) -> f64 {
    let age = now.uptime - process.start_ticks as f64 / 100.0;
    if age <= 0.0 { 0.0 } else { process.cpu_ticks as f64 / age }
}

fn memory_share(process: &Process, now: &Now) -> String {
    format!("{:.1}", process.resident_bytes as f64 * 100.0 / now.memory.max(1) as f64)
}

fn started(process: &Process, now: &Now) -> String {
    timestamp::date_time(now.boot + (process.start_ticks / 100) as i64)
}

fn long_time(process: &Process) -> String {
    let seconds = process.cpu_ticks / 100;
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

fn short_time(process: &Process) -> String {
    let seconds = process.cpu_ticks / 100;
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

fn elapsed(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours) {
        (0, 0) => format!("{minutes:02}:{:02}", seconds % 60),
        (0, _) => format!("{hours:02}:{minutes:02}:{:02}", seconds % 60),
        _ => format!("{days}-{hours:02}:{minutes:02}:{:02}", seconds % 60),
    }
}

fn terminal(process: &Process) -> String {
    match (process.terminal >> 8 & 0xfff, process.terminal & 0xff) {
        (0, _) => "?".into(),
        (136..=143, minor) => format!("pts/{minor}"),
        (_, minor) => format!("tty{minor}"),
    }
}

/// Which processes are listed, in which columns.
struct Selection {
    everything: bool,
    with_terminal_only: bool,
    pids: Vec<Pid>,
    parents: Vec<Pid>,
    users: Vec<u32>,
    names: Vec<String>,
    columns: Vec<(&'static Column, String)>,
    headings: bool,
    sort: Option<String>,
}

const PLAIN: &str = "pid,tty,time,cmdname";
const FULL: &str = "uname,pid,ppid,c,stime,tty,time,cmd";
const BSD: &str = "pid,tty,stat,bsdtime,command";
const BSD_USER: &str = "user,pid,%cpu,%mem,vsz,rss,tty,stat,start,bsdtime,command";
const LONG: &str = "s,uid,pid,ppid,c,ni,vsz,tty,time,cmdname";

pub fn main(args: &[String]) -> Outcome {
    let mut selection = Selection {
        everything: false,
        with_terminal_only: false,
        pids: Vec::new(),
        parents: Vec::new(),
        users: Vec::new(),
        names: Vec::new(),
        columns: Vec::new(),
        headings: true,
        sort: None,
    };
    let mut format = None;
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        if let Some(long) = arg.strip_prefix("--") {
            let (name, value) =
                long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value.to_owned())));
            let mut value = || value.clone().or_else(|| args.next().cloned()).unwrap_or_default();
            match name {
                "pid" => selection.pids.extend(numbers(&value())?),
                "ppid" => selection.parents.extend(numbers(&value())?),
                "user" => selection.users.extend(users(&value())?),
                "format" => selection.add_columns(&value())?,
                "sort" => selection.sort = Some(value()),
                "no-headers" | "no-heading" | "no-headings" => selection.headings = false,
                "headers" | "forest" | "deselect" | "cols" | "width" => {}
                _ => return Err(Failure::usage(1, "unknown gnu long option")),
            }
            continue;
        }
        let dashed = arg.starts_with('-');
        let letters: Vec<char> = arg.trim_start_matches('-').chars().collect();
        if !dashed && letters.iter().all(char::is_ascii_digit) {
            selection.pids.extend(numbers(arg)?);
            continue;
        }
        let mut at = 0;
        while at < letters.len() {
            let letter = letters[at];
            at += 1;
            let mut value = || -> String {
                let attached: String = letters[at..].iter().collect();
                at = letters.len();
                if attached.is_empty() { args.next().cloned().unwrap_or_default() } else { attached }
            };
            match (dashed, letter) {
                (true, 'e' | 'A') => selection.everything = true,
                (false, 'a' | 'x') => {
                    selection.everything = true;
                    format.get_or_insert(BSD);
                }
                (true, 'a' | 'd') => (selection.everything, selection.with_terminal_only) = (true, true),
                (true, 'f' | 'F') => format = Some(FULL),
                (true, 'l') => format = Some(LONG),
                (false, 'u') => format = Some(BSD_USER),
                (false, 'p') | (true, 'p' | 'q') => selection.pids.extend(numbers(&value())?),
                (true, 'u' | 'U') => selection.users.extend(users(&value())?),
                (true, 'C') => selection.names.extend(value().split(',').map(str::to_owned)),
                (_, 'o') => selection.add_columns(&value())?,
                (_, 'h') => selection.headings = false,
                (_, 'w' | 'f' | 'H' | 'j' | 'L' | 'T' | 'm' | 'N' | 'y' | 'l') => {}
                _ => return Err(Failure::usage(1, "unsupported SysV option")),
            }
        }
    }
    if selection.columns.is_empty() {
        selection.add_columns(format.unwrap_or(PLAIN))?;
    }
    selection.print()
}

fn numbers(text: &str) -> Result<Vec<Pid>, Failure> {
    let split = text.split([',', ' ']).filter(|text| !text.is_empty());
    split.map(|text| text.parse().map_err(|_| Failure::usage(1, "process ID list syntax error"))).collect()
}

fn users(text: &str) -> Result<Vec<u32>, Failure> {
    let parse = |name| parse_user(name).ok_or_else(|| Failure::usage(1, format_args!("user name does not exist")));
    text.split(',').map(parse).collect()
}

impl Selection {
    fn add_columns(&mut self, text: &str) -> Result<(), Failure> {
        let mut rest = text;
        while !rest.is_empty() {
            let end = rest.find([',', ' ', '=']).unwrap_or(rest.len());
            let name = &rest[..end];
            let column = COLUMNS
                .iter()
                .find(|column| column.names.contains(&name))
                .ok_or_else(|| Failure::usage(1, format_args!("unknown user-defined format specifier \"{name}\"")))?;
            // A heading of one's own takes the rest of the text.
            if let Some(heading) = rest[end..].strip_prefix('=') {
                let own = heading.split(',').next().filter(|own| own.is_empty() && heading.len() > own.len());
                self.columns.push((column, own.unwrap_or(heading).to_owned()));
                rest = if own.is_some() { &heading[1..] } else { "" };
            } else {
                self.columns.push((column, column.heading.to_owned()));
                rest = rest[end..].trim_start_matches([',', ' ']);
            }
        }
        Ok(())
    }

    fn selects(&self, process: &Process, own: Option<&Process>) -> bool {
        if self.everything {
            return !self.with_terminal_only || process.terminal != 0;
        }
        if self.pids.is_empty() && self.parents.is_empty() && self.users.is_empty() && self.names.is_empty() {
            return own.is_some_and(|own| own.terminal == process.terminal && own.user == process.user);
        }
        self.pids.contains(&process.pid)
            || self.parents.contains(&process.parent)
            || self.users.contains(&process.user)
            || self.names.contains(&process.name)
    }

    fn print(&self) -> Outcome {
        let uptime = uptime_seconds();
        let clock = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let memory = super::system::memory().total;
        let now = Now { uptime, boot: clock.as_secs() as i64 - uptime as i64, memory };
        let mut processes = Process::all();
        let own = processes.iter().find(|process| process.pid == stillbox_sys::getpid()).cloned();
        processes.retain(|process| self.selects(process, own.as_ref()));
        if let Some(sort) = &self.sort {
            self.sort(&mut processes, sort, &now)?;
        }
        let rows: Vec<Vec<String>> = processes
            .iter()
            .map(|process| self.columns.iter().map(|(column, _)| (column.value)(process, &now)).collect())
            .collect();
        let mut widths: Vec<usize> =
            self.columns.iter().map(|(column, heading)| column.width.max(heading.len())).collect();
        for row in &rows {
            for ((width, field), (column, _)) in widths.iter_mut().zip(row).zip(&self.columns) {
                if column.right {
                    *width = (*width).max(field.len());
                }
            }
        }
        let mut out = stdout();
        if self.headings && self.columns.iter().any(|(_, heading)| !heading.is_empty()) {
            let headings: Vec<String> = self.columns.iter().map(|(_, heading)| heading.clone()).collect();
            writeln!(out, "{}", self.line(&headings, &widths))?;
        }
        for row in &rows {
            writeln!(out, "{}", self.line(row, &widths))?;
        }
        out.flush()?;
        Ok(i32::from(rows.is_empty()))
    }

    fn sort(&self, processes: &mut [Process], keys: &str, now: &Now) -> Result<(), Failure> {
        for key in keys.split(',').rev() {
            let name = key.trim_start_matches(['+', '-']);
            let Some(column) = COLUMNS.iter().find(|column| column.names.contains(&name)) else {
                return Err(Failure::usage(1, "unknown sort specifier"));
            };
            processes.sort_by(|a, b| {
                let (a, b) = ((column.value)(a, now), (column.value)(b, now));
                let order = match (a.parse::<f64>(), b.parse::<f64>()) {
                    (Ok(a), Ok(b)) => a.total_cmp(&b),
                    _ => a.cmp(&b),
                };
                if key.starts_with('-') { order.reverse() } else { order }
            });
        }
        Ok(())
    }

    fn line(&self, fields: &[String], widths: &[usize]) -> String {
        let mut text = String::new();
        for (at, (field, width)) in fields.iter().zip(widths).enumerate() {
            if at > 0 {
                text.push(' ');
            }
            if self.columns[at].0.right {
                text.push_str(&format!("{field:>width$}"));
            } else if at + 1 == fields.len() {
                text.push_str(field);
            } else {
                text.push_str(&format!("{field:<width$}"));
            }
        }
        text
    }
}
