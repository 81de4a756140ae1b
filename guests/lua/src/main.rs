//! The command `lua`: options, scripts, and a prompt, around the reference interpreter.
//!
//! Lua itself is C and comes from the crate `lua-src`. Its errors are exceptions of WebAssembly (`c/setjmp.c`), and what its
//! libraries need of POSIX is in `posix.rs`.

mod api;
mod interpreter;
mod interrupt;
mod options;
#[cfg(target_os = "wasi")]
mod posix;
mod prompt;
mod streams;

use std::env;
use std::process::ExitCode;

use interpreter::{Error, Interpreter};
use options::{Action, Mistake, Options};
use stillbox_sys as sys;

const USAGE: &str = "usage: {} [options] [script [args]]
Available options are:
  -e stat   execute string 'stat'
  -i        enter interactive mode after executing 'script'
  -l mod    require library 'mod' into global 'mod'
  -l g=mod  require library 'mod' into global 'g'
  -v        show version information
  -E        ignore environment variables
  -W        turn warnings on
  --        stop handling options
  -         stop handling options and execute stdin
";

fn main() -> ExitCode {
    let arguments: Vec<Vec<u8>> = env::args_os().map(|argument| argument.into_encoded_bytes()).collect();
    let program =
        arguments.first().filter(|name| !name.is_empty()).map_or("lua".into(), |name| String::from_utf8_lossy(name));
    let options = match Options::parse(&arguments) {
        Ok(options) => options,
        Err(mistake) => return refuse(&program, &mistake),
    };
    let Some(lua) = Interpreter::new(options.ignores_environment) else {
        return failed(&program, &Error(b"cannot create state: not enough memory".to_vec()));
    };
    if options.version {
        streams::write(format!("{}\n", interpreter::version()).as_bytes());
    }
    match run(&lua, &options, &arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&program, &error),
    }
}

/// Does what the command line asks for, in its order.
fn run(lua: &Interpreter, options: &Options, arguments: &[Vec<u8>]) -> Result<(), Error> {
    lua.set_arguments(arguments, options.script.unwrap_or(0));
    if !options.ignores_environment {
        run_init(lua)?;
    }
    for action in &options.actions {
        match action {
            Action::Run(text) => lua.load(text, c"=(command line)").and_then(|()| lua.run(0))?,
            Action::Require(global, module) => lua.require(module, global)?,
            Action::Warn => lua.warn(),
        }
    }
    if let Some(script) = options.script {
        let script = arguments[script].as_slice();
        // Only as the first word that is no option does `-` mean standard input.
        let last_option = arguments[..options.script.unwrap_or(0)].last().map(Vec::as_slice);
        lua.load_file((script != b"-" || last_option == Some(b"--")).then_some(script))?;
        let count = lua.push_arguments()?;
        lua.run(count)?;
    }
    if options.interactive {
        prompt::run(lua);
    } else if options.script.is_none() && !options.does_something() {
        if sys::isatty(0) {
            streams::write(format!("{}\n", interpreter::version()).as_bytes());
            prompt::run(lua);
        } else {
            lua.load_file(None).and_then(|()| lua.run(0))?;
        }
    }
    Ok(())
}

/// Runs what the environment says is run first: a text, or `@` and a file.
fn run_init(lua: &Interpreter) -> Result<(), Error> {
    for (variable, name) in [("LUA_INIT_5_4", c"=LUA_INIT_5_4"), ("LUA_INIT", c"=LUA_INIT")] {
        if let Some(init) = env::var_os(variable) {
            let init = init.into_encoded_bytes();
            match init.strip_prefix(b"@") {
                Some(file) => lua.load_file(Some(file))?,
                None => lua.load(&init, name)?,
            }
            return lua.run(0);
        }
    }
    Ok(())
}

fn refuse(program: &str, mistake: &Mistake) -> ExitCode {
    let message = match mistake {
        Mistake::NeedsArgument(option) => format!("'{}' needs argument", String::from_utf8_lossy(option)),
        Mistake::Unrecognized(option) => format!("unrecognized option '{}'", String::from_utf8_lossy(option)),
    };
    let told = failed(program, &Error(message.into_bytes()));
    let _ = sys::write_all(2, USAGE.replace("{}", program).as_bytes());
    told
}

fn failed(program: &str, error: &Error) -> ExitCode {
    tell(Some(program), error);
    ExitCode::FAILURE
}

/// Writes to standard error what went wrong.
fn tell(program: Option<&str>, Error(message): &Error) {
    let program = program.map(|program| format!("{program}: ")).unwrap_or_default();
    let _ = sys::write_all(2, &[program.as_bytes(), &message[..], b"\n"].concat());
}
