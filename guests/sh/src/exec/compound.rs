//! Compound commands.

use std::rc::Rc;

use stillbox_sys as sys;

use crate::glob::Pattern;
use crate::shell::{Flow, Shell, Unwind};
use crate::subshell::Needs;
use crate::syntax::ast::{Arm, ArmEnd, Command, Compound, CompoundKind, List, Word};

/// What a loop does after its body.
enum Next {
    Continue,
    Stop,
}

impl Shell {
    pub(super) fn run_compound(&mut self, compound: &Rc<Compound>) -> Flow<i32> {
        if compound.redirects.is_empty() {
            return self.run_compound_kind(compound);
        }
        self.line = compound.line;
        let opened = self.substitutions.len();
        let undo = match self.apply_redirects(&compound.redirects)? {
            Ok(undo) => undo,
            Err(status) => return Ok(status),
        };
        let result = self.run_compound_kind(compound);
        self.undo(undo);
        self.close_substitutions(opened);
        result
    }

    fn run_compound_kind(&mut self, compound: &Rc<Compound>) -> Flow<i32> {
        match &compound.kind {
            CompoundKind::Group(list) => self.run_list(list),
            CompoundKind::Subshell(list) => {
                let needs = self.needs_list(list);
                // A job that the user can stop is another process than the shell.
                let is_job = self.control.is_some() && needs != Needs::Nothing;
                let status = if needs == Needs::Process || is_job {
                    // The child makes the redirections again, which is the same as inheriting them.
                    let command = Command::Compound(Rc::new(Compound {
                        kind: CompoundKind::Group(list.clone()),
                        redirects: Vec::new(),
                        line: compound.line,
                    }));
                    let pid = self.spawn_subshell(&[command])?;
                    self.wait_foreground(pid)
                } else {
                    self.in_subshell(|shell| shell.run_list(list))
                };
                self.pipe_status = vec![status];
                Ok(status)
            }
            CompoundKind::If { branches, otherwise } => {
                for (condition, body) in branches {
                    if self.unchecked(|shell| shell.run_list(condition))? == 0 {
                        return self.run_list(body);
                    }
                }
                otherwise.as_ref().map_or(Ok(0), |body| self.run_list(body))
            }
            CompoundKind::While { condition, body, until } => self.run_while(condition, body, *until),
            CompoundKind::For { name, words, body } => self.run_for(name, words.as_deref(), body, compound.line),
            CompoundKind::Select { name, words, body } => self.run_select(name, words.as_deref(), body),
            CompoundKind::ArithFor { init, condition, step, body } => {
                self.line = compound.line;
                self.run_arith_for(init, condition, step, body)
            }
            CompoundKind::Case { word, arms } => {
                self.line = compound.line;
                self.run_case(word, arms)
            }
            CompoundKind::Arith(word) => {
                self.line = compound.line;
                let value = self.expand_arithmetic(word)?;
                if self.options.xtrace {
                    let text = crate::syntax::word_text(word);
                    self.trace_line(&format!("(( {} ))", text.trim()));
                }
                Ok((value == 0).into())
            }
            CompoundKind::Test(test) => {
                self.line = compound.line;
                let status = self.run_test(test)?;
                Ok(if status { 0 } else { 1 })
            }
        }
    }

    /// Runs the body of a loop, and says whether the loop goes on.
    fn run_body(&mut self, body: &List, status: &mut i32) -> Flow<Next> {
        self.loops += 1;
        let result = self.run_list(body);
        self.loops -= 1;
        match result {
            Ok(last) => *status = last,
            Err(Unwind::Break(levels)) => {
                *status = 0;
                return if levels > 1 { Err(Unwind::Break(levels - 1)) } else { Ok(Next::Stop) };
            }
            Err(Unwind::Continue(levels)) => {
                *status = 0;
                if levels > 1 {
                    return Err(Unwind::Continue(levels - 1));
                }
            }
            Err(other) => return Err(other),
        }
        Ok(Next::Continue)
    }

    fn run_while(&mut self, condition: &List, body: &List, until: bool) -> Flow<i32> {
        let mut status = 0;
        loop {
            self.loops += 1;
            let tested = self.unchecked(|shell| shell.run_list(condition));
            self.loops -= 1;
            match tested {
                Ok(tested) if (tested == 0) == until => return Ok(status),
                Ok(_) => {}
                Err(Unwind::Break(1)) => return Ok(0),
                Err(Unwind::Continue(1)) => continue,
                Err(Unwind::Break(levels)) => return Err(Unwind::Break(levels - 1)),
                Err(Unwind::Continue(levels)) => return Err(Unwind::Continue(levels - 1)),
                Err(other) => return Err(other),
            }
            if let Next::Stop = self.run_body(body, &mut status)? {
                return Ok(status);
            }
        }
    }

    fn loop_words(&mut self, words: Option<&[Word]>) -> Flow<Vec<String>> {
        match words {
            Some(words) => self.expand_words(words),
            None => Ok(self.params.to_vec()),
        }
    }

    fn run_for(&mut self, name: &str, words: Option<&[Word]>, body: &List, line: u32) -> Flow<i32> {
        self.line = line;
        let values = self.loop_words(words)?;
        let mut status = 0;
        for value in values {
            if self.options.xtrace {
                let text = words.map_or_else(|| "\"$@\"".to_owned(), crate::syntax::words_text);
                self.trace_line(&format!("for {name} in {text}"));
            }
            self.set(name, &value)?;
            if let Next::Stop = self.run_body(body, &mut status)? {
                break;
            }
        }
        Ok(status)
    }

    fn run_select(&mut self, name: &str, words: Option<&[Word]>, body: &List) -> Flow<i32> {
        let choices = self.loop_words(words)?;
        let mut status = 0;
        let mut show = true;
        while !choices.is_empty() {
            let mut text = String::new();
            if show {
                let width = choices.len().to_string().len();
                for (at, choice) in choices.iter().enumerate() {
                    text.push_str(&format!("{:>width$}) {choice}\n", at + 1));
                }
            }
            let prompt = self.get("PS3").unwrap_or_else(|| "#? ".to_owned());
            text.push_str(&prompt);
            let _ = sys::write_all(2, &crate::text::encode(&text));
            let Some(line) = crate::input::read_line(0) else {
                let _ = sys::write_all(2, b"\n");
                return Ok(1);
            };
            let line = line.trim_end_matches('\n').to_owned();
            self.set("REPLY", &line)?;
            show = line.trim().is_empty();
            if show {
                continue;
            }
            let choice = line.trim().parse::<usize>().ok().and_then(|n| choices.get(n.checked_sub(1)?));
            let choice = choice.cloned().unwrap_or_default();
            self.set(name, &choice)?;
            if let Next::Stop = self.run_body(body, &mut status)? {
                break;
            }
            show = self.get("REPLY").unwrap_or_default().is_empty();
        }
        Ok(status)
    }

    fn run_arith_for(&mut self, init: &Word, condition: &Word, step: &Word, body: &List) -> Flow<i32> {
        let mut status = 0;
        self.expand_arithmetic(init)?;
        loop {
            let blank = condition.as_literal().is_some_and(|text| text.trim().is_empty());
            if !blank && self.expand_arithmetic(condition)? == 0 {
                return Ok(status);
            }
            if let Next::Stop = self.run_body(body, &mut status)? {
                return Ok(status);
            }
            self.expand_arithmetic(step)?;
        }
    }

    fn run_case(&mut self, word: &Word, arms: &[Arm]) -> Flow<i32> {
        let text = self.expand_text(word)?;
        if self.options.xtrace {
            let shown = crate::syntax::word_text(word);
            self.trace_line(&format!("case {shown} in"));
        }
        let chars: Vec<char> = text.chars().collect();
        let mut status = 0;
        let mut fall_through = false;
        for arm in arms {
            if !fall_through && !self.arm_matches(arm, &chars)? {
                continue;
            }
            status = self.run_list(&arm.body)?;
            match arm.end {
                ArmEnd::Break => return Ok(status),
                ArmEnd::FallThrough => fall_through = true,
                ArmEnd::TestNext => fall_through = false,
            }
        }
        Ok(status)
    }

    fn arm_matches(&mut self, arm: &Arm, text: &[char]) -> Flow<bool> {
        for pattern in &arm.patterns {
            let pattern = self.expand_pattern(pattern)?;
            if Pattern::new(&pattern, true, self.shopts.nocasematch).matches(text) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
