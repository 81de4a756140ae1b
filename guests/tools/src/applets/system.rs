//! `uptime`, `free`, `hostname`, `sync`, `getconf` and `lscpu`-like facts: what the system says of itself.

use std::io::Write;

use stillbox_tools::getopt::Getopt;
use stillbox_tools::human;
use stillbox_tools::process::uptime_seconds;
use stillbox_tools::program::{Failure, Outcome, reason, stdout, warn};
use stillbox_tools::timestamp;

pub fn uptime(args: &[String]) -> Outcome {
    let mut options = Getopt::new(args, "ps", &[("pretty", "p"), ("since", "s")]);
    let mut style = "";
    while let Some((key, _)) = options.next_option()? {
        style = key;
    }
    let up = uptime_seconds() as u64;
    let clock = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_secs();
    let mut out = stdout();
    match style {
        "s" => writeln!(out, "{}", timestamp::date_time(clock.saturating_sub(up) as i64))?,
        "p" => writeln!(out, "up {}", pretty(up))?,
        _ => {
            let loads = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
            let loads: Vec<&str> = loads.split_ascii_whitespace().take(3).collect();
            let loads = if loads.len() == 3 { loads.join(", ") } else { "0.00, 0.00, 0.00".into() };
            let (days, hours, minutes) = (up / 86_400, up / 3600 % 24, up / 60 % 60);
            let days = match days {
                0 => String::new(),
                1 => "1 day, ".into(),
                _ => format!("{days} days, "),
            };
            let since = if hours > 0 { format!("{hours:2}:{minutes:02}") } else { format!("{minutes} min") };
            let time = &timestamp::date_time(clock as i64)[11..];
            writeln!(out, " {time} up {days}{since},  0 user,  load average: {loads}")?;
        }
    }
    Ok(0)
}

fn pretty(seconds: u64) -> String {
    let parts = [(seconds / 86_400, "day"), (seconds / 3600 % 24, "hour"), (seconds / 60 % 60, "minute")];
    let texts: Vec<String> = parts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, unit)| format!("{count} {unit}{}", if *count == 1 { "" } else { "s" }))
        .collect();
    if texts.is_empty() { "0 minutes".into() } else { texts.join(", ") }
}

/// The system's memory in bytes.
pub struct Memory {
    pub total: u64,
    free: u64,
    available: u64,
    cached: u64,
    shared: u64,
    swap_total: u64,
    swap_free: u64,
}

/// Returns what `/proc/meminfo` says; zeros where it says nothing.
pub fn memory() -> Memory {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let get = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.and_then(|line| line.split_ascii_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) * 1024
    };
    let free = get("MemFree");
    let available = match get("MemAvailable") {
        0 => free,
        available => available,
    };
    Memory {
        total: get("MemTotal"),
        free,
        available,
        cached: get("Buffers") + get("Cached") + get("SReclaimable"),
        shared: get("Shmem"),
        swap_total: get("SwapTotal"),
        swap_free: get("SwapFree"),
    }
}

pub fn free(args: &[String]) -> Outcome {
    let long = [
        ("bytes", "b"),
        ("kibi", "k"),
        ("mebi", "m"),
        ("gibi", "g"),
        ("human", "h"),
        ("total", "t"),
        ("si", "si"),
        ("wide", "w"),
    ];
    let mut options = Getopt::new(args, "bkmghtw", &long);
    let (mut unit, mut in_human, mut total, mut base) = (1_u32, false, false, 1024_u64);
    while let Some((key, _)) = options.next_option()? {
        match key {
            "b" => unit = 0,
            "k" => unit = 1,
            "m" => unit = 2,
            "g" => unit = 3,
            "h" => in_human = true,
            "t" => total = true,
            "si" => base = 1000,
            _ => {}
        }
    }
    let memory = memory();
    let show = |bytes: u64| {
        if in_human && bytes == 0 {
            "0B".into()
        } else if in_human {
            let suffix = if base == 1024 { "i" } else { "" };
            format!("{}{suffix}", human::size(bytes, base))
        } else {
            (bytes / base.pow(unit)).to_string()
        }
    };
    let used = memory.total.saturating_sub(memory.available);
    let swap_used = memory.swap_total.saturating_sub(memory.swap_free);
    let mut out = stdout();
    writeln!(
        out,
        "{:>20}{:>12}{:>12}{:>12}{:>12}{:>12}",
        "total", "used", "free", "shared", "buff/cache", "available"
    )?;
    let row = |name: &str, values: &[u64]| {
        let mut text = format!("{name:<9}");
        for (at, value) in values.iter().enumerate() {
            text.push_str(&format!("{:>width$}", show(*value), width = if at == 0 { 11 } else { 12 }));
        }
        text
    };
    let main = [memory.total, used, memory.free, memory.shared, memory.cached, memory.available];
    writeln!(out, "{}", row("Mem:", &main))?;
    writeln!(out, "{}", row("Swap:", &[memory.swap_total, swap_used, memory.swap_free]))?;
    if total {
        let sums = [memory.total + memory.swap_total, used + swap_used, memory.free + memory.swap_free];
        writeln!(out, "{}", row("Total:", &sums))?;
    }
    out.flush()?;
    Ok(0)
}

pub fn hostname(args: &[String]) -> Outcome {
    let long = [("fqdn", "f"), ("long", "f"), ("short", "s"), ("domain", "d"), ("ip-address", "i")];
    let mut options = Getopt::new(args, "fsdiI", &long);
    let mut style = "";
    while let Some((key, _)) = options.next_option()? {
        style = key;
    }
    if !options.operands().is_empty() {
        return Err(Failure::new(1, "you must be privileged to change the host name"));
    }
    let read = |path: &str| std::fs::read_to_string(path).ok().map(|text| text.trim().to_owned());
    let name = read("/proc/sys/kernel/hostname").or_else(|| read("/etc/hostname")).filter(|name| !name.is_empty());
    let name = name.or_else(|| std::env::var("HOSTNAME").ok()).unwrap_or_else(|| "localhost".into());
    let text = match style {
        "s" => name.split('.').next().unwrap_or_default().to_owned(),
        "d" => name.split_once('.').map_or(String::new(), |(_, domain)| domain.to_owned()),
        "i" | "I" => "127.0.0.1".into(),
        _ => name,
    };
    writeln!(stdout(), "{text}")?;
    Ok(0)
}

pub fn sync(args: &[String]) -> Outcome {
    let long = [("data", "d"), ("file-system", "f")];
    let mut options = Getopt::new(args, "df", &long);
    while options.next_option()?.is_some() {}
    let mut status = 0;
    for path in options.operands() {
        let synced = std::fs::File::open(&path).and_then(|file| file.sync_all());
        if let Err(error) = synced {
            warn(format_args!("error opening '{path}': {}", reason(&error)));
            status = 1;
        }
    }
    Ok(status)
}

pub fn getconf(args: &[String]) -> Outcome {
    let name = args.iter().find(|arg| !arg.starts_with('-')).map_or("", String::as_str);
    let value = match name {
        "ARG_MAX" => "2097152",
        "PATH" | "CS_PATH" => "/bin:/usr/bin",
        "PAGESIZE" | "PAGE_SIZE" => "4096",
        "_NPROCESSORS_ONLN" | "_NPROCESSORS_CONF" => "1",
        "LONG_BIT" => "64",
        "NAME_MAX" => "255",
        "PATH_MAX" => "4096",
        "OPEN_MAX" => "1024",
        "CLK_TCK" => "100",
        "" => return Err(Failure::new(2, "missing operand")),
        other => return Err(Failure::new(2, format_args!("Unrecognized variable `{other}'"))),
    };
    writeln!(stdout(), "{value}")?;
    Ok(0)
}
