//! `wasi_unstable`, the snapshot before preview1: what it has other numbers or layouts for.

use wiggle::{GuestMemory, GuestPtr};

use crate::process::Guest;
use crate::wasi::abi::wasi_snapshot_preview1::WasiSnapshotPreview1;
use crate::wasi::abi::{Result, types, wasi_unstable};
use crate::wasi::poll;

impl wasi_unstable::WasiUnstable for Guest {
    fn fd_filestat_get(&mut self, memory: &mut GuestMemory<'_>, fd: types::Fd) -> Result<types::Filestat0> {
        WasiSnapshotPreview1::fd_filestat_get(self, memory, fd).map(filestat)
    }

    fn fd_seek(
        &mut self,
        memory: &mut GuestMemory<'_>,
        fd: types::Fd,
        offset: i64,
        whence: types::Whence0,
    ) -> Result<u64> {
        let whence = match whence {
            types::Whence0::Set => types::Whence::Set,
            types::Whence0::Cur => types::Whence::Cur,
            types::Whence0::End => types::Whence::End,
        };
        WasiSnapshotPreview1::fd_seek(self, memory, fd, offset, whence)
    }

    fn path_filestat_get(
        &mut self,
        memory: &mut GuestMemory<'_>,
        fd: types::Fd,
        flags: types::Lookupflags,
        path: GuestPtr<str>,
    ) -> Result<types::Filestat0> {
        WasiSnapshotPreview1::path_filestat_get(self, memory, fd, flags, path).map(filestat)
    }

    fn poll_oneoff(
        &mut self,
        memory: &mut GuestMemory<'_>,
        subscriptions: GuestPtr<types::Subscription0>,
        events: GuestPtr<types::Event>,
        count: u32,
    ) -> Result<u32> {
        poll::poll_oneoff(&self.process, memory, subscriptions, events, count)
    }
}

fn filestat(stat: types::Filestat) -> types::Filestat0 {
    let types::Filestat { dev, ino, filetype, nlink, size, atim, mtim, ctim } = stat;
    types::Filestat0 { dev, ino, filetype, nlink: u32::try_from(nlink).unwrap_or(u32::MAX), size, atim, mtim, ctim }
}

impl From<types::Subscription0> for types::Subscription {
    fn from(subscription: types::Subscription0) -> Self {
        let types::Subscription0 { userdata, u } = subscription;
        let u = match u {
            types::SubscriptionU0::Clock(types::SubscriptionClock0 { id, timeout, precision, flags, .. }) => {
                types::SubscriptionU::Clock(types::SubscriptionClock { id, timeout, precision, flags })
            }
            types::SubscriptionU0::FdRead(read) => types::SubscriptionU::FdRead(read),
            types::SubscriptionU0::FdWrite(write) => types::SubscriptionU::FdWrite(write),
        };
        Self { userdata, u }
    }
}
