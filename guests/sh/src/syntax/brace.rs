//! Brace expansion, which happens before anything else is known and so while parsing.

use super::ast::{Part, Word};

/// How many words one word may become; what gives more is left as it is.
const MAX_WORDS: usize = 200_000;

/// One element of a word: an unquoted character, or a part that braces pass through whole.
#[derive(Clone)]
enum Unit {
    Char(char),
    Whole(Part),
}

/// Expands the braces of a word.
pub fn expand(word: Word) -> Vec<Word> {
    let has_brace = word.parts.iter().any(|part| matches!(part, Part::Text(text) if text.contains('{')));
    if !has_brace {
        return vec![word];
    }
    let mut units = Vec::new();
    for part in &word.parts {
        match part {
            Part::Text(text) => units.extend(text.chars().map(Unit::Char)),
            whole => units.push(Unit::Whole(whole.clone())),
        }
    }
    match expand_units(&units) {
        Some(words) if words.len() > 1 || words.first().is_some_and(|w| w.len() != units.len()) => {
            words.iter().map(|units| to_word(units)).filter(|word| !word.parts.is_empty()).collect()
        }
        _ => vec![word],
    }
}

fn to_word(units: &[Unit]) -> Word {
    let mut parts = Vec::new();
    for unit in units {
        match unit {
            Unit::Char(c) => super::lexer::push_text(&mut parts, *c),
            Unit::Whole(part) => parts.push(part.clone()),
        }
    }
    // A tilde that braces brought to the start counts, as in `{~,x}`.
    if let Some(Part::Text(text)) = parts.first()
        && (text == "~" || text.starts_with("~/"))
    {
        let rest = text[1..].to_owned();
        parts[0] = Part::Tilde(String::new());
        if !rest.is_empty() {
            parts.insert(1, Part::Text(rest));
        }
    }
    Word { parts }
}

fn char_at(units: &[Unit], at: usize) -> Option<char> {
    match units.get(at) {
        Some(Unit::Char(c)) => Some(*c),
        _ => None,
    }
}

/// Returns the expansions of the first brace expression combined with those of the rest; `None` if there are too many.
fn expand_units(units: &[Unit]) -> Option<Vec<Vec<Unit>>> {
    let mut from = 0;
    while let Some(open) = (from..units.len()).find(|at| char_at(units, *at) == Some('{')) {
        let Some((close, commas)) = matching(units, open) else {
            from = open + 1;
            continue;
        };
        let inside = &units[open + 1..close];
        let choices = if commas.is_empty() {
            sequence(inside)
        } else {
            let mut choices = Vec::new();
            let mut start = open + 1;
            for end in commas.into_iter().chain([close]) {
                choices.extend(expand_units(&units[start..end])?);
                start = end + 1;
            }
            Some(choices)
        };
        let Some(choices) = choices else {
            from = open + 1;
            continue;
        };
        let rest = expand_units(&units[close + 1..])?;
        if choices.len().saturating_mul(rest.len()) > MAX_WORDS {
            return None;
        }
        let mut words = Vec::new();
        for choice in &choices {
            for tail in &rest {
                words.push([&units[..open], choice, tail].concat());
            }
        }
        return Some(words);
    }
    Some(vec![units.to_vec()])
}

/// Finds the `}` for a `{`, and the commas between them that belong to it.
fn matching(units: &[Unit], open: usize) -> Option<(usize, Vec<usize>)> {
    let mut depth = 0;
    let mut commas = Vec::new();
    for at in open + 1..units.len() {
        match char_at(units, at) {
            Some('{') => depth += 1,
            Some('}') if depth == 0 => return Some((at, commas)),
            Some('}') => depth -= 1,
            Some(',') if depth == 0 => commas.push(at),
            _ => {}
        }
    }
    None
}

/// Expands the inside of `{a..z}`, `{1..9}` or `{01..10..3}`.
fn sequence(inside: &[Unit]) -> Option<Vec<Vec<Unit>>> {
    let text: Option<String> = (0..inside.len()).map(|at| char_at(inside, at)).collect();
    let text = text?;
    let fields: Vec<&str> = text.split("..").collect();
    let (first, last, step) = match fields.as_slice() {
        [first, last] => (*first, *last, 1),
        [first, last, step] => (*first, *last, step.parse::<i64>().ok()?),
        _ => return None,
    };
    let step = if step == 0 { 1 } else { step.checked_abs()? };
    let units = |text: String| -> Vec<Unit> { text.chars().map(Unit::Char).collect() };
    if let (Ok(a), Ok(b)) = (first.parse::<i64>(), last.parse::<i64>()) {
        let padded =
            |text: &str| text.trim_start_matches('-').starts_with('0') && text.trim_start_matches('-').len() > 1;
        let width = if padded(first) || padded(last) { first.len().max(last.len()) } else { 0 };
        return Some(range(a, b, step)?.into_iter().map(|n| units(format!("{n:0width$}"))).collect());
    }
    let letter = |text: &str| {
        let mut chars = text.chars();
        chars.next().filter(|c| c.is_ascii_alphabetic() && chars.next().is_none())
    };
    let (a, b) = (letter(first)?, letter(last)?);
    let letters = range(a as i64, b as i64, step)?;
    Some(
        letters
            .into_iter()
            .map(|n| u8::try_from(n).map_or('?', char::from))
            // What lies between the cases is protected, as by a backslash.
            .map(|c| {
                if c.is_ascii_alphabetic() {
                    vec![Unit::Char(c)]
                } else {
                    vec![Unit::Whole(Part::Quoted { text: c.to_string(), source: super::ast::Quotes::Backslash })]
                }
            })
            .collect(),
    )
}

fn range(from: i64, to: i64, step: i64) -> Option<Vec<i64>> {
    let count = usize::try_from(from.abs_diff(to) / step.unsigned_abs()).ok()?;
    if count >= MAX_WORDS {
        return None;
    }
    let signed = if from <= to { step } else { -step };
    Some((0..=count as i64).map(|n| from + n * signed).collect())
}
