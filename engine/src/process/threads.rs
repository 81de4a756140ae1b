//! The threads that guests run on: one for each running process, kept for the next when it ends.
//!
//! They are the engine's own and not the host's async runtime's, so that a guest that computes without end takes a
//! share of the processor as any thread does, and delays no task of the host.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use crate::config::{HOST_STACK_BYTES, WASM_STACK_BYTES};

/// How long a thread waits for its next process before it ends.
const IDLE: Duration = Duration::from_secs(10);

/// How many threads wait for their next process. Each keeps the part of its stack that the last one touched, so more than a
/// machine starts in a burst would hold memory for nothing.
const IDLE_MAX: usize = 256;

type Job = Box<dyn FnOnce() + Send>;

/// A pool of threads that grows with the number of running processes.
#[derive(Clone, Default)]
pub(crate) struct Threads(Arc<Pool>);

#[derive(Default)]
struct Pool {
    idle: Mutex<Vec<Arc<Worker>>>,
    /// How many threads there are, idle ones included.
    count: AtomicUsize,
}

#[derive(Default)]
struct Worker {
    job: Mutex<Option<Job>>,
    given: Condvar,
}

impl Threads {
    /// Runs `job` on a thread of its own: one that is idle, or a new one.
    ///
    /// # Errors
    ///
    /// Whatever the system says when it can't start a thread.
    pub(crate) fn run(&self, job: Job) -> std::io::Result<()> {
        let idle = self.0.idle.lock().pop();
        if let Some(worker) = idle {
            *worker.job.lock() = Some(job);
            worker.given.notify_one();
            return Ok(());
        }
        let pool = self.0.clone();
        pool.count.fetch_add(1, Ordering::Relaxed);
        let work = move || {
            pool.work(job);
            pool.count.fetch_sub(1, Ordering::Relaxed);
        };
        std::thread::Builder::new()
            .name("stillbox-guest".into())
            .stack_size(WASM_STACK_BYTES + HOST_STACK_BYTES)
            .spawn(work)
            .inspect_err(|_| _ = self.0.count.fetch_sub(1, Ordering::Relaxed))
            .map(drop)
    }

    /// Returns how many threads have something to do, and how many wait for it.
    pub(crate) fn count(&self) -> (u64, u64) {
        let idle = self.0.idle.lock().len();
        let all = self.0.count.load(Ordering::Relaxed);
        (all.saturating_sub(idle) as u64, idle as u64)
    }
}

impl Pool {
    /// Does one job after another, until none comes.
    fn work(&self, first: Job) {
        let me = Arc::new(Worker::default());
        first();
        while self.wait_in_line(&me) {
            match self.next(&me) {
                Some(job) => job(),
                None => return,
            }
        }
    }

    /// Enters a worker among the idle ones, unless those are enough.
    fn wait_in_line(&self, me: &Arc<Worker>) -> bool {
        let mut idle = self.idle.lock();
        let wanted = idle.len() < IDLE_MAX;
        if wanted {
            idle.push(me.clone());
        }
        wanted
    }

    /// Waits for a job; none comes if this thread has been idle for long.
    fn next(&self, me: &Arc<Worker>) -> Option<Job> {
        let mut job = me.job.lock();
        loop {
            if let Some(job) = job.take() {
                return Some(job);
            }
            let timed_out = me.given.wait_for(&mut job, IDLE).timed_out();
            if timed_out && job.is_none() {
                // Whoever took this worker from the list is about to give it a job; otherwise nobody will.
                drop(job);
                let mut idle = self.idle.lock();
                let before = idle.len();
                idle.retain(|worker| !Arc::ptr_eq(worker, me));
                if idle.len() < before {
                    return None;
                }
                drop(idle);
                job = me.job.lock();
            }
        }
    }
}
