//! `${x@Q}` and its like.

use super::operators::{each, lower_case, upper_case};
use super::parameter::Fetched;
use crate::escape::{self, Style};
use crate::shell::{Flow, Shell};
use crate::syntax::ast::{Index, Name};
use crate::variables::Value;

impl Shell {
    pub(super) fn transform(
        &mut self,
        op: char,
        name: &Name,
        index: Option<&Index>,
        fetched: Fetched,
    ) -> Flow<Fetched> {
        Ok(match op {
            'Q' => each(fetched, |text| escape::single_quote(&text)),
            'U' => each(fetched, |text| text.chars().map(upper_case).collect()),
            'L' => each(fetched, |text| text.chars().map(lower_case).collect()),
            'u' => each(fetched, |text| {
                let mut chars = text.chars();
                chars.next().map_or_else(String::new, |c| std::iter::once(upper_case(c)).chain(chars).collect())
            }),
            'E' => each(fetched, |text| escape::expand(&text, Style::Dollar).0),
            'P' => match fetched {
                Fetched::One(Some(text)) => Fetched::One(Some(self.prompt(&text))),
                other => other,
            },
            'a' => {
                let flags = match name {
                    Name::Variable(name) => {
                        let name = self.resolve(name);
                        self.variable(&name).map(|v| v.flags()).unwrap_or_default()
                    }
                    _ => String::new(),
                };
                Fetched::One(Some(flags))
            }
            'A' => self.assignment_text(name, index, fetched),
            _ => self.key_values(op, name, index, fetched),
        })
    }

    fn assignment_text(&mut self, name: &Name, index: Option<&Index>, fetched: Fetched) -> Fetched {
        let Name::Variable(name) = name else {
            return match fetched {
                Fetched::Many(items, _) => {
                    let quoted: Vec<String> = items.iter().map(|item| escape::single_quote(item)).collect();
                    Fetched::One(Some(format!("set -- {}", quoted.join(" "))))
                }
                one => each(one, |text| escape::single_quote(&text)),
            };
        };
        let resolved = self.resolve(name);
        let Some(variable) = self.variable(&resolved) else { return Fetched::One(None) };
        if matches!(index, Some(Index::At | Index::Star)) {
            return Fetched::One(Some(crate::builtins::declaration(&resolved, &variable, true)));
        }
        let flags = variable.flags();
        let text = match fetched {
            Fetched::One(Some(text)) => escape::single_quote(&text),
            _ => return Fetched::One(None),
        };
        Fetched::One(Some(if flags.is_empty() {
            format!("{resolved}={text}")
        } else {
            format!("declare -{flags} {resolved}={text}")
        }))
    }

    /// Makes the keys and values of `@K` (one text) and `@k` (separate words).
    fn key_values(&mut self, op: char, name: &Name, index: Option<&Index>, fetched: Fetched) -> Fetched {
        let Name::Variable(name) = name else { return each(fetched, |text| escape::single_quote(&text)) };
        if !matches!(index, Some(Index::At | Index::Star)) {
            return each(fetched, |text| escape::single_quote(&text));
        }
        let resolved = self.resolve(name);
        let pairs: Vec<(String, String)> = match self.variable(&resolved).map(|v| v.value) {
            Some(Value::Indexed(elements)) => elements.into_iter().map(|(k, v)| (k.to_string(), v)).collect(),
            Some(Value::Assoc(assoc)) => assoc.iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect(),
            Some(Value::Scalar(text)) => vec![("0".to_owned(), text)],
            _ => Vec::new(),
        };
        if op == 'k' {
            return Fetched::Many(pairs.into_iter().flat_map(|(k, v)| [k, v]).collect(), false);
        }
        let shown: Vec<String> = pairs
            .iter()
            .map(|(key, value)| format!("{} {}", escape::quote_if_needed(key), escape::double_quote(value)))
            .collect();
        Fetched::One(Some(shown.join(" ")))
    }
}
