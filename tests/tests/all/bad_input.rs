//! Each gives what a Unix user would expect, promptly, and afterwards the engine and the sandbox still work.

use std::error::Error;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use stillbox::{
    AsyncSandboxExt as _, Command, ExitReason, FileError, Limits, OutputMode, OutputSink, ProcessError, SandboxSpec,
};
use stillbox_tests::{Fresh, sandbox, sandbox_of, stdout, test};

use crate::modules::{PROMPTLY, assert_works, assert_works_soon, command, exiting, probe, probing, run_module};

/// The probes that this module runs.
pub const HOSTILE_PROBES: &[&str] = &[
    "hostile_fill_disk",
    "hostile_forkbomb",
    "hostile_grow",
    "hostile_hugealloc",
    "hostile_long_path",
    "hostile_many_fds",
    "hostile_recurse",
    "hostile_spin",
];

const SIGABRT: i32 = -6;
const SIGFPE: i32 = -8;
const SIGKILL: i32 = -9;
const SIGSEGV: i32 = -11;
const SIGPIPE: i32 = -13;
const SIGTERM: i32 = -15;

// ---- Files that are no programs.

#[test]
fn a_truncated_module_is_not_executable() {
    test(async {
        let sandbox = sandbox().await;
        let whole = stillbox_guests::find("true").unwrap().bytes;
        for length in [4, 7, 8, 20, whole.len() / 2, whole.len() - 1] {
            let reason = not_executable(&sandbox, whole[..length].to_vec()).await;
            assert!(!reason.is_empty(), "{length} bytes");
        }
        sandbox.write("whole.wasm", whole).await.unwrap();
        assert!(sandbox.ran(Command::new("./whole.wasm")).await.success());
    });
}

#[test]
fn a_file_that_is_no_module_is_not_executable() {
    test(async {
        let sandbox = sandbox().await;
        for content in [&b""[..], b"just text", b"\x7fELF\x02\x01\x01", b"\0", b"\0asm\x09\0\0\0", &[0xff; 4096]] {
            not_executable(&sandbox, content.to_vec()).await;
        }
        let component = not_executable(&sandbox, wat::parse_str("(component)").unwrap()).await;
        assert!(component.contains("component"), "{component}");
        let library = not_executable(&sandbox, wat::parse_str("(module)").unwrap()).await;
        assert!(library.contains("_start"), "{library}");
    });
}

/// In the shell it is what bash makes of it: 126 for what is there and can't be run, 127 for what isn't there.
#[test]
fn the_shell_reports_what_cannot_be_run() {
    test(async {
        let sandbox = sandbox().await;
        sandbox.write("broken.wasm", &b"\0asm\x01\0\0\0\xff\xff"[..]).await.unwrap();
        sandbox.write("plain", "text").await.unwrap();
        let result =
            sandbox.sh("./broken.wasm; echo $?; ./plain; echo $?; ./none; echo $?; none; echo $?; echo on").await;
        assert_eq!(stdout(&result), "126\n126\n127\n127\non\n");
        assert!(result.stderr.contains("broken.wasm"), "{}", result.stderr);
    });
}

#[test]
fn an_unknown_import_is_named() {
    test(async {
        let sandbox = sandbox().await;
        let module = command(r#"(import "env" "conjure" (func))"#, "");
        let reason = not_executable(&sandbox, module).await;
        assert!(reason.contains("env") && reason.contains("conjure"), "{reason}");
        // A memory isn't something that a known namespace has either.
        let module = command(r#"(import "wasi_snapshot_preview1" "memory" (memory 1))"#, "");
        let reason = not_executable(&sandbox, module).await;
        assert!(reason.contains("memory"), "{reason}");
    });
}

/// A module that never calls what is missing runs, and one that does is told so.
#[test]
fn a_missing_function_of_a_known_namespace_is_nosys() {
    const NOSYS: i32 = 52;
    test(async {
        for namespace in ["wasi_snapshot_preview1", "wasix_32v1"] {
            let import = format!(r#"(import "{namespace}" "no_such_call" (func $call (param i32 i64) (result i32)))"#);
            let module = exiting(&import, "(call $call (i32.const 1) (i64.const 2))");
            assert_eq!(run_module(&sandbox().await, module).await.exit_code, NOSYS, "{namespace}");
        }
    });
}

// ---- Paths.

#[test]
fn the_interface_refuses_paths_that_climb() {
    test(async {
        let sandbox = sandbox().await;
        for path in ["..", "../x", "/../etc/passwd", "/tmp/../../etc/passwd", "a/../b", "/.."] {
            assert!(matches!(sandbox.read_file(path).await, Err(FileError::PathTraversal { .. })), "read {path}");
            assert!(matches!(sandbox.write(path, "x").await, Err(FileError::PathTraversal { .. })), "write {path}");
            assert!(matches!(sandbox.delete_file(path).await, Err(FileError::PathTraversal { .. })), "delete {path}");
            assert!(matches!(sandbox.list_directory(path).await, Err(FileError::PathTraversal { .. })), "list {path}");
            let upload = sandbox.upload_file(Path::new("/dev/null"), path).await;
            assert!(matches!(upload, Err(FileError::PathTraversal { .. })), "upload to {path}");
        }
        // Two dots in a name are no way up.
        sandbox.write("a..b", "fine").await.unwrap();
        assert_eq!(sandbox.read_to_string("a..b").await.unwrap(), "fine");
    });
}

#[test]
fn the_interface_refuses_paths_that_cannot_be() {
    test(async {
        let sandbox = sandbox().await;
        let long = ["x".repeat(5_000), "d/".repeat(2_500), format!("/tmp/{}", "n".repeat(300))];
        for path in ["", "nul\0inside", "\0"].into_iter().chain(long.iter().map(String::as_str)) {
            let told: String = path.chars().take(20).collect();
            assert!(matches!(sandbox.read_file(path).await, Err(FileError::InvalidPath { .. })), "read {told:?}");
            let Err(error) = sandbox.write(path, "x").await else { panic!("wrote {told:?}") };
            assert!(matches!(error, FileError::InvalidPath { .. }), "write {told:?}: {error:?}");
            assert!(error.to_string().len() < 1_000, "an error is not as long as what it complains about");
            assert!(matches!(sandbox.delete_file(path).await, Err(FileError::InvalidPath { .. })), "delete {told:?}");
        }
        let started = sandbox.run(Command::new("true").working_dir("x".repeat(5_000))).await;
        assert!(matches!(started, Err(ProcessError::NoWorkingDir { .. } | ProcessError::InvalidCommand { .. })));
        let started = sandbox.run(Command::new(format!("./{}", "x".repeat(5_000)))).await;
        let Err(error) = started else { panic!("a program with a name of 5,000 characters ran") };
        let expected = matches!(
            error,
            ProcessError::NoSuchProgram { .. }
                | ProcessError::NotExecutable { .. }
                | ProcessError::InvalidCommand { .. }
        );
        assert!(expected, "{error:?}");
        assert_works(&sandbox).await;
    });
}

#[test]
fn a_guest_cannot_leave_its_root() {
    test(async {
        let sandbox = sandbox().await;
        sandbox.write("/etc/motd", "inside").await.unwrap();
        let result =
            sandbox.sh("cd /../.. && pwd; cat ../../../etc/motd; echo; ls -d /..; readlink -f /../../tmp").await;
        assert_eq!(stdout(&result), "/\ninside\n/..\n/tmp\n");
        // Nor through a link.
        let result = sandbox.sh("ln -s ../../../../../etc up; cat up/motd; ln -s loop loop; cat loop; echo $?").await;
        assert_eq!(stdout(&result), "inside1\n");
        assert!(result.stderr.contains("ymbolic link"), "ELOOP is told as such: {}", result.stderr);
    });
}

#[test]
fn a_guest_gets_errors_for_long_paths() {
    test(async {
        let result = probe(&sandbox_of(probing(Limits::default())).await, "hostile_long_path", &[]).await;
        let lines: Vec<&str> = stdout(&result).lines().collect();
        assert_eq!(lines.len(), 3, "{lines:?}");
        assert!(lines.iter().all(|line| line.ends_with("InvalidFilename")), "ENAMETOOLONG: {lines:?}");
    });
}

/// C strings can't hold a NUL; a path of WASI can.
#[test]
fn a_guest_gets_an_error_for_a_nul() {
    const INVAL: i32 = 28;
    test(async {
        let import = r#"(import "wasi_snapshot_preview1" "path_create_directory"
            (func $mkdir (param i32 i32 i32) (result i32)))"#;
        let module = wat::parse_str(format!(
            r#"(module {import}
                (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
                (memory (export "memory") 1)
                (data (i32.const 0) "a\00b")
                (func (export "_start") (call $exit (call $mkdir (i32.const 3) (i32.const 0) (i32.const 3)))))"#
        ));
        assert_eq!(run_module(&sandbox().await, module.unwrap()).await.exit_code, INVAL);
    });
}

/// Pointers outside of the memory are errors of the call, not of the host.
#[test]
fn a_guest_gets_an_error_for_a_bad_pointer() {
    const FAULT: i32 = 21;
    const INVAL: i32 = 28;
    test(async {
        let sandbox = sandbox().await;
        let import =
            r#"(import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))"#;
        let write = |iovs: u32, count: u32, result: u32| {
            exiting(
                import,
                &format!("(call $write (i32.const 1) (i32.const {iovs}) (i32.const {count}) (i32.const {result}))"),
            )
        };
        for (told, module, errno) in [
            ("buffers far outside", write(0xffff_fff0, 1, 0), FAULT),
            ("buffers across the end", write(65_532, 1, 0), FAULT),
            ("a result far outside", write(0, 1, 0xffff_fffc), FAULT),
            // As for `writev` with more buffers than IOV_MAX.
            ("too many buffers", write(0, 0xffff_ffff, 0), INVAL),
        ] {
            let result = run_module(&sandbox, module).await;
            assert_eq!(result.exit_code, errno, "{told}");
        }
        assert_works(&sandbox).await;
    });
}

// ---- More than there is.

#[test]
fn a_fork_bomb_stays_within_its_limit() {
    test(async {
        let sandbox = sandbox_of(SandboxSpec::default().limits(Limits { processes: 32, ..Limits::default() })).await;
        let begun = Instant::now();
        let bomb = Command::shell("bomb() { bomb | bomb & wait; }; bomb").timeout(Duration::from_secs(2));
        let result = sandbox.ran(bomb).await;
        assert!(begun.elapsed() < PROMPTLY, "it took {:?}", begun.elapsed());
        assert!(!result.success() || !result.stderr.is_empty(), "something was refused: {result:?}");
        assert_works_soon(&sandbox).await;
    });
}

/// The classic one leaves nobody to wait for: it goes on behind the back of its caller.
#[test]
fn a_fork_bomb_in_the_background_ends_with_its_sandbox() {
    test(async {
        let bombed = sandbox_of(SandboxSpec::default().limits(Limits { processes: 32, ..Limits::default() })).await;
        let started = bombed.start_process(Command::shell(":() { : | : & }; :")).await.unwrap();
        tokio::time::sleep(Duration::from_millis(500)).await;
        // Others get their share, which is small beside 32 that compute on a machine of two cores.
        let begun = Instant::now();
        assert_works(&sandbox().await).await;
        assert!(begun.elapsed() < 4 * PROMPTLY, "another sandbox took {:?}", begun.elapsed());
        bombed.kill_process((&started).into()).await.unwrap();
        assert_works_soon(&bombed).await;
        bombed.terminate().await.unwrap();
    });
}

// ---- Pipes without a reader.

#[test]
fn a_writer_without_reader_dies_of_sigpipe() {
    test(async {
        let sandbox = sandbox().await;
        let begun = Instant::now();
        let result =
            sandbox.sh("yes | head -n 1; echo \"${PIPESTATUS[@]}\"; yes | true; echo \"${PIPESTATUS[@]}\"").await;
        assert_eq!(stdout(&result), "y\n141 0\n141 0\n");
        assert!(begun.elapsed() < PROMPTLY, "it took {:?}", begun.elapsed());
    });
}

#[test]
fn a_writer_whose_host_has_gone_dies_of_sigpipe() {
    struct Gone;
    impl OutputSink for Gone {
        fn write(&self, _: &[u8]) -> io::Result<()> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
    }
    test(async {
        let sandbox = sandbox().await;
        let result = sandbox.ran(Command::new("yes").stdout(OutputMode::Stream(Arc::new(Gone)))).await;
        assert_eq!((result.exit_code, result.reason), (SIGPIPE, ExitReason::Signaled));
        assert_works(&sandbox).await;
    });
}

/// Without anyone who reads, captured output is bounded and a slow host is waited for.
#[test]
fn endless_output_is_bounded_and_can_be_killed() {
    struct Slow(AtomicU64);
    impl OutputSink for Slow {
        fn write(&self, bytes: &[u8]) -> io::Result<()> {
            self.0.fetch_add(bytes.len() as u64, Ordering::Relaxed);
            std::thread::sleep(Duration::from_millis(20));
            Ok(())
        }
    }
    test(async {
        let sandbox =
            sandbox_of(SandboxSpec::default().limits(Limits { output_bytes: 65_536, ..Limits::default() })).await;
        let result = sandbox.ran(Command::new("yes").timeout(Duration::from_secs(1))).await;
        assert!(result.timed_out());
        assert!(result.stdout_bytes.len() <= 65_536);
        assert!(result.stdout_missed_bytes > 0);

        let slow = Arc::new(Slow(AtomicU64::new(0)));
        let command = Command::new("yes").stdout(OutputMode::Stream(slow.clone())).timeout(Duration::from_secs(1));
        let begun = Instant::now();
        assert!(sandbox.ran(command).await.timed_out());
        assert!(begun.elapsed() < PROMPTLY, "it took {:?}", begun.elapsed());
        assert!(slow.0.load(Ordering::Relaxed) < 64 << 20, "the writer didn't wait");
        assert_works(&sandbox).await;
    });
}

// ---- Programs that never end, or end badly.

#[test]
fn endless_recursion_is_sigsegv() {
    test(async {
        let sandbox = sandbox_of(probing(Limits::default())).await;
        let module = wat::parse_str(
            r#"(module (memory (export "memory") 1)
                (func $deeper (param i32) (result i32)
                    (i32.add (call $deeper (i32.add (local.get 0) (i32.const 1))) (local.get 0)))
                (func (export "_start") (drop (call $deeper (i32.const 0)))))"#,
        );
        let begun = Instant::now();
        let result = run_module(&sandbox, module.unwrap()).await;
        assert_eq!((result.exit_code, result.reason), (SIGSEGV, ExitReason::Signaled));
        let result = probe(&sandbox, "hostile_recurse", &[]).await;
        assert_eq!(result.exit_code, SIGSEGV, "{result:?}");
        let result = sandbox.sh("./module.wasm; echo $?").await;
        assert_eq!(stdout(&result), "139\n");
        assert!(begun.elapsed() < PROMPTLY, "it took {:?}", begun.elapsed());
    });
}

#[test]
fn endless_recursion_of_a_shell_function_ends() {
    test(async {
        let sandbox = sandbox().await;
        let result = sandbox.ran(Command::shell("f() { f; }; f; echo end").timeout(Duration::from_secs(30))).await;
        assert!(!result.timed_out(), "{result:?}");
        assert!(result.exit_code == SIGSEGV || !result.stderr.is_empty(), "{result:?}");
        assert_works(&sandbox).await;
    });
}

#[test]
fn faults_are_signals() {
    test(async {
        let sandbox = sandbox().await;
        for (code, exit_code) in [
            ("(unreachable)", SIGABRT),
            ("(i32.div_s (i32.const 1) (i32.const 0))", SIGFPE),
            ("(i32.load (i32.const -4))", SIGSEGV),
        ] {
            let result = run_module(&sandbox, exiting("", code)).await;
            assert_eq!((result.exit_code, result.reason), (exit_code, ExitReason::Signaled), "{code}");
        }
        assert_works(&sandbox).await;
    });
}

#[test]
fn endless_loops_end_with_their_timeout() {
    test(async {
        let sandbox = sandbox_of(probing(Limits::default())).await;
        let module = wat::parse_str(r#"(module (memory (export "memory") 1) (func (export "_start") (loop (br 0))))"#);
        sandbox.write("loop.wasm", module.unwrap()).await.unwrap();
        for command in [
            Command::new("./loop.wasm"),
            Command::new("probes").arg("hostile_spin"),
            Command::shell("while :; do :; done"),
            Command::shell("./loop.wasm | cat"),
            Command::new("sleep").arg("1000"),
        ] {
            let told = format!("{} {:?}", command.program, command.args);
            let begun = Instant::now();
            let result = sandbox.ran(command.timeout(Duration::from_secs(1))).await;
            let took = begun.elapsed();
            assert_eq!((result.exit_code, result.reason), (SIGKILL, ExitReason::TimedOut), "{told}");
            assert!(took >= Duration::from_secs(1) && took < PROMPTLY, "{told} took {took:?}");
        }
        assert_works(&sandbox).await;
    });
}

#[test]
fn a_loop_can_be_killed_by_signals() {
    test(async {
        let sandbox = sandbox_of(probing(Limits::default())).await;
        for signal in [SIGTERM, SIGKILL] {
            let process = sandbox.start_process(Command::new("probes").arg("hostile_spin")).await.unwrap();
            tokio::time::sleep(Duration::from_millis(50)).await;
            let begun = Instant::now();
            sandbox.send_signal((&process).into(), -signal).await.unwrap();
            let ended = sandbox.wait_process((&process).into()).await.unwrap();
            assert_eq!(ended.status.signal(), Some(-signal));
            assert!(begun.elapsed() < PROMPTLY, "it took {:?}", begun.elapsed());
        }
        // And by the shell inside.
        let result = sandbox.sh("while :; do :; done & sleep 0.1; kill $!; wait $!; echo $?").await;
        assert_eq!(stdout(&result), "143\n");
    });
}

// ---- What the tests above use.

/// Asserts that a file with this content can't be run though it is marked executable, and returns why.
async fn not_executable(sandbox: &Fresh, content: Vec<u8>) -> String {
    sandbox.write("program", content).await.unwrap();
    assert!(sandbox.ran(Command::new("chmod").args(["+x", "program"])).await.success());
    match sandbox.run(Command::new("./program")).await {
        Err(error @ ProcessError::NotExecutable { .. }) => error.source().expect("it has a reason").to_string(),
        other => panic!("{other:?}"),
    }
}
