//! Putting a sandbox to rest, and waking it up.
//!
//! ```text
//!   Live: files, pipes, jobs, followers ---------------- stays, if this engine has suspended it ----> goes on
//!   instances of processes --> held still --> stored --> gone                 stored --> instances --'
//! ```
//!
//! Whoever follows the output of a process, or waits for its end, waits on.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures::channel::oneshot;
use futures::future::BoxFuture;
use stillbox_api::{CheckpointError, LifecycleError, LogLevel, RestoreError, SandboxStatus};
use stillbox_checkpoint::Purpose;

use crate::engine::Shared;
use crate::offload::offload;
use crate::process::persist::Waiting;
use crate::sandbox::Live;
use crate::sandbox::hold::Held;
use crate::sandbox::state::Inner;
use crate::sandbox::still::{Contents, Still};
use crate::task;

/// What there is of a sandbox that is suspended.
pub(crate) struct Rest {
    /// The checkpoint that it goes on from.
    pub(crate) checkpoint: String,
    /// What has stayed in memory, if this engine has suspended it.
    pub(crate) kept: Option<Kept>,
}

/// What stays of a sandbox that this engine has suspended. Its processes go on being held.
pub(crate) struct Kept {
    pub(crate) live: Arc<Live>,
    pub(crate) _held: Held,
}

/// Suspends a sandbox, to whose end or failure the caller need not wait.
///
/// # Errors
///
/// As [`suspend`](stillbox_api::AsyncSandbox::suspend).
pub(crate) async fn suspend(engine: &Arc<Shared>, inner: &Arc<Inner>) -> Result<(), LifecycleError> {
    let (engine, inner) = (engine.clone(), inner.clone());
    to_its_end(&engine.clone(), Box::pin(async move { suspend_now(&engine, &inner).await })).await
}

/// Lets a suspended sandbox go on.
///
/// # Errors
///
/// As [`resume`](stillbox_api::AsyncSandbox::resume).
pub(crate) async fn resume(engine: &Arc<Shared>, inner: &Arc<Inner>) -> Result<(), LifecycleError> {
    let (engine, inner) = (engine.clone(), inner.clone());
    to_its_end(&engine.clone(), Box::pin(async move { resume_now(&engine, &inner).await })).await
}

/// Has the engine do something to its end, whether or not the caller waits for that: half of it would leave processes
/// without instances.
async fn to_its_end<T: Send + 'static>(
    engine: &Shared,
    work: BoxFuture<'static, Result<T, LifecycleError>>,
) -> Result<T, LifecycleError> {
    let (sender, receiver) = oneshot::channel();
    task::spawn(&engine.runtime.threads, async move {
        let _ = sender.send(work.await);
    });
    receiver.await.unwrap_or_else(|canceled| Err(LifecycleError::Engine(canceled.into())))
}

async fn suspend_now(engine: &Shared, inner: &Arc<Inner>) -> Result<(), LifecycleError> {
    if inner.name().is_none() {
        return Err(LifecycleError::Ephemeral { id: inner.id.clone() });
    }
    let _turn = inner.turn.lock().await;
    if inner.status() == SandboxStatus::Suspended {
        return Ok(());
    }
    let moment = inner.begin(SandboxStatus::Suspending)?;
    let live = moment.live().clone();
    let held = live.hold().await.map_err(LifecycleError::Suspend)?;
    let still = live.save(&held, inner).await.map_err(LifecycleError::Suspend)?;
    let stored = engine.snapshots.put(still, inner, Purpose::Suspension).await;
    let checkpoint = stored.map_err(LifecycleError::Suspend)?.id;
    // From here on it is the checkpoint that goes on.
    live.is_resting.store(true, Ordering::Release);
    live.stop_timers();
    held.leave().await;
    live.log.event(LogLevel::Info, "suspended");
    let rest = Rest { checkpoint: checkpoint.clone(), kept: Some(Kept { live: live.clone(), _held: held }) };
    if moment.rest(rest).is_err() {
        // It was terminated meanwhile.
        engine.snapshots.forget(checkpoint);
        live.end_at_rest();
    }
    Ok(())
}

async fn resume_now(engine: &Arc<Shared>, inner: &Arc<Inner>) -> Result<(), LifecycleError> {
    let _turn = inner.turn.lock().await;
    if inner.status().is_usable() {
        return Ok(());
    }
    let (checkpoint, kept) = inner.rest()?;
    let read = {
        let (snapshots, checkpoint) = (engine.snapshots.clone(), checkpoint.clone());
        let engine = engine.clone();
        move || snapshots.still(&checkpoint, || engine.bases(), &engine.runtime.programs)
    };
    let read = offload(&engine.runtime.threads, read).await.map_err(|error| LifecycleError::Engine(error.into()))?;
    let (_, still) = read.map_err(LifecycleError::Resume)?;
    let failed = |error| LifecycleError::Resume(RestoreError::Engine(error));
    let (live, waiting) = match kept {
        Some(live) => {
            let waiting = live.wake(&still).map_err(LifecycleError::Resume)?;
            (live, waiting)
        }
        None => {
            let continued = Live::load(engine, inner, &still).map_err(|error| failed(error.into()))?;
            (continued.live, continued.waiting)
        }
    };
    // Of several engines with one store, the one that takes the checkpoint away goes on with it.
    engine.snapshots.delete(&checkpoint).await.map_err(|error| match error {
        CheckpointError::NotFound { id } => LifecycleError::Resume(RestoreError::NotFound { id }),
        error => failed(error.into()),
    })?;
    live.log.event(LogLevel::Info, "resumed");
    live.is_resting.store(false, Ordering::Release);
    // Waking it up is a use, after which it can be idle again.
    let _busy = live.idle.busy();
    inner.wake(&live)?;
    for process in waiting {
        process.launch().map_err(|errno| failed(errno.into()))?;
    }
    Ok(())
}

impl Live {
    /// Has no time pass for the processes of a sandbox that is about to rest.
    fn stop_timers(&self) {
        self.jobs.list().iter().for_each(|job| job.stop_timer());
        self.table.list().iter().for_each(|process| process.stop_timers());
    }

    /// Gives the processes that have stayed their instances back, which go on when they are launched.
    ///
    /// # Errors
    ///
    /// If the engine has as many processes as it may.
    fn wake(self: &Arc<Self>, still: &Still) -> Result<Vec<Waiting>, RestoreError> {
        let mut waiting = Vec::new();
        for state in &still.processes {
            let (Some(process), Some(Contents { program, memories })) =
                (self.table.get(state.pid), still.guests.get(&state.pid))
            else {
                continue;
            };
            let woken = process.wake_up(state, program.clone(), memories.clone());
            let woken = woken.map_err(|error| RestoreError::Mismatch { reason: error.to_string() })?;
            waiting.push(woken);
        }
        for state in &still.jobs {
            if let Ok(job) = self.jobs.find(state.pid.into()) {
                self.set_deadline(&job, state.time_left_ns.map(std::time::Duration::from_nanos));
            }
        }
        Ok(waiting)
    }

    /// Ends what rests: nobody runs who could.
    pub(super) fn end_at_rest(&self) {
        self.close();
        for process in self.table.list().into_iter().filter(|process| process.exit().is_none()) {
            process.end_at_rest();
        }
    }

    /// Returns whether the sandbox is suspended.
    pub(crate) fn is_resting(&self) -> bool {
        self.is_resting.load(Ordering::Acquire)
    }
}
