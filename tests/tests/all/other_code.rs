//! A checkpoint doesn't depend on code: what native code has saved goes on in the interpreter, and the other way round.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use stillbox::{
    AsyncSandbox, AsyncSandboxExt as _, Command, CommandResult, Engine, InputMode, ProcessInfo, ProcessStatus,
    SandboxSpec, Sandboxes as _, SnapshotKind,
};
use stillbox_tests::{output_dir, stdout, test, test_within};

use crate::modules::PROMPTLY;

/// Compiling programs for the interpreter takes its time once.
const LONGEST: Duration = Duration::from_secs(400);

/// How often a program goes on elsewhere.
const MOVES: usize = 8;

/// Uses what a module can have on its stack, in memories, globals and tables. For each byte that it reads, it computes a
/// while, and writes a line that depends on all it has computed.
const EVERYTHING: &str = include_str!("../everything.wat");

/// Loops in loops that touch no memory.
const SPIN: &str = r#"
    (local $i i64)
    (loop $outer
      (loop $inner (local.set $i (i64.add (local.get $i) (i64.const 1))) (br_if $inner (i64.ne (local.get $i) (i64.const 0))))
      (br $outer))"#;

/// Two engines that share the code on disk and the snapshots, and differ in what runs guests.
struct Engines {
    native: Engine,
    interpreting: Engine,
    _snapshots: tempfile::TempDir,
}

impl Engines {
    fn new() -> Self {
        let snapshots = tempfile::tempdir().unwrap();
        let builder = || {
            let builder = Engine::builder().cache_dir(output_dir().join("cache")).snapshot_dir(snapshots.path());
            builder.compile_ahead(false)
        };
        let native = builder().build().unwrap();
        let interpreting = builder().interpreted(true).build().unwrap();
        Self { native, interpreting, _snapshots: snapshots }
    }

    /// Returns the engine that goes on after so many moves, which begin in the native one.
    fn after(&self, moves: usize) -> &Engine {
        if moves.is_multiple_of(2) { &self.native } else { &self.interpreting }
    }

    /// Has another engine go on with a sandbox.
    async fn moved(&self, from: Arc<dyn AsyncSandbox>, to: &Engine) -> Arc<dyn AsyncSandbox> {
        let snapshot = from.checkpoint(SnapshotKind::Memory).await.unwrap();
        from.terminate().await.unwrap();
        let gone_on = to.create(SandboxSpec::default().snapshot_id(&snapshot.id)).await.unwrap();
        to.delete_snapshot(&snapshot.id).await.unwrap();
        gone_on
    }
}

async fn sandbox_with_everything(engine: &Engine) -> Arc<dyn AsyncSandbox> {
    let sandbox = engine.create(SandboxSpec::default()).await.unwrap();
    sandbox.write("everything.wasm", wat::parse_str(EVERYTHING).unwrap()).await.unwrap();
    sandbox
}

/// Waits until a process has written so many lines.
async fn written(sandbox: &dyn AsyncSandbox, process: &ProcessInfo, count: usize) -> Vec<String> {
    let begun = Instant::now();
    loop {
        let lines = sandbox.get_output(process.into()).await.unwrap().lines;
        if lines.len() >= count {
            return lines;
        }
        assert!(begun.elapsed() < 2 * PROMPTLY, "{lines:?} and no more");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

async fn undisturbed(engine: &Engine, bytes: &str) -> CommandResult {
    let sandbox = sandbox_with_everything(engine).await;
    let begun = Instant::now();
    let result = sandbox.run(Command::new("./everything.wasm").stdin(Bytes::from(bytes.to_owned()))).await.unwrap();
    println!("undisturbed in {:?}", begun.elapsed());
    sandbox.terminate().await.unwrap();
    result
}

#[test]
fn a_program_goes_on_in_the_middle_of_a_computation() {
    test(async {
        let engines = Engines::new();
        let bytes = "to and fro";
        let expected = stdout(&undisturbed(&engines.native, bytes).await).to_owned();
        assert_eq!(stdout(&undisturbed(&engines.interpreting, bytes).await), expected);

        let mut here = sandbox_with_everything(&engines.native).await;
        let command = Command::new("./everything.wasm").stdin(InputMode::Pipe);
        let process = here.start_process(command).await.unwrap();
        for (moves, byte) in bytes.bytes().enumerate() {
            // It has read all that came before, and begins with this one.
            written(&*here, &process, moves).await;
            here.write_stdin((&process).into(), vec![byte].into()).await.unwrap();
            tokio::time::sleep(Duration::from_millis(3)).await;
            here = engines.moved(here, engines.after(moves + 1)).await;
        }
        here.close_stdin((&process).into()).await.unwrap();
        let ended = here.wait_process((&process).into()).await.unwrap();
        let output = here.get_output((&process).into()).await.unwrap().lines.join("\n") + "\n";
        assert_eq!((ended.status, output), (ProcessStatus::Exited(0), expected));
        here.terminate().await.unwrap();
    });
}

#[test]
fn what_is_saved_is_the_same_bytes() {
    test(async {
        let engines = Engines::new();
        let mut saved = Vec::new();
        for engine in [&engines.native, &engines.interpreting] {
            let sandbox = sandbox_with_everything(engine).await;
            let command = Command::new("./everything.wasm").stdin(InputMode::Pipe);
            let process = sandbox.start_process(command).await.unwrap();
            sandbox.write_stdin((&process).into(), "same".into()).await.unwrap();
            written(&*sandbox, &process, 4).await;
            // It reads again, and finds nothing.
            tokio::time::sleep(Duration::from_millis(50)).await;
            let snapshot = sandbox.checkpoint(SnapshotKind::Memory).await.unwrap();
            let mut file = Vec::new();
            engine.export_snapshot(&snapshot.id, &mut file).unwrap();
            saved.push(chunk_table(&file));
            sandbox.terminate().await.unwrap();
        }
        assert_eq!(saved[0], saved[1]);
    });
}

/// Returns the part of a checkpoint's file that has the hashes of all memories and files: see `docs/checkpoint-format.md`.
fn chunk_table(file: &[u8]) -> Vec<u8> {
    let number = |at: usize| u64::from_le_bytes(file[at..at + 8].try_into().unwrap()) as usize;
    let sections = number(12) as u32 as usize;
    let mut at = 16 + sections * 48 + 32;
    for header in (0..sections).map(|section| 16 + section * 48) {
        let len = number(header + 8);
        if &file[header..header + 4] == b"CHNK" {
            assert!(len > 36, "there are chunks");
            return file[at..at + len].to_vec();
        }
        at += len;
    }
    panic!("a checkpoint has a table of its chunks");
}

#[test]
fn a_pipeline_of_the_shell_goes_on() {
    test_within(LONGEST, async {
        let script = r#"
            step() { sum=$(( (sum * 31 + $1) % 1000003 )); }
            n=0
            while [ ! -e go ]; do n=$((n + 1)); echo $n; done | {
                count=0 all=0
                while read n; do
                    count=$((count + 1)) all=$((all + n)) sum=7 j=0
                    while [ $j -lt 30 ]; do step $j; j=$((j + 1)); done
                    [ $sum = 335516 ] || echo "wrong: $sum"
                done
                [ $all = $((count * (count + 1) / 2)) ] && echo "whole after $((count > 10))"
            } | cat
        "#;
        let engines = Engines::new();
        // What compiling takes is not to be waited for in the middle.
        for engine in [&engines.native, &engines.interpreting] {
            let sandbox = engine.create(SandboxSpec::default()).await.unwrap();
            assert_eq!(stdout(&sandbox.run(Command::shell("echo yes | cat")).await.unwrap()), "yes\n");
            sandbox.terminate().await.unwrap();
        }
        let mut here = engines.native.create(SandboxSpec::default()).await.unwrap();
        let process = here.start_process(Command::shell(script)).await.unwrap();
        for moves in 0..MOVES {
            tokio::time::sleep(Duration::from_millis(20 + 40 * moves as u64 % 7)).await;
            here = engines.moved(here, engines.after(moves + 1)).await;
            let info = here.get_process((&process).into()).await.unwrap();
            assert_eq!(info.status, ProcessStatus::Running, "after {moves} moves");
        }
        here.write("go", "").await.unwrap();
        let ended = here.wait_process((&process).into()).await.unwrap();
        let output = here.get_output((&process).into()).await.unwrap().lines;
        assert_eq!((ended.status, output), (ProcessStatus::Exited(0), vec!["whole after 1".to_owned()]));
        here.terminate().await.unwrap();
    });
}

#[test]
fn what_is_interpreted_is_interrupted_in_any_loop() {
    test(async {
        let engines = Engines::new();
        let sandbox = engines.interpreting.create(SandboxSpec::default()).await.unwrap();
        sandbox.write("spin.wasm", crate::modules::command("", SPIN)).await.unwrap();
        let process = sandbox.start_process(Command::new("./spin.wasm")).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        let begun = Instant::now();
        let copy = sandbox.copy(1).await.unwrap().remove(0);
        for sandbox in [copy, sandbox] {
            sandbox.kill_process((&process).into()).await.unwrap();
            let ended = sandbox.wait_process((&process).into()).await.unwrap();
            assert_eq!(ended.status, ProcessStatus::Signaled(9));
            sandbox.terminate().await.unwrap();
        }
        assert!(begun.elapsed() < PROMPTLY, "it took {:?}", begun.elapsed());
    });
}
