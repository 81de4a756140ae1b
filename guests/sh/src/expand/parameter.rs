//! `$name` and `${..}`: finding the value, and the operators that test it.

use super::Context;
use super::fields::{self, Piece};
use crate::shell::{Flow, Shell, Unwind};
use crate::syntax::ast::{Index, Name, Op, Parameter, TestOp, Word};
use crate::variables::Value;

/// Is what a parameter holds.
#[derive(Debug, Clone)]
pub(super) enum Fetched {
    One(Option<String>),
    /// The elements, and whether double quotes join them.
    Many(Vec<String>, bool),
}

impl Shell {
    pub(super) fn expand_parameter(&mut self, p: &Parameter, context: Context, pieces: &mut Vec<Piece>) -> Flow<()> {
        match &p.op {
            Op::Bad => {
                self.error(format_args!("${{{}}}: bad substitution", p.text));
                return Err(Unwind::Abort(1));
            }
            Op::Names { star } => {
                let Name::Variable(prefix) = &p.name else { return Ok(()) };
                let names = self.vars.names().into_iter().filter(|n| n.starts_with(prefix.as_str())).collect();
                self.push_fetched(Fetched::Many(names, *star), context, pieces);
                return Ok(());
            }
            Op::Keys { star } => {
                let Name::Variable(name) = &p.name else { return Ok(()) };
                let keys = self.keys(name);
                self.push_fetched(Fetched::Many(keys, *star), context, pieces);
                return Ok(());
            }
            _ => {}
        }
        let (name, index) = if p.indirect { self.indirect(p)? } else { (p.name.clone(), p.index.clone()) };
        let fetched = self.fetch(&name, index.as_ref())?;
        if let Op::Test { kind, colon, word } = &p.op {
            return self.expand_test(&name, index.as_ref(), fetched, (*kind, *colon, word), context, pieces);
        }
        if self.options.nounset && matches!(fetched, Fetched::One(None)) && !matches!(name, Name::Special('@' | '*')) {
            let shown = if matches!(p.op, Op::None | Op::Length) {
                shown_name(&name, index.as_ref())
            } else {
                shown_name(&name, None)
            };
            let sigil = if matches!(name, Name::Positional(_)) { "$" } else { "" };
            self.error(format_args!("{sigil}{shown}: unbound variable"));
            return Err(self.fatal());
        }
        let result = self.apply_operator(p, &name, index.as_ref(), fetched)?;
        self.push_fetched(result, context, pieces);
        Ok(())
    }

    /// Leaves the shell after an error that ends it; bash has another status for `-c` than for files.
    fn fatal(&self) -> Unwind {
        Unwind::Exit(if self.flags.contains('c') && !self.options.errexit { 127 } else { 1 })
    }

    fn push_fetched(&mut self, fetched: Fetched, context: Context, pieces: &mut Vec<Piece>) {
        match fetched {
            Fetched::One(value) => pieces.push(Piece::expanded(value.unwrap_or_default(), context.quoted)),
            Fetched::Many(items, true) if context.quoted || context.single => {
                let glue = self.ifs().chars().next().map(String::from).unwrap_or_default();
                // An unset IFS joins with a blank, an empty one with nothing.
                pieces.push(Piece::expanded(items.join(&glue), context.quoted));
            }
            Fetched::Many(items, _) => {
                for (at, item) in items.into_iter().enumerate() {
                    if at > 0 {
                        pieces.push(Piece::separator());
                    }
                    pieces.push(Piece::expanded(item, context.quoted));
                }
            }
        }
    }

    /// Returns what a parameter holds.
    pub(super) fn fetch(&mut self, name: &Name, index: Option<&Index>) -> Flow<Fetched> {
        Ok(match (name, index) {
            (Name::Positional(number), _) => Fetched::One(self.params.get(*number as usize - 1).cloned()),
            (Name::Special('@'), _) => Fetched::Many(self.params.to_vec(), false),
            (Name::Special('*'), _) => Fetched::Many(self.params.to_vec(), true),
            (Name::Special(c), _) => Fetched::One(self.special(*c)),
            (Name::Variable(name), None) => {
                let target = self.resolve(name);
                if let Some(base) = target.strip_suffix("[@]").or(target.strip_suffix("[*]")) {
                    return Ok(Fetched::Many(self.elements(base), target.ends_with("[*]")));
                }
                Fetched::One(self.get(name))
            }
            (Name::Variable(name), Some(Index::At)) => Fetched::Many(self.elements(name), false),
            (Name::Variable(name), Some(Index::Star)) => Fetched::Many(self.elements(name), true),
            (Name::Variable(name), Some(Index::Word(word))) => {
                let index = self.index_text(word)?;
                let target = self.resolve(name);
                Fetched::One(self.element(&target, &index)?)
            }
        })
    }

    /// Expands the index of an array.
    pub fn index_text(&mut self, word: &Word) -> Flow<String> {
        self.expand_text(word)
    }

    fn special(&mut self, c: char) -> Option<String> {
        match c {
            '#' => Some(self.params.len().to_string()),
            '?' => Some(self.status.to_string()),
            '$' => Some(self.shell_pid.to_string()),
            '!' => self.last_background.map(|pid| pid.to_string()),
            '0' => Some(self.arg0.clone()),
            '-' => Some(format!("{}{}", self.options.letters(), self.flags)),
            _ => None,
        }
    }

    pub(super) fn elements(&mut self, name: &str) -> Vec<String> {
        let name = self.resolve(name);
        match self.variable(&name).map(|v| v.value) {
            Some(Value::Indexed(elements)) => elements.into_values().collect(),
            Some(Value::Assoc(assoc)) => assoc.iter().map(|(_, value)| value.to_owned()).collect(),
            Some(Value::Scalar(text)) => vec![text],
            Some(Value::Unset) | None => Vec::new(),
        }
    }

    pub(super) fn keys(&mut self, name: &str) -> Vec<String> {
        let name = self.resolve(name);
        match self.variable(&name).map(|v| v.value) {
            Some(Value::Indexed(elements)) => elements.into_keys().map(|k| k.to_string()).collect(),
            Some(Value::Assoc(assoc)) => assoc.iter().map(|(key, _)| key.to_owned()).collect(),
            Some(Value::Scalar(_)) => vec!["0".to_owned()],
            Some(Value::Unset) | None => Vec::new(),
        }
    }

    /// Returns the parameter that `${!x}` stands for.
    fn indirect(&mut self, p: &Parameter) -> Flow<(Name, Option<Index>)> {
        if let Name::Variable(name) = &p.name
            && self.vars.get(name).is_some_and(|v| v.attributes.nameref)
            && matches!(p.op, Op::None)
        {
            // Of a name reference it gives the name; a literal stands in for it.
            let target = self.resolve(name);
            let name = "_nameref".to_owned();
            self.vars.insert(&name, crate::variables::Variable::scalar(target));
            return Ok((Name::Variable(name), None));
        }
        let pointer = match self.fetch(&p.name, p.index.as_ref())? {
            Fetched::One(Some(text)) => text,
            Fetched::One(None) => {
                if matches!(p.op, Op::Test { .. }) {
                    return Ok((p.name.clone(), p.index.clone()));
                }
                self.error(format_args!("{}: invalid indirect expansion", p.text));
                return Err(Unwind::Abort(1));
            }
            Fetched::Many(items, _) => items.join(" "),
        };
        let found = match pointer.as_str() {
            text if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) => match text.parse() {
                Ok(0) => Some((Name::Special('0'), None)),
                Ok(number) => Some((Name::Positional(number), None)),
                Err(_) => None,
            },
            "@" | "*" | "#" | "?" | "-" | "$" | "!" => pointer.chars().next().map(|c| (Name::Special(c), None)),
            text => match crate::parameters::split_element(text) {
                Some((name, "@")) => Some((Name::Variable(name.to_owned()), Some(Index::At))),
                Some((name, "*")) => Some((Name::Variable(name.to_owned()), Some(Index::Star))),
                Some((name, index)) => Some((Name::Variable(name.to_owned()), Some(Index::Word(Word::literal(index))))),
                None if crate::variables::is_name(text) => Some((Name::Variable(text.to_owned()), None)),
                None => None,
            },
        };
        found.ok_or_else(|| {
            self.error(format_args!("{pointer}: invalid variable name"));
            Unwind::Abort(1)
        })
    }

    fn expand_test(
        &mut self,
        name: &Name,
        index: Option<&Index>,
        fetched: Fetched,
        (kind, colon, word): (TestOp, bool, &Word),
        context: Context,
        pieces: &mut Vec<Piece>,
    ) -> Flow<()> {
        let (set, empty) = match &fetched {
            Fetched::One(value) => (value.is_some(), value.as_deref().unwrap_or_default().is_empty()),
            Fetched::Many(items, _) => (!items.is_empty(), items.iter().all(String::is_empty) && items.len() < 2),
        };
        let usable = set && !(colon && empty);
        let word_context = Context { split_text: !context.quoted, ..context };
        match kind {
            TestOp::Alternative => {
                if usable {
                    self.expand_parts(&word.parts, word_context, pieces)?;
                }
                return Ok(());
            }
            _ if usable => {
                self.push_fetched(fetched, context, pieces);
                return Ok(());
            }
            TestOp::Default => self.expand_parts(&word.parts, word_context, pieces)?,
            TestOp::Assign => {
                let value = self.expand_single(&word.parts, context.quoted)?;
                let value = fields::text(&value);
                let Name::Variable(name) = name else {
                    self.error(format_args!("${}: cannot assign in this way", shown_name(name, None)));
                    return Err(Unwind::Abort(1));
                };
                match index {
                    Some(Index::Word(word)) => {
                        let index = self.index_text(word)?;
                        self.assign(name, Some(&index), &value, false)?;
                    }
                    _ => self.set(name, &value)?,
                }
                let stored = self.fetch(&Name::Variable(name.clone()), index)?;
                self.push_fetched(stored, context, pieces);
            }
            TestOp::Error => {
                let message = self.expand_single(&word.parts, context.quoted)?;
                let message = if !word.parts.is_empty() {
                    fields::text(&message)
                } else if colon {
                    "parameter null or not set".to_owned()
                } else {
                    "parameter not set".to_owned()
                };
                self.error(format_args!("{}: {message}", shown_name(name, index)));
                return Err(self.fatal());
            }
        }
        Ok(())
    }
}

fn shown_name(name: &Name, index: Option<&Index>) -> String {
    let base = match name {
        Name::Variable(name) => name.clone(),
        Name::Positional(number) => number.to_string(),
        Name::Special(c) => c.to_string(),
    };
    match index {
        Some(Index::At) => format!("{base}[@]"),
        Some(Index::Star) => format!("{base}[*]"),
        Some(Index::Word(word)) => format!("{base}[{}]", crate::syntax::word_text(word)),
        None => base,
    }
}
