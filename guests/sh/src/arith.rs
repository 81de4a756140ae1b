//! Arithmetic: `$(( ))`, `(( ))`, `let`, indices and integer variables.

use crate::shell::{Flow, Shell, Unwind};

/// How deeply expressions and the variables in them may nest.
const MAX_DEPTH: u32 = 256;

impl Shell {
    /// Evaluates an expression whose parameters have been expanded.
    pub fn arithmetic(&mut self, source: &str) -> Flow<i64> {
        // Most indices and operands are plain numbers.
        let trimmed = source.trim();
        if trimmed.is_empty() {
            return Ok(0);
        }
        if trimmed.len() < 18 && !trimmed.starts_with('0') && trimmed.bytes().all(|b| b.is_ascii_digit()) {
            return Ok(trimmed.parse().unwrap_or(0));
        }
        let mut evaluator = Evaluator { shell: self, source, pos: 0, skip: false, depth: 0 };
        match evaluator.whole() {
            Ok(value) => Ok(value),
            Err(Failure::Unwind(unwind)) => Err(unwind),
            Err(Failure::Message(message)) => {
                self.error(format_args!("{}: {message}", source.trim_start()));
                Err(Unwind::Abort(1))
            }
        }
    }
}

enum Failure {
    Message(String),
    Unwind(Unwind),
}

impl From<Unwind> for Failure {
    fn from(unwind: Unwind) -> Self {
        Failure::Unwind(unwind)
    }
}

type Value = Result<i64, Failure>;

struct Evaluator<'a> {
    shell: &'a mut Shell,
    source: &'a str,
    pos: usize,
    /// Whether the value is not needed, so that nothing is assigned or divided.
    skip: bool,
    depth: u32,
}

/// A variable or element that can be assigned.
struct Target {
    name: String,
    index: Option<String>,
}

/// Binary operators, longest first, with how tightly they bind.
const BINARY: [(&str, u32); 19] = [
    ("**", 12),
    ("<<", 9),
    (">>", 9),
    ("<=", 8),
    (">=", 8),
    ("==", 7),
    ("!=", 7),
    ("&&", 3),
    ("||", 2),
    ("*", 11),
    ("/", 11),
    ("%", 11),
    ("+", 10),
    ("-", 10),
    ("<", 8),
    (">", 8),
    ("&", 6),
    ("^", 5),
    ("|", 4),
];

const ASSIGNMENTS: [&str; 11] = ["<<=", ">>=", "*=", "/=", "%=", "+=", "-=", "&=", "^=", "|=", "="];

impl Evaluator<'_> {
    fn whole(&mut self) -> Value {
        let value = self.comma()?;
        self.blanks();
        if self.pos < self.source.len() {
            let rest = self.rest().to_owned();
            let what = if rest.starts_with(|c: char| c.is_alphanumeric() || c == '_') {
                "syntax error in expression"
            } else if rest.starts_with('=') {
                "attempted assignment to non-variable"
            } else {
                "syntax error: invalid arithmetic operator"
            };
            return Err(self.failure(what, &rest));
        }
        Ok(value)
    }

    fn failure(&self, what: &str, token: &str) -> Failure {
        Failure::Message(format!("{what} (error token is \"{token}\")"))
    }

    fn rest(&self) -> &str {
        &self.source[self.pos..]
    }

    fn blanks(&mut self) {
        let rest = self.rest();
        self.pos += rest.len() - rest.trim_start().len();
    }

    fn eat(&mut self, text: &str) -> bool {
        self.blanks();
        let found = self.rest().starts_with(text);
        if found {
            self.pos += text.len();
        }
        found
    }

    fn comma(&mut self) -> Value {
        let mut value = self.assignment()?;
        while self.eat(",") {
            value = self.assignment()?;
        }
        Ok(value)
    }

    fn assignment(&mut self) -> Value {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Failure::Message("expression recursion level exceeded".to_owned()));
        }
        let value = self.assignment_inside();
        self.depth -= 1;
        value
    }

    fn assignment_inside(&mut self) -> Value {
        let start = self.pos;
        if let Some(target) = self.target()? {
            self.blanks();
            let operator = ASSIGNMENTS.iter().find(|op| self.rest().starts_with(**op));
            if let Some(operator) = operator.filter(|op| **op != "=" || !self.rest().starts_with("==")) {
                self.pos += operator.len();
                let right = self.assignment()?;
                let value = match operator.strip_suffix('=') {
                    Some("") | None => right,
                    Some(binary) => {
                        let left = self.read(&target)?;
                        self.apply(binary, left, right)?
                    }
                };
                self.write(&target, value)?;
                return Ok(value);
            }
        }
        self.pos = start;
        self.conditional()
    }

    fn conditional(&mut self) -> Value {
        let condition = self.binary(2)?;
        if !self.eat("?") {
            return Ok(condition);
        }
        let skipped = self.skip;
        self.skip = skipped || condition == 0;
        let yes = self.comma()?;
        if !self.eat(":") {
            let rest = self.rest().to_owned();
            return Err(self.failure("`:' expected for conditional expression", &rest));
        }
        self.skip = skipped || condition != 0;
        let no = self.assignment()?;
        self.skip = skipped;
        Ok(if condition != 0 { yes } else { no })
    }

    /// Returns the binary operator that comes next, unless it is part of an assignment.
    fn peek_binary(&mut self) -> Option<(&'static str, u32)> {
        self.blanks();
        let rest = self.rest();
        let (operator, level) = BINARY.iter().find(|(op, _)| rest.starts_with(op))?;
        let after = &rest[operator.len()..];
        // `<=` and its like end with the sign without assigning; `<<=` is the assignment, not `<` and `<=`.
        let assigns =
            after.starts_with('=') && !matches!(*operator, "<=" | ">=" | "==" | "!=" | "&&" | "||" | "**" | "<" | ">");
        if assigns { None } else { Some((operator, *level)) }
    }

    fn binary(&mut self, min: u32) -> Value {
        let mut left = self.unary()?;
        while let Some((operator, level)) = self.peek_binary().filter(|(_, level)| *level >= min) {
            self.pos += operator.len();
            let skipped = self.skip;
            match operator {
                "&&" => self.skip = skipped || left == 0,
                "||" => self.skip = skipped || left != 0,
                _ => {}
            }
            // Powers group from the right, everything else from the left.
            let right = self.binary(if operator == "**" { level } else { level + 1 })?;
            self.skip = skipped;
            left = self.apply(operator, left, right)?;
        }
        Ok(left)
    }

    fn apply(&self, operator: &str, left: i64, right: i64) -> Value {
        Ok(match operator {
            "**" if right < 0 && !self.skip => return Err(self.failure("exponent less than 0", self.rest())),
            "**" => power(left, right),
            "*" => left.wrapping_mul(right),
            "/" | "%" if right == 0 => {
                if self.skip {
                    return Ok(0);
                }
                let start = self.source[..self.pos].rfind(|c: char| !(c.is_alphanumeric() || c == '_' || c == ' '));
                let token = self.source[start.map_or(0, |at| at + 1)..].trim_start();
                return Err(self.failure("division by 0", token));
            }
            "/" => left.wrapping_div(right),
            "%" => left.wrapping_rem(right),
            "+" => left.wrapping_add(right),
            "-" => left.wrapping_sub(right),
            "<<" => left.wrapping_shl(right as u32),
            ">>" => left.wrapping_shr(right as u32),
            "<" => (left < right).into(),
            ">" => (left > right).into(),
            "<=" => (left <= right).into(),
            ">=" => (left >= right).into(),
            "==" => (left == right).into(),
            "!=" => (left != right).into(),
            "&" => left & right,
            "^" => left ^ right,
            "|" => left | right,
            "&&" => (left != 0 && right != 0).into(),
            _ => (left != 0 || right != 0).into(),
        })
    }

    fn unary(&mut self) -> Value {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Failure::Message("expression recursion level exceeded".to_owned()));
        }
        let value = self.unary_inside();
        self.depth -= 1;
        value
    }

    fn unary_inside(&mut self) -> Value {
        self.blanks();
        for (sign, step) in [("++", 1), ("--", -1)] {
            if self.rest().starts_with(sign) {
                let start = self.pos;
                self.pos += 2;
                if let Some(target) = self.target()? {
                    let value = self.read(&target)?.wrapping_add(step);
                    self.write(&target, value)?;
                    return Ok(value);
                }
                self.pos = start;
            }
        }
        match self.rest().bytes().next() {
            Some(b'!') => {
                self.pos += 1;
                Ok((self.unary()? == 0).into())
            }
            Some(b'~') => {
                self.pos += 1;
                Ok(!self.unary()?)
            }
            Some(b'-') => {
                self.pos += 1;
                Ok(self.unary()?.wrapping_neg())
            }
            Some(b'+') => {
                self.pos += 1;
                self.unary()
            }
            _ => self.primary(),
        }
    }

    fn primary(&mut self) -> Value {
        if self.eat("(") {
            let value = self.comma()?;
            if !self.eat(")") {
                let rest = self.rest().to_owned();
                return Err(self.failure("missing `)'", &rest));
            }
            return Ok(value);
        }
        if self.rest().starts_with(|c: char| c.is_ascii_digit()) {
            return self.number();
        }
        let Some(target) = self.target()? else {
            let rest = self.rest().to_owned();
            return Err(self.failure("syntax error: operand expected", &rest));
        };
        for (sign, step) in [("++", 1), ("--", -1)] {
            self.blanks();
            if self.rest().starts_with(sign) {
                self.pos += 2;
                let value = self.read(&target)?;
                self.write(&target, value.wrapping_add(step))?;
                return Ok(value);
            }
        }
        self.read(&target)
    }

    fn number(&mut self) -> Value {
        let rest = self.rest();
        let len =
            rest.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '#' | '@' | '_'))).unwrap_or(rest.len());
        let token = rest[..len].to_owned();
        self.pos += len;
        let too_great =
            |token: &str| Failure::Message(format!("value too great for base (error token is \"{token}\")"));
        let (base, digits) = if let Some((base, digits)) = token.split_once('#') {
            let base = base.parse::<i64>().ok().filter(|b| (2..=64).contains(b));
            (base.ok_or_else(|| self.failure("invalid arithmetic base", &token))?, digits)
        } else if let Some(hex) = token.strip_prefix("0x").or(token.strip_prefix("0X")) {
            (16, hex)
        } else if token.len() > 1 && token.starts_with('0') {
            (8, &token[1..])
        } else {
            (10, token.as_str())
        };
        let mut value = 0_i64;
        for c in digits.chars() {
            let digit = match c {
                '0'..='9' => c as i64 - '0' as i64,
                'a'..='z' => c as i64 - 'a' as i64 + 10,
                'A'..='Z' if base <= 36 => c as i64 - 'A' as i64 + 10,
                'A'..='Z' => c as i64 - 'A' as i64 + 36,
                '@' => 62,
                _ => 63,
            };
            if digit >= base {
                return Err(too_great(&token));
            }
            value = value.wrapping_mul(base).wrapping_add(digit);
        }
        Ok(value)
    }

    /// Reads a name and perhaps an index.
    fn target(&mut self) -> Result<Option<Target>, Failure> {
        self.blanks();
        let rest = self.rest();
        if !rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
            return Ok(None);
        }
        let len = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
        let name = rest[..len].to_owned();
        self.pos += len;
        if !self.rest().starts_with('[') {
            return Ok(Some(Target { name, index: None }));
        }
        let mut depth = 0;
        let close = self.rest().char_indices().find_map(|(at, c)| {
            match c {
                '[' => depth += 1,
                ']' => depth -= 1,
                _ => {}
            }
            (depth == 0).then_some(at)
        });
        let Some(close) = close else {
            let rest = self.rest().to_owned();
            return Err(self.failure("bad array subscript", &rest));
        };
        let index = self.rest()[1..close].to_owned();
        self.pos += close + 1;
        Ok(Some(Target { name, index: Some(index) }))
    }

    fn read(&mut self, target: &Target) -> Value {
        if self.skip {
            return Ok(0);
        }
        let text = match &target.index {
            None => self.shell.get(&target.name),
            Some(index) => self.shell.element(&target.name, index)?,
        };
        let Some(text) = text else {
            if self.shell.options.nounset {
                self.shell.error(format_args!("{}: unbound variable", target.name));
                return Err(Unwind::Exit(127).into());
            }
            return Ok(0);
        };
        if let Ok(value) = text.parse::<i64>()
            && (value == 0 || !text.starts_with('0'))
        {
            return Ok(value);
        }
        // A variable's value is an expression itself.
        let mut inner = Evaluator { shell: self.shell, source: &text, pos: 0, skip: false, depth: self.depth + 1 };
        if inner.depth > MAX_DEPTH {
            return Err(inner.failure("expression recursion level exceeded", &text));
        }
        inner.blanks();
        if inner.pos == text.len() { Ok(0) } else { inner.whole() }
    }

    fn write(&mut self, target: &Target, value: i64) -> Result<(), Failure> {
        if !self.skip {
            self.shell.assign(&target.name, target.index.as_deref(), &value.to_string(), false)?;
        }
        Ok(())
    }
}

fn power(base: i64, exponent: i64) -> i64 {
    let (mut result, mut base, mut exponent) = (1_i64, base, exponent);
    while exponent > 0 {
        if exponent & 1 == 1 {
            result = result.wrapping_mul(base);
        }
        base = base.wrapping_mul(base);
        exponent >>= 1;
    }
    result
}
