//! `xargs`: runs commands with arguments from the standard input.

mod items;
mod run;

use crate::args::{self, Arg, Long, Value};
use crate::io::{self, Input};

const HELP: &str = "\
Usage: xargs [OPTION]... [COMMAND [INITIAL-ARGUMENT]...]

  -0, --null                 items end in NUL, and nothing is quoted
  -a, --arg-file=FILE        read items from FILE
  -d, --delimiter=CHARACTER  items end in CHARACTER, and nothing is quoted
  -E END                     stop at the item END
  -I REPLACE                 replace REPLACE in the command by each line
  -L, --max-lines=N          at most N lines for a command
  -n, --max-args=N           at most N items for a command
  -o, --open-tty             give commands the terminal as standard input
  -P, --max-procs=N          run up to N commands at once
  -p, --interactive          ask before each command
  -r, --no-run-if-empty      run nothing if there are no items
  -s, --max-chars=N          at most N characters for a command
  -t, --verbose              show commands before they are run
  -x, --exit                 stop if a command would be too long
";

const LONG: &[Long] = &[
    ("null", '0', Value::None),
    ("arg-file", 'a', Value::Required),
    ("delimiter", 'd', Value::Required),
    ("eof", 'E', Value::Optional),
    ("replace", 'I', Value::Optional),
    ("max-lines", 'L', Value::Optional),
    ("max-args", 'n', Value::Required),
    ("open-tty", 'o', Value::None),
    ("max-procs", 'P', Value::Required),
    ("interactive", 'p', Value::None),
    ("no-run-if-empty", 'r', Value::None),
    ("max-chars", 's', Value::Required),
    ("verbose", 't', Value::None),
    ("exit", 'x', Value::None),
    ("show-limits", 'S', Value::None),
    ("help", 'h', Value::None),
    ("version", 'V', Value::None),
];

/// How many bytes of arguments a command gets if nothing else is said.
const DEFAULT_CHARS: usize = 128 << 10;

/// How items are told apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Split {
    /// Blanks and line ends, with quotes and backslashes.
    Words,
    /// Lines, with quotes and backslashes, for `-I`.
    Lines,
    Byte(u8),
}

/// What the command line asks for.
pub struct Settings {
    pub split: Split,
    pub end: Option<String>,
    pub replace: Option<String>,
    pub max_lines: Option<usize>,
    pub max_args: Option<usize>,
    pub max_chars: usize,
    pub max_procs: usize,
    pub ask: bool,
    pub verbose: bool,
    pub no_run_if_empty: bool,
    pub exit_if_long: bool,
    pub open_tty: bool,
    pub command: Vec<String>,
}

/// Runs `xargs`; returns the exit status: 123 if a command failed, 124 to 127 as POSIX has them.
pub fn main(args: Vec<String>) -> i32 {
    match start(args) {
        Ok(status) => status,
        Err(message) => {
            eprintln!("xargs: {message}");
            1
        }
    }
}

fn start(args: Vec<String>) -> Result<i32, String> {
    let found = args::parse(args, "0a:d:E:e::I:i::L:l::n:oP:prs:tx", LONG, true)?;
    let mut settings = Settings {
        split: Split::Words,
        end: None,
        replace: None,
        max_lines: None,
        max_args: None,
        max_chars: DEFAULT_CHARS,
        max_procs: 1,
        ask: false,
        verbose: false,
        no_run_if_empty: false,
        exit_if_long: false,
        open_tty: false,
        command: Vec::new(),
    };
    let mut file = None;
    for arg in found {
        let (option, value) = match arg {
            Arg::Operand(text) => {
                settings.command.push(text);
                continue;
            }
            Arg::Option(option, value) => (option, value),
        };
        let number = |least: usize| -> Result<usize, String> {
            let text = value.clone().unwrap_or_else(|| "1".to_owned());
            let number: usize = text.parse().map_err(|_| format!("invalid number \"{text}\" for -{option} option"))?;
            if number < least {
                Err(format!("value {number} for -{option} option should be >= {least}"))
            } else {
                Ok(number)
            }
        };
        match option {
            '0' => settings.split = Split::Byte(0),
            'a' => file = value,
            'd' => settings.split = Split::Byte(delimiter(&value.unwrap_or_default())?),
            'E' | 'e' => settings.end = value.filter(|end| !end.is_empty()),
            'I' | 'i' => {
                settings.replace = Some(value.unwrap_or_else(|| "{}".to_owned()));
                (settings.max_lines, settings.max_args) = (None, None);
            }
            'L' | 'l' => {
                settings.max_lines = Some(number(1)?);
                (settings.max_args, settings.replace) = (None, None);
            }
            'n' => {
                let count = number(1)?;
                // With -I each item has a command of its own anyway.
                if !(count == 1 && settings.replace.is_some()) {
                    settings.max_args = Some(count);
                    (settings.max_lines, settings.replace) = (None, None);
                }
            }
            'o' => settings.open_tty = true,
            'P' => {
                settings.max_procs = match number(0)? {
                    0 => usize::MAX,
                    count => count,
                }
            }
            'p' => (settings.ask, settings.verbose) = (true, true),
            'r' => settings.no_run_if_empty = true,
            's' => settings.max_chars = number(1)?,
            't' => settings.verbose = true,
            'x' => settings.exit_if_long = true,
            'S' => eprintln!("Size of command buffer we are actually using: {}", settings.max_chars),
            'h' => {
                print!("{HELP}");
                return Ok(0);
            }
            'V' => {
                println!("xargs (Stillbox, compatible with GNU findutils) {}", env!("CARGO_PKG_VERSION"));
                return Ok(0);
            }
            _ => {}
        }
    }
    if settings.replace.is_some() && settings.split == Split::Words {
        settings.split = Split::Lines;
    }
    if settings.command.is_empty() {
        settings.command.push("echo".to_owned());
    }
    let from_stdin = file.as_deref().is_none_or(|name| name == "-");
    let input = match file {
        Some(name) => {
            Input::open(&name).map_err(|error| format!("Cannot open input file ‘{name}’: {}", io::message(&error)))?
        }
        None => Input::stdin(),
    };
    Ok(run::run(&settings, items::Items::new(input, &settings), from_stdin))
}

/// Reads the character that `-d` names.
fn delimiter(text: &str) -> Result<u8, String> {
    let bytes = text.as_bytes();
    match bytes {
        [byte] => Ok(*byte),
        [b'\\', escaped] => Ok(match escaped {
            b'n' => b'\n',
            b't' => b'\t',
            b'r' => b'\r',
            b'0' => 0,
            b'a' => 7,
            b'b' => 8,
            b'f' => 12,
            b'v' => 11,
            b'\\' => b'\\',
            _ => return Err(format!("Invalid escape sequence {text} in input delimiter specification.")),
        }),
        [b'\\', b'x', digits @ ..] => parse_code(digits, 16, text),
        [b'\\', digits @ ..] if !digits.is_empty() => parse_code(digits, 8, text),
        _ => Err(format!(
            "Invalid input delimiter specification {text}: the delimiter must be either a single character or an escape \
             sequence starting with \\."
        )),
    }
}

fn parse_code(digits: &[u8], radix: u32, text: &str) -> Result<u8, String> {
    let digits = std::str::from_utf8(digits).unwrap_or_default();
    u8::from_str_radix(digits, radix)
        .map_err(|_| format!("Invalid escape sequence {text} in input delimiter specification."))
}
