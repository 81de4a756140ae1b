//! What has to hold among the parts of a state from elsewhere before anything relies on it.

use crate::checkpoint::State;
use crate::chunks::{Chunks, described_len};
use crate::descriptors::persist::{DescriptionState, ObjectState};
use crate::memory::persist::{MemoryState, RunContent};
use crate::output::persist::{JobState, RingState};
use crate::pages::PAGE_BYTES;
use crate::process::persist::{LifeState, ProcessState, RunningState};
use stillbox_kernel::chunk::ChunkRef;

/// Parts of a state that do not fit together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{part} {number}: {reason}")]
pub struct StateError {
    /// What kind of part it is.
    pub part: &'static str,
    /// Its number, or its place in its list.
    pub number: u64,
    /// What is wrong with it.
    pub reason: &'static str,
}

fn fail<T>(part: &'static str, number: impl Into<u64>, reason: &'static str) -> Result<T, StateError> {
    Err(StateError { part, number: number.into(), reason })
}

/// The most memory of one sandbox: a tebibyte, whatever its limits say.
const MEMORY_BYTES_MAX: u64 = 1 << 40;

/// The most chunks of one memory: 16 GiB, which is more than 32-bit addresses reach.
const MEMORY_PAGES_MAX: u64 = 1 << 20;

pub(crate) fn state(state: &State, chunks: &dyn Chunks) -> Result<(), StateError> {
    let limits = &state.sandbox.limits;
    if state.processes.len() > limits.processes as usize {
        return fail("process", state.processes.len() as u64, "is one more than the limit");
    }
    // First, since it bounds how many pages are looked at below.
    let memory = state.processes.iter().filter_map(running).flat_map(|running| &running.memories);
    let memory_bytes = memory.map(|memory| memory.bytes).fold(0, u64::saturating_add);
    if memory_bytes > limits.memory_bytes.min(MEMORY_BYTES_MAX) {
        return fail("sandbox", 0_u64, "has more memory than it may");
    }
    for (description, at) in state.descriptions.iter().zip(0_u64..) {
        check_description(state, description, at)?;
    }
    let mut least = 2;
    for process in &state.processes {
        if process.pid < least || process.pid >= state.sandbox.next_pid {
            return fail("process", process.pid, "is out of order");
        }
        least = process.pid + 1;
        check_process(state, process, chunks)?;
    }
    let mut least = 2;
    for job in &state.jobs {
        if job.pid < least || job.pid >= state.sandbox.next_pid {
            return fail("job", job.pid, "is out of order");
        }
        least = job.pid + 1;
        check_job(state, job)?;
    }
    let terminals = state.terminals.iter().zip(0_u64..);
    for (terminal, at) in terminals {
        let lines: u64 = terminal.lines.iter().map(|len| u64::from(*len)).sum();
        if terminal.ready.0.len() > terminal.input_capacity as usize || lines > terminal.ready.0.len() as u64 {
            return fail("terminal", at, "holds more input than it can");
        }
        if terminal.screen.0.len() > terminal.screen_capacity as usize {
            return fail("terminal", at, "keeps more of its screen than it can");
        }
        if terminal.chars.len() != 13 {
            return fail("terminal", at, "has not 13 control characters");
        }
    }
    Ok(())
}

fn running(process: &ProcessState) -> Option<&RunningState> {
    match &process.life {
        LifeState::Running(running) => Some(running),
        LifeState::Zombie(_) => None,
    }
}

fn check_description(state: &State, description: &DescriptionState, at: u64) -> Result<(), StateError> {
    let fits = match &description.object {
        ObjectState::PipeReader(pipe) | ObjectState::PipeWriter(pipe) => (*pipe as usize) < state.pipes.len(),
        ObjectState::Terminal(terminal) => (*terminal as usize) < state.terminals.len(),
        ObjectState::Output { job, .. } => find_job(state, *job).is_some(),
        _ => true,
    };
    if fits { Ok(()) } else { fail("description", at, "refers to what is not there") }
}

fn find_job(state: &State, pid: u32) -> Option<&JobState> {
    state.jobs.binary_search_by_key(&pid, |job| job.pid).ok().and_then(|at| state.jobs.get(at))
}

fn check_process(state: &State, process: &ProcessState, chunks: &dyn Chunks) -> Result<(), StateError> {
    let pid = process.pid;
    let Some(running) = running(process) else { return Ok(()) };
    let mut least = 0;
    for descriptor in &running.descriptors {
        if descriptor.fd < least || descriptor.fd >= state.sandbox.limits.fds {
            return fail("process", pid, "has a descriptor that is out of order");
        }
        least = descriptor.fd + 1;
        if descriptor.description as usize >= state.descriptions.len() {
            return fail("process", pid, "has a descriptor of what is not open");
        }
    }
    if running.signals.actions.len() != 31 {
        return fail("process", pid, "has not 31 signals");
    }
    if running.signals.fatal.is_some_and(|signal| !(1..=31).contains(&signal)) {
        return fail("process", pid, "has a signal that is none");
    }
    let bytes = running.memories.iter().map(|memory| memory.bytes).fold(0, u64::saturating_add);
    if bytes > state.sandbox.limits.process_memory_bytes {
        return fail("process", pid, "has more memory than it may");
    }
    running.memories.iter().try_for_each(|memory| check_memory(pid, memory, chunks))?;
    for chunk in &running.program.module {
        if described_len(chunks, *chunk).is_err() {
            return fail("process", pid, "has a program that is not there");
        }
    }
    Ok(())
}

fn check_memory(pid: u32, memory: &MemoryState, chunks: &dyn Chunks) -> Result<(), StateError> {
    let pages = memory.bytes / u64::from(PAGE_BYTES);
    if !memory.bytes.is_multiple_of(PAGE_BYTES.into()) || pages > MEMORY_PAGES_MAX {
        return fail("process", pid, "has a memory of a size that none has");
    }
    let mut covered: u64 = 0;
    for run in &memory.runs {
        covered += u64::from(run.pages);
        if covered > pages || run.pages == 0 {
            return fail("process", pid, "has a memory with other pages than it says");
        }
        let RunContent::Chunks(first) = run.content else { continue };
        let named = (0..run.pages).map(|at| first.0.checked_add(at).map(ChunkRef));
        let is_page = |chunk: ChunkRef| described_len(chunks, chunk).is_ok_and(|len| len == PAGE_BYTES);
        if !named.into_iter().all(|chunk| chunk.is_some_and(is_page)) {
            return fail("process", pid, "has a memory with a page that is none");
        }
    }
    Ok(())
}

fn check_job(state: &State, job: &JobState) -> Result<(), StateError> {
    if job.stdin_pipe.is_some_and(|pipe| pipe as usize >= state.pipes.len())
        || job.terminal.is_some_and(|terminal| terminal as usize >= state.terminals.len())
    {
        return fail("job", job.pid, "refers to what is not there");
    }
    let is_alive = state.processes.binary_search_by_key(&job.pid, |process| process.pid).is_ok();
    if job.end.is_none() && !is_alive {
        return fail("job", job.pid, "runs and has no process");
    }
    for ring in [&job.output.stdout, &job.output.stderr] {
        check_ring(state, job, ring)?;
    }
    Ok(())
}

fn check_ring(state: &State, job: &JobState, ring: &RingState) -> Result<(), StateError> {
    // A ring holds at least some lines, whatever the limit.
    let most = state.sandbox.limits.output_bytes.max(1024);
    let end = ring.start.checked_add(ring.bytes.0.len() as u64);
    let Some(end) = end.filter(|_| ring.bytes.0.len() as u64 <= most) else {
        return fail("job", job.pid, "has more output than it may");
    };
    let mut before = None;
    for mark in &ring.marks {
        let in_order = before.is_none_or(|(start, arrival)| start <= mark.start && arrival < mark.arrival);
        if !in_order || mark.start > end || mark.arrival > job.output.arrival {
            return fail("job", job.pid, "has output out of order");
        }
        before = Some((mark.start, mark.arrival));
    }
    let covered = ring.marks.first().is_some_and(|mark| mark.start <= ring.start);
    if !covered && !ring.bytes.0.is_empty() {
        return fail("job", job.pid, "has output that came at no time");
    }
    Ok(())
}
