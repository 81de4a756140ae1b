//! Runs the commands.

use super::Settings;
use super::items::Items;
use crate::process;
use std::io::BufRead;
use stillbox_sys::{Errno, Open, Pid, Spawn, Status, WaitFlags};

/// The state of a run.
struct Run<'a> {
    settings: &'a Settings,
    from_stdin: bool,
    running: Vec<Pid>,
    status: i32,
    /// Set when a command said to stop, or could not be run.
    stopped: bool,
}

/// Runs all commands; returns the exit status.
pub fn run(settings: &Settings, mut items: Items, from_stdin: bool) -> i32 {
    let mut run = Run { settings, from_stdin, running: Vec::new(), status: 0, stopped: false };
    let result = if settings.replace.is_some() { run.each_line(&mut items) } else { run.in_groups(&mut items) };
    if let Err(message) = result {
        eprintln!("xargs: {message}");
        run.status = run.status.max(1);
    }
    while !run.running.is_empty() {
        run.wait();
    }
    run.status
}

impl Run<'_> {
    /// Runs a command for each item, which takes the place of the replacement text in it.
    fn each_line(&mut self, items: &mut Items) -> Result<(), String> {
        let replace = self.settings.replace.as_deref().unwrap_or("{}");
        while let Some(item) = items.next()? {
            let args: Vec<String> = self.settings.command.iter().map(|arg| arg.replace(replace, &item.text)).collect();
            if length(&args) > self.settings.max_chars {
                return Err("argument line too long".to_owned());
            }
            self.command(&args);
            if self.stopped {
                break;
            }
        }
        Ok(())
    }

    /// Runs commands with as many items as are allowed.
    fn in_groups(&mut self, items: &mut Items) -> Result<(), String> {
        let settings = self.settings;
        let fixed = length(&settings.command);
        let mut args = settings.command.clone();
        let (mut lines, mut chars, mut ran) = (0, fixed, false);
        while let Some(item) = items.next()? {
            let size = item.text.len() + 1;
            let is_empty = args.len() == settings.command.len();
            if chars + size > settings.max_chars {
                if is_empty {
                    return Err("argument line too long".to_owned());
                }
                if settings.exit_if_long && (settings.max_args.is_some() || settings.max_lines.is_some()) {
                    return Err("argument list too long".to_owned());
                }
                self.command(&args);
                args.truncate(settings.command.len());
                (lines, chars, ran) = (0, fixed, true);
            }
            if self.stopped {
                return Ok(());
            }
            chars += size;
            lines += usize::from(item.ends_line);
            args.push(item.text);
            let count = args.len() - settings.command.len();
            if settings.max_args == Some(count) || settings.max_lines == Some(lines) {
                self.command(&args);
                args.truncate(settings.command.len());
                (lines, chars, ran) = (0, fixed, true);
            }
            if self.stopped {
                return Ok(());
            }
        }
        let has_items = args.len() > settings.command.len();
        if has_items || !(ran || settings.no_run_if_empty) {
            self.command(&args);
        }
        Ok(())
    }

    /// Starts a command when there is room for it.
    fn command(&mut self, args: &[String]) {
        while self.running.len() >= self.settings.max_procs {
            self.wait();
        }
        if self.stopped {
            return;
        }
        if self.settings.verbose {
            eprint!("{}", args.iter().map(|arg| quote(arg)).collect::<Vec<_>>().join(" "));
            if self.settings.ask {
                eprint!(" ?...");
                if !confirmed() {
                    return;
                }
            } else {
                eprintln!();
            }
        }
        let mut spawn = Spawn::new(&args[0]);
        spawn.args(args).search_path(process::search_path());
        if self.settings.open_tty {
            spawn.open(0, "/dev/tty", Open::READ);
        } else if self.from_stdin {
            // The items are ours.
            spawn.open(0, "/dev/null", Open::READ);
        }
        match spawn.spawn() {
            Ok(pid) => self.running.push(pid),
            Err(errno) => {
                let (status, text) = match errno {
                    Errno::NOENT => (127, "No such file or directory".to_owned()),
                    Errno::ACCES => (126, "Permission denied".to_owned()),
                    errno => (126, errno.to_string()),
                };
                eprintln!("xargs: {}: {text}", args[0]);
                self.status = status;
                self.stopped = true;
            }
        }
        if self.settings.max_procs == 1 && !self.running.is_empty() {
            self.wait();
        }
    }

    /// Waits for a command to end, and takes its status into ours.
    fn wait(&mut self) {
        let ended = match stillbox_sys::wait(None, WaitFlags::default()) {
            Ok(ended) => ended,
            Err(Errno::INTR) => return,
            Err(_) => {
                // They are not ours any more; there is nothing to wait for.
                self.running.clear();
                return;
            }
        };
        let Some((pid, status)) = ended else { return };
        if !self.running.contains(&pid) {
            return;
        }
        self.running.retain(|running| *running != pid);
        let program = &self.settings.command[0];
        match status {
            Status::Exited(0) => {}
            Status::Exited(255) => {
                eprintln!("xargs: {program}: exited with status 255; aborting");
                (self.status, self.stopped) = (124, true);
            }
            Status::Exited(_) => self.status = 123,
            Status::Signaled(signal) | Status::Stopped(signal) => {
                eprintln!("xargs: {program}: terminated by signal {signal}");
                (self.status, self.stopped) = (125, true);
            }
        }
    }
}

fn length(args: &[String]) -> usize {
    args.iter().map(|arg| arg.len() + 1).sum()
}

/// Quotes an argument for `-t`, if a shell would need it.
fn quote(arg: &str) -> String {
    let is_plain = !arg.is_empty()
        && arg.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"%+,-./:=@_".contains(&byte) || byte >= 0x80);
    if is_plain { arg.to_owned() } else { format!("'{}'", arg.replace('\'', "'\\''")) }
}

fn confirmed() -> bool {
    let Ok(tty) = std::fs::File::open("/dev/tty") else { return false };
    let mut answer = String::new();
    let read = std::io::BufReader::new(tty).read_line(&mut answer);
    read.is_ok() && answer.starts_with(['y', 'Y'])
}
