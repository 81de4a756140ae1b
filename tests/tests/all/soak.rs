use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use stillbox::{
    AsyncSandbox, Command, InputMode, ProcessInfo, ProcessStatus, SandboxSpec, SandboxStatus, Sandboxes as _,
};
use stillbox_tests::{Held, Random, alone, assert_nothing_held, engine, test_within};
use tokio::sync::Semaphore;

/// How many sandboxes live one after another, and how many at once.
const SANDBOXES: u32 = 2_000;
const AT_ONCE: usize = 48;

/// How many go before, so that what is kept for the next is there: threads, memory for instances, records.
const BEFORE: u32 = 1_000;

/// How long one call may take, of a machine that does all of this at once.
const CALL: Duration = Duration::from_secs(60);

/// What happens to a sandbox while its pipeline runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    Finishes,
    IsKilled,
    IsTerminated,
}

#[test]
fn two_thousand_sandboxes_leave_nothing() {
    alone("soak::alone_two_thousand_sandboxes");
}

#[test]
#[ignore = "run by `two_thousand_sandboxes_leave_nothing`, in a process of its own"]
fn alone_two_thousand_sandboxes() {
    test_within(Duration::from_secs(600), async {
        soak(0..BEFORE).await;
        let before = settled().await;
        let begun = Instant::now();
        let fates = soak(BEFORE..BEFORE + SANDBOXES).await;
        let took = begun.elapsed();
        let after = settled().await;
        println!("{SANDBOXES} sandboxes in {took:?}: {fates:?}; {before:?}, then {after:?}");

        assert!(fates[&Fate::IsKilled] + fates[&Fate::IsTerminated] > SANDBOXES / 4, "{fates:?}");
        assert!(fates[&Fate::Finishes] > SANDBOXES / 2, "{fates:?}");
        assert!(after.fds <= before.fds + 2, "file descriptors: {before:?}, then {after:?}");
        assert!(after.threads <= before.threads + AT_ONCE as u64, "threads: {before:?}, then {after:?}");
        // Two thousand of the smallest leaks, a page each, would be 8 MiB; an allocator that moves about takes some too.
        let grown_kib = after.resident_kib.saturating_sub(before.resident_kib);
        assert!(grown_kib < 24 << 10, "memory: {before:?}, then {after:?}");
        let metrics = engine().metrics();
        assert_nothing_held(&metrics);
        assert_eq!(metrics.sandboxes_created, u64::from(BEFORE + SANDBOXES));
        assert_eq!(metrics.processes_started, metrics.processes_exited + metrics.processes_signaled);
        let listed = engine().list().await.unwrap();
        assert!(listed.iter().all(|info| info.status == SandboxStatus::Terminated));
        assert!(listed.len() <= 1024, "{} are remembered", listed.len());
    });
}

/// Waits until nothing runs any more, neither in sandboxes nor as a task here, and returns what this process holds then.
async fn settled() -> Held {
    let begun = Instant::now();
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    while engine().metrics().threads_busy > 0 || tasks() > 0 {
        assert!(begun.elapsed() < CALL, "{} tasks still run, and {:?}", tasks(), engine().metrics());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Held::now()
}

/// Has the sandboxes of these numbers live, and counts their fates.
async fn soak(numbers: std::ops::Range<u32>) -> BTreeMap<Fate, u32> {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let mut lives = Vec::new();
    for number in numbers {
        let place = places.clone().acquire_owned().await.unwrap();
        lives.push(tokio::spawn(async move {
            let fate = life(number).await;
            drop(place);
            fate
        }));
    }
    let mut fates = BTreeMap::new();
    for life in lives {
        *fates.entry(life.await.unwrap()).or_default() += 1;
    }
    fates
}

/// Awaits a call, which has to return.
async fn returns<T>(call: impl Future<Output = T>) -> T {
    tokio::time::timeout(CALL, call).await.expect("every call returns")
}

/// The life of one sandbox: a pipeline of three with its input written and its output followed, and its fate.
async fn life(number: u32) -> Fate {
    let mut random = Random::seeded(number.into());
    let sandbox = returns(engine().create(SandboxSpec::default())).await.unwrap();
    let pipeline = Command::shell("cat | tr a-z A-Z | sort -r").stdin(InputMode::Pipe);
    let process = returns(sandbox.start_process(pipeline)).await.unwrap();
    let fate = match random.below(6) {
        0 => Fate::IsKilled,
        1 => Fate::IsTerminated,
        _ => Fate::Finishes,
    };
    let moment = Duration::from_micros(random.below(20_000));
    let lines = 1 + random.below(200);

    let (ended, followed, fed, ()) = tokio::join!(
        returns(sandbox.wait_process((&process).into())),
        follow(&*sandbox, &process),
        feed(&*sandbox, &process, lines),
        meet(fate, &*sandbox, &process, moment),
    );
    if fate == Fate::Finishes {
        assert!(fed, "the input of number {number} was refused");
        assert_eq!(ended.unwrap().status, ProcessStatus::Exited(0));
        let mut expected: Vec<String> = (0..lines).map(|line| format!("LINE {line}")).collect();
        expected.sort_unstable_by(|a, b| b.cmp(a));
        assert_eq!(followed, expected);
    }
    returns(sandbox.terminate()).await.unwrap();
    assert_eq!(returns(sandbox.status()).await.unwrap(), SandboxStatus::Terminated);
    fate
}

/// Follows the output to its end.
async fn follow(sandbox: &dyn AsyncSandbox, process: &ProcessInfo) -> Vec<String> {
    let Ok(events) = returns(sandbox.follow_output(process.into())).await else { return Vec::new() };
    let lines = events.filter_map(async |event| event.ok().map(|event| event.line));
    returns(lines.collect()).await
}

/// Writes the input line by line and closes it; `false` if nobody takes it.
async fn feed(sandbox: &dyn AsyncSandbox, process: &ProcessInfo, lines: u64) -> bool {
    for line in 0..lines {
        let line = format!("line {line}\n").into();
        if returns(sandbox.write_stdin(process.into(), line)).await.is_err() {
            return false;
        }
    }
    returns(sandbox.close_stdin(process.into())).await.is_ok()
}

async fn meet(fate: Fate, sandbox: &dyn AsyncSandbox, process: &ProcessInfo, moment: Duration) {
    if fate == Fate::Finishes {
        return;
    }
    tokio::time::sleep(moment).await;
    if fate == Fate::IsKilled {
        returns(sandbox.kill_process(process.into())).await.unwrap();
    } else {
        returns(sandbox.terminate()).await.unwrap();
    }
}
