//! `break`, `continue`, `return`, `exit`, `eval`, `source`, `exec`, `shift`, `let`, `:`, `true` and `false`.

use std::rc::Rc;

use crate::shell::{Call, Flow, Shell, Unwind};

pub fn colon(_: &mut Shell, _: &[String]) -> Flow<i32> {
    Ok(0)
}

pub fn false_(_: &mut Shell, _: &[String]) -> Flow<i32> {
    Ok(1)
}

fn levels(shell: &mut Shell, arguments: &[String]) -> Flow<Option<u32>> {
    let name = &arguments[0];
    if shell.loops == 0 {
        shell.error(format_args!("{name}: only meaningful in a `for', `while', or `until' loop"));
        return Ok(None);
    }
    let Some(text) = arguments.get(1) else { return Ok(Some(1)) };
    match text.parse::<i64>() {
        Ok(levels) if levels > 0 => Ok(Some(shell.loops.min(u32::try_from(levels).unwrap_or(u32::MAX)))),
        Ok(_) => {
            shell.error(format_args!("{name}: {text}: loop count out of range"));
            Ok(Some(shell.loops))
        }
        Err(_) => {
            shell.error(format_args!("{name}: {text}: numeric argument required"));
            Err(Unwind::Exit(128))
        }
    }
}

pub fn break_(shell: &mut Shell, arguments: &[String]) -> Flow<i32> {
    match levels(shell, arguments)? {
        Some(levels) => Err(Unwind::Break(levels)),
        None => Ok(0),
    }
}

pub fn continue_(shell: &mut Shell, arguments: &[String]) -> Flow<i32> {
    match levels(shell, arguments)? {
        Some(levels) => Err(Unwind::Continue(levels)),
        None => Ok(0),
    }
}

/// Reads the status argument of `exit` and `return`.
fn status(shell: &mut Shell, arguments: &[String]) -> i32 {
    match arguments.get(1).filter(|a| *a != "--") {
        None => shell.status,
        Some(text) => match text.trim().parse::<i64>() {
            Ok(status) => (status & 0xff) as i32,
            Err(_) => {
                shell.error(format_args!("{}: {text}: numeric argument required", arguments[0]));
                2
            }
        },
    }
}

pub fn return_(shell: &mut Shell, arguments: &[String]) -> Flow<i32> {
    if shell.calls.is_empty() && !shell.in_trap {
        shell.error("return: can only `return' from a function or sourced script");
        return Ok(2);
    }
    Err(Unwind::Return(status(shell, arguments)))
}

pub fn exit(shell: &mut Shell, arguments: &[String]) -> Flow<i32> {
    if shell.interactive && shell.warn_of_stopped_jobs() {
        return Ok(1);
    }
    Err(Unwind::Exit(status(shell, arguments)))
}

pub fn eval(shell: &mut Shell, arguments: &[String]) -> Flow<i32> {
    let rest = if arguments.get(1).is_some_and(|a| a == "--") { &arguments[2..] } else { &arguments[1..] };
    shell.nested(|shell| shell.run_text(&rest.join(" ")))
}

/// Replaces the shell when only expansion made the command `exec`, as in `builtin exec`.
pub fn exec(shell: &mut Shell, arguments: &[String]) -> Flow<i32> {
    let Some(name) = arguments.get(1).cloned() else { return Ok(0) };
    let errno = shell.describe(&name, &arguments[1..]).exec();
    let status = shell.launch_error(&name, errno)?;
    Err(Unwind::Exit(status))
}

pub fn source(shell: &mut Shell, arguments: &[String]) -> Flow<i32> {
    let name = &arguments[0];
    let rest = if arguments.get(1).is_some_and(|a| a == "--") { &arguments[2..] } else { &arguments[1..] };
    let Some(path) = rest.first() else {
        shell.error(format_args!("{name}: filename argument required"));
        return Ok(2);
    };
    let found = if path.contains('/') { None } else { find_source(shell, path) };
    let found = found.unwrap_or_else(|| path.clone());
    let source = match shell.read_file(&found) {
        Ok(source) => source,
        Err((message, _)) => {
            if message == "Is a directory" {
                shell.error(format_args!("{name}: {path}: is a directory"));
            } else {
                shell.error(format_args!("{path}: {message}"));
            }
            return Ok(1);
        }
    };
    let params = (rest.len() > 1).then(|| std::mem::replace(&mut shell.params, Rc::new(rest[1..].to_vec())));
    let line = shell.line;
    shell.calls.push(Call { function: "source".to_owned(), source: found.clone(), line, sourced: true });
    let result = shell.nested(|shell| shell.run_lines(&source, 1, &found));
    shell.calls.pop();
    shell.line = line;
    if let Some(params) = params {
        shell.params = params;
    }
    match result {
        Err(Unwind::Return(status)) => Ok(status),
        other => other,
    }
}

/// Looks a file without a slash up along `PATH`; it need not be executable.
fn find_source(shell: &mut Shell, name: &str) -> Option<String> {
    let path = shell.get("PATH").unwrap_or_default();
    let mut candidates = path.split(':').filter(|d| !d.is_empty()).map(|directory| format!("{directory}/{name}"));
    candidates.find(|candidate| std::fs::metadata(candidate).is_ok_and(|m| m.is_file()))
}

pub fn shift(shell: &mut Shell, arguments: &[String]) -> Flow<i32> {
    let count = match arguments.get(1) {
        None => 1,
        Some(text) => match text.parse::<i64>() {
            Ok(count) => count,
            Err(_) => {
                shell.error(format_args!("shift: {text}: numeric argument required"));
                return Ok(1);
            }
        },
    };
    if count < 0 {
        shell.error(format_args!("shift: {count}: shift count out of range"));
        return Ok(1);
    }
    let Ok(count) = usize::try_from(count) else { return Ok(1) };
    if count > shell.params.len() {
        return Ok(1);
    }
    Rc::make_mut(&mut shell.params).drain(..count);
    Ok(0)
}

pub fn let_(shell: &mut Shell, arguments: &[String]) -> Flow<i32> {
    let mut value = 0;
    if arguments.len() < 2 {
        shell.error("let: expression expected");
        return Ok(1);
    }
    for expression in &arguments[1..] {
        value = match shell.arithmetic(expression) {
            Ok(value) => value,
            Err(Unwind::Abort(status)) => return Ok(status),
            Err(unwind) => return Err(unwind),
        };
    }
    Ok((value == 0).into())
}

impl Shell {
    /// Runs text one level deeper, for the limit on levels.
    fn nested(&mut self, run: impl FnOnce(&mut Shell) -> Flow<i32>) -> Flow<i32> {
        self.depth += 1;
        let result = run(self);
        self.depth -= 1;
        result
    }
}
