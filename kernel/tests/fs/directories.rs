//! Directories: reading them while they change, and renaming.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use stillbox_kernel::Errno;
use stillbox_kernel::fs::{At, FileSystem};

use crate::support::{create, file_system, names};

const HOST: At<'static> = At::HOST;

#[test]
fn rename_says_what_rename_2_says() {
    let fs = file_system();
    fs.create_directories("/d/empty").unwrap();
    fs.create_directories("/d/full/sub").unwrap();
    create(&fs, "/d/file").write_at(0, b"file").unwrap();
    create(&fs, "/d/other");
    let rename = |from: &str, to: &str| fs.rename((HOST, from), (HOST, to));
    assert_eq!(rename("/d/none", "/d/x"), Err(Errno::Noent));
    assert_eq!(rename("/d/file", "/none/x"), Err(Errno::Noent));
    assert_eq!(rename("/d/file", "/d/empty"), Err(Errno::Isdir));
    assert_eq!(rename("/d/empty", "/d/file"), Err(Errno::Notdir));
    assert_eq!(rename("/d/empty", "/d/full"), Err(Errno::Notempty));
    assert_eq!(rename("/d/full", "/d/full/sub/x"), Err(Errno::Inval));
    assert_eq!(rename("/d/full", "/d/full"), Ok(()));
    assert_eq!(rename("/d/file", "/d/x/"), Err(Errno::Notdir));
    assert_eq!(rename("/d/empty/.", "/d/x"), Err(Errno::Busy));
    assert_eq!(rename("/", "/d/x"), Err(Errno::Busy));
    assert_eq!(rename("/d", "/d/full/.."), Err(Errno::Busy));
    fs.link((HOST, "/d/file"), true, (HOST, "/d/same")).unwrap();
    assert_eq!(rename("/d/file", "/d/same"), Ok(()));
    assert!(fs.stat(HOST, "/d/file", true).is_ok(), "two names of one file stay");
    assert_eq!(rename("/d/file", "/d/other"), Ok(()));
    assert_eq!(fs.read_file("/d/other").unwrap(), "file");
    assert_eq!(rename("/d/full/", "/d/empty"), Ok(()));
    assert_eq!(fs.stat(HOST, "/d/empty/sub/../..", true).unwrap().inode, fs.stat(HOST, "/d", true).unwrap().inode);
    assert_eq!(fs.stat(HOST, "/d", true).unwrap().links, 3);
    assert_eq!(fs.link((HOST, "/d"), true, (HOST, "/e")), Err(Errno::Perm));
    assert_eq!(fs.remove_directory(HOST, "/d/."), Err(Errno::Inval));
    assert_eq!(fs.remove_directory(HOST, "/d/empty/.."), Err(Errno::Notempty));
    assert_eq!(fs.remove_directory(HOST, "/"), Err(Errno::Busy));
    assert_eq!(fs.remove_directory(HOST, "/d/other"), Err(Errno::Notdir));
    assert_eq!(fs.unlink(HOST, "/d"), Err(Errno::Isdir));
    assert_eq!(fs.create_directory(HOST, "/", 0o755), Err(Errno::Exist));
    assert_eq!(fs.create_directory(HOST, "/d/new/", 0o700), Ok(()));
}

#[test]
fn a_directory_of_many_entries_reads_in_pieces() {
    let fs = file_system();
    fs.create_directory(HOST, "/many", 0o755).unwrap();
    let directory = fs.open_directory(HOST, "/many").unwrap();
    for index in 0..2_000 {
        create(&fs, &format!("/many/{index}"));
    }
    let (mut cookie, mut seen) = (0, BTreeSet::new());
    loop {
        let mut count = 0;
        directory
            .read(cookie, |entry| {
                assert!(seen.insert(entry.name.to_owned()));
                cookie = entry.next;
                count += 1;
                count < 7
            })
            .unwrap();
        // Removing what was just read, as `rm -r` does, hides nothing that is still to come.
        for name in seen.iter().rev().filter(|name| !name.starts_with('.')).take(3) {
            let _ = fs.unlink(HOST, &format!("/many/{name}"));
        }
        if count == 0 {
            break;
        }
    }
    assert_eq!(seen.len(), 2_002);
    directory.read(u64::MAX, |_| panic!("there is nothing after the end")).unwrap();
    assert!(names(&directory).len() < 2_002);
}

#[derive(Clone, Debug)]
enum Change {
    Insert(u8),
    Remove(u8),
    Rename(u8, u8),
    Read(u8),
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn what_is_there_during_a_whole_pass_is_seen_exactly_once(
        before in prop::collection::btree_set(0u8..40, 0..30),
        changes in prop::collection::vec(
            prop_oneof![
                (0u8..40).prop_map(Change::Insert),
                (0u8..40).prop_map(Change::Remove),
                ((0u8..40), (0u8..40)).prop_map(|(from, to)| Change::Rename(from, to)),
                (1u8..6).prop_map(Change::Read),
            ],
            0..60,
        ),
    ) {
        let fs: FileSystem = file_system();
        let path = |name: u8| format!("/tmp/{name}");
        for name in &before {
            create(&fs, &path(*name));
        }
        let directory = fs.open_directory(HOST, "/tmp").unwrap();
        let mut steady = before;
        let (mut cookie, mut seen) = (0, BTreeMap::<String, u32>::new());
        let mut read = |limit: u8| {
            let mut count = 0;
            directory
                .read(cookie, |entry| {
                    *seen.entry(entry.name.to_owned()).or_default() += 1;
                    cookie = entry.next;
                    count += 1;
                    count < limit
                })
                .unwrap();
        };
        for change in changes {
            match change {
                Change::Insert(name) => drop(create(&fs, &path(name))),
                Change::Remove(name) => {
                    let _ = fs.unlink(HOST, &path(name));
                    steady.remove(&name);
                }
                Change::Rename(from, to) => {
                    if from != to && fs.rename((HOST, &path(from)), (HOST, &path(to))).is_ok() {
                        steady.remove(&from);
                        steady.remove(&to);
                    }
                }
                Change::Read(limit) => read(limit),
            }
        }
        read(u8::MAX);
        for name in steady {
            prop_assert_eq!(seen.get(&name.to_string()), Some(&1), "{}", name);
        }
        prop_assert_eq!((seen["."], seen[".."]), (1, 1));
    }
}
