//! Path resolution.

use std::sync::Arc;

use bytes::Bytes;
use stillbox_kernel::Errno;
use stillbox_kernel::fs::{At, Device, DynamicDir, DynamicEntry, DynamicNode, FileType, OpenOptions, Opened};

use crate::support::{create, file_system, names};

const HOST: At<'static> = At::HOST;

#[test]
fn dots_slashes_and_relative_paths_go_where_posix_says() {
    let fs = file_system();
    fs.create_directories("/a/b/c").unwrap();
    let file = create(&fs, "/a/b/f");
    let inode = file.stat().unwrap().inode;
    for path in ["/a/b/f", "//a///b//f", "/../../a/./b/c/../f", "a/b/f", "/a/../a/b/f"] {
        assert_eq!(fs.stat(HOST, path, true).unwrap().inode, inode, "{path}");
    }
    let c = fs.open_directory(HOST, "/a/b/c").unwrap();
    assert_eq!(fs.stat(At::directory(&c, 1), "../f", true).unwrap().inode, inode);
    assert_eq!(fs.stat(At::directory(&c, 1), "/a/b/f", true).unwrap().inode, inode);
    assert_eq!(c.path().unwrap(), "/a/b/c");
    assert_eq!(fs.open_directory(HOST, "/..").unwrap().path().unwrap(), "/");
    assert_eq!(fs.stat(HOST, "/a/b/f/.", true).unwrap_err(), Errno::Notdir);
    assert_eq!(fs.stat(HOST, "/a/b/f/..", true).unwrap_err(), Errno::Notdir);
    assert_eq!(fs.stat(HOST, "/a/none/..", true).unwrap_err(), Errno::Noent);
    assert_eq!(fs.stat(HOST, "/a/b/", true).unwrap().inode, fs.stat(HOST, "/a/b", true).unwrap().inode);

    // A directory that was moved is followed, and one that was removed has no path and takes no entries.
    fs.rename((HOST, "/a/b"), (HOST, "/moved")).unwrap();
    assert_eq!(c.path().unwrap(), "/moved/c");
    fs.remove_directory(HOST, "/moved/c").unwrap();
    assert_eq!(c.path(), Err(Errno::Noent));
    assert_eq!(fs.create_directory(At::directory(&c, 1), "x", 0o755), Err(Errno::Noent));
    assert_eq!(fs.rename((HOST, "/moved/f"), (At::directory(&c, 1), "f")), Err(Errno::Noent));
    assert_eq!(fs.stat(At::directory(&c, 1), "../f", true).unwrap().inode, inode);
    assert_eq!(names(&c), [".", ".."]);
    assert_eq!(c.stat().unwrap().links, 0);
}

#[test]
fn symlinks_are_followed_forty_times() {
    let fs = file_system();
    create(&fs, "/tmp/l0");
    for hop in 1..=41 {
        fs.symlink(&format!("l{}", hop - 1), HOST, &format!("/tmp/l{hop}")).unwrap();
    }
    assert!(fs.stat(HOST, "/tmp/l40", true).is_ok());
    assert_eq!(fs.stat(HOST, "/tmp/l41", true).unwrap_err(), Errno::Loop);
    assert_eq!(fs.stat(HOST, "/tmp/l41", false).unwrap().file_type, FileType::Symlink);
    fs.symlink("self", HOST, "/tmp/self").unwrap();
    assert_eq!(fs.stat(HOST, "/tmp/self", true).unwrap_err(), Errno::Loop);
    assert_eq!(fs.stat(HOST, "/tmp/self/x", false).unwrap_err(), Errno::Loop);

    fs.symlink("/usr/bin", HOST, "/tmp/bin").unwrap();
    assert_eq!(fs.read_file("/tmp/bin/alias").unwrap(), &b"\0asm"[..]);
    assert_eq!(fs.stat(HOST, "/tmp/bin", false).unwrap().file_type, FileType::Symlink);
    assert_eq!(fs.stat(HOST, "/tmp/bin/", false).unwrap().file_type, FileType::Directory);
    assert_eq!(fs.read_link(HOST, "/tmp/bin").unwrap(), "/usr/bin");
    assert_eq!(fs.read_link(HOST, "/etc/motd"), Err(Errno::Inval));
    // `..` after a symlink is of where it leads.
    assert_eq!(fs.stat(HOST, "/tmp/bin/../lib", true).unwrap().inode, fs.stat(HOST, "/usr/lib", true).unwrap().inode);
    // The entry itself is what is removed.
    assert_eq!(fs.remove_directory(HOST, "/tmp/bin/"), Err(Errno::Notdir));
    assert_eq!(fs.unlink(HOST, "/tmp/bin/"), Err(Errno::Notdir));
    fs.unlink(HOST, "/tmp/bin").unwrap();
    assert!(fs.stat(HOST, "/usr/bin/tool", true).is_ok());
    assert_eq!(fs.symlink("", HOST, "/tmp/empty"), Err(Errno::Noent));
}

/// A `/proc` of two processes, whose `self` depends on who asks.
struct Proc;

impl DynamicDir for Proc {
    fn lookup(&self, caller: u32, path: &[&str]) -> Result<DynamicNode, Errno> {
        let entry = |name: &str, file_type| DynamicEntry { name: name.to_owned(), file_type };
        match path {
            [] => Ok(DynamicNode::Directory(vec![
                entry("7", FileType::Directory),
                entry("8", FileType::Directory),
                entry("self", FileType::Symlink),
            ])),
            ["self"] => Ok(DynamicNode::Symlink(caller.to_string())),
            ["7" | "8"] => Ok(DynamicNode::Directory(vec![
                entry("cmdline", FileType::Regular),
                entry("cwd", FileType::Symlink),
                entry("fd", FileType::Directory),
            ])),
            [pid @ ("7" | "8"), "cmdline"] => Ok(DynamicNode::File(Bytes::from(format!("process {pid}")))),
            ["7" | "8", "cwd"] => Ok(DynamicNode::Symlink("/etc".to_owned())),
            ["7" | "8", "fd"] => Ok(DynamicNode::Directory(vec![entry("3", FileType::Symlink)])),
            ["7" | "8", "fd", "3"] => Ok(DynamicNode::Descriptor { number: 3, target: "pipe:[1]".to_owned() }),
            _ => Err(Errno::Noent),
        }
    }
}

#[test]
fn dynamic_directories_answer_for_their_caller() {
    let fs = file_system();
    fs.mount_dynamic("/proc", Arc::new(Proc)).unwrap();
    let seven = At::root(7);
    let read = |at, path: &str| fs.open_file(at, path, &OpenOptions::default()).and_then(|file| file.contents());
    assert_eq!(read(seven, "/proc/self/cmdline").unwrap(), "process 7");
    assert_eq!(read(At::root(8), "/proc/self/cmdline").unwrap(), "process 8");
    assert_eq!(read(At::root(9), "/proc/self/cmdline"), Err(Errno::Noent));
    assert_eq!(read(seven, "/proc/7/cwd/motd").unwrap(), "welcome\n");
    assert_eq!(read(seven, "/proc/7/../../etc/motd").unwrap(), "welcome\n");
    assert_eq!(read(seven, "/proc/7/cwd/../proc/8/cmdline").unwrap(), "process 8");
    assert_eq!(read(seven, "/proc/7/cmdline/x"), Err(Errno::Notdir));
    assert_eq!(fs.read_link(seven, "/proc/self").unwrap(), "7");
    assert_eq!(fs.read_link(seven, "/proc/self/fd/3").unwrap(), "pipe:[1]");
    for path in ["/dev/fd/3", "/proc/self/fd/3"] {
        assert!(matches!(fs.open(seven, path, &OpenOptions::default()), Ok(Opened::Descriptor(3))));
        assert_eq!(fs.descriptor(seven, path), Ok(Some(3)));
        assert_eq!(fs.stat(seven, path, false).unwrap().file_type, FileType::Symlink);
    }
    assert_eq!(fs.descriptor(seven, "/dev/stdout"), Ok(Some(1)));
    assert_eq!(fs.descriptor(seven, "/etc/motd"), Ok(None));
    assert!(matches!(fs.open(seven, "/dev/urandom", &OpenOptions::default()), Ok(Opened::Device(Device::Random, _))));

    let directory = fs.open_directory(seven, "/proc/self").unwrap();
    assert_eq!(directory.path().unwrap(), "/proc/7");
    assert_eq!(names(&directory), [".", "..", "cmdline", "cwd", "fd"]);
    assert_eq!(read(At::directory(&directory, 7), "cmdline").unwrap(), "process 7");
    assert_eq!(fs.stat(At::directory(&directory, 7), "..", true).unwrap().inode, {
        let mut parent = 0;
        directory
            .read(1, |entry| {
                parent = entry.inode;
                false
            })
            .unwrap();
        parent
    });
    let write = OpenOptions { write: true, ..OpenOptions::default() };
    assert!(matches!(fs.open(seven, "/proc/7/cmdline", &write), Err(Errno::Acces)));
    assert_eq!(fs.unlink(seven, "/proc/7/cmdline"), Err(Errno::Perm));
    assert_eq!(fs.create_directory(seven, "/proc/x", 0o755), Err(Errno::Perm));
    assert_eq!(fs.create_directory(seven, "/proc/7", 0o755), Err(Errno::Exist));
    assert_eq!(fs.rename((seven, "/proc/7/cmdline"), (seven, "/tmp/x")), Err(Errno::Xdev));
    assert_eq!(fs.remove_directory(HOST, "/proc"), Err(Errno::Busy));
    assert_eq!(fs.rename((HOST, "/proc"), (HOST, "/other")), Err(Errno::Busy));
}
