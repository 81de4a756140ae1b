//! The state of a shell.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Deref, DerefMut};
use std::rc::Rc;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use stillbox_sys::{self as sys, Fd, Pid};

use crate::control::{Control, Group};
use crate::editor::History;
use crate::jobs::Jobs;
use crate::syntax::ast::{Command, Function};
use crate::text;
use crate::trap::Trap;
use crate::variables::{Variable, Variables};

/// Is why execution leaves the ordinary order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unwind {
    /// `exit`, `set -e` and errors that end the shell.
    Exit(i32),
    /// `return`
    Return(i32),
    /// `break`, with how many loops it still leaves
    Break(u32),
    /// `continue`, likewise
    Continue(u32),
    /// An error that ends the current top-level command.
    Abort(i32),
}

/// Is a value, or the way execution leaves instead.
pub type Flow<T> = Result<T, Unwind>;

macro_rules! options {
    ($(#[$doc:meta])* $type:ident { $($name:ident: $text:literal = $default:expr,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        pub struct $type { $(pub $name: bool,)* }

        impl Default for $type {
            fn default() -> Self {
                $type { $($name: $default,)* }
            }
        }

        impl $type {
            /// Returns the option of this name.
            pub fn by_name(&mut self, name: &str) -> Option<&mut bool> {
                match name {
                    $($text => Some(&mut self.$name),)*
                    _ => None,
                }
            }

            /// Returns every name and whether it is on, in order.
            pub fn all(&self) -> Vec<(&'static str, bool)> {
                let mut all = vec![$(($text, self.$name)),*];
                all.sort_unstable();
                all
            }
        }
    };
}

options! {
    /// Is what `set -o` shows.
    Options {
        allexport: "allexport" = false,
        braceexpand: "braceexpand" = true,
        emacs: "emacs" = false,
        errexit: "errexit" = false,
        errtrace: "errtrace" = false,
        functrace: "functrace" = false,
        hashall: "hashall" = true,
        histexpand: "histexpand" = false,
        history: "history" = false,
        ignoreeof: "ignoreeof" = false,
        interactive_comments: "interactive-comments" = true,
        keyword: "keyword" = false,
        monitor: "monitor" = false,
        noclobber: "noclobber" = false,
        noexec: "noexec" = false,
        noglob: "noglob" = false,
        nolog: "nolog" = false,
        notify: "notify" = false,
        nounset: "nounset" = false,
        onecmd: "onecmd" = false,
        physical: "physical" = false,
        pipefail: "pipefail" = false,
        posix: "posix" = false,
        privileged: "privileged" = false,
        verbose: "verbose" = false,
        vi: "vi" = false,
        xtrace: "xtrace" = false,
    }
}

options! {
    /// Is what `shopt` shows. Those that nothing reads are there because scripts set them.
    Shopts {
        autocd: "autocd" = false,
        cdspell: "cdspell" = false,
        checkwinsize: "checkwinsize" = true,
        cmdhist: "cmdhist" = true,
        dotglob: "dotglob" = false,
        execfail: "execfail" = false,
        expand_aliases: "expand_aliases" = false,
        extglob: "extglob" = false,
        extquote: "extquote" = true,
        failglob: "failglob" = false,
        globasciiranges: "globasciiranges" = true,
        globskipdots: "globskipdots" = true,
        globstar: "globstar" = false,
        histappend: "histappend" = false,
        inherit_errexit: "inherit_errexit" = false,
        interactive_comments: "interactive_comments" = true,
        lastpipe: "lastpipe" = false,
        localvar_inherit: "localvar_inherit" = false,
        nocaseglob: "nocaseglob" = false,
        nocasematch: "nocasematch" = false,
        nullglob: "nullglob" = false,
        patsub_replacement: "patsub_replacement" = true,
        promptvars: "promptvars" = true,
        shift_verbose: "shift_verbose" = false,
        sourcepath: "sourcepath" = true,
        xpg_echo: "xpg_echo" = false,
    }
}

impl Options {
    const LETTERS: [(char, &'static str); 14] = [
        ('a', "allexport"),
        ('e', "errexit"),
        ('f', "noglob"),
        ('h', "hashall"),
        ('k', "keyword"),
        ('m', "monitor"),
        ('n', "noexec"),
        ('u', "nounset"),
        ('v', "verbose"),
        ('x', "xtrace"),
        ('B', "braceexpand"),
        ('C', "noclobber"),
        ('E', "errtrace"),
        ('T', "functrace"),
    ];

    /// Returns the option of a letter, as in `set -e`.
    pub fn by_letter(&mut self, letter: char) -> Option<&mut bool> {
        let name = match letter {
            'b' => "notify",
            'H' => "histexpand",
            'P' => "physical",
            'p' => "privileged",
            't' => "onecmd",
            _ => Self::LETTERS.iter().find(|l| l.0 == letter)?.1,
        };
        self.by_name(name)
    }

    /// Returns what `$-` shows of them.
    pub fn letters(&self) -> String {
        let mut copy = *self;
        Self::LETTERS.iter().filter(|(_, name)| copy.by_name(name).is_some_and(|on| *on)).map(|l| l.0).collect()
    }
}

/// Is a function that runs, or a file that is being sourced.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Call {
    pub function: String,
    /// The file that the function comes from.
    pub source: String,
    /// The line of the call.
    pub line: u32,
    pub sourced: bool,
}

/// Is everything that a subshell inherits.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct State {
    pub vars: Variables,
    pub functions: Rc<BTreeMap<String, Rc<Function>>>,
    /// The names of those that programs get, for the shells among them.
    pub exported_functions: BTreeSet<String>,
    pub options: Options,
    pub shopts: Shopts,
    pub params: Rc<Vec<String>>,
    /// `$0`
    pub arg0: String,
    /// `$?`
    pub status: i32,
    pub pipe_status: Vec<i32>,
    /// `$!`
    pub last_background: Option<Pid>,
    /// `$$`
    pub shell_pid: Pid,
    pub traps: BTreeMap<Trap, String>,
    pub calls: Vec<Call>,
    /// The directories below the current one on the stack.
    pub dirs: Vec<String>,
    /// The working directory as the user went there, symbolic links included.
    pub cwd: String,
    pub random: u32,
    /// When `SECONDS` was 0.
    pub epoch: f64,
    pub line: u32,
    pub subshell_level: u32,
    /// How often `set -x` repeats the first character of `PS4`.
    pub trace_level: usize,
    /// The offset of `getopts` in a group of letters.
    pub getopts_offset: usize,
    /// `$_`
    pub last_argument: String,
    /// The `-c` text, `-s` and `-i`, as `$-` shows them.
    pub flags: String,
    pub interactive: bool,
    /// How many loops surround the current command.
    pub loops: u32,
    /// How many constructs that keep `set -e` from acting surround it.
    pub unchecked: u32,
}

/// Is a shell: its state, and what belongs to this process alone.
pub struct Shell {
    pub state: State,
    pub jobs: Jobs,
    /// The terminal, if this shell says which job has it.
    pub control: Option<Control>,
    /// The job that is being started or waited for.
    pub group: Group,
    /// How many command substitutions surround the current command, whose processes are no jobs.
    pub substituting: u32,
    /// What the user has typed before.
    pub history: History,
    /// Whether the user was told that there are stopped jobs, by the last command.
    pub warned: bool,
    /// Collects what builtins print instead of file 1, in a command substitution that needs no process.
    pub capture: Option<Vec<u8>>,
    /// How deeply commands run inside of each other.
    pub depth: u32,
    /// The files that process substitutions of the current command opened.
    pub substitutions: Vec<(Fd, Pid)>,
    /// The program to start as a subshell.
    pub program: String,
    /// Whether a trap's command runs, during which others wait.
    pub in_trap: bool,
    /// The status of the last command substitution of a simple command.
    pub substitution_status: Option<i32>,
    /// The last child that was waited for, if its end has not been looked at.
    pub death: Option<(Pid, sys::Status)>,
    /// How many subshells run in this process.
    pub in_process: u32,
    /// Compiled expressions of `=~`, the newest first.
    pub regexes: Vec<(String, bool, regex_lite::Regex)>,
}

impl Deref for Shell {
    type Target = State;

    fn deref(&self) -> &State {
        &self.state
    }
}

impl DerefMut for Shell {
    fn deref_mut(&mut self) -> &mut State {
        &mut self.state
    }
}

/// Returns the seconds since 1970.
pub fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
}

impl Shell {
    /// Makes a shell with the variables of the environment.
    pub fn new(arg0: String, program: String) -> Shell {
        let pid = sys::getpid();
        let state = State {
            vars: Variables::default(),
            functions: Rc::default(),
            exported_functions: BTreeSet::new(),
            options: Options::default(),
            shopts: Shopts::default(),
            params: Rc::default(),
            arg0,
            status: 0,
            pipe_status: vec![0],
            last_background: None,
            shell_pid: pid,
            traps: BTreeMap::new(),
            calls: Vec::new(),
            dirs: Vec::new(),
            cwd: String::new(),
            random: (now() * 1000.0) as u64 as u32 ^ pid.wrapping_mul(2_654_435_761),
            epoch: now(),
            line: 1,
            subshell_level: 0,
            trace_level: 1,
            getopts_offset: 0,
            last_argument: program.clone(),
            flags: String::new(),
            interactive: false,
            loops: 0,
            unchecked: 0,
        };
        let mut shell = Shell::from_state(state, program);
        shell.import_environment();
        shell
    }

    pub fn from_state(state: State, program: String) -> Shell {
        Shell {
            state,
            jobs: Jobs::default(),
            control: None,
            group: Group::default(),
            substituting: 0,
            history: History::default(),
            warned: false,
            capture: None,
            depth: 0,
            substitutions: Vec::new(),
            program,
            in_trap: false,
            substitution_status: None,
            death: None,
            in_process: 0,
            regexes: Vec::new(),
        }
    }

    fn import_environment(&mut self) {
        for (name, value) in std::env::vars_os() {
            let name = text::decode(name.as_encoded_bytes());
            if let Some(function) = name.strip_prefix("BASH_FUNC_").and_then(|name| name.strip_suffix("%%")) {
                self.import_function(function, &text::decode(value.as_encoded_bytes()));
            } else if name != "_" && crate::variables::is_name(&name) {
                let mut variable = Variable::scalar(text::decode(value.as_encoded_bytes()));
                variable.attributes.exported = true;
                self.vars.insert(&name, variable);
            }
        }
        let physical = sys::getcwd().map_or_else(|_| "/".to_owned(), text::decode_vec);
        // PWD is trusted if it leads to where the process is.
        let inherited = self.vars.get("PWD").and_then(Variable::text).unwrap_or_default().to_owned();
        let same = inherited.starts_with('/')
            && std::fs::canonicalize(&inherited)
                .is_ok_and(|p| p.as_os_str().as_encoded_bytes() == text::encode(&physical));
        self.cwd = if same { inherited } else { physical };
        let cwd = self.cwd.clone();
        self.export("PWD", &cwd);
        let level = self.vars.get("SHLVL").and_then(|v| v.text()?.parse::<i64>().ok()).unwrap_or(0);
        self.export("SHLVL", &(level + 1).to_string());
        for (name, value) in [
            ("IFS", " \t\n"),
            ("PS4", "+ "),
            ("OPTIND", "1"),
            ("OPTERR", "1"),
            ("BASH_VERSION", "5.2.15(1)-release"),
            ("OSTYPE", "linux-gnu"),
            ("MACHTYPE", "x86_64-pc-linux-gnu"),
            ("HOSTTYPE", "x86_64"),
        ] {
            self.vars.insert(name, Variable::scalar(value));
        }
        for (name, value) in [("HOSTNAME", "localhost"), ("PATH", crate::exec::DEFAULT_PATH)] {
            if self.vars.get(name).is_none() {
                self.vars.insert(name, Variable::scalar(value));
            }
        }
    }

    /// Defines a function that another shell exported. Anything else after its body is not run.
    fn import_function(&mut self, name: &str, body: &str) {
        let source = format!("{name} {body}");
        let mut parser = crate::syntax::Parser::new(&source, 1, "environment");
        if let Ok(Some(list)) = parser.next_command()
            && let [item] = list.as_slice()
            && let [Command::Function(function)] = item.and_or.first.commands.as_slice()
        {
            Rc::make_mut(&mut self.functions).insert(name.to_owned(), Rc::clone(function));
            self.exported_functions.insert(name.to_owned());
        }
    }

    fn export(&mut self, name: &str, value: &str) {
        let mut variable = Variable::scalar(value);
        variable.attributes.exported = true;
        self.vars.insert(name, variable);
    }

    /// Prints to file 1, or to where a command substitution collects it.
    pub fn print(&mut self, output: &str) -> i32 {
        let bytes = text::encode(output);
        if let Some(capture) = &mut self.capture {
            capture.extend(bytes);
            return 0;
        }
        match sys::write_all(1, &bytes) {
            Ok(()) => 0,
            Err(errno) => {
                self.error(format_args!("write error: {errno}"));
                1
            }
        }
    }

    /// Prints an error message to file 2, with the place it comes from.
    pub fn error(&self, message: impl std::fmt::Display) {
        let place = if self.interactive { String::new() } else { format!("line {}: ", self.line) };
        let name = self.calls.last().map_or(self.arg0.as_str(), |call| {
            if call.source.is_empty() || call.source == "main" { self.arg0.as_str() } else { call.source.as_str() }
        });
        // Nothing is left to tell about a file 2 that does not take messages.
        let _ = sys::write_all(2, &text::encode(&format!("{name}: {place}{message}\n")));
    }

    /// Returns the file that commands come from now.
    pub fn source_name(&self) -> String {
        self.calls.last().map_or_else(|| self.arg0.clone(), |call| call.source.clone())
    }

    /// Returns the next number of `RANDOM`.
    pub fn next_random(&mut self) -> u32 {
        // Park and Miller's generator; the low half is what is shown.
        let seed = u64::from(if self.random.is_multiple_of(0x7fff_ffff) { 123_459_876 } else { self.random });
        let next = (seed * 16807 % 0x7fff_ffff) as u32;
        self.random = next;
        ((next >> 16) ^ (next & 0xffff)) & 0x7fff
    }
}
