use std::path::Path;
use std::time::Duration;

use futures::StreamExt as _;
use stillbox::{
    AsyncSandbox, AsyncSandboxExt as _, BindOutcome, Command, Engine, FileError, InputMode, LifecycleError, Limits,
    ProcessInfo, ProcessStatus, RestartPolicy, SandboxSpec, SandboxStatus, SandboxUpdate, Sandboxes as _, SnapshotKind,
};
use stillbox_tests::{assert_nothing_held, engine, test};

/// Computes for a while, calls functions and starts programs meanwhile, and says at the end what all of it depends on.
const COMPUTE: &str = r#"
    step() { sum=$(( (sum * 31 + $1) % 1000003 )); }
    sum=7
    for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
        j=0
        while [ $j -lt 300 ]; do step $j; j=$((j + 1)); done
        echo "$i $sum" >> steps
    done
    echo "$sum $(wc -l < steps)"
"#;

const COMPUTED: &str = "418769 15";

/// Lets programs get somewhere: anywhere.
async fn a_moment(ms: u64) {
    tokio::time::sleep(Duration::from_millis(ms)).await;
}

/// Waits for the end of a process, and returns what it wrote to standard output.
async fn output_of(sandbox: &dyn AsyncSandbox, process: &ProcessInfo) -> String {
    let ended = sandbox.wait_process(process.into()).await.unwrap();
    let output = sandbox.get_output(process.into()).await.unwrap();
    assert_eq!(ended.status, ProcessStatus::Exited(0), "{:?}", output.lines);
    output.lines.join("\n")
}

#[test]
fn a_copy_goes_on_in_the_middle_of_a_computation() {
    test(async {
        let sandbox = engine().create(SandboxSpec::default()).await.unwrap();
        let process = sandbox.start_process(Command::shell(COMPUTE)).await.unwrap();
        for round in 0..4 {
            a_moment(20 + 30 * round).await;
            for copy in sandbox.copy(2).await.unwrap() {
                assert_eq!(output_of(&*copy, &process).await, COMPUTED);
                copy.terminate().await.unwrap();
            }
        }
        assert_eq!(output_of(&*sandbox, &process).await, COMPUTED);
    });
}

#[test]
fn a_copy_of_a_copy_goes_on() {
    test(async {
        let mut sandbox = engine().create(SandboxSpec::default()).await.unwrap();
        let process = sandbox.start_process(Command::shell(COMPUTE)).await.unwrap();
        for _ in 0..10 {
            a_moment(15).await;
            let copy = sandbox.copy(1).await.unwrap().remove(0);
            sandbox.terminate().await.unwrap();
            sandbox = copy;
        }
        assert_eq!(output_of(&*sandbox, &process).await, COMPUTED);
    });
}

#[test]
fn a_copy_has_what_is_in_pipes() {
    test(async {
        let sandbox = engine().create(SandboxSpec::default()).await.unwrap();
        let script = "seq 1 60000 | while read n; do echo $((n % 1000)); done | sort -n | uniq -c | wc -l";
        let process = sandbox.start_process(Command::shell(script)).await.unwrap();
        for _ in 0..3 {
            a_moment(100).await;
            let copy = sandbox.copy(1).await.unwrap().remove(0);
            assert_eq!(output_of(&*copy, &process).await, "1000");
            copy.terminate().await.unwrap();
        }
        assert_eq!(output_of(&*sandbox, &process).await, "1000");
    });
}

#[test]
fn copies_read_what_their_own_host_writes() {
    test(async {
        let sandbox = engine().create(SandboxSpec::default()).await.unwrap();
        let command = Command::shell("read a; echo got $a; cat").stdin(InputMode::Pipe);
        let process = sandbox.start_process(command).await.unwrap();
        sandbox.write_stdin((&process).into(), "first\nsec".into()).await.unwrap();
        a_moment(30).await;
        let copies = sandbox.copy(3).await.unwrap();
        for (number, copy) in copies.iter().chain([&sandbox]).enumerate() {
            copy.write_stdin((&process).into(), format!("ond {number}").into()).await.unwrap();
            copy.close_stdin((&process).into()).await.unwrap();
            assert_eq!(output_of(&**copy, &process).await, format!("got first\nsecond {number}"));
        }
    });
}

#[test]
fn what_waits_waits_on() {
    test(async {
        let sandbox = engine().create(SandboxSpec::default()).await.unwrap();
        let script = "sleep 1 & sleep 0.2; (exit 3) & child=$!; wait $child; echo $?; wait; echo all";
        let process = sandbox.start_process(Command::shell(script)).await.unwrap();
        a_moment(100).await;
        let first = sandbox.copy(1).await.unwrap().remove(0);
        a_moment(400).await;
        let second = sandbox.copy(1).await.unwrap().remove(0);
        for sandbox in [&first, &second, &sandbox] {
            assert_eq!(output_of(&**sandbox, &process).await, "3\nall");
        }
    });
}

#[test]
fn a_stopped_process_stays_stopped() {
    test(async {
        let sandbox = engine().create(SandboxSpec::default()).await.unwrap();
        let process = sandbox.start_process(Command::shell(COMPUTE)).await.unwrap();
        a_moment(30).await;
        sandbox.send_signal((&process).into(), 19).await.unwrap();
        a_moment(30).await;
        let copy = sandbox.copy(1).await.unwrap().remove(0);
        a_moment(30).await;
        let before = copy.read_to_string("steps").await.unwrap_or_default();
        a_moment(100).await;
        assert_eq!(copy.read_to_string("steps").await.unwrap_or_default(), before);
        for sandbox in [&copy, &sandbox] {
            sandbox.send_signal((&process).into(), 18).await.unwrap();
            assert_eq!(output_of(&**sandbox, &process).await, COMPUTED);
        }
    });
}

#[test]
fn a_trap_is_still_set() {
    test(async {
        let sandbox = engine().create(SandboxSpec::default()).await.unwrap();
        let script = "trap 'echo caught; exit 0' USR1; echo ready; while :; do :; done";
        let process = sandbox.start_process(Command::shell(script)).await.unwrap();
        let mut lines = sandbox.follow_stdout((&process).into()).await.unwrap();
        assert_eq!(lines.next().await.unwrap().unwrap().line, "ready");
        let copy = sandbox.copy(1).await.unwrap().remove(0);
        for sandbox in [&copy, &sandbox] {
            sandbox.send_signal((&process).into(), 10).await.unwrap();
            assert_eq!(output_of(&**sandbox, &process).await, "ready\ncaught");
        }
    });
}

#[test]
fn a_file_that_is_only_open_comes_along() {
    test(async {
        let sandbox = engine().create(SandboxSpec::default()).await.unwrap();
        let script = "echo kept > f; exec 5< f; rm f; read go; cat <&5; test ! -e f && echo gone";
        let command = Command::shell(script).stdin(InputMode::Pipe);
        let process = sandbox.start_process(command).await.unwrap();
        a_moment(50).await;
        let copy = sandbox.copy(1).await.unwrap().remove(0);
        for sandbox in [&copy, &sandbox] {
            sandbox.write_stdin((&process).into(), "go\n".into()).await.unwrap();
            assert_eq!(output_of(&**sandbox, &process).await, "kept\ngone");
        }
    });
}

#[test]
fn copies_are_apart() {
    test(async {
        let sandbox = engine().create(SandboxSpec::default()).await.unwrap();
        sandbox.write("shared", "before").await.unwrap();
        let copy = sandbox.copy(1).await.unwrap().remove(0);
        copy.write("shared", "copy").await.unwrap();
        sandbox.write("own", "x").await.unwrap();
        assert_eq!(sandbox.read_to_string("shared").await.unwrap(), "before");
        assert_eq!(copy.read_to_string("shared").await.unwrap(), "copy");
        assert!(copy.read_to_string("own").await.is_err());
        assert_ne!(copy.id(), sandbox.id());
    });
}

#[test]
fn a_snapshot_outlives_its_sandbox_and_can_be_gone_on_with_often() {
    test(async {
        let sandbox = engine().create(SandboxSpec::default()).await.unwrap();
        let process = sandbox.start_process(Command::shell(COMPUTE)).await.unwrap();
        a_moment(60).await;
        let snapshot = sandbox.checkpoint(SnapshotKind::Memory).await.unwrap();
        assert_eq!(sandbox.list_snapshots().await.unwrap(), std::slice::from_ref(&snapshot));
        sandbox.terminate().await.unwrap();
        for _ in 0..3 {
            let again = engine().create(SandboxSpec::default().snapshot_id(&snapshot.id)).await.unwrap();
            assert_eq!(output_of(&*again, &process).await, COMPUTED);
        }
        assert_eq!(engine().get_snapshot(&snapshot.id).await.unwrap(), snapshot);
        engine().delete_snapshot(&snapshot.id).await.unwrap();
        assert!(engine().get_snapshot(&snapshot.id).await.is_err());
        assert!(engine().create(SandboxSpec::default().snapshot_id(&snapshot.id)).await.is_err());
    });
}

#[test]
fn a_snapshot_of_the_files_begins_anew() {
    test(async {
        let sandbox = engine().create(SandboxSpec::default()).await.unwrap();
        sandbox.start_process(Command::new("sleep").arg("100")).await.unwrap();
        sandbox.write("file", "content").await.unwrap();
        let snapshot = sandbox.checkpoint(SnapshotKind::Filesystem).await.unwrap();
        assert_eq!(snapshot.kind, SnapshotKind::Filesystem);
        let again = engine().create(SandboxSpec::default().snapshot_id(&snapshot.id)).await.unwrap();
        assert!(again.list_processes().await.unwrap().is_empty());
        assert_eq!(again.run(Command::shell("cat file")).await.unwrap().stdout, "content");
    });
}

#[test]
fn a_suspended_sandbox_goes_on_when_it_is_used() {
    test(async {
        let sandbox = engine().create(SandboxSpec::named("rests")).await.unwrap();
        let process = sandbox.start_process(Command::shell(COMPUTE)).await.unwrap();
        let followed = sandbox.follow_stdout((&process).into()).await.unwrap();
        a_moment(40).await;
        for _ in 0..3 {
            sandbox.suspend().await.unwrap();
            assert_eq!(sandbox.status().await.unwrap(), SandboxStatus::Suspended);
            a_moment(20).await;
            sandbox.resume().await.unwrap();
            assert_eq!(sandbox.status().await.unwrap(), SandboxStatus::Running);
            a_moment(20).await;
        }
        sandbox.suspend().await.unwrap();
        // This wakes it up.
        assert_eq!(output_of(&*sandbox, &process).await, COMPUTED);
        let lines: Vec<_> = followed.map(|event| event.unwrap().line).collect().await;
        assert_eq!(lines, [COMPUTED]);
        sandbox.terminate().await.unwrap();
    });
}

#[test]
fn a_run_in_progress_is_suspended_and_goes_on() {
    test(async {
        let sandbox = engine().create(SandboxSpec::named("rests-in-a-run")).await.unwrap();
        let run = tokio::spawn({
            let sandbox = sandbox.clone();
            async move { sandbox.run(Command::shell("while [ ! -e go ]; do :; done; echo gone")).await.unwrap() }
        });
        a_moment(60).await;
        sandbox.suspend().await.unwrap();
        a_moment(50).await;
        assert!(!run.is_finished());
        sandbox.resume().await.unwrap();
        sandbox.write("go", "").await.unwrap();
        assert_eq!(run.await.unwrap().stdout, "gone");
        sandbox.terminate().await.unwrap();
    });
}

#[test]
fn going_back_undoes_what_was_done_since() {
    test(async {
        let sandbox = engine().create(SandboxSpec::default()).await.unwrap();
        let process = sandbox.start_process(Command::shell(COMPUTE)).await.unwrap();
        a_moment(60).await;
        let snapshot = sandbox.checkpoint(SnapshotKind::Memory).await.unwrap();
        assert_eq!(output_of(&*sandbox, &process).await, COMPUTED);
        sandbox.run(Command::shell("rm -rf /root/*; echo changed > /root/other")).await.unwrap();
        sandbox.rollback(&snapshot.id).await.unwrap();
        assert!(sandbox.read_to_string("other").await.is_err());
        assert_eq!(output_of(&*sandbox, &process).await, COMPUTED);
    });
}

/// Returns an engine that keeps snapshots in a directory, where other ones find them.
fn engine_over(dir: &Path) -> Engine {
    let cache = stillbox_tests::output_dir().join("cache");
    Engine::builder().cache_dir(cache).snapshot_dir(dir).build().unwrap()
}

#[test]
fn another_engine_begins_with_the_files_that_one_has_saved() {
    test(async {
        let dir = tempfile::tempdir().unwrap();
        let sandbox = engine_over(dir.path()).create(SandboxSpec::default()).await.unwrap();
        sandbox.write("file", "kept").await.unwrap();
        let snapshot = sandbox.checkpoint(SnapshotKind::Filesystem).await.unwrap();
        let (limits, second) = (Limits { processes: 7, ..Limits::default() }, engine_over(dir.path()));
        let spec = SandboxSpec::default().limits(limits.clone()).entrypoint(["sleep", "60"]);
        let again = second.create(spec.snapshot_id(&snapshot.id)).await.unwrap();
        assert_eq!(again.info().await.unwrap().limits, limits);
        assert_eq!(again.list_processes().await.unwrap().len(), 1);
        assert_eq!(again.read_to_string("file").await.unwrap(), "kept");
    });
}

#[test]
fn another_engine_goes_on_with_what_one_has_left() {
    test(async {
        let dir = tempfile::tempdir().unwrap();
        let first = engine_over(dir.path());
        let sandbox = first.create(SandboxSpec::named("moves")).await.unwrap();
        let process = sandbox.start_process(Command::shell(COMPUTE)).await.unwrap();
        a_moment(60).await;
        let snapshot = sandbox.checkpoint(SnapshotKind::Memory).await.unwrap();
        sandbox.suspend().await.unwrap();
        drop((sandbox, first));

        let second = engine_over(dir.path());
        let found = second.connect("moves").await.unwrap();
        assert_eq!(found.status().await.unwrap(), SandboxStatus::Suspended);
        assert_eq!(output_of(&*found, &process).await, COMPUTED);
        let again = second.create(SandboxSpec::default().snapshot_id(&snapshot.id)).await.unwrap();
        assert_eq!(output_of(&*again, &process).await, COMPUTED);
    });
}

#[test]
fn what_is_stored_again_and_again_stays_whole() {
    test(async {
        let dir = tempfile::tempdir().unwrap();
        let own = || {
            let cache = stillbox_tests::output_dir().join("cache");
            Engine::builder().cache_dir(cache).snapshot_dir(dir.path()).build().unwrap()
        };
        let (other, engine) = (engine(), own());
        let mut here = engine.create(SandboxSpec::default()).await.unwrap();
        let process = here.start_process(Command::shell(COMPUTE)).await.unwrap();
        for round in 0..12 {
            a_moment(10).await;
            if round % 3 == 1 {
                // A copy shares what was saved, and is not stored.
                here.copy(1).await.unwrap().remove(0).terminate().await.unwrap();
            }
            let snapshot = here.checkpoint(SnapshotKind::Memory).await.unwrap();
            // Whoever takes in a file compares all that is in it with what it is said to be.
            let mut file = Vec::new();
            engine.export_snapshot(&snapshot.id, &mut file).unwrap();
            let taken_in = other.import_snapshot(&file.into()).unwrap();
            if round % 3 == 2 {
                here.terminate().await.unwrap();
                here = engine.create(SandboxSpec::default().snapshot_id(&snapshot.id)).await.unwrap();
            }
            if round == 11 {
                let again = other.create(SandboxSpec::default().snapshot_id(&taken_in.id)).await.unwrap();
                assert_eq!(output_of(&*again, &process).await, COMPUTED);
                again.terminate().await.unwrap();
            }
            other.delete_snapshot(&taken_in.id).await.unwrap();
        }
        assert_eq!(output_of(&*here, &process).await, COMPUTED);
    });
}

#[test]
fn a_managed_process_is_still_managed() {
    test(async {
        let sandbox = engine().create(SandboxSpec::default()).await.unwrap();
        let policy = RestartPolicy { backoff_initial: Duration::from_millis(10), ..RestartPolicy::default() };
        let script = "echo run >> runs; read line; exit 1";
        let command = Command::shell(script).stdin(InputMode::Pipe).name("worker").restart(policy);
        sandbox.start_process(command).await.unwrap();
        a_moment(50).await;
        let copy = sandbox.copy(1).await.unwrap().remove(0);
        for sandbox in [&copy, &sandbox] {
            sandbox.close_stdin("worker".into()).await.unwrap();
            for _ in 0..500 {
                a_moment(10).await;
                if sandbox.read_to_string("runs").await.unwrap() == "run\nrun\n" {
                    break;
                }
            }
            assert_eq!(sandbox.read_to_string("runs").await.unwrap(), "run\nrun\n");
            let managed = sandbox.get_process("worker".into()).await.unwrap().managed.unwrap();
            assert_eq!((managed.id.as_str(), managed.restart_count), ("worker", 1));
            sandbox.kill_process("worker".into()).await.unwrap();
        }
    });
}

#[test]
fn an_idle_sandbox_with_a_name_is_suspended_and_one_without_ends() {
    test(async {
        let timeout = Duration::from_millis(50);
        let named = engine().create(SandboxSpec::named("idles").idle_timeout(timeout)).await.unwrap();
        let ephemeral = engine().create(SandboxSpec::default().idle_timeout(timeout)).await.unwrap();
        named.write("file", "kept").await.unwrap();
        while named.status().await.unwrap() != SandboxStatus::Suspended {
            a_moment(10).await;
        }
        while ephemeral.status().await.unwrap() != SandboxStatus::Terminated {
            a_moment(10).await;
        }
        assert_eq!(named.read_to_string("file").await.unwrap(), "kept");
        // It was woken up for that, and is soon idle again.
        while named.status().await.unwrap() != SandboxStatus::Suspended {
            a_moment(10).await;
        }
        let (found, outcome) = engine().get_or_create("idles", SandboxSpec::default()).await.unwrap();
        assert_eq!((found.id(), outcome), (named.id(), BindOutcome::Resumed));
        assert_eq!(found.read_to_string("file").await.unwrap(), "kept");
        named.terminate().await.unwrap();
    });
}

#[test]
fn without_auto_resume_a_call_says_that_the_sandbox_is_suspended() {
    test(async {
        let sandbox = engine().create(SandboxSpec::named("stays").auto_resume(false)).await.unwrap();
        sandbox.write("file", "kept").await.unwrap();
        sandbox.suspend().await.unwrap();
        let refused = sandbox.read_file("file").await.unwrap_err();
        assert!(matches!(refused, FileError::WrongStatus(status) if status.status == SandboxStatus::Suspended));
        sandbox.update(SandboxUpdate { auto_resume: Some(true), ..SandboxUpdate::default() }).await.unwrap();
        assert_eq!(sandbox.status().await.unwrap(), SandboxStatus::Suspended);
        assert_eq!(sandbox.read_to_string("file").await.unwrap(), "kept");
        sandbox.terminate().await.unwrap();
    });
}

#[test]
fn what_ends_while_it_is_suspended_leaves_nothing() {
    test(async {
        let sandbox = engine().create(SandboxSpec::named("ends")).await.unwrap();
        let run = tokio::spawn({
            let sandbox = sandbox.clone();
            async move { sandbox.run(Command::new("sleep").arg("1000")).await.unwrap() }
        });
        a_moment(50).await;
        sandbox.suspend().await.unwrap();
        sandbox.terminate().await.unwrap();
        assert_eq!(run.await.unwrap().exit_code, -9);
        // The name is free.
        let again = engine().create(SandboxSpec::named("ends")).await.unwrap();
        again.terminate().await.unwrap();
    });
}

#[test]
fn nothing_is_held_of_what_rested_or_stood_still() {
    test(async {
        let cache = stillbox_tests::output_dir().join("cache");
        let engine = Engine::builder().cache_dir(cache).build().unwrap();
        let script = "sleep 1000 | cat & while :; do :; done";
        for round in 0..20 {
            let sandbox = engine.create(SandboxSpec::named("one")).await.unwrap();
            let process = sandbox.start_process(Command::shell(script)).await.unwrap();
            a_moment(10).await;
            let copy = sandbox.copy(1).await.unwrap().remove(0);
            sandbox.suspend().await.unwrap();
            if round % 2 == 0 {
                sandbox.resume().await.unwrap();
                sandbox.kill_process((&process).into()).await.unwrap();
            }
            sandbox.terminate().await.unwrap();
            copy.terminate().await.unwrap();
        }
        for _ in 0..500 {
            a_moment(10).await;
            if engine.metrics().processes_live + engine.metrics().threads_busy == 0 {
                break;
            }
        }
        let metrics = engine.metrics();
        assert_nothing_held(&metrics);
    });
}

#[test]
fn a_sandbox_without_a_name_cannot_be_suspended() {
    test(async {
        let sandbox = engine().create(SandboxSpec::default()).await.unwrap();
        assert!(matches!(sandbox.suspend().await, Err(LifecycleError::Ephemeral { .. })));
        assert_eq!(sandbox.status().await.unwrap(), SandboxStatus::Running);
    });
}

#[test]
fn time_stands_still_while_a_sandbox_is_suspended() {
    test(async {
        let sandbox = engine().create(SandboxSpec::named("keeps-time")).await.unwrap();
        let command = Command::shell("sleep 0.4; echo slept").timeout(Duration::from_millis(4000));
        let process = sandbox.start_process(command).await.unwrap();
        a_moment(50).await;
        sandbox.suspend().await.unwrap();
        a_moment(4500).await;
        sandbox.resume().await.unwrap();
        assert_eq!(output_of(&*sandbox, &process).await, "slept");
        sandbox.terminate().await.unwrap();
    });
}
