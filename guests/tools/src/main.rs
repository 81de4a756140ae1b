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
    applet("chgrp", "[-Rvf] GROUP FILE...", chmod::chgrp),
    applet("chmod", "[-Rvcf] [--reference=FILE | MODE] FILE...", chmod::chmod),
    applet("chown", "[-Rvf] OWNER[:GROUP] FILE...", chmod::chown),
    applet("cmp", "[-bls] [-n LIMIT] [-i SKIP] FILE1 [FILE2 [SKIP1 [SKIP2]]]", cmp::main),
    applet("column", "[-tx] [-s SEPARATORS] [-o SEPARATOR] [-c WIDTH] [FILE]...", lines::column),
    applet("diff", "[-uUcCqsrNaiwbBpxL] FILES", diff::main),
    applet("dos2unix", "[-nq] [FILE]...", lines::dos2unix),
    applet("env", "[-i0v] [-u NAME] [-C DIR] [-S TEXT] [NAME=VALUE]... [COMMAND [ARG]...]", env::main),
    applet("envsubst", "[-v] [SHELL-FORMAT]", lines::envsubst),
    applet("groups", "[USER]...", identity::groups),
    applet("id", "[-ugGnrz] [USER]", identity::id),
    applet("ionice", "[-c CLASS] [-n LEVEL] [COMMAND [ARG]...]", wrappers::ionice),
    applet("kill", "[-s SIGNAL | -SIGNAL] PID... | -l [SIGNAL]...", kill::main),
    applet("logname", "", identity::whoami),
    applet("nice", "[-n ADJUSTMENT] [COMMAND [ARG]...]", wrappers::nice),
    applet("nohup", "COMMAND [ARG]...", wrappers::nohup),
    applet("rev", "[FILE]...", lines::rev),
    applet("setsid", "[-cfw] COMMAND [ARG]...", wrappers::setsid),
    applet("stdbuf", "-i MODE | -o MODE | -e MODE COMMAND [ARG]...", wrappers::stdbuf),
    applet("strings", "[-af] [-n LENGTH] [-t RADIX] [FILE]...", lines::strings),
    applet("tac", "[-b] [-s SEPARATOR] [FILE]...", lines::tac),
    applet("time", "[-p] [-f FORMAT] [-ao FILE] COMMAND [ARG]...", wrappers::time),
    applet("timeout", "[-v] [-s SIGNAL] [-k DURATION] [--preserve-status] DURATION COMMAND [ARG]...", timeout::main),
    applet("unix2dos", "[-nq] [FILE]...", lines::unix2dos),
    applet("which", "[-as] NAME...", which::main),
    applet("whoami", "", identity::whoami),
];

fn main() {
    run("tools", APPLETS)
}
