//! Reads expressions.

use super::ast::{BUILTINS, Builtin, Cmp, Expr, Op, Pattern, Place, Source, Var};
use super::lexer::Token;
use super::parser::Parser;
use crate::regex::{Options, Regex, Syntax};
use std::rc::Rc;

/// How deeply expressions may nest: what fits on the stack of a process.
const MAX_DEPTH: usize = 160;

impl Parser {
    /// Reads an expression.
    pub(super) fn expr(&mut self) -> Result<Expr, String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return self.fail("nested too deeply");
        }
        let expr = self.assignment();
        self.depth -= 1;
        expr
    }

    fn assignment(&mut self) -> Result<Expr, String> {
        let left = self.conditional()?;
        let Token::Op(op) = *self.peek() else { return Ok(left) };
        let op = match op {
            "=" => None,
            "+=" => Some(Op::Add),
            "-=" => Some(Op::Sub),
            "*=" => Some(Op::Mul),
            "/=" => Some(Op::Div),
            "%=" => Some(Op::Mod),
            "^=" => Some(Op::Pow),
            _ => return Ok(left),
        };
        self.at += 1;
        self.skip_newlines();
        let right = self.expr()?;
        self.assign(left, op, right)
    }

    fn assign(&mut self, left: Expr, op: Option<Op>, right: Expr) -> Result<Expr, String> {
        match left {
            Expr::Place(place) => Ok(match (op, right) {
                (Some(op), right) => Expr::Update(op, place, Box::new(right)),
                (None, Expr::Concat(mut parts)) if appends_to(&place, &parts) => {
                    parts.remove(0);
                    match place {
                        Place::Var(var) => Expr::AppendTo(var, parts),
                        place => Expr::Assign(place, Box::new(Expr::Concat(parts))),
                    }
                }
                (None, right) => Expr::Assign(place, Box::new(right)),
            }),
            // `!x = y` and `a && b = c` assign to the last operand, as everywhere.
            Expr::Not(inner) => Ok(Expr::Not(Box::new(self.assign(*inner, op, right)?))),
            Expr::And(first, last) => Ok(Expr::And(first, Box::new(self.assign(*last, op, right)?))),
            Expr::Or(first, last) => Ok(Expr::Or(first, Box::new(self.assign(*last, op, right)?))),
            Expr::Match { text, pattern, negated } => {
                Ok(Expr::Match { text, pattern: Box::new(self.assign(*pattern, op, right)?), negated })
            }
            Expr::Compare(cmp, first, last) => Ok(Expr::Compare(cmp, first, Box::new(self.assign(*last, op, right)?))),
            _ => self.fail("assignment to something that is no variable"),
        }
    }

    fn conditional(&mut self) -> Result<Expr, String> {
        let condition = self.or()?;
        if !self.eat_op("?") {
            return Ok(condition);
        }
        self.skip_newlines();
        let then = self.expr()?;
        self.skip_newlines();
        self.expect(":")?;
        self.skip_newlines();
        let otherwise = self.expr()?;
        Ok(Expr::Conditional(Box::new(condition), Box::new(then), Box::new(otherwise)))
    }

    fn or(&mut self) -> Result<Expr, String> {
        let mut left = self.and()?;
        while self.eat_op("||") {
            self.skip_newlines();
            left = Expr::Or(Box::new(left), Box::new(self.and()?));
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Expr, String> {
        let mut left = self.membership()?;
        while self.eat_op("&&") {
            self.skip_newlines();
            left = Expr::And(Box::new(left), Box::new(self.membership()?));
        }
        Ok(left)
    }

    fn membership(&mut self) -> Result<Expr, String> {
        let mut left = self.matching()?;
        while *self.peek() == Token::Word("in") {
            self.at += 1;
            let (Token::Name(name) | Token::Call(name)) = self.next() else { return self.fail("expected an array") };
            left = Expr::In(self.array(&name)?, vec![left]);
        }
        Ok(left)
    }

    fn matching(&mut self) -> Result<Expr, String> {
        let mut left = self.comparison()?;
        loop {
            let negated = match self.peek() {
                Token::Op("~") => false,
                Token::Op("!~") => true,
                _ => return Ok(left),
            };
            self.at += 1;
            self.skip_newlines();
            let pattern = Box::new(self.comparison()?);
            left = Expr::Match { text: Box::new(left), pattern, negated };
        }
    }

    fn comparison(&mut self) -> Result<Expr, String> {
        let left = self.piped()?;
        let cmp = match self.peek() {
            Token::Op("<") => Cmp::Less,
            Token::Op("<=") => Cmp::LessEq,
            Token::Op("==") => Cmp::Equal,
            Token::Op("!=") => Cmp::NotEqual,
            Token::Op(">") if !self.no_greater => Cmp::Greater,
            Token::Op(">=") => Cmp::GreaterEq,
            _ => return Ok(left),
        };
        self.at += 1;
        self.skip_newlines();
        let right = self.piped()?;
        Ok(Expr::Compare(cmp, Box::new(left), Box::new(right)))
    }

    /// Reads a concatenation, and `| getline` after it.
    fn piped(&mut self) -> Result<Expr, String> {
        let mut left = self.concatenation()?;
        while self.is_op("|") && *self.peek_at(1) == Token::Word("getline") {
            self.at += 2;
            let place = self.optional_place()?;
            left = Expr::Getline(Source::Command(Box::new(left)), place);
        }
        Ok(left)
    }

    pub(super) fn concatenation(&mut self) -> Result<Expr, String> {
        let first = self.additive()?;
        if !self.starts_operand() {
            return Ok(first);
        }
        let mut parts = vec![first];
        while self.starts_operand() {
            parts.push(self.additive()?);
        }
        Ok(Expr::Concat(parts))
    }

    /// Tells whether an operand of a concatenation follows.
    fn starts_operand(&self) -> bool {
        match self.peek() {
            Token::Number(_) | Token::Text(_) | Token::Regex(_) | Token::Name(_) | Token::Call(_) => true,
            Token::Op(op) => matches!(*op, "(" | "$" | "!" | "++" | "--"),
            // Signs are operators here, and words end the expression.
            _ => false,
        }
    }

    fn additive(&mut self) -> Result<Expr, String> {
        let mut left = self.multiplicative()?;
        loop {
            let op = match self.peek() {
                Token::Op("+") => Op::Add,
                Token::Op("-") => Op::Sub,
                _ => return Ok(left),
            };
            self.at += 1;
            self.skip_newlines();
            left = Expr::Binary(op, Box::new(left), Box::new(self.multiplicative()?));
        }
    }

    fn multiplicative(&mut self) -> Result<Expr, String> {
        let mut left = self.unary()?;
        loop {
            let op = match self.peek() {
                Token::Op("*") => Op::Mul,
                Token::Op("/") => Op::Div,
                Token::Op("%") => Op::Mod,
                _ => return Ok(left),
            };
            self.at += 1;
            self.skip_newlines();
            left = Expr::Binary(op, Box::new(left), Box::new(self.unary()?));
        }
    }

    fn unary(&mut self) -> Result<Expr, String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return self.fail("nested too deeply");
        }
        let expr = if self.eat_op("!") {
            Expr::Not(Box::new(self.unary()?))
        } else if self.eat_op("-") {
            Expr::Negate(Box::new(self.unary()?))
        } else if self.eat_op("+") {
            Expr::ToNumber(Box::new(self.unary()?))
        } else {
            self.power()?
        };
        self.depth -= 1;
        Ok(expr)
    }

    fn power(&mut self) -> Result<Expr, String> {
        let base = self.postfix()?;
        if !self.eat_op("^") {
            return Ok(base);
        }
        self.skip_newlines();
        // To the right, and with a sign: 2^-3^2.
        let exponent = self.unary()?;
        Ok(Expr::Binary(Op::Pow, Box::new(base), Box::new(exponent)))
    }

    fn postfix(&mut self) -> Result<Expr, String> {
        let expr = self.primary()?;
        let by = match self.peek() {
            Token::Op("++") => 1.0,
            Token::Op("--") => -1.0,
            _ => return Ok(expr),
        };
        match expr {
            Expr::Place(place) => {
                self.at += 1;
                Ok(Expr::Step { place, prefix: false, by })
            }
            expr => Ok(expr),
        }
    }

    /// Reads a variable, a field or an element, if one follows.
    fn optional_place(&mut self) -> Result<Option<Place>, String> {
        let follows = matches!(self.peek(), Token::Name(_)) || self.is_op("$");
        if !follows {
            return Ok(None);
        }
        match self.primary()? {
            Expr::Place(place) => Ok(Some(place)),
            _ => self.fail("expected a variable"),
        }
    }

    fn primary(&mut self) -> Result<Expr, String> {
        Ok(match self.next() {
            Token::Number(value) => Expr::Number(value),
            Token::Text(text) => Expr::Text(Rc::new(text)),
            Token::Regex(source) => self.regex(source)?,
            Token::Name(name) => self.named(&name)?,
            Token::Call(name) => self.call(&name)?,
            Token::Op("$") => Expr::Place(Place::Field(Box::new(self.field_index()?))),
            Token::Op(op @ ("++" | "--")) => match self.primary()? {
                Expr::Place(place) => Expr::Step { place, prefix: true, by: if op == "++" { 1.0 } else { -1.0 } },
                _ => return self.fail("expected a variable"),
            },
            Token::Op("-") => Expr::Negate(Box::new(self.unary()?)),
            Token::Op("+") => Expr::ToNumber(Box::new(self.unary()?)),
            Token::Op("!") => Expr::Not(Box::new(self.unary()?)),
            Token::Op("(") => self.group()?,
            Token::Word("getline") => {
                let place = self.optional_place()?;
                if self.eat_op("<") {
                    let file = self.postfix()?;
                    return Ok(Expr::Getline(Source::File(Box::new(file)), place));
                }
                Expr::Getline(Source::Main, place)
            }
            _ => {
                self.at -= 1;
                return self.fail("expected an expression");
            }
        })
    }

    fn field_index(&mut self) -> Result<Expr, String> {
        // `$i++` is `($i)++`, but `$++i` is `$(++i)`.
        if self.eat_op("-") {
            return Ok(Expr::Negate(Box::new(self.primary()?)));
        }
        self.primary()
    }

    fn regex(&mut self, source: Vec<u8>) -> Result<Expr, String> {
        let regex = Regex::new(&source, &Options::new(Syntax::Awk))
            .map_err(|error| format!("source line {}: /{}/: {error}", self.line(), String::from_utf8_lossy(&source)))?;
        Ok(Expr::Regex(Rc::new(Pattern { source: Rc::new(source), regex })))
    }

    fn group(&mut self) -> Result<Expr, String> {
        let mut list = self.list(")")?;
        if list.len() == 1 {
            return Ok(Expr::Group(Box::new(list.remove(0))));
        }
        if list.is_empty() || *self.peek() != Token::Word("in") {
            return self.fail("expected 'in' after a list");
        }
        self.at += 1;
        let (Token::Name(name) | Token::Call(name)) = self.next() else { return self.fail("expected an array") };
        Ok(Expr::In(self.array(&name)?, list))
    }

    /// Reads expressions up to and with `close`.
    pub(super) fn list(&mut self, close: &str) -> Result<Vec<Expr>, String> {
        let no_greater = std::mem::take(&mut self.no_greater);
        let mut list = Vec::new();
        self.skip_newlines();
        while !self.eat_op(close) {
            list.push(self.expr()?);
            self.skip_newlines();
            if self.eat_op(close) {
                break;
            }
            self.expect(",")?;
            self.skip_newlines();
        }
        self.no_greater = no_greater;
        Ok(list)
    }

    /// Reads an element's indices, after the `[`.
    pub(super) fn subscripts(&mut self) -> Result<Vec<Expr>, String> {
        let list = self.list("]")?;
        if list.is_empty() { self.fail("expected an index") } else { Ok(list) }
    }

    fn named(&mut self, name: &str) -> Result<Expr, String> {
        if self.eat_op("[") {
            let array = self.array(name)?;
            return Ok(Expr::Place(Place::Element(array, self.subscripts()?)));
        }
        // The one builtin that may lack its parentheses.
        if name == "length" {
            return Ok(Expr::Builtin(Builtin::Length, Vec::new()));
        }
        // A user's function may not, but blanks before them are common for builtins.
        if self.is_op("(") && BUILTINS.iter().any(|(builtin, ..)| *builtin == name) {
            return self.call(name);
        }
        Ok(Expr::Place(Place::Var(self.variable(name))))
    }

    fn call(&mut self, name: &str) -> Result<Expr, String> {
        let line = self.line();
        if let Some(&function) = self.functions.get(name) {
            self.expect("(")?;
            let args = self.list(")")?;
            for (index, arg) in args.iter().enumerate() {
                self.note_passed(arg, function, index);
            }
            self.calls.push((function, args.len(), line));
            return Ok(Expr::Call(function, args));
        }
        let Some(&(_, builtin, fewest, most)) = BUILTINS.iter().find(|(builtin, ..)| *builtin == name) else {
            return Err(format!("source line {line}: function {name} never defined"));
        };
        self.expect("(")?;
        let args = self.list(")")?;
        if args.len() < fewest || args.len() > most {
            return self.fail(&format!("{name} has the wrong number of arguments"));
        }
        for (index, arg) in args.iter().enumerate().filter(|(index, _)| builtin.takes_array(*index)) {
            match arg {
                Expr::Place(Place::Var(Var::Local(local))) => self.note_local_array(*local),
                Expr::Place(Place::Var(_)) => {}
                _ => return self.fail(&format!("{name} wants an array as argument {}", index + 1)),
            }
        }
        Ok(Expr::Builtin(builtin, args))
    }
}

fn appends_to(place: &Place, parts: &[Expr]) -> bool {
    match (place, &parts[0]) {
        (Place::Var(var @ (Var::Global(_) | Var::Local(_))), Expr::Place(Place::Var(first))) => var == first,
        _ => false,
    }
}
