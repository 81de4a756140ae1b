//! Reading and assigning variables and the parameters that are computed.

use std::collections::BTreeMap;

use stillbox_sys as sys;

use crate::shell::{Flow, Shell, Unwind, now};
use crate::variables::{Assoc, Attributes, Value, Variable};

impl Shell {
    /// Follows name references.
    pub fn resolve(&self, name: &str) -> String {
        let mut name = name.to_owned();
        for _ in 0..16 {
            match self.vars.get(&name) {
                Some(variable) if variable.attributes.nameref => match variable.text() {
                    Some(target) if !target.is_empty() => target.clone_into(&mut name),
                    _ => break,
                },
                _ => break,
            }
        }
        name
    }

    /// Returns a variable, the computed ones included.
    pub fn variable(&mut self, name: &str) -> Option<Variable> {
        if name.as_bytes().first().is_some_and(|b| b"RSLBEFPDGU_".contains(b))
            && let Some(computed) = self.computed(name)
        {
            return Some(computed);
        }
        match self.vars.get(name) {
            Some(variable) if variable.attributes.nameref => {
                let target = self.resolve(name);
                if target == name { None } else { self.variable(&target) }
            }
            found => found.cloned(),
        }
    }

    /// Returns the text of a variable.
    pub fn get(&mut self, name: &str) -> Option<String> {
        // The common case needs no copy of arrays.
        if let Some(variable) = self.vars.get(name)
            && !variable.attributes.nameref
            && !is_computed(name)
        {
            return variable.text().map(str::to_owned);
        }
        let target = self.resolve(name);
        if let Some((base, index)) = split_element(&target) {
            let (base, index) = (base.to_owned(), index.to_owned());
            return self.element(&base, &index).ok().flatten();
        }
        self.variable(&target).and_then(|v| v.text().map(str::to_owned))
    }

    fn computed(&mut self, name: &str) -> Option<Variable> {
        let list = |items: Vec<String>| {
            let elements: BTreeMap<u64, String> = (0..).zip(items).collect();
            Some(Variable { value: Value::Indexed(elements), ..Variable::default() })
        };
        let text = match name {
            "RANDOM" => self.next_random().to_string(),
            "SRANDOM" => {
                let high = self.next_random();
                (high << 16 | self.next_random()).to_string()
            }
            "SECONDS" => ((now() - self.epoch).floor() as i64).to_string(),
            "LINENO" => self.line.to_string(),
            "BASHPID" => sys::getpid().to_string(),
            "PPID" => sys::getppid().to_string(),
            "UID" | "EUID" => "0".to_owned(),
            "EPOCHSECONDS" => (now() as u64).to_string(),
            "EPOCHREALTIME" => format!("{:.6}", now()),
            "BASH_SUBSHELL" => self.subshell_level.to_string(),
            "BASH" => self.program.clone(),
            "_" => self.last_argument.clone(),
            "GROUPS" => "0".to_owned(),
            "PIPESTATUS" => return list(self.pipe_status.iter().map(i32::to_string).collect()),
            "FUNCNAME" => {
                if !self.calls.iter().any(|call| !call.sourced) {
                    return None;
                }
                let mut names: Vec<String> = self.calls.iter().rev().map(|c| c.function.clone()).collect();
                if !self.flags.contains('c') {
                    names.push("main".to_owned());
                }
                return list(names);
            }
            "BASH_SOURCE" => {
                let mut names: Vec<String> = self.calls.iter().rev().map(|c| c.source.clone()).collect();
                if !self.flags.contains('c') {
                    names.push(self.arg0.clone());
                }
                return list(names);
            }
            "BASH_LINENO" => {
                let mut lines: Vec<String> = self.calls.iter().rev().map(|c| c.line.to_string()).collect();
                lines.push("0".to_owned());
                return list(lines);
            }
            "DIRSTACK" => {
                let mut dirs = vec![self.cwd.clone()];
                dirs.extend(self.dirs.iter().cloned());
                return list(dirs);
            }
            "BASH_VERSINFO" => {
                return list(["5", "2", "15", "1", "release", "x86_64-pc-linux-gnu"].map(str::to_owned).to_vec());
            }
            _ => return None,
        };
        Some(Variable::scalar(text))
    }

    /// Returns one element of an array; of a scalar, element 0.
    pub fn element(&mut self, name: &str, index: &str) -> Flow<Option<String>> {
        let Some(variable) = self.variable(name) else { return Ok(None) };
        match &variable.value {
            Value::Assoc(assoc) => Ok(assoc.get(index).map(str::to_owned)),
            Value::Indexed(elements) => {
                let top = elements.last_key_value().map_or(0, |(k, _)| k + 1);
                let at = self.array_index(name, index, top)?;
                Ok(at.and_then(|at| elements.get(&at).cloned()))
            }
            _ => {
                let at = self.array_index(name, index, 1)?;
                Ok(if at == Some(0) { variable.text().map(str::to_owned) } else { None })
            }
        }
    }

    /// Evaluates an index; negative ones count from the end. `None` if it is before the start.
    pub fn array_index(&mut self, name: &str, index: &str, top: u64) -> Flow<Option<u64>> {
        let value = self.arithmetic(index)?;
        if value >= 0 {
            return Ok(Some(value.cast_unsigned()));
        }
        let at = top.checked_sub(value.unsigned_abs());
        if at.is_none() {
            self.error(format_args!("{name}: bad array subscript"));
        }
        Ok(at)
    }

    fn check_writable(&mut self, name: &str) -> Flow<()> {
        if self.vars.get(name).is_some_and(|v| v.attributes.readonly) {
            self.error(format_args!("{name}: readonly variable"));
            return Err(Unwind::Abort(1));
        }
        Ok(())
    }

    /// Applies what the attributes say to a value.
    fn converted(&mut self, attributes: Attributes, value: &str) -> Flow<String> {
        if attributes.integer {
            return Ok(self.arithmetic(value)?.to_string());
        }
        Ok(match (attributes.lower, attributes.upper) {
            (true, _) => value.to_lowercase(),
            (_, true) => value.to_uppercase(),
            _ => value.to_owned(),
        })
    }

    /// Assigns a scalar; of an array, the element 0.
    pub fn set(&mut self, name: &str, value: &str) -> Flow<()> {
        self.assign(name, None, value, false)
    }

    /// Assigns or appends to a variable or to an element.
    pub fn assign(&mut self, name: &str, index: Option<&str>, value: &str, append: bool) -> Flow<()> {
        let target = self.resolve(name);
        if index.is_none()
            && let Some((base, element)) = split_element(&target)
        {
            return self.assign(base, Some(element), value, append);
        }
        let name = target.as_str();
        self.check_writable(name)?;
        if index.is_none() && !append && self.assign_computed(name, value) {
            return Ok(());
        }
        let attributes = self.vars.get(name).map(|v| v.attributes).unwrap_or_default();
        let old = if append { self.old_text(name, index)? } else { None };
        let value = match old {
            Some(old) if attributes.integer => {
                let sum = self.arithmetic(&old)?.wrapping_add(self.arithmetic(value)?);
                sum.to_string()
            }
            Some(old) => self.converted(attributes, &(old + value))?,
            None => self.converted(attributes, value)?,
        };
        match index {
            None => self.store_scalar(name, value),
            Some(index) => self.store_element(name, index, value)?,
        }
        if self.options.allexport {
            self.vars.entry(name).attributes.exported = true;
        }
        Ok(())
    }

    fn old_text(&mut self, name: &str, index: Option<&str>) -> Flow<Option<String>> {
        match index {
            None => Ok(self.vars.get(name).and_then(Variable::text).map(str::to_owned)),
            Some(index) => self.element(name, index),
        }
    }

    fn assign_computed(&mut self, name: &str, value: &str) -> bool {
        match name {
            "RANDOM" => self.random = value.parse().unwrap_or(0),
            "SECONDS" => self.epoch = now() - value.parse().unwrap_or(0.0),
            "OPTIND" => {
                self.getopts_offset = 0;
                return false;
            }
            _ => return false,
        }
        true
    }

    fn store_scalar(&mut self, name: &str, value: String) {
        let variable = self.vars.entry(name);
        match &mut variable.value {
            Value::Indexed(elements) => drop(elements.insert(0, value)),
            Value::Assoc(assoc) => assoc.insert("0", value),
            scalar => *scalar = Value::Scalar(value),
        }
    }

    fn store_element(&mut self, name: &str, index: &str, value: String) -> Flow<()> {
        if let Value::Assoc(assoc) = &mut self.vars.entry(name).value {
            assoc.insert(index, value);
            return Ok(());
        }
        let top = match self.vars.get(name).map(|v| &v.value) {
            Some(Value::Indexed(elements)) => elements.last_key_value().map_or(0, |(k, _)| k + 1),
            Some(Value::Scalar(_)) => 1,
            _ => 0,
        };
        let Some(at) = self.array_index(&format!("{name}[{index}]"), index, top)? else {
            return Err(Unwind::Abort(1));
        };
        self.indexed(name).insert(at, value);
        Ok(())
    }

    /// Makes a variable an indexed array, and returns its elements.
    pub fn indexed(&mut self, name: &str) -> &mut BTreeMap<u64, String> {
        let variable = self.vars.entry(name);
        if !matches!(variable.value, Value::Indexed(_)) {
            let elements = match std::mem::take(&mut variable.value) {
                Value::Scalar(text) => BTreeMap::from([(0, text)]),
                _ => BTreeMap::new(),
            };
            variable.value = Value::Indexed(elements);
        }
        match &mut variable.value {
            Value::Indexed(elements) => elements,
            _ => unreachable!("it was made an array above"),
        }
    }

    /// Replaces an indexed array by a list.
    pub fn set_list(&mut self, name: &str, items: impl IntoIterator<Item = String>) -> Flow<()> {
        let name = self.resolve(name);
        self.check_writable(&name)?;
        *self.indexed(&name) = (0..).zip(items).collect();
        Ok(())
    }

    /// Replaces an associative array by an empty one, or makes one.
    pub fn clear_assoc(&mut self, name: &str) {
        self.vars.entry(name).value = Value::Assoc(Assoc::default());
    }

    /// Removes a variable, unless it is read-only.
    pub fn unset(&mut self, name: &str) -> i32 {
        if self.vars.get(name).is_some_and(|v| v.attributes.readonly) {
            self.error(format_args!("unset: {name}: cannot unset: readonly variable"));
            return 1;
        }
        self.vars.remove(name);
        0
    }

    /// Removes an element of an array.
    pub fn unset_element(&mut self, name: &str, index: &str) -> Flow<i32> {
        if self.vars.get(name).is_some_and(|v| v.attributes.readonly) {
            self.error(format_args!("unset: {name}: cannot unset: readonly variable"));
            return Ok(1);
        }
        let top = match self.vars.get(name).map(|v| &v.value) {
            Some(Value::Indexed(elements)) => elements.last_key_value().map_or(0, |(k, _)| k + 1),
            Some(Value::Assoc(_)) => {
                if let Value::Assoc(assoc) = &mut self.vars.entry(name).value {
                    assoc.remove(index);
                }
                return Ok(0);
            }
            Some(Value::Scalar(_)) => {
                if self.array_index(name, index, 1)? == Some(0) {
                    return Ok(self.unset(name));
                }
                self.error(format_args!("unset: {name}: not an array variable"));
                return Ok(1);
            }
            Some(_) => {
                self.error(format_args!("unset: {name}: not an array variable"));
                return Ok(1);
            }
            None => return Ok(0),
        };
        let Some(at) = self.array_index(&format!("unset: [{index}]"), index, top)? else { return Ok(1) };
        self.indexed(name).remove(&at);
        Ok(0)
    }

    /// Returns the characters that split words.
    pub fn ifs(&self) -> String {
        match self.vars.get("IFS") {
            Some(variable) => variable.text().unwrap_or(" \t\n").to_owned(),
            None => " \t\n".to_owned(),
        }
    }
}

fn is_computed(name: &str) -> bool {
    matches!(
        name,
        "RANDOM"
            | "SRANDOM"
            | "SECONDS"
            | "LINENO"
            | "BASHPID"
            | "PPID"
            | "UID"
            | "EUID"
            | "EPOCHSECONDS"
            | "EPOCHREALTIME"
            | "BASH_SUBSHELL"
            | "BASH"
            | "_"
            | "GROUPS"
            | "PIPESTATUS"
            | "FUNCNAME"
            | "BASH_SOURCE"
            | "BASH_LINENO"
            | "DIRSTACK"
            | "BASH_VERSINFO"
    )
}

/// Splits `name[index]`.
pub fn split_element(text: &str) -> Option<(&str, &str)> {
    let open = text.find('[')?;
    let index = text[open + 1..].strip_suffix(']')?;
    crate::variables::is_name(&text[..open]).then_some((&text[..open], index))
}
