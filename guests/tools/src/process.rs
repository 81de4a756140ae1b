//! Running another program: the statuses that `env`, `nohup` and their like give when it cannot start, and what
//! `/proc` tells of the processes that run.

use std::fs;

use stillbox_sys::{Errno, Pid, Spawn};

use crate::program::Failure;

/// Returns the description of the command in `argv`, to be looked up along `PATH`.
pub fn command(argv: &[String]) -> Spawn {
    let mut spawn = Spawn::new(argv.first().map_or("", String::as_str));
    spawn.args(argv);
    if let Ok(path) = std::env::var("PATH") {
        spawn.search_path(path);
    }
    spawn
}

/// Returns the failure of a command that did not start: status 127 when there is none, 126 otherwise.
pub fn not_started(program: &str, errno: Errno) -> Failure {
    let status = if errno == Errno::NOENT { 127 } else { 126 };
    Failure::new(status, format_args!("failed to run command '{program}': {errno}"))
}

/// Replaces this program by the command in `argv`; returns only when that fails.
pub fn exec(argv: &[String]) -> Failure {
    let errno = command(argv).exec();
    not_started(argv.first().map_or("", String::as_str), errno)
}

/// One running process.
#[derive(Debug, Clone)]
pub struct Process {
    /// Its number.
    pub pid: Pid,
    /// Its parent's number.
    pub parent: Pid,
    /// Its process group.
    pub group: Pid,
    /// Its session.
    pub session: Pid,
    /// Its state, as a letter: `R`, `S`, `Z` and so on.
    pub state: char,
    /// Its short name.
    pub name: String,
    /// Its arguments; empty for a zombie.
    pub args: Vec<String>,
    /// The time it has computed, in hundredths of a second.
    pub cpu_ticks: u64,
    /// Its start, in hundredths of a second since the system's.
    pub start_ticks: u64,
    /// The memory it may address, in bytes.
    pub virtual_bytes: u64,
    /// The memory it has, in bytes.
    pub resident_bytes: u64,
    /// Its owner.
    pub user: u32,
    /// The device number of its terminal; 0 for none.
    pub terminal: u32,
}

impl Process {
    /// Returns the command line, or the name in brackets when there is none.
    pub fn command_line(&self) -> String {
        if self.args.is_empty() {
            let suffix = if self.state == 'Z' { " <defunct>" } else { "" };
            return format!("[{}]{suffix}", self.name);
        }
        self.args.join(" ")
    }

    /// Returns the process with that number, if it runs.
    pub fn read(pid: Pid) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name may hold blanks and parentheses, so the fields are counted from its last parenthesis.
        let (open, close) = (stat.find('(')?, stat.rfind(')')?);
        let name = stat.get(open + 1..close)?.to_owned();
        let fields: Vec<&str> = stat.get(close + 1..)?.split_ascii_whitespace().collect();
        let number = |at: usize| fields.get(at).and_then(|text| text.parse::<i64>().ok()).unwrap_or(0).max(0) as u64;
        let cmdline = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let args = cmdline.split(|byte| *byte == 0).map(|arg| String::from_utf8_lossy(arg).into_owned());
        let mut args: Vec<String> = args.collect();
        args.pop();
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let user = status.lines().find_map(|line| line.strip_prefix("Uid:"));
        let user = user.and_then(|line| line.split_ascii_whitespace().nth(1)?.parse().ok()).unwrap_or(0);
        Some(Self {
            pid,
            state: fields.first()?.chars().next()?,
            parent: number(1) as Pid,
            group: number(2) as Pid,
            session: number(3) as Pid,
            terminal: number(4) as u32,
            name,
            args,
            cpu_ticks: number(11) + number(12),
            start_ticks: number(19),
            virtual_bytes: number(20),
            resident_bytes: number(21) * 4096,
            user,
        })
    }

    /// Returns all processes in the order of their numbers.
    pub fn all() -> Vec<Self> {
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        let mut pids: Vec<Pid> = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
        pids.sort_unstable();
        pids.into_iter().filter_map(Self::read).collect()
    }
}

/// Returns the seconds since the system started.
pub fn uptime_seconds() -> f64 {
    let text = fs::read_to_string("/proc/uptime").unwrap_or_default();
    text.split_ascii_whitespace().next().and_then(|text| text.parse().ok()).unwrap_or(0.0)
}
