//! What every store does, and what a directory does beyond that.

use std::fs::File;
use std::io::Read as _;
use std::process::Command;
use std::sync::Arc;

use bytes::Bytes;
use stillbox_checkpoint::format::sample;
use stillbox_checkpoint::memory::persist::MemoryState;
use stillbox_checkpoint::pages::{PAGE_BYTES, Pages};
use stillbox_checkpoint::process::persist::LifeState;
use stillbox_checkpoint::{
    Checkpoint, CheckpointStore, ChunkTable, DirectoryStore, MemoryStore, SnapshotRecord, StoreError, StoreOptions,
    format,
};
use stillbox_kernel::chunk::ChunkRef;

const RAW: StoreOptions = StoreOptions { compress: false };
const COMPRESSED: StoreOptions = StoreOptions { compress: true };

fn record(id: &str, created_at_ms: u64) -> SnapshotRecord {
    SnapshotRecord { id: id.into(), created_at_ms, ..sample::record() }
}

/// Returns a memory in which pages differ, some are equal, and some are zero.
fn memory(pages: usize, seed: u64) -> Vec<u8> {
    let mut memory = vec![0; pages * PAGE_BYTES as usize];
    for (at, page) in memory.chunks_exact_mut(PAGE_BYTES as usize).enumerate() {
        let kind = at % 8;
        if kind != 0 {
            let start = if kind == 1 { 1 } else { at as u64 + (seed << 20) };
            page[..8].copy_from_slice(&start.to_le_bytes());
            page[8..].iter_mut().enumerate().for_each(|(n, byte)| *byte = ((n as u64 * start) >> 7) as u8);
        }
    }
    memory
}

/// Returns the sample with another memory in its first process.
fn with_memory(memory: impl Into<Bytes>) -> Checkpoint {
    let memory = memory.into();
    with_pages(&Pages::new(&memory), &memory)
}

fn with_pages(pages: &Pages, memory: &Bytes) -> Checkpoint {
    let sample = sample::checkpoint();
    let mut chunks = ChunkTable::new();
    for index in 0..sample.chunks.count() {
        let (id, bytes) = sample.chunks.get(ChunkRef(index)).unwrap();
        stillbox_kernel::chunk::ChunkWriter::put(&mut chunks, id, bytes);
    }
    let memory = pages.save(memory, &mut chunks);
    let mut state = (*sample.state).clone();
    let LifeState::Running(running) = &mut state.processes[0].life else { panic!("the first process runs") };
    running.memories = vec![memory];
    Checkpoint::new(state, Arc::new(chunks)).unwrap()
}

fn memory_of(checkpoint: &Checkpoint) -> &MemoryState {
    let LifeState::Running(running) = &checkpoint.state.processes[0].life else { panic!("the first process runs") };
    &running.memories[0]
}

fn assert_equal(found: &Checkpoint, expected: &Checkpoint) {
    assert_eq!(found.state, expected.state);
    assert_eq!(found.chunks.count(), expected.chunks.count());
    for index in 0..found.chunks.count() {
        let chunk = ChunkRef(index);
        assert!(found.chunks.get(chunk).unwrap() == expected.chunks.get(chunk).unwrap());
    }
}

/// Does with a store what every store can do.
fn behaves(store: &dyn CheckpointStore) {
    let first = memory(64, 1);
    let pages = Pages::new(&first);
    let a = with_pages(&pages, &first.clone().into());
    let stored = store.put(&record("a", 2), &a).unwrap();
    assert!(stored.stored_bytes > 0 && stored.size_bytes == a.content_bytes());
    assert!(matches!(store.put(&record("a", 2), &a), Err(StoreError::Exists { .. })));
    assert!(matches!(store.put(&record("../a", 2), &a), Err(StoreError::InvalidId { .. })));
    assert_equal(&store.get("a").unwrap(), &a);

    // The second costs what has changed.
    let mut second = first.clone();
    second[5 * PAGE_BYTES as usize + 9] ^= 1;
    let changed = 5 * u64::from(PAGE_BYTES) + 9;
    let all = 0..second.len() as u64;
    let pages = pages.changed(&second, std::iter::once(changed..changed + 1), std::iter::once(all));
    assert_eq!(pages.hashed(), 1);
    let b = with_pages(&pages, &second.clone().into());
    let stored = store.put(&record("b", 1), &b).unwrap();
    assert!(stored.stored_bytes < stored.size_bytes / 5, "{stored:?}");
    assert_eq!(memory_of(&b).read(&*b.chunks).unwrap(), second);
    assert_equal(&store.get("b").unwrap(), &b);

    let ids: Vec<_> = store.list().unwrap().into_iter().map(|record| record.id).collect();
    assert_eq!(ids, ["b", "a"]);
    assert_eq!(store.record("b").unwrap(), stored);
    let held = store.get("a").unwrap();
    store.delete("a").unwrap();
    assert!(matches!(store.delete("a"), Err(StoreError::NotFound { .. })));
    assert!(matches!(store.get("a"), Err(StoreError::NotFound { .. })));
    store.collect_garbage().unwrap();
    assert_equal(&held, &a);
    assert_equal(&store.get("b").unwrap(), &b);
    store.delete("b").unwrap();
    assert!(store.collect_garbage().unwrap().freed_bytes > 0);
    assert_eq!(store.collect_garbage().unwrap().freed_bytes, 0);
    assert!(store.list().unwrap().is_empty());
}

#[test]
fn stores_keep_what_they_are_given() {
    let memory = MemoryStore::new();
    behaves(&memory);
    assert_eq!(memory.content_bytes(), 0);
    for options in [RAW, COMPRESSED] {
        let directory = tempfile::tempdir().unwrap();
        behaves(&DirectoryStore::open(directory.path(), options).unwrap());
        let packs = std::fs::read_dir(directory.path().join("packs")).unwrap().count();
        assert_eq!(packs, 0, "everything was freed");
    }
}

#[test]
fn a_store_is_there_after_the_process_and_shared_with_others() {
    let directory = tempfile::tempdir().unwrap();
    let checkpoint = with_memory(memory(32, 1));
    let first = DirectoryStore::open(directory.path(), RAW).unwrap();
    let second = DirectoryStore::open(directory.path(), COMPRESSED).unwrap();
    first.put(&record("a", 1), &checkpoint).unwrap();
    let again = second.put(&record("b", 2), &checkpoint).unwrap();
    assert!(again.stored_bytes < again.size_bytes / 5, "the other store's pack is found: {again:?}");
    drop(first);
    let third = DirectoryStore::open(directory.path(), RAW).unwrap();
    assert_equal(&third.get("b").unwrap(), &checkpoint);
    third.verify("a").unwrap();
    // What one frees, the other does not take for stored.
    third.delete("a").unwrap();
    third.delete("b").unwrap();
    third.collect_garbage().unwrap();
    let anew = second.put(&record("c", 3), &checkpoint).unwrap();
    assert!(anew.stored_bytes > anew.size_bytes / 5, "{anew:?}");
    assert_equal(&third.get("c").unwrap(), &checkpoint);
}

#[test]
fn packs_of_which_little_is_needed_are_written_anew() {
    let directory = tempfile::tempdir().unwrap();
    let store = DirectoryStore::open(directory.path(), RAW).unwrap();
    let large = with_memory(memory(256, 1));
    let mut few = memory(256, 1);
    few.truncate(16 * PAGE_BYTES as usize);
    let small = with_memory(few);
    store.put(&record("large", 1), &large).unwrap();
    store.put(&record("small", 2), &small).unwrap();
    store.delete("large").unwrap();
    let collected = store.collect_garbage().unwrap();
    assert!(collected.moved_bytes > 0 && collected.freed_bytes > 5 * collected.moved_bytes, "{collected:?}");
    assert_equal(&store.get("small").unwrap(), &small);
    assert_equal(&DirectoryStore::open(directory.path(), RAW).unwrap().get("small").unwrap(), &small);
    assert_eq!(store.collect_garbage().unwrap().freed_bytes, 0);
}

/// Every chunk of some packs is smaller than its line in the index: such a pack is not mistaken for a sparse one.
#[test]
fn collecting_garbage_keeps_packs_of_tiny_chunks() {
    let directory = tempfile::tempdir().unwrap();
    let store = DirectoryStore::open(directory.path(), COMPRESSED).unwrap();
    let tiny = sample::checkpoint();
    store.put(&record("tiny", 1), &tiny).unwrap();
    for _ in 0..2 {
        store.collect_garbage().unwrap();
        assert_equal(&store.get("tiny").unwrap(), &tiny);
        assert_equal(&DirectoryStore::open(directory.path(), RAW).unwrap().get("tiny").unwrap(), &tiny);
    }
}

#[test]
fn memories_are_written_into_files_and_found_in_them() {
    let directory = tempfile::tempdir().unwrap();
    let store = DirectoryStore::open(directory.path(), RAW).unwrap();
    let expected = memory(64, 3);
    let checkpoint = with_memory(expected.clone());
    store.put(&record("a", 1), &checkpoint).unwrap();
    let found = store.get("a").unwrap();
    let memory = memory_of(&found);

    let path = directory.path().join("image");
    let file = File::create_new(&path).unwrap();
    file.set_len(4096 + memory.bytes).unwrap();
    memory.write_to(&*found.chunks, &file, 4096).unwrap();
    let mut written = Vec::new();
    File::open(&path).unwrap().read_to_end(&mut written).unwrap();
    assert!(written[4096..] == expected && written[..4096] == [0; 4096]);

    let mut mapped = vec![0; memory.bytes as usize];
    let extents = memory.extents(&*found.chunks).unwrap();
    assert!(extents.len() < 30, "neighbours come together: {}", extents.len());
    for extent in extents {
        assert!(extent.place.offset.is_multiple_of(4096), "it can be mapped");
        let range = extent.position as usize..(extent.position + extent.len) as usize;
        std::os::unix::fs::FileExt::read_exact_at(&*extent.place.file, &mut mapped[range], extent.place.offset)
            .unwrap();
    }
    assert!(mapped == expected);
}

#[test]
fn a_damaged_snapshot_is_an_error_and_harms_no_other() {
    let directory = tempfile::tempdir().unwrap();
    let store = DirectoryStore::open(directory.path(), RAW).unwrap();
    let checkpoint = with_memory(memory(16, 1));
    store.put(&record("good", 1), &checkpoint).unwrap();
    store.put(&record("bad", 2), &checkpoint).unwrap();
    let path = directory.path().join("snapshots/bad.snap");
    let mut bytes = std::fs::read(&path).unwrap();
    let at = bytes.len() - 20;
    bytes[at] ^= 1;
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, &bytes).unwrap();
    assert!(matches!(store.get("bad"), Err(StoreError::Damaged { .. })));
    bytes[20] ^= 1;
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, &bytes).unwrap();
    assert_eq!(store.list().unwrap().len(), 1);
    assert!(matches!(store.collect_garbage(), Err(StoreError::Damaged { .. })), "what it needs can't be told");
    assert_equal(&store.get("good").unwrap(), &checkpoint);
    store.delete("bad").unwrap();
    store.collect_garbage().unwrap();
    assert_equal(&store.get("good").unwrap(), &checkpoint);
}

#[test]
fn a_store_of_another_version_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("format"), "stillbox store 2\n").unwrap();
    assert!(matches!(DirectoryStore::open(directory.path(), RAW), Err(StoreError::Format { .. })));
}

#[test]
fn one_file_carries_a_checkpoint_from_store_to_store() {
    let here = tempfile::tempdir().unwrap();
    let store = DirectoryStore::open(here.path(), COMPRESSED).unwrap();
    let checkpoint = with_memory(memory(64, 1));
    let stored = store.put(&record("a", 1), &checkpoint).unwrap();
    let mut file = Vec::new();
    format::export(&stored, &store.get("a").unwrap(), &mut file).unwrap();
    assert!((file.len() as u64) < checkpoint.content_bytes());
    let (carried, imported) = format::import(&file.into()).unwrap();
    assert_eq!(carried, stored);
    assert_equal(&imported, &checkpoint);
    let there = MemoryStore::new();
    there.put(&carried, &imported).unwrap();
    assert_equal(&there.get("a").unwrap(), &checkpoint);
}

/// Stores and frees in a directory that other processes do the same in.
fn work_in(directory: &std::path::Path, worker: u64) {
    let store = DirectoryStore::open(directory, RAW).unwrap();
    let shared = with_memory(memory(16, 99));
    for round in 0..6 {
        let own = with_memory(memory(24, worker * 100 + round));
        let (a, b) = (format!("own-{worker}-{round}"), format!("shared-{worker}-{round}"));
        store.put(&record(&a, round), &own).unwrap();
        store.put(&record(&b, round), &shared).unwrap();
        store.collect_garbage().unwrap();
        assert_equal(&store.get(&a).unwrap(), &own);
        assert_equal(&store.get(&b).unwrap(), &shared);
        store.delete(&a).unwrap();
        store.delete(&b).unwrap();
    }
}

const WORKER: &str = "STILLBOX_TEST_STORE_WORKER";

#[test]
fn processes_share_a_directory() {
    if let (Some(directory), Ok(worker)) = (std::env::var_os("STILLBOX_TEST_STORE"), std::env::var(WORKER)) {
        return work_in(directory.as_ref(), worker.parse().unwrap());
    }
    let directory = tempfile::tempdir().unwrap();
    let spawn = |worker: u64| {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "processes_share_a_directory"])
            .env("STILLBOX_TEST_STORE", directory.path())
            .env(WORKER, worker.to_string())
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap()
    };
    let workers: Vec<_> = (0..2).map(spawn).collect();
    work_in(directory.path(), 7);
    for mut worker in workers {
        assert!(worker.wait().unwrap().success());
    }
    let store = DirectoryStore::open(directory.path(), RAW).unwrap();
    store.collect_garbage().unwrap();
    assert_eq!(std::fs::read_dir(directory.path().join("packs")).unwrap().count(), 0);
}
