//! `wait`, `jobs`, `kill`, `fg`, `bg`, `disown`, `suspend` and `trap`.

use stillbox_sys::{self as sys, Errno, Pid, Signal, Status, WaitFlags};

use super::options;
use crate::escape;
use crate::jobs::{Job, JobState};
use crate::shell::{Flow, Shell};
use crate::trap::Trap;

/// Is why a wait ended.
enum Waited {
    Status(i32),
    /// A trapped signal arrived first.
    Interrupted(Signal),
}

pub fn wait(shell: &mut Shell, arguments: &[String]) -> Flow<i32> {
    let (found, rest) = match options(arguments, "nf", "p") {
        Ok(parsed) => parsed,
        Err(letter) => return Ok(shell.bad_option("wait", letter)),
    };
    let variable = found.iter().find(|o| o.0 == 'p').map(|o| o.1.clone());
    if found.iter().any(|o| o.0 == 'n') {
        return wait_next(shell, variable);
    }
    if rest.is_empty() {
        for pid in shell.jobs.running() {
            if let Waited::Interrupted(signal) = wait_for(shell, pid)? {
                return Ok(128 + signal);
            }
        }
        shell.jobs.all().clear();
        return Ok(0);
    }
    let mut status = 0;
    for spec in rest {
        let pid = if spec.starts_with('%') {
            shell.jobs.by_spec(spec).map(|job| job.pid)
        } else {
            match spec.parse::<Pid>() {
                Ok(pid) => Some(pid),
                Err(_) => {
                    shell.error(format_args!("wait: `{spec}': not a pid or valid job spec"));
                    status = 1;
                    continue;
                }
            }
        };
        let Some(pid) = pid else {
            shell.error(format_args!("wait: {spec}: no such job"));
            status = 127;
            continue;
        };
        match wait_for(shell, pid)? {
            Waited::Status(found) => status = found,
            Waited::Interrupted(signal) => return Ok(128 + signal),
        }
        if let Some(name) = &variable {
            shell.set(name, &pid.to_string())?;
        }
    }
    Ok(status)
}

/// Runs the trap of a signal that interrupted a wait; `None` if it was of no concern.
fn interruption(shell: &mut Shell) -> Flow<Option<Signal>> {
    let mut first = None;
    for signal in sys::take_pending_signals() {
        shell.run_trap(Trap::Signal(signal))?;
        first = first.or(Some(signal));
    }
    Ok(first)
}

fn wait_for(shell: &mut Shell, pid: Pid) -> Flow<Waited> {
    match shell.jobs.by_pid(pid) {
        Some(job) => {
            job.reported = true;
            if let JobState::Done(status) = job.state {
                return Ok(Waited::Status(status.code()));
            }
        }
        None => {
            shell.error(format_args!("wait: pid {pid} is not a child of this shell"));
            return Ok(Waited::Status(127));
        }
    }
    loop {
        match sys::wait(Some(pid), WaitFlags::default()) {
            Ok(Some((_, status))) => {
                shell.jobs.note(pid, status);
                return Ok(Waited::Status(status.code()));
            }
            Ok(None) => {}
            Err(Errno::INTR) => {
                if let Some(signal) = interruption(shell)? {
                    return Ok(Waited::Interrupted(signal));
                }
            }
            Err(_) => {
                shell.jobs.note(pid, Status::Exited(127));
                return Ok(Waited::Status(127));
            }
        }
    }
}

/// Waits for whichever job ends next.
fn wait_next(shell: &mut Shell, variable: Option<String>) -> Flow<i32> {
    let finished = shell.jobs.all().iter_mut().find(|job| !job.reported && matches!(job.state, JobState::Done(_)));
    let mut done = finished.map(|job| {
        job.reported = true;
        (job.pid, job.state)
    });
    while done.is_none() {
        if shell.jobs.running().is_empty() {
            return Ok(127);
        }
        match sys::wait(None, WaitFlags::default()) {
            Ok(Some((pid, status))) => {
                shell.jobs.note(pid, status);
                if let Some(job) = shell.jobs.by_pid(pid).filter(|job| matches!(job.state, JobState::Done(_))) {
                    job.reported = true;
                    done = Some((pid, job.state));
                }
            }
            Ok(None) => {}
            Err(Errno::INTR) => {
                if let Some(signal) = interruption(shell)? {
                    return Ok(128 + signal);
                }
            }
            Err(_) => return Ok(127),
        }
    }
    let Some((pid, JobState::Done(status))) = done else { return Ok(127) };
    if let Some(name) = variable {
        shell.set(&name, &pid.to_string())?;
    }
    Ok(status.code())
}

/// Returns the line that tells how a job is doing.
pub fn job_line(job: &Job, mark: char, with_pid: bool) -> String {
    let state = match job.state {
        JobState::Running => "Running".to_owned(),
        JobState::Stopped => "Stopped".to_owned(),
        JobState::Done(Status::Exited(0)) => "Done".to_owned(),
        JobState::Done(Status::Exited(code)) => format!("Exit {code}"),
        JobState::Done(Status::Signaled(signal) | Status::Stopped(signal)) => {
            sys::signal_description(signal).unwrap_or("Killed").to_owned()
        }
    };
    let pid = if with_pid { format!("{} ", job.pid) } else { String::new() };
    let background = if job.state == JobState::Running { " &" } else { "" };
    format!("[{}]{mark}  {pid}{state:<24}{}{background}\n", job.number, job.text)
}

pub fn jobs(shell: &mut Shell, arguments: &[String]) -> Flow<i32> {
    let (found, _) = match options(arguments, "lnprs", "") {
        Ok(parsed) => parsed,
        Err(letter) => return Ok(shell.bad_option("jobs", letter)),
    };
    let has = |letter| found.iter().any(|o| o.0 == letter);
    if shell.in_process == 0 {
        let stopped = shell.options.monitor;
        shell.jobs.poll(stopped);
    }
    let live: Vec<Job> = shell.jobs.all().iter().filter(|job| job.is_live()).cloned().collect();
    let mut text = String::new();
    for (at, job) in live.iter().enumerate() {
        if (has('r') && job.state != JobState::Running) || (has('s') && job.state != JobState::Stopped) {
            continue;
        }
        if has('p') {
            text.push_str(&format!("{}\n", job.pid));
            continue;
        }
        let mark = match live.len() - at {
            1 => '+',
            2 => '-',
            _ => ' ',
        };
        text.push_str(&job_line(job, mark, has('l')));
    }
    for job in shell.jobs.all() {
        job.reported |= job.state != JobState::Running && job.number > 0;
    }
    Ok(shell.print(&text))
}

impl Shell {
    /// Tells an interactive user about jobs that have ended, or were stopped for wanting the terminal.
    pub fn report_jobs(&mut self) {
        let stopped = self.options.monitor;
        self.jobs.poll(stopped);
        let mut text = String::new();
        for job in self.jobs.all().iter_mut().filter(|j| !j.reported && j.number > 0 && j.state != JobState::Running) {
            job.reported = true;
            text.push_str(&job_line(job, '+', false));
        }
        let _ = sys::write_all(2, &crate::text::encode(&text));
    }
}

pub fn kill(shell: &mut Shell, arguments: &[String]) -> Flow<i32> {
    let mut signal = 15;
    let mut rest = &arguments[1..];
    match rest.first().map(String::as_str) {
        Some("-l" | "-L") => return Ok(list_signals(shell, &rest[1..])),
        Some("-s" | "-n") if rest.len() > 1 => {
            let Some(number) = sys::signal_number(&rest[1]) else {
                shell.error(format_args!("kill: {}: invalid signal specification", rest[1]));
                return Ok(1);
            };
            signal = number;
            rest = &rest[2..];
        }
        Some("--") => rest = &rest[1..],
        Some(option) if option.len() > 1 && option.starts_with('-') => {
            let Some(number) = sys::signal_number(&option[1..]) else {
                shell.error(format_args!("kill: {}: invalid signal specification", &option[1..]));
                return Ok(1);
            };
            signal = number;
            rest = &rest[1..];
            if rest.first().is_some_and(|a| a == "--") {
                rest = &rest[1..];
            }
        }
        _ => {}
    }
    if rest.is_empty() {
        shell.error("kill: usage: kill [-s sigspec | -n signum | -sigspec] pid | jobspec ... or kill -l [sigspec]");
        return Ok(2);
    }
    let mut status = 0;
    for spec in rest {
        let sent = if spec.starts_with('%') {
            match shell.jobs.by_spec(spec).map(|job| (job.pid, job.group, job.state)) {
                Some((pid, group, state)) => {
                    let sent = group.map_or_else(|| sys::kill(pid, signal), |group| sys::kill_group(group, signal));
                    // A stopped job has to go on to end.
                    if state == JobState::Stopped && matches!(signal, 1 | 15 | 18) {
                        shell.resume_in_background(pid);
                    }
                    sent
                }
                None => {
                    shell.error(format_args!("kill: {spec}: no such job"));
                    status = 1;
                    continue;
                }
            }
        } else {
            match spec.parse::<i64>() {
                Ok(0) => sys::get_group(0).and_then(|group| sys::kill_group(group, signal)),
                Ok(pid) if pid < 0 => sys::kill_group(pid.unsigned_abs() as Pid, signal),
                Ok(pid) => sys::kill(pid as Pid, signal),
                Err(_) => {
                    shell.error(format_args!("kill: {spec}: arguments must be process or job IDs"));
                    status = 1;
                    continue;
                }
            }
        };
        if let Err(errno) = sent {
            shell.error(format_args!("kill: ({spec}) - {errno}"));
            status = 1;
        }
    }
    Ok(status)
}

fn list_signals(shell: &mut Shell, specs: &[String]) -> i32 {
    if specs.is_empty() {
        let mut text = String::new();
        for (at, (number, name, _)) in sys::SIGNALS.iter().enumerate() {
            text.push_str(&format!("{number:2}) SIG{name}"));
            text.push(if at % 5 == 4 { '\n' } else { '\t' });
        }
        return shell.print(&format!("{}\n", text.trim_end()));
    }
    let mut status = 0;
    for spec in specs {
        let shown = match spec.parse::<Signal>() {
            Ok(number) => sys::signal_name(if number > 128 { number - 128 } else { number }).map(str::to_owned),
            Err(_) => sys::signal_number(spec).map(|number| number.to_string()),
        };
        match shown {
            Some(text) => drop(shell.print(&format!("{text}\n"))),
            None => {
                shell.error(format_args!("kill: {spec}: invalid signal specification"));
                status = 1;
            }
        }
    }
    status
}

/// Finds the job that `fg` or `bg` means.
fn job_to_continue(shell: &mut Shell, arguments: &[String]) -> Option<Job> {
    let spec = arguments.get(1).cloned().unwrap_or_default();
    let found = shell.jobs.by_spec(&spec).filter(|job| job.is_live()).cloned();
    if found.is_none() {
        let shown = if spec.is_empty() { "current" } else { &spec };
        shell.error(format_args!("{}: {shown}: no such job", arguments[0]));
    }
    found
}

pub fn fg(shell: &mut Shell, arguments: &[String]) -> Flow<i32> {
    let Some(job) = job_to_continue(shell, arguments) else { return Ok(1) };
    shell.print(&format!("{}\n", job.text));
    shell.resume(job)
}

pub fn bg(shell: &mut Shell, arguments: &[String]) -> Flow<i32> {
    let Some(job) = job_to_continue(shell, arguments) else { return Ok(1) };
    shell.resume_in_background(job.pid);
    shell.last_background = Some(job.pid);
    Ok(shell.print(&format!("[{}]+ {} &\n", job.number, job.text)))
}

pub fn disown(shell: &mut Shell, arguments: &[String]) -> Flow<i32> {
    let specs: Vec<String> = arguments[1..].iter().filter(|a| !a.starts_with('-')).cloned().collect();
    if specs.is_empty() {
        shell.jobs.all().clear();
    }
    for spec in specs {
        let pid = match spec.parse::<Pid>() {
            Ok(pid) => Some(pid),
            Err(_) => shell.jobs.by_spec(&spec).map(|job| job.pid),
        };
        shell.jobs.all().retain(|job| Some(job.pid) != pid);
    }
    Ok(0)
}

pub fn suspend(shell: &mut Shell, _: &[String]) -> Flow<i32> {
    match sys::kill(sys::getpid(), 19) {
        Ok(()) => Ok(0),
        Err(errno) => {
            shell.error(format_args!("suspend: {errno}"));
            Ok(1)
        }
    }
}

pub fn trap(shell: &mut Shell, arguments: &[String]) -> Flow<i32> {
    let mut rest = &arguments[1..];
    let mut print = rest.is_empty();
    match rest.first().map(String::as_str) {
        Some("-l") => return Ok(list_signals(shell, &[])),
        Some("-p") => {
            print = true;
            rest = &rest[1..];
        }
        Some("--") => {
            rest = &rest[1..];
            print = rest.is_empty();
        }
        _ => {}
    }
    if print {
        let wanted: Vec<Trap> = rest.iter().filter_map(|name| Trap::parse(name)).collect();
        let mut text = String::new();
        for (trap, command) in &shell.traps {
            if wanted.is_empty() || wanted.contains(trap) {
                text.push_str(&format!("trap -- {} {}\n", escape::single_quote(command), trap.name()));
            }
        }
        return Ok(shell.print(&text));
    }
    // A number first, or only one word, means that the signals get back their default.
    let resets =
        rest[0] == "-" || rest.len() == 1 || rest[0].bytes().all(|b| b.is_ascii_digit()) && !rest[0].is_empty();
    let (command, names) = if resets {
        (None, if rest[0] == "-" { &rest[1..] } else { rest })
    } else {
        (Some(rest[0].clone()), &rest[1..])
    };
    let mut status = 0;
    for name in names {
        match Trap::parse(name) {
            Some(trap) => shell.set_trap(trap, command.as_deref()),
            None => {
                shell.error(format_args!("trap: {name}: invalid signal specification"));
                status = 1;
            }
        }
    }
    Ok(status)
}
