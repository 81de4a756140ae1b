use std::panic::{AssertUnwindSafe, catch_unwind};

use stillbox::{AsyncSandbox, Command, ProcessStatus, SandboxSpec, Sandboxes as _};
use stillbox_api::contract;
use stillbox_tests::native::NativeEngine;
use stillbox_tests::{engine, sandbox, test};

/// Where the reference over native processes does otherwise than the contract says, by reason. A test that is named here
/// must fail there, so that the list is as long as it has to be and no longer.
const NATIVE_DIFFERENCES: &[(&str, &[&str])] = &[
    (
        "a native program's root is the host's, and its sandbox a directory below that",
        &["engine::paths_begin_at_one_root"],
    ),
    (
        "Linux reads keys only as far as there is room for them, so a ^C waits behind what nobody reads",
        &["pty::signals_pass_what_waits"],
    ),
    ("a directory of the host has no quota", &["engine::files_are_limited"]),
    (
        "what a native process may start is the user's business, and not its sandbox's",
        &["engine::processes_are_limited"],
    ),
    ("the reference captures what it captures, and has no second way out", &["output::redirected_goes_on_to_a_sink"]),
    (
        "nobody can save native processes with their pipes and memories, as `lifecycle::holding_still_is_offered_or_refused` \
         and `engine::snapshots_are_offered_or_refused` have it say",
        &[
            "snapshots::one_of_the_files_begins_anew",
            "snapshots::one_of_all_goes_on",
            "snapshots::they_are_listed_until_deleted",
            "snapshots::a_sandbox_goes_on_while_it_is_saved",
            "snapshots::only_what_runs_is_saved",
            "snapshots::a_restored_sandbox_is_like_the_saved_one",
            "snapshots::copies_are_live_and_apart",
            "snapshots::a_rollback_undoes_what_came_after",
            "suspend::it_rests_and_goes_on",
            "suspend::a_call_wakes_it_up",
            "suspend::what_waits_waits_on",
            "suspend::without_auto_resume_it_stays",
            "suspend::a_name_is_needed",
            "suspend::terminating_it_frees_its_name",
            "suspend::get_or_create_resumes",
            "suspend::the_idle_are_suspended",
        ],
    ),
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
            $(mod $module { $(
                #[test]
                fn $name() {
                    super::super::native_engine_keeps(concat!(stringify!($module), "::", stringify!($name)));
                }
            )+ })+
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
    match NATIVE_DIFFERENCES.iter().find(|(_, listed)| listed.contains(&name)) {
        None => run(),
        Some((why, _)) => {
            let outcome = catch_unwind(AssertUnwindSafe(run));
            assert!(outcome.is_err(), "{name} passes, although {why}: it is no difference any more");
        }
    }
}

#[test]
#[should_panic(expected = "it is no difference any more")]
fn a_known_difference_that_is_none_fails() {
    check_native(NATIVE_DIFFERENCES[0].1[0], || {});
}

#[test]
fn every_known_difference_is_a_test_and_has_a_reason() {
    let sandbox_tests = contract::sandbox_tests().into_iter().map(|(name, _)| name);
    let engine_tests = contract::engine_tests().into_iter().map(|(name, _)| name);
    let names: Vec<_> = sandbox_tests.chain(engine_tests).collect();
    for (why, listed) in NATIVE_DIFFERENCES {
        assert!(!why.is_empty() && listed.iter().all(|name| names.contains(name)), "{listed:?}");
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
