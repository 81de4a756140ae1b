//! Pipes between processes.

use stillbox_sys::{self as sys, Disposition, Errno, Status};

use crate::check::{During, Outcome, equal, number, that};
use crate::child;

const SIGPIPE: sys::Signal = 13;

/// A pipe ends when its last writer is closed, and not before.
pub fn eof(_: &[String]) -> Outcome {
    let (read, write) = sys::pipe().during("pipe")?;
    let second = sys::dup(write).during("dup")?;
    sys::write_all(write, b"one").during("write")?;
    sys::close(write).during("close")?;
    sys::write_all(second, b"two").during("write to the duplicate")?;
    sys::close(second).during("close the duplicate")?;
    equal("everything", child::drain(read)?, b"onetwo".to_vec())
}

/// Writing without a reader is an error when the signal is ignored, and death when it is not.
pub fn epipe(_: &[String]) -> Outcome {
    let (read, write) = sys::pipe().during("pipe")?;
    sys::close(read).during("close the reader")?;
    let mut writer = child::spawn("child_write", &["10"]);
    let pid = writer.dup2(write, 1).signal(SIGPIPE, Disposition::Default).spawn().during("spawn")?;
    equal("a child that does not ignore it", child::wait_for(pid)?, Status::Signaled(SIGPIPE))?;
    sys::signal_action(SIGPIPE, Disposition::Ignore).during("ignore")?;
    equal("a write that ignores it", sys::write(write, b"x"), Err(Errno::PIPE))
}

/// Exchanges ROUNDS bytes with a child, one at a time.
pub fn pingpong(arguments: &[String]) -> Outcome {
    let rounds = number(arguments, 0, 1_000)?;
    let (their_stdin, to_child) = sys::pipe().during("pipe")?;
    let (from_child, their_stdout) = sys::pipe().during("pipe")?;
    let pid = child::spawn("child_cat", &[]).dup2(their_stdin, 0).dup2(their_stdout, 1).spawn().during("spawn")?;
    sys::close(their_stdin).during("close")?;
    sys::close(their_stdout).during("close")?;
    for round in 0..rounds {
        let ball = [round as u8];
        sys::write_all(to_child, &ball).during("write")?;
        let mut back = [0];
        equal("bytes that came back", sys::read(from_child, &mut back).during("read")?, 1)?;
        equal("the byte", back, ball)?;
    }
    sys::close(to_child).during("close")?;
    equal("the rest", child::drain(from_child)?, Vec::new())?;
    equal("status", child::wait_for(pid)?, Status::Exited(0))
}

/// Reads SIZE bytes from a child, far more than a pipe holds.
pub fn big(arguments: &[String]) -> Outcome {
    let size = number(arguments, 0, 4 << 20)?;
    let (got, status) = child::output(&mut child::spawn("child_write", &[&size.to_string()]))?;
    equal("status", status, Status::Exited(0))?;
    equal("size", got.len() as u64, size)?;
    that("every byte is as written", got.iter().zip(0..).all(|(byte, at)| *byte == child::pattern(at)))
}
