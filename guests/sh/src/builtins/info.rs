//! `type`, `command`, `builtin`, `hash`, `history`, `caller`, `times`, `ulimit`, `umask`, `help` and `alias`.

use stillbox_sys as sys;

use super::{find, is_declaration, options};
use crate::exec::{find_in_path, minutes};
use crate::shell::{Flow, Shell};

const KEYWORDS: [&str; 22] = [
    "if", "then", "else", "elif", "fi", "case", "esac", "for", "select", "while", "until", "do", "done", "in",
    "function", "time", "{", "}", "!", "[[", "]]", "coproc",
];

const SPECIAL: [&str; 15] = [
    ".", ":", "break", "continue", "eval", "exec", "exit", "export", "readonly", "return", "set", "shift", "source",
    "trap", "unset",
];

fn is_builtin(name: &str) -> bool {
    find(name).is_some() || is_declaration(name)
}

pub fn type_(shell: &mut Shell, arguments: &[String]) -> Flow<i32> {
    let (found, names) = match options(arguments, "afptP", "") {
        Ok(parsed) => parsed,
        Err(letter) => return Ok(shell.bad_option("type", letter)),
    };
    let has = |letter| found.iter().any(|o| o.0 == letter);
    let (all, short, path_only) = (has('a'), has('t'), has('p') || has('P'));
    let mut status = 0;
    for name in names {
        let mut texts: Vec<String> = Vec::new();
        if !has('P') {
            if KEYWORDS.contains(&name.as_str()) && !path_only {
                texts.push(if short { "keyword".to_owned() } else { format!("{name} is a shell keyword") });
            }
            if !has('f')
                && let Some(function) = shell.functions.get(name).cloned()
            {
                if !path_only {
                    texts.push(if short {
                        "function".to_owned()
                    } else {
                        let text = crate::syntax::function_text(&function);
                        format!("{name} is a function\n{}", text.trim_end_matches('\n'))
                    });
                } else if !all {
                    continue;
                }
            }
            if is_builtin(name) {
                if !path_only {
                    let kind = if SPECIAL.contains(&name.as_str()) && shell.options.posix {
                        "special shell builtin"
                    } else {
                        "shell builtin"
                    };
                    texts.push(if short { "builtin".to_owned() } else { format!("{name} is a {kind}") });
                } else if !all {
                    continue;
                }
            }
        }
        if texts.is_empty() || all {
            let path = if name.contains('/') {
                crate::exec::is_executable(name).then(|| name.clone())
            } else {
                find_in_path(shell, name)
            };
            if let Some(path) = path {
                texts.push(if short {
                    "file".to_owned()
                } else if path_only {
                    path
                } else {
                    format!("{name} is {path}")
                });
            }
        }
        if texts.is_empty() {
            status = 1;
            if !short && !path_only {
                shell.error(format_args!("type: {name}: not found"));
            }
        }
        if !all {
            texts.truncate(1);
        }
        for text in texts {
            shell.print(&format!("{text}\n"));
        }
    }
    Ok(status)
}

pub fn command(shell: &mut Shell, arguments: &[String]) -> Flow<i32> {
    let (found, rest) = match options(arguments, "pvV", "") {
        Ok(parsed) => parsed,
        Err(letter) => return Ok(shell.bad_option("command", letter)),
    };
    if found.iter().any(|o| o.0 == 'V') {
        let mut full = vec!["type".to_owned()];
        full.extend_from_slice(rest);
        return type_(shell, &full);
    }
    if found.iter().any(|o| o.0 == 'v') {
        let mut status = 1;
        for name in rest {
            let known = KEYWORDS.contains(&name.as_str()) || shell.functions.contains_key(name) || is_builtin(name);
            let text = if known {
                Some(name.clone())
            } else if name.contains('/') {
                crate::exec::is_executable(name).then(|| name.clone())
            } else {
                find_in_path(shell, name)
            };
            if let Some(text) = text {
                shell.print(&format!("{text}\n"));
                status = 0;
            }
        }
        return Ok(status);
    }
    let Some(name) = rest.first().cloned() else { return Ok(0) };
    if let Some(builtin) = find(&name) {
        return builtin(shell, rest);
    }
    match shell.launch(&name, rest, false)? {
        Ok(pid) => Ok(shell.wait_foreground(pid)),
        Err(status) => Ok(status),
    }
}

pub fn builtin(shell: &mut Shell, arguments: &[String]) -> Flow<i32> {
    let rest = if arguments.get(1).is_some_and(|a| a == "--") { &arguments[2..] } else { &arguments[1..] };
    let Some(name) = rest.first() else { return Ok(0) };
    match find(name) {
        Some(builtin) => builtin(shell, rest),
        None => {
            shell.error(format_args!("builtin: {name}: not a shell builtin"));
            Ok(1)
        }
    }
}

/// Programs are looked up each time, so there is nothing to remember; names are only checked.
pub fn hash(shell: &mut Shell, arguments: &[String]) -> Flow<i32> {
    let mut status = 0;
    for name in arguments[1..].iter().filter(|a| !a.starts_with('-')) {
        if !name.contains('/') && find_in_path(shell, name).is_none() {
            shell.error(format_args!("hash: {name}: not found"));
            status = 1;
        }
    }
    Ok(status)
}

pub fn caller(shell: &mut Shell, arguments: &[String]) -> Flow<i32> {
    let depth = arguments.get(1).and_then(|a| a.parse::<usize>().ok());
    let calls = &shell.calls;
    let Some(at) = calls.len().checked_sub(1 + depth.unwrap_or(0)) else {
        return Ok(if depth.is_some() { 1 } else { shell.print("0 NULL\n") });
    };
    let line = calls[at].line;
    let (function, source) = match at.checked_sub(1).map(|at| &calls[at]) {
        Some(call) => (call.function.clone(), call.source.clone()),
        None => ("main".to_owned(), shell.arg0.clone()),
    };
    let text = if depth.is_some() { format!("{line} {function} {source}\n") } else { format!("{line} {source}\n") };
    Ok(shell.print(&text))
}

pub fn times(shell: &mut Shell, _: &[String]) -> Flow<i32> {
    let times = sys::cpu_times().unwrap_or_default();
    let line = |used: sys::Usage| {
        let [user, system] = [used.user, used.system].map(|nanoseconds| minutes(nanoseconds as f64 / 1e9));
        format!("{user} {system}\n")
    };
    Ok(shell.print(&(line(times.own) + &line(times.children))))
}

pub fn ulimit(shell: &mut Shell, arguments: &[String]) -> Flow<i32> {
    let (found, rest) = match options(arguments, "SHabcdefiklmnpqrstuvxPRT", "") {
        Ok(parsed) => parsed,
        Err(letter) => return Ok(shell.bad_option("ulimit", letter)),
    };
    if rest.first().is_some_and(|value| value != "unlimited") {
        shell.error("ulimit: limits are set by the sandbox, not from inside of it");
        return Ok(1);
    }
    if rest.is_empty() && !found.iter().any(|o| o.0 == 'a') {
        return Ok(shell.print("unlimited\n"));
    }
    Ok(0)
}

pub fn umask(shell: &mut Shell, arguments: &[String]) -> Flow<i32> {
    let (found, rest) = match options(arguments, "Sp", "") {
        Ok(parsed) => parsed,
        Err(letter) => return Ok(shell.bad_option("umask", letter)),
    };
    // The mask can only be read by setting it.
    let current = sys::umask(0o022).unwrap_or(0o022);
    let _ = sys::umask(current);
    let symbolic = |mask: u32| {
        let class = |shift: u32| {
            let allowed = !mask >> shift & 7;
            [(4, 'r'), (2, 'w'), (1, 'x')].into_iter().filter(|b| allowed & b.0 != 0).map(|b| b.1).collect::<String>()
        };
        format!("u={},g={},o={}", class(6), class(3), class(0))
    };
    let Some(text) = rest.first() else {
        let text = if found.iter().any(|o| o.0 == 'S') { symbolic(current) } else { format!("{current:04o}") };
        return Ok(shell.print(&format!("{text}\n")));
    };
    let mask = match u32::from_str_radix(text, 8) {
        Ok(mask) if mask <= 0o777 => Some(mask),
        Ok(_) => None,
        Err(_) => symbolic_mask(text, current),
    };
    match mask {
        Some(mask) => {
            let _ = sys::umask(mask);
            if found.iter().any(|o| o.0 == 'S') {
                shell.print(&format!("{}\n", symbolic(mask)));
            }
            Ok(0)
        }
        None => {
            shell.error(format_args!("umask: {text}: octal number out of range"));
            Ok(1)
        }
    }
}

/// Reads `u=rwx,g-w`: what is named is allowed.
fn symbolic_mask(text: &str, current: u32) -> Option<u32> {
    let mut allowed = !current & 0o777;
    for clause in text.split(',') {
        let at = clause.find(['=', '+', '-'])?;
        let mut who = 0;
        for c in clause[..at].chars() {
            who |= match c {
                'u' => 0o700,
                'g' => 0o070,
                'o' => 0o007,
                'a' => 0o777,
                _ => return None,
            };
        }
        if who == 0 {
            who = 0o777;
        }
        let mut bits = 0;
        for c in clause[at + 1..].chars() {
            bits |= match c {
                'r' => 0o444,
                'w' => 0o222,
                'x' => 0o111,
                _ => return None,
            };
        }
        match &clause[at..=at] {
            "=" => allowed = (allowed & !who) | (bits & who),
            "+" => allowed |= bits & who,
            _ => allowed &= !(bits & who),
        }
    }
    Some(!allowed & 0o777)
}

pub fn help(shell: &mut Shell, _: &[String]) -> Flow<i32> {
    let mut names: Vec<&str> = super::BUILTINS.iter().map(|b| b.0).collect();
    names.extend(["declare", "exec", "export", "local", "readonly", "typeset"]);
    names.sort_unstable();
    Ok(shell.print(&format!("These commands are part of the shell:\n{}\n", names.join(" "))))
}

pub fn alias(shell: &mut Shell, arguments: &[String]) -> Flow<i32> {
    if arguments.len() > 1 && !arguments[1..].iter().all(|a| a == "-a") {
        shell.error(format_args!("{}: aliases are not supported; use a function", arguments[0]));
        return Ok(1);
    }
    Ok(0)
}

pub fn history(shell: &mut Shell, arguments: &[String]) -> Flow<i32> {
    match arguments.get(1).map(String::as_str) {
        Some("-c") => {
            shell.history.clear();
            Ok(0)
        }
        wanted => {
            let lines = shell.history.lines();
            let count = match wanted.map(str::parse) {
                None => lines.len(),
                Some(Ok(count)) => lines.len().min(count),
                Some(Err(_)) => {
                    shell.error("history: usage: history [-c] [n]");
                    return Ok(2);
                }
            };
            let first = lines.len() - count;
            let numbered = (first + 1..).zip(&lines[first..]);
            let text: String = numbered.map(|(number, line)| format!("{number:5}  {line}\n")).collect();
            Ok(shell.print(&text))
        }
    }
}
