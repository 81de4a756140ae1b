//! Reads a program's rules, functions and statements.

use super::ast::{Expr, Function, Program, Redirect, Rule, SPECIALS, Special, Stmt, Var, When};
use super::lexer::{self, Located, Token};
use std::collections::{HashMap, HashSet};

/// Parses a program.
pub fn parse(source: &[u8]) -> Result<Program, String> {
    let tokens = lexer::tokens(source)?;
    let mut parser = Parser {
        tokens,
        at: 0,
        program: Program::default(),
        global_names: HashMap::new(),
        functions: HashMap::new(),
        scope: None,
        array_params: HashSet::new(),
        passed: Vec::new(),
        calls: Vec::new(),
        no_greater: false,
        depth: 0,
    };
    parser.declare_functions();
    parser.program()?;
    parser.finish()?;
    Ok(parser.program)
}

/// How deeply expressions and statements may nest.
const MAX_DEPTH: usize = 120;

/// Reads tokens; `expr.rs` has the part for expressions.
pub struct Parser {
    pub(super) tokens: Vec<Located>,
    pub(super) at: usize,
    pub(super) program: Program,
    global_names: HashMap<String, usize>,
    pub(super) functions: HashMap<String, usize>,
    /// The function being read, and its parameters.
    scope: Option<(usize, HashMap<String, usize>)>,
    /// Parameters that are used as arrays: function and index.
    array_params: HashSet<(usize, usize)>,
    /// Parameters that are passed on: function and index, to function and index.
    passed: Vec<((usize, usize), (usize, usize))>,
    /// Calls: the function, the number of arguments, the line.
    pub(super) calls: Vec<(usize, usize, usize)>,
    pub(super) no_greater: bool,
    pub(super) depth: usize,
}

impl Parser {
    pub(super) fn peek(&self) -> &Token {
        self.peek_at(0)
    }

    pub(super) fn peek_at(&self, ahead: usize) -> &Token {
        self.tokens.get(self.at + ahead).map_or(&Token::End, |located| &located.token)
    }

    pub(super) fn next(&mut self) -> Token {
        let token = self.peek().clone();
        self.at += 1;
        token
    }

    pub(super) fn is_op(&self, op: &str) -> bool {
        matches!(self.peek(), Token::Op(found) if *found == op)
    }

    pub(super) fn eat_op(&mut self, op: &str) -> bool {
        let found = self.is_op(op);
        self.at += usize::from(found);
        found
    }

    fn eat_word(&mut self, word: &str) -> bool {
        let found = matches!(self.peek(), Token::Word(found) if *found == word);
        self.at += usize::from(found);
        found
    }

    pub(super) fn expect(&mut self, op: &str) -> Result<(), String> {
        if self.eat_op(op) { Ok(()) } else { self.fail(&format!("expected '{op}'")) }
    }

    pub(super) fn line(&self) -> usize {
        self.tokens.get(self.at.min(self.tokens.len().saturating_sub(1))).map_or(1, |located| located.line)
    }

    pub(super) fn fail<T>(&self, message: &str) -> Result<T, String> {
        let near = match self.peek() {
            Token::Newline => "the end of the line".to_owned(),
            Token::End => "the end of the program".to_owned(),
            Token::Number(number) => number.to_string(),
            Token::Text(text) | Token::Regex(text) => format!("{:?}", String::from_utf8_lossy(text)),
            Token::Name(name) | Token::Call(name) => name.clone(),
            Token::Word(word) | Token::Op(word) => (*word).to_owned(),
        };
        Err(format!("source line {}: syntax error at or near {near}: {message}", self.line()))
    }

    pub(super) fn skip_newlines(&mut self) {
        while *self.peek() == Token::Newline {
            self.at += 1;
        }
    }

    fn skip_terminators(&mut self) {
        while *self.peek() == Token::Newline || self.is_op(";") {
            self.at += 1;
        }
    }

    /// Notes the names of all functions, which may be called before they are defined.
    fn declare_functions(&mut self) {
        for pair in self.tokens.windows(2) {
            if let (Token::Word("function"), Token::Call(name) | Token::Name(name)) = (&pair[0].token, &pair[1].token) {
                let index = self.functions.len();
                self.functions.entry(name.clone()).or_insert(index);
            }
        }
        self.program.functions.resize_with(self.functions.len(), Function::default);
    }

    fn program(&mut self) -> Result<(), String> {
        loop {
            self.skip_terminators();
            match self.peek() {
                Token::End => return Ok(()),
                Token::Word("BEGIN") => {
                    self.at += 1;
                    let body = self.block()?;
                    self.program.begin.push(body);
                }
                Token::Word("END") => {
                    self.at += 1;
                    let body = self.block()?;
                    self.program.end.push(body);
                }
                Token::Word("function") => {
                    self.at += 1;
                    self.function()?;
                }
                _ => self.rule()?,
            }
        }
    }

    fn rule(&mut self) -> Result<(), String> {
        let when = if self.is_op("{") {
            When::Always
        } else {
            let first = self.expr()?;
            if self.eat_op(",") {
                self.skip_newlines();
                let last = self.expr()?;
                self.program.ranges += 1;
                When::Range(first, last, self.program.ranges - 1)
            } else {
                When::If(first)
            }
        };
        let body = if self.is_op("{") { Some(self.block()?) } else { None };
        if body.is_none() && *self.peek() != Token::Newline && !self.is_op(";") {
            return self.fail("expected '{' or the end of the rule");
        }
        self.program.rules.push(Rule { when, body });
        Ok(())
    }

    fn function(&mut self) -> Result<(), String> {
        let (Token::Call(name) | Token::Name(name)) = self.next() else {
            return self.fail("expected the name of a function");
        };
        let index = self.functions[&name];
        if !self.program.functions[index].name.is_empty() {
            return self.fail(&format!("function {name} is defined twice"));
        }
        self.expect("(")?;
        let mut params = Vec::new();
        while !self.eat_op(")") {
            self.skip_newlines();
            match self.next() {
                Token::Name(param) => params.push(param),
                _ => return self.fail("expected a parameter"),
            }
            self.skip_newlines();
            if !self.is_op(")") {
                self.expect(",")?;
                self.skip_newlines();
            }
        }
        let names = params.iter().cloned().enumerate().map(|(i, name)| (name, i)).collect();
        self.program.functions[index].name = name;
        self.program.functions[index].params = params;
        self.scope = Some((index, names));
        self.skip_newlines();
        let body = self.block()?;
        self.scope = None;
        self.program.functions[index].body = vec![body];
        Ok(())
    }

    /// Finds out which parameters are arrays, and checks the calls.
    fn finish(&mut self) -> Result<(), String> {
        let mut grew = true;
        while grew {
            grew = false;
            for (from, to) in &self.passed {
                if self.array_params.contains(to) {
                    grew |= self.array_params.insert(*from);
                }
            }
        }
        for (index, function) in self.program.functions.iter_mut().enumerate() {
            function.arrays =
                (0..function.params.len()).map(|param| self.array_params.contains(&(index, param))).collect();
        }
        for &(function, count, line) in &self.calls {
            let function = &self.program.functions[function];
            if count > function.params.len() {
                return Err(format!(
                    "source line {line}: function {} called with more arguments than it declares",
                    function.name
                ));
            }
        }
        let mut names: Vec<_> = self.global_names.drain().collect();
        names.sort_by_key(|(_, index)| *index);
        self.program.globals = names.into_iter().map(|(name, _)| name).collect();
        Ok(())
    }

    /// Returns the place of the variable called `name`.
    pub(super) fn variable(&mut self, name: &str) -> Var {
        if let Some((_, params)) = &self.scope
            && let Some(&index) = params.get(name)
        {
            return Var::Local(index);
        }
        if let Some((_, special)) = SPECIALS.iter().find(|(special, _)| *special == name) {
            return Var::Special(*special);
        }
        let next = self.global_names.len();
        Var::Global(*self.global_names.entry(name.to_owned()).or_insert(next))
    }

    /// Returns the place of the array called `name`.
    pub(super) fn array(&mut self, name: &str) -> Result<Var, String> {
        let var = self.variable(name);
        if let Var::Local(index) = var {
            self.note_local_array(index);
        }
        if matches!(var, Var::Special(s) if !matches!(s, Special::Environ | Special::Argv | Special::Procinfo)) {
            return self.fail(&format!("{name} is no array"));
        }
        Ok(var)
    }

    /// Notes that a parameter of the function being read is an array.
    pub(super) fn note_local_array(&mut self, index: usize) {
        if let Some((function, _)) = &self.scope {
            self.array_params.insert((*function, index));
        }
    }

    /// Notes that a parameter of the function being read is passed on as it is.
    pub(super) fn note_passed(&mut self, arg: &Expr, function: usize, index: usize) {
        let (Expr::Place(super::ast::Place::Var(Var::Local(local))), Some((scope, _))) = (arg, &self.scope) else {
            return;
        };
        self.passed.push(((*scope, *local), (function, index)));
    }

    fn block(&mut self) -> Result<Stmt, String> {
        self.expect("{")?;
        let mut body = Vec::new();
        loop {
            self.skip_terminators();
            if self.eat_op("}") {
                return Ok(Stmt::Block(body));
            }
            body.push(self.statement()?);
        }
    }

    /// Reads the statement that `if`, `else` or a loop governs.
    fn governed(&mut self) -> Result<Box<Stmt>, String> {
        self.skip_newlines();
        if self.eat_op(";") {
            return Ok(Box::new(Stmt::Block(Vec::new())));
        }
        Ok(Box::new(self.statement()?))
    }

    fn end_of_statement(&mut self) -> Result<(), String> {
        if self.eat_op(";") || *self.peek() == Token::Newline {
            return Ok(());
        }
        if self.is_op("}") || *self.peek() == Token::End {
            return Ok(());
        }
        self.fail("expected the end of the statement")
    }

    fn statement(&mut self) -> Result<Stmt, String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return self.fail("nested too deeply");
        }
        let statement = self.statement_inner();
        self.depth -= 1;
        statement
    }

    fn statement_inner(&mut self) -> Result<Stmt, String> {
        if self.is_op("{") {
            return self.block();
        }
        let Token::Word(word) = *self.peek() else {
            let statement = self.simple_statement()?;
            self.end_of_statement()?;
            return Ok(statement);
        };
        match word {
            "if" => {
                self.at += 1;
                self.expect("(")?;
                let condition = self.grouped_expr()?;
                let then = self.governed()?;
                let before = self.at;
                self.skip_terminators();
                if self.eat_word("else") {
                    return Ok(Stmt::If(condition, then, Some(self.governed()?)));
                }
                self.at = before;
                Ok(Stmt::If(condition, then, None))
            }
            "while" => {
                self.at += 1;
                self.expect("(")?;
                let condition = self.grouped_expr()?;
                Ok(Stmt::While(condition, self.governed()?))
            }
            "do" => {
                self.at += 1;
                let body = self.governed()?;
                self.skip_terminators();
                if !self.eat_word("while") {
                    return self.fail("expected 'while'");
                }
                self.expect("(")?;
                let condition = self.grouped_expr()?;
                self.end_of_statement()?;
                Ok(Stmt::DoWhile(body, condition))
            }
            "for" => {
                self.at += 1;
                self.for_loop()
            }
            _ => {
                let statement = self.simple_statement()?;
                self.end_of_statement()?;
                Ok(statement)
            }
        }
    }

    fn grouped_expr(&mut self) -> Result<Expr, String> {
        self.skip_newlines();
        let no_greater = std::mem::take(&mut self.no_greater);
        let expr = self.expr()?;
        self.no_greater = no_greater;
        self.skip_newlines();
        self.expect(")")?;
        Ok(expr)
    }

    fn for_loop(&mut self) -> Result<Stmt, String> {
        self.expect("(")?;
        if let (Token::Name(name), Token::Word("in"), Token::Name(array), Token::Op(")")) =
            (self.peek().clone(), self.peek_at(1).clone(), self.peek_at(2).clone(), self.peek_at(3).clone())
        {
            self.at += 4;
            let variable = super::ast::Place::Var(self.variable(&name));
            let array = self.array(&array)?;
            return Ok(Stmt::ForIn(variable, array, self.governed()?));
        }
        let init = if self.is_op(";") { None } else { Some(Box::new(self.simple_statement()?)) };
        self.expect(";")?;
        self.skip_newlines();
        let condition = if self.is_op(";") { None } else { Some(self.expr()?) };
        self.expect(";")?;
        self.skip_newlines();
        let step = if self.is_op(")") { None } else { Some(Box::new(self.simple_statement()?)) };
        self.expect(")")?;
        if self.eat_op(";") {
            return Ok(Stmt::For(init, condition, step, Box::new(Stmt::Block(Vec::new()))));
        }
        Ok(Stmt::For(init, condition, step, self.governed()?))
    }

    fn ends_statement(&self) -> bool {
        matches!(self.peek(), Token::Newline | Token::End | Token::Op(";" | "}"))
    }

    fn optional_expr(&mut self) -> Result<Option<Expr>, String> {
        if self.ends_statement() { Ok(None) } else { self.expr().map(Some) }
    }

    fn simple_statement(&mut self) -> Result<Stmt, String> {
        let Token::Word(word) = *self.peek() else {
            return self.expr().map(Stmt::Expr);
        };
        if word == "getline" {
            return self.expr().map(Stmt::Expr);
        }
        self.at += 1;
        Ok(match word {
            "break" => Stmt::Break,
            "continue" => Stmt::Continue,
            "next" => Stmt::Next,
            "nextfile" => Stmt::NextFile,
            "exit" => Stmt::Exit(self.optional_expr()?),
            "return" if self.scope.is_none() => return self.fail("return outside a function"),
            "return" => Stmt::Return(self.optional_expr()?),
            "delete" => {
                let (Token::Name(name) | Token::Call(name)) = self.next() else {
                    return self.fail("expected an array");
                };
                let array = self.array(&name)?;
                if !self.eat_op("[") {
                    return Ok(Stmt::Delete(array, None));
                }
                Stmt::Delete(array, Some(self.subscripts()?))
            }
            "print" | "printf" => {
                let values = self.print_values()?;
                let redirect = self.redirect()?;
                if word == "printf" && values.is_empty() {
                    return self.fail("printf wants a format");
                }
                if word == "print" { Stmt::Print(values, redirect) } else { Stmt::Printf(values, redirect) }
            }
            _ => {
                self.at -= 1;
                return self.fail("unexpected word");
            }
        })
    }

    /// Reads what `print` prints: a list, in parentheses or not.
    fn print_values(&mut self) -> Result<Vec<Expr>, String> {
        let start = self.at;
        if self.eat_op("(") {
            let values = self.list(")")?;
            let ends = self.ends_statement() || matches!(self.peek(), Token::Op(">" | ">>" | "|" | "|&"));
            if ends {
                return Ok(values);
            }
            // Not a list in parentheses, but an expression that begins with some.
            self.at = start;
        }
        let mut values = Vec::new();
        self.no_greater = true;
        while !self.ends_statement() && !matches!(self.peek(), Token::Op(">" | ">>" | "|")) {
            values.push(self.expr()?);
            if !self.eat_op(",") {
                break;
            }
            self.skip_newlines();
        }
        self.no_greater = false;
        Ok(values)
    }

    fn redirect(&mut self) -> Result<Option<Redirect>, String> {
        let make: fn(Expr) -> Redirect = match self.peek() {
            Token::Op(">") => Redirect::Write,
            Token::Op(">>") => Redirect::Append,
            Token::Op("|") => Redirect::Pipe,
            Token::Op("|&") => return self.fail("coprocesses are not supported"),
            _ => return Ok(None),
        };
        self.at += 1;
        self.no_greater = true;
        let target = self.concatenation();
        self.no_greater = false;
        Ok(Some(make(target?)))
    }
}
