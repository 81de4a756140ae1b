//! Running whole programs: texts, files and standard input.

use stillbox_sys as sys;

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
            // The terminal's interrupt ends the line that is typed, not the shell.
            let _ = sys::signal_action(2, sys::Disposition::Catch);
            let _ = sys::signal_action(15, sys::Disposition::Ignore);
        }
        let name = self.arg0.clone();
        let mut pending = String::new();
        let (mut line, mut first_line) = (1, 1);
        let result = loop {
            if self.interactive {
                self.report_jobs();
                let (prompt, default) = if pending.is_empty() { ("PS1", "\\s-\\v\\$ ") } else { ("PS2", "> ") };
                self.show_prompt(prompt, default);
            }
            let read = self.read_command_line();
            let end = read.is_none();
            match read {
                Some(None) => {
                    pending.clear();
                    continue;
                }
                Some(Some(text)) => {
                    line += 1;
                    pending.push_str(&text);
                }
                None if pending.is_empty() => {
                    if self.interactive {
                        let _ = sys::write_all(2, b"exit\n");
                    }
                    break Ok(self.status);
                }
                None => {}
            }
            let source = std::mem::take(&mut pending);
            let mut parser = Parser::new(&source, first_line, &name);
            parser.interactive = !end;
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
            }
            match outcome {
                Ok(()) | Err(Unwind::Break(_) | Unwind::Continue(_) | Unwind::Return(_)) => {}
                Err(unwind) => break Err(unwind),
            }
        };
        self.finish(result)
    }

    /// Reads a line of commands. `None` is the end, and `Some(None)` an interrupt.
    fn read_command_line(&mut self) -> Option<Option<String>> {
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
                Ok(None) => break,
                Err(sys::Errno::INTR) => {
                    let interrupted = self.interactive && sys::take_pending_signals().any(|signal| signal == 2);
                    if interrupted {
                        let _ = sys::write_all(2, b"\n");
                        self.status = 130;
                        return Some(None);
                    }
                }
                Err(_) => break,
            }
        }
        reader.give_back();
        (!line.is_empty()).then(|| Some(text::decode_vec(line)))
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
