//! How a name is written: quoted, coloured, with a sign for what it is.

use stillbox_sys::file_type;
use uucore::display::Quotable;

use super::entry::Entry;
use super::options::{Indicator, Options, Quoting};

/// Returns a name that is about to be printed, quoted if need be.
pub fn shown(name: &str, options: &Options) -> String {
    match options.quoting {
        Quoting::Literal => name.to_owned(),
        Quoting::Shell => name.maybe_quote().to_string(),
        Quoting::C => format!("{name:?}"),
        Quoting::Escape => name.chars().flat_map(escape).collect(),
        Quoting::Hide => name.chars().map(|letter| if letter.is_control() { '?' } else { letter }).collect(),
    }
}

fn escape(letter: char) -> Vec<char> {
    match letter {
        ' ' => vec!['\\', ' '],
        '\'' | '"' => vec![letter],
        _ if letter.is_ascii_control() || letter == '\\' => letter.escape_default().collect(),
        _ => vec![letter],
    }
}

/// Returns the name as it is printed, and how many columns that takes.
pub fn decorated(entry: &Entry, options: &Options) -> (String, usize) {
    let plain = shown(&entry.name.to_string_lossy(), options);
    let mode = entry.stat.st_mode;
    let sign = indicator(mode, options.indicator);
    let width = plain.chars().count() + sign.len();
    (paint(&plain, entry, mode, options) + sign, width)
}

/// Returns the name with ` -> ` and where it points, for a symbolic link.
pub fn with_target(entry: &Entry, options: &Options) -> String {
    let plain = shown(&entry.name.to_string_lossy(), options);
    let name = paint(&plain, entry, entry.stat.st_mode, options);
    match &entry.target {
        None => name + indicator(entry.stat.st_mode, options.indicator),
        Some(target) => {
            let target = shown(&target.to_string_lossy(), options);
            let sign = entry.target_mode.map_or("", |mode| indicator(mode, options.indicator));
            let colour = entry.target_mode.map(colour);
            format!(
                "{name} -> {}{sign}",
                if options.colour { painted(&target, colour.unwrap_or("40;31;01")) } else { target }
            )
        }
    }
}

fn indicator(mode: u32, wanted: Indicator) -> &'static str {
    let kind = mode & file_type::MASK;
    match wanted {
        Indicator::None => "",
        _ if kind == file_type::DIR => "/",
        Indicator::Slash => "",
        _ if kind == file_type::SYMLINK => "@",
        _ if kind == file_type::FIFO => "|",
        _ if kind == file_type::SOCKET => "=",
        Indicator::Classify if kind == file_type::FILE && mode & 0o111 != 0 => "*",
        _ => "",
    }
}

fn paint(text: &str, entry: &Entry, mode: u32, options: &Options) -> String {
    if !options.colour {
        return text.to_owned();
    }
    let dangling = entry.file_type() == file_type::SYMLINK && entry.target_mode.is_none();
    painted(text, if dangling { "40;31;01" } else { colour(mode) })
}

fn painted(text: &str, colour: &str) -> String {
    if colour.is_empty() { text.to_owned() } else { format!("\x1b[{colour}m{text}\x1b[0m") }
}

/// Returns the colours that `dircolors` has for the types of files.
fn colour(mode: u32) -> &'static str {
    match mode & file_type::MASK {
        file_type::DIR if mode & 0o1002 == 0o1002 => "30;42",
        file_type::DIR => "01;34",
        file_type::SYMLINK => "01;36",
        file_type::FIFO => "40;33",
        file_type::SOCKET => "01;35",
        file_type::CHAR | file_type::BLOCK => "40;33;01",
        _ if mode & 0o111 != 0 => "01;32",
        _ => "",
    }
}
