//! `wasix_32v1`: processes, descriptors, terminals and signals, as far as a shell and its programs need them.

use stillbox_kernel::Errno;
use wiggle::{GuestMemory, GuestPtr};

use crate::process::table::{ChildChange, Which};
use crate::process::{Departure, Exit, Guest, Pid, Signal};
use crate::wasi::abi::{Result, types, wasix_32v1};
use crate::wasi::fd_table::{Description, Object};
use crate::wasi::processes::{self, FdOp, SpawnArgs};
use crate::wasi::{clocks, memory as guest, terminal};

/// The tags of a `join_status`.
const NOTHING: u8 = 0;
const EXIT_NORMAL: u8 = 1;
const EXIT_SIGNAL: u8 = 2;
const STOPPED: u8 = 3;

/// How long the name of a signal handler may be, in bytes: it is held as long as the program runs.
const HANDLER_NAME_BYTES_MAX: u32 = 255;

/// How many descriptor operations one spawn may ask for.
const FD_OPS_MAX: u32 = 4096;

impl Guest {
    /// Reads the command of a spawn or an exec. No environment means the guest's own.
    fn command(
        &self,
        memory: &GuestMemory<'_>,
        name: GuestPtr<str>,
        args: GuestPtr<[GuestPtr<u8>]>,
        envs: GuestPtr<[GuestPtr<u8>]>,
        search: Option<GuestPtr<str>>,
    ) -> Result<SpawnArgs> {
        let limits = &self.process.limits;
        if name.len() > limits.path_bytes {
            return Err(Errno::Nametoolong.into());
        }
        // One bound for all of it, as the stack of a native program is.
        let mut left = limits.argument_bytes;
        let args = guest::read_strings(memory, args, &mut left)?;
        let env = match envs.offset_base() {
            0 => {
                let (_, bytes) = guest::strings_size(&self.invocation.command.env)?;
                left = left.checked_sub(bytes).ok_or(Errno::TooBig)?;
                self.invocation.command.env.clone()
            }
            _ => guest::read_strings(memory, envs, &mut left)?,
        };
        if search.is_some_and(|search| search.len() > left) {
            return Err(Errno::TooBig.into());
        }
        let search = search.map(|path| guest::path(memory, path).map(|path| path.into_owned())).transpose()?;
        Ok(SpawnArgs { name: guest::path(memory, name)?.into_owned(), args, env, search })
    }

    fn pipe_end(&self, object: Object) -> Result<types::Fd> {
        let description = Description::stream(object);
        Ok(self.process.fds.lock().insert(description)?.into())
    }
}

/// Reads an operation, whose path counts against what is `left` for all of them.
fn read_fd_op(memory: &GuestMemory<'_>, op: types::SpawnFdOp, left: &mut u32) -> Result<FdOp> {
    let mut path = || -> Result<String> {
        *left = left.checked_sub(op.path_len).ok_or(Errno::TooBig)?;
        let bytes = memory.as_cow(op.path.as_array(op.path_len))?;
        String::from_utf8(bytes.into_owned()).map_err(|_| Errno::Ilseq.into())
    };
    Ok(match op.cmd {
        0 => FdOp::Close(op.fd),
        1 => FdOp::Dup { from: op.src_fd, to: op.fd },
        2 => FdOp::Open {
            fd: op.fd,
            path: path()?,
            how: super::files::How {
                dirflags: op.dirflags,
                oflags: op.oflags,
                rights: op.fs_rights_base,
                fdflags: op.fdflags,
            },
        },
        3 => FdOp::Chdir(path()?),
        4 => FdOp::Fchdir(op.fd),
        // Ours: what POSIX has as attributes of a spawn.
        0x80 => FdOp::Group(op.src_fd),
        0x81 => FdOp::Foreground(op.fd),
        _ => return Err(Errno::Inval.into()),
    })
}

impl wasix_32v1::Wasix32v1 for Guest {
    fn proc_spawn3(
        &mut self,
        memory: &mut GuestMemory<'_>,
        name: GuestPtr<str>,
        args: GuestPtr<GuestPtr<u8>>,
        args_len: u32,
        envs: GuestPtr<GuestPtr<u8>>,
        envs_len: u32,
        fd_ops: GuestPtr<types::SpawnFdOp>,
        fd_ops_len: u32,
        dispositions: GuestPtr<types::SignalDisposition>,
        dispositions_len: u32,
        search_path: u32,
        path: GuestPtr<str>,
    ) -> Result<Pid> {
        if fd_ops_len > FD_OPS_MAX || dispositions_len > 64 {
            return Err(Errno::TooBig.into());
        }
        let mut ops = Vec::with_capacity(fd_ops_len as usize);
        let mut left = self.process.limits.argument_bytes;
        for op in fd_ops.as_array(fd_ops_len).iter() {
            ops.push(read_fd_op(memory, memory.read(op?)?, &mut left)?);
        }
        let mut signals = Vec::with_capacity(dispositions_len as usize);
        for disposition in dispositions.as_array(dispositions_len).iter() {
            let types::SignalDisposition { sig, disp } = memory.read(disposition?)?;
            signals.push((Signal::new(sig).ok_or(Errno::Inval)?, disp == 1));
        }
        let search = (search_path != 0).then_some(path);
        let spawn = self.command(memory, name, args.as_array(args_len), envs.as_array(envs_len), search)?;
        Ok(processes::spawn(&self.process, spawn, &ops, &signals)?)
    }

    fn proc_exec4(
        &mut self,
        memory: &mut GuestMemory<'_>,
        name: GuestPtr<str>,
        args: GuestPtr<GuestPtr<u8>>,
        args_len: u32,
        envs: GuestPtr<GuestPtr<u8>>,
        envs_len: u32,
        search_path: u32,
        path: GuestPtr<str>,
    ) -> Result<()> {
        let search = (search_path != 0).then_some(path);
        let spawn = self.command(memory, name, args.as_array(args_len), envs.as_array(envs_len), search)?;
        Err(processes::exec(&self.process, spawn)?.into())
    }

    fn proc_join(
        &mut self,
        memory: &mut GuestMemory<'_>,
        pid: GuestPtr<types::OptionPid>,
        flags: types::Joinflags,
    ) -> Result<types::JoinStatus> {
        let wanted: types::OptionPid = memory.read(pid)?;
        let which = if wanted.tag == 0 { Which::Any } else { Which::Pid(wanted.pid) };
        let nonblocking = flags.contains(types::Joinflags::NON_BLOCKING);
        let stopped = flags.contains(types::Joinflags::WAKE_STOPPED);
        let change = processes::join(&self.process, which, nonblocking, stopped)?;

        let mut status = types::JoinStatus { tag: NOTHING, pad: 0, low: 0, high: 0, signal: 0, pad2: 0 };
        let Some((child, change)) = change else { return Ok(status) };
        memory.write(pid, types::OptionPid { tag: 1, pid: child })?;
        match change {
            ChildChange::Ended(Exit::Code(code)) => {
                status.tag = EXIT_NORMAL;
                [status.low, status.high] = ((code & 0xff) as u16).to_le_bytes();
            }
            ChildChange::Ended(Exit::Signal(signal)) => {
                status.tag = EXIT_SIGNAL;
                status.signal = signal.number();
            }
            ChildChange::Stopped(signal) => {
                status.tag = STOPPED;
                status.low = signal.number();
            }
        }
        Ok(status)
    }

    fn proc_signal(&mut self, _memory: &mut GuestMemory<'_>, pid: Pid, signal: u8) -> Result<()> {
        Ok(processes::kill(&self.process, pid, signal)?)
    }

    fn proc_id(&mut self, _memory: &mut GuestMemory<'_>) -> Result<Pid> {
        Ok(self.process.pid)
    }

    fn proc_parent(&mut self, _memory: &mut GuestMemory<'_>, pid: Pid) -> Result<Pid> {
        Ok(processes::parent(&self.process, pid)?)
    }

    fn proc_exit2(&mut self, _memory: &mut GuestMemory<'_>, code: u32) -> wasmtime::Error {
        Departure::Exit(Exit::Code(code)).into()
    }

    fn fd_dup(&mut self, _memory: &mut GuestMemory<'_>, fd: types::Fd) -> Result<types::Fd> {
        let description = self.description(fd)?;
        Ok(self.process.fds.lock().insert(description)?.into())
    }

    fn fd_dup2(&mut self, _memory: &mut GuestMemory<'_>, fd: types::Fd, min: u32, cloexec: u32) -> Result<types::Fd> {
        let description = self.description(fd)?;
        Ok(self.process.fds.lock().insert_from(min, description, cloexec != 0)?.into())
    }

    fn fd_pipe(&mut self, _memory: &mut GuestMemory<'_>) -> Result<(types::Fd, types::Fd)> {
        let pipe_bytes = self.process.limits.pipe_bytes as usize;
        let (reader, writer) = stillbox_kernel::pipe::charged_pipe(pipe_bytes, &self.process.table.pipes)?;
        let reader = self.pipe_end(Object::PipeReader(reader))?;
        match self.pipe_end(Object::PipeWriter(writer)) {
            Ok(writer) => Ok((reader, writer)),
            Err(error) => {
                let _ = self.process.fds.lock().remove(reader.into());
                Err(error)
            }
        }
    }

    fn fd_fdflags_get(&mut self, _memory: &mut GuestMemory<'_>, fd: types::Fd) -> Result<types::Fdflagsext> {
        let cloexec = self.process.fds.lock().is_cloexec(fd.into())?;
        Ok(if cloexec { types::Fdflagsext::CLOEXEC } else { types::Fdflagsext::empty() })
    }

    fn fd_fdflags_set(&mut self, _memory: &mut GuestMemory<'_>, fd: types::Fd, flags: types::Fdflagsext) -> Result<()> {
        let cloexec = flags.contains(types::Fdflagsext::CLOEXEC);
        Ok(self.process.fds.lock().set_cloexec(fd.into(), cloexec)?)
    }

    fn getcwd(&mut self, memory: &mut GuestMemory<'_>, buf: GuestPtr<u8>, len: GuestPtr<u32>) -> Result<()> {
        let path = self.process.cwd.lock().path()?;
        let room = memory.read(len)?;
        memory.write(len, u32::try_from(path.len()).map_err(|_| Errno::Overflow)?)?;
        if path.len() > room as usize {
            return Err(Errno::Overflow.into());
        }
        guest::write_bytes(memory, buf, path.as_bytes())
    }

    fn chdir(&mut self, memory: &mut GuestMemory<'_>, path: GuestPtr<str>) -> Result<()> {
        let path = guest::path(memory, path)?;
        let mut cwd = self.process.cwd.lock();
        let changed = cwd.change(&self.process, &path)?;
        *cwd = changed;
        Ok(())
    }

    fn tty_get(&mut self, memory: &mut GuestMemory<'_>, state: GuestPtr<types::Tty>) -> Result<()> {
        let state_now = terminal::state(&self.process)?;
        Ok(memory.write(state, state_now)?)
    }

    fn tty_set(&mut self, memory: &mut GuestMemory<'_>, state: GuestPtr<types::Tty>) -> Result<()> {
        let wanted: types::Tty = memory.read(state)?;
        Ok(terminal::set_state(&self.process, &wanted)?)
    }

    fn callback_signal(&mut self, memory: &mut GuestMemory<'_>, name: GuestPtr<str>) {
        // The interface has no way to refuse; a name that can't be read, or is none that a compiler makes, leaves the
        // handler as it was.
        if name.len() <= HANDLER_NAME_BYTES_MAX
            && let Ok(name) = guest::path(memory, name)
        {
            self.signal_handler = name.into_owned();
        }
    }

    fn thread_sleep(&mut self, _memory: &mut GuestMemory<'_>, duration: u64) -> Result<()> {
        Ok(clocks::sleep(&self.process, duration)?)
    }

    fn thread_parallelism(&mut self, _memory: &mut GuestMemory<'_>) -> Result<u32> {
        Ok(1)
    }
}
