//! Splits a program into tokens.

/// One token.
#[derive(Clone, Debug, PartialEq)]
pub enum Token {
    Newline,
    Number(f64),
    Text(Vec<u8>),
    Regex(Vec<u8>),
    /// A name that is followed at once by `(`.
    Call(String),
    Name(String),
    /// A word that has a meaning of its own: `if`, `getline`.
    Word(&'static str),
    /// An operator or a bracket.
    Op(&'static str),
    End,
}

const WORDS: &[&str] = &[
    "BEGIN", "END", "function", "func", "if", "else", "while", "for", "do", "break", "continue", "next", "nextfile",
    "exit", "return", "delete", "in", "getline", "print", "printf",
];

/// Longer ones first.
const OPS: &[&str] = &[
    "**=", "&&", "||", "==", "!=", "<=", ">=", ">>", "++", "--", "+=", "-=", "*=", "/=", "%=", "^=", "**", "!~", "|&",
    "{", "}", "(", ")", "[", "]", ";", ",", "+", "-", "*", "/", "%", "^", "!", ">", "<", "|", "?", ":", "~", "$", "=",
];

/// A token and the line it is on.
pub struct Located {
    pub token: Token,
    pub line: usize,
}

/// Splits `source` into tokens, the last of which is `End`.
pub fn tokens(source: &[u8]) -> Result<Vec<Located>, String> {
    let mut lexer = Lexer { source, at: 0, line: 1, found: Vec::new() };
    lexer.run()?;
    Ok(lexer.found)
}

struct Lexer<'a> {
    source: &'a [u8],
    at: usize,
    line: usize,
    found: Vec<Located>,
}

impl Lexer<'_> {
    fn peek(&self, ahead: usize) -> Option<u8> {
        self.source.get(self.at + ahead).copied()
    }

    fn push(&mut self, token: Token) {
        self.found.push(Located { token, line: self.line });
    }

    fn fail<T>(&self, message: &str) -> Result<T, String> {
        Err(format!("source line {}: {message}", self.line))
    }

    fn run(&mut self) -> Result<(), String> {
        while let Some(byte) = self.peek(0) {
            match byte {
                b' ' | b'\t' | b'\r' => self.at += 1,
                b'\n' => {
                    self.at += 1;
                    self.push(Token::Newline);
                    self.line += 1;
                }
                b'\\' if self.peek(1) == Some(b'\n') => (self.at, self.line) = (self.at + 2, self.line + 1),
                b'\\' if self.source[self.at..].starts_with(b"\\\r\n") => {
                    (self.at, self.line) = (self.at + 3, self.line + 1)
                }
                b'#' => {
                    while self.peek(0).is_some_and(|byte| byte != b'\n') {
                        self.at += 1;
                    }
                }
                b'"' => {
                    self.at += 1;
                    let text = self.string()?;
                    self.push(Token::Text(text));
                }
                b'/' if self.starts_operand() => {
                    self.at += 1;
                    let text = self.regex()?;
                    self.push(Token::Regex(text));
                }
                b'0'..=b'9' => self.number(),
                b'.' if self.peek(1).is_some_and(|byte| byte.is_ascii_digit()) => self.number(),
                b'a'..=b'z' | b'A'..=b'Z' | b'_' => self.word(),
                _ => {
                    let rest = &self.source[self.at..];
                    match OPS.iter().find(|op| rest.starts_with(op.as_bytes())) {
                        Some(op) => {
                            self.at += op.len();
                            self.push(Token::Op(match *op {
                                "**" => "^",
                                "**=" => "^=",
                                op => op,
                            }));
                        }
                        None => return self.fail(&format!("syntax error near {:?}", char::from(byte))),
                    }
                }
            }
        }
        self.push(Token::Newline);
        self.push(Token::End);
        Ok(())
    }

    /// Tells whether an operand may start here, so that a slash starts a regular expression.
    fn starts_operand(&self) -> bool {
        match self.found.last().map(|located| &located.token) {
            Some(Token::Number(_) | Token::Text(_) | Token::Regex(_) | Token::Name(_) | Token::Call(_)) => false,
            Some(Token::Op(op)) => !matches!(*op, ")" | "]" | "$" | "++" | "--"),
            Some(Token::Word(word)) => *word != "getline",
            _ => true,
        }
    }

    fn number(&mut self) {
        let rest = &self.source[self.at..];
        if rest.len() > 2 && rest[0] == b'0' && matches!(rest[1], b'x' | b'X') && rest[2].is_ascii_hexdigit() {
            let digits = rest[2..].iter().take_while(|byte| byte.is_ascii_hexdigit());
            let (value, length) = digits.fold((0.0, 2), |(value, length), byte| {
                (value * 16.0 + f64::from(char::from(*byte).to_digit(16).unwrap_or(0)), length + 1)
            });
            self.at += length;
            return self.push(Token::Number(value));
        }
        let (value, length) = super::number::parse_prefix(rest);
        self.at += length;
        self.push(Token::Number(value));
    }

    fn word(&mut self) {
        let start = self.at;
        while self.peek(0).is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            self.at += 1;
        }
        let text = String::from_utf8_lossy(&self.source[start..self.at]).into_owned();
        let token = match WORDS.iter().find(|word| **word == text) {
            Some(&"func") => Token::Word("function"),
            Some(word) => Token::Word(word),
            None if self.peek(0) == Some(b'(') => Token::Call(text),
            None => Token::Name(text),
        };
        self.push(token);
    }

    fn string(&mut self) -> Result<Vec<u8>, String> {
        let start = self.at;
        while let Some(byte) = self.peek(0) {
            match byte {
                b'"' => {
                    let text = unescape(&self.source[start..self.at]);
                    self.at += 1;
                    return Ok(text);
                }
                b'\\' => {
                    self.line += usize::from(self.peek(1) == Some(b'\n'));
                    self.at += 2;
                }
                b'\n' => return self.fail("unterminated string"),
                _ => self.at += 1,
            }
        }
        self.fail("unterminated string")
    }

    fn regex(&mut self) -> Result<Vec<u8>, String> {
        let mut text = Vec::new();
        let mut in_bracket = false;
        while let Some(byte) = self.peek(0).filter(|&byte| byte != b'\n') {
            self.at += 1;
            match byte {
                b'\\' => match self.peek(0) {
                    Some(b'/') => {
                        text.push(b'/');
                        self.at += 1;
                    }
                    Some(b'\n') => self.at += 1,
                    Some(escaped) => {
                        text.extend([b'\\', escaped]);
                        self.at += 1;
                    }
                    None => {}
                },
                b'[' if !in_bracket => {
                    in_bracket = true;
                    text.push(byte);
                    for first in *b"^]" {
                        if self.peek(0) == Some(first) {
                            text.push(first);
                            self.at += 1;
                        }
                    }
                }
                b'[' if self.peek(0) == Some(b':') => {
                    let rest = &self.source[self.at..];
                    let length = rest.windows(2).position(|pair| pair == b":]").map_or(0, |found| found + 2);
                    text.push(byte);
                    text.extend_from_slice(&rest[..length]);
                    self.at += length;
                }
                b']' => {
                    in_bracket = false;
                    text.push(byte);
                }
                b'/' if !in_bracket => return Ok(text),
                byte => text.push(byte),
            }
        }
        self.fail("unterminated regexp")
    }
}

/// Replaces the escapes of a string.
pub fn unescape(text: &[u8]) -> Vec<u8> {
    let mut result = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        let byte = text[at];
        at += 1;
        if byte != b'\\' || at == text.len() {
            result.push(byte);
            continue;
        }
        let escaped = text[at];
        at += 1;
        match escaped {
            b'n' => result.push(b'\n'),
            b't' => result.push(b'\t'),
            b'r' => result.push(b'\r'),
            b'f' => result.push(12),
            b'v' => result.push(11),
            b'a' => result.push(7),
            b'b' => result.push(8),
            b'\\' | b'"' | b'/' => result.push(escaped),
            b'\n' => {}
            b'0'..=b'7' => {
                let length = text[at - 1..].iter().take(3).take_while(|byte| (b'0'..=b'7').contains(byte)).count();
                let value =
                    text[at - 1..at - 1 + length].iter().fold(0_u32, |value, byte| value * 8 + u32::from(byte - b'0'));
                result.push(value as u8);
                at += length - 1;
            }
            b'x' => {
                let length = text[at..].iter().take(2).take_while(|byte| byte.is_ascii_hexdigit()).count();
                let digits = std::str::from_utf8(&text[at..at + length]).unwrap_or_default();
                match u8::from_str_radix(digits, 16) {
                    Ok(value) => result.push(value),
                    Err(_) => result.extend_from_slice(b"\\x"),
                }
                at += length;
            }
            // Kept, so that "\." is the pattern \. where it is used as one.
            other => result.extend([b'\\', other]),
        }
    }
    result
}
