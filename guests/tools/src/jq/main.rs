//! `jq`: filters JSON. The language is jaq's; what is here is jq's command line, its way to write values, and the
//! builtins that jaq leaves out or does otherwise.

mod builtins;
mod inputs;
mod options;
mod paths;
mod rewrite;
mod write;

use std::cell::Cell;
use std::io::{self, BufWriter, Write};

use jaq_core::data::HasLut;
use jaq_core::{DataT, Lut, Vars, compile, load};
use jaq_json::Val;
use jaq_std::input::{self, Inputs, RcIter};
use options::Options;
use stillbox_tools::program::{Applet, Failure, Outcome, run, warn};

/// jq's statuses: bad usage or input, a filter that does not compile, and a filter that fails.
const BAD_INPUT: i32 = 2;
const BAD_FILTER: i32 = 3;
const NO_OUTPUT: i32 = 4;
const FAILED: i32 = 5;

/// What a running filter can ask for.
pub struct DataKind;

/// The look-up table of the filter, and the inputs that `input` takes from.
pub struct Data<'a> {
    lut: &'a Lut<DataKind>,
    inputs: Inputs<'a, Val>,
    file: &'a Cell<Option<usize>>,
    files: &'a [String],
}

impl DataT for DataKind {
    type V<'a> = Val;
    type Data<'a> = &'a Data<'a>;
}

impl<'a> HasLut<'a, DataKind> for &'a Data<'a> {
    fn lut(&self) -> &'a Lut<DataKind> {
        self.lut
    }
}

impl<'a> input::HasInputs<'a, Val> for &'a Data<'a> {
    fn inputs(&self) -> Inputs<'a, Val> {
        self.inputs
    }
}

impl Data<'_> {
    /// Returns the name of the file that the current input is from.
    fn file_name(&self) -> Option<&str> {
        self.files.get(self.file.get()?).map(String::as_str)
    }
}

type Filter = jaq_core::Filter<DataKind>;
type Ctx<'a> = jaq_core::Ctx<'a, DataKind>;

fn main() {
    let synopsis = "[-acCejMnrRsS] [--arg NAME VALUE]... FILTER [FILE]...\n       \
        jq [OPTION]... -f FILE [FILE]...\n       \
        jq [OPTION]... FILTER --args [VALUE]...";
    run("jq", &[Applet { name: "jq", synopsis, main: filter }])
}

fn filter(args: &[String]) -> Outcome {
    let options = match options::parse(args)? {
        options::Parsed::Run(options) => *options,
        options::Parsed::Version => {
            writeln!(io::stdout(), "jq-1.6-jaq")?;
            return Ok(0);
        }
    };
    let filter = compile(&options)?;
    let (file, unreadable) = (Cell::new(None), Cell::new(false));
    let inputs = RcIter::new(Box::new(inputs::Inputs::new(&options, &file, &unreadable)));
    let data = Data { lut: &filter.lut, inputs: &inputs, file: &file, files: &options.files };
    let values = Vars::new(options.variables.iter().map(|(_, value)| value.clone()));
    let mut out = BufWriter::with_capacity(32 * 1024, io::stdout());
    let result = run_filter(&options, &filter, Ctx::new(&data, values), &inputs, &mut out);
    let flushed = out.flush();
    let status = result?;
    flushed?;
    Ok(if status == 0 && unreadable.get() { BAD_INPUT } else { status })
}

/// The name under which the filter of the command line is defined.
const MAIN: &str = "command_line_filter";

fn compile(options: &Options) -> Result<Filter, Failure> {
    let arena = load::Arena::default();
    let defs = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs()).chain(builtins::defs());
    // A filter that imports modules, or that does not parse, goes as it is: the loader knows what to do with either.
    let parsed = load::parse(&options.code, |parser| parser.term());
    let code = if parsed.is_some() { MAIN } else { options.code.as_str() };
    let main = parsed.map(|term| load::parse::Def { name: MAIN, args: Vec::new(), body: rewrite::rewrite(term) });
    let loader = load::Loader::new(defs.map(shorten).chain(main)).with_std_read(&options.library);
    let names: Vec<String> = options.variables.iter().map(|(name, _)| format!("${name}")).collect();
    let file = load::File { path: std::path::PathBuf::from("<top-level>"), code };
    let modules = loader.load(&arena, file).map_err(|errors| {
        let mut messages = Vec::new();
        for (file, error) in errors {
            match error {
                load::Error::Io(errors) => {
                    messages.extend(errors.iter().map(|(path, error)| format!("{path}: {error}")))
                }
                load::Error::Lex(errors) => {
                    messages.extend(errors.iter().map(|(expected, found)| syntax(expected.as_str(), found, file.code)));
                }
                load::Error::Parse(errors) => {
                    messages.extend(errors.iter().map(|(expected, found)| syntax(expected.as_str(), found, file.code)));
                }
            }
        }
        bad_filter(&messages)
    })?;
    let compiler = compile::Compiler::default().with_funs(builtins::funs());
    compiler.with_global_vars(names.iter().map(String::as_str)).compile(modules).map_err(|errors| {
        let mut messages = Vec::new();
        for (_, errors) in errors {
            for (found, undefined) in errors {
                let name = match undefined {
                    compile::Undefined::Filter(arity) => format!("{found}/{arity}"),
                    _ => found.to_owned(),
                };
                let line = line_of(&options.code, found);
                messages.push(format!("{name} is not defined at <top-level>, line {line}:\n{}", options.code));
            }
        }
        bad_filter(&messages)
    })
}

/// Lets a builtin, which lives for ever, stand beside a definition from the command line.
fn shorten<'s>(def: load::parse::Def<&'static str>) -> load::parse::Def<&'s str> {
    def
}

/// Returns the line on which a part of the code begins.
fn line_of(code: &str, part: &str) -> usize {
    let offset = (part.as_ptr() as usize).saturating_sub(code.as_ptr() as usize).min(code.len());
    code.as_bytes()[..offset].iter().filter(|byte| **byte == b'\n').count() + 1
}

fn syntax(expected: &str, found: &str, code: &str) -> String {
    let what = match found.chars().next() {
        None => "unexpected end of file".to_owned(),
        Some(_) => format!("unexpected {}", found.split_whitespace().next().unwrap_or_default()),
    };
    format!(
        "syntax error, {what}, expecting {expected} (Unix shell quoting issues?) at <top-level>, line {}:\n{code}",
        line_of(code, found)
    )
}

fn bad_filter(messages: &[String]) -> Failure {
    for message in messages {
        warn(format_args!("error: {message}"));
    }
    let plural = if messages.len() == 1 { "" } else { "s" };
    Failure::new(BAD_FILTER, format_args!("{} compile error{plural}", messages.len()))
}

fn run_filter<'a>(
    options: &Options,
    filter: &'a Filter,
    context: Ctx<'a>,
    inputs: &RcIter<Box<inputs::Inputs<'a>>>,
    out: &mut BufWriter<io::Stdout>,
) -> Outcome {
    let mut status = 0;
    let mut last: Option<bool> = None;
    let mut nothing = options.null_input.then_some(Ok(Val::Null));
    let mut inputs = inputs;
    loop {
        let next = if options.null_input { nothing.take() } else { inputs.next() };
        let value = match next {
            None => break,
            Some(Ok(value)) => value,
            Some(Err(message)) => {
                out.flush()?;
                warn(format_args!("error (at {}): {message}", inputs::place(&context)));
                status = BAD_INPUT;
                break;
            }
        };
        for result in filter.id.run((context.clone(), value)) {
            let exception = match result {
                Ok(value) => {
                    last = Some(!matches!(value, Val::Null | Val::Bool(false)));
                    write::output(out, &value, &options.output)?;
                    continue;
                }
                Err(exception) => exception,
            };
            out.flush()?;
            match exception.get_err() {
                Ok(error) => {
                    warn(describe(error.into_val(), inputs::place(&context)));
                    status = FAILED;
                }
                Err(other) => return Ok(other.get_halt().unwrap_or(FAILED)),
            }
            break;
        }
    }
    Ok(match (status, options.exit_status, last) {
        (0, true, None) => NO_OUTPUT,
        (0, true, Some(false)) => 1,
        _ => status,
    })
}

fn describe(error: Val, place: &str) -> String {
    match &error {
        Val::TStr(text) => format!("error (at {place}): {}", String::from_utf8_lossy(text)),
        other => format!("error (at {place}) (not a string): {}", write::compact(other)),
    }
}

/// Returns the name of the file that the current input is from.
fn file_of<'a>(context: &Ctx<'a>) -> Option<&'a str> {
    let data: &'a Data<'a> = context.data();
    data.file_name()
}
