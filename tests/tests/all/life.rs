use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::future::join_all;
use stillbox::{
    AsyncSandboxExt as _, Command, FileError, InputMode, ProcessStatus, SandboxSpec, SandboxStatus, Sandboxes as _,
};
use stillbox_tests::{Held, PROBES, alone, engine, sandbox, sandbox_of, stdout, test};

use crate::modules::PROMPTLY;

#[test]
fn many_at_once() {
    const SANDBOXES: usize = 64;
    test(async {
        let lives = (0..SANDBOXES).map(|number| async move {
            let sandbox = sandbox().await;
            sandbox.write("number", number.to_string()).await.unwrap();
            let result = sandbox.sh("for i in 1 2 3; do echo $(($(cat number) * i)); done | sort -n | tail -n 1").await;
            assert_eq!(stdout(&result), format!("{}\n", number * 3));
            sandbox.terminate().await.unwrap();
        });
        join_all(lives).await;
    });
}

/// A thousand sandboxes with a process that waits in each are in nobody's way.
#[test]
fn a_thousand_that_wait() {
    const SANDBOXES: usize = 1_000;
    let waits = wat::parse_str(
        r#"(module
            (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
            (memory (export "memory") 1)
            (func (export "_start")
                (i32.store (i32.const 4) (i32.const 1))
                (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))))"#,
    );
    let waits = Bytes::from(waits.unwrap());
    test(async {
        let live = join_all((0..SANDBOXES).map(|_| async {
            let sandbox = sandbox().await;
            sandbox.write("waits.wasm", waits.clone()).await.unwrap();
            let process = sandbox.start_process(Command::new("./waits.wasm").stdin(InputMode::Pipe)).await.unwrap();
            (sandbox, process)
        }))
        .await;
        let begun = Instant::now();
        assert_eq!(stdout(&sandbox().await.sh("echo one | cat").await), "one\n");
        assert!(begun.elapsed() < PROMPTLY, "it took {:?}", begun.elapsed());
        for (sandbox, process) in &live {
            assert!(sandbox.get_process(process.into()).await.unwrap().status.is_running());
            sandbox.close_stdin(process.into()).await.unwrap();
        }
        for (sandbox, process) in &live {
            assert_eq!(sandbox.wait_process(process.into()).await.unwrap().status, ProcessStatus::Exited(0));
        }
    });
}

#[test]
fn many_processes_in_one() {
    test(async {
        let sandbox = sandbox().await;
        let waiting: Vec<_> = join_all((0..100).map(|number| {
            let command = Command::shell(format!("read line; echo {number} $line")).stdin(InputMode::Pipe);
            sandbox.start_process(command)
        }))
        .await;
        let pids: Vec<u32> = waiting.into_iter().map(|started| started.unwrap().pid).collect();
        for pid in &pids {
            sandbox.write_stdin((*pid).into(), "go\n".into()).await.unwrap();
        }
        for (number, pid) in pids.iter().enumerate() {
            assert_eq!(sandbox.wait_process((*pid).into()).await.unwrap().status, ProcessStatus::Exited(0));
            let output = sandbox.get_stdout((*pid).into()).await.unwrap();
            assert_eq!(output.lines, [format!("{number} go")]);
        }
    });
}

/// Sandboxes of one image share its files until one of them changes a file, which only that one sees.
#[test]
fn sandboxes_of_one_image_do_not_see_each_others_changes() {
    test(async {
        let (one, two) = (sandbox().await, sandbox().await);
        let before = stdout(&two.sh("cat /etc/hosts; ls -R /etc /usr | sort").await).to_owned();
        let change = "echo changed > /etc/hosts; echo more >> /etc/passwd; rm -r /usr/share; mkdir /usr/new; \
                      mv /etc/group /etc/moved; chmod 0 /etc/hostname; rm /bin/true";
        stdout(&one.sh(change).await);
        assert_eq!(stdout(&two.sh("cat /etc/hosts; ls -R /etc /usr | sort").await), before);
        assert_eq!(stdout(&one.sh("cat /etc/hosts; ls /usr/new").await), "changed\n");
        // One that is made now begins where the first did.
        let three = sandbox().await;
        assert_eq!(stdout(&three.sh("cat /etc/hosts; ls -R /etc /usr | sort").await), before);
        assert!(three.run(Command::new("true")).await.unwrap().success());
        assert!(one.run(Command::new("true")).await.is_err());
    });
}

#[test]
fn terminating_ends_whatever_runs() {
    test(async {
        let sandbox = sandbox_of(SandboxSpec::default().image(PROBES)).await;
        for command in [
            Command::new("probes").arg("hostile_spin"),
            Command::shell("yes > /dev/null"),
            Command::shell("yes | while read -r line; do :; done"),
            Command::shell("sleep 1000 & wait"),
            Command::new("cat").stdin(InputMode::Pipe),
            Command::shell("trap '' TERM INT HUP; while :; do sleep 0.01; done"),
        ] {
            sandbox.start_process(command).await.unwrap();
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        let begun = Instant::now();
        sandbox.terminate().await.unwrap();
        assert!(begun.elapsed() < Duration::from_secs(10), "it took {:?}", begun.elapsed());
        assert_eq!(sandbox.status().await.unwrap(), SandboxStatus::Terminated);
    });
}

#[test]
fn files_are_the_same_from_inside_and_outside() {
    test(async {
        let sandbox = sandbox().await;
        sandbox.write("/data/in.txt", "from outside").await.unwrap();
        assert_eq!(stdout(&sandbox.sh("cat /data/in.txt; printf inside > /data/out.txt").await), "from outside");
        assert_eq!(sandbox.read_to_string("/data/out.txt").await.unwrap(), "inside");
        stdout(
            &sandbox.sh("ln -s out.txt /data/link; mkdir -p /data/a/b; head -c 3000000 /dev/zero > /data/big").await,
        );
        assert_eq!(sandbox.read_to_string("/data/link").await.unwrap(), "inside");
        assert_eq!(sandbox.read_file("/data/big").await.unwrap().len(), 3_000_000);
        let names: Vec<_> =
            sandbox.list_directory("/data").await.unwrap().into_iter().map(|entry| entry.name).collect();
        assert_eq!(names, ["a", "big", "in.txt", "link", "out.txt"]);
        sandbox.delete_file("/data/in.txt").await.unwrap();
        assert_eq!(stdout(&sandbox.sh("test -e /data/in.txt || echo gone").await), "gone\n");
        assert!(matches!(sandbox.read_file("/data/in.txt").await, Err(FileError::NotFound { .. })));
    });
}

/// Counting what a process of the host has open needs one in which no other test runs.
#[test]
fn nothing_is_left_of_terminated_sandboxes() {
    alone("life::alone_nothing_is_left");
}

#[test]
#[ignore = "run by `nothing_is_left_of_terminated_sandboxes`, in a process of its own"]
fn alone_nothing_is_left() {
    const ROUNDS: usize = 25;
    let round = || async {
        let sandbox = sandbox_of(SandboxSpec::default().image(PROBES)).await;
        stdout(&sandbox.sh("seq 1000 | sort -rn | head -n 3 > top; cat top").await);
        sandbox.start_process(Command::new("sleep").arg("1000")).await.unwrap();
        sandbox.start_process(Command::shell("yes | cat > /dev/null")).await.unwrap();
        sandbox.start_process(Command::new("cat").stdin(InputMode::Pipe)).await.unwrap();
        sandbox.terminate().await.unwrap();
    };
    test(async {
        // What is shared, such as threads that wait for work, is there after the first rounds.
        for _ in 0..5 {
            round().await;
        }
        let before = settled().await;
        for _ in 0..ROUNDS {
            round().await;
        }
        let after = settled().await;
        // A leak shows in every round; what differs by less is chance.
        let tolerated = ROUNDS as u64 / 2;
        assert!(after.fds < before.fds + tolerated, "file descriptors: {before:?}, then {after:?}");
        assert!(after.threads < before.threads + tolerated, "threads: {before:?}, then {after:?}");
        let grown_kib = after.resident_kib.saturating_sub(before.resident_kib);
        assert!(grown_kib < ROUNDS as u64 * 1024, "memory: {before:?}, then {after:?}");
        let running =
            engine().list().await.unwrap().iter().filter(|info| info.status == SandboxStatus::Running).count();
        assert_eq!(running, 0);
    });
}

/// Returns what this process holds once killed guests have had the time to end.
async fn settled() -> Held {
    tokio::time::sleep(Duration::from_millis(500)).await;
    Held::now()
}
