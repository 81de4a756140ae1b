//! Holding a sandbox still: all its processes stand at one instant, are saved, and go on.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::{Either, select};
use stillbox_api::CheckpointError;

use crate::process::hold::{Done, GuestStill, Hold, Order};
use crate::process::{Pid, Process, Table};
use crate::sandbox::Live;

/// How long processes may take to come to where they can be saved: they compile, or run the handler of a signal.
const STILL_WITHIN: Duration = Duration::from_secs(30);

/// A sandbox whose processes stand still. They go on when this is dropped.
pub(crate) struct Held {
    table: Arc<Table>,
    hold: Arc<Hold>,
    /// Those that stand, and the zombies. What the host has started since stands as well, but isn't part of the instant.
    processes: Vec<Arc<Process>>,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.table.end_hold();
    }
}

impl Live {
    /// Has all processes stand still, and waits until they do.
    ///
    /// # Errors
    ///
    /// [`CheckpointError::NotSavable`] for one that can't be saved, or doesn't come to a place where it can.
    pub(crate) async fn hold(&self) -> Result<Held, CheckpointError> {
        let hold = Hold::new();
        let mut held = Held { table: self.table.clone(), hold, processes: Vec::new() };
        self.table.begin_hold(&held.hold);
        let still = {
            let still = std::pin::pin!(poll_fn(|cx| held.poll_still(cx)));
            let late = std::pin::pin!(self.table.runtime.timers.sleep(STILL_WITHIN));
            match select(still, late).await {
                Either::Left((still, _)) => still?,
                Either::Right(_) => return Err(held.late()),
            }
        };
        held.processes = still;
        Ok(held)
    }
}

impl Held {
    fn poll_still(&self, cx: &Context<'_>) -> Poll<Result<Vec<Arc<Process>>, CheckpointError>> {
        self.hold.changed.register(cx);
        let processes = self.table.list();
        if let Some(process) = processes.iter().find(|process| process.exit().is_none() && !process.is_capturable()) {
            let path = process.command.lock().path.clone();
            let reason = format!("its program {path} can't be captured; the log says why");
            return Poll::Ready(Err(CheckpointError::NotSavable { pid: process.pid, reason }));
        }
        if processes.iter().all(|process| process.is_still(&self.hold)) {
            return Poll::Ready(Ok(processes));
        }
        Poll::Pending
    }

    fn late(&self) -> CheckpointError {
        let processes = self.table.list();
        let late = processes.iter().find(|process| !process.is_still(&self.hold));
        let reason = "it is in a call or a handler of a signal that doesn't come to its end".into();
        CheckpointError::NotSavable { pid: late.map_or(0, |process| process.pid), reason }
    }

    /// Returns the processes that stand, and the zombies.
    pub(crate) fn processes(&self) -> &[Arc<Process>] {
        &self.processes
    }

    /// Saves the instances of all processes that stand, at the same time, each on its own thread.
    ///
    /// # Errors
    ///
    /// [`CheckpointError::NotSavable`] for one that holds what means nothing elsewhere.
    pub(crate) async fn save(&self) -> Result<Vec<(Pid, Box<GuestStill>)>, CheckpointError> {
        let mut saved = Vec::new();
        for (pid, done) in self.order(Order::Save).await {
            let Some(Done::Saved(guest)) = done else { continue };
            let guest = guest.map_err(|error| CheckpointError::NotSavable { pid, reason: error.to_string() })?;
            saved.push((pid, guest));
        }
        Ok(saved)
    }

    /// Has all processes that stand give up their instances, and returns when those are gone.
    pub(crate) async fn leave(&self) {
        self.order(Order::Leave).await;
    }

    async fn order(&self, order: Order) -> Vec<(Pid, Option<Done>)> {
        let mut open: Vec<_> = self.processes.iter().filter(|process| process.exit().is_none()).collect();
        open.iter().for_each(|process| process.order(order));
        let mut finished = Vec::new();
        poll_fn(|cx| {
            self.hold.changed.register(cx);
            open.retain(|process| match process.poll_done() {
                Poll::Ready(done) => {
                    finished.push((process.pid, done));
                    false
                }
                Poll::Pending => true,
            });
            if open.is_empty() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        finished
    }
}
