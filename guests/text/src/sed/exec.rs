//! Runs a script over the lines.

use super::command::{Action, Address, Command, Pattern, RangeEnd, Script, Selector};
use super::streams::{Files, Named, Sink};
use super::{Settings, substitute};
use crate::io::Output;
use crate::process;
use crate::regex::Regex;
use std::rc::Rc;

/// Where a command's range of lines stands.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Range {
    #[default]
    Outside,
    /// Inside, up to this line if it is known.
    Inside(Option<u64>),
    /// Over, and a line number does not come again.
    Closed,
}

/// What waits for the end of the cycle.
enum Queued {
    Text(Vec<u8>),
    Line(Vec<u8>, bool),
}

/// How the run goes on after a command.
enum Flow {
    Next,
    Goto(usize),
    /// The end of the script: prints the pattern space.
    EndCycle,
    /// The next cycle, without printing.
    NewCycle,
    /// The next cycle, with what is left in the pattern space in the place of a new line.
    Restart,
    Quit(i32),
}

/// The state of a run.
pub struct Machine<'a> {
    script: &'a Script,
    settings: &'a Settings,
    files: Files,
    named: Named,
    stdout: Sink,
    outputs: Vec<Sink>,
    pattern: Vec<u8>,
    hold: Vec<u8>,
    /// Whether the line in the pattern space had its end.
    finished: bool,
    hold_finished: bool,
    replaced: bool,
    queue: Vec<Queued>,
    ranges: Vec<Range>,
    last_regex: Option<Rc<Regex>>,
    scratch: Vec<u8>,
}

/// Stops the run with a message.
type Stop = String;

impl<'a> Machine<'a> {
    /// Returns a machine that has read nothing; fails if an output can't be opened.
    pub fn new(script: &'a Script, settings: &'a Settings, files: Files) -> Result<Machine<'a>, Stop> {
        let mut outputs = Vec::new();
        for name in &script.outputs {
            outputs.push(Sink::new(match name.as_str() {
                // Written through the machine's own standard output, so that the order is kept.
                "/dev/stdout" => Output::stdout(),
                "/dev/stderr" => Output::stderr(),
                name => Output::file(
                    std::fs::File::create(name)
                        .map_err(|error| format!("couldn't open file {name}: {}", crate::io::message(&error)))?,
                ),
            }));
        }
        let mut stdout = Output::stdout();
        if settings.unbuffered {
            stdout.set_unbuffered();
        }
        Ok(Machine {
            script,
            settings,
            files,
            named: Named::default(),
            stdout: Sink::new(stdout),
            outputs,
            pattern: Vec::new(),
            hold: Vec::new(),
            finished: true,
            hold_finished: true,
            replaced: false,
            queue: Vec::new(),
            ranges: vec![Range::default(); script.commands.len()],
            last_regex: None,
            scratch: Vec::new(),
        })
    }

    /// Runs to the end; returns the exit status.
    pub fn run(&mut self) -> Result<i32, Stop> {
        let mut status = 0;
        let mut restart = false;
        while restart || self.read() {
            restart = false;
            let flow = self.cycle()?;
            if matches!(flow, Flow::EndCycle | Flow::Quit(_)) && !self.settings.quiet {
                self.print_pattern();
            }
            self.dump_queue();
            match flow {
                Flow::Quit(code) => {
                    status = code;
                    break;
                }
                Flow::Restart => restart = true,
                _ => {}
            }
        }
        self.files.finish();
        self.stdout.flush();
        self.outputs.iter_mut().for_each(Sink::flush);
        Ok(if status == 0 && self.files.failed { 2 } else { status })
    }

    fn end(&self) -> u8 {
        self.settings.line_end
    }

    fn read(&mut self) -> bool {
        let mut line = std::mem::take(&mut self.pattern);
        let read = self.files.read_line(&mut line);
        self.pattern = line;
        self.replaced = false;
        self.after_read(read)
    }

    fn after_read(&mut self, read: Option<bool>) -> bool {
        if std::mem::take(&mut self.files.began_file) && (self.settings.separate) {
            self.ranges.fill(Range::default());
        }
        self.finished = read.unwrap_or(true);
        read.is_some()
    }

    fn sink(&mut self) -> &mut Sink {
        match self.files.edited() {
            Some(sink) => sink,
            None => &mut self.stdout,
        }
    }

    fn print_pattern(&mut self) {
        let (text, end, finished) = (std::mem::take(&mut self.pattern), self.end(), self.finished);
        self.sink().line(&text, end, finished);
        self.pattern = text;
    }

    fn print_line(&mut self, text: &[u8]) {
        let end = self.end();
        self.sink().line(text, end, true);
    }

    fn write_line(&mut self, output: usize, text: &[u8], finished: bool) {
        let end = self.end();
        if self.script.outputs[output] == "/dev/stdout" {
            self.stdout.line_of(&mut self.outputs[output], text, end, finished);
        } else {
            self.outputs[output].line(text, end, finished);
            // Another command may read the file while we run.
            self.outputs[output].flush();
        }
    }

    fn dump_queue(&mut self) {
        let end = self.end();
        for queued in std::mem::take(&mut self.queue) {
            match queued {
                // Even a file that is not there ends the line before it.
                Queued::Text(text) => self.sink().write(&text, end),
                Queued::Line(text, finished) => self.sink().line(&text, end, finished),
            }
        }
    }

    fn cycle(&mut self) -> Result<Flow, Stop> {
        let script = self.script;
        let mut at = 0;
        while let Some(command) = script.commands.get(at) {
            let selected = match &command.selector {
                Some(selector) => self.selects(at, selector)? != command.negated,
                None => !command.negated,
            };
            if !selected {
                at = if let Action::Block(end) = command.action { end + 1 } else { at + 1 };
                continue;
            }
            match self.execute(at, command)? {
                Flow::Next => at += 1,
                Flow::Goto(target) => at = target,
                flow => return Ok(flow),
            }
        }
        Ok(Flow::EndCycle)
    }

    fn selects(&mut self, index: usize, selector: &Selector) -> Result<bool, Stop> {
        let Some(end) = &selector.end else {
            return self.is_at(&selector.first);
        };
        let line = self.files.line_number;
        let state = match (self.ranges[index], &selector.first) {
            (Range::Outside, Address::Zero) => Range::Inside(None),
            (state, _) => state,
        };
        if let Range::Inside(until) = state {
            let (inside, over) = match (until, end) {
                (Some(until), _) => (line <= until, line >= until),
                (None, RangeEnd::Pattern(pattern)) => (true, self.pattern_matches(pattern)?),
                (None, _) => (true, self.files.is_last_line()),
            };
            let numbered = matches!(selector.first, Address::Line(_) | Address::Zero);
            self.ranges[index] = match (over, numbered) {
                (false, _) => Range::Inside(until),
                (true, true) => Range::Closed,
                (true, false) => Range::Outside,
            };
            if inside || numbered {
                return Ok(inside);
            }
        }
        if self.ranges[index] == Range::Closed || !self.is_at(&selector.first)? {
            return Ok(false);
        }
        let until = match end {
            RangeEnd::Line(last) => Some(*last),
            RangeEnd::Lines(count) => Some(line.saturating_add(*count)),
            RangeEnd::Multiple(step) => Some(if *step == 0 { line } else { line.next_multiple_of(*step) }),
            RangeEnd::Last if self.files.is_last_line() => Some(line),
            RangeEnd::Last | RangeEnd::Pattern(_) => None,
        };
        // A range that ends where it starts, or before, is one line.
        if until.is_none_or(|until| until > line) {
            self.ranges[index] = Range::Inside(until);
        }
        Ok(true)
    }

    fn is_at(&mut self, address: &Address) -> Result<bool, Stop> {
        let line = self.files.line_number;
        Ok(match address {
            Address::Line(wanted) => line == *wanted,
            Address::Step(first, 0) => line == *first,
            Address::Step(first, step) => line >= *first && (line - first).is_multiple_of(*step),
            Address::Last => self.files.is_last_line(),
            Address::Pattern(pattern) => self.pattern_matches(pattern)?,
            Address::Zero => false,
        })
    }

    /// Returns the pattern, or the one used last if it is empty, and remembers it.
    fn regex(&mut self, pattern: &Pattern) -> Result<Rc<Regex>, Stop> {
        if let Some(regex) = pattern {
            self.last_regex = Some(Rc::clone(regex));
        }
        self.last_regex.clone().ok_or_else(|| "no previous regular expression".to_owned())
    }

    fn pattern_matches(&mut self, pattern: &Pattern) -> Result<bool, Stop> {
        Ok(self.regex(pattern)?.is_match(&self.pattern))
    }

    fn execute(&mut self, index: usize, command: &Command) -> Result<Flow, Stop> {
        let end = self.end();
        match &command.action {
            Action::Block(_) | Action::Nothing => {}
            Action::Append(text) => self.queue.push(Queued::Text(text.clone())),
            Action::Insert(text) => self.sink().write(text, end),
            Action::Change(text) => {
                if command.negated || !matches!(self.ranges[index], Range::Inside(_)) {
                    self.sink().write(text, end);
                }
                return Ok(Flow::NewCycle);
            }
            Action::Branch(target) => return Ok(target.map_or(Flow::EndCycle, Flow::Goto)),
            Action::BranchIf(target) => {
                if std::mem::take(&mut self.replaced) {
                    return Ok(target.map_or(Flow::EndCycle, Flow::Goto));
                }
            }
            Action::BranchUnless(target) => {
                if !std::mem::take(&mut self.replaced) {
                    return Ok(target.map_or(Flow::EndCycle, Flow::Goto));
                }
            }
            Action::Delete => return Ok(Flow::NewCycle),
            Action::DeleteFirst => {
                let Some(line) = memchr::memchr(end, &self.pattern) else { return Ok(Flow::NewCycle) };
                self.pattern.drain(..=line);
                return Ok(Flow::Restart);
            }
            Action::Execute(shell_command) if shell_command.is_empty() => {
                self.pattern = self.run_shell(&self.pattern.clone())?;
                self.pattern.pop_if(|last| *last == end);
            }
            Action::Execute(shell_command) => {
                let output = self.run_shell(shell_command)?;
                self.sink().write(&output, end);
            }
            Action::FileName => {
                let name = self.files.name().as_bytes().to_vec();
                self.print_line(&name);
            }
            Action::Get => {
                self.pattern.clone_from(&self.hold);
                self.finished = self.hold_finished;
            }
            Action::GetAppend => {
                self.finished = self.hold_finished;
                self.pattern.push(end);
                self.pattern.extend_from_slice(&self.hold);
            }
            Action::Hold => {
                self.hold.clone_from(&self.pattern);
                self.hold_finished = self.finished;
            }
            Action::HoldAppend => {
                self.hold_finished = self.finished;
                self.hold.push(end);
                self.hold.extend_from_slice(&self.pattern);
            }
            Action::Exchange => {
                std::mem::swap(&mut self.pattern, &mut self.hold);
                std::mem::swap(&mut self.finished, &mut self.hold_finished);
            }
            Action::List(width) => {
                let listed = list(&self.pattern, width.unwrap_or(self.settings.list_width));
                self.sink().write(&listed, end);
            }
            Action::Next => {
                if self.files.is_at_end() {
                    return Ok(Flow::EndCycle);
                }
                if !self.settings.quiet {
                    self.print_pattern();
                }
                self.dump_queue();
                let mut line = std::mem::take(&mut self.pattern);
                let read = self.files.read_line(&mut line);
                self.pattern = line;
                self.after_read(read);
            }
            Action::NextAppend => {
                if self.files.is_at_end() {
                    return Ok(Flow::EndCycle);
                }
                self.dump_queue();
                let mut line = std::mem::take(&mut self.scratch);
                let read = self.files.read_line(&mut line);
                self.pattern.push(end);
                self.pattern.extend_from_slice(&line);
                self.scratch = line;
                self.after_read(read);
            }
            Action::Print => self.print_pattern(),
            Action::PrintFirst => {
                let line = first_line(&self.pattern, end).to_vec();
                self.print_line(&line);
            }
            Action::Quit(code) => return Ok(Flow::Quit(*code)),
            Action::QuitSilently(code) => {
                self.queue.clear();
                self.files.finish();
                self.stdout.flush();
                self.outputs.iter_mut().for_each(Sink::flush);
                std::process::exit(*code);
            }
            Action::ReadFile(name) => {
                let text = self.named.read_all(name);
                self.queue.push(Queued::Text(text));
            }
            Action::ReadLine(name) => {
                let mut line = Vec::new();
                if let Some(finished) = self.named.read_line(name, &mut line, end) {
                    self.queue.push(Queued::Line(line, finished));
                }
            }
            Action::Substitute(command) => {
                let regex = self.regex(&command.pattern)?;
                let mut result = std::mem::take(&mut self.scratch);
                if substitute::apply(command, &regex, &self.pattern, &mut result) {
                    std::mem::swap(&mut self.pattern, &mut result);
                    self.replaced = true;
                    if command.evaluate {
                        self.pattern = self.run_shell(&self.pattern.clone())?;
                        self.pattern.pop_if(|last| *last == end);
                    }
                    if command.print {
                        self.print_pattern();
                    }
                    if let Some(output) = command.write {
                        let line = self.pattern.clone();
                        self.write_line(output, &line, self.finished);
                    }
                }
                self.scratch = result;
            }
            Action::Write(output) => {
                let line = self.pattern.clone();
                self.write_line(*output, &line, self.finished);
            }
            Action::WriteFirst(output) => {
                let line = first_line(&self.pattern, end).to_vec();
                self.write_line(*output, &line, true);
            }
            Action::Translate(table) => table.apply(&mut self.pattern),
            Action::Zap => self.pattern.clear(),
            Action::LineNumber => {
                let number = format!("{}\n", self.files.line_number);
                self.sink().write(number.as_bytes(), end);
            }
        }
        Ok(Flow::Next)
    }

    fn run_shell(&mut self, command: &[u8]) -> Result<Vec<u8>, Stop> {
        self.stdout.flush();
        process::output_of(command).map_err(|error| format!("couldn't run the command: {error}"))
    }
}

fn first_line(text: &[u8], end: u8) -> &[u8] {
    &text[..memchr::memchr(end, text).unwrap_or(text.len())]
}

/// Returns `text` as `l` shows it, in lines of at most `width` characters (0 and 1: of any length).
fn list(text: &[u8], width: usize) -> Vec<u8> {
    let mut result = Vec::new();
    let mut column = 0;
    for &byte in text {
        let shown = match byte {
            b'\\' => "\\\\".to_owned(),
            7 => "\\a".to_owned(),
            8 => "\\b".to_owned(),
            12 => "\\f".to_owned(),
            b'\n' => "\\n".to_owned(),
            b'\r' => "\\r".to_owned(),
            b'\t' => "\\t".to_owned(),
            11 => "\\v".to_owned(),
            b' '..=b'~' => char::from(byte).to_string(),
            byte => format!("\\{byte:03o}"),
        };
        if width > 1 && column + shown.len() > width - 1 {
            result.extend_from_slice(b"\\\n");
            column = 0;
        }
        column += shown.len();
        result.extend_from_slice(shown.as_bytes());
    }
    result.extend_from_slice(b"$\n");
    result
}
