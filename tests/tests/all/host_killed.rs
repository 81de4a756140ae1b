//! A process of the host saves a sandbox at some moment and is killed (SIGKILL) a moment later, while the sandbox goes on;
//! another process takes over what was saved. After ten such lives everything is as if nothing had happened.
//!
//! The hosts are this binary, which runs [`host`] in a process of its own.

use std::env;
use std::io::{BufRead as _, BufReader, Lines};
use std::path::Path;
use std::process::{Child, ChildStdout, Stdio};
use std::time::{Duration, Instant};

use stillbox::{Pid, ProcessStatus, SandboxSpec, Sandboxes as _, SnapshotKind};
use stillbox_checkpoint::{CheckpointStore as _, DirectoryStore, StoreOptions};
use stillbox_tests::{Random, alone, test_within};

use crate::interpreters;
use crate::works::{End, Work};

/// Fetching and compiling the interpreters takes its time once.
const LONGEST: Duration = Duration::from_secs(400);

/// How many hosts are killed, one after another.
const LIVES: u32 = 10;

/// In how many of them the program has to have been in the middle of its work.
const RUNNING_MIN: usize = 3;

/// How often the last sandbox is copied: each copy comes to the same end.
const COPIES: usize = 3;

fn spec() -> SandboxSpec {
    SandboxSpec::default().working_dir("/work").terminate_on_drop(true)
}

/// What a host was asked for, through the variables of its environment.
struct Order<'a> {
    work: &'a str,
    dir: &'a Path,
    /// What to go on with; without, it begins.
    saved: Option<&'a Saved>,
    /// How long the program runs before it is saved; without, it is saved again and again.
    run_for: Option<Duration>,
}

const WORK: &str = "STILLBOX_HOST_WORK";
const DIR: &str = "STILLBOX_HOST_DIR";
const SNAPSHOT: &str = "STILLBOX_HOST_SNAPSHOT";
const PID: &str = "STILLBOX_HOST_PID";
const RUN_FOR_US: &str = "STILLBOX_HOST_RUN_FOR_US";

/// A snapshot that a host has told of.
#[derive(Clone, Debug)]
struct Saved {
    id: String,
    pid: Pid,
    /// Whether the program was still running.
    runs: bool,
}

/// Is the host: it runs a sandbox until it is killed.
#[test]
#[ignore = "it is the process that the others start and kill"]
fn host() {
    let Ok(work) = env::var(WORK) else { return };
    let work = Work::find(&work);
    let dir = env::var_os(DIR).expect("it is told where snapshots are");
    let engine = interpreters::builder_in(Path::new(&dir)).build().expect("the engine starts");
    let number = |name| env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    test_within(LONGEST, async {
        let (sandbox, pid) = match env::var(SNAPSHOT) {
            Ok(id) => {
                let sandbox = engine.create(spec().snapshot_id(id)).await.unwrap();
                (sandbox, number(PID).expect("it is told which process it was") as Pid)
            }
            Err(_) => {
                let sandbox = engine.create(spec()).await.unwrap();
                let pid = work.start(&*sandbox).await;
                (sandbox, pid)
            }
        };
        let mut before = None;
        loop {
            if let Some(run_for) = number(RUN_FOR_US) {
                tokio::time::sleep(Duration::from_micros(run_for)).await;
            }
            let snapshot = sandbox.checkpoint(SnapshotKind::Memory).await.unwrap();
            let runs = sandbox.get_process(pid.into()).await.unwrap().status == ProcessStatus::Running;
            // The harness may have begun a line.
            println!("\nsaved {} {pid} {runs}", snapshot.id);
            if number(RUN_FOR_US).is_some() {
                std::future::pending::<()>().await;
            }
            if let Some(before) = before.replace(snapshot.id) {
                println!("deletes {before}");
                engine.delete_snapshot(&before).await.unwrap();
            }
        }
    });
}

/// A process that runs [`host`]. It is killed when it is dropped, at the latest.
struct Host {
    child: Child,
    lines: Option<Lines<BufReader<ChildStdout>>>,
}

enum Told {
    Saved(Saved),
    Deletes(String),
}

impl Host {
    fn start(order: &Order<'_>) -> Self {
        let mut command = alone::command("host_killed::host");
        command.env(WORK, order.work).env(DIR, order.dir).stdout(Stdio::piped());
        if let Some(saved) = order.saved {
            command.env(SNAPSHOT, &saved.id).env(PID, saved.pid.to_string());
        }
        if let Some(run_for) = order.run_for {
            command.env(RUN_FOR_US, run_for.as_micros().to_string());
        }
        let mut child = command.spawn().expect("the test's own file can be run");
        let lines = child.stdout.take().map(|stdout| BufReader::new(stdout).lines());
        Self { child, lines }
    }

    /// Waits for the next thing that it tells; `None` if it has ended.
    async fn told(&mut self) -> Option<Told> {
        let mut lines = self.lines.take().expect("one waits at a time");
        let (told, lines) = tokio::task::spawn_blocking(move || {
            let told = lines.by_ref().map_while(Result::ok).find_map(|line| understand(&line));
            (told, lines)
        })
        .await
        .unwrap();
        self.lines = Some(lines);
        told
    }

    /// Waits until it has saved.
    async fn saved(&mut self) -> Saved {
        loop {
            match self.told().await.expect("the host saves, as its output says why not") {
                Told::Saved(saved) => return saved,
                Told::Deletes(_) => {}
            }
        }
    }

    /// Kills it where it is.
    fn kill(&mut self) {
        self.child.kill().expect("the host is there");
        let status = self.child.wait().expect("the host was started here");
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(9), "it had ended before: {status}");
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // It may be dead already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn understand(line: &str) -> Option<Told> {
    let mut words = line.split(' ');
    match (words.next()?, words.next()?) {
        ("saved", id) => {
            let (pid, runs) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
            Some(Told::Saved(Saved { id: id.to_owned(), pid, runs }))
        }
        ("deletes", id) => Some(Told::Deletes(id.to_owned())),
        _ => None,
    }
}

/// Runs a work undisturbed. Returns how it ends, and after what time.
async fn undisturbed(work: &Work) -> (End, Duration) {
    // The first time, all that it needs may have to be compiled.
    run(work).await;
    run(work).await
}

async fn run(work: &Work) -> (End, Duration) {
    let sandbox = interpreters::engine().create(spec()).await.unwrap();
    let pid = work.start(&*sandbox).await;
    let begun = Instant::now();
    let end = work.end(&*sandbox, pid).await;
    assert_eq!(end.status, ProcessStatus::Exited(0), "{:?}", end.output);
    (end, begun.elapsed())
}

/// Goes on with what was saved in this process, and with copies of it: all come to the end that is expected.
async fn all_end(work: &Work, dir: &Path, saved: &Saved, expected: &End) {
    let engine = interpreters::builder_in(dir).build().expect("the engine starts");
    let sandbox = engine.create(spec().snapshot_id(&saved.id)).await.unwrap();
    let mut all = sandbox.copy(COPIES).await.unwrap();
    all.push(sandbox);
    for sandbox in all {
        assert_eq!(work.end(&*sandbox, saved.pid).await, *expected);
        sandbox.terminate().await.unwrap();
    }
}

/// Kills hosts, one after another, each of which goes on where the one before it had saved.
fn survives(name: &str) {
    let dir = tempfile::tempdir().unwrap();
    let work = Work::find(name);
    test_within(LONGEST, async {
        let (expected, time) = undisturbed(&work).await;
        let time_us = time.as_micros() as u64;
        let mut random = Random::of_this_run();
        let (mut saved, mut running) = (None, 0);
        for life in 0..LIVES {
            // Shorter at first: whatever else the machine does now, it is not done with the work then.
            let most = if life < 4 { time_us / 40 } else { time_us / 8 };
            let run_for = Duration::from_micros(500 + random.below(most.max(1)));
            let order = Order { work: name, dir: dir.path(), saved: saved.as_ref(), run_for: Some(run_for) };
            let mut host = Host::start(&order);
            let now = host.saved().await;
            tokio::time::sleep(Duration::from_micros(random.below(30_000))).await;
            host.kill();
            running += usize::from(now.runs);
            saved = Some(now);
        }
        println!("{name}: {time:?} undisturbed, in the middle in {running} of {LIVES} lives");
        assert!(running >= RUNNING_MIN, "it was in the middle only {running} times");
        all_end(&work, dir.path(), saved.as_ref().unwrap(), &expected).await;
    });
}

#[test]
fn while_lua_computes() {
    survives("lua");
}

#[test]
fn while_quickjs_computes() {
    survives("quickjs");
}

#[test]
fn while_python_computes() {
    survives("python");
}

#[test]
fn while_ruby_computes() {
    survives("ruby");
}

#[test]
fn while_a_pipeline_runs() {
    survives("pipeline");
}

#[test]
fn while_a_program_waits_for_input() {
    survives("input");
}

#[test]
fn while_sqlite_writes() {
    survives("sqlite");
}

/// The host is killed while it saves, or frees what it doesn't need any more: what it had told of is whole.
#[test]
fn while_it_saves() {
    let name = "memory";
    let dir = tempfile::tempdir().unwrap();
    let work = Work::find(name);
    test_within(LONGEST, async {
        let (expected, time) = undisturbed(&work).await;
        let mut random = Random::of_this_run();
        let mut kept: Vec<Saved> = Vec::new();
        let (mut saves, mut running) = (0, 0);
        for life in 0..LIVES {
            let order = Order { work: name, dir: dir.path(), saved: kept.last(), run_for: None };
            let mut host = Host::start(&order);
            let begun = Instant::now();
            // The first one has to have saved something; others may be killed before they have.
            let told = random.below(4) + u64::from(life == 0);
            for _ in 0..told {
                match host.told().await.expect("the host saves, as its output says why not") {
                    Told::Saved(saved) => {
                        running += usize::from(saved.runs);
                        kept.push(saved);
                        saves += 1;
                    }
                    Told::Deletes(id) => kept.retain(|saved| saved.id != id),
                }
            }
            // Anywhere in what it takes to save once more, or in what it takes to begin.
            let most = begun.elapsed().as_micros() as u64 / told.max(1) + 300_000;
            tokio::time::sleep(Duration::from_micros(random.below(most))).await;
            host.kill();
            // What it told of between that and its death counts as well.
            while let Some(told) = host.told().await {
                match told {
                    Told::Saved(saved) => kept.push(saved),
                    Told::Deletes(id) => kept.retain(|saved| saved.id != id),
                }
            }
            let store = DirectoryStore::open(&dir.path().join("snapshots"), StoreOptions::default()).unwrap();
            for saved in &kept {
                store.verify(&saved.id).unwrap_or_else(|error| panic!("{saved:?} is not whole: {error:?}"));
            }
            for record in store.list().unwrap() {
                store.verify(&record.id).unwrap_or_else(|error| panic!("what is listed is not whole: {error:?}"));
            }
            store.collect_garbage().unwrap();
        }
        println!("{time:?} undisturbed, saved {saves} times, {running} times in the middle");
        assert!(running >= RUNNING_MIN, "it was in the middle only {running} times");
        all_end(&work, dir.path(), kept.last().unwrap(), &expected).await;
    });
}
