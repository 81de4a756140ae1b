//! Times saving and restoring a memory of 1, 8, 64 and 512 MiB: `cargo run -p stillbox-checkpoint --example timing [FILE]`,
//! where FILE is a dump whose pages the memories are made of.

use std::fs::File;
use std::time::{Duration, Instant};

use bytes::Bytes;
use stillbox_checkpoint::format::sample;
use stillbox_checkpoint::memory::persist::MemoryState;
use stillbox_checkpoint::pages::{PAGE_BYTES, Pages};
use stillbox_checkpoint::process::persist::LifeState;
use stillbox_checkpoint::{
    Checkpoint, CheckpointStore, ChunkTable, DirectoryStore, MemoryStore, SnapshotRecord, StoreOptions,
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dump = std::env::args().nth(1).map(std::fs::read).transpose()?;
    for mebibytes in [1, 8, 64, 512] {
        let bytes = memory(mebibytes << 20, dump.as_deref());
        println!("{mebibytes} MiB");
        let (pages, hashing) = timed(|| Pages::new(&bytes));
        // One 4 KiB page in a hundred, spread.
        let dirty: Vec<_> = (0..bytes.len() as u64 / 4096).step_by(100).map(|at| at * 4096..at * 4096 + 8).collect();
        let mut changed = bytes.to_vec();
        dirty.iter().for_each(|range| changed[range.start as usize] ^= 0x55);
        let changed = Bytes::from(changed);
        let (next, rehashing) = timed(|| pages.changed(&changed, dirty, std::iter::once(0..changed.len() as u64)));
        println!("  hash all {}, hash what changed {}", ms(hashing), ms(rehashing));
        let (first, second) = (with_memory(&pages, &bytes)?, with_memory(&next, &changed)?);
        stores("memory", &MemoryStore::new(), &first, &second)?;
        for (name, compress) in [("directory, raw", false), ("directory, lz4", true)] {
            let directory = tempfile::tempdir_in(std::env::current_dir()?)?;
            stores(name, &DirectoryStore::open(directory.path(), StoreOptions { compress })?, &first, &second)?;
        }
    }
    Ok(())
}

fn stores(
    name: &str,
    store: &dyn CheckpointStore,
    first: &Checkpoint,
    second: &Checkpoint,
) -> Result<(), Box<dyn std::error::Error>> {
    let record = |id: &str| SnapshotRecord { id: id.into(), ..sample::record() };
    let (a, put) = timed(|| store.put(&record("a"), first));
    let (b, put_next) = timed(|| store.put(&record("b"), second));
    let (found, get) = timed(|| store.get("b"));
    let found = found?;
    let memory = memory_of(&found);
    let (extents, finding) = timed(|| memory.extents(&*found.chunks));
    let image: File = tempfile::tempfile_in("/dev/shm")?;
    image.set_len(memory.bytes)?;
    let (written, write) = timed(|| memory.write_to(&*found.chunks, &image, 0));
    written?;
    println!(
        "  {name:<15} put {} ({} kB), the next {} ({} kB); get {}, write into a file in memory {}{}",
        ms(put),
        a?.stored_bytes / 1000,
        ms(put_next),
        b?.stored_bytes / 1000,
        ms(get),
        ms(write),
        extents.map_or(String::new(), |extents| format!(", {} extents to map {}", extents.len(), ms(finding))),
    );
    Ok(())
}

fn memory(len: usize, dump: Option<&[u8]>) -> Bytes {
    let mut memory = vec![0; len];
    match dump {
        // A dump that is used more than once gets another first byte in each page, so that its pages are not the same.
        Some(dump) => memory.chunks_mut(dump.len()).zip(0..).for_each(|(part, round)| {
            part.copy_from_slice(&dump[..part.len()]);
            part.chunks_mut(PAGE_BYTES as usize).filter(|_| round > 0).for_each(|page| page[0] ^= round);
        }),
        None => memory.iter_mut().zip(0_u64..).for_each(|(byte, at)| *byte = (at.wrapping_mul(at >> 12) >> 5) as u8),
    }
    memory.into()
}

fn with_memory(pages: &Pages, memory: &Bytes) -> Result<Checkpoint, Box<dyn std::error::Error>> {
    let mut chunks = ChunkTable::new();
    let sample = sample::checkpoint();
    let mut state = (*sample.state).clone();
    let memory = pages.save(memory, &mut chunks);
    state.processes.truncate(1);
    let LifeState::Running(running) = &mut state.processes[0].life else { return Err("the first process runs".into()) };
    running.memories = vec![memory];
    running.program.module.clear();
    state.jobs.iter_mut().for_each(|job| job.stdin_pipe = None);
    Ok(Checkpoint::new(state, std::sync::Arc::new(chunks))?)
}

fn memory_of(checkpoint: &Checkpoint) -> &MemoryState {
    let LifeState::Running(running) = &checkpoint.state.processes[0].life else { unreachable!("it was made so") };
    &running.memories[0]
}

fn timed<T>(f: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let result = f();
    (result, start.elapsed())
}

fn ms(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}
