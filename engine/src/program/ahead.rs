//! Compiling continuations before they are needed.
//!
//! All the sites in a loop need the continuation of that loop, and for a large one, such as the one in which an interpreter
//! dispatches, it takes a good part of a second to compile: too long for whoever waits for a process to go on. So
//! when a program was loaded, a thread of the engine sees to it that the continuations of its largest loops are on disk.
//! Other sites' continuations are small, and too many.
//!
//! The thread is the last to get a processor, and leaves off while a program is compiled.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use stillbox_capture::Loop;

use super::continuations::Continuations;
use super::gate::Gate;

/// The name of what says that a program's continuations were compiled ahead.
pub(super) const DONE: &str = "ahead";

/// How long after a program was loaded the thread begins, so that an engine which runs a short command does just that.
const DELAY: Duration = Duration::from_secs(1);

/// How many operators a loop must have to be worth it: what is smaller is compiled in some milliseconds.
const OPERATORS_MIN: usize = 2000;

/// How many operators all the loops of one program may have together that are compiled for it.
const OPERATORS_MAX: usize = 1_000_000;

/// How many programs may wait to be looked at. More than that are guests' own, and do without.
const WAITING_MAX: usize = 256;

/// The thread, which is started when there is something to do and ends with the engine.
pub(super) struct Ahead {
    /// Where programs are compiled.
    compilers: Arc<Gate>,
    waiting: OnceLock<SyncSender<Weak<Continuations>>>,
}

impl Ahead {
    pub(super) fn new(compilers: Arc<Gate>) -> Self {
        Self { compilers, waiting: OnceLock::new() }
    }

    /// Has the continuations compiled that a program will need, unless they are on disk or there is none.
    pub(super) fn compile(&self, program: &Arc<Continuations>) {
        if program.on_disk(DONE).is_some_and(|done| !done) {
            let waiting = self.waiting.get_or_init(|| start(self.compilers.clone()));
            // One that can't wait in line is compiled when it is needed.
            let _ = waiting.try_send(Arc::downgrade(program));
        }
    }
}

fn start(compilers: Arc<Gate>) -> SyncSender<Weak<Continuations>> {
    let (sender, waiting) = sync_channel(WAITING_MAX);
    let thread = std::thread::Builder::new().name("stillbox-ahead".into());
    if let Err(error) = thread.spawn(move || work(&waiting, &compilers)) {
        tracing::warn!(%error, "no thread that compiles continuations ahead");
    }
    sender
}

fn work(waiting: &Receiver<Weak<Continuations>>, compilers: &Gate) {
    be_last();
    for program in waiting {
        std::thread::sleep(DELAY);
        if let Err(error) = compile(&program, compilers) {
            tracing::warn!(%error, "the continuations of a program could not be compiled ahead");
        }
    }
}

/// Compiles the continuations of a program's largest loops, as long as anyone has the program.
fn compile(program: &Weak<Continuations>, compilers: &Gate) -> wasmtime::Result<()> {
    let started = Instant::now();
    compilers.wait_until_free();
    let Some(analysis) = program.upgrade().map(|program| program.analyze()) else { return Ok(()) };
    let analysis = analysis?;
    let loops = largest(analysis.loops()?);
    for around in &loops {
        compilers.wait_until_free();
        let Some(program) = program.upgrade() else { return Ok(()) };
        let name = around.site.0.to_string();
        if program.on_disk(&name) == Some(false) {
            let code = program.store.compile(&analysis.continuation(around.site)?)?;
            program.keep(&name, &code);
        }
    }
    if let Some(program) = program.upgrade() {
        program.keep(DONE, &[]);
    }
    tracing::debug!(loops = loops.len(), elapsed = ?started.elapsed(), "compiled continuations ahead");
    Ok(())
}

/// Returns the loops that are worth being compiled for, the largest first.
fn largest(mut loops: Vec<Loop>) -> Vec<Loop> {
    loops.sort_unstable_by_key(|one| std::cmp::Reverse(one.operators));
    let mut left = OPERATORS_MAX;
    let fits = |one: &Loop| {
        let fits = one.operators >= OPERATORS_MIN && one.operators <= left;
        left -= if fits { one.operators } else { 0 };
        fits
    };
    loops.into_iter().filter(fits).collect()
}

/// Makes this thread the last to get a processor.
fn be_last() {
    #[cfg(target_os = "linux")]
    // SAFETY: the call reads nothing of ours. Priorities are the threads' own on Linux, and 0 means the one that calls.
    unsafe {
        libc::setpriority(libc::PRIO_PROCESS as _, 0, 19);
    }
}
