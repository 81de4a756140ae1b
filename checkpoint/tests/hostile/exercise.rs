//! What is done with a checkpoint from anyone, up to where an engine would take over.

use bytes::Bytes;
use stillbox_checkpoint::Checkpoint;
use stillbox_checkpoint::format;
use stillbox_checkpoint::process::persist::LifeState;
use stillbox_kernel::account::Account;
use stillbox_kernel::clock::Clock;
use stillbox_kernel::fs::{At, FileSystem, Quota, Tree};
use stillbox_kernel::pipe::persist as pipe;

/// What the restoring side allows, whatever the checkpoint says.
const QUOTA: Quota = Quota { bytes: 1 << 20, inodes: 1000, file_bytes: 1 << 31, path_bytes: 4096 };

/// Imports a checkpoint and loads what can be loaded without an engine; tells whether all of it could be.
pub fn exercise(bytes: &Bytes) -> bool {
    let Ok((_, checkpoint)) = format::import(bytes) else { return false };
    let memories = exercise_memories(&checkpoint);
    let state = &*checkpoint.state;
    let clock = Clock::load(&state.clock);
    clock.wall_ns();
    let _ = clock.fill_random(&mut [0; 16]);
    let account = Account::new(1 << 20);
    let pipes = state.pipes.iter().all(|state| pipe::load(state, 65_536, &account).is_ok());
    let Ok((tree, base)) = Tree::load(&state.tree, &[], 1 << 20, &*checkpoint.chunks, &QUOTA) else { return false };
    let mut again = stillbox_checkpoint::ChunkTable::new();
    tree.save(&base, true, &mut again);
    exercise_files(&FileSystem::new(&tree, QUOTA, clock), &checkpoint);
    memories && pipes
}

fn exercise_memories(checkpoint: &Checkpoint) -> bool {
    let mut all = true;
    for process in &checkpoint.state.processes {
        let LifeState::Running(running) = &process.life else { continue };
        for memory in running.memories.iter().filter(|memory| memory.bytes <= 1 << 20) {
            all &= memory.read(&*checkpoint.chunks).is_ok_and(|read| read.len() as u64 == memory.bytes);
            assert!(memory.extents(&*checkpoint.chunks).is_none_or(|extents| extents.is_empty()));
        }
    }
    all
}

fn exercise_files(fs: &FileSystem, checkpoint: &Checkpoint) {
    use stillbox_checkpoint::descriptors::persist::ObjectState;

    let mut held = Vec::new();
    for description in &checkpoint.state.descriptions {
        match &description.object {
            ObjectState::File(file) => held.extend(fs.load_file(file, &*checkpoint.chunks)),
            ObjectState::Dir(dir) => drop(fs.load_directory(dir).map(|dir| dir.path())),
            _ => {}
        }
    }
    fs.collect_orphans();
    let mut to_visit = vec!["/".to_owned()];
    while let Some(path) = to_visit.pop() {
        for entry in fs.list_directory(&path).unwrap_or_default() {
            let child = format!("{}/{}", path.trim_end_matches('/'), entry.name);
            let is_directory = fs.stat(At::HOST, &child, false).is_ok_and(|stat| stat.is_directory());
            if is_directory {
                to_visit.push(child);
            } else if entry.size < 1 << 20 {
                let _ = fs.read_file(&child);
                let _ = fs.unlink(At::HOST, &child);
            }
        }
    }
    drop(held);
    assert_eq!(fs.tree().recount().bytes, fs.space().bytes_used);
}
