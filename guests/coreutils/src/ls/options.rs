//! The command line.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use lexopt::prelude::{Long, Short, Value, ValueExt as _};

/// What is listed, and how.
pub struct Options {
    pub paths: Vec<OsString>,
    pub hidden: Hidden,
    pub layout: Layout,
    pub sort: Sort,
    pub reverse: bool,
    pub directories_first: bool,
    pub time: Time,
    pub time_style: TimeStyle,
    pub follow: Follow,
    pub directory_itself: bool,
    pub recursive: bool,
    pub units: Units,
    pub owner: bool,
    pub group: bool,
    pub numeric: bool,
    pub inode: bool,
    pub blocks: bool,
    pub indicator: Indicator,
    pub quoting: Quoting,
    pub colour: bool,
    pub width: usize,
    /// Names that end with this are left out.
    ignored: Vec<String>,
}

#[derive(Clone, Copy, PartialEq)]
pub enum Hidden {
    Skip,
    AllButDots,
    All,
}

#[derive(Clone, Copy, PartialEq)]
pub enum Layout {
    Lines,
    Columns,
    Across,
    Commas,
    Long,
}

#[derive(Clone, Copy, PartialEq)]
pub enum Sort {
    Name,
    Time,
    Size,
    Extension,
    Version,
    Unsorted,
}

#[derive(Clone, Copy, PartialEq)]
pub enum Time {
    Modified,
    Accessed,
    Changed,
}

pub enum TimeStyle {
    Locale,
    FullIso,
    LongIso,
    Iso,
    Format(String),
}

impl TimeStyle {
    /// Returns the format of a recent time, and of any other.
    pub fn formats(&self) -> (String, String) {
        let both = |format: &str| (format.to_owned(), format.to_owned());
        match self {
            Self::Locale => ("%b %e %H:%M".to_owned(), "%b %e  %Y".to_owned()),
            Self::FullIso => both("%Y-%m-%d %H:%M:%S.%9f %z"),
            Self::LongIso => both("%Y-%m-%d %H:%M"),
            Self::Iso => ("%m-%d %H:%M".to_owned(), "%Y-%m-%d ".to_owned()),
            Self::Format(format) => both(format),
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
pub enum Follow {
    Never,
    OperandsToDirectories,
    Operands,
    Always,
}

#[derive(Clone, Copy, PartialEq)]
pub enum Units {
    Plain,
    Binary,
    Decimal,
}

#[derive(Clone, Copy, PartialEq)]
pub enum Indicator {
    None,
    Slash,
    FileType,
    Classify,
}

#[derive(Clone, Copy, PartialEq)]
pub enum Quoting {
    Literal,
    Shell,
    C,
    Escape,
    Hide,
}

/// What the command line asks for.
pub enum Parsed {
    List(Options),
    Explain(&'static str),
}

const HELP: &str = "\
Usage: ls [OPTION]... [FILE]...
List files, the working directory's if none is named.

  -a, -A            with names that start with a dot; -A without . and ..
  -l, -g, -o, -n    long lines; without owner; without group; with numbers
  -1, -C, -x, -m    one a line; columns; across; separated by commas
  -t, -S, -X, -v, -U, -f
                    by time, size, extension, version; unsorted
  -r, --group-directories-first
                    reversed; directories first
  -u, -c            the time of access; of change
  -h, --si, -s, -i  sizes for people; in powers of 1000; blocks; inode numbers
  -d, -R, -L, -H    directories themselves; recursively; follow links
  -F, -p            mark types; mark directories
  -b, -q, -Q, -N    escape; hide; quote; print names as they are
  -I SUFFIX-PATTERN leave out names such as *.o
  -w COLUMNS, --color[=WHEN], --time-style=STYLE, --full-time
";

const VERSION: &str = "ls (Stillbox) 0.1\n";

impl Options {
    /// Reads the arguments, of which the first is the name that the program was called by.
    pub fn parse(mut arguments: std::vec::IntoIter<OsString>) -> Result<Parsed, lexopt::Error> {
        let called = arguments.next().unwrap_or_default();
        let terminal = stillbox_sys::isatty(1);
        let mut options = Self::new(Path::new(&called).file_name().unwrap_or_default(), terminal);
        // What decides whether links to directories are followed, unless an option says so.
        let mut follow = None;
        let mut parser = lexopt::Parser::from_args(arguments);
        while let Some(argument) = parser.next()? {
            match argument {
                Short('a') | Long("all") => options.hidden = Hidden::All,
                Short('A') | Long("almost-all") => options.hidden = Hidden::AllButDots,
                Short('l') => options.layout = Layout::Long,
                Short('g') => (options.layout, options.owner) = (Layout::Long, false),
                Short('o') => (options.layout, options.group) = (Layout::Long, false),
                Short('n') | Long("numeric-uid-gid") => (options.layout, options.numeric) = (Layout::Long, true),
                Short('G') | Long("no-group") => options.group = false,
                // `-1` makes lines of columns, but leaves long lines long.
                Short('1') if options.layout == Layout::Long => {}
                Short('1') => options.layout = Layout::Lines,
                Short('C') => options.layout = Layout::Columns,
                Short('x') => options.layout = Layout::Across,
                Short('m') => options.layout = Layout::Commas,
                Long("format") => options.layout = layout(&parser.value()?.string()?)?,
                Short('t') => options.sort = Sort::Time,
                Short('S') => options.sort = Sort::Size,
                Short('X') => options.sort = Sort::Extension,
                Short('v') => options.sort = Sort::Version,
                Short('U') => options.sort = Sort::Unsorted,
                Short('f') => (options.sort, options.hidden) = (Sort::Unsorted, Hidden::All),
                Long("sort") => options.sort = sort(&parser.value()?.string()?)?,
                Short('r') | Long("reverse") => options.reverse = true,
                Long("group-directories-first") => options.directories_first = true,
                Short('u') => options.time = Time::Accessed,
                Short('c') => options.time = Time::Changed,
                Long("time") => options.time = time(&parser.value()?.string()?)?,
                Long("full-time") => (options.layout, options.time_style) = (Layout::Long, TimeStyle::FullIso),
                Long("time-style") => options.time_style = time_style(&parser.value()?.string()?)?,
                Short('h') | Long("human-readable") => options.units = Units::Binary,
                Long("si") => options.units = Units::Decimal,
                Short('k') | Long("kibibytes") => options.units = Units::Plain,
                Short('s') | Long("size") => options.blocks = true,
                Short('i') | Long("inode") => options.inode = true,
                Short('d') | Long("directory") => options.directory_itself = true,
                Short('R') | Long("recursive") => options.recursive = true,
                Short('L') | Long("dereference") => follow = Some(Follow::Always),
                Short('H') | Long("dereference-command-line") => follow = Some(Follow::Operands),
                Short('p') => options.indicator = Indicator::Slash,
                Short('F') => options.indicator = Indicator::Classify,
                Long("file-type") => options.indicator = Indicator::FileType,
                Long("classify") => {
                    let wanted = when(parser.optional_value(), terminal)?;
                    options.indicator = if wanted { Indicator::Classify } else { Indicator::None };
                }
                Long("indicator-style") => options.indicator = indicator(&parser.value()?.string()?)?,
                Short('N') | Long("literal") => options.quoting = Quoting::Literal,
                Short('Q') | Long("quote-name") => options.quoting = Quoting::C,
                Short('b') | Long("escape") => options.quoting = Quoting::Escape,
                Short('q') | Long("hide-control-chars") => options.quoting = Quoting::Hide,
                Long("show-control-chars") => options.quoting = Quoting::Literal,
                Short('B') | Long("ignore-backups") => options.ignored.push("~".to_owned()),
                Short('I') | Long("ignore") => options.ignored.push(suffix(&parser.value()?.string()?)?),
                Short('w') | Long("width") => options.width = width(&parser.value()?.string()?)?,
                Long("color" | "colour") => options.colour = when(parser.optional_value(), terminal)?,
                Long("help") => return Ok(Parsed::Explain(HELP)),
                Long("version") => return Ok(Parsed::Explain(VERSION)),
                Value(path) => options.paths.push(path),
                Short(_) | Long(_) => return Err(argument.unexpected()),
            }
        }
        let looks_at_links =
            options.layout == Layout::Long || options.directory_itself || options.indicator == Indicator::Classify;
        options.follow = follow.unwrap_or(if looks_at_links { Follow::Never } else { Follow::OperandsToDirectories });
        // A time that is neither sorted by nor shown is there to be sorted by.
        if options.time != Time::Modified && options.sort == Sort::Name && options.layout != Layout::Long {
            options.sort = Sort::Time;
        }
        if options.paths.is_empty() {
            options.paths.push(".".into());
        }
        Ok(Parsed::List(options))
    }

    fn new(called: &OsStr, terminal: bool) -> Self {
        let (layout, quoting) = match called.to_str() {
            Some("dir") => (Layout::Columns, Quoting::Escape),
            Some("vdir") => (Layout::Long, Quoting::Escape),
            _ if terminal => (Layout::Columns, Quoting::Shell),
            _ => (Layout::Lines, Quoting::Literal),
        };
        let columns = || std::env::var("COLUMNS").ok()?.parse().ok();
        let of_terminal = || stillbox_sys::tty_get().ok().filter(|_| terminal).map(|tty| tty.cols as usize);
        Self {
            paths: Vec::new(),
            hidden: Hidden::Skip,
            layout,
            sort: Sort::Name,
            reverse: false,
            directories_first: false,
            time: Time::Modified,
            time_style: TimeStyle::Locale,
            follow: Follow::Never,
            directory_itself: false,
            recursive: false,
            units: Units::Plain,
            owner: true,
            group: true,
            numeric: false,
            inode: false,
            blocks: false,
            indicator: Indicator::None,
            quoting,
            colour: false,
            width: columns().or_else(of_terminal).filter(|width| *width > 0).unwrap_or(80),
            ignored: Vec::new(),
        }
    }

    /// Returns whether a name was asked to be left out.
    pub fn ignores(&self, name: &OsStr) -> bool {
        self.ignored.iter().any(|suffix| name.as_encoded_bytes().ends_with(suffix.as_bytes()))
    }
}

fn unknown<T>(what: &str, text: &str) -> Result<T, lexopt::Error> {
    Err(format!("invalid argument '{text}' for '{what}'").into())
}

fn layout(text: &str) -> Result<Layout, lexopt::Error> {
    match text {
        "across" | "horizontal" => Ok(Layout::Across),
        "commas" => Ok(Layout::Commas),
        "long" | "verbose" => Ok(Layout::Long),
        "single-column" => Ok(Layout::Lines),
        "vertical" => Ok(Layout::Columns),
        _ => unknown("--format", text),
    }
}

fn sort(text: &str) -> Result<Sort, lexopt::Error> {
    match text {
        "name" => Ok(Sort::Name),
        "none" => Ok(Sort::Unsorted),
        "size" => Ok(Sort::Size),
        "time" => Ok(Sort::Time),
        "version" => Ok(Sort::Version),
        "extension" => Ok(Sort::Extension),
        _ => unknown("--sort", text),
    }
}

fn time(text: &str) -> Result<Time, lexopt::Error> {
    match text {
        "atime" | "access" | "use" => Ok(Time::Accessed),
        "ctime" | "status" => Ok(Time::Changed),
        "mtime" | "modification" => Ok(Time::Modified),
        _ => unknown("--time", text),
    }
}

fn time_style(text: &str) -> Result<TimeStyle, lexopt::Error> {
    match text.strip_prefix("posix-").unwrap_or(text) {
        "full-iso" => Ok(TimeStyle::FullIso),
        "long-iso" => Ok(TimeStyle::LongIso),
        "iso" => Ok(TimeStyle::Iso),
        "locale" => Ok(TimeStyle::Locale),
        other => match other.strip_prefix('+') {
            Some(format) => Ok(TimeStyle::Format(format.to_owned())),
            None => unknown("--time-style", text),
        },
    }
}

fn indicator(text: &str) -> Result<Indicator, lexopt::Error> {
    match text {
        "none" => Ok(Indicator::None),
        "slash" => Ok(Indicator::Slash),
        "file-type" => Ok(Indicator::FileType),
        "classify" => Ok(Indicator::Classify),
        _ => unknown("--indicator-style", text),
    }
}

/// Reads the `WHEN` of an option, which is "always" where it is left out.
fn when(text: Option<OsString>, terminal: bool) -> Result<bool, lexopt::Error> {
    match text.as_deref().map(|text| text.to_string_lossy()).as_deref() {
        None | Some("always" | "yes" | "force") => Ok(true),
        Some("never" | "no" | "none") => Ok(false),
        Some("auto" | "tty" | "if-tty") => Ok(terminal),
        Some(other) => unknown("WHEN", other),
    }
}

fn width(text: &str) -> Result<usize, lexopt::Error> {
    match text.parse() {
        // No limit.
        Ok(0) => Ok(usize::MAX / 2),
        Ok(columns) => Ok(columns),
        Err(_) => Err(format!("invalid line width: '{text}'").into()),
    }
}

/// Reads a pattern of the one form that is supported: `*` and a suffix.
fn suffix(pattern: &str) -> Result<String, lexopt::Error> {
    match pattern.strip_prefix('*') {
        Some(suffix) if !suffix.contains(['*', '?', '[']) => Ok(suffix.to_owned()),
        _ => Err(format!("patterns other than '*SUFFIX' are not supported: '{pattern}'").into()),
    }
}
