//! Running bc programs.

use std::collections::HashMap;
use std::io::{self, Write};
use std::rc::Rc;

use super::number::Number;
use super::parser::{Expression, Function, Place, Statement};

/// How a statement ends.
#[derive(Debug)]
pub enum Flow {
    Next,
    Break,
    Continue,
    Return(Number),
    Quit,
}

/// Why a program stops.
#[derive(Debug)]
pub enum Error {
    /// A mistake at run time: the rest of the line is dropped.
    Runtime(String),
    Output(io::Error),
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

pub type Result<T> = std::result::Result<T, Error>;

/// The variables, arrays and functions of a program.
pub struct Machine<W: Write> {
    pub(super) variables: HashMap<String, Number>,
    pub(super) arrays: HashMap<String, HashMap<i64, Number>>,
    pub(super) functions: HashMap<String, Rc<Function>>,
    pub(super) scale: usize,
    pub(super) input_base: u32,
    output_base: u32,
    last: Number,
    /// Where the next character of output goes on its line.
    line_length: usize,
    column: usize,
    pub(super) depth: usize,
    pub(super) math_library: bool,
    out: W,
}

pub fn failed<T>(message: impl Into<String>) -> Result<T> {
    Err(Error::Runtime(message.into()))
}

impl<W: Write> Machine<W> {
    pub fn new(out: W, math_library: bool) -> Self {
        let line_length = std::env::var("BC_LINE_LENGTH").ok().and_then(|text| text.parse().ok()).unwrap_or(70);
        Self {
            variables: HashMap::new(),
            arrays: HashMap::new(),
            functions: HashMap::new(),
            scale: if math_library { 20 } else { 0 },
            input_base: 10,
            output_base: 10,
            last: Number::zero(),
            line_length,
            column: 0,
            depth: 0,
            math_library,
            out,
        }
    }

    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    pub fn run(&mut self, statement: &Statement) -> Result<Flow> {
        match statement {
            Statement::Nothing => {}
            Statement::Quit | Statement::Halt => return Ok(Flow::Quit),
            Statement::Break => return Ok(Flow::Break),
            Statement::Continue => return Ok(Flow::Continue),
            Statement::Text(text) => {
                self.print(text)?;
            }
            Statement::Expression(expression) => {
                let value = self.evaluate(expression)?;
                if !matches!(expression, Expression::Assign(..)) {
                    self.last = value.clone();
                    let text = value.text(self.output_base);
                    self.print(&text)?;
                    self.print("\n")?;
                }
            }
            Statement::Print(parts) => {
                for part in parts {
                    match part {
                        Statement::Expression(expression) => {
                            let value = self.evaluate(expression)?;
                            self.last = value.clone();
                            let text = value.text(self.output_base);
                            self.print(&text)?;
                        }
                        Statement::Text(text) => {
                            let text = unescape(text);
                            self.print(&text)?;
                        }
                        _ => {}
                    }
                }
            }
            Statement::If(condition, then, otherwise) => {
                if !self.evaluate(condition)?.is_zero() {
                    return self.run(then);
                } else if let Some(otherwise) = otherwise {
                    return self.run(otherwise);
                }
            }
            Statement::While(condition, body) => return self.repeat(None, Some(condition), None, body),
            Statement::For(start, condition, step, body) => {
                return self.repeat(start.as_ref(), condition.as_ref(), step.as_ref(), body);
            }
            Statement::Block(statements) => return self.run_all(statements),
            Statement::Define(function) => {
                self.functions.insert(function.name.clone(), Rc::new(function.clone()));
            }
            Statement::Return(value) => {
                let value = value.as_ref().map(|value| self.evaluate(value)).transpose()?;
                return Ok(Flow::Return(value.unwrap_or_else(Number::zero)));
            }
        }
        Ok(Flow::Next)
    }

    pub(super) fn run_all(&mut self, statements: &[Statement]) -> Result<Flow> {
        for statement in statements {
            match self.run(statement)? {
                Flow::Next => {}
                other => return Ok(other),
            }
        }
        Ok(Flow::Next)
    }

    fn repeat(
        &mut self,
        start: Option<&Expression>,
        condition: Option<&Expression>,
        step: Option<&Expression>,
        body: &Statement,
    ) -> Result<Flow> {
        if let Some(start) = start {
            self.evaluate(start)?;
        }
        loop {
            if let Some(condition) = condition
                && self.evaluate(condition)?.is_zero()
            {
                return Ok(Flow::Next);
            }
            match self.run(body)? {
                Flow::Next | Flow::Continue => {}
                Flow::Break => return Ok(Flow::Next),
                other => return Ok(other),
            }
            if let Some(step) = step {
                self.evaluate(step)?;
            }
        }
    }

    /// Prints text, breaking lines that become too long as bc does.
    fn print(&mut self, text: &str) -> io::Result<()> {
        if self.line_length == 0 {
            return self.out.write_all(text.as_bytes());
        }
        for c in text.chars() {
            if c == '\n' {
                self.column = 0;
            } else {
                self.column += 1;
                // The last column is for the backslash, and one is for the end of the line.
                if self.column + 1 >= self.line_length {
                    self.out.write_all(b"\\\n")?;
                    self.column = 1;
                }
            }
            write!(self.out, "{c}")?;
        }
        Ok(())
    }

    pub(super) fn evaluate(&mut self, expression: &Expression) -> Result<Number> {
        match expression {
            Expression::Number(digits) => Ok(Number::parse(digits, self.input_base)),
            Expression::Group(inner) => self.evaluate(inner),
            Expression::Read(place) => self.read(place),
            Expression::Negate(inner) => Ok(self.evaluate(inner)?.negated()),
            Expression::Not(inner) => Ok(Number::from(i64::from(self.evaluate(inner)?.is_zero()))),
            Expression::Binary(left, operator, right) => {
                let left = self.evaluate(left)?;
                let right = self.evaluate(right)?;
                self.binary(&left, operator, &right)
            }
            Expression::Assign(place, operator, value) => {
                let mut value = self.evaluate(value)?;
                if !operator.is_empty() {
                    let old = self.read(place)?;
                    value = self.binary(&old, operator, &value)?;
                }
                self.write(place, value.clone())?;
                Ok(value)
            }
            Expression::Step(place, step, first) => {
                let old = self.read(place)?;
                let new = old.add(&Number::from(*step));
                self.write(place, new.clone())?;
                Ok(if *first { new } else { old })
            }
            Expression::Call(name, arguments) => self.call(name, arguments),
        }
    }

    fn binary(&mut self, left: &Number, operator: &str, right: &Number) -> Result<Number> {
        let truth = |holds: bool| Ok(Number::from(i64::from(holds)));
        let order = || left.compare(right);
        match operator {
            "+" => Ok(left.add(right)),
            "-" => Ok(left.subtract(right)),
            "*" => Ok(left.multiply(right, self.scale)),
            "/" => left.divide(right, self.scale).map_or_else(|| failed("Divide by zero"), Ok),
            "%" => left.remainder(right, self.scale).map_or_else(|| failed("Modulo by zero"), Ok),
            "^" => match left.power(right, self.scale) {
                Some(result) => Ok(result),
                None if left.is_zero() => failed("Divide by zero"),
                None => failed("exponent too large in raise"),
            },
            "<" => truth(order().is_lt()),
            ">" => truth(order().is_gt()),
            "<=" => truth(order().is_le()),
            ">=" => truth(order().is_ge()),
            "==" => truth(order().is_eq()),
            "!=" => truth(order().is_ne()),
            "&&" => truth(!left.is_zero() && !right.is_zero()),
            "||" => truth(!left.is_zero() || !right.is_zero()),
            other => failed(format!("unknown operator {other}")),
        }
    }

    fn index(&mut self, expression: &Expression) -> Result<i64> {
        match self.evaluate(expression)?.to_integer() {
            Some(index @ 0..=16_777_215) => Ok(index),
            _ => failed("Array subscript out of bounds."),
        }
    }

    fn read(&mut self, place: &Place) -> Result<Number> {
        Ok(match place {
            Place::Variable(name) => self.variables.get(name).cloned().unwrap_or_else(Number::zero),
            Place::Element(name, index) => {
                let index = self.index(index)?;
                self.arrays.get(name).and_then(|array| array.get(&index)).cloned().unwrap_or_else(Number::zero)
            }
            Place::Special(name) => match name.as_str() {
                "scale" => Number::from(self.scale as i64),
                "ibase" => Number::from(i64::from(self.input_base)),
                "obase" => Number::from(i64::from(self.output_base)),
                _ => self.last.clone(),
            },
        })
    }

    fn write(&mut self, place: &Place, value: Number) -> Result<()> {
        match place {
            Place::Variable(name) => drop(self.variables.insert(name.clone(), value)),
            Place::Element(name, index) => {
                let index = self.index(index)?;
                self.arrays.entry(name.clone()).or_default().insert(index, value);
            }
            Place::Special(name) => {
                let whole = value.to_integer().unwrap_or(i64::MAX);
                match name.as_str() {
                    "scale" => self.scale = whole.clamp(0, 100_000) as usize,
                    "ibase" => self.input_base = whole.clamp(2, 36) as u32,
                    "obase" => self.output_base = whole.clamp(2, 65_536) as u32,
                    _ => self.last = value,
                }
            }
        }
        Ok(())
    }
}

/// Replaces the escapes of `print`.
fn unescape(text: &str) -> String {
    let mut result = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            result.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => result.push('\n'),
            Some('t') => result.push('\t'),
            Some('r') => result.push('\r'),
            Some('a') => result.push('\x07'),
            Some('b') => result.push('\x08'),
            Some('f') => result.push('\x0c'),
            Some('q') => result.push('"'),
            Some('\\') => result.push('\\'),
            Some(other) => result.extend(['\\', other]),
            None => result.push('\\'),
        }
    }
    result
}
