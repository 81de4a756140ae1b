//! `timeout`: runs a command and signals it when it takes too long.

use std::time::{Duration, Instant};

use stillbox_sys::{Disposition, Errno, Pid, Signal, Status, WaitFlags, signal_action, signal_name, signal_number};
use stillbox_tools::getopt::Getopt;
use stillbox_tools::human::parse_duration;
use stillbox_tools::process::{command, not_started};
use stillbox_tools::program::{Failure, Outcome, warn};

const KILL: Signal = 9;
const TERM: Signal = 15;
const CHLD: Signal = 17;
const CONT: Signal = 18;

const LONG: [(&str, &str); 5] = [
    ("signal=", "s"),
    ("kill-after=", "k"),
    ("preserve-status", "preserve"),
    ("foreground", "foreground"),
    ("verbose", "v"),
];

struct Plan {
    signal: Signal,
    kill_after: Duration,
    preserve_status: bool,
    foreground: bool,
    verbose: bool,
    command: String,
}

pub fn main(args: &[String]) -> Outcome {
    let mut options = Getopt::new(args, "+s:k:v", &LONG).usage_status(125);
    let mut plan = Plan {
        signal: TERM,
        kill_after: Duration::ZERO,
        preserve_status: false,
        foreground: false,
        verbose: false,
        command: String::new(),
    };
    let duration = |text: &str| {
        parse_duration(text).ok_or_else(|| Failure::usage(125, format_args!("invalid time interval '{text}'")))
    };
    while let Some((key, value)) = options.next_option()? {
        let value = value.unwrap_or_default();
        match key {
            "s" => {
                plan.signal = signal_number(&value)
                    .ok_or_else(|| Failure::usage(125, format_args!("'{value}': invalid signal")))?;
            }
            "k" => plan.kill_after = duration(&value)?,
            "preserve" => plan.preserve_status = true,
            "foreground" => plan.foreground = true,
            _ => plan.verbose = true,
        }
    }
    let operands = options.operands();
    let limit = match operands.as_slice() {
        [] => return Err(Failure::usage(125, "missing operand")),
        [_] => return Err(Failure::usage(125, "missing operand")),
        [limit, ..] => duration(limit)?,
    };
    let argv = &operands[1..];
    plan.command = argv[0].clone();
    if !plan.foreground {
        // A group of its own, so that the signal reaches what the command starts; it is the group's last user anyway
        // when this fails.
        let _ = stillbox_sys::set_group(0, 0);
    }
    // An ended child interrupts the sleep. Nothing is lost when the signal comes just before: the sleep is short.
    for signal in [CHLD, TERM, 1, 2, 3] {
        let _ = signal_action(signal, Disposition::Catch);
    }
    let mut spawn = command(argv);
    for signal in [CHLD, TERM, 1, 2, 3] {
        spawn.signal(signal, Disposition::Default);
    }
    let child = spawn.spawn().map_err(|errno| not_started(&argv[0], errno))?;
    let status = watch(&plan, child, limit)?;
    Ok(status)
}

/// The longest sleep between looks at the child, in case its signal came just before.
const LOOK: Duration = Duration::from_millis(50);

fn watch(plan: &Plan, child: Pid, limit: Duration) -> Outcome {
    let mut deadline = (limit > Duration::ZERO).then(|| Instant::now().checked_add(limit)).flatten();
    let mut timed_out = false;
    let mut signal = plan.signal;
    let mut pause = Duration::from_millis(1);
    loop {
        // Without a deadline ahead a signal interrupts the wait, so that it can block.
        let flags = WaitFlags { no_block: deadline.is_some(), stopped: false };
        match stillbox_sys::wait(Some(child), flags) {
            Ok(Some((_, status))) => return Ok(finish(plan, status, timed_out, signal)),
            Ok(None) | Err(Errno::INTR) => {}
            Err(errno) => return Err(Failure::new(125, format_args!("error waiting for command: {errno}"))),
        }
        for received in stillbox_sys::take_pending_signals() {
            if received != CHLD && !(timed_out && received == plan.signal) {
                send(plan, child, received);
            }
        }
        let Some(end) = deadline else { continue };
        let now = Instant::now();
        if now < end {
            let _ = stillbox_sys::sleep(pause.min(end - now));
            pause = (pause * 2).min(LOOK);
            continue;
        }
        send(plan, child, signal);
        // The second time it is for good.
        deadline = None;
        if !timed_out && plan.kill_after > Duration::ZERO {
            deadline = now.checked_add(plan.kill_after);
        }
        if timed_out || signal == KILL {
            deadline = None;
        } else if deadline.is_some() {
            signal = KILL;
        }
        timed_out = true;
    }
}

fn send(plan: &Plan, child: Pid, signal: Signal) {
    if plan.verbose {
        let name = signal_name(signal).unwrap_or_default();
        warn(format_args!("sending signal {name} to command '{}'", plan.command));
    }
    let _ = stillbox_sys::kill(child, signal);
    if !plan.foreground && signal != KILL {
        // The group's other members get it too, and this process, which must survive it.
        let _ = signal_action(signal, Disposition::Ignore);
        let _ = stillbox_sys::kill_group(stillbox_sys::getpid(), signal);
        let _ = stillbox_sys::kill(child, CONT);
    }
}

fn finish(plan: &Plan, status: Status, timed_out: bool, signal: Signal) -> i32 {
    let killed = matches!(status, Status::Signaled(KILL));
    match status {
        _ if timed_out && killed && (signal == KILL || plan.signal == KILL) => 137,
        _ if timed_out && !plan.preserve_status => 124,
        status => status.code(),
    }
}
