//! The descriptors of a process, and the open file descriptions behind them (the words are POSIX's).

pub(crate) mod persist;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use parking_lot::Mutex;
use stillbox_api::{OutputSink, OutputStream};
use stillbox_kernel::Errno;
use stillbox_kernel::account::Charge;
use stillbox_kernel::fs::{Device, OpenDir, OpenFile};
use stillbox_kernel::pipe::{PipeReader, PipeWriter};
use stillbox_kernel::tty::Tty;

use crate::process::{Pid, Table};

/// What a description refers to.
pub(crate) enum Object {
    File(OpenFile),
    Dir(OpenDir),
    PipeReader(PipeReader),
    PipeWriter(PipeWriter),
    Device(Device),
    Tty(Tty),
    /// Output that the host captures or streams.
    Output(Output),
    /// Input that the host gave whole.
    Input(Bytes),
}

/// A stream to the host.
pub(crate) struct Output {
    /// The process that the host started with it.
    pub(crate) job: Pid,
    pub(crate) stream: OutputStream,
    pub(crate) sink: Arc<dyn OutputSink>,
}

/// What an open description takes of the host's memory beside its content, in bytes: itself, the handle in it, and the
/// file system's note that it is open.
const DESCRIPTION_BYTES: u64 = 512;

fn held_bytes(object: &Object) -> u64 {
    match object {
        Object::File(file) => file.held_bytes(),
        Object::Dir(dir) => dir.held_bytes(),
        _ => 0,
    }
}

/// An open file description: what duplicated and inherited descriptors share.
pub(crate) struct Description {
    pub(crate) object: Object,
    /// The position of the next read or write, in bytes.
    pub(crate) position: Mutex<u64>,
    pub(crate) readable: bool,
    pub(crate) writable: bool,
    append: AtomicBool,
    nonblocking: AtomicBool,
    /// What a guest that opened it is charged for.
    held: Mutex<Held>,
}

/// What an open description makes the host hold.
#[derive(Default)]
pub(crate) struct Held {
    pub(crate) memory: Option<Charge>,
    /// A descriptor of the host's own.
    pub(crate) host_fd: Option<Charge>,
}

impl Description {
    pub(crate) fn new(object: Object, readable: bool, writable: bool) -> Self {
        let (append, nonblocking) = (AtomicBool::new(false), AtomicBool::new(false));
        Self { object, position: Mutex::new(0), readable, writable, append, nonblocking, held: Mutex::default() }
    }

    /// Counts the description against what its sandbox may make the host hold.
    ///
    /// # Errors
    ///
    /// [`Errno::Nomem`], and [`Errno::Nfile`] for a file of the host's.
    pub(crate) fn charged(mut self, table: &Table) -> Result<Self, Errno> {
        let held = self.held.get_mut();
        held.memory = Some(table.kernel.charge(DESCRIPTION_BYTES + held_bytes(&self.object))?);
        if matches!(&self.object, Object::File(file) if file.is_on_host()) {
            held.host_fd = Some(table.host_fds.charge(1).map_err(|_| Errno::Nfile)?);
        }
        Ok(self)
    }

    /// Counts again after what is held has changed.
    ///
    /// # Errors
    ///
    /// [`Errno::Nomem`].
    pub(crate) fn recharge(&self) -> Result<(), Errno> {
        match &mut self.held.lock().memory {
            Some(charge) => charge.resize(DESCRIPTION_BYTES + held_bytes(&self.object)),
            None => Ok(()),
        }
    }

    /// Returns a description that can only be read, or only be written, as its object says.
    pub(crate) fn stream(object: Object) -> Arc<Self> {
        let (readable, writable) = match &object {
            Object::PipeReader(_) | Object::Input(_) => (true, false),
            Object::PipeWriter(_) | Object::Output(_) => (false, true),
            Object::File(_) | Object::Dir(_) | Object::Device(_) | Object::Tty(_) => (true, true),
        };
        Arc::new(Self::new(object, readable, writable))
    }

    pub(crate) fn is_append(&self) -> bool {
        self.append.load(Ordering::Relaxed)
    }

    pub(crate) fn set_append(&self, append: bool) {
        self.append.store(append, Ordering::Relaxed);
    }

    pub(crate) fn is_nonblocking(&self) -> bool {
        self.nonblocking.load(Ordering::Relaxed)
    }

    pub(crate) fn set_nonblocking(&self, nonblocking: bool) {
        self.nonblocking.store(nonblocking, Ordering::Relaxed);
    }

    /// Returns what a link in `/proc/PID/fd` says of it.
    pub(crate) fn describe(&self) -> String {
        match &self.object {
            Object::Dir(dir) => dir.path().unwrap_or_else(|_| "(deleted)".to_owned()),
            Object::File(_) => "file".to_owned(),
            Object::PipeReader(_) | Object::PipeWriter(_) | Object::Output(_) | Object::Input(_) => "pipe:".to_owned(),
            Object::Device(device) => format!("/dev/{device:?}").to_lowercase(),
            Object::Tty(_) => "/dev/tty".to_owned(),
        }
    }

    /// Returns the file, for calls that only a file serves.
    pub(crate) fn file(&self) -> Result<&OpenFile, Errno> {
        match &self.object {
            Object::File(file) => Ok(file),
            Object::Dir(_) => Err(Errno::Isdir),
            _ => Err(Errno::Inval),
        }
    }

    /// Returns the terminal, for calls that only a terminal serves.
    pub(crate) fn tty(&self) -> Result<&Tty, Errno> {
        match &self.object {
            Object::Tty(tty) => Ok(tty),
            _ => Err(Errno::Notty),
        }
    }

    /// Returns the directory, for calls that only a directory serves.
    pub(crate) fn dir(&self) -> Result<&OpenDir, Errno> {
        match &self.object {
            Object::Dir(dir) => Ok(dir),
            _ => Err(Errno::Notdir),
        }
    }
}

#[derive(Clone)]
struct Entry {
    description: Arc<Description>,
    cloexec: bool,
    /// The path that the guest is told this directory is preopened at.
    preopen: Option<&'static str>,
}

/// The descriptors of one process.
#[derive(Clone, Default)]
pub(crate) struct FdTable {
    entries: Vec<Option<Entry>>,
    limit: usize,
}

impl FdTable {
    /// Returns a table with standard input, output and error, and the root directory, which WASI has preopened.
    pub(crate) fn new(limit: u32, stdio: [Arc<Description>; 3], root: OpenDir) -> Self {
        let root = Arc::new(Description::new(Object::Dir(root), true, false));
        let entry = |description, preopen| Some(Entry { description, cloexec: false, preopen });
        let mut entries: Vec<_> = stdio.into_iter().map(|description| entry(description, None)).collect();
        entries.push(entry(root, Some("/")));
        Self { entries, limit: 0 }.with_limit(limit)
    }

    /// Returns the table with another limit. What is open past it stays open.
    pub(crate) fn with_limit(self, limit: u32) -> Self {
        Self { limit: (limit as usize).max(8), ..self }
    }

    fn entry(&self, fd: u32) -> Result<&Entry, Errno> {
        self.entries.get(fd as usize).and_then(Option::as_ref).ok_or(Errno::Badf)
    }

    fn entry_mut(&mut self, fd: u32) -> Result<&mut Entry, Errno> {
        self.entries.get_mut(fd as usize).and_then(Option::as_mut).ok_or(Errno::Badf)
    }

    /// Returns the description of an open descriptor.
    pub(crate) fn get(&self, fd: u32) -> Result<Arc<Description>, Errno> {
        Ok(self.entry(fd)?.description.clone())
    }

    /// Returns the path that a descriptor is preopened at.
    pub(crate) fn preopen(&self, fd: u32) -> Result<&'static str, Errno> {
        self.entry(fd)?.preopen.ok_or(Errno::Badf)
    }

    /// Returns the numbers of the open descriptors.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = u32> + '_ {
        (0..).zip(&self.entries).filter(|(_, entry)| entry.is_some()).map(|(fd, _)| fd)
    }

    /// Opens the lowest free descriptor that is at least `min`.
    pub(crate) fn insert_from(&mut self, min: u32, description: Arc<Description>, cloexec: bool) -> Result<u32, Errno> {
        let min = min as usize;
        let free = (min..self.entries.len()).find(|&fd| self.entries[fd].is_none());
        let fd = free.unwrap_or(self.entries.len().max(min));
        self.put(fd, Entry { description, cloexec, preopen: None })
    }

    /// Opens the lowest free descriptor.
    pub(crate) fn insert(&mut self, description: Arc<Description>) -> Result<u32, Errno> {
        self.insert_from(0, description, false)
    }

    /// Makes `fd` refer to a description, closing what it was before.
    pub(crate) fn set(&mut self, fd: u32, description: Arc<Description>) -> Result<(), Errno> {
        self.put(fd as usize, Entry { description, cloexec: false, preopen: None }).map(drop)
    }

    fn put(&mut self, fd: usize, entry: Entry) -> Result<u32, Errno> {
        if fd >= self.limit {
            return Err(Errno::Mfile);
        }
        if fd >= self.entries.len() {
            self.entries.resize_with(fd + 1, || None);
        }
        self.entries[fd] = Some(entry);
        u32::try_from(fd).map_err(|_| Errno::Mfile)
    }

    /// Closes a descriptor and returns its description, to be dropped without the table's lock.
    pub(crate) fn remove(&mut self, fd: u32) -> Result<Arc<Description>, Errno> {
        let entry = self.entries.get_mut(fd as usize).and_then(Option::take).ok_or(Errno::Badf)?;
        Ok(entry.description)
    }

    /// Moves a descriptor to another number, closing what that was (`fd_renumber`).
    pub(crate) fn renumber(&mut self, from: u32, to: u32) -> Result<(), Errno> {
        self.entry(from)?;
        self.entry(to)?;
        if from != to {
            self.entries[to as usize] = self.entries[from as usize].take();
        }
        Ok(())
    }

    pub(crate) fn is_cloexec(&self, fd: u32) -> Result<bool, Errno> {
        Ok(self.entry(fd)?.cloexec)
    }

    pub(crate) fn set_cloexec(&mut self, fd: u32, cloexec: bool) -> Result<(), Errno> {
        self.entry_mut(fd)?.cloexec = cloexec;
        Ok(())
    }

    /// Closes the descriptors that another program is not to have.
    pub(crate) fn close_on_exec(&mut self) {
        for entry in &mut self.entries {
            if entry.as_ref().is_some_and(|entry| entry.cloexec) {
                *entry = None;
            }
        }
    }
}
