//! `/proc`: what a guest can read about processes and the sandbox, in the formats of Linux's proc(5).

use std::fmt::Write as _;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use bytes::Bytes;
use stillbox_kernel::Errno;
use stillbox_kernel::fs::{DynamicDir, DynamicEntry, DynamicNode, FileType};

use crate::process::{Pid, Process, Table};

/// Clock ticks per second, as `sysconf(_SC_CLK_TCK)` says on Linux.
const TICKS: u64 = 100;

/// What a process's directory has.
const OF_PROCESS: [(&str, FileType); 7] = [
    ("cmdline", FileType::Regular),
    ("cwd", FileType::Symlink),
    ("environ", FileType::Regular),
    ("exe", FileType::Symlink),
    ("fd", FileType::Directory),
    ("stat", FileType::Regular),
    ("status", FileType::Regular),
];

/// The files of `/proc` itself, beside the processes.
const OF_SANDBOX: [&str; 5] = ["loadavg", "meminfo", "mounts", "uptime", "version"];

/// Mounts `/proc` over the table. It holds the table weakly: the file system belongs to it.
pub(super) fn mount(table: &Arc<Table>) {
    let proc = ProcDir { table: Arc::downgrade(table) };
    if let Err(errno) = table.fs.mount_dynamic("/proc", Arc::new(proc)) {
        tracing::warn!(%errno, "an image has no place for /proc");
    }
}

struct ProcDir {
    table: Weak<Table>,
}

impl DynamicDir for ProcDir {
    fn lookup(&self, caller: u32, path: &[&str]) -> Result<DynamicNode, Errno> {
        let table = self.table.upgrade().ok_or(Errno::Noent)?;
        match path {
            [] => Ok(root(&table)),
            // The host, which has no number here, has no `self` either.
            ["self", ..] if caller == 0 => Err(Errno::Noent),
            ["self"] => Ok(DynamicNode::Symlink(caller.to_string())),
            [name] if OF_SANDBOX.contains(name) => Ok(file(of_sandbox(&table, name))),
            [pid, rest @ ..] => {
                let pid: Pid = pid.parse().map_err(|_| Errno::Noent)?;
                let process = table.get(pid).ok_or(Errno::Noent)?;
                of_process(&process, rest, caller)
            }
        }
    }
}

fn file(text: impl Into<Bytes>) -> DynamicNode {
    DynamicNode::File(text.into())
}

fn entry(name: impl ToString, file_type: FileType) -> DynamicEntry {
    DynamicEntry { name: name.to_string(), file_type }
}

fn root(table: &Table) -> DynamicNode {
    let processes = table.list().into_iter().map(|process| entry(process.pid, FileType::Directory));
    let files = OF_SANDBOX.iter().map(|name| entry(name, FileType::Regular));
    DynamicNode::Directory(processes.chain(files).chain([entry("self", FileType::Symlink)]).collect())
}

fn of_process(process: &Arc<Process>, path: &[&str], caller: Pid) -> Result<DynamicNode, Errno> {
    let command = process.command.lock().clone();
    match path {
        [] => Ok(DynamicNode::Directory(OF_PROCESS.iter().map(|&(name, kind)| entry(name, kind)).collect())),
        ["cmdline"] => Ok(file(nul_terminated(&command.args))),
        ["environ"] => Ok(file(nul_terminated(&command.env))),
        ["stat"] => Ok(file(stat(process, &command.path))),
        ["status"] => Ok(file(status(process, &command.path))),
        ["exe"] => Ok(DynamicNode::Symlink(command.path.clone())),
        ["cwd"] => Ok(DynamicNode::Symlink(process.cwd.lock().path()?)),
        ["fd"] => {
            let fds = process.fds.lock();
            Ok(DynamicNode::Directory(fds.numbers().map(|fd| entry(fd, FileType::Symlink)).collect()))
        }
        ["fd", fd] => {
            // A descriptor is its process's own; another one can't be given it.
            if caller != process.pid {
                return Err(Errno::Acces);
            }
            let number: u32 = fd.parse().map_err(|_| Errno::Noent)?;
            let description = process.fds.lock().get(number).map_err(|_| Errno::Noent)?;
            Ok(DynamicNode::Descriptor { number, target: description.describe() })
        }
        _ => Err(Errno::Noent),
    }
}

fn nul_terminated(strings: &[String]) -> String {
    strings.iter().flat_map(|string| [string.as_str(), "\0"]).collect()
}

fn name_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn state(process: &Process) -> char {
    match process.exit() {
        Some(_) => 'Z',
        None if process.signals.is_stopped() => 'T',
        None => 'S',
    }
}

fn stat(process: &Process, path: &str) -> String {
    let (pid, name, state) = (process.pid, name_of(path), state(process));
    let parent = process.parent.load(Ordering::Acquire);
    let (group, session) = (process.group(), process.session());
    let leader = session.leader;
    // Linux's number for the first pseudo-terminal; there is no other to be told from it.
    let (terminal, foreground) = match &session.terminal {
        Some(terminal) => (136 << 8, i64::from(terminal.foreground())),
        None => (0, -1),
    };
    let ticks = |ns: u64| ns * TICKS / 1_000_000_000;
    let cpu = ticks(process.cpu.used_ns());
    let children_cpu = ticks(process.children_cpu_ns.load(Ordering::Relaxed));
    let booted_ns = process.table.clock.wall_ns().saturating_sub(process.table.clock.monotonic_ns());
    let start = ticks(process.started_ns.saturating_sub(booted_ns));
    let memory = process.memory_bytes.load(Ordering::Acquire);
    let resident = memory / 4096;
    let mut line = format!("{pid} ({name}) {state} {parent} {group} {leader} {terminal} {foreground} 0 0 0 0 0 ");
    let _ = write!(line, "{cpu} 0 {children_cpu} 0 20 0 1 0 ");
    // Of the fields behind these, none has a meaning here.
    let _ = write!(line, "{start} {memory} {resident} 18446744073709551615");
    line.push_str(&" 0".repeat(27));
    line.push('\n');
    line
}

fn status(process: &Process, path: &str) -> String {
    let state = match state(process) {
        'Z' => "Z (zombie)",
        'T' => "T (stopped)",
        _ => "S (sleeping)",
    };
    format!(
        "Name:\t{}\nUmask:\t{:04o}\nState:\t{state}\nPid:\t{}\nPPid:\t{}\nUid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\n\
         VmSize:\t{kib:>8} kB\nVmRSS:\t{kib:>8} kB\nThreads:\t1\n",
        name_of(path),
        process.umask.load(Ordering::Acquire),
        process.pid,
        process.parent.load(Ordering::Acquire),
        kib = process.memory_bytes.load(Ordering::Acquire) / 1024,
    )
}

fn of_sandbox(table: &Table, name: &str) -> String {
    match name {
        "uptime" => {
            let seconds = table.clock.monotonic_ns() as f64 / 1e9;
            format!("{seconds:.2} {seconds:.2}\n")
        }
        "meminfo" => {
            let total = table.limits().memory_bytes / 1024;
            let free = total.saturating_sub(table.memory_bytes() / 1024);
            format!(
                "MemTotal:       {total:>8} kB\nMemFree:        {free:>8} kB\nMemAvailable:   {free:>8} kB\n\
                     SwapTotal:             0 kB\nSwapFree:              0 kB\n"
            )
        }
        "loadavg" => {
            let processes = table.list();
            let running = processes.iter().filter(|process| process.exit().is_none()).count();
            let last = processes.last().map_or(0, |process| process.pid);
            format!("0.00 0.00 0.00 {running}/{} {last}\n", processes.len())
        }
        "version" => format!("Stillbox version {}\n", env!("CARGO_PKG_VERSION")),
        "mounts" => {
            let mut text = String::from("stillbox / stillbox rw 0 0\n");
            for (path, is_host) in table.fs.mounts() {
                let (source, kind) = if is_host { ("host", "host") } else { ("proc", "proc") };
                let _ = writeln!(text, "{source} {path} {kind} rw 0 0");
            }
            text
        }
        _ => String::new(),
    }
}
