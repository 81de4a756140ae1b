//! `stillbox_v1`: what neither preview1 nor WASIX has.

use std::sync::atomic::Ordering;

use stillbox_kernel::Errno;
use stillbox_kernel::tty::Size;
use wiggle::{GuestMemory, GuestPtr};

use crate::process::signals::Action;
use crate::process::{Guest, Pid, Signal};
use crate::wasi::abi::{Result, stillbox_v1, types};
use crate::wasi::files::Below;
use crate::wasi::{files, memory as guest, processes, terminal};

impl stillbox_v1::StillboxV1 for Guest {
    fn path_mode_get(
        &mut self,
        memory: &mut GuestMemory<'_>,
        fd: types::Fd,
        flags: types::Lookupflags,
        path: GuestPtr<str>,
    ) -> Result<u32> {
        Ok(Below::new(self, fd, &guest::path(memory, path)?)?.stat(files::follows(flags))?.st_mode())
    }

    fn fd_mode_get(&mut self, _memory: &mut GuestMemory<'_>, fd: types::Fd) -> Result<u32> {
        Ok(files::fd_mode(&*self.description(fd)?)?)
    }

    fn path_mode_set(
        &mut self,
        memory: &mut GuestMemory<'_>,
        fd: types::Fd,
        flags: types::Lookupflags,
        path: GuestPtr<str>,
        mode: u32,
    ) -> Result<()> {
        Below::new(self, fd, &guest::path(memory, path)?)?.set_mode(files::follows(flags), mode)
    }

    fn umask_set(&mut self, _memory: &mut GuestMemory<'_>, mask: u32) -> Result<u32> {
        Ok(self.process.umask.swap(mask & 0o777, Ordering::AcqRel))
    }

    fn path_fs_get(
        &mut self,
        memory: &mut GuestMemory<'_>,
        fd: types::Fd,
        path: GuestPtr<str>,
    ) -> Result<types::FsSpace> {
        Below::new(self, fd, &guest::path(memory, path)?)?.space()
    }

    fn signal_action(&mut self, _memory: &mut GuestMemory<'_>, signal: u8, disposition: u32) -> Result<()> {
        let action = match disposition {
            0 => Action::Default,
            1 => Action::Ignore,
            2 => Action::Catch,
            _ => return Err(Errno::Inval.into()),
        };
        let signal = Signal::new(signal).ok_or(Errno::Inval)?;
        Ok(self.process.signals.set_action(signal, action)?)
    }

    fn proc_cpu_get(&mut self, _memory: &mut GuestMemory<'_>) -> Result<types::CpuTimes> {
        let children = self.process.children_cpu_ns.load(Ordering::Relaxed);
        Ok(types::CpuTimes { own: self.process.cpu.used_ns(), children })
    }

    fn proc_group_get(&mut self, _memory: &mut GuestMemory<'_>, pid: Pid) -> Result<Pid> {
        Ok(processes::group(&self.process, pid)?)
    }

    fn proc_group_set(&mut self, _memory: &mut GuestMemory<'_>, pid: Pid, group: Pid) -> Result<()> {
        Ok(processes::set_group(&self.process, pid, group)?)
    }

    fn proc_group_signal(&mut self, _memory: &mut GuestMemory<'_>, group: Pid, signal: u8) -> Result<()> {
        Ok(processes::kill_group(&self.process, group, signal)?)
    }

    fn proc_session_get(&mut self, _memory: &mut GuestMemory<'_>, pid: Pid) -> Result<Pid> {
        Ok(processes::session(&self.process, pid)?)
    }

    fn proc_session_new(&mut self, _memory: &mut GuestMemory<'_>) -> Result<Pid> {
        Ok(self.process.begin_session()?)
    }

    fn tty_attr_get(&mut self, _memory: &mut GuestMemory<'_>, fd: types::Fd) -> Result<types::TtyAttr> {
        Ok(terminal::attributes(self.description(fd)?.tty()?))
    }

    fn tty_attr_set(
        &mut self,
        memory: &mut GuestMemory<'_>,
        fd: types::Fd,
        flush: u32,
        attr: GuestPtr<types::TtyAttr>,
    ) -> Result<()> {
        let attr = memory.read(attr)?;
        Ok(terminal::set_attributes(&self.process, self.description(fd)?.tty()?, &attr, flush != 0)?)
    }

    fn tty_size_get(&mut self, _memory: &mut GuestMemory<'_>, fd: types::Fd) -> Result<types::TtySize> {
        let Size { rows, cols } = self.description(fd)?.tty()?.size();
        Ok(types::TtySize { rows, cols })
    }

    fn tty_size_set(
        &mut self,
        memory: &mut GuestMemory<'_>,
        fd: types::Fd,
        size: GuestPtr<types::TtySize>,
    ) -> Result<()> {
        let types::TtySize { rows, cols } = memory.read(size)?;
        terminal::set_size(&self.process, self.description(fd)?.tty()?, Size { rows, cols });
        Ok(())
    }

    fn tty_group_get(&mut self, _memory: &mut GuestMemory<'_>, fd: types::Fd) -> Result<Pid> {
        let description = self.description(fd)?;
        let tty = description.tty()?;
        terminal::require_own(&self.process, tty)?;
        Ok(tty.foreground())
    }

    fn tty_group_set(&mut self, _memory: &mut GuestMemory<'_>, fd: types::Fd, group: Pid) -> Result<()> {
        Ok(terminal::set_foreground(&self.process, self.description(fd)?.tty()?, group)?)
    }
}
