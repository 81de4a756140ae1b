//! `[[ ]]`.

use crate::builtins::conditions;
use crate::glob::Pattern;
use crate::regex;
use crate::shell::{Flow, Shell};
use crate::syntax::ast::{Test, Word};

impl Shell {
    pub(super) fn run_test(&mut self, test: &Test) -> Flow<bool> {
        Ok(match test {
            Test::Not(inner) => !self.run_test(inner)?,
            Test::And(left, right) => self.run_test(left)? && self.run_test(right)?,
            Test::Or(left, right) => self.run_test(left)? || self.run_test(right)?,
            Test::Group(inner) => self.run_test(inner)?,
            Test::Word(word) => !self.expand_text(word)?.is_empty(),
            Test::Unary(operator, word) => {
                let text = self.expand_text(word)?;
                if self.options.xtrace {
                    self.trace_line(&format!("[[ {operator} {} ]]", crate::escape::quote_if_needed(&text)));
                }
                conditions::unary(self, operator, &text)?
            }
            Test::Binary(left, operator, right) => self.binary_test(left, operator, right)?,
        })
    }

    fn binary_test(&mut self, left: &Word, operator: &str, right: &Word) -> Flow<bool> {
        let text = self.expand_text(left)?;
        if self.options.xtrace {
            let shown = self.expand_text(right)?;
            self.trace_line(&format!("[[ {} {operator} {shown} ]]", crate::escape::quote_if_needed(&text)));
        }
        match operator {
            "=" | "==" | "!=" => {
                let pattern = self.expand_pattern(right)?;
                let matches = Pattern::new(&pattern, true, self.shopts.nocasematch).matches_str(&text);
                Ok(matches == (operator != "!="))
            }
            "=~" => {
                let source = self.expand_regex(right)?;
                regex::matches(self, &source, &text)
            }
            "-eq" | "-ne" | "-lt" | "-le" | "-gt" | "-ge" => {
                let left = self.arithmetic(&text)?;
                let right = self.expand_text(right)?;
                let right = self.arithmetic(&right)?;
                Ok(conditions::compare(operator, left, right))
            }
            _ => {
                let right = self.expand_text(right)?;
                conditions::binary(self, &text, operator, &right)
            }
        }
    }
}
