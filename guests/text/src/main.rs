//! `grep`, `sed`, `awk`, `find` and `xargs`, in one program that looks at the name it is called by.

mod args;
mod awk;
mod find;
mod glob;
mod grep;
mod io;
mod locale;
mod process;
mod regex;
mod sed;
mod stat;
mod time;
mod xargs;

use std::ffi::OsString;
use std::sync::OnceLock;

/// The name that messages begin with.
static PROGRAM: OnceLock<&'static str> = OnceLock::new();

/// A program: its name, and its main function, which takes the arguments and returns the exit status.
type Applet = (&'static str, fn(Vec<String>) -> i32);

const APPLETS: &[Applet] = &[
    ("grep", |args| grep::main("grep", args)),
    ("egrep", |args| grep::main("egrep", args)),
    ("fgrep", |args| grep::main("fgrep", args)),
    ("sed", sed::main),
    ("awk", awk::main),
    ("find", find::main),
    ("xargs", xargs::main),
];

/// Returns the name that messages begin with.
pub fn program() -> &'static str {
    PROGRAM.get().copied().unwrap_or("text")
}

fn find_applet(name: &str) -> Option<&'static Applet> {
    let base = name.rsplit('/').next().unwrap_or(name);
    let base = base.strip_suffix(".wasm").unwrap_or(base);
    APPLETS.iter().find(|(applet, _)| *applet == base)
}

fn main() {
    let mut args: Vec<String> = std::env::args_os().map(into_text).collect();
    let name = args.first().cloned().unwrap_or_default();
    let mut applet = find_applet(&name);
    if applet.is_none() && args.len() > 1 {
        args.remove(0);
        applet = find_applet(&args[0]);
    }
    let Some((name, run)) = applet else {
        let names: Vec<&str> = APPLETS.iter().map(|(name, _)| *name).collect();
        eprintln!("usage: text PROGRAM [ARGUMENT]...\nprograms: {}", names.join(" "));
        std::process::exit(2);
    };
    let _ = PROGRAM.set(name);
    args.remove(0);
    std::process::exit(run(args));
}

/// Arguments are text: what is not UTF-8 in one is replaced, as paths of a WASI file system are UTF-8 anyway.
fn into_text(arg: OsString) -> String {
    arg.into_string().unwrap_or_else(|arg| arg.to_string_lossy().into_owned())
}
