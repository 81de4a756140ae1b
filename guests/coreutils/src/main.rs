//! The core utilities as one program: which of them it is depends on the name that it is called by.
//!
//! `coreutils NAME ARGS...` works as well, and `coreutils --list` tells the names.

mod dd;
mod ls;
mod modes;
mod sort;

use std::ffi::OsString;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

type Arguments = std::vec::IntoIter<OsString>;

/// Makes `NAMES` and `find` out of one table, so that they can't differ.
macro_rules! utilities {
    ($($name:literal $utility:ident,)*) => {
        const NAMES: &[&str] = &[$($name),*];

        fn find(name: &str) -> Option<fn(Arguments) -> i32> {
            match name {
                $($name => Some($utility::uumain),)*
                _ => None,
            }
        }
    };
}

utilities! {
    "[" uu_test,
    "arch" uu_arch,
    "b2sum" uu_b2sum,
    "base32" uu_base32,
    "base64" uu_base64,
    "basename" uu_basename,
    "basenc" uu_basenc,
    "cat" uu_cat,
    "cksum" uu_cksum,
    "comm" uu_comm,
    "cp" uu_cp,
    "csplit" uu_csplit,
    "cut" uu_cut,
    "date" uu_date,
    "dd" dd,
    "dir" ls,
    "dircolors" uu_dircolors,
    "dirname" uu_dirname,
    "echo" uu_echo,
    "expand" uu_expand,
    "expr" uu_expr,
    "factor" uu_factor,
    "fmt" uu_fmt,
    "fold" uu_fold,
    "head" uu_head,
    "hostid" uu_hostid,
    "join" uu_join,
    "link" uu_link,
    "ln" uu_ln,
    "ls" ls,
    "md5sum" uu_md5sum,
    "mkdir" uu_mkdir,
    "mktemp" uu_mktemp,
    "mv" uu_mv,
    "nl" uu_nl,
    "nproc" uu_nproc,
    "numfmt" uu_numfmt,
    "od" uu_od,
    "paste" uu_paste,
    "pathchk" uu_pathchk,
    "pr" uu_pr,
    "printenv" uu_printenv,
    "printf" uu_printf,
    "ptx" uu_ptx,
    "pwd" uu_pwd,
    "readlink" uu_readlink,
    "realpath" uu_realpath,
    "rm" uu_rm,
    "rmdir" uu_rmdir,
    "seq" uu_seq,
    "sha1sum" uu_sha1sum,
    "sha224sum" uu_sha224sum,
    "sha256sum" uu_sha256sum,
    "sha384sum" uu_sha384sum,
    "sha512sum" uu_sha512sum,
    "shred" uu_shred,
    "shuf" uu_shuf,
    "sleep" uu_sleep,
    "sort" sort,
    "split" uu_split,
    "sum" uu_sum,
    "tail" uu_tail,
    "tee" uu_tee,
    "test" uu_test,
    "touch" uu_touch,
    "tr" uu_tr,
    "truncate" uu_truncate,
    "tsort" uu_tsort,
    "tty" uu_tty,
    "uname" uu_uname,
    "unexpand" uu_unexpand,
    "uniq" uu_uniq,
    "unlink" uu_unlink,
    "vdir" ls,
    "wc" uu_wc,
    "yes" uu_yes,
}

fn main() -> ExitCode {
    let mut arguments: Vec<OsString> = std::env::args_os().collect();
    let mut utility = find(name_of(&arguments));
    if utility.is_none() && name_of(&arguments) == "coreutils" && arguments.len() > 1 {
        arguments.remove(0);
        if arguments[0] == "--list" {
            return list();
        }
        uucore::set_utility_is_second_arg();
        utility = find(name_of(&arguments));
    }
    let Some(utility) = utility else {
        eprintln!(
            "coreutils: no utility is called '{}'; `coreutils --list` tells which there are",
            name_of(&arguments)
        );
        return ExitCode::from(127);
    };
    let name = name_of(&arguments).to_owned();
    // Some share their messages: `[` has those of `test`, and `dir` those of `ls`.
    let messages = format!("uu_{name}");
    if let Err(error) = uucore::locale::setup_localization(uucore::get_canonical_util_name(&messages)) {
        eprintln!("{name}: cannot load its messages: {error}");
        return ExitCode::from(125);
    }
    // `exit` and not a return: the utilities' buffers have to be written even where a destructor would not run.
    std::process::exit(utility(arguments.into_iter()))
}

/// Returns the name in the first argument, without its directory.
fn name_of(arguments: &[OsString]) -> &str {
    arguments.first().and_then(|name| Path::new(name).file_name()?.to_str()).unwrap_or_default()
}

fn list() -> ExitCode {
    let names: String = NAMES.iter().flat_map(|name| [name, "\n"]).collect();
    match std::io::stdout().write_all(names.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
