//! The functions that awk brings.

use super::ast::{Builtin, Expr, Place, Special};
use super::interp::{Fatal, Interp};
use super::record::{self, Separator};
use super::streams;
use super::value::{Cell, Key, Str, Value};
use super::{substitute, text};
use crate::process;
use crate::regex::Groups;
use crate::time;
use std::rc::Rc;
use stillbox_sys::date;

impl Interp<'_> {
    /// Calls a builtin.
    pub(super) fn builtin(&mut self, builtin: Builtin, args: &[Expr]) -> Result<Value, Fatal> {
        let number = Value::Number;
        Ok(match builtin {
            Builtin::Length => number(self.length(args.first())?),
            Builtin::Substr => self.substr(args)?,
            Builtin::Index => {
                let (text, wanted) = (self.eval_text(&args[0])?, self.eval_text(&args[1])?);
                let found = memchr::memmem::find(&text, &wanted);
                number(found.map_or(0.0, |at| (text::length(&text[..at]) + 1) as f64))
            }
            Builtin::Split => self.split(args)?,
            Builtin::Match => self.match_text(args)?,
            Builtin::Sub => self.sub(args, false)?,
            Builtin::Gsub => self.sub(args, true)?,
            Builtin::Gensub => self.gensub(args)?,
            Builtin::Sprintf => {
                let mut text = Vec::new();
                self.format(args, &mut text)?;
                Value::string(text)
            }
            Builtin::Tolower => Value::string(text::change_case(&self.eval_text(&args[0])?, false)),
            Builtin::Toupper => Value::string(text::change_case(&self.eval_text(&args[0])?, true)),
            Builtin::Atan2 => {
                let y = self.number(&args[0])?;
                number(y.atan2(self.number(&args[1])?))
            }
            Builtin::Cos => number(self.number(&args[0])?.cos()),
            Builtin::Exp => number(self.number(&args[0])?.exp()),
            Builtin::Int => number(self.number(&args[0])?.trunc()),
            Builtin::Log => number(self.number(&args[0])?.ln()),
            Builtin::Sin => number(self.number(&args[0])?.sin()),
            Builtin::Sqrt => number(self.number(&args[0])?.sqrt()),
            Builtin::Rand => number(self.random()),
            Builtin::Srand => {
                let seed = match args.first() {
                    Some(seed) => self.number(seed)?,
                    None => time::now(),
                };
                let before = std::mem::replace(&mut self.seed, seed);
                self.seed_random(seed);
                number(before)
            }
            Builtin::Systime => number(time::now()),
            Builtin::Mktime => number(time::from_text(&self.eval_text(&args[0])?)),
            Builtin::Strftime => {
                let format = match args.first() {
                    Some(format) => self.eval_text(format)?,
                    None => Rc::new(b"%a %b %e %H:%M:%S %Z %Y".to_vec()),
                };
                let when = args.get(1).map_or_else(|| Ok(time::now()), |when| self.number(when))?;
                Value::string(date::format(&format, when as i64))
            }
            Builtin::Strtonum => {
                let value = self.eval(&args[0])?;
                number(match &value {
                    Value::String(text) | Value::Input(text) => parse_any_base(text),
                    value => value.to_number(),
                })
            }
            Builtin::System => {
                let command = self.eval_text(&args[0])?;
                self.stdout.flush();
                self.streams.flush_all();
                number(process::run(&process::shell(&command)).map_or(-1.0, streams::status_number))
            }
            Builtin::Close => {
                let name = self.eval_text(&args[0])?;
                self.stdout.flush();
                number(self.streams.close(&name))
            }
            Builtin::Fflush => match args.first() {
                None => {
                    self.stdout.flush();
                    self.streams.flush_all();
                    number(0.0)
                }
                Some(name) => {
                    let name = self.eval_text(name)?;
                    self.stdout.flush();
                    let known = name.is_empty() || *name == b"/dev/stdout" || self.streams.flush(&name);
                    number(if known { 0.0 } else { -1.0 })
                }
            },
            Builtin::Asort => number(self.sort(args, false)?),
            Builtin::Asorti => number(self.sort(args, true)?),
            Builtin::And => self.bits(args, |a, b| a & b)?,
            Builtin::Or => self.bits(args, |a, b| a | b)?,
            Builtin::Xor => self.bits(args, |a, b| a ^ b)?,
            Builtin::Lshift => self.bits(args, |a, b| a.checked_shl(b as u32).unwrap_or(0))?,
            Builtin::Rshift => self.bits(args, |a, b| a.checked_shr(b as u32).unwrap_or(0))?,
            // All the bits that a number can hold exactly.
            Builtin::Compl => number((!(self.number(&args[0])? as u64) & ((1 << 53) - 1)) as f64),
        })
    }

    fn number(&mut self, expr: &Expr) -> Result<f64, Fatal> {
        Ok(self.eval(expr)?.to_number())
    }

    fn bits(&mut self, args: &[Expr], combine: fn(u64, u64) -> u64) -> Result<Value, Fatal> {
        let (left, right) = (self.number(&args[0])?, self.number(&args[1])?);
        if left < 0.0 || right < 0.0 {
            return Err("negative values are not allowed in bit functions".into());
        }
        Ok(Value::Number(combine(left as u64, right as u64) as f64))
    }

    fn length(&mut self, arg: Option<&Expr>) -> Result<f64, Fatal> {
        let text = match arg {
            None => self.whole(),
            Some(Expr::Place(Place::Var(var))) => {
                if let Cell::Array(array) = self.cell(*var) {
                    return Ok(array.borrow().len() as f64);
                }
                self.eval_text(&Expr::Place(Place::Var(*var)))?
            }
            Some(expr) => self.eval_text(expr)?,
        };
        Ok(text::length(&text) as f64)
    }

    fn substr(&mut self, args: &[Expr]) -> Result<Value, Fatal> {
        let text = self.eval_text(&args[0])?;
        let start = self.number(&args[1])?.trunc();
        let length = args.get(2).map_or(Ok(f64::INFINITY), |length| self.number(length))?.trunc();
        if start.is_nan() || length.is_nan() || length < 1.0 {
            return Ok(Value::string(Vec::new()));
        }
        // As in gawk and mawk, a start before the first character is the first character.
        let first = (start.max(1.0) - 1.0) as usize;
        let from = text::offset(&text, first);
        let rest = &text[from..];
        let count = length as usize;
        let to = if count >= rest.len() { rest.len() } else { text::offset(rest, count) };
        Ok(Value::string(rest[..to].to_vec()))
    }

    fn split(&mut self, args: &[Expr]) -> Result<Value, Fatal> {
        let text = self.eval_text(&args[0])?;
        let array = self.array_arg(&args[1])?;
        let separators = args.get(3).map(|arg| self.array_arg(arg)).transpose()?;
        let mut made = None;
        match args.get(2) {
            None => {}
            Some(Expr::Regex(pattern)) => made = Some(Separator::Regex(self.regex(&pattern.source)?)),
            Some(expr) => {
                let source = self.eval_text(expr)?;
                made = Some(self.make_separator(&source)?);
            }
        }
        let (mut fields, mut ends) = (Vec::new(), Vec::new());
        record::split(&text, made.as_ref().unwrap_or(&self.separator), false, |field, end| {
            fields.push(Value::input(field));
            ends.push(Value::input(end));
        });
        let count = fields.len();
        fill(&array, fields);
        if let Some(separators) = separators {
            ends.pop();
            fill(&separators, ends);
        }
        Ok(Value::Number(count as f64))
    }

    fn array_arg(&mut self, arg: &Expr) -> Result<super::value::ArrayRef, Fatal> {
        match arg {
            Expr::Place(Place::Var(var)) => self.array(*var),
            _ => Err("expected an array".into()),
        }
    }

    fn match_text(&mut self, args: &[Expr]) -> Result<Value, Fatal> {
        let text = self.eval_text(&args[0])?;
        let mut groups = Groups::new();
        let wants_groups = args.len() > 2;
        let found = self.with_regex(&args[1], |regex| {
            if wants_groups {
                return regex.groups_at(&text, 0, &mut groups).then(|| groups[0]).flatten();
            }
            regex.find_at(&text, 0)
        })?;
        let (start, length) = match found {
            Some((start, end)) => ((text::length(&text[..start]) + 1) as f64, text::length(&text[start..end]) as f64),
            None => (0.0, -1.0),
        };
        if let Some(array) = args.get(2) {
            let array = self.array_arg(array)?;
            let mut array = array.borrow_mut();
            array.clear();
            let groups = groups.iter().enumerate().filter(|_| found.is_some());
            for (index, (start, end)) in groups.filter_map(|(index, group)| Some((index, (*group)?))) {
                let key = |suffix: &str| {
                    let separator = String::from_utf8_lossy(&self.subsep);
                    let name =
                        if suffix.is_empty() { index.to_string() } else { format!("{index}{separator}{suffix}") };
                    Key(Rc::new(name.into_bytes()))
                };
                array.insert(key(""), Value::input(&text[start..end]));
                array.insert(key("start"), Value::Number((text::length(&text[..start]) + 1) as f64));
                array.insert(key("length"), Value::Number(text::length(&text[start..end]) as f64));
            }
        }
        self.specials[Special::Rstart as usize] = Cell::Scalar(Value::Number(start));
        self.specials[Special::Rlength as usize] = Cell::Scalar(Value::Number(length));
        Ok(Value::Number(start))
    }

    fn sub(&mut self, args: &[Expr], global: bool) -> Result<Value, Fatal> {
        let replacement = self.eval_text(&args[1])?;
        let whole = Expr::Place(Place::Field(Box::new(Expr::Number(0.0))));
        let target = args.get(2).unwrap_or(&whole);
        let text = self.eval_text(target)?;
        let parts = substitute::parse(&replacement, false);
        let which = if global { substitute::Which::All } else { substitute::Which::Nth(1) };
        let (result, count) = self.with_regex(&args[0], |regex| substitute::apply(regex, &text, &parts, which))?;
        if count > 0 {
            // What is no variable is changed for nothing.
            if let Expr::Place(place) = target {
                self.assign(place, Value::string(result))?;
            }
        }
        Ok(Value::Number(count as f64))
    }

    fn gensub(&mut self, args: &[Expr]) -> Result<Value, Fatal> {
        let replacement = self.eval_text(&args[1])?;
        let how = self.eval(&args[2])?;
        let text = match args.get(3) {
            Some(text) => self.eval_text(text)?,
            None => self.whole(),
        };
        let which = match how.to_text(b"%.6g").first() {
            Some(b'g' | b'G') => substitute::Which::All,
            _ => substitute::Which::Nth(how.to_number().max(1.0) as usize),
        };
        let parts = substitute::parse(&replacement, true);
        let (result, _) = self.with_regex(&args[0], |regex| substitute::apply(regex, &text, &parts, which))?;
        Ok(Value::string(result))
    }

    /// Sorts an array by value, or its indices, into itself or another one.
    fn sort(&mut self, args: &[Expr], by_index: bool) -> Result<f64, Fatal> {
        let source = self.array_arg(&args[0])?;
        let target = args.get(1).map(|arg| self.array_arg(arg)).transpose()?.unwrap_or_else(|| Rc::clone(&source));
        let mut values: Vec<Value> = match by_index {
            true => source.borrow().keys().map(|key| Value::String(Rc::clone(&key.0))).collect(),
            false => source.borrow().values().cloned().collect(),
        };
        let convfmt: Str = Rc::clone(&self.convfmt);
        // Numbers come before strings.
        values.sort_by(|a, b| match (a.as_number(), b.as_number()) {
            (Some(a), Some(b)) => a.total_cmp(&b),
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (None, None) => a.to_text(&convfmt).cmp(&b.to_text(&convfmt)),
        });
        let count = values.len();
        fill(&target, values);
        Ok(count as f64)
    }

    /// Starts the random numbers again.
    pub(super) fn seed_random(&mut self, seed: f64) {
        self.random = seed.to_bits() ^ 0x9E37_79B9_7F4A_7C15;
    }

    /// Returns a random number from 0 up to but not including 1 (the splitmix generator).
    fn random(&mut self) -> f64 {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Makes `array` hold `values` from index 1 on.
fn fill(array: &super::value::ArrayRef, values: Vec<Value>) {
    let mut array = array.borrow_mut();
    array.clear();
    for (index, value) in values.into_iter().enumerate() {
        array.insert(Key(Rc::new((index + 1).to_string().into_bytes())), value);
    }
}

/// Reads a number as `strtonum` does: hexadecimal after `0x`, octal after `0`.
fn parse_any_base(text: &[u8]) -> f64 {
    let text = text.trim_ascii();
    let digits = |digits: &[u8], radix: u32| {
        digits
            .iter()
            .map_while(|byte| char::from(*byte).to_digit(radix))
            .fold(0.0, |value, digit| value * f64::from(radix) + f64::from(digit))
    };
    match text {
        [b'0', b'x' | b'X', rest @ ..] => digits(rest, 16),
        [b'0', rest @ ..] if !rest.is_empty() && rest.iter().all(u8::is_ascii_digit) => digits(rest, 8),
        text => super::number::parse_prefix(text).0,
    }
}
