//! `test` and `[`, and the conditions that `[[ ]]` shares with them.

use std::fs;

use stillbox_sys::{self as sys, file_type};

use crate::shell::{Flow, Shell, Unwind};
use crate::text;
use crate::variables::Value;

pub fn test(shell: &mut Shell, arguments: &[String]) -> Flow<i32> {
    evaluate(shell, "test", &arguments[1..])
}

pub fn bracket(shell: &mut Shell, arguments: &[String]) -> Flow<i32> {
    match arguments.last() {
        Some(last) if last == "]" && arguments.len() > 1 => evaluate(shell, "[", &arguments[1..arguments.len() - 1]),
        _ => {
            shell.error("[: missing `]'");
            Ok(2)
        }
    }
}

fn evaluate(shell: &mut Shell, name: &str, arguments: &[String]) -> Flow<i32> {
    let mut parser = Parser { shell, arguments, at: 0 };
    let result = parser.whole();
    match result {
        Ok(value) => Ok(if value { 0 } else { 1 }),
        Err(Problem::Message(message)) => {
            shell.error(format_args!("{name}: {message}"));
            Ok(2)
        }
        Err(Problem::Unwind(Unwind::Abort(_))) => Ok(2),
        Err(Problem::Unwind(unwind)) => Err(unwind),
    }
}

enum Problem {
    Message(String),
    Unwind(Unwind),
}

impl From<Unwind> for Problem {
    fn from(unwind: Unwind) -> Self {
        Problem::Unwind(unwind)
    }
}

type Verdict = Result<bool, Problem>;

struct Parser<'a> {
    shell: &'a mut Shell,
    arguments: &'a [String],
    at: usize,
}

fn is_binary(text: &str) -> bool {
    matches!(
        text,
        "=" | "==" | "!=" | "<" | ">" | "-eq" | "-ne" | "-lt" | "-le" | "-gt" | "-ge" | "-nt" | "-ot" | "-ef"
    )
}

fn is_unary(text: &str) -> bool {
    text.len() == 2 && text.starts_with('-') && "abcdefghkLnNoOGprsStuvRwxz".contains(&text[1..])
}

impl Parser<'_> {
    /// Decides by the number of arguments first, as POSIX says.
    fn whole(&mut self) -> Verdict {
        let a: Vec<&str> = self.arguments.iter().map(String::as_str).collect();
        match a.as_slice() {
            [] => Ok(false),
            [one] => Ok(!one.is_empty()),
            ["!", one] => Ok(one.is_empty()),
            [operator, operand] if is_unary(operator) => Ok(unary(self.shell, operator, operand)?),
            [operator, _] => Err(Problem::Message(format!("{operator}: unary operator expected"))),
            [left, operator, right] if is_binary(operator) => self.binary(left, operator, right),
            [left, "-a", right] => Ok(!left.is_empty() && !right.is_empty()),
            [left, "-o", right] => Ok(!left.is_empty() || !right.is_empty()),
            ["!", ..] if a.len() <= 4 => {
                let inner = Parser { shell: self.shell, arguments: &self.arguments[1..], at: 0 }.whole()?;
                Ok(!inner)
            }
            ["(", one, ")"] => Ok(!one.is_empty()),
            [_, operator, _] => Err(Problem::Message(format!("{operator}: binary operator expected"))),
            _ => {
                let value = self.or()?;
                if self.at < self.arguments.len() {
                    return Err(Problem::Message("too many arguments".to_owned()));
                }
                Ok(value)
            }
        }
    }

    fn peek(&self) -> Option<&str> {
        self.arguments.get(self.at).map(String::as_str)
    }

    fn or(&mut self) -> Verdict {
        let mut value = self.and()?;
        while self.peek() == Some("-o") {
            self.at += 1;
            value |= self.and()?;
        }
        Ok(value)
    }

    fn and(&mut self) -> Verdict {
        let mut value = self.not()?;
        while self.peek() == Some("-a") {
            self.at += 1;
            value &= self.not()?;
        }
        Ok(value)
    }

    fn not(&mut self) -> Verdict {
        let mut negated = false;
        while self.peek() == Some("!") {
            self.at += 1;
            negated = !negated;
        }
        Ok(self.primary()? != negated)
    }

    fn primary(&mut self) -> Verdict {
        let Some(first) = self.peek().map(str::to_owned) else {
            return Err(Problem::Message("argument expected".to_owned()));
        };
        if let Some(operator) = self.arguments.get(self.at + 1).filter(|o| is_binary(o)).cloned()
            && let Some(right) = self.arguments.get(self.at + 2).cloned()
        {
            self.at += 3;
            return self.binary(&first, &operator, &right);
        }
        if first == "(" {
            self.at += 1;
            let value = self.or()?;
            if self.peek() != Some(")") {
                return Err(Problem::Message("`)' expected".to_owned()));
            }
            self.at += 1;
            return Ok(value);
        }
        if is_unary(&first)
            && let Some(operand) = self.arguments.get(self.at + 1).cloned()
        {
            self.at += 2;
            return Ok(unary(self.shell, &first, &operand)?);
        }
        self.at += 1;
        Ok(!first.is_empty())
    }

    fn binary(&mut self, left: &str, operator: &str, right: &str) -> Verdict {
        if operator.starts_with('-') && !matches!(operator, "-nt" | "-ot" | "-ef") {
            let number = |text: &str| {
                text.trim().parse::<i64>().map_err(|_| Problem::Message(format!("{text}: integer expression expected")))
            };
            return Ok(compare(operator, number(left)?, number(right)?));
        }
        Ok(binary(self.shell, left, operator, right)?)
    }
}

/// Compares numbers.
pub fn compare(operator: &str, left: i64, right: i64) -> bool {
    match operator {
        "-eq" => left == right,
        "-ne" => left != right,
        "-lt" => left < right,
        "-le" => left <= right,
        "-gt" => left > right,
        _ => left >= right,
    }
}

/// Compares texts and files.
pub fn binary(_: &mut Shell, left: &str, operator: &str, right: &str) -> Flow<bool> {
    let modified = |path: &str| fs::metadata(path).and_then(|m| m.modified()).ok();
    Ok(match operator {
        "=" | "==" => left == right,
        "!=" => left != right,
        "<" => left < right,
        ">" => left > right,
        "-nt" => match (modified(left), modified(right)) {
            (Some(left), Some(right)) => left > right,
            (left, _) => left.is_some(),
        },
        "-ot" => match (modified(left), modified(right)) {
            (Some(left), Some(right)) => left < right,
            (_, right) => right.is_some(),
        },
        _ => match (fs::canonicalize(left), fs::canonicalize(right)) {
            (Ok(left), Ok(right)) => left == right || same_file(&left, &right),
            _ => false,
        },
    })
}

#[cfg(unix)]
fn same_file(left: &std::path::Path, right: &std::path::Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (fs::metadata(left), fs::metadata(right)) {
        (Ok(left), Ok(right)) => left.dev() == right.dev() && left.ino() == right.ino(),
        _ => false,
    }
}

/// Hard links cannot be told apart from copies through WASI's stable interface.
#[cfg(not(unix))]
fn same_file(_: &std::path::Path, _: &std::path::Path) -> bool {
    false
}

/// Tests one text, file, option or variable.
pub fn unary(shell: &mut Shell, operator: &str, operand: &str) -> Flow<bool> {
    let mode = |follow: bool| sys::mode(text::encode(operand), follow).ok();
    let kind = |wanted: u32| mode(true).is_some_and(|mode| mode & file_type::MASK == wanted);
    let bits = |bits: u32| mode(true).is_some_and(|mode| mode & bits != 0);
    Ok(match operator {
        "-n" => !operand.is_empty(),
        "-z" => operand.is_empty(),
        "-a" | "-e" => mode(true).is_some(),
        "-f" => kind(file_type::FILE),
        "-d" => kind(file_type::DIR),
        "-b" => kind(file_type::BLOCK),
        "-c" => kind(file_type::CHAR),
        "-p" => kind(file_type::FIFO),
        "-S" => kind(file_type::SOCKET),
        "-h" | "-L" => mode(false).is_some_and(|mode| mode & file_type::MASK == file_type::SYMLINK),
        // The one user is root, who may read and write whatever the modes say.
        "-r" | "-w" | "-O" | "-G" => mode(true).is_some(),
        "-x" => mode(true).is_some_and(|mode| mode & 0o111 != 0 || mode & file_type::MASK == file_type::DIR),
        "-g" => bits(0o2000),
        "-u" => bits(0o4000),
        "-k" => bits(0o1000),
        "-s" => fs::metadata(operand).is_ok_and(|m| m.len() > 0),
        "-N" => match fs::metadata(operand) {
            Ok(metadata) => matches!((metadata.modified(), metadata.accessed()), (Ok(m), Ok(a)) if m > a),
            Err(_) => false,
        },
        "-t" => operand.parse().is_ok_and(sys::isatty),
        "-o" => shell.options.by_name(operand).is_some_and(|on| *on),
        "-R" => shell.vars.get(operand).is_some_and(|v| v.attributes.nameref),
        "-v" => is_set(shell, operand)?,
        _ => {
            shell.error(format_args!("{operator}: conditional unary operator expected"));
            return Err(Unwind::Abort(2));
        }
    })
}

fn is_set(shell: &mut Shell, name: &str) -> Flow<bool> {
    if let Some((base, index)) = crate::parameters::split_element(name) {
        let base = shell.resolve(base);
        if matches!(index, "@" | "*") {
            return Ok(match shell.variable(&base).map(|v| v.value) {
                Some(Value::Indexed(elements)) => !elements.is_empty(),
                Some(Value::Assoc(assoc)) => assoc.len() > 0,
                Some(Value::Scalar(_)) => true,
                _ => false,
            });
        }
        return Ok(shell.element(&base, index)?.is_some());
    }
    if let Ok(number) = name.parse::<usize>() {
        return Ok(number == 0 || shell.params.len() >= number);
    }
    Ok(shell.get(name).is_some())
}
