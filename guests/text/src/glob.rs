//! Shell patterns: `*`, `?`, `[a-z]`.

/// How a pattern is matched.
#[derive(Clone, Copy, Default)]
pub struct Options {
    pub ignore_case: bool,
}

/// Tells whether the whole of `text` matches `pattern`. A `*` matches slashes and leading dots, too.
pub fn matches(pattern: &str, text: &str, options: Options) -> bool {
    let fold = |text: &str| -> Vec<char> {
        if options.ignore_case { text.to_lowercase().chars().collect() } else { text.chars().collect() }
    };
    match_from(&fold(pattern), &fold(text))
}

fn match_from(pattern: &[char], text: &[char]) -> bool {
    let (mut p, mut t) = (0, 0);
    // Where to go on after a star takes one more character.
    let mut star: Option<(usize, usize)> = None;
    loop {
        if pattern.get(p) == Some(&'*') {
            star = Some((p + 1, t));
            p += 1;
            continue;
        }
        let step = match (pattern.get(p), text.get(t)) {
            (None, None) => return true,
            (Some(_), Some(&c)) => match_one(&pattern[p..], c),
            _ => None,
        };
        match (step, star) {
            (Some(length), _) => (p, t) = (p + length, t + 1),
            (None, Some((after, taken))) if taken < text.len() => {
                star = Some((after, taken + 1));
                (p, t) = (after, taken + 1);
            }
            _ => return false,
        }
    }
}

/// Matches one character with the start of `pattern`; returns how long that start is.
fn match_one(pattern: &[char], c: char) -> Option<usize> {
    match pattern[0] {
        '?' => Some(1),
        '\\' if pattern.len() > 1 => (pattern[1] == c).then_some(2),
        '[' => match bracket(pattern, c) {
            Some((true, length)) => Some(length),
            Some((false, _)) => None,
            // Without its end, a bracket is a bracket.
            None => (c == '[').then_some(1),
        },
        literal => (literal == c).then_some(1),
    }
}

fn bracket(pattern: &[char], c: char) -> Option<(bool, usize)> {
    let mut at = 1;
    let negated = matches!(pattern.get(at), Some('!' | '^'));
    at += usize::from(negated);
    let first = at;
    let mut found = false;
    loop {
        let start = *pattern.get(at)?;
        if start == ']' && at > first {
            return Some((found != negated, at + 1));
        }
        if start == '[' && pattern.get(at + 1) == Some(&':') {
            let length = pattern[at + 2..].windows(2).position(|pair| pair == [':', ']'])?;
            let name: String = pattern[at + 2..at + 2 + length].iter().collect();
            found |= in_class(&name, c);
            at += length + 4;
            continue;
        }
        let mut take = || -> Option<char> {
            at += usize::from(pattern[at] == '\\' && at + 1 < pattern.len());
            at += 1;
            pattern.get(at - 1).copied()
        };
        let start = take()?;
        if pattern.get(at) == Some(&'-') && pattern.get(at + 1).is_some_and(|&next| next != ']') {
            at += 1;
            let mut take = || -> Option<char> {
                at += usize::from(pattern[at] == '\\' && at + 1 < pattern.len());
                at += 1;
                pattern.get(at - 1).copied()
            };
            found |= (start..=take()?).contains(&c);
        } else {
            found |= start == c;
        }
    }
}

fn in_class(name: &str, c: char) -> bool {
    match name {
        "alpha" => c.is_alphabetic(),
        "digit" => c.is_ascii_digit(),
        "alnum" => c.is_alphanumeric(),
        "upper" => c.is_uppercase(),
        "lower" => c.is_lowercase(),
        "space" => c.is_whitespace(),
        "blank" => c == ' ' || c == '\t',
        "punct" => c.is_ascii_punctuation(),
        "print" => !c.is_control(),
        "graph" => !c.is_control() && !c.is_whitespace(),
        "cntrl" => c.is_control(),
        "xdigit" => c.is_ascii_hexdigit(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{Options, matches};

    #[test]
    fn patterns_match_as_in_a_shell() {
        let yes = [("*.c", "a.c"), ("*", ".x"), ("a?c", "abc"), ("[!a]*", "bc"), ("[]x]", "]"), ("a*b*c", "aXbYbZc")];
        for (pattern, text) in
            yes.into_iter().chain([("[a-c][[:digit:]]", "b7"), ("\\*", "*"), ("[", "["), ("[\\]]", "]")])
        {
            assert!(matches(pattern, text, Options::default()), "{pattern} {text}");
        }
        for (pattern, text) in [("*.c", "a.h"), ("?", ""), ("[a-c]", "d"), ("\\*", "x"), ("a*b", "abc")] {
            assert!(!matches(pattern, text, Options::default()), "{pattern} {text}");
        }
        assert!(matches("*.TXT", "a.txt", Options { ignore_case: true }));
    }
}
