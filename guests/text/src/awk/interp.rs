//! The state of a running program, and its statements.

use super::ast::{Expr, Place, Program, Redirect, Special, Stmt, Var, When};
use super::record::{Record, Separator};
use super::streams::{Mode, RecordEnd, Streams};
use super::value::{Array, ArrayRef, Cell, Key, Str, Value};
use crate::io::{Input, Output};
use crate::regex::Regex;
use std::collections::HashMap;
use std::rc::Rc;

/// What leaves expressions and statements at once.
pub enum Fatal {
    /// An error ends the program.
    Message(String),
    /// `next` or `exit`, in a function.
    Flow(Flow),
}

impl From<String> for Fatal {
    fn from(message: String) -> Fatal {
        Fatal::Message(message)
    }
}

impl From<&str> for Fatal {
    fn from(message: &str) -> Fatal {
        Fatal::Message(message.to_owned())
    }
}

/// How deeply functions may call each other: what fits on the stack of a process.
pub(super) const MAX_CALLS: usize = 3000;

/// How the run goes on after a statement.
pub enum Flow {
    Normal,
    Break,
    Continue,
    Next,
    NextFile,
    Exit,
    Return(Value),
}

/// A running program.
pub struct Interp<'a> {
    pub(super) program: &'a Program,
    pub(super) globals: Vec<Cell>,
    pub(super) specials: Vec<Cell>,
    pub(super) locals: Vec<Cell>,
    /// Where the running function's variables start in `locals`.
    pub(super) base: usize,
    pub(super) calls: usize,
    pub(super) record: Record,
    /// Room for the next record.
    pub(super) spare: Vec<u8>,
    pub(super) separator: Separator,
    pub(super) record_end: RecordEnd,
    pub(super) is_paragraph: bool,
    pub(super) nr: f64,
    pub(super) fnr: f64,
    pub(super) ofs: Str,
    pub(super) ors: Str,
    pub(super) convfmt: Str,
    pub(super) ofmt: Str,
    pub(super) subsep: Str,
    pub(super) ignore_case: bool,
    pub(super) stdout: Output,
    pub(super) streams: Streams,
    /// The main input's current file.
    pub(super) main_input: Option<Input>,
    /// The operand that was used last.
    pub(super) next_argument: usize,
    pub(super) used_a_file: bool,
    pub(super) main_is_done: bool,
    pub(super) in_range: Vec<bool>,
    pub(super) exit_code: i32,
    pub(super) failed: bool,
    pub(super) regexes: HashMap<Str, Rc<Regex>>,
    pub(super) seed: f64,
    pub(super) random: u64,
}

impl<'a> Interp<'a> {
    /// Returns the state before `BEGIN`, with these operands.
    pub fn new(program: &'a Program, operands: Vec<String>) -> Interp<'a> {
        let mut interp = Interp {
            program,
            globals: vec![Cell::default(); program.globals.len()],
            specials: vec![Cell::default(); super::ast::SPECIALS.len()],
            locals: Vec::new(),
            base: 0,
            calls: 0,
            record: Record::new(),
            spare: Vec::new(),
            separator: Separator::Blanks,
            record_end: RecordEnd::Byte(b'\n'),
            is_paragraph: false,
            nr: 0.0,
            fnr: 0.0,
            ofs: Rc::new(b" ".to_vec()),
            ors: Rc::new(b"\n".to_vec()),
            convfmt: Rc::new(b"%.6g".to_vec()),
            ofmt: Rc::new(b"%.6g".to_vec()),
            subsep: Rc::new(vec![0x1C]),
            ignore_case: false,
            stdout: Output::stdout(),
            streams: Streams::default(),
            main_input: None,
            next_argument: 0,
            used_a_file: false,
            main_is_done: false,
            in_range: vec![false; program.ranges],
            exit_code: 0,
            failed: false,
            regexes: HashMap::new(),
            seed: 0.0,
            random: 0,
        };
        interp.seed_random(0.0);
        let text = |text: &[u8]| Cell::Scalar(Value::string(text.to_vec()));
        for (special, value) in [
            (Special::Fs, " ".as_bytes()),
            (Special::Ofs, b" "),
            (Special::Ors, b"\n"),
            (Special::Rs, b"\n"),
            (Special::Subsep, b"\x1C"),
            (Special::Convfmt, b"%.6g"),
            (Special::Ofmt, b"%.6g"),
        ] {
            interp.specials[special as usize] = text(value);
        }
        interp.specials[Special::Rlength as usize] = Cell::Scalar(Value::Number(-1.0));
        interp.specials[Special::Rstart as usize] = Cell::Scalar(Value::Number(0.0));
        let environment = std::env::vars_os().map(|(name, value)| {
            (name.to_string_lossy().into_owned().into_bytes(), Value::input(value.to_string_lossy().as_bytes()))
        });
        interp.specials[Special::Environ as usize] = new_array(environment);
        interp.specials[Special::Procinfo as usize] = new_array(std::iter::empty());
        interp.specials[Special::Argc as usize] = Cell::Scalar(Value::Number((operands.len() + 1) as f64));
        let argv = std::iter::once("awk".to_owned()).chain(operands).enumerate();
        interp.specials[Special::Argv as usize] =
            new_array(argv.map(|(index, text)| (index.to_string().into_bytes(), Value::input(text.as_bytes()))));
        interp
    }

    /// Runs the program; returns the exit status.
    pub fn run(&mut self) -> Result<i32, Fatal> {
        let program = self.program;
        let mut exits = false;
        for body in &program.begin {
            match self.exec_whole(body)? {
                Flow::Exit => {
                    exits = true;
                    break;
                }
                Flow::Next | Flow::NextFile => return Err("next is not allowed in BEGIN".into()),
                _ => {}
            }
        }
        let reads = !(program.rules.is_empty() && program.end.is_empty());
        if reads && !exits {
            self.main_loop()?;
        }
        // `exit` anywhere goes on here; one in END ends the run.
        for body in &program.end {
            if matches!(self.exec_whole(body)?, Flow::Exit) {
                break;
            }
        }
        Ok(self.finish())
    }

    /// Closes everything and returns the exit status.
    pub fn finish(&mut self) -> i32 {
        self.stdout.flush();
        self.streams.close_all();
        if self.exit_code == 0 && self.failed { 2 } else { self.exit_code }
    }

    fn main_loop(&mut self) -> Result<(), Fatal> {
        let program = self.program;
        while self.read_main_record()? {
            for rule in &program.rules {
                if !self.applies(&rule.when)? {
                    continue;
                }
                let flow = match &rule.body {
                    Some(body) => self.exec_whole(body)?,
                    None => {
                        let whole = self.whole();
                        self.stdout.write(&whole);
                        let ors = Rc::clone(&self.ors);
                        self.stdout.write(&ors);
                        Flow::Normal
                    }
                };
                match flow {
                    Flow::Next => break,
                    Flow::NextFile => {
                        self.main_input = None;
                        break;
                    }
                    Flow::Exit => return Ok(()),
                    _ => {}
                }
            }
        }
        Ok(())
    }

    fn applies(&mut self, when: &When) -> Result<bool, Fatal> {
        Ok(match when {
            When::Always => true,
            When::If(condition) => self.is_true(condition)?,
            When::Range(first, last, index) => {
                if !self.in_range[*index] && !self.is_true(first)? {
                    return Ok(false);
                }
                self.in_range[*index] = !self.is_true(last)?;
                true
            }
        })
    }

    /// Runs a rule's statements.
    fn exec_whole(&mut self, stmt: &Stmt) -> Result<Flow, Fatal> {
        match self.exec(stmt) {
            Err(Fatal::Flow(flow)) => {
                // It came from a function, whose variables are gone with it.
                self.locals.clear();
                (self.base, self.calls) = (0, 0);
                Ok(flow)
            }
            result => result,
        }
    }

    /// Runs a statement.
    pub(super) fn exec(&mut self, stmt: &Stmt) -> Result<Flow, Fatal> {
        match stmt {
            Stmt::Expr(expr) => drop(self.eval(expr)?),
            Stmt::Block(body) => {
                for stmt in body {
                    match self.exec(stmt)? {
                        Flow::Normal => {}
                        flow => return Ok(flow),
                    }
                }
            }
            Stmt::Print(values, redirect) => self.print(values, redirect.as_ref())?,
            Stmt::Printf(values, redirect) => {
                let mut text = Vec::new();
                self.format(values, &mut text)?;
                self.emit(&text, redirect.as_ref())?;
            }
            Stmt::If(condition, then, otherwise) => {
                if self.is_true(condition)? {
                    return self.exec(then);
                }
                if let Some(otherwise) = otherwise {
                    return self.exec(otherwise);
                }
            }
            Stmt::While(condition, body) => {
                while self.is_true(condition)? {
                    match self.exec(body)? {
                        Flow::Normal | Flow::Continue => {}
                        Flow::Break => break,
                        flow => return Ok(flow),
                    }
                }
            }
            Stmt::DoWhile(body, condition) => loop {
                match self.exec(body)? {
                    Flow::Normal | Flow::Continue => {}
                    Flow::Break => break,
                    flow => return Ok(flow),
                }
                if !self.is_true(condition)? {
                    break;
                }
            },
            Stmt::For(init, condition, step, body) => {
                if let Some(init) = init {
                    self.exec(init)?;
                }
                while condition.as_ref().map_or(Ok(true), |condition| self.is_true(condition))? {
                    match self.exec(body)? {
                        Flow::Normal | Flow::Continue => {}
                        Flow::Break => break,
                        flow => return Ok(flow),
                    }
                    if let Some(step) = step {
                        self.exec(step)?;
                    }
                }
            }
            Stmt::ForIn(place, array, body) => return self.for_in(place, *array, body),
            Stmt::Delete(array, indices) => {
                let array = self.array(*array)?;
                match indices {
                    None => array.borrow_mut().clear(),
                    Some(indices) => {
                        let key = self.key(indices)?;
                        array.borrow_mut().swap_remove(key.as_slice());
                    }
                }
            }
            Stmt::Next => return Ok(Flow::Next),
            Stmt::NextFile => return Ok(Flow::NextFile),
            Stmt::Exit(code) => {
                if let Some(code) = code {
                    self.exit_code = (self.eval(code)?.to_number() as i64 & 0xFF) as i32;
                }
                return Ok(Flow::Exit);
            }
            Stmt::Return(value) => {
                let value = value.as_ref().map_or(Ok(Value::Unset), |value| self.eval(value))?;
                return Ok(Flow::Return(value));
            }
            Stmt::Break => return Ok(Flow::Break),
            Stmt::Continue => return Ok(Flow::Continue),
        }
        Ok(Flow::Normal)
    }

    fn for_in(&mut self, place: &Place, array: Var, body: &Stmt) -> Result<Flow, Fatal> {
        let array = self.array(array)?;
        // The loop is over the elements of its start.
        let mut keys: Vec<(Str, Value)> =
            array.borrow().iter().map(|(key, value)| (Rc::clone(&key.0), value.clone())).collect();
        self.sort_for_in(&mut keys);
        for (key, _) in keys {
            self.assign(place, Value::Input(key))?;
            match self.exec(body)? {
                Flow::Normal | Flow::Continue => {}
                Flow::Break => break,
                flow => return Ok(flow),
            }
        }
        Ok(Flow::Normal)
    }

    /// Sorts as `PROCINFO["sorted_in"]` says.
    fn sort_for_in(&self, keys: &mut [(Str, Value)]) {
        let Cell::Array(procinfo) = &self.specials[Special::Procinfo as usize] else { return };
        let procinfo = procinfo.borrow();
        let Some(order) = procinfo.get(b"sorted_in".as_slice()) else { return };
        let order = order.to_text(b"%.6g");
        let number = |text: &Str| super::number::parse_prefix(text).0;
        if order.starts_with(b"@ind_num") {
            keys.sort_by(|a, b| number(&a.0).total_cmp(&number(&b.0)).then_with(|| a.0.cmp(&b.0)));
        } else if order.starts_with(b"@ind_str") {
            keys.sort_by(|a, b| a.0.cmp(&b.0));
        } else if order.starts_with(b"@val_num") {
            keys.sort_by(|a, b| a.1.to_number().total_cmp(&b.1.to_number()));
        } else if order.starts_with(b"@val_str") || order.starts_with(b"@val_type") {
            keys.sort_by_key(|(_, value)| value.to_text(b"%.6g"));
        }
        if order.ends_with(b"_desc") {
            keys.reverse();
        }
    }

    fn print(&mut self, values: &[Expr], redirect: Option<&Redirect>) -> Result<(), Fatal> {
        let mut text = Vec::new();
        if values.is_empty() {
            text.extend_from_slice(&self.whole());
        }
        for (index, value) in values.iter().enumerate() {
            if index > 0 {
                text.extend_from_slice(&self.ofs);
            }
            let value = self.eval(value)?;
            value.push_text(&self.ofmt, &mut text);
        }
        text.extend_from_slice(&self.ors);
        self.emit(&text, redirect)
    }

    /// Writes `text` where `redirect` says, or to the standard output.
    fn emit(&mut self, text: &[u8], redirect: Option<&Redirect>) -> Result<(), Fatal> {
        let (target, mode) = match redirect {
            None => {
                self.stdout.write(text);
                return Ok(());
            }
            Some(Redirect::Write(target)) => (target, Mode::Write),
            Some(Redirect::Append(target)) => (target, Mode::Append),
            Some(Redirect::Pipe(target)) => (target, Mode::Pipe),
        };
        let name = self.eval_text(target)?;
        if mode != Mode::Pipe && matches!(name.as_slice(), b"/dev/stdout" | b"-") {
            self.stdout.write(text);
            return Ok(());
        }
        if mode == Mode::Pipe && !self.streams.is_writing(&name) {
            // The program writes to where we do: what came before comes first.
            self.stdout.flush();
        }
        match self.streams.writer(&name, mode) {
            Ok(output) => {
                output.write(text);
                Ok(())
            }
            Err(error) => {
                let name = String::from_utf8_lossy(&name);
                Err(format!("can't redirect to {name} ({})", crate::io::message(&error)).into())
            }
        }
    }

    /// Formats `values`, the first of which is the format.
    pub(super) fn format(&mut self, values: &[Expr], text: &mut Vec<u8>) -> Result<(), Fatal> {
        // Looked at only once: `printf` alone would find no format.
        let mut evaluated = Vec::with_capacity(values.len());
        for value in values {
            evaluated.push(self.eval(value)?);
        }
        let Some((format, values)) = evaluated.split_first() else { return Ok(()) };
        if !super::printf::format(&format.to_text(&self.convfmt), values, &self.convfmt, text) {
            return Err("not enough arguments to satisfy format string".into());
        }
        Ok(())
    }

    /// Returns the array that a variable is, making it one if it is nothing yet.
    pub(super) fn array(&mut self, var: Var) -> Result<ArrayRef, Fatal> {
        let cell = self.cell(var);
        match cell {
            Cell::Array(array) => Ok(Rc::clone(array)),
            Cell::Scalar(Value::Unset) => {
                let array = ArrayRef::default();
                *cell = Cell::Array(Rc::clone(&array));
                Ok(array)
            }
            Cell::Scalar(_) => Err("attempt to use a scalar as an array".into()),
        }
    }

    pub(super) fn cell(&mut self, var: Var) -> &mut Cell {
        match var {
            Var::Global(index) => &mut self.globals[index],
            Var::Local(index) => &mut self.locals[self.base + index],
            Var::Special(special) => &mut self.specials[special as usize],
        }
    }

    /// Returns the key that indices make.
    pub(super) fn key(&mut self, indices: &[Expr]) -> Result<Str, Fatal> {
        if let [index] = indices {
            let value = self.eval(index)?;
            return Ok(value.to_text(&self.convfmt));
        }
        let mut key = Vec::new();
        for (position, index) in indices.iter().enumerate() {
            if position > 0 {
                key.extend_from_slice(&self.subsep);
            }
            let value = self.eval(index)?;
            value.push_text(&self.convfmt, &mut key);
        }
        Ok(Rc::new(key))
    }

    /// Returns `$0`.
    pub(super) fn whole(&mut self) -> Str {
        self.record.whole(&self.ofs, &self.convfmt)
    }

    /// Splits the record into fields.
    pub(super) fn split_record(&mut self) {
        self.record.split(&self.separator, self.is_paragraph);
    }
}

/// Returns a cell with an array of these elements.
pub fn new_array(elements: impl Iterator<Item = (Vec<u8>, Value)>) -> Cell {
    let array: Array = elements.map(|(key, value)| (Key(Rc::new(key)), value)).collect();
    Cell::Array(Rc::new(std::cell::RefCell::new(array)))
}
