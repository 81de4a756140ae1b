//! `diff`: normal, unified and context output, files and directory trees.

mod algorithm;
mod file;
mod format;
mod side;
mod tree;

use stillbox_tools::getopt::Getopt;
use stillbox_tools::program::{Failure, Outcome, stdout};

pub use format::Style;

/// How to compare and what to print.
#[derive(Clone)]
pub struct Settings {
    pub style: Style,
    pub brief: bool,
    pub report_identical: bool,
    pub recursive: bool,
    pub new_file: bool,
    pub treat_as_text: bool,
    pub ignore_case: bool,
    pub ignore_all_space: bool,
    pub ignore_space_change: bool,
    pub ignore_trailing_space: bool,
    pub ignore_blank_lines: bool,
    pub strip_trailing_cr: bool,
    pub show_function: bool,
    /// The width of a line of `-y`, and what it shows of equal lines.
    pub width: usize,
    pub only_changes: bool,
    pub left_only: bool,
    pub exclude: Vec<String>,
    pub labels: Vec<String>,
    /// The options as given, for the line that precedes each file of a tree.
    pub switches: String,
}

const LONG: [(&str, &str); 30] = [
    ("unified=?", "u"),
    ("context=?", "c"),
    ("normal", "normal"),
    ("brief", "q"),
    ("report-identical-files", "s"),
    ("recursive", "r"),
    ("new-file", "N"),
    ("text", "a"),
    ("ignore-case", "i"),
    ("ignore-all-space", "w"),
    ("ignore-space-change", "b"),
    ("ignore-trailing-space", "Z"),
    ("ignore-blank-lines", "B"),
    ("strip-trailing-cr", "strip-cr"),
    ("show-c-function", "p"),
    ("exclude=", "x"),
    ("label=", "L"),
    ("minimal", "d"),
    ("speed-large-files", "d"),
    ("expand-tabs", "t"),
    ("color=?", "color"),
    ("no-dereference", "d"),
    ("ed", "e"),
    ("side-by-side", "y"),
    ("rcs", "n"),
    ("width=", "W"),
    ("from-file=", "from-file"),
    ("to-file=", "to-file"),
    ("suppress-common-lines", "suppress"),
    ("left-column", "left"),
];

pub fn main(args: &[String]) -> Outcome {
    let mut settings = Settings {
        style: Style::Normal,
        brief: false,
        report_identical: false,
        recursive: false,
        new_file: false,
        treat_as_text: false,
        ignore_case: false,
        ignore_all_space: false,
        ignore_space_change: false,
        ignore_trailing_space: false,
        ignore_blank_lines: false,
        strip_trailing_cr: false,
        show_function: false,
        width: 130,
        only_changes: false,
        left_only: false,
        exclude: Vec::new(),
        labels: Vec::new(),
        switches: switches(args),
    };
    let mut options = Getopt::new(args, "uU:cC:qsrNaiwbZBpx:L:dteynW:", &LONG).usage_status(2);
    while let Some((key, value)) = options.next_option()? {
        let lines = |value: &Option<String>| match value {
            None => Ok(3),
            Some(text) => text.parse().map_err(|_| Failure::usage(2, format_args!("invalid context length '{text}'"))),
        };
        match key {
            "u" | "U" => settings.style = Style::Unified(lines(&value)?),
            "c" | "C" => settings.style = Style::Context(lines(&value)?),
            "normal" => settings.style = Style::Normal,
            "q" => settings.brief = true,
            "s" => settings.report_identical = true,
            "r" => settings.recursive = true,
            "N" => settings.new_file = true,
            "a" => settings.treat_as_text = true,
            "i" => settings.ignore_case = true,
            "w" => settings.ignore_all_space = true,
            "b" => settings.ignore_space_change = true,
            "Z" => settings.ignore_trailing_space = true,
            "B" => settings.ignore_blank_lines = true,
            "strip-cr" => settings.strip_trailing_cr = true,
            "p" => settings.show_function = true,
            "x" => settings.exclude.extend(value),
            "L" => settings.labels.extend(value),
            "y" => settings.style = Style::SideBySide,
            "W" => {
                let text = value.unwrap_or_default();
                settings.width = text.parse().map_err(|_| Failure::usage(2, format_args!("invalid width '{text}'")))?;
            }
            "suppress" => settings.only_changes = true,
            "left" => settings.left_only = true,
            "e" | "n" | "from-file" | "to-file" => {
                return Err(Failure::usage(2, format_args!("option '{key}' is not supported")));
            }
            _ => {}
        }
    }
    if settings.show_function && settings.style == Style::Normal {
        settings.style = Style::Context(3);
    }
    let operands = options.operands();
    match operands.as_slice() {
        [] => Err(Failure::usage(2, "missing operand after 'diff'")),
        [only] => Err(Failure::usage(2, format_args!("missing operand after '{only}'"))),
        [left, right] => {
            let mut out = stdout();
            let status = tree::compare_operands(&settings, left, right, &mut out)?;
            std::io::Write::flush(&mut out)?;
            Ok(status)
        }
        [_, _, extra, ..] => Err(Failure::usage(2, format_args!("extra operand '{extra}'"))),
    }
}

/// Returns the arguments that are options, with their separate values, each after a blank.
fn switches(args: &[String]) -> String {
    let mut text = String::new();
    let mut takes_next = false;
    for arg in args {
        if arg == "--" {
            break;
        }
        if takes_next || arg.len() > 1 && arg.starts_with('-') {
            text.push(' ');
            text.push_str(&quoted(arg));
            takes_next = !takes_next
                && (matches!(arg.as_str(), "--label" | "--exclude")
                    || !arg.starts_with("--") && arg.ends_with(['U', 'C', 'x', 'L']));
        }
    }
    text
}

/// Quotes a word for the shell where it needs it.
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "_-./:=,+@%^".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}
