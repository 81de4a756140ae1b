//! `[[ text =~ regex ]]`.

use regex_lite::{Regex, RegexBuilder};

use crate::shell::{Flow, Shell};
use crate::variables::{Value, Variable};

/// How many compiled expressions are kept, for those in loops.
const CACHED: usize = 8;

/// Matches, and sets `BASH_REMATCH`.
pub fn matches(shell: &mut Shell, source: &str, text: &str) -> Flow<bool> {
    let nocase = shell.shopts.nocasematch;
    let at = match shell.regexes.iter().position(|(known, case, _)| known == source && *case == nocase) {
        Some(at) => at,
        None => {
            let Some(regex) = compile(source, nocase) else {
                shell.error(format_args!("[[: {source}: invalid regular expression"));
                return Err(crate::shell::Unwind::Abort(2));
            };
            shell.regexes.truncate(CACHED - 1);
            shell.regexes.insert(0, (source.to_owned(), nocase, regex));
            0
        }
    };
    let groups: Option<Vec<String>> = shell.regexes[at].2.captures(text).map(|captures| {
        (0..captures.len()).map(|n| captures.get(n).map(|m| m.as_str().to_owned()).unwrap_or_default()).collect()
    });
    let matched = groups.is_some();
    let elements = (0..).zip(groups.unwrap_or_default()).collect();
    shell.vars.insert("BASH_REMATCH", Variable { value: Value::Indexed(elements), ..Variable::default() });
    Ok(matched)
}

fn compile(source: &str, nocase: bool) -> Option<Regex> {
    RegexBuilder::new(&translate(source)?).case_insensitive(nocase).dot_matches_new_line(true).build().ok()
}

/// Turns a POSIX extended expression into the syntax of the regex crates: they differ in brackets and braces.
fn translate(source: &str) -> Option<String> {
    let chars: Vec<char> = source.chars().collect();
    let mut out = String::new();
    let mut at = 0;
    while let Some(&c) = chars.get(at) {
        match c {
            '\\' => {
                let next = *chars.get(at + 1)?;
                match next {
                    'b' | 'B' | 'w' | 'W' | 's' | 'S' => out.extend(['\\', next]),
                    '<' => out.push_str(r"\b"),
                    '>' => out.push_str(r"\b"),
                    next if next.is_ascii_alphanumeric() => out.push(next),
                    next if next.is_ascii() => out.extend(['\\', next]),
                    next => out.push(next),
                }
                at += 2;
            }
            '[' => at = bracket(&chars, at, &mut out)?,
            '{' if !chars.get(at + 1).is_some_and(char::is_ascii_digit) => {
                out.push_str(r"\{");
                at += 1;
            }
            '(' if chars.get(at + 1) == Some(&'?') => return None,
            // A closing brace or bracket that opens nothing stands for itself.
            ']' => {
                out.push_str(r"\]");
                at += 1;
            }
            c => {
                out.push(c);
                at += 1;
            }
        }
    }
    Some(out)
}

/// Translates `[..]`, in which a backslash means nothing; returns where it ends.
fn bracket(chars: &[char], open: usize, out: &mut String) -> Option<usize> {
    out.push('[');
    let mut at = open + 1;
    if chars.get(at) == Some(&'^') {
        out.push('^');
        at += 1;
    }
    let first = at;
    loop {
        let c = *chars.get(at)?;
        match c {
            ']' if at > first => {
                out.push(']');
                return Some(at + 1);
            }
            '[' if matches!(chars.get(at + 1), Some(':' | '.' | '=')) => {
                let kind = chars[at + 1];
                let len = chars[at + 2..].windows(2).position(|w| w == [kind, ']'])?;
                let name: String = chars[at + 2..at + 2 + len].iter().collect();
                if kind == ':' {
                    out.push_str(&format!("[:{name}:]"));
                } else {
                    out.extend(name.chars().flat_map(|c| ['\\', c]));
                }
                at += len + 4;
                continue;
            }
            '\\' | '[' | ']' | '&' | '~' | '^' => out.extend(['\\', c]),
            c => out.push(c),
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn posix_syntax_is_translated() {
        for (source, text, expected) in [
            ("^a(b|c)+$", "abcb", true),
            ("[]x]", "]", true),
            (r"[\.]", "\\", true),
            ("^[[:alpha:]_][[:alnum:]_]*$", "a_1", true),
            ("a{2}", "caat", true),
            ("{", "x{", true),
            (r"\.txt$", "a.txt", true),
            (r"\.txt$", "atxt", false),
        ] {
            let regex = compile(source, false).expect(source);
            assert_eq!(regex.is_match(text), expected, "{source} {text}");
        }
        assert!(compile("(", false).is_none());
    }
}
