//! The words of bc.

/// A word, with the line that it is on.
#[derive(Clone, Debug, PartialEq)]
pub enum Token {
    Number(String),
    /// A name of a variable or function, or a keyword.
    Name(String),
    Text(String),
    Operator(&'static str),
    Newline,
    End,
}

/// Operators, the longer ones first.
const OPERATORS: [&str; 38] = [
    "++", "--", "+=", "-=", "*=", "/=", "%=", "^=", "==", "<=", ">=", "!=", "&&", "||", "+", "-", "*", "/", "%", "^",
    "=", "<", ">", "!", "(", ")", "[", "]", "{", "}", ",", ";", "?", ":", "&", "|", "~", "@",
];

/// Returns the words of a text, each with its line; the error is the line and what is wrong.
pub fn lex(text: &str) -> Result<Vec<(Token, usize)>, (usize, String)> {
    let mut tokens = Vec::new();
    let mut line = 1;
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let length = match c {
            '\n' => {
                tokens.push((Token::Newline, line));
                line += 1;
                1
            }
            '\\' if rest.starts_with("\\\n") => {
                line += 1;
                2
            }
            c if c.is_whitespace() => c.len_utf8(),
            '#' => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => {
                let end = rest.find("*/").ok_or((line, "EOF encountered in a comment.".to_owned()))? + 2;
                line += rest[..end].matches('\n').count();
                end
            }
            '"' => {
                let end = rest[1..].find('"').ok_or((line, "EOF encountered in a string.".to_owned()))?;
                let text = &rest[1..=end];
                tokens.push((Token::Text(text.to_owned()), line));
                line += text.matches('\n').count();
                end + 2
            }
            '.' if !rest[1..].starts_with(|c: char| c.is_ascii_digit() || ('A'..='F').contains(&c)) => {
                tokens.push((Token::Name("last".into()), line));
                1
            }
            '0'..='9' | 'A'..='F' | '.' => {
                let mut points = 0;
                let end = rest
                    .find(|c: char| {
                        points += usize::from(c == '.');
                        !(c.is_ascii_digit() || ('A'..='F').contains(&c) || c == '.' && points == 1)
                    })
                    .unwrap_or(rest.len());
                tokens.push((Token::Number(rest[..end].to_owned()), line));
                end
            }
            'a'..='z' => {
                let end = rest
                    .find(|c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'))
                    .unwrap_or(rest.len());
                tokens.push((Token::Name(rest[..end].to_owned()), line));
                end
            }
            other => match OPERATORS.iter().find(|operator| rest.starts_with(**operator)) {
                Some(operator) => {
                    tokens.push((Token::Operator(operator), line));
                    operator.len()
                }
                None => return Err((line, format!("illegal character: {other}"))),
            },
        };
        rest = &rest[length..];
    }
    tokens.push((Token::End, line));
    Ok(tokens)
}
