//! Terminals as guests handle them: who may read and write when, how they are set, and whose turn it is.

use std::task::{Context, Poll};

use stillbox_kernel::Errno;
use stillbox_kernel::tty::{ControlChars, ECHO, ICANON, Modes, Size, TOSTOP, Tty};

use crate::process::signals::Action;
use crate::process::{Pid, Process, Signal, Stop};
use crate::wasi::abi::types;
use crate::wasi::processes;

/// Stops a process in the background, with the whole of its group, until it is in the foreground.
///
/// # Errors
///
/// [`Errno::Io`] if nobody could continue it.
fn poll_turn(process: &Process, tty: &Tty, signal: Signal) -> Poll<Result<(), Errno>> {
    if !process.is_in_background(tty) {
        return Poll::Ready(Ok(()));
    }
    let ignored = process.signals.action(signal) == Action::Ignore;
    if ignored && signal == Signal::TTOU {
        return Poll::Ready(Ok(()));
    }
    if ignored || process.table.is_orphaned(process.group(), process.session().leader) {
        return Poll::Ready(Err(Errno::Io));
    }
    process.table.signal_group(process.group(), signal);
    Poll::Pending
}

/// Reads what was typed; a process in the background is stopped.
pub(super) fn poll_read(
    process: &Process,
    tty: &Tty,
    cx: &mut Context<'_>,
    buf: &mut [u8],
) -> Poll<Result<usize, Errno>> {
    match poll_turn(process, tty, Signal::TTIN) {
        Poll::Ready(Ok(())) => tty.read(cx, buf).map(Ok),
        Poll::Ready(Err(errno)) => Poll::Ready(Err(errno)),
        Poll::Pending => Poll::Pending,
    }
}

/// Shows bytes; a process in the background is stopped if the terminal is set so.
pub(super) fn poll_write(process: &Process, tty: &Tty, buf: &[u8]) -> Poll<Result<usize, Errno>> {
    if tty.modes().local & TOSTOP != 0
        && let Poll::Pending = poll_turn(process, tty, Signal::TTOU)?
    {
        return Poll::Pending;
    }
    Poll::Ready(tty.write(buf).map(|()| buf.len()))
}

/// Waits until the process may change how the terminal is set.
fn await_turn(process: &Process, tty: &Tty) -> Result<(), Stop> {
    Ok(process.block(None, |_| poll_turn(process, tty, Signal::TTOU))??)
}

// ---- `termios`.

pub(super) fn attributes(tty: &Tty) -> types::TtyAttr {
    let Modes { input, output, local, chars } = tty.modes();
    types::TtyAttr {
        input,
        output,
        local,
        intr: chars.intr,
        quit: chars.quit,
        erase: chars.erase,
        kill: chars.kill,
        eof: chars.eof,
        time: chars.time,
        min: chars.min,
        susp: chars.susp,
        eol: chars.eol,
        reprint: chars.reprint,
        werase: chars.werase,
        lnext: chars.lnext,
        eol2: chars.eol2,
    }
}

pub(super) fn set_attributes(process: &Process, tty: &Tty, attr: &types::TtyAttr, flush: bool) -> Result<(), Stop> {
    await_turn(process, tty)?;
    let chars = ControlChars {
        intr: attr.intr,
        quit: attr.quit,
        erase: attr.erase,
        kill: attr.kill,
        eof: attr.eof,
        time: attr.time,
        min: attr.min,
        susp: attr.susp,
        eol: attr.eol,
        reprint: attr.reprint,
        werase: attr.werase,
        lnext: attr.lnext,
        eol2: attr.eol2,
    };
    tty.set_modes(Modes { input: attr.input, output: attr.output, local: attr.local, chars }, flush);
    Ok(())
}

pub(super) fn set_size(process: &Process, tty: &Tty, size: Size) {
    if let Some(signal) = tty.set_size(size) {
        process.table.signal_group(tty.foreground(), signal.into());
    }
}

// ---- The foreground.

/// Checks that a terminal is the one of the process's session.
pub(super) fn require_own(process: &Process, tty: &Tty) -> Result<(), Errno> {
    if tty.session() == process.session().leader { Ok(()) } else { Err(Errno::Notty) }
}

/// Puts a group of the session into the foreground.
pub(super) fn set_foreground(process: &Process, tty: &Tty, group: Pid) -> Result<(), Stop> {
    require_own(process, tty)?;
    await_turn(process, tty)?;
    processes::require_group(process, group)?;
    tty.set_foreground(group);
    Ok(())
}

// ---- WASIX, which knows one terminal for a process and a part of how it is set.

/// Returns the terminals that the standard streams are.
fn of_streams(process: &Process) -> [Option<Tty>; 3] {
    let fds = process.fds.lock();
    [0, 1, 2].map(|fd| fds.get(fd).and_then(|stream| stream.tty().cloned()).ok())
}

/// Returns the terminal that any of the standard streams is, or else the session's.
fn standard(process: &Process) -> Result<Tty, Errno> {
    let of_streams = of_streams(process).into_iter().flatten().next();
    of_streams.or_else(|| process.session().terminal.clone()).ok_or(Errno::Notty)
}

/// Returns the state of the terminal as WASIX has it.
pub(super) fn state(process: &Process) -> Result<types::Tty, Errno> {
    let tty = standard(process)?;
    let (size, modes) = (tty.size(), tty.modes());
    let [stdin_tty, stdout_tty, stderr_tty] = of_streams(process).map(|tty| tty.is_some().into());
    Ok(types::Tty {
        cols: size.cols.into(),
        rows: size.rows.into(),
        width: 0,
        height: 0,
        stdin_tty,
        stdout_tty,
        stderr_tty,
        echo: modes.is_echoing().into(),
        line_buffered: modes.is_canonical().into(),
        line_feeds: 0,
    })
}

/// Sets the size, and whether input is echoed and read by lines.
pub(super) fn set_state(process: &Process, wanted: &types::Tty) -> Result<(), Stop> {
    let tty = standard(process)?;
    await_turn(process, &tty)?;
    let mut modes = tty.modes();
    for (flag, wanted) in [(ECHO, wanted.echo), (ICANON, wanted.line_buffered)] {
        modes.local = if wanted != 0 { modes.local | flag } else { modes.local & !flag };
    }
    tty.set_modes(modes, false);
    let fits = |count: u32| u16::try_from(count).map_err(|_| Errno::Inval);
    set_size(process, &tty, Size { rows: fits(wanted.rows)?, cols: fits(wanted.cols)? });
    Ok(())
}
