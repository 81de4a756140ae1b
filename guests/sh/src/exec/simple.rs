//! Simple commands: assignments, functions, builtins and programs.

use crate::builtins::{self, Declared, DeclaredValue};
use crate::escape;
use crate::shell::{Flow, Shell, Unwind};
use crate::syntax::ast::{Argument, AssignedValue, Assignment, Element, Simple};
use crate::trap::Trap;
use crate::variables::Value;

impl Shell {
    pub(super) fn run_simple(&mut self, simple: &Simple) -> Flow<i32> {
        self.line = simple.line;
        if self.traps.contains_key(&Trap::Debug) {
            self.run_trap(Trap::Debug)?;
        }
        self.substitution_status = None;
        let opened = self.substitutions.len();
        let result = self.run_expanded(simple);
        self.close_substitutions(opened);
        result
    }

    fn run_expanded(&mut self, simple: &Simple) -> Flow<i32> {
        if let Some(Argument::Word(word)) = simple.words.first()
            && let Some(name) = word.as_literal()
            && (builtins::is_declaration(name) || matches!(name, "command" | "builtin"))
            && let Some(result) = self.run_declaration(simple)
        {
            return result;
        }
        let arguments = self.expand_arguments(&simple.words)?;
        let Some(name) = arguments.first().cloned() else { return self.run_assignments(simple) };
        if let Some(function) = self.functions.get(&name).cloned() {
            return self.around(simple, &arguments, |shell| shell.call_function(&function, &arguments));
        }
        if name == "exec" {
            return self.run_exec(simple, &arguments);
        }
        if let Some(builtin) = builtins::find(&name) {
            let last = arguments.last().cloned().unwrap_or_default();
            let result = self.around(simple, &arguments, |shell| builtin(shell, &arguments));
            self.last_argument = last;
            return result;
        }
        self.run_program(simple, &name, &arguments)
    }

    fn run_program(&mut self, simple: &Simple, name: &str, arguments: &[String]) -> Flow<i32> {
        let launched = self.around(simple, arguments, |shell| {
            Ok(match shell.launch(name, arguments, false)? {
                Ok(pid) => shell.wait_foreground(pid),
                Err(status) => status,
            })
        });
        self.last_argument = arguments.last().cloned().unwrap_or_default();
        launched
    }

    /// Runs something with the redirections and temporary assignments of a command.
    fn around(
        &mut self,
        simple: &Simple,
        arguments: &[String],
        run: impl FnOnce(&mut Shell) -> Flow<i32>,
    ) -> Flow<i32> {
        let undo = match self.apply_redirects(&simple.redirects)? {
            Ok(undo) => undo,
            Err(status) => return Ok(status),
        };
        let temporary = !simple.assignments.is_empty();
        let result = if temporary {
            self.vars.push_frame();
            let assigned = self.assign_temporarily(&simple.assignments);
            self.trace(&simple.assignments, arguments);
            let result = assigned.and_then(|()| run(self));
            self.vars.pop_frame();
            result
        } else {
            self.trace(&[], arguments);
            run(self)
        };
        self.undo(undo);
        result
    }

    pub(super) fn expand_arguments(&mut self, words: &[Argument]) -> Flow<Vec<String>> {
        let mut arguments = Vec::new();
        for argument in words {
            match argument {
                Argument::Word(word) => self.expand_fields(word, &mut arguments)?,
                Argument::Assignment(assignment, _) => {
                    let declared = self.expand_assignment(assignment)?;
                    arguments.push(declared.to_text());
                }
            }
        }
        Ok(arguments)
    }

    /// Makes assignments that last as long as the current frame.
    pub(super) fn assign_temporarily(&mut self, assignments: &[Assignment]) -> Flow<()> {
        for assignment in assignments {
            if let AssignedValue::Scalar(word) = &assignment.value {
                let value = self.expand_text(word)?;
                let name = self.resolve(&assignment.name);
                if self.vars.get(&name).is_some_and(|v| v.attributes.readonly) {
                    self.error(format_args!("{name}: readonly variable"));
                    return Err(Unwind::Abort(1));
                }
                self.vars.hide(&name);
                self.assign(&name, None, &value, assignment.append)?;
                self.vars.entry(&name).attributes.exported = true;
            }
        }
        Ok(())
    }

    /// Runs a command without a name: its assignments are the shell's own.
    fn run_assignments(&mut self, simple: &Simple) -> Flow<i32> {
        for assignment in &simple.assignments {
            let declared = self.expand_assignment(assignment)?;
            if self.options.xtrace {
                self.trace_line(&declared.trace_text());
            }
            self.store(&declared)?;
        }
        match self.apply_redirects(&simple.redirects)? {
            Ok(undo) => self.undo(undo),
            Err(status) => return Ok(status),
        }
        Ok(self.substitution_status.unwrap_or(0))
    }

    /// Expands the value of an assignment.
    pub(super) fn expand_assignment(&mut self, assignment: &Assignment) -> Flow<Declared> {
        let index = match &assignment.index {
            Some(word) => Some(self.index_text(word)?),
            None => None,
        };
        let value = match &assignment.value {
            AssignedValue::Scalar(word) => DeclaredValue::Scalar(self.expand_text(word)?),
            AssignedValue::Array(elements) => {
                let name = self.resolve(&assignment.name);
                let assoc = matches!(self.vars.get(&name).map(|v| &v.value), Some(Value::Assoc(_)));
                DeclaredValue::Array(self.expand_elements(elements, assoc)?)
            }
        };
        Ok(Declared { name: assignment.name.clone(), index, append: assignment.append, value: Some(value) })
    }

    fn expand_elements(&mut self, elements: &[Element], assoc: bool) -> Flow<Vec<(Option<String>, bool, String)>> {
        let mut expanded = Vec::new();
        for element in elements {
            match element {
                Element::Word(word) => {
                    let mut words = Vec::new();
                    if assoc {
                        words.push(self.expand_text(word)?);
                    } else {
                        self.expand_fields(word, &mut words)?;
                    }
                    expanded.extend(words.into_iter().map(|word| (None, false, word)));
                }
                Element::Keyed { index, append, value } => {
                    let index = self.index_text(index)?;
                    expanded.push((Some(index), *append, self.expand_text(value)?));
                }
            }
        }
        Ok(expanded)
    }

    /// Runs `declare` and its like, whose arguments keep their form; `None` if it turns out to be another command.
    fn run_declaration(&mut self, simple: &Simple) -> Option<Flow<i32>> {
        let mut words = simple.words.as_slice();
        let mut name = "";
        while let Some((Argument::Word(word), rest)) = words.split_first() {
            name = word.as_literal()?;
            if !matches!(name, "command" | "builtin") {
                break;
            }
            words = rest;
        }
        if !builtins::is_declaration(name) || self.functions.contains_key(name) {
            return None;
        }
        let name = name.to_owned();
        Some(self.expand_declaration(&name, &words[1..]).and_then(|(arguments, texts)| {
            self.around(simple, &texts, |shell| builtins::declare(shell, &name, &arguments))
        }))
    }

    fn expand_declaration(&mut self, name: &str, words: &[Argument]) -> Flow<(Vec<Declared>, Vec<String>)> {
        let mut arguments = Vec::new();
        let mut texts = vec![name.to_owned()];
        let mut assoc = false;
        for argument in words {
            match argument {
                Argument::Word(word) => {
                    let mut fields = Vec::new();
                    self.expand_fields(word, &mut fields)?;
                    assoc |= fields.iter().any(|f| f.starts_with('-') && f.contains('A'));
                    texts.extend(fields.iter().cloned());
                    arguments.extend(fields.iter().map(|field| Declared::parse(field)));
                }
                Argument::Assignment(assignment, _) => {
                    let declared = match &assignment.value {
                        AssignedValue::Array(elements) if assoc => Declared {
                            name: assignment.name.clone(),
                            index: None,
                            append: assignment.append,
                            value: Some(DeclaredValue::Array(self.expand_elements(elements, true)?)),
                        },
                        _ => self.expand_assignment(assignment)?,
                    };
                    texts.push(declared.to_text());
                    arguments.push(declared);
                }
            }
        }
        Ok((arguments, texts))
    }

    /// Runs `exec`: replaces the shell, or makes redirections last.
    fn run_exec(&mut self, simple: &Simple, arguments: &[String]) -> Flow<i32> {
        let mut rest = &arguments[1..];
        let mut arg0 = None;
        let mut clean = false;
        while let Some(option) = rest.first().filter(|a| a.starts_with('-') && a.len() > 1) {
            match option.as_str() {
                "-a" if rest.len() > 1 => {
                    arg0 = Some(rest[1].clone());
                    rest = &rest[1..];
                }
                "-c" => clean = true,
                "-l" => arg0 = rest.get(1).map(|name| format!("-{name}")),
                "--" => {}
                _ => {
                    self.error(format_args!("exec: {option}: invalid option"));
                    return Ok(2);
                }
            }
            rest = &rest[1..];
        }
        let Some(name) = rest.first().cloned() else {
            return match self.apply_redirects(&simple.redirects)? {
                Ok(undo) => {
                    self.keep(undo);
                    Ok(0)
                }
                Err(status) if self.interactive => Ok(status),
                Err(status) => Err(Unwind::Exit(status)),
            };
        };
        let mut arguments = rest.to_vec();
        if let Some(arg0) = arg0 {
            arguments[0] = arg0;
        }
        let undo = match self.apply_redirects(&simple.redirects)? {
            Ok(undo) => undo,
            Err(status) => return Err(Unwind::Exit(status)),
        };
        self.assign_temporarily(&simple.assignments)?;
        self.trace(&simple.assignments, &arguments);
        if self.in_process > 0 {
            // This process is more than the subshell that ends here.
            let status = match self.launch(&name, &arguments, false)? {
                Ok(pid) => self.wait_foreground(pid),
                Err(status) => status,
            };
            self.undo(undo);
            return Err(Unwind::Exit(status));
        }
        let mut spawn = self.describe(&name, &arguments);
        if clean {
            spawn.envs(Vec::<Vec<u8>>::new());
        }
        let mut errno = spawn.exec();
        if errno == stillbox_sys::Errno::NOEXEC {
            errno = self.describe_script(&name, &arguments).exec();
        }
        let status = if errno == stillbox_sys::Errno::NOENT && !name.contains('/') {
            self.error(format_args!("exec: {name}: not found"));
            127
        } else {
            self.launch_error(&name, errno)?
        };
        self.undo(undo);
        if self.interactive || self.shopts.execfail { Ok(status) } else { Err(Unwind::Exit(status)) }
    }

    /// Shows a command that `set -x` is on for.
    pub fn trace(&mut self, assignments: &[Assignment], arguments: &[String]) {
        if !self.options.xtrace {
            return;
        }
        let mut texts = Vec::new();
        for assignment in assignments {
            if let Some(value) = self.get(&assignment.name) {
                texts.push(format!("{}={}", assignment.name, escape::quote_if_needed(&value)));
            }
        }
        if !texts.is_empty() {
            for text in std::mem::take(&mut texts) {
                self.trace_line(&text);
            }
        }
        texts.extend(arguments.iter().map(|a| escape::quote_if_needed(a)));
        self.trace_line(&texts.join(" "));
    }

    /// Shows one line of `set -x`, after `PS4` with its first character once per level.
    pub fn trace_line(&mut self, line: &str) {
        self.options.xtrace = false;
        let ps4 = self.get("PS4").unwrap_or_default();
        let prefix = self.expand_prompt_text(&ps4);
        self.options.xtrace = true;
        let repeated: String = prefix.chars().take(1).collect::<String>().repeat(self.trace_level - 1);
        let text = format!("{repeated}{prefix}{line}\n");
        let _ = stillbox_sys::write_all(2, &crate::text::encode(&text));
    }
}
