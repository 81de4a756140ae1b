//! What processes have open, saved and brought back: each pipe, terminal and open file description once, however many
//! descriptors share it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use stillbox_api::OutputStream;
use stillbox_checkpoint::ChunkTable;
use stillbox_checkpoint::descriptors::persist::{DescriptionState, DescriptorState, ObjectState};
use stillbox_kernel::Errno;
use stillbox_kernel::chunk::ChunkReader;
use stillbox_kernel::fs::Device;
use stillbox_kernel::fs::persist::{LoadOpenError, NotSavable};
use stillbox_kernel::pipe::persist::{LoadPipeError, PipeId, PipeState};
use stillbox_kernel::pipe::{self, PipeReader, PipeWriter};
use stillbox_kernel::tty::persist::{LoadTtyError, TerminalState, TtyId};
use stillbox_kernel::tty::{Capacity, Tty};

use super::{Description, Entry, FdTable, Object, Output};
use crate::process::{Pid, Table};
use crate::sandbox::log::Log;

/// Gathers what is open.
#[derive(Default)]
pub(crate) struct Opened {
    pub(crate) pipes: Vec<PipeState>,
    pub(crate) terminals: Vec<TerminalState>,
    pub(crate) descriptions: Vec<DescriptionState>,
    /// The contents of what has no other place: files that were made when they were opened.
    pub(crate) chunks: ChunkTable,
    known_pipes: HashMap<PipeId, u32>,
    known_terminals: HashMap<TtyId, u32>,
    known_descriptions: HashMap<usize, u32>,
}

/// Adds what is not in a list yet, and returns its place.
fn place<K: Eq + std::hash::Hash, T>(
    known: &mut HashMap<K, u32>,
    list: &mut Vec<T>,
    key: K,
    make: impl FnOnce() -> T,
) -> u32 {
    *known.entry(key).or_insert_with(|| {
        list.push(make());
        list.len() as u32 - 1
    })
}

impl Opened {
    /// Returns what was gathered before.
    pub(crate) fn of(
        pipes: Vec<PipeState>,
        terminals: Vec<TerminalState>,
        descriptions: Vec<DescriptionState>,
    ) -> Self {
        Self { pipes, terminals, descriptions, ..Self::default() }
    }

    /// Adds the pipe that the host writes into.
    pub(crate) fn pipe(&mut self, writer: &PipeWriter) -> u32 {
        place(&mut self.known_pipes, &mut self.pipes, writer.id(), || writer.save())
    }

    /// Adds a terminal, which the host addresses by `id`, if it does.
    pub(crate) fn terminal(&mut self, tty: &Tty, id: Option<&str>) -> u32 {
        let at = place(&mut self.known_terminals, &mut self.terminals, tty.id(), || tty.save(None));
        if let Some(id) = id {
            self.terminals[at as usize].id = Some(id.to_owned());
        }
        at
    }

    /// Adds the descriptors of a process.
    ///
    /// # Errors
    ///
    /// For what can't be opened again.
    pub(crate) fn descriptors(&mut self, fds: &FdTable) -> Result<Vec<DescriptorState>, NotSavable> {
        let open = (0..).zip(&fds.entries).filter_map(|(fd, entry)| Some((fd, entry.as_ref()?)));
        open.map(|(fd, entry)| {
            let description = self.description(&entry.description)?;
            Ok(DescriptorState { fd, description, cloexec: entry.cloexec, preopen: entry.preopen.map(str::to_owned) })
        })
        .collect()
    }

    fn description(&mut self, description: &Arc<Description>) -> Result<u32, NotSavable> {
        let key = Arc::as_ptr(description).addr();
        if let Some(known) = self.known_descriptions.get(&key) {
            return Ok(*known);
        }
        let object = match &description.object {
            Object::File(file) => ObjectState::File(file.save(&mut self.chunks)?),
            Object::Dir(dir) => ObjectState::Dir(dir.save()),
            Object::PipeReader(reader) => {
                ObjectState::PipeReader(place(&mut self.known_pipes, &mut self.pipes, reader.id(), || reader.save()))
            }
            Object::PipeWriter(writer) => ObjectState::PipeWriter(self.pipe(writer)),
            Object::Device(device) => ObjectState::Device((*device).into()),
            Object::Tty(tty) => ObjectState::Terminal(self.terminal(tty, None)),
            Object::Output(Output { job, stream, .. }) => {
                ObjectState::Output { job: *job, stderr: *stream == OutputStream::Stderr }
            }
            Object::Input(bytes) => ObjectState::Input(Vec::from(bytes.as_ref()).into()),
        };
        let saved = DescriptionState {
            object,
            position: *description.position.lock(),
            readable: description.readable,
            writable: description.writable,
            append: description.is_append(),
            nonblocking: description.is_nonblocking(),
        };
        Ok(place(&mut self.known_descriptions, &mut self.descriptions, key, || saved))
    }
}

/// Something that was open can't be opened again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReopenError {
    #[error(transparent)]
    Open(#[from] LoadOpenError),
    #[error(transparent)]
    Pipe(#[from] LoadPipeError),
    #[error(transparent)]
    Terminal(#[from] LoadTtyError),
    #[error("what was open takes more than there is room for")]
    Room(#[from] Errno),
    /// It refers to what is not there.
    #[error("{0} is open that is not there")]
    Missing(&'static str),
}

/// What the host has of the processes that it started: where their output goes.
pub(crate) type Outputs = BTreeMap<Pid, Arc<crate::process::output::Output>>;

/// What was open, open again, for the processes that had it to take it over. Ends of pipes that nobody takes are closed
/// when this is dropped.
pub(crate) struct Reopened {
    pipes: Vec<(PipeReader, PipeWriter)>,
    terminals: Vec<Tty>,
    descriptions: Vec<Arc<Description>>,
}

impl Reopened {
    /// Opens everything again.
    ///
    /// # Errors
    ///
    /// For what isn't there any more, or is no state of anything: it may come from anyone.
    pub(crate) fn new(
        (pipes, terminals, descriptions): (&[PipeState], &[TerminalState], &[DescriptionState]),
        table: &Table,
        chunks: &dyn ChunkReader,
        outputs: &Outputs,
        log: &Arc<Log>,
    ) -> Result<Self, ReopenError> {
        let limits = table.limits();
        let capacity = Capacity { input: limits.pipe_bytes as usize, screen: limits.terminal_bytes as usize };
        let pipe = |state| pipe::persist::load(state, limits.pipe_bytes, &table.pipes);
        let mut reopened = Self {
            pipes: pipes.iter().map(pipe).collect::<Result<_, _>>()?,
            terminals: terminals.iter().map(|state| Tty::load(state, capacity)).collect::<Result<_, _>>()?,
            descriptions: Vec::new(),
        };
        for state in descriptions {
            let object = reopened.object(&state.object, table, chunks, outputs, log)?;
            let description = Description::new(object, state.readable, state.writable);
            *description.position.lock() = state.position;
            description.append.store(state.append, Ordering::Relaxed);
            description.nonblocking.store(state.nonblocking, Ordering::Relaxed);
            let is_counted = matches!(description.object, Object::File(_) | Object::Dir(_));
            let description = if is_counted { description.charged(table)? } else { description };
            reopened.descriptions.push(Arc::new(description));
        }
        Ok(reopened)
    }

    fn object(
        &self,
        state: &ObjectState,
        table: &Table,
        chunks: &dyn ChunkReader,
        outputs: &Outputs,
        log: &Arc<Log>,
    ) -> Result<Object, ReopenError> {
        Ok(match state {
            ObjectState::File(file) => Object::File(table.fs.load_file(file, chunks)?),
            ObjectState::Dir(dir) => Object::Dir(table.fs.load_directory(dir)?),
            ObjectState::PipeReader(at) => Object::PipeReader(self.pipe(*at)?.0.clone()),
            ObjectState::PipeWriter(at) => Object::PipeWriter(self.pipe(*at)?.1.clone()),
            ObjectState::Device(device) => Object::Device(Device::from(*device)),
            ObjectState::Terminal(at) => Object::Tty(self.terminal(*at)?),
            ObjectState::Output { job, stderr } => {
                let stream = if *stderr { OutputStream::Stderr } else { OutputStream::Stdout };
                let output = outputs.get(job).ok_or(ReopenError::Missing("the output of a process"))?;
                Object::Output(Output { job: *job, stream, sink: log.sink(*job, output.clone(), stream) })
            }
            ObjectState::Input(bytes) => Object::Input(bytes.0.clone()),
        })
    }

    fn pipe(&self, at: u32) -> Result<&(PipeReader, PipeWriter), ReopenError> {
        self.pipes.get(at as usize).ok_or(ReopenError::Missing("a pipe"))
    }

    /// Returns the end of a pipe that the host writes into.
    pub(crate) fn writer(&self, at: u32) -> Result<PipeWriter, ReopenError> {
        Ok(self.pipe(at)?.1.clone())
    }

    pub(crate) fn terminal(&self, at: u32) -> Result<Tty, ReopenError> {
        self.terminals.get(at as usize).cloned().ok_or(ReopenError::Missing("a terminal"))
    }

    /// Returns the terminal of a session, if it has one.
    pub(crate) fn terminal_of(&self, session: Pid) -> Option<Tty> {
        self.terminals.iter().find(|terminal| terminal.session() == session).cloned()
    }

    /// Returns the descriptors of a process.
    ///
    /// # Errors
    ///
    /// For what refers to nothing.
    pub(crate) fn descriptors(&self, state: &[DescriptorState], limit: u32) -> Result<FdTable, ReopenError> {
        let mut fds = FdTable::default().with_limit(limit);
        for descriptor in state {
            let description = self.descriptions.get(descriptor.description as usize).cloned();
            let description = description.ok_or(ReopenError::Missing("a description"))?;
            // The root is all that is ever preopened.
            let preopen = descriptor.preopen.as_ref().map(|_| "/");
            fds.put(descriptor.fd as usize, Entry { description, cloexec: descriptor.cloexec, preopen })?;
        }
        Ok(fds)
    }
}
