//! Expansion: from the words of the program to the texts that commands get.

mod fields;
mod operators;
mod parameter;
mod transform;

use fields::Piece;

use crate::glob;
use crate::shell::{Flow, Shell, Unwind};
use crate::syntax::ast::{Part, Word};

/// Says how the parts of a word are expanded.
#[derive(Debug, Clone, Copy)]
struct Context {
    /// Double quotes surround them.
    quoted: bool,
    /// Literal text splits too: it is the word of `${x:-word}`.
    split_text: bool,
    /// The result is one text, so that lists are joined.
    single: bool,
}

impl Shell {
    /// Expands words into the arguments of a command: with splitting and pathname expansion.
    pub fn expand_words<'a>(&mut self, words: impl IntoIterator<Item = &'a Word>) -> Flow<Vec<String>> {
        let mut arguments = Vec::new();
        for word in words {
            self.expand_fields(word, &mut arguments)?;
        }
        Ok(arguments)
    }

    /// Expands one word into any number of arguments.
    pub fn expand_fields(&mut self, word: &Word, arguments: &mut Vec<String>) -> Flow<()> {
        if let Some(text) = word.as_literal()
            && !text.contains(['*', '?', '[', '('])
        {
            if !word.parts.is_empty() {
                arguments.push(text.to_owned());
            }
            return Ok(());
        }
        let mut pieces = Vec::new();
        self.expand_parts(&word.parts, Context { quoted: false, split_text: false, single: false }, &mut pieces)?;
        for field in fields::split(&pieces, &self.ifs()) {
            self.expand_field(&field, arguments)?;
        }
        Ok(())
    }

    fn expand_field(&mut self, field: &[Piece], arguments: &mut Vec<String>) -> Flow<()> {
        let extended = self.shopts.extglob;
        let magic = field.iter().any(|p| !p.quoted && p.text.contains(['*', '?', '[', '(']));
        if self.options.noglob || !magic || !glob::has_magic(&fields::pattern(field), extended) {
            arguments.push(fields::text(field));
            return Ok(());
        }
        let found = glob::expand_path(&fields::pattern(field), &self.state.shopts);
        if !found.is_empty() {
            arguments.extend(found);
        } else if self.shopts.failglob {
            self.error(format_args!("no match: {}", fields::text(field)));
            return Err(Unwind::Abort(1));
        } else if !self.shopts.nullglob {
            arguments.push(fields::text(field));
        }
        Ok(())
    }

    /// Expands a word into one text, without splitting: for assignments, `case`, here-documents and the like.
    pub fn expand_text(&mut self, word: &Word) -> Flow<String> {
        if let Some(text) = word.as_literal() {
            return Ok(text.to_owned());
        }
        let pieces = self.expand_single(&word.parts, false)?;
        Ok(fields::text(&pieces))
    }

    /// Expands a word into a pattern, in which backslashes protect what was quoted.
    pub fn expand_pattern(&mut self, word: &Word) -> Flow<String> {
        let pieces = self.expand_single(&word.parts, false)?;
        Ok(fields::pattern(&pieces))
    }

    /// Expands a word into a regular expression, in which what was quoted stands for itself.
    pub fn expand_regex(&mut self, word: &Word) -> Flow<String> {
        let pieces = self.expand_single(&word.parts, false)?;
        let mut regex = String::new();
        for piece in pieces {
            if piece.quoted {
                for c in piece.text.chars() {
                    if "\\^$.|?*+()[]{}".contains(c) {
                        regex.push('\\');
                    }
                    regex.push(c);
                }
            } else {
                regex.push_str(&piece.text);
            }
        }
        Ok(regex)
    }

    /// Expands arithmetic and evaluates it.
    pub fn expand_arithmetic(&mut self, word: &Word) -> Flow<i64> {
        if let Some(text) = word.as_literal() {
            return self.arithmetic(text);
        }
        let pieces = self.expand_single(&word.parts, true)?;
        self.arithmetic(&fields::text(&pieces))
    }

    fn expand_single(&mut self, parts: &[Part], quoted: bool) -> Flow<Vec<Piece>> {
        let mut pieces = Vec::new();
        self.expand_parts(parts, Context { quoted, split_text: false, single: true }, &mut pieces)?;
        // In one text, what would separate arguments is a blank.
        for piece in &mut pieces {
            if piece.separator {
                *piece = Piece::quoted(" ");
            }
        }
        Ok(pieces)
    }

    fn expand_parts(&mut self, parts: &[Part], context: Context, pieces: &mut Vec<Piece>) -> Flow<()> {
        for part in parts {
            self.expand_part(part, context, pieces)?;
        }
        Ok(())
    }

    fn expand_part(&mut self, part: &Part, context: Context, pieces: &mut Vec<Piece>) -> Flow<()> {
        match part {
            Part::Text(text) => {
                pieces.push(Piece {
                    text: text.clone(),
                    quoted: context.quoted,
                    split: context.split_text,
                    separator: false,
                });
            }
            Part::Quoted { text, .. } => pieces.push(Piece::quoted(text)),
            Part::Double(parts) => {
                let before = pieces.len();
                self.expand_parts(parts, Context { quoted: true, split_text: false, ..context }, pieces)?;
                // `""` is an argument, but `"$@"` without parameters is none.
                let only_list = !parts.is_empty() && parts.iter().all(is_list);
                if pieces.len() == before && !only_list {
                    pieces.push(Piece::quoted(""));
                }
            }
            Part::Tilde(name) => pieces.push(Piece::quoted(&self.tilde(name))),
            Part::Parameter(parameter) => self.expand_parameter(parameter, context, pieces)?,
            Part::Command(command) => {
                let output = self.command_substitution(command)?;
                pieces.push(Piece::expanded(output, context.quoted));
            }
            Part::Arith(word) => {
                let value = self.expand_arithmetic(word)?;
                pieces.push(Piece::expanded(value.to_string(), context.quoted));
            }
            Part::Process { input, command } => {
                let path = self.process_substitution(*input, command)?;
                pieces.push(Piece::quoted(&path));
            }
        }
        Ok(())
    }

    fn tilde(&mut self, name: &str) -> String {
        let found = match name {
            "" => Some(self.get("HOME").unwrap_or_else(|| "/root".to_owned())),
            "+" => Some(self.cwd.clone()),
            "-" => self.get("OLDPWD"),
            "root" => Some("/root".to_owned()),
            number if number.parse::<usize>().is_ok() || number.starts_with(['+', '-']) => self.stack_entry(number),
            _ => None,
        };
        found.unwrap_or_else(|| format!("~{name}"))
    }
}

/// Returns whether a part gives any number of arguments even in double quotes.
fn is_list(part: &Part) -> bool {
    use crate::syntax::ast::{Index, Name};
    matches!(part, Part::Parameter(p)
        if matches!(p.name, Name::Special('@')) || matches!(p.index, Some(Index::At)) || p.indirect)
}
