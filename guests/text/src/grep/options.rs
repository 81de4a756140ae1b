//! What the command line asks for.

use crate::args::{self, Arg, Long, Value};
use crate::regex::Syntax;

/// What `--help` shows.
pub const HELP: &str = "\
Usage: grep [OPTION]... PATTERNS [FILE]...
Search for PATTERNS in each FILE.

Patterns:
  -E, --extended-regexp  -F, --fixed-strings  -G, --basic-regexp  -P, --perl-regexp
  -e, --regexp=PATTERNS  -f, --file=FILE  -i, --ignore-case  --no-ignore-case
  -w, --word-regexp  -x, --line-regexp  -z, --null-data

Output:
  -v, --invert-match  -m, --max-count=NUM  -b, --byte-offset  -n, --line-number
  -H, --with-filename  -h, --no-filename  --label=LABEL  -o, --only-matching
  -q, --quiet  -s, --no-messages  -L, --files-without-match  -l, --files-with-matches
  -c, --count  -T, --initial-tab  -Z, --null  --line-buffered  --color[=WHEN]

Files:
  -a, --text  -I  --binary-files=TYPE  -d, --directories=ACTION  -D, --devices=ACTION
  -r, --recursive  -R, --dereference-recursive
  --include=GLOB  --exclude=GLOB  --exclude-from=FILE  --exclude-dir=GLOB

Context:
  -B, --before-context=NUM  -A, --after-context=NUM  -C, --context=NUM  -NUM
  --group-separator=SEP  --no-group-separator

With no FILE, search '.' if recursive, '-' (the standard input) if not.
Exit status is 0 if any line is selected, 1 otherwise; 2 if any error occurs, unless -q is given.
";

const SHORT: &str = "EFGPA:B:C:D:HILRTUVZabcd:e:f:hilm:noqrsvwxyz0123456789";

const LONG: &[Long] = &[
    ("extended-regexp", 'E', Value::None),
    ("fixed-strings", 'F', Value::None),
    ("basic-regexp", 'G', Value::None),
    ("perl-regexp", 'P', Value::None),
    ("regexp", 'e', Value::Required),
    ("file", 'f', Value::Required),
    ("ignore-case", 'i', Value::None),
    ("no-ignore-case", '\u{1}', Value::None),
    ("word-regexp", 'w', Value::None),
    ("line-regexp", 'x', Value::None),
    ("null-data", 'z', Value::None),
    ("no-messages", 's', Value::None),
    ("invert-match", 'v', Value::None),
    ("version", 'V', Value::None),
    ("help", '\u{2}', Value::None),
    ("max-count", 'm', Value::Required),
    ("byte-offset", 'b', Value::None),
    ("line-number", 'n', Value::None),
    ("line-buffered", '\u{3}', Value::None),
    ("with-filename", 'H', Value::None),
    ("no-filename", 'h', Value::None),
    ("label", '\u{4}', Value::Required),
    ("only-matching", 'o', Value::None),
    ("quiet", 'q', Value::None),
    ("silent", 'q', Value::None),
    ("binary-files", '\u{5}', Value::Required),
    ("text", 'a', Value::None),
    ("directories", 'd', Value::Required),
    ("devices", 'D', Value::Required),
    ("recursive", 'r', Value::None),
    ("dereference-recursive", 'R', Value::None),
    ("include", '\u{6}', Value::Required),
    ("exclude", '\u{7}', Value::Required),
    ("exclude-from", '\u{8}', Value::Required),
    ("exclude-dir", '\u{E}', Value::Required),
    ("files-without-match", 'L', Value::None),
    ("files-with-matches", 'l', Value::None),
    ("count", 'c', Value::None),
    ("initial-tab", 'T', Value::None),
    ("null", 'Z', Value::None),
    ("before-context", 'B', Value::Required),
    ("after-context", 'A', Value::Required),
    ("context", 'C', Value::Required),
    ("group-separator", '\u{10}', Value::Required),
    ("no-group-separator", '\u{11}', Value::None),
    ("color", '\u{12}', Value::Optional),
    ("colour", '\u{12}', Value::Optional),
    ("binary", 'U', Value::None),
];

/// What happens to a directory among the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Directories {
    Read,
    Skip,
    Recurse,
}

/// Which files' names are printed instead of their lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FilesWith {
    Matches,
    None,
}

/// What happens to a file that is not text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binary {
    /// Says that it matches.
    Tell,
    Text,
    /// Takes it as if it did not match.
    Skip,
}

/// What the command line asks for.
pub struct Command {
    pub syntax: Syntax,
    pub patterns: Vec<Vec<u8>>,
    pub files: Vec<String>,
    pub ignore_case: bool,
    pub whole_word: bool,
    pub whole_line: bool,
    pub null_data: bool,
    pub invert: bool,
    pub max_count: Option<u64>,
    pub byte_offset: bool,
    pub line_number: bool,
    pub with_filename: bool,
    pub label: String,
    pub only_matching: bool,
    pub quiet: bool,
    pub no_messages: bool,
    pub binary: Binary,
    pub directories: Directories,
    /// Follow symbolic links found on the way.
    pub follow: bool,
    /// `--include` (true) and `--exclude` patterns, in order.
    pub globs: Vec<(bool, String)>,
    pub exclude_dirs: Vec<String>,
    pub files_with: Option<FilesWith>,
    pub count: bool,
    pub initial_tab: bool,
    pub null_names: bool,
    pub line_buffered: bool,
    pub before: usize,
    pub after: usize,
    pub group_separator: Option<String>,
    pub color: bool,
}

impl Command {
    /// Tells whether lines are not printed at all.
    pub fn only_names_or_counts(&self) -> bool {
        self.quiet || self.count || self.files_with.is_some()
    }
}

/// Reads the command line of `name`; `None` if it only asked for help, which has been given.
pub fn parse(name: &str, args: Vec<String>) -> Result<Option<Command>, String> {
    let found = args::parse(args, SHORT, LONG, false).map_err(|text| format!("{name}: {text}\n{}", super::usage()))?;
    let mut command = Command {
        syntax: match name {
            "egrep" => Syntax::Extended,
            "fgrep" => Syntax::Fixed,
            _ => Syntax::Basic,
        },
        patterns: Vec::new(),
        files: Vec::new(),
        ignore_case: false,
        whole_word: false,
        whole_line: false,
        null_data: false,
        invert: false,
        max_count: None,
        byte_offset: false,
        line_number: false,
        with_filename: false,
        label: "(standard input)".to_owned(),
        only_matching: false,
        quiet: false,
        no_messages: false,
        binary: Binary::Tell,
        directories: Directories::Read,
        follow: false,
        globs: Vec::new(),
        exclude_dirs: Vec::new(),
        files_with: None,
        count: false,
        initial_tab: false,
        null_names: false,
        line_buffered: false,
        before: 0,
        after: 0,
        group_separator: Some("--".to_owned()),
        color: false,
    };
    let mut patterns: Option<Vec<Vec<u8>>> = None;
    let mut with_filename = None;
    let (mut before, mut after, mut context) = (None, None, None);
    let mut digits = String::new();
    for arg in found {
        let (option, value) = match arg {
            Arg::Operand(text) => {
                command.files.push(text);
                continue;
            }
            Arg::Option(option, value) => (option, value.unwrap_or_default()),
        };
        match option {
            'E' => command.syntax = Syntax::Extended,
            'F' => command.syntax = Syntax::Fixed,
            'G' => command.syntax = Syntax::Basic,
            'P' => command.syntax = Syntax::Perl,
            'e' => patterns.get_or_insert_default().extend(split_patterns(value.as_bytes())),
            'f' => patterns.get_or_insert_default().extend(read_patterns(name, &value)?),
            'i' | 'y' => command.ignore_case = true,
            '\u{1}' => command.ignore_case = false,
            'w' => command.whole_word = true,
            'x' => command.whole_line = true,
            'z' => command.null_data = true,
            's' => command.no_messages = true,
            'v' => command.invert = true,
            'V' => {
                println!("{name} (Stillbox) {}", env!("CARGO_PKG_VERSION"));
                return Ok(None);
            }
            '\u{2}' => {
                super::help();
                return Ok(None);
            }
            'm' => {
                let count: i64 = value.parse().map_err(|_| format!("{name}: invalid max count"))?;
                command.max_count = u64::try_from(count).ok();
            }
            'b' => command.byte_offset = true,
            'n' => command.line_number = true,
            '\u{3}' => command.line_buffered = true,
            'H' => with_filename = Some(true),
            'h' => with_filename = Some(false),
            '\u{4}' => command.label = value,
            'o' => command.only_matching = true,
            'q' => command.quiet = true,
            'a' => command.binary = Binary::Text,
            'I' => command.binary = Binary::Skip,
            '\u{5}' => command.binary = binary_files(name, &value)?,
            'd' => {
                command.directories = match value.as_str() {
                    "read" => Directories::Read,
                    "skip" => Directories::Skip,
                    "recurse" => Directories::Recurse,
                    _ => {
                        return Err(format!(
                            "{name}: invalid argument '{value}' for '--directories'\n{}",
                            super::usage()
                        ));
                    }
                }
            }
            'r' => command.directories = Directories::Recurse,
            'R' => (command.directories, command.follow) = (Directories::Recurse, true),
            '\u{6}' => command.globs.push((true, value)),
            '\u{7}' => command.globs.push((false, value)),
            '\u{8}' => {
                let lines = read_patterns(name, &value)?;
                command.globs.extend(lines.iter().map(|line| (false, String::from_utf8_lossy(line).into_owned())));
            }
            '\u{E}' => command.exclude_dirs.push(value),
            'L' => command.files_with = Some(FilesWith::None),
            'l' => command.files_with = Some(FilesWith::Matches),
            'c' => command.count = true,
            'T' => command.initial_tab = true,
            'Z' => command.null_names = true,
            'B' => before = Some(context_length(name, &value)?),
            'A' => after = Some(context_length(name, &value)?),
            'C' => context = Some(context_length(name, &value)?),
            '\u{10}' => command.group_separator = Some(value),
            '\u{11}' => command.group_separator = None,
            '\u{12}' => command.color = wants_color(name, &value)?,
            '0'..='9' => {
                digits.push(option);
                context = Some(context_length(name, &digits)?);
            }
            // Devices are read, and there are no text modes: nothing to do.
            _ => {}
        }
    }
    command.before = before.or(context).unwrap_or(0);
    command.after = after.or(context).unwrap_or(0);
    command.patterns = match patterns {
        Some(patterns) => patterns,
        None if command.files.is_empty() => return Err(super::usage()),
        None => split_patterns(command.files.remove(0).as_bytes()).collect(),
    };
    let recursive = command.directories == Directories::Recurse;
    if command.files.is_empty() && !recursive {
        command.files.push("-".to_owned());
    }
    let lone_file = command.files.len() == 1 && !(recursive && std::path::Path::new(&command.files[0]).is_dir());
    command.with_filename = with_filename.unwrap_or(!lone_file);
    Ok(Some(command))
}

fn split_patterns(text: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    text.split(|&byte| byte == b'\n').map(<[u8]>::to_vec)
}

fn read_patterns(name: &str, path: &str) -> Result<Vec<Vec<u8>>, String> {
    let read = || -> std::io::Result<Vec<Vec<u8>>> {
        let mut input = crate::io::Input::open(path)?;
        let (mut lines, mut line) = (Vec::new(), Vec::new());
        while input.read_record(b'\n', &mut line)?.is_some() {
            lines.push(line.clone());
        }
        Ok(lines)
    };
    read().map_err(|error| format!("{name}: {path}: {}", crate::io::message(&error)))
}

fn binary_files(name: &str, value: &str) -> Result<Binary, String> {
    match value {
        "binary" => Ok(Binary::Tell),
        "text" => Ok(Binary::Text),
        "without-match" => Ok(Binary::Skip),
        _ => Err(format!("{name}: {value}: unknown binary-files type")),
    }
}

fn context_length(name: &str, value: &str) -> Result<usize, String> {
    let is_number = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    // A number too large for us is as good as no bound.
    if is_number {
        Ok(value.parse().unwrap_or(usize::MAX))
    } else {
        Err(format!("{name}: {value}: invalid context length argument"))
    }
}

fn wants_color(name: &str, value: &str) -> Result<bool, String> {
    match value {
        "always" | "yes" | "force" => Ok(true),
        "never" | "no" | "none" => Ok(false),
        "" | "auto" | "tty" | "if-tty" => {
            let dumb = std::env::var("TERM").map_or(true, |term| term == "dumb");
            Ok(!dumb && std::io::IsTerminal::is_terminal(&std::io::stdout()))
        }
        _ => Err(format!("{name}: invalid argument '{value}' for '--color'\n{}", super::usage())),
    }
}
