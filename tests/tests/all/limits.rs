//! Each limit on its own, as a program and as the host meet it; and what guests make the host hold beside their memory.

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::StreamExt as _;
use stillbox::{
    AsyncSandboxExt as _, Command, CommandResult, CreateError, ExitReason, FileError, InputMode, Limits, Mount,
    ProcessError, ProcessStatus, SandboxSpec, Sandboxes as _,
};
use stillbox_tests::{Fresh, engine, sandbox, sandbox_of, stdout, test};

use crate::modules::{PROMPTLY, assert_works, assert_works_soon, exiting, probe, probing, run_module};

const SIGKILL: i32 = -9;
const SIGXCPU: i32 = -24;

const E2BIG: i32 = 1;
const ENFILE: i32 = 41;
const ENOMEM: i32 = 48;

// ---- Memory.

#[test]
fn a_gibibyte_more_is_refused() {
    test(async {
        // Grows by 16,384 pages of 64 KiB and exits with 1 if that was refused, after using what it has.
        let grow = |pages: u32| {
            let body = format!("(i32.eq (memory.grow (i32.const {pages})) (i32.const -1))");
            exiting("", &body)
        };
        let sandbox = sandbox().await;
        assert_eq!(run_module(&sandbox, grow(16_384)).await.exit_code, 1, "past the default of 1 GiB");
        assert_eq!(run_module(&sandbox, grow(16)).await.exit_code, 0);
        assert_eq!(run_module(&sandbox, grow(65_535)).await.exit_code, 1);

        let small = sandbox_of(probing(Limits { process_memory_bytes: 64 << 20, ..Limits::default() })).await;
        assert_eq!(run_module(&small, grow(1_024)).await.exit_code, 1);
        let result = probe(&small, "hostile_hugealloc", &["1024"]).await;
        assert_eq!(stdout(&result), "refused\n");
        let result = probe(&small, "hostile_grow", &[]).await;
        let mebibytes: u32 = stdout(&result).trim().parse().unwrap();
        assert!((32..64).contains(&mebibytes), "{mebibytes} MiB were granted");
        assert_works(&small).await;
    });
}

#[test]
fn a_sandbox_has_its_memory_for_all_its_processes() {
    test(async {
        let limits = Limits { memory_bytes: 64 << 20, ..Limits::default() };
        let sandbox = sandbox_of(probing(limits)).await;
        let result = probe(&sandbox, "hostile_grow", &[]).await;
        let mebibytes: u32 = stdout(&result).trim().parse().unwrap();
        assert!((32..64).contains(&mebibytes), "{mebibytes} MiB were granted");
        // All of it is given back.
        let again = probe(&sandbox, "hostile_grow", &[]).await;
        assert_eq!(stdout(&again), stdout(&result));
        assert_works(&sandbox).await;
    });
}

#[test]
fn a_module_that_starts_with_too_much_memory_does_not_start() {
    test(async {
        let sandbox =
            sandbox_of(SandboxSpec::default().limits(Limits { process_memory_bytes: 64 << 20, ..Limits::default() }))
                .await;
        let module = wat::parse_str(r#"(module (memory (export "memory") 2048) (func (export "_start")))"#).unwrap();
        sandbox.write("large.wasm", module).await.unwrap();
        let result = sandbox.ran(Command::new("./large.wasm")).await;
        assert_eq!((result.exit_code, result.reason), (SIGKILL, ExitReason::OomKilled), "{result:?}");
        let started = sandbox.start_process(Command::new("./large.wasm")).await.unwrap();
        let ended = sandbox.wait_process((&started).into()).await.unwrap();
        assert_eq!((ended.status, ended.status.exit_code()), (ProcessStatus::OomKilled, None));
        let result = sandbox.sh("./large.wasm 2> /dev/null; echo $?").await;
        assert_eq!(stdout(&result), "137\n", "as after the out-of-memory killer");
        assert_works(&sandbox).await;
    });
}

/// What one process has, another can't get, and has again when the first has ended.
#[test]
fn two_processes_share_the_memory_of_their_sandbox() {
    test(async {
        let limits = Limits { memory_bytes: 64 << 20, ..Limits::default() };
        let sandbox = sandbox_of(probing(limits)).await;
        // Takes 40 MiB and waits for its input to end.
        let held = wat::parse_str(
            r#"(module
                (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
                (memory (export "memory") 640)
                (func (export "_start")
                    (i32.store (i32.const 4) (i32.const 1))
                    (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))))"#,
        );
        sandbox.write("held.wasm", held.unwrap()).await.unwrap();
        let holder = sandbox.start_process(Command::new("./held.wasm").stdin(InputMode::Pipe)).await.unwrap();
        let granted = async || -> u32 {
            stdout(&probe(&sandbox, "hostile_grow", &[]).await).trim().parse().expect("it prints a number")
        };
        let beside = granted().await;
        sandbox.close_stdin((&holder).into()).await.unwrap();
        sandbox.wait_process((&holder).into()).await.unwrap();
        let alone = granted().await;
        assert!(beside < 24 && alone >= beside + 30, "{beside} MiB beside 40 MiB, {alone} MiB alone");
    });
}

// ---- Time.

#[test]
fn cpu_time_past_the_limit_is_sigxcpu() {
    test(async {
        let limits = Limits { cpu_time: Some(Duration::from_millis(300)), ..Limits::default() };
        let sandbox = sandbox_of(probing(limits)).await;
        let result = probe(&sandbox, "hostile_spin", &[]).await;
        assert_eq!((result.exit_code, result.reason), (SIGXCPU, ExitReason::Signaled), "{result:?}");
        // Of a process that a guest started, too; and the shell that waits for it has used next to nothing.
        let result = sandbox.sh("probes hostile_spin; echo $?").await;
        assert_eq!(stdout(&result), "152\n");
        // Waiting is no computing.
        let result = sandbox.sh("sleep 0.8; echo done").await;
        assert_eq!(stdout(&result), "done\n");
        // Each has its own time, though they run on the same thread one after another.
        for _ in 0..10 {
            let result = sandbox.ran(Command::new("probes").args(["bench_spin", "40000000"])).await;
            assert!(result.success(), "{result:?}");
        }
    });
}

#[test]
fn who_ignores_sigxcpu_is_killed() {
    test(async {
        let limits = Limits { cpu_time: Some(Duration::from_millis(200)), ..Limits::default() };
        let sandbox = sandbox_of(SandboxSpec::default().limits(limits)).await;
        let module = wat::parse_str(
            r#"(module
                (import "stillbox_v1" "signal_action" (func $action (param i32 i32) (result i32)))
                (memory (export "memory") 1)
                (func (export "_start")
                    (drop (call $action (i32.const 24) (i32.const 1)))
                    (loop (br 0))))"#,
        );
        let begun = Instant::now();
        let result = run_module(&sandbox, module.unwrap()).await;
        assert_eq!(result.exit_code, SIGKILL, "{result:?}");
        assert!(begun.elapsed() < PROMPTLY, "it took {:?}", begun.elapsed());
    });
}

/// Whatever the thread has done for others before.
#[test]
fn the_cpu_clock_of_a_process_begins_with_it() {
    test(async {
        let sandbox = sandbox_of(probing(Limits::default())).await;
        let used = sandbox.ran(Command::new("probes").arg("hostile_spin").timeout(Duration::from_millis(800))).await;
        assert!(used.timed_out());
        // Exits with its CPU time in tenths of a second.
        let import =
            r#"(import "wasi_snapshot_preview1" "clock_time_get" (func $time (param i32 i64 i32) (result i32)))"#;
        let tenths = r#"(i32.add
            (call $time (i32.const 2) (i64.const 0) (i32.const 0))
            (i32.wrap_i64 (i64.div_u (i64.load (i32.const 0)) (i64.const 100000000))))"#;
        assert_eq!(run_module(&sandbox, exiting(import, tenths)).await.exit_code, 0);
    });
}

#[test]
fn the_cpu_time_of_a_process_shows_while_it_runs() {
    test(async {
        let sandbox = sandbox_of(probing(Limits::default())).await;
        let spinning = sandbox.start_process(Command::new("probes").arg("hostile_spin")).await.unwrap();
        let ticks = async || -> u64 {
            let stat = sandbox.read_to_string(&format!("/proc/{}/stat", spinning.pid)).await.unwrap();
            stat.split_whitespace().nth(13).unwrap().parse().unwrap()
        };
        let begun = Instant::now();
        let first = loop {
            let ticks = ticks().await;
            if ticks > 0 || begun.elapsed() > PROMPTLY {
                break ticks;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        assert!(first > 0, "no CPU time shows");
        while ticks().await <= first && begun.elapsed() < 2 * PROMPTLY {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert!(ticks().await > first, "it stays at {first}");
        sandbox.kill_process((&spinning).into()).await.unwrap();
        // What children have used is their parent's when it has waited for them.
        let result = sandbox.sh("probes bench_spin 100000000 > out; cat /proc/$$/stat").await;
        let fields: Vec<&str> = stdout(&result).split_whitespace().collect();
        let (own, children): (u64, u64) = (fields[13].parse().unwrap(), fields[15].parse().unwrap());
        assert!(children > own, "{fields:?}");
    });
}

#[test]
fn wall_time_past_the_limit_is_sigkill() {
    test(async {
        let limits = Limits { wall_time: Some(Duration::from_millis(500)), ..Limits::default() };
        let sandbox = sandbox_of(SandboxSpec::default().limits(limits)).await;
        let result = sandbox.ran(Command::new("sleep").arg("20")).await;
        assert_eq!((result.exit_code, result.reason), (SIGKILL, ExitReason::Signaled));
        // A process that stays behind has no longer than any other.
        let begun = Instant::now();
        let result = sandbox.sh("sleep 1000 > /dev/null 2>&1 & echo $!").await;
        let left_behind = format!("/proc/{}/stat", stdout(&result).trim());
        assert!(sandbox.read_to_string(&left_behind).await.is_ok(), "it should still run");
        while sandbox.read_to_string(&left_behind).await.is_ok() && begun.elapsed() < PROMPTLY {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert!(begun.elapsed() < PROMPTLY, "it still runs");
        assert_works(&sandbox).await;
    });
}

// ---- Processes and what they have open.

#[test]
fn processes_past_the_limit_are_eagain() {
    test(async {
        let sandbox = sandbox_of(probing(Limits { processes: 16, ..Limits::default() })).await;
        let result = probe(&sandbox, "hostile_forkbomb", &[]).await;
        assert!(result.stdout.contains("emporarily unavailable") || result.stdout.contains("again"), "{result:?}");
        assert_works_soon(&sandbox).await;

        // The host's own starts count as well.
        let mut started = Vec::new();
        let refused = loop {
            match sandbox.start_process(Command::new("sleep").arg("60")).await {
                Ok(process) => started.push(process),
                Err(error) => break error,
            }
            assert!(started.len() <= 16);
        };
        assert!(matches!(refused, ProcessError::Limit { limit: "processes", .. }), "{refused:?}");
        for process in &started {
            sandbox.kill_process(process.into()).await.unwrap();
        }
        assert_works_soon(&sandbox).await;
    });
}

#[test]
fn too_many_open_files_are_emfile() {
    test(async {
        let sandbox = sandbox_of(probing(Limits { fds: 64, ..Limits::default() })).await;
        let result = probe(&sandbox, "hostile_many_fds", &[]).await;
        let (count, error) = stdout(&result).trim_end().split_once(' ').unwrap();
        assert!((50..64).contains(&count.parse().unwrap()), "{count} could be opened");
        assert!(error.contains("oo many open files") || error.contains("descriptor"), "{error}");
    });
}

/// Each is a descriptor of the host's process, which has its own limit.
#[test]
fn too_many_open_files_of_the_host_are_enfile() {
    test(async {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("file"), "x").unwrap();
        let limits = Limits { host_fds: 20, ..Limits::default() };
        let spec = SandboxSpec::default().limits(limits).mount(Mount::read_only(dir.path(), "/host"));
        let sandbox = sandbox_of(spec).await;
        assert_eq!(until_errno(&sandbox, &opening("host/file", ""), ENFILE).await, 20);
        assert_eq!(until_errno(&sandbox, &opening("host/file", ""), ENFILE).await, 20, "they are closed at the end");
        // The sandbox's own files are none of the host's.
        assert_eq!(until_errno(&sandbox, &opening("etc/hosts", ""), 33).await, 1020);
    });
}

#[test]
fn full_pipes_make_their_writers_wait() {
    test(async {
        let limits = Limits { pipe_bytes: 8192, ..Limits::default() };
        let sandbox = sandbox_of(SandboxSpec::default().limits(limits)).await;
        let process = sandbox.start_process(Command::new("sleep").arg("60").stdin(InputMode::Pipe)).await.unwrap();
        let write = |len: usize| {
            let written = sandbox.write_stdin((&process).into(), Bytes::from(vec![b'x'; len]));
            tokio::time::timeout(Duration::from_millis(300), written)
        };
        write(8192).await.expect("it fits").unwrap();
        assert!(write(1).await.is_err(), "it can't fit");
        sandbox.kill_process((&process).into()).await.unwrap();
    });
}

#[test]
fn too_many_pipes_are_small_and_then_enfile() {
    test(async {
        let limits = Limits { kernel_bytes: 1 << 20, ..Limits::default() };
        let sandbox = sandbox_of(SandboxSpec::default().limits(limits)).await;
        let pipe = (
            r#"(import "wasix_32v1" "fd_pipe" (func $pipe (param i32 i32) (result i32)))"#,
            "(call $pipe (i32.const 16) (i32.const 20))",
        );
        // 15 of 64 KiB fit into a mebibyte, and some of 4 KiB into the rest.
        let count = until_errno(&sandbox, &repeated(pipe.0, pipe.1, "", ""), ENFILE).await;
        assert!((16..=40).contains(&count), "{count}");
        assert_eq!(until_errno(&sandbox, &repeated(pipe.0, pipe.1, "", ""), ENFILE).await, count, "all is free again");
        assert_works(&sandbox).await;
    });
}

// ---- What guests make the host hold.

/// A file of `/proc` is made when it is opened, and kept as long as it is open.
#[test]
fn open_files_of_proc_count() {
    test(async {
        let limits = Limits { kernel_bytes: 1 << 20, ..Limits::default() };
        let sandbox = sandbox_of(SandboxSpec::default().limits(limits)).await;
        sandbox.write("module.wasm", opening("proc/self/environ", "")).await.unwrap();
        let command = Command::new("./module.wasm").env("LARGE", "x".repeat(100_000));
        let count = counted(&sandbox.ran(command).await, ENOMEM);
        assert!((5..10).contains(&count), "{count} times 100 kB");
    });
}

/// So are the names in a directory of a mount, from when reading begins.
#[test]
fn open_directories_of_mounts_count() {
    test(async {
        let dir = tempfile::tempdir().unwrap();
        for number in 0..300 {
            std::fs::write(dir.path().join(format!("{number:0>200}")), "").unwrap();
        }
        let limits = Limits { kernel_bytes: 1 << 20, ..Limits::default() };
        let spec = SandboxSpec::default().limits(limits).mount(Mount::read_only(dir.path(), "/host"));
        let sandbox = sandbox_of(spec).await;
        let read =
            "(call $readdir (i32.load (i32.const 16)) (i32.const 1024) (i32.const 256) (i64.const 0) (i32.const 24))";
        let count = until_errno(&sandbox, &opening("host", read), ENOMEM).await;
        assert!((8..20).contains(&count), "{count} times 300 names of 200 bytes");
        assert_eq!(stdout(&sandbox.sh("ls /host | wc -l").await).trim(), "300");
    });
}

#[test]
fn arguments_count_as_long_as_their_process_runs() {
    test(async {
        let limits = Limits { kernel_bytes: 1 << 20, ..Limits::default() };
        let sandbox = sandbox_of(SandboxSpec::default().limits(limits)).await;
        let waiting = || Command::new("cat").arg("-").arg("-u").env("X", "x".repeat(300_000)).stdin(InputMode::Pipe);
        let mut running = Vec::new();
        let refused = loop {
            match sandbox.start_process(waiting()).await {
                Ok(process) => running.push(process),
                Err(error) => break error,
            }
            assert!(running.len() < 10);
        };
        assert!(matches!(refused, ProcessError::Limit { limit: "kernel_bytes", .. }), "{refused:?}");
        assert!((2..=3).contains(&running.len()), "{} times 300 kB", running.len());
        for process in &running {
            sandbox.kill_process(process.into()).await.unwrap();
            sandbox.wait_process(process.into()).await.unwrap();
        }
        assert_works_soon(&sandbox).await;
    });
}

/// Whoever makes the host copy a string says how long it is, and can say anything.
#[test]
fn strings_that_the_host_copies_are_bounded() {
    test(async {
        let sandbox = sandbox_of(SandboxSpec::default()).await;
        let spawn = r#"(import "wasix_32v1" "proc_spawn3" (func $spawn
                (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))"#;
        let call = |name_len: u32, ops: u32, op_path_len: u32| {
            format!(
                r#"(block (result i32)
                    (drop (memory.grow (i32.const 100)))
                    ;; An operation that changes the directory, to a path of so many zero bytes.
                    (i32.store8 (i32.const 1000) (i32.const 3))
                    (i32.store (i32.const 1016) (i32.const {op_path_len}))
                    (call $spawn (i32.const 4096) (i32.const {name_len}) (i32.const 0) (i32.const 0) (i32.const 8)
                        (i32.const 0) (i32.const 1000) (i32.const {ops}) (i32.const 0) (i32.const 0) (i32.const 0)
                        (i32.const 0) (i32.const 0) (i32.const 512)))"#
            )
        };
        let errno = async |name_len, ops, path_len| {
            run_module(&sandbox, exiting(spawn, &call(name_len, ops, path_len))).await.exit_code
        };
        assert_eq!(errno(5_000_000, 0, 0).await, 37, "a name is a path");
        assert_eq!(errno(5, 1, 5_000_000).await, E2BIG);
        assert_eq!(errno(5, 1, 5).await, 28, "a NUL is in the path, which was looked at");
    });
}

// ---- Arguments, output, files.

#[test]
fn too_many_arguments_are_e2big() {
    test(async {
        let sandbox =
            sandbox_of(SandboxSpec::default().limits(Limits { argument_bytes: 65_536, ..Limits::default() })).await;
        let long = "x".repeat(100_000);
        let Err(error) = sandbox.run(Command::new("true").arg(&*long)).await else { panic!("it started") };
        assert!(matches!(error, ProcessError::Limit { limit: "argument_bytes", .. }), "{error:?}");
        assert!(error.to_string().len() < 1_000);
        let result = sandbox.sh("x=$(seq 20000); env true \"$x\" \"$x\"; echo $?").await;
        assert_eq!(stdout(&result), "126\n");
        assert_works(&sandbox).await;
    });
}

/// The environment counts as well, as it does on Unix.
#[test]
fn arguments_and_environment_have_one_limit() {
    test(async {
        let limits = Limits { argument_bytes: 65_536, ..Limits::default() };
        let sandbox = sandbox_of(SandboxSpec::default().limits(limits)).await;
        let result =
            sandbox.sh("export x=$(seq 9000 | head -c 40000); true \"$x\"; echo $?; /bin/true \"$x\"; echo $?").await;
        assert_eq!(stdout(&result), "0\n126\n", "{}", result.stderr);
        let command = Command::new("true").arg("x".repeat(40_000)).env("X", "x".repeat(40_000));
        let Err(error) = sandbox.run(command).await else { panic!("it started") };
        assert!(matches!(error, ProcessError::Limit { limit: "argument_bytes", .. }), "{error:?}");
    });
}

#[test]
fn output_past_its_limit_displaces_the_oldest() {
    test(async {
        let limits = Limits { output_bytes: 10_000, ..Limits::default() };
        let sandbox = sandbox_of(SandboxSpec::default().limits(limits)).await;
        let process = sandbox.start_process(Command::new("seq").arg("10000")).await.unwrap();
        sandbox.wait_process((&process).into()).await.unwrap();
        let output = sandbox.get_stdout((&process).into()).await.unwrap();
        assert!(output.bytes.len() <= 10_000 && output.missed_bytes >= 38_000, "{}", output.bytes.len());
        assert_eq!(output.bytes.len() as u64 + output.missed_bytes, 48_894);
        assert_eq!(output.lines.last().unwrap(), "10000");
        // A follower who comes late is told the same.
        let events: Vec<_> = sandbox.follow_stdout((&process).into()).await.unwrap().collect().await;
        assert_eq!(events[0].as_ref().unwrap().missed_bytes, output.missed_bytes);
        assert_eq!(events.len(), output.lines.len());
    });
}

#[test]
fn captured_output_of_a_sandbox_has_a_limit() {
    test(async {
        let limits = Limits { captured_bytes: 300_000, ..Limits::default() };
        let sandbox = sandbox_of(SandboxSpec::default().limits(limits)).await;
        let mut ended = Vec::new();
        for _ in 0..8 {
            let process = sandbox.start_process(Command::new("seq").arg("16000")).await.unwrap();
            sandbox.wait_process((&process).into()).await.unwrap();
            ended.push(process);
        }
        let oldest = sandbox.get_stdout((&ended[0]).into()).await;
        assert!(matches!(oldest, Err(ProcessError::NotFound { .. })), "{oldest:?}");
        let newest = sandbox.get_stdout((&ended[7]).into()).await.unwrap();
        assert_eq!((newest.lines.len(), newest.missed_bytes), (16_000, 0));
    });
}

#[test]
fn a_full_disk_is_enospc() {
    test(async {
        let sandbox = sandbox_of(probing(Limits { file_bytes: 4 << 20, ..Limits::default() })).await;
        assert!(matches!(sandbox.write("big", vec![0; 5 << 20]).await, Err(FileError::NoSpace { .. })));
        let result = probe(&sandbox, "hostile_fill_disk", &[]).await;
        let (kib, kind) = stdout(&result).trim_end().split_once(' ').unwrap();
        assert_eq!(kind, "StorageFull");
        assert!((3_000..=4_096).contains(&kib.parse().unwrap()), "{kib} KiB fitted");

        let result =
            sandbox.sh("dd if=/dev/zero of=big bs=65536 count=100; echo $?; rm big; echo small > s && cat s").await;
        assert_eq!(stdout(&result), "1\nsmall\n");
        assert!(result.stderr.contains("No space left on device"), "{}", result.stderr);
        let result = sandbox.sh("yes > big; echo $?; rm big").await;
        assert_eq!(stdout(&result), "1\n");
        sandbox.write("after", "fine").await.unwrap();
        assert_works(&sandbox).await;
    });
}

#[test]
fn too_many_files_are_enospc() {
    test(async {
        let sandbox = sandbox_of(SandboxSpec::default().limits(Limits { inodes: 100, ..Limits::default() })).await;
        let result =
            sandbox.sh("for i in $(seq 300); do : > f$i || break; done 2> err; grep -c 'No space' err; rm f*").await;
        assert_eq!(stdout(&result), "1\n");
        assert_works(&sandbox).await;
    });
}

#[test]
fn a_program_that_is_too_large_is_not_compiled() {
    test(async {
        let limits = Limits { program_bytes: 10_000, ..Limits::default() };
        let sandbox = sandbox_of(SandboxSpec::default().limits(limits)).await;
        let mut large = wat::parse_str(r#"(module (memory (export "memory") 1) (func (export "_start")))"#).unwrap();
        sandbox.write("small.wasm", large.clone()).await.unwrap();
        assert!(sandbox.ran(Command::new("./small.wasm")).await.success());
        // A custom section that holds the rest.
        large.extend_from_slice(&[0, 0x90, 0x4e]);
        large.resize(large.len() + 0x2710, 0);
        sandbox.write("large.wasm", large).await.unwrap();
        let Err(error) = sandbox.run(Command::new("./large.wasm")).await else { panic!("it ran") };
        assert!(matches!(error, ProcessError::Limit { limit: "program_bytes", .. }), "{error:?}");
    });
}

#[test]
fn a_path_that_is_too_long_is_enametoolong() {
    test(async {
        let limits = Limits { path_bytes: 64, ..Limits::default() };
        let sandbox = sandbox_of(probing(limits)).await;
        let (fits, long) = ("x".repeat(57), "x".repeat(64));
        sandbox.write(&fits, "fits").await.unwrap();
        let error = sandbox.write(&long, "long").await.unwrap_err();
        assert!(matches!(error, FileError::InvalidPath { .. }), "{error:?}");
        let result = sandbox.sh(format!("cat {fits}; cat {long}")).await;
        assert_eq!(result.stdout, "fits");
        assert!(result.stderr.contains("ame too long"), "{}", result.stderr);
    });
}

#[test]
fn a_larger_stack_than_there_is_is_refused() {
    test(async {
        let limits = Limits { stack_bytes: 1 << 30, ..Limits::default() };
        let refused = engine().create(SandboxSpec::default().limits(limits)).await;
        assert!(matches!(refused.err(), Some(CreateError::Unsupported(_))));
    });
}

/// Threads that wait for processes are kept, but not as many as there ever were.
#[test]
fn idle_threads_are_bounded() {
    test(async {
        let limits = Limits { processes: 400, ..Limits::default() };
        let sandbox = sandbox_of(SandboxSpec::default().limits(limits)).await;
        let mut running = Vec::new();
        for _ in 0..350 {
            let command = Command::new("cat").stdin(InputMode::Pipe);
            running.push(sandbox.start_process(command).await.unwrap());
        }
        assert!(engine().metrics().threads_busy >= 350);
        for process in &running {
            sandbox.close_stdin(process.into()).await.unwrap();
            let ended = sandbox.wait_process(process.into()).await.unwrap();
            assert_eq!(ended.status, ProcessStatus::Exited(0));
        }
        assert!(engine().metrics().threads_idle <= 256);
    });
}

// ---- What the tests above use.

/// Returns a command that makes a call again and again until that, or what comes `after` it, gives an errno. It exits with
/// the errno and says how often it succeeded before, in four bytes. At address 600 it has a text.
fn repeated(imports: &str, call: &str, after: &str, text: &str) -> Vec<u8> {
    let after = if after.is_empty() { String::new() } else { format!("(br_if $failed (local.tee $errno {after}))") };
    let module = format!(
        r#"(module {imports}
            (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
            (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
            (memory (export "memory") 1)
            (data (i32.const 520) "\00\02\00\00\04\00\00\00")
            (data (i32.const 600) "{text}")
            (func (export "_start") (local $errno i32)
                (block $failed
                    (loop $again
                        (br_if $failed (local.tee $errno {call}))
                        {after}
                        (i32.store (i32.const 512) (i32.add (i32.load (i32.const 512)) (i32.const 1)))
                        (br $again)))
                (drop (call $write (i32.const 1) (i32.const 520) (i32.const 1) (i32.const 528)))
                (call $exit (local.get $errno))))"#
    );
    wat::parse_str(module).expect("the module is well formed")
}

/// Returns a command that opens a path, relative to the root, again and again.
fn opening(path: &str, after: &str) -> Vec<u8> {
    let imports = r#"
        (import "wasi_snapshot_preview1" "path_open" (func $open
            (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_readdir" (func $readdir (param i32 i32 i32 i64 i32) (result i32)))"#;
    let call = format!(
        "(call $open (i32.const 3) (i32.const 1) (i32.const 600) (i32.const {}) (i32.const 0) (i64.const 2) (i64.const 0) \
         (i32.const 0) (i32.const 16))",
        path.len()
    );
    repeated(imports, &call, after, path)
}

/// Runs such a command and returns how often it succeeded before it failed with `errno`.
async fn until_errno(sandbox: &Fresh, module: &[u8], errno: i32) -> u32 {
    counted(&run_module(sandbox, module.to_vec()).await, errno)
}

fn counted(result: &CommandResult, errno: i32) -> u32 {
    assert_eq!(result.exit_code, errno, "{result:?}");
    u32::from_le_bytes(result.stdout_bytes[..].try_into().expect("it writes four bytes"))
}
