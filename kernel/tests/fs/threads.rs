//! Many threads in one file system.

use std::thread;

use stillbox_kernel::Errno;
use stillbox_kernel::fs::{At, FileSystem};

use crate::support::{CREATE, clock, create, file_system};

const HOST: At<'static> = At::HOST;
const ROUNDS: u32 = 500;

/// Makes, fills, links, moves and removes files under names that all threads use, holding handles over each step.
fn hammer(fs: &FileSystem, thread: u32) {
    for round in 0..ROUNDS {
        let (own, shared) = (format!("/tmp/{thread}"), format!("/tmp/shared{}", round % 3));
        // Another thread may have removed either name at any time, which is the only failure there can be.
        let tolerate = |result: Result<(), Errno>| assert!(matches!(result, Ok(()) | Err(Errno::Noent | Errno::Exist)));
        let file = fs.open_file(HOST, &own, &CREATE).unwrap();
        file.append(&[1; 100]).unwrap();
        tolerate(fs.rename((HOST, &own), (HOST, &shared)));
        tolerate(fs.link((HOST, &shared), true, (HOST, &own)));
        let other = fs.open_file(HOST, &shared, &CREATE).unwrap();
        other.append(&[2; 10]).unwrap();
        tolerate(fs.unlink(HOST, &shared));
        tolerate(fs.unlink(HOST, &own));
        assert!(file.size().unwrap() >= 100);
        if round % 50 == 0 {
            let branch = fs.branch(clock());
            branch.collect_orphans();
            let (space, counted) = (branch.space(), branch.tree().recount());
            assert_eq!((space.bytes_used, space.inodes_used), (counted.bytes, counted.inodes));
        }
    }
}

#[test]
fn threads_leave_nothing_behind() {
    let fs = file_system();
    thread::scope(|scope| {
        for thread in 0..4 {
            let fs = &fs;
            scope.spawn(move || hammer(fs, thread));
        }
    });
    for entry in fs.list_directory("/tmp").unwrap() {
        fs.unlink(HOST, &format!("/tmp/{}", entry.name)).unwrap();
    }
    assert_eq!((fs.space().bytes_used, fs.space().inodes_used), (0, 0));
}

#[test]
fn appends_of_many_threads_are_each_whole() {
    let fs = file_system();
    create(&fs, "/tmp/log");
    thread::scope(|scope| {
        for thread in 0..4_u8 {
            let file = fs.open_file(HOST, "/tmp/log", &CREATE).unwrap();
            scope.spawn(move || (0..ROUNDS).for_each(|_| assert_eq!(file.append(&[thread; 300]).unwrap().1, 300)));
        }
    });
    let log = fs.read_file("/tmp/log").unwrap();
    assert_eq!(log.len(), 4 * ROUNDS as usize * 300);
    assert!(log.chunks(300).all(|piece| piece.iter().all(|byte| *byte == piece[0])));
}
