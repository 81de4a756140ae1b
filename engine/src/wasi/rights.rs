//! What `fd_fdstat_get` says: the type of a description, its flags and its rights.
//!
//! Rights are how preview1 says whether something is open for reading or writing, and how libc tells a terminal from a
//! device: a terminal can't seek. They limit nothing beyond that.

use stillbox_kernel::fs::Device;

use crate::wasi::abi::types::{Fdflags, Fdstat, Filetype, Rights};
use crate::wasi::fd_table::{Description, Object};

/// Returns the type of a description.
pub(super) fn file_type(object: &Object) -> Filetype {
    match object {
        Object::File(_) | Object::Input(_) => Filetype::RegularFile,
        Object::Dir(_) => Filetype::Directory,
        Object::Device(_) | Object::Tty(_) => Filetype::CharacterDevice,
        // Preview1 has no word for a pipe.
        Object::PipeReader(_) | Object::PipeWriter(_) | Object::Output(_) => Filetype::Unknown,
    }
}

/// Returns the type, the flags and the rights of a description.
pub(super) fn fdstat(description: &Description) -> Fdstat {
    let mut flags = Fdflags::empty();
    flags.set(Fdflags::APPEND, description.is_append());
    flags.set(Fdflags::NONBLOCK, description.is_nonblocking());
    let stream = Rights::POLL_FD_READWRITE | Rights::FD_FILESTAT_GET | Rights::FD_FDSTAT_SET_FLAGS;
    let seek = Rights::FD_SEEK | Rights::FD_TELL;
    let mut base = match &description.object {
        Object::Dir(_) => directory(),
        Object::File(_) => stream | seek | Rights::FD_SYNC | Rights::FD_ADVISE | Rights::FD_FILESTAT_SET_TIMES,
        Object::Input(_) => stream | seek,
        Object::Device(Device::Null | Device::Zero | Device::Full | Device::Random) => stream | seek,
        _ => stream,
    };
    if !matches!(description.object, Object::Dir(_)) {
        base.set(Rights::FD_READ, description.readable);
        let write = Rights::FD_WRITE | Rights::FD_DATASYNC | Rights::FD_ALLOCATE | Rights::FD_FILESTAT_SET_SIZE;
        base.set(write, description.writable);
    }
    let inheriting = if matches!(description.object, Object::Dir(_)) { Rights::all() } else { Rights::empty() };
    Fdstat {
        fs_filetype: file_type(&description.object),
        fs_flags: flags,
        fs_rights_base: base,
        fs_rights_inheriting: inheriting,
    }
}

/// The rights of a directory: all that concern paths.
fn directory() -> Rights {
    Rights::all()
        - (Rights::FD_READ
            | Rights::FD_WRITE
            | Rights::FD_SEEK
            | Rights::FD_TELL
            | Rights::FD_ALLOCATE
            | Rights::FD_DATASYNC
            | Rights::SOCK_ACCEPT
            | Rights::SOCK_SHUTDOWN)
}
