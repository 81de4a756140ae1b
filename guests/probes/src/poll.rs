//! Waiting for one of several things.

use std::time::{Duration, Instant};

use stillbox_sys::{self as sys, Fd, PollFd};

use crate::check::{During, Outcome, equal, that};

const SHORT: Duration = Duration::from_millis(40);

fn readable(fd: Fd, timeout: Duration) -> Outcome<bool> {
    let mut watched = [PollFd { fd, readable: true, writable: false }];
    sys::poll(&mut watched, Some(timeout)).during("poll")?;
    Ok(watched[0].readable)
}

fn writable(fd: Fd, timeout: Duration) -> Outcome<bool> {
    let mut watched = [PollFd { fd, readable: false, writable: true }];
    sys::poll(&mut watched, Some(timeout)).during("poll")?;
    Ok(watched[0].writable)
}

/// Polling what never happens ends when the time is over.
pub fn timeout(_: &[String]) -> Outcome {
    let (read, _write) = sys::pipe().during("pipe")?;
    let start = Instant::now();
    equal("an empty pipe", readable(read, SHORT)?, false)?;
    that("it took as long", start.elapsed() >= SHORT)?;
    let start = Instant::now();
    equal("without waiting", readable(read, Duration::ZERO)?, false)?;
    that("it took no time", start.elapsed() < SHORT)
}

/// A pipe is readable with bytes in it and at its end, and writable with room in it.
pub fn pipe(_: &[String]) -> Outcome {
    let (read, write) = sys::pipe().during("pipe")?;
    equal("empty: readable", readable(read, Duration::ZERO)?, false)?;
    equal("empty: writable", writable(write, SHORT)?, true)?;
    // Bounded, because a pipe is: polled before each write, so that none of them blocks.
    let mut filled = 0_usize;
    while writable(write, Duration::ZERO)? {
        filled += sys::write(write, &[7; 4096]).during("write")?;
        that("the pipe is bounded", filled <= 64 << 20)?;
    }
    equal("full: readable", readable(read, SHORT)?, true)?;
    sys::close(write).during("close the writer")?;
    let rest = crate::child::drain(sys::dup(read).during("dup")?)?;
    equal("everything came through", rest.len(), filled)?;
    equal("at the end: readable", readable(read, SHORT)?, true)
}
