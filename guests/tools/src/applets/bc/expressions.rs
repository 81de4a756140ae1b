//! The grammar of bc's expressions.

use super::lexer::Token;
use super::parser::{Argument, Expression, MOST_NESTED, Parser, Place, Result};

impl Parser {
    pub(super) fn expression(&mut self) -> Result<Expression> {
        self.depth += 1;
        if self.depth > MOST_NESTED {
            return self.error();
        }
        let expression = self.binary(0);
        self.depth -= 1;
        expression
    }

    /// The operators that stand between two expressions, from the loosest on.
    const LEVELS: [&'static [&'static str]; 5] =
        [&["||"], &["&&"], &["==", "<=", ">=", "!=", "<", ">"], &["+", "-"], &["*", "/", "%"]];

    fn binary(&mut self, level: usize) -> Result<Expression> {
        let Some(operators) = Self::LEVELS.get(level) else { return self.power() };
        // `!` binds more loosely than comparisons.
        if level == 2 && self.accept("!") {
            return Ok(Expression::Not(Box::new(self.binary(2)?)));
        }
        let mut left = self.binary(level + 1)?;
        while let Token::Operator(found) = *self.token() {
            if !operators.contains(&found) {
                break;
            }
            self.at += 1;
            let right = self.binary(level + 1)?;
            left = Expression::Binary(Box::new(left), found, Box::new(right));
        }
        Ok(left)
    }

    fn power(&mut self) -> Result<Expression> {
        let base = self.unary()?;
        if self.accept("^") {
            self.depth += 1;
            let exponent = if self.depth > MOST_NESTED { return self.error() } else { self.power()? };
            self.depth -= 1;
            return Ok(Expression::Binary(Box::new(base), "^", Box::new(exponent)));
        }
        Ok(base)
    }

    fn unary(&mut self) -> Result<Expression> {
        self.depth += 1;
        if self.depth > MOST_NESTED {
            return self.error();
        }
        let expression = self.unary_within();
        self.depth -= 1;
        expression
    }

    fn unary_within(&mut self) -> Result<Expression> {
        if self.accept("-") {
            return Ok(Expression::Negate(Box::new(self.unary()?)));
        }
        if self.accept("+") {
            return self.unary();
        }
        for (operator, step) in [("++", 1), ("--", -1)] {
            if self.accept(operator) {
                return match self.primary()? {
                    Expression::Read(place) => Ok(Expression::Step(place, step, true)),
                    _ => self.error(),
                };
            }
        }
        let expression = self.primary()?;
        let Expression::Read(place) = expression else { return Ok(expression) };
        let Token::Operator(operator) = *self.token() else { return Ok(Expression::Read(place)) };
        let assigns = match operator {
            "=" => "",
            "+=" => "+",
            "-=" => "-",
            "*=" => "*",
            "/=" => "/",
            "%=" => "%",
            "^=" => "^",
            "++" | "--" => {
                self.at += 1;
                return Ok(Expression::Step(place, if operator == "++" { 1 } else { -1 }, false));
            }
            _ => return Ok(Expression::Read(place)),
        };
        self.at += 1;
        // What is assigned goes as far as it can.
        let value = self.binary(0)?;
        Ok(Expression::Assign(place, assigns, Box::new(value)))
    }

    fn primary(&mut self) -> Result<Expression> {
        match self.take() {
            Token::Number(digits) => Ok(Expression::Number(digits)),
            Token::Operator("(") => {
                let inner = self.expression()?;
                self.expect(")")?;
                Ok(Expression::Group(Box::new(inner)))
            }
            Token::Name(name) => {
                if self.accept("[") {
                    let index = self.expression()?;
                    self.expect("]")?;
                    return Ok(Expression::Read(Place::Element(name, Box::new(index))));
                }
                if self.accept("(") {
                    return Ok(Expression::Call(name, self.arguments()?));
                }
                Ok(Expression::Read(match name.as_str() {
                    "scale" | "ibase" | "obase" | "last" => Place::Special(name),
                    _ => Place::Variable(name),
                }))
            }
            _ => {
                self.at -= 1;
                self.error()
            }
        }
    }

    fn arguments(&mut self) -> Result<Vec<Argument>> {
        let mut arguments = Vec::new();
        if self.accept(")") {
            return Ok(arguments);
        }
        loop {
            let is_array = matches!(
                self.tokens.get(self.at..self.at + 3),
                Some([(Token::Name(_), _), (Token::Operator("["), _), (Token::Operator("]"), _)])
            );
            if let (true, Token::Name(name)) = (is_array, self.token().clone()) {
                self.at += 3;
                arguments.push(Argument::Array(name));
            } else {
                arguments.push(Argument::Value(self.expression()?));
            }
            if !self.accept(",") {
                break;
            }
        }
        self.expect(")")?;
        Ok(arguments)
    }
}
