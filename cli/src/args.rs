//! What can be written on the command line.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

/// Runs programs in sandboxes.
///
/// A sandbox has its own files, processes, pipes and limits, and sees nothing of this machine but what it is given.
#[derive(Debug, Parser)]
#[command(
    name = "stillbox",
    version,
    after_help = "STILLBOX_HOME says where guests, sandboxes, snapshots and compiled code are kept; STILLBOX_LOG=info says more."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Runs a command in a new sandbox
    ///
    /// Input and output pass through as they are, and so does the exit code. A command that a signal ends gives 128 plus
    /// the signal; 124 means that the time was up, 127 that there is no such command, 126 that it can't be run, and 125
    /// that stillbox itself failed. On a terminal the command has it as its own. Otherwise an interrupt is passed on, and a
    /// second one kills.
    ///
    /// With --name the sandbox outlives the command, and can be suspended in the midst of it, by `stillbox suspend`, or by
    /// SIGTERM or SIGHUP to this process: then the exit code is 148, as a shell gives it for what is stopped. While it is awake
    /// it lives in this process: if that is killed (SIGKILL), its snapshots are what is left.
    Run(RunArgs),
    /// Opens a shell in a new sandbox
    ///
    /// Ctrl-C interrupts what runs, ctrl-Z stops it, and ctrl-D at the prompt leaves. If the standard streams aren't on a
    /// terminal, the input is the shell's script.
    Shell(ShellArgs),
    /// Makes a sandbox that stays, with a name
    ///
    /// It rests on disk whenever no command uses it.
    Create(CreateArgs),
    /// Runs a command in a sandbox that was made before
    ///
    /// What was suspended in it goes on meanwhile, and is suspended again when the command ends. For the rest, as `run`.
    Exec(ExecArgs),
    /// Lists the sandboxes that have a name
    Ps {
        /// Prints one JSON array
        #[arg(long)]
        json: bool,
    },
    /// Removes a sandbox; its snapshots stay
    Rm(RemoveArgs),
    /// Puts a running sandbox to rest, in the midst of what it does
    Suspend(NameArgs),
    /// Goes on with what was suspended, where it was
    ///
    /// It goes on in the foreground, as if this command had started it: output from where it was, input, signals and the exit
    /// code pass through, as with `run --name`. Of several commands that run in the sandbox, that is the oldest one. If it
    /// has ended meanwhile, its last output and its exit code are given.
    Resume(NameArgs),
    /// Saves a sandbox as a snapshot, and prints its id; the sandbox goes on
    Checkpoint(CheckpointArgs),
    /// Makes a sandbox of a snapshot, and goes on with it as `resume` does
    Restore(RestoreArgs),
    /// Makes copies of a sandbox, with all that runs in it
    ///
    /// They are named NAME-1 and so on, and rest until they are resumed.
    Fork(ForkArgs),
    /// Lists, removes, exports and imports snapshots
    Snapshots(SnapshotsArgs),
    /// Lists, adds and removes programs that aren't built in
    Guests(GuestsArgs),
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Gives the sandbox a name, under which it stays when the command ends
    #[arg(long, value_name = "NAME", value_parser = name)]
    pub(crate) name: Option<String>,
    #[command(flatten)]
    pub(crate) sandbox: SandboxArgs,
    #[command(flatten)]
    pub(crate) command: CommandArgs,
}

/// What to run in a sandbox.
#[derive(Debug, Args)]
pub(crate) struct CommandArgs {
    /// Kills the command, with all that it started, after this many seconds
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) timeout: Option<Duration>,
    /// Prints one JSON object when the command has ended, in place of its output
    #[arg(long)]
    pub(crate) json: bool,
    /// The command, and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// The name: 1 to 63 of a-z, 0-9 and -
    #[arg(value_parser = name)]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) sandbox: SandboxArgs,
    /// Prints one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ExecArgs {
    /// The name of the sandbox
    #[arg(value_parser = name)]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) command: CommandArgs,
}

#[derive(Debug, Args)]
pub(crate) struct NameArgs {
    /// The name of the sandbox
    #[arg(value_parser = name)]
    pub(crate) name: String,
}

#[derive(Debug, Args)]
pub(crate) struct RemoveArgs {
    /// The name of the sandbox
    #[arg(value_parser = name)]
    pub(crate) name: String,
    /// Removes it even while it runs
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CheckpointArgs {
    /// The name of the sandbox
    #[arg(value_parser = name)]
    pub(crate) name: String,
    /// Saves the files only: a sandbox that is made of it begins without processes
    #[arg(long)]
    pub(crate) files: bool,
    /// Prints one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RestoreArgs {
    /// The id of the snapshot
    pub(crate) snapshot: String,
    /// The name of the new sandbox; that of the one that was saved by default
    #[arg(long, value_name = "NAME", value_parser = name)]
    pub(crate) name: Option<String>,
    /// Shows a directory of this machine again, as one was shown to the sandbox that was saved
    #[arg(short, long, value_name = "HOST:GUEST[:ro|rw]", value_parser = mount)]
    pub(crate) mount: Vec<MountArg>,
    /// Leaves it resting, to be resumed later
    #[arg(long)]
    pub(crate) detach: bool,
    /// Prints one JSON object
    #[arg(long, requires = "detach")]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ForkArgs {
    /// The name of the sandbox
    #[arg(value_parser = name)]
    pub(crate) name: String,
    /// How many copies there are to be
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) times: u32,
    /// Prints one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct SnapshotsArgs {
    #[command(subcommand)]
    pub(crate) verb: Option<SnapshotsVerb>,
    /// Prints one JSON array
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SnapshotsVerb {
    /// Removes snapshots; sandboxes that were made of them stay
    #[command(name = "rm")]
    Remove {
        /// Their ids
        #[arg(required = true)]
        ids: Vec<String>,
    },
    /// Writes a snapshot as one file, which holds all that it needs
    Export {
        /// Its id
        id: String,
        /// The file; - is standard output
        file: PathBuf,
    },
    /// Takes in a snapshot that was exported, here or elsewhere, and prints its id
    Import {
        /// The file; - is standard input
        file: PathBuf,
        /// Prints one JSON object
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ShellArgs {
    #[command(flatten)]
    pub(crate) sandbox: SandboxArgs,
}

/// What a sandbox is to be like.
#[derive(Debug, Args)]
pub(crate) struct SandboxArgs {
    /// The image whose files the sandbox begins with
    #[arg(long, value_name = "NAME")]
    pub(crate) image: Option<String>,
    /// Sets an environment variable; without a value, to the one it has here
    #[arg(short, long, value_name = "NAME[=VALUE]", value_parser = variable)]
    pub(crate) env: Vec<(String, String)>,
    /// Shows a directory of this machine in the sandbox, read-only unless `rw` is given
    #[arg(short, long, value_name = "HOST:GUEST[:ro|rw]", value_parser = mount)]
    pub(crate) mount: Vec<MountArg>,
    /// Copies a file of this machine into the sandbox; to the same name in its working directory by default
    #[arg(short, long, value_name = "HOST[:GUEST]", value_parser = file)]
    pub(crate) file: Vec<FileArg>,
    /// The directory to start in, which is made if there is none
    #[arg(short, long, value_name = "DIR")]
    pub(crate) workdir: Option<String>,
    /// How much memory all processes together may use, such as 512M or 2G
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) memory: Option<u64>,
}

/// A directory to mount. A relative guest path begins at the working directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MountArg {
    pub(crate) host_path: PathBuf,
    pub(crate) guest_path: String,
    pub(crate) writable: bool,
}

/// A file to copy into the sandbox. A relative guest path begins at the working directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileArg {
    pub(crate) host_path: PathBuf,
    pub(crate) guest_path: String,
}

#[derive(Debug, Args)]
pub(crate) struct GuestsArgs {
    #[command(subcommand)]
    pub(crate) verb: GuestsVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum GuestsVerb {
    /// Lists the built-in programs, the added guests, and those that can be added by name
    List {
        /// Prints one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Adds a program to all sandboxes to come
    ///
    /// What is fetched is pinned to a version and a checksum, and is compiled once, which can take some seconds.
    Add {
        /// `python`, `ruby`, `php`, or the path of a WebAssembly file (WASI preview 1) that ends in `.wasm`
        guest: String,
        /// The name to have it under; for a file only, whose own name is the default
        #[arg(long)]
        name: Option<String>,
        /// Prints one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Removes an added program
    Remove {
        /// Its name, as `list` shows it
        name: String,
    },
}

fn name(text: &str) -> Result<String, String> {
    stillbox::validate_name(text).map(|()| text.to_owned())
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "it is not a number of seconds".to_owned())?;
    let duration = Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())?;
    if duration.is_zero() { Err("it must be more than 0".into()) } else { Ok(duration) }
}

fn variable(text: &str) -> Result<(String, String), String> {
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (name, value.to_owned()),
        None => (text, std::env::var(text).map_err(|_| format!("{text} is not set here; write {text}=VALUE"))?),
    };
    if name.is_empty() { Err("it has no name".into()) } else { Ok((name.to_owned(), value)) }
}

fn mount(text: &str) -> Result<MountArg, String> {
    let (rest, writable) = match text.rsplit_once(':') {
        Some((rest, "rw")) => (rest, true),
        Some((rest, "ro")) => (rest, false),
        _ => (text, false),
    };
    match rest.rsplit_once(':') {
        Some((host, guest)) if !host.is_empty() && !guest.is_empty() => {
            Ok(MountArg { host_path: host.into(), guest_path: guest.into(), writable })
        }
        _ => Err("it is not of the form HOST:GUEST, HOST:GUEST:ro or HOST:GUEST:rw".into()),
    }
}

fn file(text: &str) -> Result<FileArg, String> {
    // A file whose own name has a colon in it is taken as it is.
    let (host, guest) = match text.rsplit_once(':') {
        Some((host, guest)) if !host.is_empty() && !guest.is_empty() && !Path::new(text).exists() => {
            (host, Some(guest))
        }
        _ => (text, None),
    };
    let host_path = PathBuf::from(host);
    let guest_path = match guest {
        Some(guest) => guest.to_owned(),
        None => {
            let name = host_path.file_name().and_then(|name| name.to_str());
            name.ok_or("it has no name; write HOST:GUEST")?.to_owned()
        }
    };
    Ok(FileArg { host_path, guest_path })
}

/// Reads a number of bytes with an optional unit: K, M, G or T, of 1024 each, with or without `B` or `iB`.
fn size(text: &str) -> Result<u64, String> {
    let digits = text.find(|char: char| !char.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let shift = match unit.to_ascii_lowercase().trim_end_matches('b').trim_end_matches('i') {
        "" => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        "t" => 40,
        _ => return Err(format!("{unit:?} is not a unit; use K, M, G or T")),
    };
    let number: u64 = number.parse().map_err(|_| "it does not begin with a number".to_owned())?;
    match number.checked_mul(1 << shift) {
        Some(0) => Err("it must be more than 0".into()),
        Some(bytes) => Ok(bytes),
        None => Err("it is too large".into()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn options_end_where_the_command_begins() {
        let cli = Cli::parse_from(["stillbox", "run", "--timeout", "1.5", "ls", "-l", "--json"]);
        let Verb::Run(run) = cli.verb else { panic!("it is `run`") };
        assert_eq!(run.command.command, ["ls", "-l", "--json"]);
        assert_eq!(run.command.timeout, Some(Duration::from_millis(1500)));
        assert!(!run.command.json);
    }

    #[test]
    fn mounts_are_read_only_unless_they_say_otherwise() {
        let parsed = |host: &str, guest: &str, writable| {
            Ok(MountArg { host_path: host.into(), guest_path: guest.into(), writable })
        };
        assert_eq!(mount("/src:/work"), parsed("/src", "/work", false));
        assert_eq!(mount("/src:work:ro"), parsed("/src", "work", false));
        assert_eq!(mount("a:b:/c:rw"), parsed("a:b", "/c", true));
        for bad in ["", "/src", "/src:", ":/work", "/src:rw", ":rw"] {
            assert!(mount(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes_have_units_of_1024() {
        assert_eq!(size("4096"), Ok(4096));
        assert_eq!(size("512M"), Ok(512 << 20));
        assert_eq!(size("2GiB"), Ok(2 << 30));
        assert_eq!(size("1kb"), Ok(1024));
        for bad in ["", "M", "0", "1.5G", "1X", "-1", "99999999999T"] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn files_keep_their_name() {
        let parsed = |host: &str, guest: &str| Ok(FileArg { host_path: host.into(), guest_path: guest.into() });
        assert_eq!(file("data/in.csv"), parsed("data/in.csv", "in.csv"));
        assert_eq!(file("data/in.csv:/x/y"), parsed("data/in.csv", "/x/y"));
        assert!(file("..").is_err());
    }

    #[test]
    fn times_are_positive() {
        assert_eq!(seconds("0.25"), Ok(Duration::from_millis(250)));
        for bad in ["", "x", "0", "-1", "inf", "nan", "1e300"] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
    }
}
