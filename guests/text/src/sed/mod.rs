//! `sed`: POSIX's, with GNU's options and commands.

mod command;
mod exec;
mod parse;
mod streams;
mod substitute;
mod text;
mod translate;

use crate::args::{self, Arg, Long, Value};
use crate::io;
use streams::{Files, InPlace};

const HELP: &str = "\
Usage: sed [OPTION]... {script-only-if-no-other-script} [input-file]...

  -n, --quiet, --silent      print only what the script prints
  -e, --expression=SCRIPT    add SCRIPT to the commands
  -f, --file=FILE            add the contents of FILE to the commands
  -E, -r, --regexp-extended  use extended regular expressions
  -i[SUFFIX], --in-place[=SUFFIX]
                             edit files in place (and keep a copy, if SUFFIX is given)
  -l, --line-length=N        the line length for the `l' command
  -s, --separate             take files as separate streams
  -u, --unbuffered           write each line at once
  -z, --null-data            lines end in NUL
      --help, --version
";

const LONG: &[Long] = &[
    ("quiet", 'n', Value::None),
    ("silent", 'n', Value::None),
    ("expression", 'e', Value::Required),
    ("file", 'f', Value::Required),
    ("regexp-extended", 'E', Value::None),
    ("in-place", 'i', Value::Optional),
    ("line-length", 'l', Value::Required),
    ("separate", 's', Value::None),
    ("unbuffered", 'u', Value::None),
    ("null-data", 'z', Value::None),
    ("zero-terminated", 'z', Value::None),
    ("posix", 'p', Value::None),
    ("debug", 'D', Value::None),
    ("sandbox", 'S', Value::None),
    ("follow-symlinks", 'F', Value::None),
    ("help", 'h', Value::None),
    ("version", 'V', Value::None),
];

/// How a script is run.
pub struct Settings {
    pub quiet: bool,
    pub separate: bool,
    pub unbuffered: bool,
    pub line_end: u8,
    pub list_width: usize,
}

/// Runs `sed`; returns the exit status.
pub fn main(args: Vec<String>) -> i32 {
    match run(args) {
        Ok(status) => status,
        Err(message) => {
            eprintln!("{message}");
            1
        }
    }
}

fn run(args: Vec<String>) -> Result<i32, String> {
    let found = args::parse(args, "ne:f:Eri::l:suz", LONG, false).map_err(|text| format!("sed: {text}\n{HELP}"))?;
    let mut settings = Settings { quiet: false, separate: false, unbuffered: false, line_end: b'\n', list_width: 70 };
    let mut extended = false;
    let mut in_place = None;
    let mut script: Option<Vec<u8>> = None;
    let mut names = Vec::new();
    for arg in found {
        let (option, value) = match arg {
            Arg::Operand(name) => {
                names.push(name);
                continue;
            }
            Arg::Option(option, value) => (option, value.unwrap_or_default()),
        };
        match option {
            'n' => settings.quiet = true,
            'e' => add_script(&mut script, value.as_bytes()),
            'f' => add_script(&mut script, &script_file(&value)?),
            'E' | 'r' => extended = true,
            'i' => (in_place, settings.separate) = (Some(InPlace { suffix: value }), true),
            'l' => {
                settings.list_width = value.parse().map_err(|_| format!("sed: invalid line length: {value}"))?;
            }
            's' => settings.separate = true,
            'u' => settings.unbuffered = true,
            'z' => settings.line_end = 0,
            'S' => return Err("sed: --sandbox is not supported".to_owned()),
            'h' => {
                print!("{HELP}");
                return Ok(0);
            }
            'V' => {
                println!("sed (Stillbox, compatible with GNU sed) {}", env!("CARGO_PKG_VERSION"));
                return Ok(0);
            }
            // Links are followed and POSIX's own ways kept anyway.
            _ => {}
        }
    }
    let script = match script {
        Some(script) => script,
        None if names.is_empty() => return Err(HELP.trim_end().to_owned()),
        None => names.remove(0).into_bytes(),
    };
    let script = parse::parse(&script, extended)
        .map_err(|(at, message)| format!("sed: -e expression #1, char {at}: {message}"))?;
    settings.quiet |= script.quiet;
    if names.is_empty() {
        names.push("-".to_owned());
    }
    let files = Files::new(names, settings.separate, in_place, settings.line_end);
    let mut machine = exec::Machine::new(&script, &settings, files).map_err(|text| format!("sed: {text}"))?;
    machine.run().map_err(|text| format!("sed: {text}"))
}

/// Adds a piece to the script, on lines of its own.
fn add_script(script: &mut Option<Vec<u8>>, piece: &[u8]) {
    match script {
        Some(script) => {
            script.push(b'\n');
            script.extend_from_slice(piece);
        }
        None => *script = Some(piece.to_vec()),
    }
}

fn script_file(name: &str) -> Result<Vec<u8>, String> {
    let read = || -> std::io::Result<Vec<u8>> {
        let mut input = io::Input::open(name)?;
        while input.fill()? {}
        Ok(input.buffered().to_vec())
    };
    read().map_err(|error| format!("sed: couldn't open file {name}: {}", io::message(&error)))
}
