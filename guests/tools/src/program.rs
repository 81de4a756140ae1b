//! A multi-call program: a table of applets, chosen by the name that the program was called by.

use std::ffi::OsStr;
use std::fmt::{self, Display};
use std::io::{self, BufWriter, Stdout, Write};
use std::path::Path;
use std::process::exit;
use std::sync::OnceLock;

/// What an applet's `main` gives: its exit status, or why it ends early.
pub type Outcome = Result<i32, Failure>;

/// One command of a multi-call program.
pub struct Applet {
    /// The name that it is called by.
    pub name: &'static str,
    /// Its operands and options, as `--help` shows them after the name.
    pub synopsis: &'static str,
    /// Its body; the arguments do not include the name.
    pub main: fn(&[String]) -> Outcome,
}

/// The end of a command before its work is done: a message for stderr and an exit status.
#[derive(Debug)]
pub struct Failure {
    /// The exit status.
    pub status: i32,
    /// The text after `name: `; none to end silently.
    pub message: Option<String>,
    /// Whether to add the line that points to `--help`.
    pub points_to_help: bool,
}

impl Failure {
    /// Returns a failure with a message.
    pub fn new(status: i32, message: impl Display) -> Self {
        Self { status, message: Some(message.to_string()), points_to_help: false }
    }

    /// Returns a failure that says nothing.
    pub fn silent(status: i32) -> Self {
        Self { status, message: None, points_to_help: false }
    }

    /// Returns a failure in how the command was called.
    pub fn usage(status: i32, message: impl Display) -> Self {
        Self { status, message: Some(message.to_string()), points_to_help: true }
    }
}

/// An I/O error that no applet handled is one of its output, as input errors are reported with their file's name.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::silent(141),
            _ => Self::new(1, format_args!("write error: {}", reason(&error))),
        }
    }
}

impl From<fmt::Error> for Failure {
    fn from(_: fmt::Error) -> Self {
        Self::new(1, "write error")
    }
}

static NAME: OnceLock<String> = OnceLock::new();

/// Returns the name of the running applet, for messages.
pub fn name() -> &'static str {
    NAME.get().map_or("tools", String::as_str)
}

/// Returns the text of an error as C programs print it, without std's "(os error N)".
pub fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

/// Returns a buffered stdout. Dropping it flushes; call `flush` to see an error.
pub fn stdout() -> BufWriter<Stdout> {
    BufWriter::with_capacity(32 * 1024, io::stdout())
}

/// Prints `name: message` to stderr. A closed stderr is no reason to fail.
pub fn warn(message: impl Display) {
    let _ = writeln!(io::stderr(), "{}: {message}", name());
}

/// Returns bytes for stdin when `path` is `-` and the file's otherwise.
///
/// # Errors
/// Those of opening and reading.
pub fn read_input(path: &str) -> io::Result<Vec<u8>> {
    use io::Read;
    let mut bytes = Vec::new();
    open_input(path)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Opens stdin when `path` is `-` and the file otherwise.
///
/// # Errors
/// Those of opening; a directory is `IsADirectory`.
pub fn open_input(path: &str) -> io::Result<Box<dyn io::Read>> {
    if path == "-" {
        return Ok(Box::new(io::stdin()));
    }
    let file = std::fs::File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(io::Error::from_raw_os_error(libc::EISDIR));
    }
    Ok(Box::new(file))
}

/// Runs the applet that argv names, and ends the process.
///
/// The applet is argv[0]'s last component, or argv[1] when the program is called by its own name.
pub fn run(program: &str, applets: &[Applet]) -> ! {
    // Paths in WASI are UTF-8, so lossy conversion loses nothing there.
    let mut args: Vec<String> = std::env::args_os().map(|arg| arg.to_string_lossy().into_owned()).collect();
    let base = |arg: &String| {
        let name = Path::new(arg).file_name().and_then(OsStr::to_str).unwrap_or_default();
        name.strip_suffix(".wasm").unwrap_or(name).to_owned()
    };
    let mut called = args.first().map(base).unwrap_or_default();
    if called == program && find(program, applets).is_none() {
        if args.len() < 2 || args[1] == "--list" {
            list(applets);
        }
        args.remove(0);
        called = base(&args[0]);
    }
    let Some(applet) = find(&called, applets) else {
        let _ = writeln!(io::stderr(), "{program}: {called}: applet not found");
        exit(127);
    };
    let _ = NAME.set(called);
    let args = args.get(1..).unwrap_or_default();
    if args.len() == 1 && args[0] == "--help" {
        let _ = writeln!(io::stdout(), "Usage: {} {}", applet.name, applet.synopsis);
        exit(0);
    }
    let status = (applet.main)(args).unwrap_or_else(|failure| {
        if let Some(message) = &failure.message {
            warn(message);
        }
        if failure.points_to_help {
            let _ = writeln!(io::stderr(), "Try '{} --help' for more information.", name());
        }
        failure.status
    });
    exit(status)
}

fn find<'a>(name: &str, applets: &'a [Applet]) -> Option<&'a Applet> {
    applets.iter().find(|applet| applet.name == name)
}

fn list(applets: &[Applet]) -> ! {
    let mut out = stdout();
    for applet in applets {
        let _ = writeln!(out, "{}", applet.name);
    }
    let _ = out.flush();
    exit(0)
}
