//! `poll_oneoff`: waiting for any of several descriptors and timeouts.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use stillbox_kernel::Errno;
use stillbox_kernel::pipe::Readiness;
use wiggle::{GuestMemory, GuestPtr, GuestType};

use crate::process::{Process, Stop};
use crate::wasi::abi::{self, types};
use crate::wasi::clocks;
use crate::wasi::fd_table::{Description, Object};

/// More subscriptions than a guest has descriptors make no sense; the host holds each while it waits, which counts.
const SUBSCRIPTIONS_MAX: u32 = 4096;

/// What one subscription waits for.
enum Wait {
    Clock(Option<Instant>),
    Fd {
        description: Arc<Description>,
        to_read: bool,
    },
    /// It can't be waited for, and says so at once.
    Failed(Errno),
}

struct Subscription {
    userdata: u64,
    kind: types::Eventtype,
    wait: Wait,
}

/// Waits until at least one subscription is ready, writes an event for each that is, and returns how many those are.
pub(crate) fn poll_oneoff<S: GuestType + Into<types::Subscription>>(
    process: &Process,
    memory: &mut GuestMemory<'_>,
    subscriptions: GuestPtr<S>,
    events: GuestPtr<types::Event>,
    count: u32,
) -> abi::Result<u32> {
    if count == 0 || count > SUBSCRIPTIONS_MAX {
        return Err(Errno::Inval.into());
    }
    let _charge = process.table.kernel.charge(u64::from(count) * size_of::<Subscription>() as u64)?;
    let mut waits = Vec::with_capacity(count as usize);
    for subscription in subscriptions.as_array(count).iter() {
        waits.push(subscribe(process, memory.read(subscription?)?.into()));
    }
    let ready = wait(process, &waits)?;

    let mut written = 0;
    for (subscription, readiness) in waits.iter().zip(ready) {
        let Some(readiness) = readiness else { continue };
        memory.write(events.add(written)?, event(subscription, readiness))?;
        written += 1;
    }
    Ok(written)
}

fn subscribe(process: &Process, subscription: types::Subscription) -> Subscription {
    let userdata = subscription.userdata;
    let fd = |fd: types::Fd, to_read| match process.fds.lock().get(fd.into()) {
        Ok(description) => Wait::Fd { description, to_read },
        Err(errno) => Wait::Failed(errno),
    };
    let (kind, wait) = match subscription.u {
        types::SubscriptionU::Clock(clock) => {
            let absolute = clock.flags.contains(types::Subclockflags::SUBSCRIPTION_CLOCK_ABSTIME);
            let deadline = clocks::deadline(process, clock.id, clock.timeout, absolute);
            (types::Eventtype::Clock, deadline.map_or_else(Wait::Failed, Wait::Clock))
        }
        types::SubscriptionU::FdRead(read) => (types::Eventtype::FdRead, fd(read.file_descriptor, true)),
        types::SubscriptionU::FdWrite(write) => (types::Eventtype::FdWrite, fd(write.file_descriptor, false)),
    };
    Subscription { userdata, kind, wait }
}

/// What a ready subscription tells.
type Ready = Result<Readiness, Errno>;

/// Waits until any is ready, and returns what each tells.
fn wait(process: &Process, subscriptions: &[Subscription]) -> Result<Vec<Option<Ready>>, Stop> {
    let deadline = subscriptions
        .iter()
        .filter_map(|subscription| match subscription.wait {
            Wait::Clock(deadline) => deadline,
            _ => None,
        })
        .min();
    let polled = process.block(deadline, |cx| {
        let now = deadline.map(|_| Instant::now());
        let ready: Vec<_> = subscriptions.iter().map(|subscription| look(cx, &subscription.wait, now)).collect();
        if ready.iter().any(Option::is_some) { Poll::Ready(ready) } else { Poll::Pending }
    });
    match polled {
        // The deadline is that of a clock, which is ready now.
        Err(Stop::Errno(Errno::Timedout)) => {
            let mut cx = Context::from_waker(std::task::Waker::noop());
            Ok(subscriptions.iter().map(|subscription| look(&mut cx, &subscription.wait, deadline)).collect())
        }
        other => other,
    }
}

fn look(cx: &mut Context<'_>, wait: &Wait, now: Option<Instant>) -> Option<Ready> {
    match wait {
        Wait::Failed(errno) => Some(Err(*errno)),
        Wait::Clock(deadline) => {
            let passed = deadline.zip(now).is_some_and(|(deadline, now)| deadline <= now);
            passed.then_some(Ok(Readiness { bytes: 0, hangup: false }))
        }
        Wait::Fd { description, to_read } => match poll_ready(cx, description, *to_read) {
            Poll::Ready(ready) => Some(ready),
            Poll::Pending => None,
        },
    }
}

fn poll_ready(cx: &mut Context<'_>, description: &Description, to_read: bool) -> Poll<Ready> {
    let allowed = if to_read { description.readable } else { description.writable };
    if !allowed {
        return Poll::Ready(Err(Errno::Badf));
    }
    match (&description.object, to_read) {
        (Object::PipeReader(reader), true) => reader.poll_ready(cx).map(Ok),
        (Object::Tty(tty), true) => tty.poll_readable(cx).map(Ok),
        (Object::PipeWriter(writer), false) => writer.poll_ready(cx).map(Ok),
        (Object::File(file), true) => {
            let Ok(len) = file.size() else { return Poll::Ready(Err(Errno::Io)) };
            let left = len.saturating_sub(*description.position.lock());
            let bytes = usize::try_from(left).unwrap_or(usize::MAX);
            Poll::Ready(Ok(Readiness { bytes, hangup: false }))
        }
        // Everything else never waits.
        _ => Poll::Ready(Ok(Readiness { bytes: 1, hangup: false })),
    }
}

fn event(subscription: &Subscription, ready: Ready) -> types::Event {
    let (error, readiness) = match ready {
        Ok(readiness) => (types::Errno::Success, readiness),
        Err(errno) => {
            let errno = types::Errno::try_from(errno.code()).unwrap_or(types::Errno::Io);
            (errno, Readiness { bytes: 0, hangup: false })
        }
    };
    let flags = if readiness.hangup { types::Eventrwflags::FD_READWRITE_HANGUP } else { types::Eventrwflags::empty() };
    types::Event {
        userdata: subscription.userdata,
        error,
        type_: subscription.kind,
        fd_readwrite: types::EventFdReadwrite { nbytes: readiness.bytes as u64, flags },
    }
}
