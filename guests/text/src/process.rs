//! Other programs: run, fed and read from.

use std::io::{self, Read, Write};
use stillbox_sys::{Errno, Fd, Pid, Spawn, Status, WaitFlags};

/// Returns what runs `command` with the shell.
pub fn shell(command: &[u8]) -> Spawn {
    let mut spawn = Spawn::new("/bin/sh");
    spawn.arg("sh").arg("-c").arg(command);
    spawn
}

/// Waits until the child `pid` has ended.
pub fn wait(pid: Pid) -> Result<Status, Errno> {
    loop {
        match stillbox_sys::wait(Some(pid), WaitFlags::default()) {
            Ok(Some((_, status))) => return Ok(status),
            Ok(None) | Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}

/// Runs `spawn` to its end.
pub fn run(spawn: &Spawn) -> Result<Status, Errno> {
    wait(spawn.spawn()?)
}

/// Returns a search path for programs: the one in the environment.
pub fn search_path() -> String {
    std::env::var("PATH").unwrap_or_else(|_| "/usr/local/bin:/usr/bin:/bin".to_owned())
}

/// One end of a pipe, of which another process has the other.
pub struct PipeEnd(Fd);

impl PipeEnd {
    fn close(&mut self) {
        if self.0 >= 0 {
            // Nothing can be done about a descriptor that does not close.
            let _ = stillbox_sys::close(self.0);
            self.0 = -1;
        }
    }
}

impl Drop for PipeEnd {
    fn drop(&mut self) {
        self.close();
    }
}

impl Read for PipeEnd {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        stillbox_sys::read(self.0, buffer).map_err(io_error)
    }
}

impl Write for PipeEnd {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        stillbox_sys::write(self.0, bytes).map_err(io_error)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn io_error(errno: Errno) -> io::Error {
    match errno {
        Errno::PIPE => io::ErrorKind::BrokenPipe.into(),
        Errno::INTR => io::ErrorKind::Interrupted.into(),
        errno => io::Error::other(errno.to_string()),
    }
}

/// Starts `spawn` with its standard output in a pipe; returns the end to read from.
pub fn read_from(mut spawn: Spawn) -> Result<(Pid, PipeEnd), Errno> {
    let (reader, writer) = close_on_exec_pipe()?;
    let started = spawn.dup2(writer.0, 1).spawn();
    started.map(|pid| (pid, reader))
}

/// Starts `spawn` with its standard input from a pipe; returns the end to write to.
pub fn write_to(mut spawn: Spawn) -> Result<(Pid, PipeEnd), Errno> {
    let (reader, writer) = close_on_exec_pipe()?;
    let started = spawn.dup2(reader.0, 0).spawn();
    started.map(|pid| (pid, writer))
}

fn close_on_exec_pipe() -> Result<(PipeEnd, PipeEnd), Errno> {
    let (reader, writer) = stillbox_sys::pipe()?;
    let ends = (PipeEnd(reader), PipeEnd(writer));
    // A child that kept the other end would wait for itself.
    stillbox_sys::set_cloexec(reader, true)?;
    stillbox_sys::set_cloexec(writer, true)?;
    Ok(ends)
}

/// Runs `command` with the shell and returns what it writes.
pub fn output_of(command: &[u8]) -> Result<Vec<u8>, Errno> {
    let (pid, mut reader) = read_from(shell(command))?;
    let mut output = Vec::new();
    // An unreadable pipe is an empty one: the child's end tells the rest.
    let _ = reader.read_to_end(&mut output);
    drop(reader);
    wait(pid)?;
    Ok(output)
}
