//! `declare`, `typeset`, `local`, `export` and `readonly`.

use crate::escape;
use crate::shell::{Flow, Shell, Unwind};
use crate::variables::{Attributes, Value, Variable, is_name};

/// Is an expanded assignment, or a word where one could stand.
#[derive(Debug, Clone)]
pub struct Declared {
    pub name: String,
    pub index: Option<String>,
    pub append: bool,
    pub value: Option<DeclaredValue>,
}

#[derive(Debug, Clone)]
pub enum DeclaredValue {
    Scalar(String),
    /// Keys, whether they append, and values.
    Array(Vec<(Option<String>, bool, String)>),
}

impl Declared {
    /// Reads an argument that expansion produced.
    pub fn parse(text: &str) -> Declared {
        let plain = |name: &str| Declared { name: name.to_owned(), index: None, append: false, value: None };
        let Some((left, value)) = text.split_once('=').filter(|_| !text.starts_with(['-', '+'])) else {
            return plain(text);
        };
        let (left, append) = left.strip_suffix('+').map_or((left, false), |left| (left, true));
        let (name, index) = match crate::parameters::split_element(left) {
            Some((name, index)) => (name, Some(index.to_owned())),
            None => (left, None),
        };
        Declared { name: name.to_owned(), index, append, value: Some(DeclaredValue::Scalar(value.to_owned())) }
    }

    /// Returns it as the argument it would be.
    pub fn to_text(&self) -> String {
        let index = self.index.as_ref().map(|index| format!("[{index}]")).unwrap_or_default();
        let operator = if self.append { "+=" } else { "=" };
        match &self.value {
            None => self.name.clone(),
            Some(DeclaredValue::Scalar(text)) => format!("{}{index}{operator}{text}", self.name),
            Some(DeclaredValue::Array(elements)) => {
                let texts: Vec<String> = elements.iter().map(|(_, _, value)| escape::quote_if_needed(value)).collect();
                format!("{}{operator}({})", self.name, texts.join(" "))
            }
        }
    }

    /// Returns what `set -x` shows.
    pub fn trace_text(&self) -> String {
        match &self.value {
            Some(DeclaredValue::Scalar(text)) => {
                let index = self.index.as_ref().map(|index| format!("[{index}]")).unwrap_or_default();
                let operator = if self.append { "+=" } else { "=" };
                let quoted = if text.is_empty() { String::new() } else { escape::quote_if_needed(text) };
                format!("{}{index}{operator}{quoted}", self.name)
            }
            _ => self.to_text(),
        }
    }
}

impl Shell {
    /// Makes an assignment.
    pub fn store(&mut self, declared: &Declared) -> Flow<()> {
        match &declared.value {
            None => Ok(()),
            Some(DeclaredValue::Scalar(text)) => {
                self.assign(&declared.name, declared.index.as_deref(), text, declared.append)
            }
            Some(DeclaredValue::Array(elements)) => self.store_array(&declared.name, declared.append, elements),
        }
    }

    fn store_array(&mut self, name: &str, append: bool, elements: &[(Option<String>, bool, String)]) -> Flow<()> {
        let name = self.resolve(name);
        if self.vars.get(&name).is_some_and(|v| v.attributes.readonly) {
            self.error(format_args!("{name}: readonly variable"));
            return Err(Unwind::Abort(1));
        }
        if matches!(self.vars.get(&name).map(|v| &v.value), Some(Value::Assoc(_))) {
            if !append {
                self.clear_assoc(&name);
            }
            let mut elements = elements.iter();
            while let Some((key, append, value)) = elements.next() {
                match key {
                    Some(key) => self.assign(&name, Some(key), value, *append)?,
                    // Without keys, keys and values take turns.
                    None => {
                        let paired = elements.next().map(|next| next.2.clone()).unwrap_or_default();
                        self.assign(&name, Some(value), &paired, false)?;
                    }
                }
            }
            return Ok(());
        }
        let mut next = 0;
        if append {
            next = self.indexed(&name).last_key_value().map_or(0, |(k, _)| k + 1);
        } else {
            self.vars.entry(&name).value = Value::Indexed(Default::default());
        }
        for (key, append, value) in elements {
            if let Some(key) = key {
                match self.array_index(&name, key, next)? {
                    Some(at) => next = at,
                    None => continue,
                }
            }
            self.assign(&name, Some(&next.to_string()), value, *append)?;
            next += 1;
        }
        Ok(())
    }
}

/// Is the letters before the names.
#[derive(Default)]
struct Flags {
    on: Vec<char>,
    off: Vec<char>,
    print: bool,
    functions: bool,
    function_names: bool,
    global: bool,
}

impl Flags {
    fn has(&self, letter: char) -> bool {
        self.on.contains(&letter)
    }
}

/// Runs a declaration whose arguments have lost their form, as in `"$command" x=1`.
pub fn from_texts(shell: &mut Shell, arguments: &[String]) -> Flow<i32> {
    let declared: Vec<Declared> = arguments[1..].iter().map(|text| Declared::parse(text)).collect();
    declare(shell, &arguments[0], &declared)
}

/// Runs `declare` and its like.
pub fn declare(shell: &mut Shell, command: &str, arguments: &[Declared]) -> Flow<i32> {
    let mut flags = Flags::default();
    let mut at = 0;
    while let Some(argument) = arguments.get(at) {
        let text = &argument.name;
        if argument.value.is_some() || text.len() < 2 || !text.starts_with(['-', '+']) {
            break;
        }
        at += 1;
        if text == "--" {
            break;
        }
        for letter in text.chars().skip(1) {
            match letter {
                'p' => flags.print = true,
                'f' => flags.functions = true,
                'F' => flags.function_names = true,
                'g' => flags.global = true,
                'n' if command == "export" => flags.off.push('x'),
                'a' | 'A' | 'i' | 'l' | 'n' | 'r' | 't' | 'u' | 'x' | 'I' => {
                    if text.starts_with('-') {
                        flags.on.push(letter)
                    } else {
                        flags.off.push(letter)
                    }
                }
                _ => return Ok(shell.bad_option(command, letter)),
            }
        }
    }
    let names = &arguments[at..];
    match command {
        "export" if !flags.off.contains(&'x') => flags.on.push('x'),
        "readonly" => flags.on.push('r'),
        "local" if !shell.calls.iter().any(|call| !call.sourced) => {
            shell.error("local: can only be used in a function");
            return Ok(1);
        }
        _ => {}
    }
    if flags.functions || flags.function_names {
        return functions(shell, names, &flags);
    }
    if names.is_empty() {
        return Ok(list(shell, command, &flags));
    }
    if flags.print {
        return Ok(print_names(shell, command, names));
    }
    let mut status = 0;
    for declared in names {
        match apply(shell, command, declared, &flags) {
            Ok(0) => {}
            Ok(failed) => status = failed,
            Err(Unwind::Abort(failed)) if command != "readonly" => status = failed,
            Err(unwind) => return Err(unwind),
        }
    }
    Ok(status)
}

fn functions(shell: &mut Shell, names: &[Declared], flags: &Flags) -> Flow<i32> {
    if names.is_empty() {
        let mut text = String::new();
        for function in shell.functions.values() {
            if flags.function_names {
                text.push_str(&format!("declare -f {}\n", function.name));
            } else {
                text.push_str(&crate::syntax::function_text(function));
            }
        }
        return Ok(shell.print(&text));
    }
    let mut status = 0;
    for declared in names {
        match shell.functions.get(&declared.name).cloned() {
            Some(_) if flags.has('x') => drop(shell.exported_functions.insert(declared.name.clone())),
            Some(_) if flags.off.contains(&'x') => drop(shell.exported_functions.remove(&declared.name)),
            Some(_) if flags.has('r') => {
                shell.error("readonly: functions cannot be made read-only");
                status = 1;
            }
            Some(function) if flags.function_names => drop(shell.print(&format!("{}\n", function.name))),
            Some(function) => drop(shell.print(&crate::syntax::function_text(&function))),
            None => {
                if flags.has('x') {
                    shell.error(format_args!("export: {}: not a function", declared.name));
                }
                status = 1;
            }
        }
    }
    Ok(status)
}

/// Lists variables: those with the given attributes, or all.
fn list(shell: &mut Shell, command: &str, flags: &Flags) -> i32 {
    let mut text = String::new();
    let names = if command == "local" {
        let mut names = shell.vars.local_names();
        names.sort();
        names
    } else {
        shell.vars.names()
    };
    for name in names {
        let Some(variable) = shell.vars.get(&name) else { continue };
        let shown = variable.flags();
        if !flags.on.iter().all(|flag| shown.contains(*flag)) {
            continue;
        }
        let plain = command != "local" && flags.on.is_empty() && !flags.print;
        text.push_str(&if plain { plain_text(&name, variable) } else { declaration(&name, variable, false) });
        text.push('\n');
    }
    shell.print(&text)
}

/// Returns `name=value` as `set` shows it.
pub fn plain_text(name: &str, variable: &Variable) -> String {
    match &variable.value {
        Value::Unset => name.to_owned(),
        Value::Scalar(text) if text.is_empty() => format!("{name}="),
        Value::Scalar(text) => format!("{name}={}", escape::quote_if_needed(text)),
        value => format!("{name}={}", array_text(value)),
    }
}

fn array_text(value: &Value) -> String {
    match value {
        Value::Indexed(elements) => {
            let texts: Vec<String> =
                elements.iter().map(|(key, value)| format!("[{key}]={}", escape::double_quote(value))).collect();
            format!("({})", texts.join(" "))
        }
        Value::Assoc(assoc) => {
            let texts: String = assoc
                .iter()
                .map(|(key, value)| {
                    let key = if escape::quote_if_needed(key) == key && !key.is_empty() {
                        key.to_owned()
                    } else {
                        escape::double_quote(key)
                    };
                    format!("[{key}]={} ", escape::double_quote(value))
                })
                .collect();
            format!("({texts})")
        }
        _ => String::new(),
    }
}

/// Returns the `declare` command that makes a variable what it is. `@A` quotes a scalar in single quotes.
pub fn declaration(name: &str, variable: &Variable, single: bool) -> String {
    let flags = variable.flags();
    let flags = if flags.is_empty() { "--".to_owned() } else { format!("-{flags}") };
    match &variable.value {
        Value::Unset => format!("declare {flags} {name}"),
        Value::Scalar(text) if single => format!("declare {flags} {name}={}", escape::single_quote(text)),
        Value::Scalar(text) => format!("declare {flags} {name}={}", escape::double_quote(text)),
        value => format!("declare {flags} {name}={}", array_text(value)),
    }
}

fn print_names(shell: &mut Shell, command: &str, names: &[Declared]) -> i32 {
    let mut status = 0;
    for declared in names {
        match shell.vars.get(&declared.name).cloned().or_else(|| shell.variable(&declared.name)) {
            Some(variable) => {
                let text = declaration(&declared.name, &variable, false);
                shell.print(&format!("{text}\n"));
            }
            None => {
                shell.error(format_args!("{command}: {}: not found", declared.name));
                status = 1;
            }
        }
    }
    status
}

fn apply(shell: &mut Shell, command: &str, declared: &Declared, flags: &Flags) -> Flow<i32> {
    let element = crate::parameters::split_element(&declared.name).map(|(name, _)| name.to_owned());
    let name = element.unwrap_or_else(|| declared.name.clone());
    if !is_name(&name) {
        let shown = declared.to_text();
        shell.error(format_args!("{command}: `{shown}': not a valid identifier"));
        return Ok(1);
    }
    let in_function = shell.calls.iter().any(|call| !call.sourced);
    let is_local = command == "local" || (matches!(command, "declare" | "typeset") && in_function && !flags.global);
    // Attributes of a name reference itself are changed only by `-n`.
    let name = if is_local || flags.has('n') || flags.off.contains(&'n') { name } else { shell.resolve(&name) };
    if is_local && !shell.vars.is_local(&name) {
        let inherited = shell.vars.get(&name).cloned();
        if inherited.as_ref().is_some_and(|v| v.attributes.readonly) {
            shell.error(format_args!("{command}: {name}: readonly variable"));
            return Ok(1);
        }
        shell.vars.hide(&name);
        let exported = inherited.as_ref().is_some_and(|v| v.attributes.exported);
        let mut fresh = if flags.has('I') { inherited.unwrap_or_default() } else { Variable::default() };
        fresh.attributes.exported |= exported && declared.value.is_some();
        shell.vars.insert(&name, fresh);
    }
    let variable = shell.vars.entry(&name);
    if variable.attributes.readonly && (declared.value.is_some() || flags.off.contains(&'r')) {
        shell.error(format_args!("{command}: {name}: readonly variable"));
        return Ok(1);
    }
    if flags.has('A') {
        if matches!(variable.value, Value::Indexed(_)) {
            shell.error(format_args!("{command}: {name}: cannot convert indexed to associative array"));
            return Ok(1);
        }
        if !matches!(variable.value, Value::Assoc(_)) {
            variable.value = Value::Assoc(Default::default());
        }
    } else if flags.has('a') {
        if matches!(variable.value, Value::Assoc(_)) {
            shell.error(format_args!("{command}: {name}: cannot convert associative to indexed array"));
            return Ok(1);
        }
        shell.indexed(&name);
    }
    let variable = shell.vars.entry(&name);
    set_flags(&mut variable.attributes, flags);
    if flags.has('n') {
        if let Some(DeclaredValue::Scalar(target)) = &declared.value {
            shell.vars.entry(&name).value = Value::Scalar(target.clone());
        }
        shell.vars.entry(&name).attributes.nameref = true;
        return Ok(0);
    }
    if declared.value.is_some() {
        let mut named = declared.clone();
        named.name.clone_from(&name);
        shell.store(&named)?;
    }
    if flags.has('r') {
        shell.vars.entry(&name).attributes.readonly = true;
    }
    Ok(0)
}

fn set_flags(attributes: &mut Attributes, flags: &Flags) {
    for (letters, on) in [(&flags.on, true), (&flags.off, false)] {
        for letter in letters {
            match letter {
                'x' => attributes.exported = on,
                'i' => attributes.integer = on,
                'l' => {
                    attributes.lower = on;
                    attributes.upper &= !on;
                }
                'u' => {
                    attributes.upper = on;
                    attributes.lower &= !on;
                }
                'n' if !on => attributes.nameref = false,
                _ => {}
            }
        }
    }
}
