use std::time::{Duration, Instant};

use stillbox::{AsyncSandboxExt as _, Command, InputMode, ProcessError, ProcessStatus};
use stillbox_tests::{Fresh, sandbox, stdout, test};

/// A module that prints its first argument's length by exiting with it would do as well; this one prints a line.
const HELLO: &str = r#"(module
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 0) "\10\00\00\00\06\00\00\00")
    (data (i32.const 16) "hello\n")
    (func (export "_start") (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))"#;

async fn with_hello(path: &str) -> Fresh {
    let sandbox = sandbox().await;
    sandbox.write(path, wat::parse_str(HELLO).unwrap()).await.unwrap();
    sandbox
}

#[test]
fn a_program_that_a_guest_wrote_runs() {
    test(async {
        let sandbox = with_hello("/tmp/source").await;
        let script =
            "cat /tmp/source > made && chmod +x made && ./made && mkdir -p bin && cp made bin/hi && PATH=$PWD/bin hi";
        assert_eq!(stdout(&sandbox.sh(script).await), "hello\nhello\n");
        // Changed in place, it is another program.
        sandbox.write("made", wat::parse_str(HELLO.replace("hello", "other")).unwrap()).await.unwrap();
        assert_eq!(stdout(&sandbox.sh("./made").await), "other\n");
        assert_eq!(stdout(&sandbox.sh("bin/hi; ln -s bin/hi link; ./link").await), "hello\nhello\n");
    });
}

#[test]
fn a_program_can_be_removed_while_it_runs() {
    test(async {
        let sandbox = sandbox().await;
        let result = sandbox
            .sh("cp $(command -v sleep) .; ./sleep 0.3 & sleep 0.1; rm sleep; wait $!; echo $?; ./sleep 1")
            .await;
        assert_eq!(result.exit_code, 127);
        assert_eq!(result.stdout, "0");
    });
}

#[test]
fn scripts_name_their_interpreter() {
    test(async {
        let sandbox = sandbox().await;
        for (name, content) in [
            ("plain.sh", "#!/bin/sh\necho plain \"$0\" \"$@\"\n"),
            ("spaced.sh", "#!  /bin/sh -e\nfalse\necho not reached\n"),
            ("env.sh", "#!/usr/bin/env bash\nx=(a b); echo ${#x[@]}\n"),
            ("awk.awk", "#!/usr/bin/awk -f\nBEGIN { print \"from awk\" }\n"),
            ("outer", "#!./inner\n"),
            ("inner", "#!/bin/cat\n"),
            ("nowhere", "#!/no/such/interpreter\n"),
            ("loop", "#!./loop\n"),
        ] {
            sandbox.write(name, content).await.unwrap();
        }
        stdout(&sandbox.sh("chmod +x *").await);
        assert_eq!(stdout(&sandbox.sh("./plain.sh a 'b c'").await), "plain ./plain.sh a b c\n");
        assert_eq!(sandbox.sh("./spaced.sh").await.exit_code, 1);
        assert_eq!(stdout(&sandbox.sh("./env.sh").await), "2\n");
        assert_eq!(stdout(&sandbox.sh("./awk.awk").await), "from awk\n");
        assert_eq!(stdout(&sandbox.sh("./outer").await), "#!/bin/cat\n#!./inner\n");
        // By the host as by the shell.
        assert_eq!(stdout(&sandbox.ran(Command::new("./plain.sh").arg("x")).await), "plain ./plain.sh x\n");
        let missing = sandbox.run(Command::new("./nowhere")).await;
        assert!(matches!(missing, Err(ProcessError::NoSuchProgram { .. } | ProcessError::NotExecutable { .. })));
        let looping = sandbox.run(Command::new("./loop")).await;
        assert!(matches!(looping, Err(ProcessError::NotExecutable { .. })), "{looping:?}");
        assert_eq!(stdout(&sandbox.sh("./nowhere; echo $?").await), "127\n");
    });
}

#[test]
fn programs_are_looked_up_along_path() {
    test(async {
        let sandbox = sandbox().await;
        for (path, content) in [("one/tool", "echo one"), ("two/tool", "echo two"), ("three/other", "echo other")] {
            sandbox.write(path, format!("#!/bin/sh\n{content}\n")).await.unwrap();
        }
        stdout(&sandbox.sh("chmod +x */*").await);
        let run = |path: &str| sandbox.run(Command::new("tool").env("PATH", path));
        assert_eq!(run("/root/one:/root/two:/bin").await.unwrap().stdout, "one");
        assert_eq!(run("/root/two:/root/one:/bin").await.unwrap().stdout, "two");
        assert_eq!(run("/none:/root/three:/root/two:/bin").await.unwrap().stdout, "two");
        assert!(matches!(run("/root/three:/bin").await, Err(ProcessError::NoSuchProgram { .. })));
        // One that may not be executed is passed over.
        stdout(&sandbox.sh("chmod -x one/tool").await);
        assert_eq!(run("/root/one:/root/two:/bin").await.unwrap().stdout, "two");
        assert_eq!(stdout(&sandbox.sh("PATH=/root/two:$PATH; tool; command -v tool").await), "two\n/root/two/tool\n");
    });
}

#[test]
fn exec_keeps_the_process() {
    test(async {
        let sandbox = sandbox().await;
        let result = sandbox.sh("echo $$; exec 3> kept; exec sh -c 'echo $$; echo through >&3'").await;
        let pids: Vec<&str> = stdout(&result).lines().collect();
        assert_eq!(pids, [result.pid.to_string(), result.pid.to_string()]);
        assert_eq!(sandbox.read_to_string("kept").await.unwrap(), "through\n");
        let result = sandbox.sh("exec no-such-program; echo still here").await;
        assert_eq!((result.exit_code, &*result.stdout), (127, ""));
    });
}

#[test]
fn an_orphan_lives_on() {
    test(async {
        let sandbox = sandbox().await;
        let begun = Instant::now();
        // The shell's end is the command's, whoever still holds its output.
        let result = sandbox.sh("(sleep 0.5; echo late > late) & echo early").await;
        assert_eq!(stdout(&result), "early\n");
        assert!(begun.elapsed() < Duration::from_secs(20));
        let result =
            sandbox.sh("for i in $(seq 100); do test -e late && cat late && exit; sleep 0.1; done; exit 1").await;
        assert_eq!(stdout(&result), "late\n");
    });
}

#[test]
fn a_pipeline_is_one_group() {
    test(async {
        let sandbox = sandbox().await;
        let command = Command::shell("sleep 1000 | sleep 1000 | cat");
        let started = sandbox.start_process(command).await.unwrap();
        tokio::time::sleep(Duration::from_millis(200)).await;
        // A signal to the process goes to its group, as from a terminal.
        sandbox.send_signal((&started).into(), 2).await.unwrap();
        let ended = sandbox.wait_process((&started).into()).await.unwrap();
        assert!(matches!(ended.status, ProcessStatus::Signaled(2) | ProcessStatus::Exited(130)), "{ended:?}");
        assert_nobody_sleeps(&sandbox).await;
    });
}

#[test]
fn killing_a_pipeline_kills_all_of_it() {
    test(async {
        let sandbox = sandbox().await;
        let started = sandbox.start_process(Command::shell("yes | tr y n | sleep 1000 & sleep 1000")).await.unwrap();
        tokio::time::sleep(Duration::from_millis(200)).await;
        sandbox.kill_process((&started).into()).await.unwrap();
        let ended = sandbox.wait_process((&started).into()).await.unwrap();
        assert_eq!(ended.status, ProcessStatus::Signaled(9));
        assert_nobody_sleeps(&sandbox).await;
    });
}

#[test]
fn processes_stop_and_continue() {
    test(async {
        let sandbox = sandbox().await;
        let writer = Command::shell("while :; do echo tick; sleep 0.02; done");
        let started = sandbox.start_process(writer).await.unwrap();
        let count = || async { sandbox.get_stdout((&started).into()).await.unwrap().line_count() };
        while count().await == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        sandbox.send_signal((&started).into(), 19).await.unwrap();
        tokio::time::sleep(Duration::from_millis(300)).await;
        let stopped = count().await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(count().await, stopped, "a stopped process writes");
        sandbox.send_signal((&started).into(), 18).await.unwrap();
        while count().await == stopped {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        sandbox.kill_process((&started).into()).await.unwrap();
    });
}

#[test]
fn a_conversation_over_stdin() {
    test(async {
        let sandbox = sandbox().await;
        let started = sandbox.start_process(Command::new("sh").stdin(InputMode::Pipe)).await.unwrap();
        let pid = (&started).into();
        for (line, expected) in [("x=5; echo ready\n", 1), ("echo $((x * 2))\n", 2), ("ls / | grep -c .\n", 3)] {
            sandbox.write_stdin(pid, line.into()).await.unwrap();
            while sandbox.get_stdout(pid).await.unwrap().line_count() < expected {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        sandbox.write_stdin(pid, "exit 4\n".into()).await.unwrap();
        assert_eq!(sandbox.wait_process(pid).await.unwrap().status, ProcessStatus::Exited(4));
        assert_eq!(sandbox.get_stdout(pid).await.unwrap().lines[..2], ["ready", "10"]);
    });
}

/// Asserts that soon no process of this program is left, by what `/proc` says.
async fn assert_nobody_sleeps(sandbox: &Fresh) {
    let look = "for stat in /proc/[0-9]*/cmdline; do tr '\\0' ' ' < $stat 2> /dev/null; echo; done | grep -c '^sleep '";
    let begun = Instant::now();
    loop {
        let result = sandbox.shell(look).await.unwrap();
        if result.stdout == "0" {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(10), "{} processes sleep", result.stdout);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
