//! jq's command line.

use std::path::PathBuf;

use jaq_json::{Val, read};
use stillbox_tools::program::{Failure, read_input, reason};

use super::BAD_INPUT;

/// How values are written.
#[derive(Clone, Debug)]
pub struct Output {
    /// What one level is indented by; `None` for all on one line.
    pub indent: Option<String>,
    pub raw: bool,
    pub join: bool,
    pub nul: bool,
    pub ascii: bool,
    pub sort_keys: bool,
    pub color: bool,
    pub sequence: bool,
}

/// The command line, read.
pub struct Options {
    pub code: String,
    pub files: Vec<String>,
    pub null_input: bool,
    pub raw_input: bool,
    pub slurp: bool,
    pub stream: bool,
    pub exit_status: bool,
    pub output: Output,
    pub library: Vec<PathBuf>,
    pub variables: Vec<(String, Val)>,
}

pub enum Parsed {
    Run(Box<Options>),
    Version,
}

/// What operands are.
#[derive(PartialEq)]
enum Rest {
    Files,
    Strings,
    Json,
}

fn usage(message: impl std::fmt::Display) -> Failure {
    Failure::usage(BAD_INPUT, message)
}

fn text(value: impl Into<String>) -> Val {
    Val::utf8_str(value.into())
}

pub fn parse(args: &[String]) -> Result<Parsed, Failure> {
    let mut options = Options {
        code: String::new(),
        files: Vec::new(),
        null_input: false,
        raw_input: false,
        slurp: false,
        stream: false,
        exit_status: false,
        output: Output {
            indent: Some("  ".into()),
            raw: false,
            join: false,
            nul: false,
            ascii: false,
            sort_keys: false,
            color: false,
            sequence: false,
        },
        library: Vec::new(),
        variables: Vec::new(),
    };
    let (mut operands, mut positional, mut rest) = (Vec::new(), Vec::new(), Rest::Files);
    let mut from_file = false;
    let mut only_operands = false;
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        if only_operands || !arg.starts_with('-') || arg == "-" {
            // The filter comes first, even after `--args`.
            let is_filter = operands.is_empty();
            match rest {
                _ if is_filter => operands.push(arg.clone()),
                Rest::Files => operands.push(arg.clone()),
                Rest::Strings => positional.push(text(arg.clone())),
                Rest::Json => positional.push(json(arg, "positional argument")?),
            }
            continue;
        }
        if arg == "--" {
            only_operands = true;
            continue;
        }
        let Some(long) = arg.strip_prefix("--") else {
            for letter in arg[1..].chars() {
                match letter {
                    'V' => return Ok(Parsed::Version),
                    'L' => {
                        let directory = arg[1..].strip_prefix('L').filter(|rest| !rest.is_empty());
                        let directory = directory.map(str::to_owned).or_else(|| args.next().cloned());
                        options.library.extend(directory.map(PathBuf::from));
                        break;
                    }
                    'f' => from_file = true,
                    'h' => return Err(usage("see --help")),
                    letter => options.letter(letter).ok_or_else(|| usage(format_args!("Unknown arguments: {arg}")))?,
                }
            }
            continue;
        };
        let mut value = |what: &str| {
            args.next().cloned().ok_or_else(|| usage(format_args!("--{long} takes {what} (e.g. --{long} name value)")))
        };
        let letter = match long {
            "arg" => {
                let (name, given) = (value("two parameters")?, value("two parameters")?);
                options.define(name, text(given));
                continue;
            }
            "argjson" => {
                let (name, given) = (value("two parameters")?, value("two parameters")?);
                let parsed = json(&given, &format!("value passed to --argjson {name}"))?;
                options.define(name, parsed);
                continue;
            }
            "slurpfile" | "rawfile" => {
                let (name, path) = (value("two parameters")?, value("two parameters")?);
                let bytes = read_input(&path)
                    .map_err(|error| usage(format_args!("Bad JSON in --{long} {name} {path}: {}", reason(&error))))?;
                let given = if long == "rawfile" {
                    text(String::from_utf8_lossy(&bytes))
                } else {
                    let values: Result<Vec<Val>, _> = read::parse_many(&bytes).collect();
                    let values = values
                        .map_err(|error| usage(format_args!("Bad JSON in --slurpfile {name} {path}: {error}")))?;
                    values.into_iter().collect()
                };
                options.define(name, given);
                continue;
            }
            "args" => {
                rest = Rest::Strings;
                continue;
            }
            "jsonargs" => {
                rest = Rest::Json;
                continue;
            }
            "indent" => {
                let given = value("one parameter")?;
                let count: usize = given.parse().map_err(|_| usage("Cannot indent: not a number"))?;
                if count > 7 {
                    return Err(usage("Cannot indent more than 7 characters"));
                }
                options.output.indent = (count > 0).then(|| " ".repeat(count));
                continue;
            }
            "tab" => {
                options.output.indent = Some("\t".into());
                continue;
            }
            "raw-output0" => {
                (options.output.raw, options.output.nul) = (true, true);
                continue;
            }
            "stream" => {
                options.stream = true;
                continue;
            }
            "seq" => {
                options.output.sequence = true;
                continue;
            }
            "from-file" => {
                from_file = true;
                continue;
            }
            "library-path" => {
                options.library.push(value("one parameter")?.into());
                continue;
            }
            "unbuffered" => continue,
            "version" => return Ok(Parsed::Version),
            "null-input" => 'n',
            "raw-input" => 'R',
            "slurp" => 's',
            "compact-output" => 'c',
            "raw-output" => 'r',
            "join-output" => 'j',
            "ascii-output" => 'a',
            "sort-keys" => 'S',
            "color-output" => 'C',
            "monochrome-output" => 'M',
            "exit-status" => 'e',
            _ => return Err(usage(format_args!("Unknown arguments: {arg}"))),
        };
        let _ = options.letter(letter);
    }
    let mut operands = operands.into_iter();
    let first = operands.next();
    options.files = operands.collect();
    options.code = match first {
        None => return Err(usage("missing filter")),
        Some(path) if from_file => {
            let bytes = read_input(&path).map_err(|error| {
                Failure::new(BAD_INPUT, format_args!("error: Could not open {path}: {}", reason(&error)))
            })?;
            String::from_utf8_lossy(&bytes).into_owned()
        }
        Some(code) => code,
    };
    options.define_all(positional);
    Ok(Parsed::Run(Box::new(options)))
}

fn json(given: &str, what: &str) -> Result<Val, Failure> {
    read::parse_single(given.as_bytes())
        .map_err(|_| usage(format_args!("Invalid JSON text passed to --argjson: {what}")))
}

impl Options {
    fn letter(&mut self, letter: char) -> Option<()> {
        match letter {
            'n' => self.null_input = true,
            'R' => self.raw_input = true,
            's' => self.slurp = true,
            'c' => self.output.indent = None,
            'r' => self.output.raw = true,
            'j' => (self.output.raw, self.output.join) = (true, true),
            'a' => self.output.ascii = true,
            'S' => self.output.sort_keys = true,
            'C' => self.output.color = true,
            'M' => self.output.color = false,
            'e' => self.exit_status = true,
            _ => return None,
        }
        Some(())
    }

    /// Defines a variable; the first definition of a name holds.
    fn define(&mut self, name: String, value: Val) {
        if !self.variables.iter().any(|(known, _)| *known == name) {
            self.variables.push((name, value));
        }
    }

    /// Defines `$ARGS`, `$ENV` and `$__prog_args`.
    fn define_all(&mut self, positional: Vec<Val>) {
        let named = self.variables.iter().map(|(name, value)| (text(name.clone()), value.clone())).collect();
        let args = [(text("positional"), positional.into_iter().collect()), (text("named"), Val::obj(named))];
        self.define("ARGS".into(), Val::obj(args.into_iter().collect()));
        let variables = std::env::vars_os().map(|(name, value)| {
            (text(name.to_string_lossy().into_owned()), text(value.to_string_lossy().into_owned()))
        });
        self.define("ENV".into(), Val::obj(variables.collect()));
    }
}
