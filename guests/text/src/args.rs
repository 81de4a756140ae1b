//! Options as GNU's `getopt_long` reads them.

/// A long option: its name, the short one that it stands for (or a code of its own), and whether it takes a value.
pub type Long = (&'static str, char, Value);

/// Whether an option takes a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    None,
    Required,
    Optional,
}

/// One thing found on a command line.
#[derive(Debug, PartialEq, Eq)]
pub enum Arg {
    Option(char, Option<String>),
    Operand(String),
}

/// Splits `args` into options and operands.
///
/// `short` names the options of one letter, with a `:` after those that take a value and `::` after those that may. With
/// `stop_at_operand` everything after the first operand is an operand.
pub fn parse(args: Vec<String>, short: &str, long: &[Long], stop_at_operand: bool) -> Result<Vec<Arg>, String> {
    let mut found = Vec::new();
    let mut args = args.into_iter();
    while let Some(arg) = args.next() {
        if arg == "--" {
            found.extend(args.by_ref().map(Arg::Operand));
        } else if let Some(text) = arg.strip_prefix("--") {
            let (name, value) = match text.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (text, None),
            };
            let &(name, code, wants) = find_long(name, long)?;
            let value = match (wants, value) {
                (Value::None, Some(_)) => return Err(format!("option '--{name}' doesn't allow an argument")),
                (Value::Required, None) => {
                    Some(args.next().ok_or_else(|| format!("option '--{name}' requires an argument"))?)
                }
                (_, value) => value,
            };
            found.push(Arg::Option(code, value));
        } else if arg.len() > 1 && arg.starts_with('-') {
            let mut rest = arg[1..].chars();
            while let Some(letter) = rest.next() {
                let wants = short_value(letter, short).ok_or_else(|| format!("invalid option -- '{letter}'"))?;
                let attached = rest.as_str();
                let value = match wants {
                    Value::None => {
                        found.push(Arg::Option(letter, None));
                        continue;
                    }
                    Value::Optional => (!attached.is_empty()).then(|| attached.to_owned()),
                    Value::Required if !attached.is_empty() => Some(attached.to_owned()),
                    Value::Required => {
                        Some(args.next().ok_or_else(|| format!("option requires an argument -- '{letter}'"))?)
                    }
                };
                found.push(Arg::Option(letter, value));
                break;
            }
        } else {
            found.push(Arg::Operand(arg));
            if stop_at_operand {
                found.extend(args.by_ref().map(Arg::Operand));
            }
        }
    }
    Ok(found)
}

fn short_value(letter: char, short: &str) -> Option<Value> {
    if letter == ':' {
        return None;
    }
    let rest = &short[short.find(letter)? + letter.len_utf8()..];
    Some(match rest {
        rest if rest.starts_with("::") => Value::Optional,
        rest if rest.starts_with(':') => Value::Required,
        _ => Value::None,
    })
}

/// Returns the option that `name` is, or is the start of.
fn find_long<'a>(name: &str, long: &'a [Long]) -> Result<&'a Long, String> {
    if let Some(exact) = long.iter().find(|(known, ..)| *known == name) {
        return Ok(exact);
    }
    let mut candidates = long.iter().filter(|(known, ..)| known.starts_with(name));
    match (candidates.next(), candidates.next()) {
        (Some(only), None) => Ok(only),
        (Some(first), Some(second)) if first.1 == second.1 => Ok(first),
        (Some(_), Some(_)) => Err(format!("option '--{name}' is ambiguous")),
        (None, _) => Err(format!("unrecognized option '--{name}'")),
    }
}
