//! `wasi_snapshot_preview1`: each function checks its arguments, finds the objects meant, and calls what does the work.

use std::sync::Arc;

use stillbox_kernel::Errno;
use wiggle::{GuestMemory, GuestPtr};

use crate::process::{Departure, Exit, Guest, Signal};
use crate::wasi::abi::{Error, Result, types, wasi_snapshot_preview1};
use crate::wasi::fd_table::{Description, Object};
use crate::wasi::files::Below;
use crate::wasi::{clocks, files, memory as guest, poll, rights, streams};

impl Guest {
    /// Returns the description of an open descriptor.
    pub(super) fn description(&self, fd: types::Fd) -> Result<Arc<Description>> {
        Ok(self.process.fds.lock().get(fd.into())?)
    }
}

impl wasi_snapshot_preview1::WasiSnapshotPreview1 for Guest {
    fn args_get(
        &mut self,
        memory: &mut GuestMemory<'_>,
        argv: GuestPtr<GuestPtr<u8>>,
        argv_buf: GuestPtr<u8>,
    ) -> Result<()> {
        guest::write_strings(memory, argv, argv_buf, &self.invocation.command.args)
    }

    fn args_sizes_get(&mut self, _memory: &mut GuestMemory<'_>) -> Result<(u32, u32)> {
        guest::strings_size(&self.invocation.command.args)
    }

    fn environ_get(
        &mut self,
        memory: &mut GuestMemory<'_>,
        environ: GuestPtr<GuestPtr<u8>>,
        environ_buf: GuestPtr<u8>,
    ) -> Result<()> {
        guest::write_strings(memory, environ, environ_buf, &self.invocation.command.env)
    }

    fn environ_sizes_get(&mut self, _memory: &mut GuestMemory<'_>) -> Result<(u32, u32)> {
        guest::strings_size(&self.invocation.command.env)
    }

    fn clock_res_get(&mut self, _memory: &mut GuestMemory<'_>, id: types::Clockid) -> Result<u64> {
        Ok(clocks::resolution_ns(&self.process, id))
    }

    fn clock_time_get(&mut self, _memory: &mut GuestMemory<'_>, id: types::Clockid, _precision: u64) -> Result<u64> {
        Ok(clocks::now_ns(&self.process, id))
    }

    fn fd_advise(
        &mut self,
        _memory: &mut GuestMemory<'_>,
        fd: types::Fd,
        _offset: u64,
        _len: u64,
        _advice: types::Advice,
    ) -> Result<()> {
        // Contents are in memory already, so there is nothing to prepare.
        match self.description(fd)?.object {
            Object::File(_) => Ok(()),
            Object::Dir(_) => Err(Errno::Badf.into()),
            _ => Err(Errno::Spipe.into()),
        }
    }

    fn fd_allocate(&mut self, _memory: &mut GuestMemory<'_>, fd: types::Fd, offset: u64, len: u64) -> Result<()> {
        let description = self.description(fd)?;
        files::require_writable(&description)?;
        Ok(description.file()?.allocate(offset, len)?)
    }

    fn fd_close(&mut self, _memory: &mut GuestMemory<'_>, fd: types::Fd) -> Result<()> {
        // Bound to a name, so that the description is dropped after the table's lock is.
        let closed = self.process.fds.lock().remove(fd.into())?;
        drop(closed);
        Ok(())
    }

    fn fd_datasync(&mut self, memory: &mut GuestMemory<'_>, fd: types::Fd) -> Result<()> {
        self.fd_sync(memory, fd)
    }

    fn fd_sync(&mut self, _memory: &mut GuestMemory<'_>, fd: types::Fd) -> Result<()> {
        match &self.description(fd)?.object {
            Object::File(file) => Ok(file.sync()?),
            Object::Dir(_) => Ok(()),
            _ => Err(Errno::Inval.into()),
        }
    }

    fn fd_fdstat_get(&mut self, _memory: &mut GuestMemory<'_>, fd: types::Fd) -> Result<types::Fdstat> {
        let description = self.description(fd)?;
        Ok(rights::fdstat(&description))
    }

    fn fd_fdstat_set_flags(
        &mut self,
        _memory: &mut GuestMemory<'_>,
        fd: types::Fd,
        flags: types::Fdflags,
    ) -> Result<()> {
        let description = self.description(fd)?;
        if flags.intersects(types::Fdflags::DSYNC | types::Fdflags::SYNC | types::Fdflags::RSYNC) {
            return Err(Errno::Inval.into());
        }
        description.set_append(flags.contains(types::Fdflags::APPEND));
        description.set_nonblocking(flags.contains(types::Fdflags::NONBLOCK));
        Ok(())
    }

    fn fd_fdstat_set_rights(
        &mut self,
        _memory: &mut GuestMemory<'_>,
        fd: types::Fd,
        base: types::Rights,
        inheriting: types::Rights,
    ) -> Result<()> {
        // Rights can only be given up (the interface's words), and here they say no more than how a file was opened.
        let now = rights::fdstat(&*self.description(fd)?);
        if now.fs_rights_base.contains(base) && now.fs_rights_inheriting.contains(inheriting) {
            Ok(())
        } else {
            Err(Errno::Notcapable.into())
        }
    }

    fn fd_filestat_get(&mut self, _memory: &mut GuestMemory<'_>, fd: types::Fd) -> Result<types::Filestat> {
        files::fd_filestat(&*self.description(fd)?)
    }

    fn fd_filestat_set_size(&mut self, _memory: &mut GuestMemory<'_>, fd: types::Fd, size: u64) -> Result<()> {
        Ok(self.description(fd)?.file()?.set_len(size)?)
    }

    fn fd_filestat_set_times(
        &mut self,
        _memory: &mut GuestMemory<'_>,
        fd: types::Fd,
        atim: u64,
        mtim: u64,
        flags: types::Fstflags,
    ) -> Result<()> {
        let (accessed, modified) = files::times(atim, mtim, flags)?;
        match &self.description(fd)?.object {
            Object::File(file) => Ok(file.set_times(accessed, modified)?),
            Object::Dir(dir) => Ok(dir.set_times(accessed, modified)?),
            _ => Err(Errno::Inval.into()),
        }
    }

    fn fd_pread(
        &mut self,
        memory: &mut GuestMemory<'_>,
        fd: types::Fd,
        iovs: types::IovecArray,
        offset: u64,
    ) -> Result<u32> {
        let description = self.description(fd)?;
        files::require_readable(&description)?;
        let file = files::positional(&description)?;
        guest::read_into(memory, iovs, |buf, done| Ok(file.read_at(offset.saturating_add(done), buf)?))
    }

    fn fd_pwrite(
        &mut self,
        memory: &mut GuestMemory<'_>,
        fd: types::Fd,
        iovs: types::CiovecArray,
        offset: u64,
    ) -> Result<u32> {
        let description = self.description(fd)?;
        files::require_writable(&description)?;
        let file = files::positional(&description)?;
        guest::write_from(memory, iovs, |buf, done| {
            let offset = offset.checked_add(done).ok_or(Errno::Fbig)?;
            Ok(file.write_at(offset, buf)?)
        })
    }

    fn fd_read(&mut self, memory: &mut GuestMemory<'_>, fd: types::Fd, iovs: types::IovecArray) -> Result<u32> {
        let description = self.description(fd)?;
        let is_file = matches!(description.object, Object::File(_) | Object::Input(_));
        guest::read_into(memory, iovs, |buf, done| {
            // A stream gives what it has; waiting for a second buffer's worth would keep it from the guest.
            if done > 0 && !is_file {
                return Ok(0);
            }
            Ok(streams::read(&self.process, &description, buf)?)
        })
    }

    fn fd_write(&mut self, memory: &mut GuestMemory<'_>, fd: types::Fd, iovs: types::CiovecArray) -> Result<u32> {
        let description = self.description(fd)?;
        guest::write_from(memory, iovs, |buf, _| Ok(streams::write(&self.process, &description, buf)?))
    }

    fn fd_readdir(
        &mut self,
        memory: &mut GuestMemory<'_>,
        fd: types::Fd,
        buf: GuestPtr<u8>,
        buf_len: u32,
        cookie: u64,
    ) -> Result<u32> {
        let description = self.description(fd)?;
        let dir = description.dir()?;
        let read = files::read_dir(dir, memory, buf, buf_len, cookie)?;
        // The names of a mount's directory are held from the first read to the last.
        description.recharge().inspect_err(|_| dir.forget_place())?;
        Ok(read)
    }

    fn fd_prestat_get(&mut self, _memory: &mut GuestMemory<'_>, fd: types::Fd) -> Result<types::Prestat> {
        let path = self.process.fds.lock().preopen(fd.into())?;
        let pr_name_len = u32::try_from(path.len()).map_err(|_| Errno::Overflow)?;
        Ok(types::Prestat::Dir(types::PrestatDir { pr_name_len }))
    }

    fn fd_prestat_dir_name(
        &mut self,
        memory: &mut GuestMemory<'_>,
        fd: types::Fd,
        path: GuestPtr<u8>,
        path_len: u32,
    ) -> Result<()> {
        let name = self.process.fds.lock().preopen(fd.into())?;
        if (path_len as usize) < name.len() {
            return Err(Errno::Nametoolong.into());
        }
        guest::write_bytes(memory, path, name.as_bytes())
    }

    fn fd_renumber(&mut self, _memory: &mut GuestMemory<'_>, fd: types::Fd, to: types::Fd) -> Result<()> {
        // Whatever `to` was is closed without the table's lock.
        let mut fds = self.process.fds.lock();
        let closed = fds.get(to.into())?;
        fds.renumber(fd.into(), to.into())?;
        drop(fds);
        drop(closed);
        Ok(())
    }

    fn fd_seek(
        &mut self,
        _memory: &mut GuestMemory<'_>,
        fd: types::Fd,
        offset: i64,
        whence: types::Whence,
    ) -> Result<u64> {
        let description = self.description(fd)?;
        Ok(files::seek(&description, offset, whence)?)
    }

    fn fd_tell(&mut self, _memory: &mut GuestMemory<'_>, fd: types::Fd) -> Result<u64> {
        let description = self.description(fd)?;
        Ok(files::seek(&description, 0, types::Whence::Cur)?)
    }

    fn path_create_directory(
        &mut self,
        memory: &mut GuestMemory<'_>,
        fd: types::Fd,
        path: GuestPtr<str>,
    ) -> Result<()> {
        Below::new(self, fd, &guest::path(memory, path)?)?.create_directory()
    }

    fn path_filestat_get(
        &mut self,
        memory: &mut GuestMemory<'_>,
        fd: types::Fd,
        flags: types::Lookupflags,
        path: GuestPtr<str>,
    ) -> Result<types::Filestat> {
        let stat = Below::new(self, fd, &guest::path(memory, path)?)?.stat(files::follows(flags))?;
        Ok(files::filestat(&stat))
    }

    fn path_filestat_set_times(
        &mut self,
        memory: &mut GuestMemory<'_>,
        fd: types::Fd,
        flags: types::Lookupflags,
        path: GuestPtr<str>,
        atim: u64,
        mtim: u64,
        times: types::Fstflags,
    ) -> Result<()> {
        let times = files::times(atim, mtim, times)?;
        Below::new(self, fd, &guest::path(memory, path)?)?.set_times(files::follows(flags), times)
    }

    fn path_link(
        &mut self,
        memory: &mut GuestMemory<'_>,
        old_fd: types::Fd,
        old_flags: types::Lookupflags,
        old_path: GuestPtr<str>,
        new_fd: types::Fd,
        new_path: GuestPtr<str>,
    ) -> Result<()> {
        let (old_path, new_path) = (guest::path(memory, old_path)?, guest::path(memory, new_path)?);
        let new = Below::new(self, new_fd, &new_path)?;
        Below::new(self, old_fd, &old_path)?.link(files::follows(old_flags), &new)
    }

    fn path_open(
        &mut self,
        memory: &mut GuestMemory<'_>,
        fd: types::Fd,
        dirflags: types::Lookupflags,
        path: GuestPtr<str>,
        oflags: types::Oflags,
        base: types::Rights,
        _inheriting: types::Rights,
        fdflags: types::Fdflags,
    ) -> Result<types::Fd> {
        let path = guest::path(memory, path)?;
        let dir = self.description(fd)?;
        let how = files::How { dirflags, oflags, rights: base, fdflags };
        let opened = files::open(&self.process, dir.dir()?, &path, how)?;
        Ok(self.process.fds.lock().insert(opened)?.into())
    }

    fn path_readlink(
        &mut self,
        memory: &mut GuestMemory<'_>,
        fd: types::Fd,
        path: GuestPtr<str>,
        buf: GuestPtr<u8>,
        buf_len: u32,
    ) -> Result<u32> {
        let target = Below::new(self, fd, &guest::path(memory, path)?)?.read_link()?;
        // A target that doesn't fit is cut, as POSIX `readlink` has it.
        let count = target.len().min(buf_len as usize);
        guest::write_bytes(memory, buf, &target.as_bytes()[..count])?;
        Ok(count as u32)
    }

    fn path_remove_directory(
        &mut self,
        memory: &mut GuestMemory<'_>,
        fd: types::Fd,
        path: GuestPtr<str>,
    ) -> Result<()> {
        Below::new(self, fd, &guest::path(memory, path)?)?.remove_directory()
    }

    fn path_rename(
        &mut self,
        memory: &mut GuestMemory<'_>,
        old_fd: types::Fd,
        old_path: GuestPtr<str>,
        new_fd: types::Fd,
        new_path: GuestPtr<str>,
    ) -> Result<()> {
        let (old_path, new_path) = (guest::path(memory, old_path)?, guest::path(memory, new_path)?);
        let new = Below::new(self, new_fd, &new_path)?;
        Below::new(self, old_fd, &old_path)?.rename(&new)
    }

    fn path_symlink(
        &mut self,
        memory: &mut GuestMemory<'_>,
        target: GuestPtr<str>,
        fd: types::Fd,
        path: GuestPtr<str>,
    ) -> Result<()> {
        let (target, path) = (guest::path(memory, target)?, guest::path(memory, path)?);
        Below::new(self, fd, &path)?.symlink(&target)
    }

    fn path_unlink_file(&mut self, memory: &mut GuestMemory<'_>, fd: types::Fd, path: GuestPtr<str>) -> Result<()> {
        Below::new(self, fd, &guest::path(memory, path)?)?.unlink()
    }

    fn poll_oneoff(
        &mut self,
        memory: &mut GuestMemory<'_>,
        subscriptions: GuestPtr<types::Subscription>,
        events: GuestPtr<types::Event>,
        count: u32,
    ) -> Result<u32> {
        poll::poll_oneoff(&self.process, memory, subscriptions, events, count)
    }

    fn proc_exit(&mut self, _memory: &mut GuestMemory<'_>, code: u32) -> wasmtime::Error {
        Departure::Exit(Exit::Code(code)).into()
    }

    fn proc_raise(&mut self, _memory: &mut GuestMemory<'_>, signal: u8) -> Result<()> {
        let signal = Signal::new(signal).ok_or(Errno::Inval)?;
        Ok(self.process.raise(signal)?)
    }

    fn sched_yield(&mut self, _memory: &mut GuestMemory<'_>) -> Result<()> {
        std::thread::yield_now();
        Ok(())
    }

    fn random_get(&mut self, memory: &mut GuestMemory<'_>, buf: GuestPtr<u8>, buf_len: u32) -> Result<()> {
        /// How much is drawn before a signal is looked for, in bytes.
        const PART: usize = 1 << 20;

        for part in guest::slice_mut(memory, buf, buf_len)?.chunks_mut(PART) {
            self.process.check_killed()?;
            self.process.table.clock.fill_random(part)?;
        }
        Ok(())
    }

    fn sock_accept(
        &mut self,
        _memory: &mut GuestMemory<'_>,
        fd: types::Fd,
        _flags: types::Fdflags,
    ) -> Result<types::Fd> {
        self.no_socket(fd)
    }

    fn sock_recv(
        &mut self,
        _memory: &mut GuestMemory<'_>,
        fd: types::Fd,
        _data: types::IovecArray,
        _flags: types::Riflags,
    ) -> Result<(u32, types::Roflags)> {
        self.no_socket(fd)
    }

    fn sock_send(
        &mut self,
        _memory: &mut GuestMemory<'_>,
        fd: types::Fd,
        _data: types::CiovecArray,
        _flags: u16,
    ) -> Result<u32> {
        self.no_socket(fd)
    }

    fn sock_shutdown(&mut self, _memory: &mut GuestMemory<'_>, fd: types::Fd, _how: types::Sdflags) -> Result<()> {
        self.no_socket(fd)
    }
}

impl Guest {
    /// Says that a descriptor is no socket, as none is: sandboxes have no network.
    fn no_socket<T>(&self, fd: types::Fd) -> Result<T> {
        self.description(fd)?;
        Err(Error::from(Errno::Notsock))
    }
}
