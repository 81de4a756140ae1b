//! `env`: runs a command in a changed environment, or prints the environment.

use std::io::Write;

use stillbox_sys::Errno;
use stillbox_tools::getopt::Getopt;
use stillbox_tools::process::command;
use stillbox_tools::program::{Failure, Outcome, stdout};

const LONG: [(&str, &str); 8] = [
    ("ignore-environment", "i"),
    ("null", "0"),
    ("unset=", "u"),
    ("chdir=", "C"),
    ("split-string=", "S"),
    ("debug", "v"),
    ("default-signal=?", "signal"),
    ("ignore-signal=?", "signal"),
];

pub fn main(args: &[String]) -> Outcome {
    let (mut empty, mut zero, mut unset, mut dir) = (false, false, Vec::new(), None);
    let mut args = args.to_vec();
    let mut operands = loop {
        let mut split = None;
        let mut options = Getopt::new(&args, "+i0u:C:S:v", &LONG).usage_status(125);
        while let Some((key, value)) = options.next_option()? {
            match key {
                "i" => empty = true,
                "0" => zero = true,
                "u" => unset.extend(value),
                "C" => dir = value,
                "S" => {
                    split = Some([split_words(&value.unwrap_or_default())?, options.rest().to_vec()].concat());
                    break;
                }
                _ => {}
            }
        }
        // The words of `-S` stand where it stood, and may be options themselves.
        match split {
            Some(words) => args = words,
            None => break options.operands(),
        }
    };
    if operands.first().is_some_and(|first| first == "-") {
        empty = true;
        operands.remove(0);
    }
    let inherited = std::env::vars_os().filter(|_| !empty);
    let mut variables: Vec<(String, String)> = inherited
        .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()))
        .collect();
    for name in unset {
        if name.is_empty() || name.contains('=') {
            return Err(Failure::new(125, format_args!("cannot unset '{name}': Invalid argument")));
        }
        variables.retain(|(each, _)| *each != name);
    }
    let assignments = operands.iter().take_while(|operand| operand.contains('=')).count();
    for assignment in operands.drain(..assignments) {
        let (name, value) = assignment.split_once('=').unwrap_or_default();
        match variables.iter_mut().find(|(each, _)| each == name) {
            Some(variable) => variable.1 = value.to_owned(),
            None => variables.push((name.to_owned(), value.to_owned())),
        }
    }
    if operands.is_empty() {
        if dir.is_some() {
            return Err(Failure::usage(125, "must specify command with --chdir (-C)"));
        }
        let mut out = stdout();
        let end = if zero { '\0' } else { '\n' };
        for (name, value) in &variables {
            write!(out, "{name}={value}{end}")?;
        }
        out.flush()?;
        return Ok(0);
    }
    if zero {
        return Err(Failure::usage(125, "cannot specify --null (-0) with command"));
    }
    if let Some(dir) = dir {
        stillbox_sys::chdir(&dir)
            .map_err(|errno| Failure::new(125, format_args!("cannot change directory to '{dir}': {errno}")))?;
    }
    let path = variables.iter().find(|(name, _)| name == "PATH").map(|(_, value)| value.clone());
    let mut spawn = command(&operands);
    spawn.search_path(path.unwrap_or_else(|| "/usr/local/bin:/bin:/usr/bin".into()));
    spawn.envs(variables.iter().map(|(name, value)| format!("{name}={value}")));
    let errno = spawn.exec();
    let status = if errno == Errno::NOENT { 127 } else { 126 };
    Err(Failure::new(status, format_args!("'{}': {errno}", operands[0])))
}

/// Splits the text of `-S`, as in `#!/usr/bin/env -S cmd -x`, into words.
fn split_words(text: &str) -> Result<Vec<String>, Failure> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            _ if quote == Some(c) => quote = None,
            '\'' | '"' if quote.is_none() => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            '\\' if quote != Some('\'') || matches!(chars.peek(), Some('\'' | '\\')) => {
                let escaped = match chars.next() {
                    Some('n') => '\n',
                    Some('t') => '\t',
                    Some('r') => '\r',
                    Some('_') if quote.is_none() => {
                        words.extend(word.take());
                        continue;
                    }
                    Some('_') => ' ',
                    Some('c') => break,
                    Some(other) => other,
                    None => return Err(Failure::new(125, "invalid backslash at end of string in -S")),
                };
                word.get_or_insert_default().push(escaped);
            }
            '$' if quote != Some('\'') => {
                let rest: String = chars.clone().collect();
                let name = rest.strip_prefix('{').and_then(|rest| rest.split_once('}')).map(|(name, _)| name);
                let Some(name) = name else {
                    return Err(Failure::new(125, "only ${VARNAME} expansion is supported"));
                };
                word.get_or_insert_default().push_str(&std::env::var(name).unwrap_or_default());
                for _ in 0..name.chars().count() + 2 {
                    chars.next();
                }
            }
            '#' if quote.is_none() && word.is_none() => break,
            c if quote.is_none() && c.is_ascii_whitespace() => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    if quote.is_some() {
        return Err(Failure::new(125, "no terminating quote in -S string"));
    }
    words.extend(word);
    Ok(words)
}
