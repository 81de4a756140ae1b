//! The grammar of bc, with GNU's additions.

use super::lexer::Token;

/// A place that can be assigned to.
#[derive(Clone, Debug)]
pub enum Place {
    Variable(String),
    Element(String, Box<Expression>),
    /// `scale`, `ibase`, `obase` or `last`.
    Special(String),
}

#[derive(Clone, Debug)]
pub enum Expression {
    Number(String),
    Read(Place),
    Negate(Box<Expression>),
    Not(Box<Expression>),
    Binary(Box<Expression>, &'static str, Box<Expression>),
    /// `place op= value`; the operator is empty for `=`.
    Assign(Place, &'static str, Box<Expression>),
    /// `++` or `--`, and whether it stands before the place.
    Step(Place, i64, bool),
    Call(String, Vec<Argument>),
    /// In parentheses, which makes an assignment print.
    Group(Box<Expression>),
}

#[derive(Clone, Debug)]
pub enum Argument {
    Value(Expression),
    Array(String),
}

#[derive(Clone, Debug)]
pub enum Statement {
    Expression(Expression),
    Text(String),
    Print(Vec<Statement>),
    If(Expression, Box<Statement>, Option<Box<Statement>>),
    While(Expression, Box<Statement>),
    For(Option<Expression>, Option<Expression>, Option<Expression>, Box<Statement>),
    Block(Vec<Statement>),
    Define(Function),
    Return(Option<Expression>),
    Break,
    Continue,
    Halt,
    Quit,
    Nothing,
}

/// A parameter or local variable: its name, and whether it is an array.
pub type Parameter = (String, bool);

#[derive(Clone, Debug)]
pub struct Function {
    pub name: String,
    pub parameters: Vec<Parameter>,
    pub locals: Vec<Parameter>,
    pub body: Vec<Statement>,
}

pub struct Parser {
    pub(super) tokens: Vec<(Token, usize)>,
    pub(super) at: usize,
    /// How deep the expression is nested, so that a hostile one fails before the stack does.
    pub(super) depth: usize,
}

pub type Result<T> = std::result::Result<T, (usize, String)>;

pub const MOST_NESTED: usize = 500;

impl Parser {
    pub fn new(tokens: Vec<(Token, usize)>) -> Self {
        Self { tokens, at: 0, depth: 0 }
    }

    pub(super) fn token(&self) -> &Token {
        &self.tokens[self.at.min(self.tokens.len() - 1)].0
    }

    pub(super) fn take(&mut self) -> Token {
        let token = self.token().clone();
        self.at += 1;
        token
    }

    pub(super) fn error<T>(&self) -> Result<T> {
        Err((self.tokens[self.at.min(self.tokens.len() - 1)].1, "syntax error".to_owned()))
    }

    pub(super) fn accept(&mut self, operator: &str) -> bool {
        let found = matches!(self.token(), Token::Operator(found) if *found == operator);
        self.at += usize::from(found);
        found
    }

    pub(super) fn expect(&mut self, operator: &str) -> Result<()> {
        if self.accept(operator) { Ok(()) } else { self.error() }
    }

    fn skip_newlines(&mut self) {
        while *self.token() == Token::Newline {
            self.at += 1;
        }
    }

    /// Skips to the next line, after an error.
    pub fn recover(&mut self) {
        while !matches!(self.token(), Token::Newline | Token::End) {
            self.at += 1;
        }
    }

    /// Returns the statements of the next line, or `None` at the end.
    pub fn line(&mut self) -> Result<Option<Vec<Statement>>> {
        self.skip_newlines();
        if *self.token() == Token::End {
            return Ok(None);
        }
        let mut statements = Vec::new();
        loop {
            statements.push(self.statement()?);
            match self.token() {
                Token::Operator(";") => self.at += 1,
                Token::Newline | Token::End => return Ok(Some(statements)),
                // A definition or a block needs nothing after it.
                _ if matches!(statements.last(), Some(Statement::Define(_))) => return Ok(Some(statements)),
                _ => return self.error(),
            }
            if matches!(self.token(), Token::Newline | Token::End) {
                return Ok(Some(statements));
            }
        }
    }

    fn statement(&mut self) -> Result<Statement> {
        self.depth += 1;
        if self.depth > MOST_NESTED {
            return self.error();
        }
        let statement = self.statement_within();
        self.depth -= 1;
        statement
    }

    fn statement_within(&mut self) -> Result<Statement> {
        match self.token().clone() {
            Token::Operator(";") | Token::Newline | Token::End => Ok(Statement::Nothing),
            Token::Operator("{") => {
                self.at += 1;
                Ok(Statement::Block(self.block()?))
            }
            Token::Text(text) => {
                self.at += 1;
                Ok(Statement::Text(text))
            }
            Token::Name(name) => match name.as_str() {
                "if" => {
                    self.at += 1;
                    self.expect("(")?;
                    let condition = self.expression()?;
                    self.expect(")")?;
                    self.skip_newlines();
                    let then = Box::new(self.statement()?);
                    let before = self.at;
                    if matches!(self.token(), Token::Operator(";")) {
                        self.at += 1;
                    }
                    self.skip_newlines();
                    if *self.token() == Token::Name("else".into()) {
                        self.at += 1;
                        self.skip_newlines();
                        return Ok(Statement::If(condition, then, Some(Box::new(self.statement()?))));
                    }
                    self.at = before;
                    Ok(Statement::If(condition, then, None))
                }
                "while" => {
                    self.at += 1;
                    self.expect("(")?;
                    let condition = self.expression()?;
                    self.expect(")")?;
                    self.skip_newlines();
                    Ok(Statement::While(condition, Box::new(self.statement()?)))
                }
                "for" => {
                    self.at += 1;
                    self.expect("(")?;
                    let start = self.optional_expression(";")?;
                    let condition = self.optional_expression(";")?;
                    let step = self.optional_expression(")")?;
                    self.skip_newlines();
                    Ok(Statement::For(start, condition, step, Box::new(self.statement()?)))
                }
                "define" => self.define(),
                "return" => {
                    self.at += 1;
                    let ends = matches!(self.token(), Token::Newline | Token::End | Token::Operator(";" | "}"));
                    if ends {
                        return Ok(Statement::Return(None));
                    }
                    Ok(Statement::Return(Some(self.expression()?)))
                }
                "print" => {
                    self.at += 1;
                    let mut parts = Vec::new();
                    loop {
                        parts.push(match self.token().clone() {
                            Token::Text(text) => {
                                self.at += 1;
                                Statement::Text(text)
                            }
                            _ => Statement::Expression(self.expression()?),
                        });
                        if !self.accept(",") {
                            return Ok(Statement::Print(parts));
                        }
                    }
                }
                "break" | "continue" | "halt" | "quit" => {
                    self.at += 1;
                    Ok(match name.as_str() {
                        "break" => Statement::Break,
                        "continue" => Statement::Continue,
                        "halt" => Statement::Halt,
                        _ => Statement::Quit,
                    })
                }
                "else" | "auto" => self.error(),
                _ => Ok(Statement::Expression(self.expression()?)),
            },
            _ => Ok(Statement::Expression(self.expression()?)),
        }
    }

    fn block(&mut self) -> Result<Vec<Statement>> {
        let mut statements = Vec::new();
        loop {
            while matches!(self.token(), Token::Newline | Token::Operator(";")) {
                self.at += 1;
            }
            if self.accept("}") {
                return Ok(statements);
            }
            if *self.token() == Token::End {
                return self.error();
            }
            statements.push(self.statement()?);
            if !matches!(self.token(), Token::Newline | Token::Operator(";" | "}")) {
                return self.error();
            }
        }
    }

    fn define(&mut self) -> Result<Statement> {
        self.at += 1;
        if *self.token() == Token::Name("void".into()) {
            self.at += 1;
        }
        let Token::Name(name) = self.take() else { return self.error() };
        self.expect("(")?;
        let parameters = self.parameters(")")?;
        self.skip_newlines();
        self.expect("{")?;
        self.skip_newlines();
        let mut locals = Vec::new();
        if *self.token() == Token::Name("auto".into()) {
            self.at += 1;
            locals = self.parameters("")?;
        }
        let body = self.block()?;
        Ok(Statement::Define(Function { name, parameters, locals, body }))
    }

    /// Reads names up to `end`, or as long as commas go on.
    fn parameters(&mut self, end: &str) -> Result<Vec<Parameter>> {
        let mut parameters = Vec::new();
        if !end.is_empty() && self.accept(end) {
            return Ok(parameters);
        }
        loop {
            self.accept("*");
            let Token::Name(name) = self.take() else { return self.error() };
            let is_array = self.accept("[");
            if is_array {
                self.expect("]")?;
            }
            parameters.push((name, is_array));
            if !self.accept(",") {
                break;
            }
        }
        if !end.is_empty() {
            self.expect(end)?;
        }
        Ok(parameters)
    }

    fn optional_expression(&mut self, end: &str) -> Result<Option<Expression>> {
        if self.accept(end) {
            return Ok(None);
        }
        let expression = self.expression()?;
        self.expect(end)?;
        Ok(Some(expression))
    }
}
