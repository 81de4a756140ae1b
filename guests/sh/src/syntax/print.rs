//! Printing commands: for `type` and `declare -f`, for `jobs`, and for messages.

use super::ast::{
    AndOr, Argument, ArmEnd, AssignedValue, Assignment, Command, Compound, CompoundKind, Connector, Element, Function,
    Index, List, Name, Op, Part, Pipeline, Quotes, Redirect, RedirectFd, RedirectKind, Simple, Test, Timed, Word,
};

/// Returns a function as bash prints it.
pub fn function_text(function: &Function) -> String {
    let mut printer = Printer::default();
    printer.out.push_str(&format!("{} () \n", function.name));
    match &function.body {
        Command::Compound(compound) if matches!(compound.kind, CompoundKind::Group(_)) => printer.compound(compound),
        other => {
            printer.out.push_str("{ \n    ");
            printer.depth = 1;
            printer.command(other);
            printer.out.push_str("\n}");
        }
    }
    printer.finish_here_docs();
    printer.out.push('\n');
    printer.out
}

/// Returns a list as one line, for `jobs`.
pub fn and_or_text(and_or: &AndOr) -> String {
    let mut printer = Printer::default();
    printer.and_or(and_or);
    printer.out
}

/// Returns a pipeline as one line, for messages.
pub fn pipeline_text(pipeline: &Pipeline) -> String {
    let mut printer = Printer::default();
    printer.pipeline(pipeline);
    printer.out
}

/// Returns the source of a word.
pub fn word_text(word: &Word) -> String {
    let mut out = String::new();
    parts(&word.parts, false, &mut out);
    out
}

/// Returns the source of words.
pub fn words_text(words: &[Word]) -> String {
    words.iter().map(word_text).collect::<Vec<_>>().join(" ")
}

#[derive(Default)]
struct Printer {
    out: String,
    depth: usize,
    here_docs: Vec<(String, String)>,
}

impl Printer {
    fn newline(&mut self) {
        self.finish_here_docs();
        self.out.push('\n');
        self.out.push_str(&"    ".repeat(self.depth));
    }

    fn finish_here_docs(&mut self) {
        for (body, delimiter) in std::mem::take(&mut self.here_docs) {
            self.out.push_str(&format!("\n{body}{delimiter}\n"));
        }
    }

    /// Prints a list on lines of its own, one level deeper.
    fn block(&mut self, list: &List) {
        self.depth += 1;
        self.newline();
        self.list(list);
        self.depth -= 1;
    }

    fn list(&mut self, list: &List) {
        for (at, item) in list.iter().enumerate() {
            self.and_or(&item.and_or);
            if item.background {
                self.out.push_str(if at + 1 < list.len() { " & " } else { " &" });
            } else if at + 1 < list.len() {
                self.out.push(';');
                self.newline();
            }
        }
    }

    /// Prints a block in which the last command has a semicolon too.
    fn body(&mut self, list: &List) {
        self.block(list);
        if !list.last().is_some_and(|item| item.background) && self.here_docs.is_empty() {
            self.out.push(';');
        }
        self.newline();
    }

    /// Prints a condition, which stays on its line.
    fn inline(&mut self, list: &List) {
        for (at, item) in list.iter().enumerate() {
            if at > 0 {
                self.out.push(' ');
            }
            self.and_or(&item.and_or);
            self.out.push_str(if item.background { " &" } else { ";" });
        }
    }

    fn and_or(&mut self, and_or: &AndOr) {
        self.pipeline(&and_or.first);
        for (connector, pipeline) in &and_or.rest {
            self.out.push_str(if *connector == Connector::And { " && " } else { " || " });
            self.pipeline(pipeline);
        }
    }

    fn pipeline(&mut self, pipeline: &Pipeline) {
        match pipeline.timed {
            Some(Timed::Bash) => self.out.push_str("time "),
            Some(Timed::Posix) => self.out.push_str("time -p "),
            None => {}
        }
        if pipeline.negated {
            self.out.push_str("! ");
        }
        for (at, command) in pipeline.commands.iter().enumerate() {
            if at > 0 {
                self.out.push_str(" | ");
            }
            self.command(command);
        }
    }

    fn command(&mut self, command: &Command) {
        match command {
            Command::Simple(simple) => self.simple(simple),
            Command::Compound(compound) => self.compound(compound),
            Command::Function(function) => {
                self.out.push_str(&format!("function {} () ", function.name));
                self.newline();
                self.command(&function.body);
            }
        }
    }

    fn simple(&mut self, simple: &Simple) {
        let mut texts: Vec<String> = simple.assignments.iter().map(assignment).collect();
        texts.extend(simple.words.iter().map(|argument| match argument {
            Argument::Word(word) => word_text(word),
            Argument::Assignment(assigned, _) => assignment(assigned),
        }));
        self.out.push_str(&texts.join(" "));
        for (at, redirect) in simple.redirects.iter().enumerate() {
            if at > 0 || !texts.is_empty() {
                self.out.push(' ');
            }
            self.redirect(redirect);
        }
    }

    fn redirect(&mut self, redirect: &Redirect) {
        match &redirect.fd {
            Some(RedirectFd::Number(number)) => self.out.push_str(&number.to_string()),
            Some(RedirectFd::Variable(name)) => self.out.push_str(&format!("{{{name}}}")),
            None => {}
        }
        let default_out = redirect.fd.is_none();
        let text = match &redirect.kind {
            RedirectKind::Read(word) => format!("< {}", word_text(word)),
            RedirectKind::Write(word) => format!("> {}", word_text(word)),
            RedirectKind::Clobber(word) => format!(">| {}", word_text(word)),
            RedirectKind::Append(word) => format!(">> {}", word_text(word)),
            RedirectKind::ReadWrite(word) => format!("<> {}", word_text(word)),
            RedirectKind::DupIn(word) => format!("{}<&{}", if default_out { "0" } else { "" }, word_text(word)),
            RedirectKind::DupOut(word) => format!("{}>&{}", if default_out { "1" } else { "" }, word_text(word)),
            RedirectKind::Both { word, append: false } => format!("&> {}", word_text(word)),
            RedirectKind::Both { word, append: true } => format!("&>> {}", word_text(word)),
            RedirectKind::HereString(word) => format!("<<< {}", word_text(word)),
            RedirectKind::HereDoc(here_doc) => {
                let here_doc = here_doc.borrow();
                let mut body = String::new();
                match here_doc.body.parts.as_slice() {
                    [Part::Quoted { text, .. }] => body.push_str(text),
                    [Part::Double(inner)] => parts(inner, true, &mut body),
                    _ => {}
                }
                self.here_docs.push((body, here_doc.delimiter.clone()));
                let operator = if here_doc.strip_tabs { "<<-" } else { "<<" };
                let quote = if here_doc.literal { "'" } else { "" };
                format!("{operator}{quote}{}{quote}", here_doc.delimiter)
            }
        };
        self.out.push_str(&text);
    }

    fn compound(&mut self, compound: &Compound) {
        match &compound.kind {
            CompoundKind::Group(list) => {
                self.out.push_str("{ ");
                self.block(list);
                self.newline();
                self.out.push('}');
            }
            CompoundKind::Subshell(list) => {
                self.out.push_str("( ");
                self.list(list);
                self.out.push_str(" )");
            }
            CompoundKind::If { branches, otherwise } => {
                for (at, (condition, body)) in branches.iter().enumerate() {
                    self.out.push_str(if at == 0 { "if " } else { "elif " });
                    self.inline(condition);
                    self.out.push_str(" then");
                    self.body(body);
                }
                if let Some(body) = otherwise {
                    self.out.push_str("else");
                    self.body(body);
                }
                self.out.push_str("fi");
            }
            CompoundKind::While { condition, body, until } => {
                self.out.push_str(if *until { "until " } else { "while " });
                self.inline(condition);
                self.out.push_str(" do");
                self.body(body);
                self.out.push_str("done");
            }
            CompoundKind::For { name, words, body } => self.for_loop("for", name, words.as_deref(), body),
            CompoundKind::Select { name, words, body } => self.for_loop("select", name, words.as_deref(), body),
            CompoundKind::ArithFor { init, condition, step, body } => {
                let texts = [init, condition, step].map(|word| word_text(word).trim().to_owned());
                self.out.push_str(&format!("for (({}))", texts.join("; ")));
                self.newline();
                self.out.push_str("do");
                self.body(body);
                self.out.push_str("done");
            }
            CompoundKind::Case { word, arms } => {
                self.out.push_str(&format!("case {} in ", word_text(word)));
                self.depth += 1;
                for arm in arms {
                    self.newline();
                    let patterns: Vec<String> = arm.patterns.iter().map(word_text).collect();
                    self.out.push_str(&format!("{})", patterns.join(" | ")));
                    self.block(&arm.body);
                    self.newline();
                    self.out.push_str(match arm.end {
                        ArmEnd::Break => ";;",
                        ArmEnd::FallThrough => ";&",
                        ArmEnd::TestNext => ";;&",
                    });
                }
                self.depth -= 1;
                self.newline();
                self.out.push_str("esac");
            }
            CompoundKind::Arith(word) => self.out.push_str(&format!("(({}))", word_text(word))),
            CompoundKind::Test(test) => self.out.push_str(&format!("[[ {} ]]", test_text(test))),
        }
        for redirect in &compound.redirects {
            self.out.push(' ');
            self.redirect(redirect);
        }
    }

    fn for_loop(&mut self, keyword: &str, name: &str, words: Option<&[Word]>, body: &List) {
        let words = words.map_or_else(|| "\"$@\"".to_owned(), words_text);
        self.out.push_str(&format!("{keyword} {name} in {words};"));
        self.newline();
        self.out.push_str("do");
        self.body(body);
        self.out.push_str("done");
    }
}

fn assignment(assignment: &Assignment) -> String {
    let index = assignment.index.as_ref().map(|word| format!("[{}]", word_text(word))).unwrap_or_default();
    let operator = if assignment.append { "+=" } else { "=" };
    let value = match &assignment.value {
        AssignedValue::Scalar(word) => word_text(word),
        AssignedValue::Array(elements) => {
            let texts: Vec<String> = elements
                .iter()
                .map(|element| match element {
                    Element::Word(word) => word_text(word),
                    Element::Keyed { index, append, value } => {
                        format!("[{}]{}{}", word_text(index), if *append { "+=" } else { "=" }, word_text(value))
                    }
                })
                .collect();
            format!("({})", texts.join(" "))
        }
    };
    format!("{}{index}{operator}{value}", assignment.name)
}

fn test_text(test: &Test) -> String {
    match test {
        Test::Not(inner) => format!("! {}", test_text(inner)),
        Test::And(left, right) => format!("{} && {}", test_text(left), test_text(right)),
        Test::Or(left, right) => format!("{} || {}", test_text(left), test_text(right)),
        Test::Group(inner) => format!("( {} )", test_text(inner)),
        Test::Unary(operator, word) => format!("{operator} {}", word_text(word)),
        Test::Binary(left, operator, right) => format!("{} {operator} {}", word_text(left), word_text(right)),
        Test::Word(word) => word_text(word),
    }
}

fn parts(list: &[Part], quoted: bool, out: &mut String) {
    for part in list {
        match part {
            Part::Text(text) => out.push_str(text),
            Part::Quoted { text, source } => match source {
                Quotes::Single if !quoted => out.push_str(&format!("'{text}'")),
                Quotes::Dollar => out.push_str(&crate::escape::single_quote(text)),
                Quotes::Backslash => out.push_str(&format!("\\{text}")),
                Quotes::Single => out.push_str(text),
            },
            Part::Double(inner) => {
                out.push('"');
                parts(inner, true, out);
                out.push('"');
            }
            Part::Tilde(name) => out.push_str(&format!("~{name}")),
            Part::Parameter(parameter) => {
                let plain = matches!(parameter.op, Op::None) && parameter.index.is_none() && !parameter.indirect;
                let index = matches!(parameter.index, Some(Index::At | Index::Star | Index::Word(_)));
                let braced = !plain || index || matches!(parameter.name, Name::Positional(10..));
                // The source says whether there were braces around a plain name.
                let text = &parameter.text;
                if braced { out.push_str(&format!("${{{text}}}")) } else { out.push_str(&format!("${text}")) }
            }
            Part::Command(command) => out.push_str(&format!("$({})", command.text)),
            Part::Arith(word) => out.push_str(&format!("$(({}))", word_text(word))),
            Part::Process { input, command } => {
                out.push_str(&format!("{}({})", if *input { '<' } else { '>' }, command.text));
            }
        }
    }
}
