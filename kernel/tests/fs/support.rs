//! What the tests share.

use std::time::Duration;

use stillbox_kernel::clock::{Clock, Script};
use stillbox_kernel::fs::{At, FileSystem, OpenDir, OpenFile, OpenOptions, Quota, Tree, TreeBuilder};

/// Returns a clock that moves by 1 ns with each reading.
pub fn clock() -> Clock {
    Clock::scripted(Script::new(1_000_000_000, 1).with_step(Duration::from_nanos(1)))
}

pub fn image() -> Tree {
    let mut builder = TreeBuilder::new(1);
    builder.skeleton().unwrap();
    builder.file("/etc/motd", &b"welcome\n"[..], 0o644).unwrap();
    builder.file("/usr/bin/tool", &b"\0asm"[..], 0o755).unwrap();
    builder.symlink("/usr/bin/alias", "tool").unwrap();
    builder.finish().unwrap()
}

pub fn file_system() -> FileSystem {
    FileSystem::new(&image(), Quota::default(), clock())
}

/// Open for reading and writing, made if it is not there.
pub const CREATE: OpenOptions = OpenOptions {
    read: true,
    write: true,
    create: true,
    exclusive: false,
    truncate: false,
    directory: false,
    follow: true,
    mode: 0o644,
};

pub fn create(fs: &FileSystem, path: &str) -> OpenFile {
    fs.open_file(At::HOST, path, &CREATE).unwrap()
}

pub fn names(directory: &OpenDir) -> Vec<String> {
    let mut names = Vec::new();
    directory
        .read(0, |entry| {
            names.push(entry.name.to_owned());
            true
        })
        .unwrap();
    names
}
