//! `set`, `shopt`, `unset` and `getopts`.

use std::rc::Rc;

use super::declare::plain_text;
use super::options;
use crate::shell::{Flow, Shell};

pub fn set(shell: &mut Shell, arguments: &[String]) -> Flow<i32> {
    if arguments.len() == 1 {
        let mut text = String::new();
        for name in shell.vars.names() {
            if let Some(variable) = shell.vars.get(&name).filter(|v| v.value != crate::variables::Value::Unset) {
                text.push_str(&plain_text(&name, variable));
                text.push('\n');
            }
        }
        for function in shell.functions.values() {
            text.push_str(&crate::syntax::function_text(function));
        }
        return Ok(shell.print(&text));
    }
    let mut at = 1;
    while let Some(argument) = arguments.get(at) {
        let on = match argument.as_bytes() {
            b"--" => {
                shell.params = Rc::new(arguments[at + 1..].to_vec());
                return Ok(0);
            }
            b"-" => {
                shell.options.xtrace = false;
                shell.options.verbose = false;
                if arguments.len() > at + 1 {
                    shell.params = Rc::new(arguments[at + 1..].to_vec());
                }
                return Ok(0);
            }
            [b'-', _, ..] => true,
            [b'+', _, ..] => false,
            _ => break,
        };
        at += 1;
        for letter in argument.chars().skip(1) {
            if letter == 'o' {
                let Some(name) = arguments.get(at) else {
                    return Ok(list_options(shell, on));
                };
                at += 1;
                match shell.options.by_name(name) {
                    Some(option) => *option = on,
                    None => {
                        shell.error(format_args!("set: {name}: invalid option name"));
                        return Ok(2);
                    }
                }
                continue;
            }
            match shell.options.by_letter(letter) {
                Some(option) => *option = on,
                None => {
                    let sign = if on { '-' } else { '+' };
                    shell.error(format_args!("set: {sign}{letter}: invalid option"));
                    return Ok(2);
                }
            }
        }
    }
    if at < arguments.len() {
        shell.params = Rc::new(arguments[at..].to_vec());
    }
    Ok(0)
}

fn list_options(shell: &mut Shell, readable: bool) -> i32 {
    let mut text = String::new();
    for (name, on) in shell.options.all() {
        if readable {
            text.push_str(&format!("{name:<15}\t{}\n", if on { "on" } else { "off" }));
        } else {
            text.push_str(&format!("set {}o {name}\n", if on { '-' } else { '+' }));
        }
    }
    shell.print(&text)
}

pub fn shopt(shell: &mut Shell, arguments: &[String]) -> Flow<i32> {
    let (found, names) = match options(arguments, "opqsu", "") {
        Ok(parsed) => parsed,
        Err(letter) => return Ok(shell.bad_option("shopt", letter)),
    };
    let has = |letter| found.iter().any(|o| o.0 == letter);
    let of_set = has('o');
    let line = |name: &str, on: bool| {
        if has('p') && of_set {
            format!("set {}o {name}\n", if on { '-' } else { '+' })
        } else if has('p') {
            format!("shopt -{} {name}\n", if on { 's' } else { 'u' })
        } else {
            format!("{name:<15}\t{}\n", if on { "on" } else { "off" })
        }
    };
    if names.is_empty() {
        let all = if of_set { shell.options.all() } else { shell.shopts.all() };
        let wanted = |on: bool| !(has('s') && !on || has('u') && on);
        let text: String = all.into_iter().filter(|o| wanted(o.1)).map(|(name, on)| line(name, on)).collect();
        return Ok(shell.print(&text));
    }
    let mut status = 0;
    for name in names {
        let state = &mut shell.state;
        let option = if of_set { state.options.by_name(name) } else { state.shopts.by_name(name) };
        match option {
            None => {
                shell.error(format_args!("shopt: {name}: invalid shell option name"));
                status = 1;
            }
            Some(option) if has('s') || has('u') => *option = has('s'),
            Some(option) => {
                let on = *option;
                if !on {
                    status = 1;
                }
                if !has('q') {
                    shell.print(&line(name, on));
                }
            }
        }
    }
    Ok(status)
}

pub fn unset(shell: &mut Shell, arguments: &[String]) -> Flow<i32> {
    let (found, names) = match options(arguments, "fvn", "") {
        Ok(parsed) => parsed,
        Err(letter) => return Ok(shell.bad_option("unset", letter)),
    };
    let has = |letter| found.iter().any(|o| o.0 == letter);
    let mut status = 0;
    for name in names {
        if has('f') {
            Rc::make_mut(&mut shell.functions).remove(name);
            continue;
        }
        if let Some((base, index)) = crate::parameters::split_element(name) {
            let base = shell.resolve(base);
            if matches!(index, "@" | "*")
                && !matches!(shell.vars.get(&base).map(|v| &v.value), Some(crate::variables::Value::Assoc(_)))
            {
                status = status.max(shell.unset(&base));
            } else {
                status = status.max(shell.unset_element(&base, index)?);
            }
            continue;
        }
        if !crate::variables::is_name(name) {
            if shell.functions.contains_key(name) && !has('v') {
                Rc::make_mut(&mut shell.functions).remove(name);
                continue;
            }
            // It could have been a function.
            continue;
        }
        let target = if has('n') { name.clone() } else { shell.resolve(name) };
        if shell.vars.get(&target).is_some() {
            status = status.max(shell.unset(&target));
        } else if !has('v') && shell.functions.contains_key(name) {
            Rc::make_mut(&mut shell.functions).remove(name);
        }
    }
    Ok(status)
}

pub fn getopts(shell: &mut Shell, arguments: &[String]) -> Flow<i32> {
    let (Some(spec), Some(name)) = (arguments.get(1).cloned(), arguments.get(2).cloned()) else {
        shell.error("getopts: usage: getopts optstring name [arg ...]");
        return Ok(2);
    };
    let texts: Vec<String> = if arguments.len() > 3 { arguments[3..].to_vec() } else { shell.params.to_vec() };
    let silent = spec.starts_with(':');
    let quiet = silent || shell.get("OPTERR").as_deref() == Some("0");
    let mut index = shell.get("OPTIND").and_then(|t| t.parse::<usize>().ok()).unwrap_or(1).max(1);
    let mut offset = shell.getopts_offset.max(1);
    let finish = |shell: &mut Shell, index: usize| -> Flow<i32> {
        shell.set("OPTIND", &index.to_string())?;
        shell.getopts_offset = 0;
        shell.set(&name, "?")?;
        shell.unset("OPTARG");
        Ok(1)
    };
    let Some(current) = texts.get(index - 1).filter(|t| t.len() > 1 && t.starts_with('-')) else {
        return finish(shell, index);
    };
    if current == "--" {
        return finish(shell, index + 1);
    }
    let letters: Vec<char> = current.chars().collect();
    let Some(letter) = letters.get(offset).copied() else {
        return finish(shell, index + 1);
    };
    offset += 1;
    let known = letter != ':' && spec.contains(letter);
    let takes_value = known && spec.split_once(letter).is_some_and(|(_, rest)| rest.starts_with(':'));
    let mut value = None;
    let mut result = letter.to_string();
    if !known {
        if !quiet {
            complain(shell, &format!("illegal option -- {letter}"));
        }
        result = "?".to_owned();
        value = silent.then(|| letter.to_string());
    } else if takes_value {
        if offset < letters.len() {
            value = Some(letters[offset..].iter().collect());
        } else if let Some(next) = texts.get(index) {
            value = Some(next.clone());
            index += 1;
        } else {
            if !quiet {
                complain(shell, &format!("option requires an argument -- {letter}"));
            }
            result = if silent { ":" } else { "?" }.to_owned();
            value = silent.then(|| letter.to_string());
        }
        offset = letters.len();
    }
    if offset >= letters.len() {
        index += 1;
        offset = 0;
    }
    shell.set("OPTIND", &index.to_string())?;
    shell.getopts_offset = offset;
    match value {
        Some(value) => shell.set("OPTARG", &value)?,
        None => drop(shell.unset("OPTARG")),
    }
    shell.set(&name, &result)?;
    Ok(0)
}

/// Prints a message of `getopts`, which has no line number.
fn complain(shell: &Shell, message: &str) {
    let text = format!("{}: {message}\n", shell.arg0);
    let _ = stillbox_sys::write_all(2, &crate::text::encode(&text));
}
