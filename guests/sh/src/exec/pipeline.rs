//! Pipelines and background commands.

use std::time::Instant;

use stillbox_sys::{self as sys, Fd, Pid, Usage, WaitFlags};

use crate::shell::{Flow, Shell, Unwind};
use crate::subshell::Needs;
use crate::syntax::ast::{AndOr, Command, Item, Pipeline, Timed};

/// How much a pipe takes without a reader.
const PIPE_ROOM: usize = 4096;

/// Is an element of a pipeline that has been started.
enum Started {
    Process(Pid),
    /// It ran in this process; its output is still to be written.
    Output {
        bytes: Vec<u8>,
        to: Fd,
        status: i32,
    },
    Done(i32),
}

/// Returns the processor time of the shell and of what it has run.
fn used() -> Usage {
    let times = sys::cpu_times().unwrap_or_default();
    times.own + times.children
}

fn report_time(format: Timed, real: f64, used: Usage) {
    let [user, system] = [used.user, used.system].map(|nanoseconds| nanoseconds as f64 / 1e9);
    let text = match format {
        Timed::Posix => format!("real {real:.2}\nuser {user:.2}\nsys {system:.2}\n"),
        Timed::Bash => format!("\nreal\t{}\nuser\t{}\nsys\t{}\n", minutes(real), minutes(user), minutes(system)),
    };
    // A closed file 2 is the user's wish.
    let _ = sys::write_all(2, text.as_bytes());
}

/// Returns a time as `time` and `times` show it.
pub fn minutes(seconds: f64) -> String {
    format!("{}m{:.3}s", (seconds / 60.0) as u64, seconds % 60.0)
}

impl Shell {
    pub(super) fn run_pipeline(&mut self, pipeline: &Pipeline) -> Flow<i32> {
        let start = pipeline.timed.map(|format| (format, Instant::now(), used()));
        let (result, group) = self.in_job(|shell| shell.run_commands(pipeline));
        if let Some((pid, status)) = self.death.take() {
            self.report_death(pid, status, pipeline);
        }
        if let Some((format, start, before)) = start {
            report_time(format, start.elapsed().as_secs_f64(), used() - before);
        }
        self.end_foreground(group, || crate::syntax::pipeline_text(pipeline))?;
        let status = result?;
        Ok(if pipeline.negated { (status == 0).into() } else { status })
    }

    fn run_commands(&mut self, pipeline: &Pipeline) -> Flow<i32> {
        match pipeline.commands.as_slice() {
            [] => Ok(0),
            [command] => {
                let result = self.run_command(command);
                if let Ok(status) = result
                    && !matches!(command, Command::Compound(_))
                {
                    self.pipe_status = vec![status];
                }
                result
            }
            commands => self.run_pipes(commands),
        }
    }

    fn run_pipes(&mut self, commands: &[Command]) -> Flow<i32> {
        let mut started = Vec::new();
        let result = self.start_pipes(commands, &mut started);
        let mut statuses = Vec::new();
        for element in started {
            statuses.push(self.finish_element(element));
        }
        result?;
        let last = statuses.last().copied().unwrap_or(0);
        let failed = statuses.iter().rev().find(|status| **status != 0).copied().unwrap_or(0);
        self.pipe_status = statuses;
        Ok(if self.options.pipefail { failed } else { last })
    }

    /// Starts every element; the last one runs to its end if it runs in this process.
    fn start_pipes(&mut self, commands: &[Command], started: &mut Vec<Started>) -> Flow<()> {
        let mut input: Option<Fd> = None;
        for (at, command) in commands.iter().enumerate() {
            let last = at + 1 == commands.len();
            let (next, output) = if last {
                (None, None)
            } else {
                match sys::pipe() {
                    Ok((read, write)) => (Some(read), Some(write)),
                    Err(errno) => {
                        self.error(format_args!("pipe error: {errno}"));
                        close_all([input]);
                        return Err(Unwind::Abort(1));
                    }
                }
            };
            let unwritten = matches!(started.first(), Some(Started::Output { .. }));
            let element = self.start_element(command, input, output, at == 0, last, unwritten);
            close_all([input]);
            match element {
                Ok(element) => {
                    if !matches!(element, Started::Output { .. }) {
                        close_all([output]);
                    }
                    started.push(element);
                }
                Err(unwind) => {
                    close_all([output, next]);
                    return Err(unwind);
                }
            }
            input = next;
            // What ran here writes once its reader has been started.
            if at == 1
                && let Some(Started::Output { bytes, to, status }) = started.first_mut()
            {
                let status = if write_ignoring_pipe(*to, bytes) { *status } else { 141 };
                close_all([Some(*to)]);
                started[0] = Started::Done(status);
            }
        }
        Ok(())
    }

    fn start_element(
        &mut self,
        command: &Command,
        input: Option<Fd>,
        output: Option<Fd>,
        first: bool,
        last: bool,
        unwritten: bool,
    ) -> Flow<Started> {
        if let Some(to) = output
            && first
            && self.needs(command) == Needs::Nothing
        {
            let (bytes, status) = self.captured(|shell| shell.run_command(command));
            // What fits in a pipe is written at once; more waits for a reader that is a process.
            if bytes.len() <= PIPE_ROOM {
                return Ok(Started::Done(if write_ignoring_pipe(to, &bytes) { status } else { 141 }));
            }
            return Ok(Started::Output { bytes, to, status });
        }
        let is_external = self.is_external(command);
        self.with_files(input, output, |shell| {
            if is_external && let Command::Simple(simple) = command {
                // Its expansions belong to a process of its own, and change nothing here.
                return shell.in_snapshot(|shell| shell.start_simple(simple)).map(|pid| match pid {
                    Ok(pid) => Started::Process(pid),
                    Err(status) => Started::Done(status),
                });
            }
            // Where jobs have the terminal in turn, this shell can't be part of one.
            if last && !unwritten && shell.control.is_none() && shell.needs(command) != Needs::Process {
                if shell.shopts.lastpipe {
                    return shell.run_command(command).map(Started::Done);
                }
                return Ok(Started::Done(shell.in_subshell(|shell| shell.run_command(command))));
            }
            shell.spawn_subshell(std::slice::from_ref(command)).map(Started::Process)
        })
    }

    fn finish_element(&mut self, element: Started) -> i32 {
        match element {
            Started::Process(pid) => self.wait_foreground(pid),
            Started::Output { bytes, to, status } => {
                let written = write_ignoring_pipe(to, &bytes);
                close_all([Some(to)]);
                if written { status } else { 141 }
            }
            Started::Done(status) => status,
        }
    }

    /// Waits for a child that the user waits for, and returns its status.
    pub fn wait_foreground(&mut self, pid: Pid) -> i32 {
        loop {
            let stopped = self.control.is_some() && self.substituting == 0;
            match sys::wait(Some(pid), WaitFlags { no_block: false, stopped }) {
                Ok(Some((pid, status))) => {
                    self.note_foreground(pid, status);
                    self.death = Some((pid, status));
                    return status.code();
                }
                // Traps run once the command has ended.
                Err(sys::Errno::INTR) | Ok(None) => {}
                Err(_) => return 127,
            }
        }
    }

    /// Starts `list &`.
    pub(super) fn start_background(&mut self, and_or: &AndOr) -> Flow<i32> {
        let alone = match (and_or.first.commands.as_slice(), and_or.rest.is_empty(), and_or.first.negated) {
            ([Command::Simple(simple)], true, false) if self.is_external(&and_or.first.commands[0]) => Some(simple),
            _ => None,
        };
        let null = if self.interactive { None } else { sys::open("/dev/null", sys::Open::READ).ok() };
        let text = crate::syntax::and_or_text(and_or);
        let (started, group) = self.in_job(|shell| {
            shell.with_files(null, None, |shell| match alone {
                Some(simple) => {
                    let simple = simple.clone();
                    shell.in_snapshot(|shell| shell.start_background_simple(&simple))
                }
                None => {
                    let item = Item { and_or: and_or.clone(), background: false };
                    shell.spawn_subshell_list(&vec![item], true).map(Ok)
                }
            })
        });
        close_all([null]);
        match started? {
            Ok(pid) => {
                let number = self.jobs.add(pid, group.leader(), text);
                self.last_background = Some(pid);
                if self.interactive {
                    let _ = sys::write_all(2, format!("[{number}] {pid}\n").as_bytes());
                }
                Ok(0)
            }
            // The command could not be started, which only its status tells.
            Err(status) => {
                let pid = self.jobs.add_finished(status, text);
                self.last_background = Some(pid);
                Ok(0)
            }
        }
    }

    /// Runs something with other files as 0 and 1.
    pub fn with_files<T>(
        &mut self,
        input: Option<Fd>,
        output: Option<Fd>,
        run: impl FnOnce(&mut Shell) -> Flow<T>,
    ) -> Flow<T> {
        let mut undo = crate::redirect::Undo::default();
        for (fd, to) in [(input, 0), (output, 1)] {
            if let Some(fd) = fd {
                self.save_file(to, &mut undo);
                if let Err(errno) = sys::dup2(fd, to) {
                    self.error(errno);
                }
            }
        }
        let result = run(self);
        self.undo(undo);
        result
    }
}

fn close_all(fds: impl IntoIterator<Item = Option<Fd>>) {
    for fd in fds.into_iter().flatten() {
        // It is this shell's own, so it is open.
        let _ = sys::close(fd);
    }
}

/// Writes to a pipe whose reader may be gone; false says that it was.
fn write_ignoring_pipe(to: Fd, bytes: &[u8]) -> bool {
    const PIPE: sys::Signal = 13;
    if bytes.is_empty() {
        return true;
    }
    let _ = sys::signal_action(PIPE, sys::Disposition::Ignore);
    let written = sys::write_all(to, bytes) != Err(sys::Errno::PIPE);
    let _ = sys::signal_action(PIPE, sys::Disposition::Default);
    written
}
