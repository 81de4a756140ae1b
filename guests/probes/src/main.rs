//! Small programs that try one thing each: `probes NAME ARGS...`, or a link called NAME.
//!
//! The engine's tests and benchmarks run them; they are not in the default image. A probe that checks something exits
//! with 0 if it holds, and otherwise says what does not and exits with 1. They are one module because each would carry
//! the standard library along.

mod bench;
mod check;
mod child;
mod clock;
mod exec;
mod fs;
mod hostile;
mod pipe;
mod poll;
mod process;
mod signal;

use std::path::Path;
use std::process::ExitCode;

use check::Outcome;

type Probe = fn(&[String]) -> Outcome;

/// Every probe. The part before `_` is the suite, which is a module.
const PROBES: &[(&str, Probe)] = &[
    ("bench_fib", bench::fib),
    ("bench_matmul", bench::matmul),
    ("bench_sieve", bench::sieve),
    ("bench_smallfile", bench::smallfile),
    ("bench_sort", bench::sort),
    ("bench_spin", bench::spin),
    ("clock_sleep", clock::sleep),
    ("exec_args", exec::args),
    ("exec_argv0", exec::argv0),
    ("exec_cwd", exec::cwd),
    ("exec_env", exec::env),
    ("exec_exit", exec::exit),
    ("fs_append", fs::append::probe),
    ("fs_links", fs::links::probe),
    ("fs_readdir", fs::readdir::probe),
    ("fs_rename", fs::rename::probe),
    ("fs_sparse", fs::sparse::probe),
    ("fs_symlinks", fs::symlinks::probe),
    ("fs_times", fs::times::probe),
    ("fs_truncate", fs::truncate::probe),
    ("fs_unlink_open", fs::unlink_open::probe),
    ("hostile_fill_disk", hostile::fill_disk),
    ("hostile_forkbomb", hostile::forkbomb),
    ("hostile_grow", hostile::grow),
    ("hostile_hugealloc", hostile::hugealloc),
    ("hostile_long_path", hostile::long_path),
    ("hostile_many_fds", hostile::many_fds),
    ("hostile_recurse", hostile::recurse),
    ("hostile_spin", hostile::spin),
    ("pipe_big", pipe::big),
    ("pipe_eof", pipe::eof),
    ("pipe_epipe", pipe::epipe),
    ("pipe_pingpong", pipe::pingpong),
    ("poll_pipe", poll::pipe),
    ("poll_timeout", poll::timeout),
    ("proc_exec", process::exec),
    ("proc_orphan", process::orphan),
    ("proc_pgroup", process::pgroup),
    ("proc_spawn", process::spawn),
    ("proc_wait", process::wait),
    ("signal_default", signal::default),
    ("signal_handler", signal::handler),
    ("signal_ignore", signal::ignore),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let called = arguments.first().and_then(|name| Path::new(name).file_name()?.to_str()).unwrap_or_default();
    let (name, rest) = match find(called) {
        Some(_) => (called, &arguments[1..]),
        None => (arguments.get(1).map_or("", String::as_str), arguments.get(2..).unwrap_or_default()),
    };
    // What a probe starts as its own child is found the same way.
    let Some(probe) = find(name).or_else(|| child::find(name)) else {
        let names: Vec<_> = PROBES.iter().map(|(name, _)| *name).collect();
        eprintln!("probes: there is no `{name}`; there are: {}", names.join(" "));
        return ExitCode::from(2);
    };
    match probe(rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{name}: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn find(name: &str) -> Option<Probe> {
    PROBES.iter().find(|(known, _)| *known == name).map(|(_, probe)| *probe)
}
