//! Shell patterns: `* ? [..]` and the extended `@(..) ?(..) *(..) +(..) !(..)`.

/// Is one element of a pattern.
#[derive(Debug, Clone)]
enum Node {
    Char(char),
    Any,
    Star,
    Class { negated: bool, items: Vec<ClassItem> },
    Extended(char, Vec<Vec<Node>>),
}

#[derive(Debug, Clone)]
enum ClassItem {
    Range(char, char),
    Named(fn(char) -> bool),
}

/// Is a compiled pattern. In its source a backslash protects the next character.
#[derive(Debug, Clone)]
pub struct Pattern {
    nodes: Vec<Node>,
    nocase: bool,
}

/// Returns whether a pattern can match anything but one text.
pub fn has_magic(pattern: &str, extended: bool) -> bool {
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => drop(chars.next()),
            '*' | '?' => return true,
            '[' if pattern.contains(']') => return true,
            '@' | '!' | '+' if extended && chars.peek() == Some(&'(') => return true,
            _ => {}
        }
    }
    false
}

/// Protects every character that means something in a pattern.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '*' | '?' | '[' | ']' | '\\' | '(' | ')' | '|' | '!' | '@' | '+' | '-' | '^') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// Returns the text that a pattern without magic stands for.
pub fn unescape(pattern: &str) -> String {
    let mut text = String::with_capacity(pattern.len());
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        if c == '\\' { text.extend(chars.next().or(Some('\\'))) } else { text.push(c) }
    }
    text
}

impl Pattern {
    pub fn new(source: &str, extended: bool, nocase: bool) -> Pattern {
        let chars: Vec<char> = source.chars().collect();
        let mut pos = 0;
        let nodes = parse(&chars, &mut pos, extended, false);
        Pattern { nodes, nocase }
    }

    /// Returns whether the whole text matches.
    pub fn matches(&self, text: &[char]) -> bool {
        self.walk(&self.nodes, text, 0, &mut |end| end == text.len())
    }

    pub fn matches_str(&self, text: &str) -> bool {
        self.matches(&text.chars().collect::<Vec<_>>())
    }

    /// Returns where the longest, or shortest, match that starts at a position ends.
    pub fn match_at(&self, text: &[char], start: usize, longest: bool) -> Option<usize> {
        let mut best: Option<usize> = None;
        self.walk(&self.nodes, text, start, &mut |end| {
            let better = best.is_none_or(|b| if longest { end > b } else { end < b });
            if better {
                best = Some(end);
            }
            // Nothing beats reaching the end, or taking nothing.
            if longest { end == text.len() } else { end == start }
        });
        best
    }

    /// Returns whether text starts with a dot only because the pattern says so.
    pub fn starts_with_dot(&self) -> bool {
        match self.nodes.first() {
            Some(Node::Char(c)) => *c == '.',
            Some(Node::Extended(kind, choices)) if *kind != '!' => {
                choices.iter().any(|choice| matches!(choice.first(), Some(Node::Char('.'))))
            }
            _ => false,
        }
    }

    fn same(&self, a: char, b: char) -> bool {
        a == b || (self.nocase && a.to_lowercase().eq(b.to_lowercase()))
    }

    /// Tries every way to match, and tells `done` where each ends, until that is content.
    fn walk(&self, nodes: &[Node], text: &[char], at: usize, done: &mut dyn FnMut(usize) -> bool) -> bool {
        let Some((node, rest)) = nodes.split_first() else { return done(at) };
        match node {
            Node::Char(c) => {
                // Long literal stretches are matched without recursion.
                let mut at = at;
                let mut nodes = nodes;
                let mut expected = *c;
                loop {
                    if !text.get(at).is_some_and(|t| self.same(*t, expected)) {
                        return false;
                    }
                    at += 1;
                    nodes = &nodes[1..];
                    match nodes.first() {
                        Some(Node::Char(next)) => expected = *next,
                        _ => return self.walk(nodes, text, at, done),
                    }
                }
            }
            Node::Any => at < text.len() && self.walk(rest, text, at + 1, done),
            Node::Class { negated, items } => {
                text.get(at).is_some_and(|c| self.in_class(items, *c) != *negated)
                    && self.walk(rest, text, at + 1, done)
            }
            Node::Star => {
                if rest.is_empty() {
                    return (at..=text.len()).rev().any(&mut *done);
                }
                if let Some(Node::Char(next)) = rest.first() {
                    return (at..text.len())
                        .filter(|end| self.same(text[*end], *next))
                        .any(|end| self.walk(rest, text, end, done));
                }
                (at..=text.len()).any(|end| self.walk(rest, text, end, done))
            }
            Node::Extended(kind, choices) => self.walk_extended(*kind, choices, rest, text, at, done),
        }
    }

    fn walk_extended(
        &self,
        kind: char,
        choices: &[Vec<Node>],
        rest: &[Node],
        text: &[char],
        at: usize,
        done: &mut dyn FnMut(usize) -> bool,
    ) -> bool {
        match kind {
            '!' => (at..=text.len()).rev().any(|end| {
                let matched = choices.iter().any(|choice| self.walk(choice, &text[..end], at, &mut |stop| stop == end));
                !matched && self.walk(rest, text, end, done)
            }),
            '@' | '?' => {
                choices.iter().any(|choice| self.walk(choice, text, at, &mut |end| self.walk(rest, text, end, done)))
                    || (kind == '?' && self.walk(rest, text, at, done))
            }
            _ => self.repeat(choices, rest, text, at, kind == '*', done),
        }
    }

    fn repeat(
        &self,
        choices: &[Vec<Node>],
        rest: &[Node],
        text: &[char],
        at: usize,
        may_end: bool,
        done: &mut dyn FnMut(usize) -> bool,
    ) -> bool {
        let more = choices.iter().any(|choice| {
            // A round that takes nothing would repeat for ever.
            self.walk(choice, text, at, &mut |end| {
                if end > at {
                    self.repeat(choices, rest, text, end, true, done)
                } else {
                    self.walk(rest, text, end, done)
                }
            })
        });
        more || (may_end && self.walk(rest, text, at, done))
    }

    fn in_class(&self, items: &[ClassItem], c: char) -> bool {
        let folded = if self.nocase { [c.to_ascii_lowercase(), c.to_ascii_uppercase()] } else { [c, c] };
        folded.into_iter().any(|c| {
            items.iter().any(|item| match item {
                ClassItem::Range(low, high) => (*low..=*high).contains(&c),
                ClassItem::Named(test) => test(c),
            })
        })
    }
}

fn parse(chars: &[char], pos: &mut usize, extended: bool, nested: bool) -> Vec<Node> {
    let mut nodes = Vec::new();
    while let Some(&c) = chars.get(*pos) {
        if nested && matches!(c, '|' | ')') {
            break;
        }
        *pos += 1;
        if extended
            && matches!(c, '@' | '?' | '*' | '+' | '!')
            && chars.get(*pos) == Some(&'(')
            && let Some(choices) = parse_choices(chars, pos)
        {
            nodes.push(Node::Extended(c, choices));
            continue;
        }
        match c {
            '*' => {
                if !matches!(nodes.last(), Some(Node::Star)) {
                    nodes.push(Node::Star);
                }
            }
            '?' => nodes.push(Node::Any),
            '[' => match parse_class(chars, pos) {
                Some(class) => nodes.push(class),
                None => nodes.push(Node::Char('[')),
            },
            '\\' => {
                nodes.push(Node::Char(chars.get(*pos).copied().unwrap_or('\\')));
                *pos += 1;
            }
            c => nodes.push(Node::Char(c)),
        }
    }
    nodes
}

/// Reads `(a|b)`; the position stays if it does not close.
fn parse_choices(chars: &[char], pos: &mut usize) -> Option<Vec<Vec<Node>>> {
    let mut at = *pos + 1;
    let mut choices = Vec::new();
    loop {
        choices.push(parse(chars, &mut at, true, true));
        let end = *chars.get(at)?;
        at += 1;
        if end == ')' {
            *pos = at;
            return Some(choices);
        }
    }
}

fn parse_class(chars: &[char], pos: &mut usize) -> Option<Node> {
    let mut at = *pos;
    let negated = matches!(chars.get(at), Some('!' | '^'));
    at += usize::from(negated);
    let mut items = Vec::new();
    let mut first = true;
    loop {
        let mut low = *chars.get(at)?;
        if low == ']' && !first {
            *pos = at + 1;
            return Some(Node::Class { negated, items });
        }
        first = false;
        if low == '['
            && chars.get(at + 1) == Some(&':')
            && let Some(len) = chars[at + 2..].windows(2).position(|w| w == [':', ']'])
        {
            let name: String = chars[at + 2..at + 2 + len].iter().collect();
            items.push(ClassItem::Named(named_class(&name)?));
            at += len + 4;
            continue;
        }
        at += 1;
        if low == '\\' {
            low = *chars.get(at)?;
            at += 1;
        }
        if chars.get(at) == Some(&'-') && chars.get(at + 1).is_some_and(|c| *c != ']') {
            at += 1;
            let mut high = *chars.get(at)?;
            at += 1;
            if high == '\\' {
                high = *chars.get(at)?;
                at += 1;
            }
            items.push(ClassItem::Range(low, high));
        } else {
            items.push(ClassItem::Range(low, low));
        }
    }
}

fn named_class(name: &str) -> Option<fn(char) -> bool> {
    Some(match name {
        "alpha" => |c| c.is_alphabetic(),
        "digit" => |c| c.is_ascii_digit(),
        "alnum" => |c| c.is_alphanumeric(),
        "upper" => |c| c.is_uppercase(),
        "lower" => |c| c.is_lowercase(),
        "space" => |c| c.is_whitespace(),
        "blank" => |c| c == ' ' || c == '\t',
        "punct" => |c| c.is_ascii_punctuation(),
        "cntrl" => |c| c.is_control(),
        "print" => |c| !c.is_control(),
        "graph" => |c| !c.is_control() && !c.is_whitespace(),
        "xdigit" => |c| c.is_ascii_hexdigit(),
        "word" => |c| c.is_alphanumeric() || c == '_',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_bash() {
        for (pattern, text, expected) in [
            ("*.txt", "a.txt", true),
            ("a*c*e", "abcde", true),
            ("[!a-c]x", "dx", true),
            ("[]x]", "]", true),
            ("[[:digit:]]?", "7z", true),
            ("\\*", "*", true),
            ("\\*", "x", false),
            ("[", "[", true),
            ("+(ab|c)", "abcab", true),
            ("!(*.o)", "x.c", true),
            ("!(*.o)", "x.o", false),
            ("a?(b)c", "ac", true),
            ("*(x)", "", true),
            ("@(a|b)", "c", false),
        ] {
            assert_eq!(Pattern::new(pattern, true, false).matches_str(text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn the_longest_and_the_shortest_match_are_found() {
        let text: Vec<char> = "a/b/c".chars().collect();
        let pattern = Pattern::new("*/", false, false);
        assert_eq!(pattern.match_at(&text, 0, true), Some(4));
        assert_eq!(pattern.match_at(&text, 0, false), Some(2));
    }
}
