//! The small Unix commands that neither the shell, the text tools nor coreutils bring, in one program.

mod applets;

use applets::*;
use stillbox_tools::program::{Applet, run};

const fn applet(
    name: &'static str,
    synopsis: &'static str,
    main: fn(&[String]) -> stillbox_tools::program::Outcome,
) -> Applet {
    Applet { name, synopsis, main }
}

/// The contents of this program. Keep it sorted by name.
const APPLETS: &[Applet] = &[
    applet("bc", "[-lqsw] [-e EXPRESSION] [FILE]...", bc::main),
    applet("chgrp", "[-Rvf] GROUP FILE...", chmod::chgrp),
    applet("chmod", "[-Rvcf] [--reference=FILE | MODE] FILE...", chmod::chmod),
    applet("chown", "[-Rvf] OWNER[:GROUP] FILE...", chmod::chown),
    applet("clear", "", terminal::clear),
    applet("cmp", "[-bls] [-n LIMIT] [-i SKIP] FILE1 [FILE2 [SKIP1 [SKIP2]]]", cmp::main),
    applet("column", "[-tx] [-s SEPARATORS] [-o SEPARATOR] [-c WIDTH] [FILE]...", lines::column),
    applet("df", "[-ahHiklPT] [-B SIZE] [-t TYPE] [FILE]...", df::main),
    applet("diff", "[-uUcCqsrNaiwbBpxL] FILES", diff::main),
    applet("dos2unix", "[-nq] [FILE]...", lines::dos2unix),
    applet(
        "du",
        "[-abcDhklLmsSx] [-d DEPTH] [-B SIZE] [-t SIZE] [--apparent-size] [--exclude=PATTERN] [FILE]...",
        du::main,
    ),
    applet("env", "[-i0v] [-u NAME] [-C DIR] [-S TEXT] [NAME=VALUE]... [COMMAND [ARG]...]", env::main),
    applet("envsubst", "[-v] [SHELL-FORMAT]", lines::envsubst),
    applet("file", "[-bihL] [--mime-type] [-F SEPARATOR] [-f LIST] FILE...", file::main),
    applet("free", "[-bkmght] [--si]", system::free),
    applet("getconf", "NAME", system::getconf),
    applet("getopt", "[-aqQTu] [-n NAME] [-l LONGOPTS] -o OPTSTRING -- PARAMETERS...", getopt_command::main),
    applet("groups", "[USER]...", identity::groups),
    applet("hd", "[-v] [-n LENGTH] [-s OFFSET] [FILE]...", hex::hd),
    applet("hexdump", "[-bcCdovx] [-n LENGTH] [-s OFFSET] [FILE]...", hex::hexdump),
    applet("hostname", "[-fsdi]", system::hostname),
    applet("id", "[-ugGnrz] [USER]", identity::id),
    applet("install", "[-dDpTv] [-m MODE] [-t DIRECTORY] SOURCE... DEST", install::main),
    applet("ionice", "[-c CLASS] [-n LEVEL] [COMMAND [ARG]...]", wrappers::ionice),
    applet("kill", "[-s SIGNAL | -SIGNAL] PID... | -l [SIGNAL]...", kill::main),
    applet("less", "[-N] [FILE]...", terminal::pager),
    applet("logname", "", identity::whoami),
    applet("more", "[FILE]...", terminal::pager),
    applet("nice", "[-n ADJUSTMENT] [COMMAND [ARG]...]", wrappers::nice),
    applet("nohup", "COMMAND [ARG]...", wrappers::nohup),
    applet(
        "patch",
        "[-RNbEsf] [-p NUM] [-i PATCH] [-d DIR] [-o FILE] [-F NUM] [--dry-run] [FILE [PATCH]]",
        patch::main,
    ),
    applet("pgrep", "[-laficvxno] [-P PPID] [-g PGID] [-u USER] [-d DELIMITER] PATTERN", pgrep::pgrep),
    applet("pidof", "[-s] NAME...", pgrep::pidof),
    applet("pkill", "[-SIGNAL] [-fecvxnoi] [-P PPID] [-g PGID] [-u USER] PATTERN", pgrep::pkill),
    applet("ps", "[-eAf] [aux] [-o FORMAT] [-p PID] [-u USER] [-C NAME] [--sort KEYS]", ps::main),
    applet("reset", "", terminal::reset),
    applet("rev", "[FILE]...", lines::rev),
    applet("setsid", "[-cfw] COMMAND [ARG]...", wrappers::setsid),
    applet("stat", "[-fLt] [-c FORMAT] [--printf=FORMAT] FILE...", stat::main),
    applet("stdbuf", "-i MODE | -o MODE | -e MODE COMMAND [ARG]...", wrappers::stdbuf),
    applet("strings", "[-af] [-n LENGTH] [-t RADIX] [FILE]...", lines::strings),
    applet("stty", "[-a | -g | size | SETTING...]", stty::stty),
    applet("sync", "[-df] [FILE]...", system::sync),
    applet("tac", "[-b] [-s SEPARATOR] [FILE]...", lines::tac),
    applet("time", "[-p] [-f FORMAT] [-ao FILE] COMMAND [ARG]...", wrappers::time),
    applet("timeout", "[-v] [-s SIGNAL] [-k DURATION] [--preserve-status] DURATION COMMAND [ARG]...", timeout::main),
    applet("tput", "[-S] [-T TERM] CAPABILITY [PARAMETER]...", terminal::tput),
    applet(
        "tree",
        "[-adfFhiprst] [-L LEVEL] [-I PATTERN] [-P PATTERN] [--noreport] [--dirsfirst] [--prune] [DIR]...",
        tree::main,
    ),
    applet("unix2dos", "[-nq] [FILE]...", lines::unix2dos),
    applet("uptime", "[-ps]", system::uptime),
    applet("which", "[-as] NAME...", which::main),
    applet("whoami", "", identity::whoami),
    applet("xxd", "[-beipru] [-c COLS] [-g BYTES] [-l LEN] [-s OFFSET] [FILE [OUTPUT]]", hex::xxd),
];

fn main() {
    run("tools", APPLETS)
}
