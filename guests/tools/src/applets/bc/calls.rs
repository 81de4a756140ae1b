//! Calls of functions: a program's own and those that bc has.

use std::collections::HashMap;
use std::io::{self, Write};

use num_bigint::BigInt;

use super::machine::{Flow, Machine, Result, failed};
use super::math;
use super::number::Number;
use super::parser::{Argument, Function, Parameter};

/// Calls within calls, before the stack of the process would end.
const MOST_CALLS: usize = 400;

impl<W: Write> Machine<W> {
    pub(super) fn call(&mut self, name: &str, arguments: &[Argument]) -> Result<Number> {
        if let Some(function) = self.functions.get(name).cloned() {
            return self.call_function(&function, arguments);
        }
        let mut values = Vec::new();
        for argument in arguments {
            match argument {
                Argument::Value(expression) => values.push(self.evaluate(expression)?),
                Argument::Array(array) if name == "length" => {
                    let length = self.arrays.get(array).map_or(0, HashMap::len);
                    return Ok(Number::from(length as i64));
                }
                Argument::Array(_) => return failed("Parameter type mismatch"),
            }
        }
        let scale = self.scale;
        match (name, values.as_slice()) {
            ("length", [x]) => Ok(Number::from(x.length() as i64)),
            ("scale", [x]) => Ok(Number::from(x.scale as i64)),
            ("sqrt", [x]) => x.square_root(scale).map_or_else(|| failed("Square root of a negative number"), Ok),
            ("read", []) => {
                let mut line = String::new();
                io::stdin().read_line(&mut line)?;
                let text = line.trim();
                let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
                let number = Number::parse(digits, self.input_base);
                Ok(Number { value: number.value * sign, scale: number.scale })
            }
            ("s", [x]) if self.math_library => Ok(math::sine(x, scale)),
            ("c", [x]) if self.math_library => Ok(math::cosine(x, scale)),
            ("a", [x]) if self.math_library => Ok(math::arc_tangent(x, scale)),
            ("l", [x]) if self.math_library => Ok(math::logarithm(x, scale)),
            ("e", [x]) if self.math_library => {
                math::exponential(x, scale).map_or_else(|| failed("exponent too large in e"), Ok)
            }
            ("j", [n, x]) if self.math_library => Ok(math::bessel(n, x, scale)),
            _ => failed(format!("Function {name} not defined.")),
        }
    }

    fn call_function(&mut self, function: &Function, arguments: &[Argument]) -> Result<Number> {
        if arguments.len() != function.parameters.len() {
            return failed("Parameter number mismatch");
        }
        if self.depth >= MOST_CALLS {
            return failed("Stack error: functions call each other too deeply");
        }
        // Arguments are worth what they are before any parameter hides a variable.
        let mut values = Vec::new();
        for (argument, (_, is_array)) in arguments.iter().zip(&function.parameters) {
            values.push(match (argument, is_array) {
                (Argument::Value(expression), false) => Bound::Value(self.evaluate(expression)?),
                (Argument::Array(name), true) => Bound::Array(self.arrays.get(name).cloned().unwrap_or_default()),
                _ => return failed("Parameter type mismatch"),
            });
        }
        let locals: Vec<&Parameter> = function.parameters.iter().chain(&function.locals).collect();
        let hidden: Vec<_> =
            locals.iter().map(|(name, _)| (self.variables.remove(name), self.arrays.remove(name))).collect();
        for ((name, _), value) in function.parameters.iter().zip(values) {
            match value {
                Bound::Value(value) => drop(self.variables.insert(name.clone(), value)),
                Bound::Array(array) => drop(self.arrays.insert(name.clone(), array)),
            }
        }
        self.depth += 1;
        let flow = self.run_all(&function.body);
        self.depth -= 1;
        for ((name, _), (variable, array)) in locals.iter().zip(hidden).rev() {
            self.variables.remove(name);
            self.arrays.remove(name);
            self.variables.extend(variable.map(|value| (name.clone(), value)));
            self.arrays.extend(array.map(|array| (name.clone(), array)));
        }
        Ok(match flow? {
            Flow::Return(value) => value,
            _ => Number { value: BigInt::ZERO, scale: 0 },
        })
    }
}

enum Bound {
    Value(Number),
    Array(HashMap<i64, Number>),
}
