//! Completing a word: the names of commands where one begins, and of files elsewhere.

use std::collections::BTreeSet;

use crate::shell::Shell;

/// What ends a word, and what a file's name must have a backslash before.
const SPECIAL: &str = " \t\n\"'`$&|;<>()*?[]#~!{}\\";

/// Is what a word can become.
#[derive(Debug, PartialEq, Eq)]
pub struct Completion {
    /// Where the word begins, in characters.
    pub start: usize,
    /// What all candidates have in common, as it is typed; with a blank behind it if there is one candidate only.
    pub common: String,
    /// The candidates, as they are shown.
    pub candidates: Vec<String>,
}

/// Returns what the word before the cursor can become.
pub fn complete(shell: &mut Shell, before: &[char]) -> Completion {
    let start = word_start(before);
    let typed: String = before[start..].iter().collect();
    let word = unescape(&typed);
    let is_command = !word.contains('/') && begins_command(&before[..start]);
    let found = if is_command { commands(shell, &word) } else { files(shell, &word) };
    let Some(first) = found.first() else { return Completion { start, common: typed, candidates: Vec::new() } };
    let common = found.iter().skip(1).fold(first.clone(), |common, other| {
        let alike = common.chars().zip(other.chars()).take_while(|(a, b)| a == b);
        alike.map(|(char, _)| char).collect()
    });
    let mut common = escape(&common);
    if found.len() == 1 && !first.ends_with('/') {
        common.push(' ');
    }
    let shown = |name: &String| match name.trim_end_matches('/').rfind('/') {
        Some(slash) => name[slash + 1..].to_owned(),
        None => name.clone(),
    };
    Completion { start, common, candidates: found.iter().map(shown).collect() }
}

fn word_start(before: &[char]) -> usize {
    let mut at = before.len();
    while at > 0 {
        let escaped = at >= 2 && before[at - 2] == '\\';
        if !escaped && matches!(before[at - 1], ' ' | '\t' | '\n' | '|' | '&' | ';' | '<' | '>' | '(' | ')' | '=' | '"')
        {
            break;
        }
        at -= 1;
    }
    at
}

/// Returns whether a word that begins behind this is a command's name.
fn begins_command(before: &[char]) -> bool {
    let text: String = before.iter().collect();
    let text = text.trim_end();
    let last_word = text.rsplit([' ', '\t', ';', '|', '&', '(']).next().unwrap_or_default();
    text.is_empty()
        || text.ends_with(['|', '&', ';', '('])
        || matches!(last_word, "if" | "then" | "else" | "elif" | "while" | "until" | "do" | "!" | "{" | "time")
        || matches!(last_word, "exec" | "command" | "env" | "nohup" | "xargs" | "which" | "type")
}

fn commands(shell: &mut Shell, prefix: &str) -> Vec<String> {
    let mut found: BTreeSet<String> = BTreeSet::new();
    let mut add = |name: &str| {
        if name.starts_with(prefix) {
            found.insert(name.to_owned());
        }
    };
    crate::builtins::names().for_each(&mut add);
    shell.functions.keys().for_each(|name| add(name));
    let path = shell.get("PATH").unwrap_or_default();
    for directory in path.split(':').filter(|directory| !directory.is_empty()) {
        names_in(directory).iter().for_each(|name| add(name));
    }
    found.into_iter().collect()
}

fn files(shell: &mut Shell, word: &str) -> Vec<String> {
    let (directory, prefix) = word.rfind('/').map_or(("", word), |slash| word.split_at(slash + 1));
    let place = match directory.strip_prefix("~/") {
        Some(rest) => format!("{}/{rest}", shell.get("HOME").unwrap_or_else(|| "/root".to_owned())),
        None if directory.is_empty() => ".".to_owned(),
        None => directory.to_owned(),
    };
    let wanted = |name: &String| name.starts_with(prefix) && (prefix.starts_with('.') || !name.starts_with('.'));
    let mut found: Vec<String> = names_in(&place).into_iter().filter(wanted).collect();
    found.sort_unstable();
    let is_dir = |name: &String| std::fs::metadata(format!("{place}/{name}")).is_ok_and(|metadata| metadata.is_dir());
    found.iter().map(|name| format!("{directory}{name}{}", if is_dir(name) { "/" } else { "" })).collect()
}

fn names_in(directory: &str) -> Vec<String> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
}

fn unescape(text: &str) -> String {
    let mut plain = String::new();
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        plain.extend(if char == '\\' { chars.next() } else { Some(char) });
    }
    plain
}

/// Returns a name as it is typed. A `~` at the beginning stays what it means.
fn escape(text: &str) -> String {
    let mut typed = String::new();
    for (at, char) in text.chars().enumerate() {
        if SPECIAL.contains(char) && !(at == 0 && char == '~') {
            typed.push('\\');
        }
        typed.push(char);
    }
    typed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chars(text: &str) -> Vec<char> {
        text.chars().collect()
    }

    #[test]
    fn a_word_begins_behind_what_ends_one() {
        assert_eq!(word_start(&chars("ls a\\ b")), 3);
        assert_eq!(word_start(&chars("x=1;cat")), 4);
        assert_eq!(word_start(&chars("")), 0);
    }

    #[test]
    fn commands_begin_behind_operators_and_some_words() {
        for (before, expected) in [("", true), ("ls | ", true), ("if ", true), ("ls ", false), ("a; b ", false)] {
            assert_eq!(begins_command(&chars(before)), expected, "{before:?}");
        }
    }

    #[test]
    fn names_are_escaped_as_they_are_typed() {
        assert_eq!(escape("~/a b$"), "~/a\\ b\\$");
        assert_eq!(unescape("a\\ b\\$"), "a b$");
    }
}
