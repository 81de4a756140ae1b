//! Reading and writing a description, whatever it refers to.

use std::time::Instant;

use stillbox_kernel::Errno;
use stillbox_kernel::fs::Device;

use crate::process::{Process, Signal, Stop};
use crate::wasi::fd_table::{Description, Object};
use crate::wasi::terminal;

/// Reads into `buf` and returns how many bytes were read; 0 is end of file. Moves the position of a file.
pub(crate) fn read(process: &Process, description: &Description, buf: &mut [u8]) -> Result<usize, Stop> {
    if !description.readable {
        return Err(Errno::Badf.into());
    }
    match &description.object {
        Object::File(file) => {
            let mut position = description.position.lock();
            let count = file.read_at(*position, buf)?;
            *position += count as u64;
            Ok(count)
        }
        Object::Input(bytes) => {
            let mut position = description.position.lock();
            let start = usize::try_from(*position).map_or(bytes.len(), |start| start.min(bytes.len()));
            let count = buf.len().min(bytes.len() - start);
            buf[..count].copy_from_slice(&bytes[start..start + count]);
            *position += count as u64;
            Ok(count)
        }
        Object::PipeReader(reader) => wait(process, description, |cx| reader.poll_read(cx, buf).map(Ok)),
        Object::Tty(tty) => {
            let deadline = tty.read_timeout().map(|timeout| Instant::now() + timeout);
            let read = wait_until(process, description, deadline, |cx| terminal::poll_read(process, tty, cx, buf));
            match read {
                Err(Stop::Errno(Errno::Timedout)) => Ok(0),
                read => read,
            }
        }
        Object::Device(device) => read_device(process, *device, buf),
        Object::Dir(_) => Err(Errno::Isdir.into()),
        Object::PipeWriter(_) | Object::Output(_) => Err(Errno::Badf.into()),
    }
}

fn read_device(process: &Process, device: Device, buf: &mut [u8]) -> Result<usize, Stop> {
    match device {
        Device::Null => Ok(0),
        Device::Zero | Device::Full => {
            buf.fill(0);
            Ok(buf.len())
        }
        Device::Random => {
            process.table.clock.fill_random(buf)?;
            Ok(buf.len())
        }
        // Opening one of these gives what it stands for, or fails.
        Device::Stdin | Device::Stdout | Device::Stderr | Device::Tty => Err(Errno::Nxio.into()),
    }
}

/// Writes all of `buf`, or what can be written without waiting if the description is non-blocking, and returns how many
/// bytes that was. Moves the position of a file.
pub(crate) fn write(process: &Process, description: &Description, buf: &[u8]) -> Result<usize, Stop> {
    if !description.writable {
        return Err(Errno::Badf.into());
    }
    match &description.object {
        Object::File(file) => {
            let mut position = description.position.lock();
            if description.is_append() {
                let (at, count) = file.append(buf)?;
                *position = at + count as u64;
                return Ok(count);
            }
            let count = file.write_at(*position, buf)?;
            *position += count as u64;
            Ok(count)
        }
        Object::PipeWriter(writer) => write_all(process, description, buf, |cx, rest| writer.poll_write(cx, rest)),
        Object::Tty(tty) => wait(process, description, |_| terminal::poll_write(process, tty, buf)),
        Object::Output(output) => match buf {
            [] => Ok(0),
            buf => match output.sink.write(buf) {
                Ok(()) => Ok(buf.len()),
                Err(_) => broken_pipe(process),
            },
        },
        Object::Device(Device::Full) => Err(Errno::Nospc.into()),
        Object::Device(Device::Null | Device::Zero | Device::Random) => Ok(buf.len()),
        Object::Device(_) => Err(Errno::Nxio.into()),
        Object::Dir(_) | Object::PipeReader(_) | Object::Input(_) => Err(Errno::Badf.into()),
    }
}

/// Writes all of `buf` to a stream that may take it in parts. An interruption after the first part ends the write early,
/// as POSIX `write` has it.
fn write_all(
    process: &Process,
    description: &Description,
    buf: &[u8],
    mut poll_write: impl FnMut(&mut std::task::Context<'_>, &[u8]) -> std::task::Poll<Result<usize, Errno>>,
) -> Result<usize, Stop> {
    let mut written = 0;
    loop {
        match wait(process, description, |cx| poll_write(cx, &buf[written..])) {
            Ok(count) => written += count,
            Err(Stop::Errno(Errno::Pipe)) => return broken_pipe(process),
            Err(Stop::Errno(_) | Stop::Hold) if written > 0 => return Ok(written),
            Err(stop) => return Err(stop),
        }
        if written == buf.len() {
            return Ok(written);
        }
    }
}

fn broken_pipe(process: &Process) -> Result<usize, Stop> {
    process.raise(Signal::PIPE)?;
    Err(Errno::Pipe.into())
}

/// Waits until `poll` is ready, or looks once if the description is non-blocking.
fn wait<T>(
    process: &Process,
    description: &Description,
    poll: impl FnMut(&mut std::task::Context<'_>) -> std::task::Poll<Result<T, Errno>>,
) -> Result<T, Stop> {
    wait_until(process, description, None, poll)
}

fn wait_until<T>(
    process: &Process,
    description: &Description,
    deadline: Option<Instant>,
    mut poll: impl FnMut(&mut std::task::Context<'_>) -> std::task::Poll<Result<T, Errno>>,
) -> Result<T, Stop> {
    if description.is_nonblocking() {
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        return match poll(&mut cx) {
            std::task::Poll::Ready(result) => Ok(result?),
            std::task::Poll::Pending => Err(Errno::Again.into()),
        };
    }
    Ok(process.block(deadline, poll)??)
}
