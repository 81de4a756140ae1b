//! The values of expressions.

use super::ast::{Cmp, Expr, Op, Place, Special, Var};
use super::interp::{Fatal, Flow, Interp, MAX_CALLS};
use super::record::Separator;
use super::streams::RecordEnd;
use super::value::{ArrayRef, Cell, Key, Str, Value};
use crate::regex::{Options, Regex, Syntax};
use std::cmp::Ordering;
use std::rc::Rc;

/// The highest number of a field.
const MAX_FIELD: f64 = 50_000_000.0;

/// How many patterns made at run time are kept.
const MAX_REGEXES: usize = 500;

impl Interp<'_> {
    /// Returns the value of `expr`.
    pub(super) fn eval(&mut self, expr: &Expr) -> Result<Value, Fatal> {
        Ok(match expr {
            Expr::Number(value) => Value::Number(*value),
            Expr::Text(text) => Value::String(Rc::clone(text)),
            Expr::Place(place) => self.load(place)?,
            Expr::Group(inner) => self.eval(inner)?,
            Expr::Assign(place, value) => {
                let value = self.eval(value)?;
                self.assign(place, value.clone())?;
                value
            }
            Expr::AppendTo(var, parts) => self.append(*var, parts)?,
            Expr::Update(op, place, value) => {
                let right = self.eval(value)?.to_number();
                let (_, new) = self.update(place, |left| calculate(*op, left, right))?;
                Value::Number(new)
            }
            Expr::Step { place, prefix, by } => {
                let (old, new) = self.update(place, |old| Ok(old + by))?;
                Value::Number(if *prefix { new } else { old })
            }
            Expr::Binary(op, left, right) => {
                let left = self.eval(left)?.to_number();
                let right = self.eval(right)?.to_number();
                Value::Number(calculate(*op, left, right)?)
            }
            Expr::Concat(parts) => {
                let mut text = Vec::new();
                for part in parts {
                    let value = self.eval(part)?;
                    value.push_text(&self.convfmt, &mut text);
                }
                Value::string(text)
            }
            Expr::Negate(value) => Value::Number(-self.eval(value)?.to_number()),
            Expr::ToNumber(value) => Value::Number(self.eval(value)?.to_number()),
            Expr::Conditional(condition, then, otherwise) => {
                let chosen = if self.is_true(condition)? { then } else { otherwise };
                self.eval(chosen)?
            }
            Expr::Call(function, args) => self.call(*function, args)?,
            Expr::Builtin(builtin, args) => self.builtin(*builtin, args)?,
            Expr::Getline(source, place) => Value::Number(self.getline(source, place.as_ref())?),
            Expr::Regex(_)
            | Expr::In(..)
            | Expr::Compare(..)
            | Expr::Match { .. }
            | Expr::And(..)
            | Expr::Or(..)
            | Expr::Not(_) => Value::from_bool(self.is_true(expr)?),
        })
    }

    /// Tells whether `expr` is true.
    pub(super) fn is_true(&mut self, expr: &Expr) -> Result<bool, Fatal> {
        Ok(match expr {
            Expr::Regex(pattern) => {
                let whole = self.whole();
                if self.ignore_case {
                    self.regex(&pattern.source)?.is_match(&whole)
                } else {
                    pattern.regex.is_match(&whole)
                }
            }
            Expr::In(array, indices) => {
                let key = self.key(indices)?;
                self.array(*array)?.borrow().contains_key(key.as_slice())
            }
            Expr::Compare(cmp, left, right) => {
                let left = self.eval(left)?;
                let right = self.eval(right)?;
                self.compare(*cmp, &left, &right)
            }
            Expr::Match { text, pattern, negated } => {
                let text = self.eval_text(text)?;
                self.with_regex(pattern, |regex| regex.is_match(&text))? != *negated
            }
            Expr::And(left, right) => self.is_true(left)? && self.is_true(right)?,
            Expr::Or(left, right) => self.is_true(left)? || self.is_true(right)?,
            Expr::Not(value) => !self.is_true(value)?,
            Expr::Group(inner) => self.is_true(inner)?,
            expr => self.eval(expr)?.is_true(),
        })
    }

    pub(super) fn eval_text(&mut self, expr: &Expr) -> Result<Str, Fatal> {
        let value = self.eval(expr)?;
        Ok(value.to_text(&self.convfmt))
    }

    fn compare(&self, cmp: Cmp, left: &Value, right: &Value) -> bool {
        let order = match (left.as_number(), right.as_number()) {
            (Some(left), Some(right)) => left.partial_cmp(&right),
            _ => Some(left.to_text(&self.convfmt).cmp(&right.to_text(&self.convfmt))),
        };
        match cmp {
            Cmp::Less => order == Some(Ordering::Less),
            Cmp::LessEq => matches!(order, Some(Ordering::Less | Ordering::Equal)),
            Cmp::Equal => order == Some(Ordering::Equal),
            Cmp::NotEqual => order != Some(Ordering::Equal),
            Cmp::Greater => order == Some(Ordering::Greater),
            Cmp::GreaterEq => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
        }
    }

    /// Calls `use_it` with the pattern that `expr` is, or makes.
    pub(super) fn with_regex<T>(&mut self, expr: &Expr, use_it: impl FnOnce(&Regex) -> T) -> Result<T, Fatal> {
        if let (Expr::Regex(pattern), false) = (expr, self.ignore_case) {
            return Ok(use_it(&pattern.regex));
        }
        let source = match expr {
            Expr::Regex(pattern) => Rc::clone(&pattern.source),
            expr => self.eval_text(expr)?,
        };
        Ok(use_it(&*self.regex(&source)?))
    }

    /// Returns the pattern that `source` is.
    pub(super) fn regex(&mut self, source: &Str) -> Result<Rc<Regex>, Fatal> {
        if let Some(regex) = self.regexes.get(source) {
            return Ok(Rc::clone(regex));
        }
        let mut options = Options::new(Syntax::Awk);
        options.ignore_case = self.ignore_case;
        let regex =
            Regex::new(source, &options).map_err(|error| format!("/{}/: {error}", String::from_utf8_lossy(source)))?;
        let regex = Rc::new(regex);
        if self.regexes.len() >= MAX_REGEXES {
            self.regexes.clear();
        }
        self.regexes.insert(Rc::clone(source), Rc::clone(&regex));
        Ok(regex)
    }

    fn load(&mut self, place: &Place) -> Result<Value, Fatal> {
        match place {
            Place::Var(var) => self.load_var(*var),
            Place::Field(index) => {
                let index = self.field_index(index)?;
                if index == 0 {
                    return Ok(Value::Input(self.whole()));
                }
                self.split_record();
                Ok(self.record.field(index))
            }
            Place::Element(array, indices) => {
                let key = self.key(indices)?;
                let array = self.array(*array)?;
                // To look at an element is to have it.
                let mut array = array.borrow_mut();
                if let Some(value) = array.get(key.as_slice()) {
                    return Ok(value.clone());
                }
                array.insert(Key(key), Value::Unset);
                Ok(Value::Unset)
            }
        }
    }

    fn load_var(&mut self, var: Var) -> Result<Value, Fatal> {
        match var {
            Var::Special(Special::Nf) => {
                self.split_record();
                return Ok(Value::Number(self.record.count() as f64));
            }
            Var::Special(Special::Nr) => return Ok(Value::Number(self.nr)),
            Var::Special(Special::Fnr) => return Ok(Value::Number(self.fnr)),
            _ => {}
        }
        match self.cell(var) {
            Cell::Scalar(value) => Ok(value.clone()),
            Cell::Array(_) => Err("attempt to use an array in a scalar context".into()),
        }
    }

    /// Changes the number in a place; returns the old and the new one.
    fn update(&mut self, place: &Place, change: impl FnOnce(f64) -> Result<f64, Fatal>) -> Result<(f64, f64), Fatal> {
        match place {
            Place::Var(var @ (Var::Global(_) | Var::Local(_))) => {
                if let Cell::Scalar(value) = self.cell(*var) {
                    let old = value.to_number();
                    let new = change(old)?;
                    *value = Value::Number(new);
                    return Ok((old, new));
                }
            }
            Place::Element(array, indices) => {
                let key = self.key(indices)?;
                let array = self.array(*array)?;
                let mut array = array.borrow_mut();
                if let Some(value) = array.get_mut(key.as_slice()) {
                    let old = value.to_number();
                    let new = change(old)?;
                    *value = Value::Number(new);
                    return Ok((old, new));
                }
                let new = change(0.0)?;
                array.insert(Key(key), Value::Number(new));
                return Ok((0.0, new));
            }
            _ => {}
        }
        let old = self.load(place)?.to_number();
        let new = change(old)?;
        self.assign(place, Value::Number(new))?;
        Ok((old, new))
    }

    fn field_index(&mut self, index: &Expr) -> Result<usize, Fatal> {
        let number = self.eval(index)?.to_number();
        if !(0.0..=MAX_FIELD).contains(&number.trunc()) {
            return Err(format!("attempt to access field {number}").into());
        }
        Ok(number as usize)
    }

    pub(super) fn assign(&mut self, place: &Place, value: Value) -> Result<(), Fatal> {
        match place {
            Place::Var(Var::Special(special)) => return self.assign_special(*special, value),
            Place::Var(var) => match self.cell(*var) {
                Cell::Scalar(old) => *old = value,
                Cell::Array(_) => return Err("attempt to use an array in a scalar context".into()),
            },
            Place::Field(index) => {
                let index = self.field_index(index)?;
                if index == 0 {
                    let text = value.to_text(&self.convfmt);
                    self.record.set(text);
                } else {
                    self.split_record();
                    self.record.set_field(index, value);
                }
            }
            Place::Element(array, indices) => {
                let key = self.key(indices)?;
                let array = self.array(*array)?;
                array.borrow_mut().insert(Key(key), value);
            }
        }
        Ok(())
    }

    /// Sets a variable that the program's behaviour depends on.
    pub(super) fn assign_special(&mut self, special: Special, value: Value) -> Result<(), Fatal> {
        let text = value.to_text(&self.convfmt);
        match special {
            Special::Nf => {
                let count = value.to_number();
                if !(0.0..=MAX_FIELD).contains(&count) {
                    return Err(format!("NF set to {count}").into());
                }
                self.split_record();
                self.record.set_count(count as usize);
            }
            Special::Nr => self.nr = value.to_number(),
            Special::Fnr => self.fnr = value.to_number(),
            Special::Fs => {
                // The record at hand is split as it was read.
                self.split_record();
                self.separator = self.make_separator(&text)?;
            }
            Special::Rs => {
                self.is_paragraph = text.is_empty();
                self.record_end = match text.as_slice() {
                    [] => RecordEnd::Paragraph,
                    [byte] => RecordEnd::Byte(*byte),
                    _ => RecordEnd::Regex(self.regex(&text)?),
                };
            }
            Special::Ofs => {
                // A record that was changed gets the separator of the time it was changed in.
                self.whole();
                self.ofs = text;
            }
            Special::Ors => self.ors = text,
            Special::Convfmt => self.convfmt = text,
            Special::Ofmt => self.ofmt = text,
            Special::Subsep => self.subsep = text,
            Special::IgnoreCase => {
                self.ignore_case = value.is_true();
                self.regexes.clear();
            }
            Special::Environ | Special::Argv | Special::Procinfo => {
                return Err("attempt to use an array in a scalar context".into());
            }
            _ => {}
        }
        self.specials[special as usize] = Cell::Scalar(value);
        Ok(())
    }

    /// Returns what the text of `FS` separates by.
    pub(super) fn make_separator(&mut self, text: &Str) -> Result<Separator, Fatal> {
        Ok(match text.as_slice() {
            b" " => Separator::Blanks,
            [] => Separator::Nothing,
            [byte] if *byte != b'\\' && (!self.ignore_case || !byte.is_ascii_alphabetic()) => Separator::Byte(*byte),
            b"\\" => Separator::Byte(b'\\'),
            _ => Separator::Regex(self.regex(text)?),
        })
    }

    /// Evaluates `x = x ...` by adding to the string in its place.
    fn append(&mut self, var: Var, parts: &[Expr]) -> Result<Value, Fatal> {
        let mut added = Vec::new();
        for part in parts {
            let value = self.eval(part)?;
            value.push_text(&self.convfmt, &mut added);
        }
        let convfmt = Rc::clone(&self.convfmt);
        let Cell::Scalar(cell) = self.cell(var) else {
            return Err("attempt to use an array in a scalar context".into());
        };
        let mut text = match std::mem::take(cell) {
            Value::String(text) => text,
            old => old.to_text(&convfmt),
        };
        // Text that others hold, too, is copied here.
        Rc::make_mut(&mut text).extend_from_slice(&added);
        *cell = Value::String(Rc::clone(&text));
        Ok(Value::String(text))
    }

    fn call(&mut self, index: usize, args: &[Expr]) -> Result<Value, Fatal> {
        let program = self.program;
        let function = &program.functions[index];
        if self.calls >= MAX_CALLS {
            return Err(format!("function {}: calls are nested too deeply", function.name).into());
        }
        let mut cells = Vec::with_capacity(function.params.len());
        for (position, arg) in args.iter().enumerate() {
            cells.push(match arg {
                Expr::Place(Place::Var(var)) if function.arrays[position] => Cell::Array(self.array(*var)?),
                Expr::Place(Place::Var(var)) => match self.cell(*var) {
                    Cell::Array(array) => Cell::Array(Rc::clone(array)),
                    Cell::Scalar(_) => Cell::Scalar(self.load_var(*var)?),
                },
                arg => Cell::Scalar(self.eval(arg)?),
            });
        }
        for is_array in &function.arrays[args.len()..] {
            cells.push(if *is_array { Cell::Array(ArrayRef::default()) } else { Cell::default() });
        }
        let base = std::mem::replace(&mut self.base, self.locals.len());
        self.locals.extend(cells);
        self.calls += 1;
        let mut result = Ok(Flow::Normal);
        for stmt in &function.body {
            result = self.exec(stmt);
            if !matches!(result, Ok(Flow::Normal)) {
                break;
            }
        }
        self.calls -= 1;
        self.locals.truncate(self.base);
        self.base = base;
        match result? {
            Flow::Return(value) => Ok(value),
            flow @ (Flow::Exit | Flow::Next | Flow::NextFile) => Err(Fatal::Flow(flow)),
            _ => Ok(Value::Unset),
        }
    }
}

fn calculate(op: Op, left: f64, right: f64) -> Result<f64, Fatal> {
    Ok(match op {
        Op::Add => left + right,
        Op::Sub => left - right,
        Op::Mul => left * right,
        Op::Div if right == 0.0 => return Err("division by zero".into()),
        Op::Mod if right == 0.0 => return Err("division by zero in %".into()),
        Op::Div => left / right,
        // What most remainders are of, and an integer's is much faster.
        Op::Mod
            if left.fract() == 0.0
                && right.fract() == 0.0
                && left.abs() < 9e15
                && right.abs() < 9e15
                && left >= 0.0 =>
        {
            (left as i64 % right as i64) as f64
        }
        Op::Mod => left % right,
        Op::Pow => left.powf(right),
    })
}
