use std::collections::BTreeSet;

use stillbox::{Command, SandboxSpec};
use stillbox_tests::{Fresh, PROBES, sandbox_of, stdout, test};

/// Makes a test of each probe that needs no arguments and checks itself.
macro_rules! probes {
    ($($name:ident)+) => {
        const CHECKED_HERE: &[&str] = &[$(stringify!($name)),+];
        $(#[test] fn $name() { test(async { holds(stringify!($name)).await }); })+
    };
}

probes! {
    clock_sleep
    exec_args exec_argv0 exec_cwd exec_env exec_exit
    fs_append fs_links fs_readdir fs_rename fs_sparse fs_symlinks fs_times fs_truncate fs_unlink_open
    pipe_big pipe_eof pipe_epipe pipe_pingpong
    poll_pipe poll_timeout
    proc_exec proc_orphan proc_pgroup proc_spawn proc_wait
    signal_default signal_handler signal_ignore
}

async fn probing() -> Fresh {
    sandbox_of(SandboxSpec::default().image(PROBES)).await
}

async fn holds(name: &str) {
    let result = probing().await.ran(Command::new("probes").arg(name)).await;
    assert!(result.success(), "{name}: {:?} {}: {}", result.reason, result.exit_code, result.stderr);
}

#[test]
fn every_probe_has_a_test() {
    test(async {
        // Asked for none, the program tells which there are.
        let usage = probing().await.ran(Command::new("probes")).await.stderr;
        let (_, names) = usage.split_once("there are: ").unwrap_or_else(|| panic!("no list of probes in {usage:?}"));
        let there: BTreeSet<&str> = names.split_whitespace().collect();
        // The benchmarks run theirs, small, in their own tests.
        let elsewhere = there.iter().filter(|name| name.starts_with("bench_"));
        let tested = CHECKED_HERE.iter().chain(crate::bad_input::HOSTILE_PROBES).chain(elsewhere).copied();
        assert_eq!(tested.collect::<BTreeSet<_>>(), there);
    });
}

#[test]
fn arguments_arrive_as_they_are() {
    test(async {
        let sandbox = probing().await;
        let odd = ["", "two words", "grüße", "*", "-n", "a\nb", "'\"\\$"];
        let result = sandbox.ran(Command::new("probes").arg("exec_args").args(odd)).await;
        assert_eq!(stdout(&result), format!("{}\n", odd.join("\n")));
    });
}

#[test]
fn exit_codes_arrive_as_they_are() {
    test(async {
        let sandbox = probing().await;
        for code in [0, 1, 2, 126, 127, 128, 255] {
            let result = sandbox.ran(Command::new("probes").args(["exec_exit", &code.to_string()])).await;
            assert_eq!(result.exit_code, code);
        }
    });
}
