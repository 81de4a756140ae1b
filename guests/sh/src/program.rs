//! Running whole programs: texts, files and standard input.

use stillbox_sys as sys;

use crate::editor::{self, Answer};
use crate::input;
use crate::shell::{Flow, Shell, Unwind};
use crate::syntax::{ParseError, Parser};
use crate::text;

impl Shell {
    /// Runs text inside of a running command: `eval`, traps and sourced files. Its errors end only it.
    pub fn run_text(&mut self, source: &str) -> Flow<i32> {
        let name = self.source_name();
        let line = self.line;
        self.trace_level += 1;
        let result = self.run_lines(source, line, &name);
        self.trace_level -= 1;
        result
    }

    /// Runs text, of which the first line has the given number.
    pub fn run_lines(&mut self, source: &str, line: u32, name: &str) -> Flow<i32> {
        let mut parser = Parser::new(source, line, name);
        let mut status = 0;
        loop {
            match parser.next_command() {
                Ok(Some(list)) => status = self.run_list(&list)?,
                Ok(None) => return Ok(status),
                Err(error) => {
                    self.report(&error, source);
                    return Ok(if error.incomplete { 1 } else { 2 });
                }
            }
        }
    }

    /// Runs a whole program and ends the shell.
    pub fn run_program_text(&mut self, source: &str) -> i32 {
        let name = if self.flags.contains('c') { "environment".to_owned() } else { self.arg0.clone() };
        let mut parser = Parser::new(source, 1, &name);
        let result = loop {
            match parser.next_command() {
                Ok(Some(list)) => {
                    if self.options.verbose {
                        let _ = sys::write_all(2, b"");
                    }
                    match self.run_list(&list) {
                        Ok(_) => {}
                        // In `-c` text an error ends everything, in a file only its command.
                        Err(Unwind::Abort(status)) if !self.flags.contains('c') => self.status = status,
                        Err(unwind) => break Err(unwind),
                    }
                }
                Ok(None) => break Ok(self.status),
                Err(error) => {
                    self.report(&error, source);
                    break Err(Unwind::Exit(2));
                }
            }
        };
        self.finish(result)
    }

    fn report(&mut self, error: &ParseError, source: &str) {
        self.line = error.line;
        let prefix = if self.flags.contains('c') && self.calls.is_empty() { "-c: " } else { "" };
        let line = self.line;
        let name = self.source_name();
        let message = |text: &str| {
            let bytes = text::encode(&format!("{name}: {prefix}line {line}: {text}\n"));
            let _ = sys::write_all(2, &bytes);
        };
        message(&error.message);
        if !error.incomplete && error.message.starts_with("syntax error near") {
            let shown = source.lines().nth(error.line as usize - 1).unwrap_or(source);
            message(&format!("`{shown}'"));
        }
    }

    /// Runs a script file and ends the shell.
    pub fn run_script(&mut self, path: &str) -> i32 {
        let found = if sys::mode(text::encode(path), true).is_err() && !path.contains('/') {
            crate::exec::find_in_path(self, path).unwrap_or_else(|| path.to_owned())
        } else {
            path.to_owned()
        };
        match self.read_file(&found) {
            Ok(source) => {
                self.arg0 = path.to_owned();
                self.run_program_text(&source)
            }
            Err((message, status)) => {
                let _ = sys::write_all(2, &text::encode(&format!("{}: {path}: {message}\n", self.arg0)));
                status
            }
        }
    }

    /// Reads a file of commands; the error is a message and a status.
    pub fn read_file(&mut self, path: &str) -> Result<String, (String, i32)> {
        if sys::mode(text::encode(path), true).is_ok_and(|m| m & sys::file_type::MASK == sys::file_type::DIR) {
            return Err(("Is a directory".to_owned(), 126));
        }
        let fd = sys::open(text::encode(path), sys::Open::READ)
            .map_err(|errno| (errno.to_string(), if errno == sys::Errno::NOENT { 127 } else { 126 }))?;
        let content = input::read_all(fd);
        let _ = sys::close(fd);
        if content.starts_with(b"\0asm") || content.starts_with(b"\x7fELF") {
            return Err(("cannot execute binary file".to_owned(), 126));
        }
        Ok(text::decode_vec(content))
    }

    /// Reads commands from standard input, line by line, and runs each as soon as it is complete.
    pub fn run_stdin(&mut self) -> i32 {
        if self.interactive {
            self.take_control();
            self.load_history();
        }
        let name = self.arg0.clone();
        let mut pending = String::new();
        let (mut line, mut first_line) = (1, 1);
        let result = loop {
            let answer = self.next_line(pending.is_empty());
            let end = answer == Answer::End;
            match answer {
                Answer::Interrupted => {
                    self.status = 130;
                    pending.clear();
                    continue;
                }
                Answer::Line(text) => {
                    line += 1;
                    pending.push_str(&text);
                }
                Answer::End if pending.is_empty() => {
                    if self.interactive {
                        let _ = sys::write_all(2, b"exit\n");
                        if self.warn_of_stopped_jobs() {
                            continue;
                        }
                    }
                    break Ok(self.status);
                }
                Answer::End => {}
            }
            let source = std::mem::take(&mut pending);
            let mut parser = Parser::new(&source, first_line, &name);
            parser.interactive = !end;
            let was_warned = self.warned;
            let outcome = loop {
                let start = parser.position();
                match parser.next_command() {
                    Ok(Some(list)) => match self.run_list(&list) {
                        Ok(_) => {}
                        Err(Unwind::Abort(status)) => self.status = status,
                        Err(unwind) => break Err(unwind),
                    },
                    Ok(None) => break Ok(()),
                    Err(error) if error.incomplete && !end => {
                        source[start..].clone_into(&mut pending);
                        break Ok(());
                    }
                    Err(error) => {
                        self.report(&error, &source);
                        self.status = 2;
                        if !self.interactive {
                            break Err(Unwind::Exit(2));
                        }
                        break Ok(());
                    }
                }
            };
            if pending.is_empty() {
                first_line = line;
                self.warned &= !was_warned;
            }
            match outcome {
                Ok(()) | Err(Unwind::Break(_) | Unwind::Continue(_) | Unwind::Return(_)) => {}
                Err(unwind) => break Err(unwind),
            }
        };
        self.finish(result)
    }

    /// Reads the next line of commands, its newline included, behind a prompt if there is a user.
    fn next_line(&mut self, first: bool) -> Answer {
        if !self.interactive {
            return input::read_line(0).map_or(Answer::End, Answer::Line);
        }
        self.report_jobs();
        let (name, default) = if first { ("PS1", "\\s-\\v\\$ ") } else { ("PS2", "> ") };
        if let Some((terminal, modes)) = self.terminal_to_edit_on() {
            let source = self.get(name).unwrap_or_else(|| default.to_owned());
            let prompt = self.prompt(&source);
            let answer = editor::read(self, terminal, modes, &prompt);
            self.note_size(terminal);
            return match answer {
                Answer::Line(line) => Answer::Line(line + "\n"),
                answer => answer,
            };
        }
        self.show_prompt(name, default);
        self.read_typed_line()
    }

    /// Returns the terminal, if commands are typed there and it can be drawn on.
    fn terminal_to_edit_on(&mut self) -> Option<(sys::Fd, sys::TtyModes)> {
        let is_dumb = self.get("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
        let control = self.control.as_ref().filter(|_| !is_dumb && sys::isatty(0) && sys::isatty(2))?;
        Some((control.terminal, control.modes))
    }

    /// Puts the terminal's size, which may have changed, into the variables that tell it.
    fn note_size(&mut self, terminal: sys::Fd) {
        let Some(size) = sys::tty_size(terminal).ok().filter(|_| self.shopts.checkwinsize) else { return };
        for (name, value) in [("LINES", size.rows), ("COLUMNS", size.cols)] {
            if !self.vars.get(name).is_some_and(|variable| variable.attributes.readonly) {
                // What can still fail is what the user has made of the variable, a number too large for it for example.
                let _ = self.set(name, &value.to_string());
            }
        }
    }

    /// Reads a line that somebody else edits.
    fn read_typed_line(&mut self) -> Answer {
        let mut reader = input::LineReader::new(0);
        let mut line = Vec::new();
        loop {
            match reader.next() {
                Ok(Some(byte)) => {
                    line.push(byte);
                    if byte == b'\n' {
                        break;
                    }
                }
                Err(sys::Errno::INTR) => {
                    if sys::take_pending_signals().any(|signal| signal == 2) {
                        let _ = sys::write_all(2, b"\n");
                        return Answer::Interrupted;
                    }
                }
                Ok(None) | Err(_) => break,
            }
        }
        reader.give_back();
        if line.is_empty() { Answer::End } else { Answer::Line(text::decode_vec(line)) }
    }

    /// Remembers what was typed in earlier shells, and says where what is typed in this one is kept.
    fn load_history(&mut self) {
        let path = self.get("HISTFILE").or_else(|| self.get("HOME").map(|home| format!("{home}/.sh_history")));
        if let (Some(path), true) = (path.filter(|path| !path.is_empty()), self.control.is_some()) {
            self.history.load(path);
        }
    }

    /// Tells the user once of stopped jobs, which end with the shell.
    pub fn warn_of_stopped_jobs(&mut self) -> bool {
        if self.warned || !self.jobs.has_stopped() {
            return false;
        }
        let _ = sys::write_all(2, b"There are stopped jobs.\n");
        self.warned = true;
        true
    }

    /// Sources the profile of a login shell.
    pub fn source_profile(&mut self, skip: bool) {
        if skip {
            return;
        }
        let home = self.get("HOME").unwrap_or_default();
        for path in ["/etc/profile".to_owned(), format!("{home}/.profile")] {
            if let Ok(source) = self.read_file(&path) {
                // A profile that fails does not keep the shell from starting.
                let _ = self.run_lines(&source, 1, &path);
            }
        }
    }
}
