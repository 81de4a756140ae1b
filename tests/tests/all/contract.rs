use std::panic::{AssertUnwindSafe, catch_unwind};

use stillbox::{AsyncSandbox, Command, ProcessStatus, SandboxSpec, Sandboxes as _};
use stillbox_api::contract;
use stillbox_tests::native::NativeEngine;
use stillbox_tests::{engine, sandbox, test};

/// Where the reference over native processes does otherwise than the contract says, and why. A test that is named here
/// must fail there, so that the list is as long as it has to be and no longer.
const NATIVE_DIFFERENCES: &[(&str, &str)] = &[
    (
        "engine::paths_begin_at_one_root",
        "a native program's root is the host's, and its sandbox a directory below that",
    ),
    (
        "pty::signals_pass_what_waits",
        "Linux reads keys only as far as there is room for them, so a ^C waits behind what nobody reads",
    ),
    ("engine::files_are_limited", "a directory of the host has no quota"),
    ("engine::processes_are_limited", "what a native process may start is the user's business, and not its sandbox's"),
];

macro_rules! sandbox_tests {
    ($($module:ident: $($name:ident)+;)+) => {
        $(mod $module { $(
            #[test]
            fn $name() {
                super::keeps(concat!(stringify!($module), "::", stringify!($name)));
            }
        )+ })+

        /// The same, kept by native processes.
        mod native {
            $(mod $module { $(
                #[test]
                fn $name() {
                    super::super::native_keeps(concat!(stringify!($module), "::", stringify!($name)));
                }
            )+ })+
        }
    };
}
stillbox_api::sandbox_contract!(sandbox_tests);

macro_rules! engine_tests {
    ($($module:ident: $($name:ident)+;)+) => {
        $(mod $module { $(
            #[test]
            fn $name() {
                let test = stillbox_api::contract::engine_test(concat!(stringify!($module), "::", stringify!($name)));
                stillbox_tests::test(test(stillbox_tests::engine()));
            }
        )+ })+

        /// The same, kept by native processes.
        mod native_engine {
            $(
                $(
                    #[test]
                    fn $name() {
                        super::native_engine_keeps(concat!(stringify!($module), "::", stringify!($name)));
                    }
                )+
            )+
        }
    };
}
stillbox_api::engine_contract!(engine_tests);

fn keeps(name: &str) {
    let contract = contract::sandbox_test(name);
    test(async { contract(&*sandbox().await).await });
}

fn native_keeps(name: &str) {
    let contract = contract::sandbox_test(name);
    check_native(name, || {
        test(async {
            let sandbox = NativeEngine::default().create(SandboxSpec::default()).await.unwrap();
            contract(&*sandbox).await;
        });
    });
}

fn native_engine_keeps(name: &str) {
    let contract = contract::engine_test(name);
    let native = NativeEngine::default();
    check_native(name, || test(contract(&native)));
}

/// Runs a test on native processes, which passes unless it is listed, and fails if it is.
fn check_native(name: &str, run: impl FnOnce()) {
    match NATIVE_DIFFERENCES.iter().find(|(listed, _)| *listed == name) {
        None => run(),
        Some((_, why)) => {
            let outcome = catch_unwind(AssertUnwindSafe(run));
            assert!(outcome.is_err(), "{name} passes, although {why}: it is no difference any more");
        }
    }
}

#[test]
#[should_panic(expected = "it is no difference any more")]
fn a_known_difference_that_is_none_fails() {
    check_native(NATIVE_DIFFERENCES[0].0, || {});
}

#[test]
fn every_known_difference_is_a_test_and_has_a_reason() {
    let sandbox_tests = contract::sandbox_tests().into_iter().map(|(name, _)| name);
    let engine_tests = contract::engine_tests().into_iter().map(|(name, _)| name);
    let names: Vec<_> = sandbox_tests.chain(engine_tests).collect();
    for (name, why) in NATIVE_DIFFERENCES {
        assert!(names.contains(name) && !why.is_empty(), "{name}");
    }
}

/// What leaves its group, and its parent, is still the process's own.
#[test]
fn kill_reaches_what_detached_itself() {
    test(async {
        let native = NativeEngine::default().create(SandboxSpec::default()).await.unwrap();
        for sandbox in [&*sandbox().await, &*native] {
            let script = "sh -c 'setsid sh -c \"while [ ! -e go ]; do sleep 0.05; done; echo late > late.txt\" &'; echo ready; sleep 60";
            let started = sandbox.start_process(Command::shell(script)).await.unwrap();
            while sandbox.get_stdout((&started).into()).await.unwrap().lines.is_empty() {
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
            // The one that detaches itself has the time to.
            tokio::time::sleep(std::time::Duration::from_millis(300)).await;
            sandbox.kill_process((&started).into()).await.unwrap();
            let ended = sandbox.wait_process((&started).into()).await.unwrap();
            assert_eq!(ended.status, ProcessStatus::Signaled(9));
            sandbox.write_file("go", "".into()).await.unwrap();
            tokio::time::sleep(std::time::Duration::from_millis(500)).await;
            assert!(sandbox.read_file("late.txt").await.is_err());
        }
    });
}

/// The handles of an engine are those of one engine.
#[test]
fn clones_of_an_engine_share_their_sandboxes() {
    test(async {
        let made = engine().clone().create(SandboxSpec::default().terminate_on_drop(true)).await.unwrap();
        assert_eq!(engine().connect(made.id()).await.unwrap().id(), made.id());
        assert_eq!(AsyncSandbox::name(&*made), None);
    });
}
