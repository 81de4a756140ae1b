//! `cd`, `pwd`, `pushd`, `popd` and `dirs`.

use stillbox_sys as sys;

use super::options;
use crate::shell::{Flow, Shell};
use crate::text;

/// Removes `.` and `..` from an absolute path, as a user reads it.
fn normalize(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

impl Shell {
    /// Changes the directory and the variables that tell about it.
    fn change_directory(&mut self, path: &str, physical: bool) -> Result<(), sys::Errno> {
        let logical = if path.starts_with('/') { normalize(path) } else { normalize(&format!("{}/{path}", self.cwd)) };
        let target = if physical { path.to_owned() } else { logical.clone() };
        match sys::chdir(text::encode(&target)) {
            Ok(()) => {}
            // The directory may have been moved away from where it was.
            Err(_) if !physical && sys::chdir(text::encode(path)).is_ok() => {}
            Err(errno) => return Err(errno),
        }
        let new = if physical { sys::getcwd().map_or(logical, text::decode_vec) } else { logical };
        let old = std::mem::replace(&mut self.cwd, new.clone());
        for (name, value) in [("OLDPWD", old), ("PWD", new)] {
            // They are set even when a user made them read-only.
            let variable = self.vars.entry(name);
            variable.value = crate::variables::Value::Scalar(value);
            variable.attributes.exported |= name == "OLDPWD";
        }
        Ok(())
    }

    /// Returns an entry of the directory stack for `+N` or `-N`.
    pub fn stack_entry(&self, text: &str) -> Option<String> {
        self.stack_index(text).map(|at| if at == 0 { self.cwd.clone() } else { self.dirs[at - 1].clone() })
    }

    fn stack_index(&self, text: &str) -> Option<usize> {
        let count = self.dirs.len() + 1;
        let at = match text.strip_prefix('-') {
            Some(number) => count.checked_sub(1 + number.parse::<usize>().ok()?)?,
            None => text.strip_prefix('+').unwrap_or(text).parse().ok()?,
        };
        (at < count).then_some(at)
    }

    fn tilde_form(&mut self, path: &str) -> String {
        let home = self.get("HOME").unwrap_or_default();
        match path.strip_prefix(&home) {
            Some(rest) if home.len() > 1 && (rest.is_empty() || rest.starts_with('/')) => format!("~{rest}"),
            _ => path.to_owned(),
        }
    }

    fn show_stack(&mut self) -> i32 {
        let entries: Vec<String> = std::iter::once(self.cwd.clone()).chain(self.dirs.clone()).collect();
        let texts: Vec<String> = entries.iter().map(|entry| self.tilde_form(entry)).collect();
        self.print(&format!("{}\n", texts.join(" ")))
    }
}

pub fn cd(shell: &mut Shell, arguments: &[String]) -> Flow<i32> {
    let (found, rest) = match options(arguments, "LPe@", "") {
        Ok(parsed) => parsed,
        Err(letter) => return Ok(shell.bad_option("cd", letter)),
    };
    let physical = found.iter().rev().find(|o| matches!(o.0, 'L' | 'P')).map_or(shell.options.physical, |o| o.0 == 'P');
    let mut show = false;
    let target = match rest {
        [] => match shell.get("HOME") {
            Some(home) => home,
            None => {
                shell.error("cd: HOME not set");
                return Ok(1);
            }
        },
        [dash] if dash == "-" => match shell.get("OLDPWD") {
            Some(old) => {
                show = true;
                old
            }
            None => {
                shell.error("cd: OLDPWD not set");
                return Ok(1);
            }
        },
        [path] => path.clone(),
        _ => {
            shell.error("cd: too many arguments");
            return Ok(1);
        }
    };
    if target.is_empty() {
        return Ok(0);
    }
    let mut path = target.clone();
    if !target.starts_with(['/', '.'])
        && let Some(cdpath) = shell.get("CDPATH")
    {
        for directory in cdpath.split(':') {
            let candidate = if directory.is_empty() { target.clone() } else { format!("{directory}/{target}") };
            if std::fs::metadata(&candidate).is_ok_and(|m| m.is_dir()) {
                show |= !directory.is_empty();
                path = candidate;
                break;
            }
        }
    }
    match shell.change_directory(&path, physical) {
        Ok(()) => {
            if show {
                let cwd = shell.cwd.clone();
                shell.print(&format!("{cwd}\n"));
            }
            Ok(0)
        }
        Err(errno) => {
            shell.error(format_args!("cd: {target}: {errno}"));
            Ok(1)
        }
    }
}

pub fn pwd(shell: &mut Shell, arguments: &[String]) -> Flow<i32> {
    let (found, _) = match options(arguments, "LP", "") {
        Ok(parsed) => parsed,
        Err(letter) => return Ok(shell.bad_option("pwd", letter)),
    };
    let physical = found.last().map_or(shell.options.physical, |o| o.0 == 'P');
    let path =
        if physical { sys::getcwd().map_or_else(|_| shell.cwd.clone(), text::decode_vec) } else { shell.cwd.clone() };
    Ok(shell.print(&format!("{path}\n")))
}

pub fn pushd(shell: &mut Shell, arguments: &[String]) -> Flow<i32> {
    let quiet = arguments.get(1).is_some_and(|a| a == "-n");
    let argument = arguments.get(if quiet { 2 } else { 1 }).cloned();
    match argument {
        None => {
            if shell.dirs.is_empty() {
                shell.error("pushd: no other directory");
                return Ok(1);
            }
            let top = shell.dirs[0].clone();
            let old = shell.cwd.clone();
            if let Err(errno) = shell.change_directory(&top, false) {
                shell.error(format_args!("pushd: {top}: {errno}"));
                return Ok(1);
            }
            shell.dirs[0] = old;
        }
        Some(spec) if spec.starts_with(['+', '-']) && spec.len() > 1 => {
            let Some(at) = shell.stack_index(&spec) else {
                shell.error(format_args!("pushd: {spec}: directory stack index out of range"));
                return Ok(1);
            };
            let mut stack: Vec<String> = std::iter::once(shell.cwd.clone()).chain(shell.dirs.clone()).collect();
            stack.rotate_left(at);
            let top = stack.remove(0);
            if let Err(errno) = shell.change_directory(&top, false) {
                shell.error(format_args!("pushd: {top}: {errno}"));
                return Ok(1);
            }
            shell.dirs = stack;
        }
        Some(path) => {
            let old = shell.cwd.clone();
            if let Err(errno) = shell.change_directory(&path, false) {
                shell.error(format_args!("pushd: {path}: {errno}"));
                return Ok(1);
            }
            shell.dirs.insert(0, old);
        }
    }
    Ok(shell.show_stack())
}

pub fn popd(shell: &mut Shell, arguments: &[String]) -> Flow<i32> {
    if shell.dirs.is_empty() {
        shell.error("popd: directory stack empty");
        return Ok(1);
    }
    match arguments.get(1) {
        None => {
            let top = shell.dirs[0].clone();
            if let Err(errno) = shell.change_directory(&top, false) {
                shell.error(format_args!("popd: {top}: {errno}"));
                return Ok(1);
            }
            shell.dirs.remove(0);
        }
        Some(spec) => match shell.stack_index(spec).filter(|_| spec.starts_with(['+', '-'])) {
            Some(0) => return popd(shell, &arguments[..1]),
            Some(at) => drop(shell.dirs.remove(at - 1)),
            None => {
                shell.error(format_args!("popd: {spec}: invalid argument"));
                return Ok(1);
            }
        },
    }
    Ok(shell.show_stack())
}

pub fn dirs(shell: &mut Shell, arguments: &[String]) -> Flow<i32> {
    let (found, rest) = match options(arguments, "clpv0123456789", "") {
        Ok(parsed) => parsed,
        Err(letter) => return Ok(shell.bad_option("dirs", letter)),
    };
    let has = |letter| found.iter().any(|o| o.0 == letter);
    if has('c') {
        shell.dirs.clear();
        return Ok(0);
    }
    if let Some(spec) = rest.first() {
        return match shell.stack_entry(spec) {
            Some(entry) => {
                let text = shell.tilde_form(&entry);
                Ok(shell.print(&format!("{text}\n")))
            }
            None => {
                shell.error(format_args!("dirs: {spec}: directory stack index out of range"));
                Ok(1)
            }
        };
    }
    let entries: Vec<String> = std::iter::once(shell.cwd.clone()).chain(shell.dirs.clone()).collect();
    let texts: Vec<String> =
        entries.iter().map(|entry| if has('l') { entry.clone() } else { shell.tilde_form(entry) }).collect();
    let text = if has('v') {
        texts.iter().enumerate().map(|(at, text)| format!("{at:2}  {text}\n")).collect()
    } else if has('p') {
        texts.iter().map(|text| format!("{text}\n")).collect()
    } else {
        format!("{}\n", texts.join(" "))
    };
    Ok(shell.print(&text))
}
