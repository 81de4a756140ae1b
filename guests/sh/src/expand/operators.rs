//! The operators of `${..}` that change a value.

use super::Context;
use super::fields::Piece;
use super::parameter::Fetched;
use crate::glob::Pattern;
use crate::shell::{Flow, Shell, Unwind};
use crate::syntax::ast::{CaseKind, Index, Name, Op, Parameter, ReplaceKind, Word};
use crate::variables::Value;

impl Shell {
    pub(super) fn apply_operator(
        &mut self,
        p: &Parameter,
        name: &Name,
        index: Option<&Index>,
        fetched: Fetched,
    ) -> Flow<Fetched> {
        Ok(match &p.op {
            Op::Length => Fetched::One(Some(match fetched {
                Fetched::One(value) => value.unwrap_or_default().chars().count().to_string(),
                Fetched::Many(items, _) => items.len().to_string(),
            })),
            Op::RemovePrefix { longest, pattern } => {
                let pattern = self.pattern(pattern)?;
                each(fetched, |text| remove_prefix(&text, &pattern, *longest))
            }
            Op::RemoveSuffix { longest, pattern } => {
                let pattern = self.pattern(pattern)?;
                each(fetched, |text| remove_suffix(&text, &pattern, *longest))
            }
            Op::Replace { kind, pattern, with } => {
                let source = self.expand_pattern(pattern)?;
                if source.is_empty() && matches!(kind, ReplaceKind::First | ReplaceKind::All) {
                    return Ok(fetched);
                }
                let pattern = Pattern::new(&source, true, self.shopts.nocasematch);
                let with = self.replacement(with)?;
                each(fetched, |text| replace(&text, &pattern, *kind, &with))
            }
            Op::Substring { offset, length } => {
                let offset = self.expand_arithmetic(offset)?;
                let length = match length {
                    Some(word) => Some(self.expand_arithmetic(word)?),
                    None => None,
                };
                self.substring(name, index, fetched, offset, length)?
            }
            Op::Case { kind, all, pattern } => {
                let pattern = match pattern {
                    Some(word) => Some(self.pattern(word)?),
                    None => None,
                };
                each(fetched, |text| change_case(&text, *kind, *all, pattern.as_ref()))
            }
            Op::Transform(op) => self.transform(*op, name, index, fetched)?,
            _ => fetched,
        })
    }

    fn pattern(&mut self, word: &Word) -> Flow<Pattern> {
        let source = self.expand_pattern(word)?;
        Ok(Pattern::new(&source, true, false))
    }

    /// Expands a replacement: an unquoted `&` stands for what matched, which `None` marks.
    fn replacement(&mut self, word: &Word) -> Flow<Vec<Option<String>>> {
        let mut pieces: Vec<Piece> = Vec::new();
        self.expand_parts(&word.parts, Context { quoted: false, split_text: false, single: true }, &mut pieces)?;
        let mut with = Vec::new();
        for piece in pieces {
            let text = if piece.separator { " ".to_owned() } else { piece.text };
            if piece.quoted || !self.shopts.patsub_replacement || !text.contains('&') {
                with.push(Some(text));
                continue;
            }
            let mut literal = String::new();
            let mut chars = text.chars();
            while let Some(c) = chars.next() {
                match c {
                    '\\' => match chars.next() {
                        Some(c @ ('&' | '\\')) => literal.push(c),
                        Some(c) => literal.extend(['\\', c]),
                        None => literal.push('\\'),
                    },
                    '&' => {
                        with.push(Some(std::mem::take(&mut literal)));
                        with.push(None);
                    }
                    c => literal.push(c),
                }
            }
            with.push(Some(literal));
        }
        Ok(with)
    }

    fn substring(
        &mut self,
        name: &Name,
        index: Option<&Index>,
        fetched: Fetched,
        offset: i64,
        length: Option<i64>,
    ) -> Flow<Fetched> {
        match fetched {
            Fetched::One(value) => {
                let chars: Vec<char> = value.unwrap_or_default().chars().collect();
                let Some((start, end)) = self.span(chars.len(), offset, length, true)? else {
                    return Ok(Fetched::One(Some(String::new())));
                };
                Ok(Fetched::One(Some(chars[start..end].iter().collect())))
            }
            Fetched::Many(mut items, star) => {
                let mut offset = offset;
                if let (Name::Variable(name), Some(_)) = (name, index) {
                    // The offset into an array is an index, and there may be gaps.
                    let name = self.resolve(name);
                    if let Some(Value::Indexed(elements)) = self.variable(&name).map(|v| v.value) {
                        if offset < 0 {
                            offset += elements.last_key_value().map_or(0, |(k, _)| *k as i64 + 1);
                        }
                        if offset < 0 {
                            return Ok(Fetched::Many(Vec::new(), star));
                        }
                        items = elements.into_iter().filter(|(k, _)| *k as i64 >= offset).map(|(_, v)| v).collect();
                        offset = 0;
                    }
                } else if matches!(name, Name::Special(_)) {
                    // Position 0 of the parameters is `$0`, which negative offsets do not reach.
                    if offset == 0 {
                        items.insert(0, self.arg0.clone());
                    } else if offset > 0 {
                        offset -= 1;
                    }
                }
                let Some((start, end)) = self.span(items.len(), offset, length, false)? else {
                    return Ok(Fetched::Many(Vec::new(), star));
                };
                Ok(Fetched::Many(items[start..end].to_vec(), star))
            }
        }
    }

    /// Turns offset and length into a range; `None` if it lies outside.
    fn span(&mut self, len: usize, offset: i64, length: Option<i64>, text: bool) -> Flow<Option<(usize, usize)>> {
        let len = len as i64;
        let start = if offset < 0 { len + offset } else { offset };
        if start < 0 || start > len {
            return Ok(None);
        }
        let end = match length {
            None => len,
            Some(length) if length < 0 => {
                let end = len + length;
                if !text || end < start {
                    self.error(format_args!("{length}: substring expression < 0"));
                    return Err(Unwind::Abort(1));
                }
                end
            }
            Some(length) => start.saturating_add(length).min(len),
        };
        Ok(Some((start as usize, end as usize)))
    }
}

/// Changes every text of a value.
pub(super) fn each(fetched: Fetched, change: impl Fn(String) -> String) -> Fetched {
    match fetched {
        Fetched::One(value) => Fetched::One(value.map(change)),
        Fetched::Many(items, star) => Fetched::Many(items.into_iter().map(change).collect(), star),
    }
}

fn remove_prefix(text: &str, pattern: &Pattern, longest: bool) -> String {
    let chars: Vec<char> = text.chars().collect();
    match pattern.match_at(&chars, 0, longest) {
        Some(end) => chars[end..].iter().collect(),
        None => text.to_owned(),
    }
}

fn remove_suffix(text: &str, pattern: &Pattern, longest: bool) -> String {
    let chars: Vec<char> = text.chars().collect();
    let matches = |start: &usize| pattern.matches(&chars[*start..]);
    let start = if longest { (0..=chars.len()).find(matches) } else { (0..=chars.len()).rev().find(matches) };
    match start {
        Some(start) => chars[..start].iter().collect(),
        None => text.to_owned(),
    }
}

fn replace(text: &str, pattern: &Pattern, kind: ReplaceKind, with: &[Option<String>]) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut result = String::new();
    let put = |result: &mut String, matched: &[char]| {
        for piece in with {
            match piece {
                Some(text) => result.push_str(text),
                None => result.extend(matched),
            }
        }
    };
    match kind {
        ReplaceKind::Prefix => match pattern.match_at(&chars, 0, true) {
            Some(end) => {
                put(&mut result, &chars[..end]);
                result.extend(&chars[end..]);
            }
            None => return text.to_owned(),
        },
        ReplaceKind::Suffix => match (0..=chars.len()).find(|start| pattern.matches(&chars[*start..])) {
            Some(start) => {
                result.extend(&chars[..start]);
                put(&mut result, &chars[start..]);
            }
            None => return text.to_owned(),
        },
        ReplaceKind::First | ReplaceKind::All => {
            let mut at = 0;
            while at < chars.len() {
                match pattern.match_at(&chars, at, true).filter(|end| *end > at) {
                    Some(end) => {
                        put(&mut result, &chars[at..end]);
                        at = end;
                        if kind == ReplaceKind::First {
                            break;
                        }
                    }
                    None => {
                        result.push(chars[at]);
                        at += 1;
                    }
                }
            }
            result.extend(&chars[at..]);
        }
    }
    result
}

/// Returns the one character that is the upper case of another; "ß", which has two, stays.
pub(super) fn upper_case(c: char) -> char {
    let mut upper = c.to_uppercase();
    upper.next().filter(|_| upper.next().is_none()).unwrap_or(c)
}

/// Returns the one character that is the lower case of another.
pub(super) fn lower_case(c: char) -> char {
    let mut lower = c.to_lowercase();
    lower.next().filter(|_| lower.next().is_none()).unwrap_or(c)
}

fn change_case(text: &str, kind: CaseKind, all: bool, pattern: Option<&Pattern>) -> String {
    let mut result = String::new();
    for (at, c) in text.chars().enumerate() {
        let chosen = (all || at == 0) && pattern.is_none_or(|p| p.matches(&[c]));
        let upper = match kind {
            CaseKind::Upper => true,
            CaseKind::Lower => false,
            CaseKind::Toggle => c.is_lowercase(),
        };
        match (chosen, upper) {
            (true, true) => result.push(upper_case(c)),
            (true, false) => result.push(lower_case(c)),
            (false, _) => result.push(c),
        }
    }
    result
}
