//! Host directories in the sandbox.

#![cfg(unix)]

use std::os::unix::fs::{PermissionsExt, symlink};

use stillbox_kernel::Errno;
use stillbox_kernel::fs::{At, FileSystem, FileType, MountAccess, OpenOptions, SetTime, open_host_directory};
use tempfile::TempDir;

use crate::support::{CREATE, clock, create, file_system, names};

const HOST: At<'static> = At::HOST;

/// A host directory `outer/inside` that is mounted at `/mnt/host`, with something next to it that must stay out of reach.
fn mounted(access: MountAccess) -> (TempDir, FileSystem) {
    let outer = tempfile::tempdir().unwrap();
    std::fs::write(outer.path().join("secret"), "secret").unwrap();
    let inside = outer.path().join("inside");
    std::fs::create_dir_all(inside.join("sub/deep")).unwrap();
    std::fs::write(inside.join("file"), "from the host").unwrap();
    symlink("sub/deep", inside.join("link")).unwrap();
    symlink("../secret", inside.join("escape")).unwrap();
    symlink(outer.path().join("secret"), inside.join("absolute")).unwrap();
    symlink("/etc/motd", inside.join("motd")).unwrap();
    let fs = file_system();
    fs.mount_host("/mnt/host", open_host_directory(&inside).unwrap(), access).unwrap();
    (outer, fs)
}

#[test]
fn a_mount_is_read_and_not_written_by_default() {
    let (_outer, fs) = mounted(MountAccess::default());
    assert_eq!(fs.read_file("/mnt/host/file").unwrap(), "from the host");
    assert_eq!(fs.read_file("/mnt/host/sub/../file").unwrap(), "from the host");
    assert_eq!(fs.read_file("/mnt/host/link/../../file").unwrap(), "from the host");
    assert_eq!(fs.read_file("/mnt/host/../../etc/motd").unwrap(), "welcome\n");
    assert_eq!(fs.stat(HOST, "/mnt/host/link", false).unwrap().file_type, FileType::Symlink);
    assert_eq!(fs.stat(HOST, "/mnt/host/link", true).unwrap().file_type, FileType::Directory);
    assert_eq!(fs.stat(HOST, "/mnt/host/file/x", true).unwrap_err(), Errno::Notdir);
    assert_eq!(fs.stat(HOST, "/mnt/host/none", true).unwrap_err(), Errno::Noent);
    assert_eq!(fs.read_link(HOST, "/mnt/host/link").unwrap(), "sub/deep");
    let directory = fs.open_directory(HOST, "/mnt/host").unwrap();
    assert_eq!(names(&directory), [".", "..", "absolute", "escape", "file", "link", "motd", "sub"]);
    assert_eq!(fs.open_directory(At::directory(&directory, 1), "link").unwrap().path().unwrap(), "/mnt/host/sub/deep");
    directory
        .read(0, |entry| {
            let stat = fs.stat(At::directory(&directory, 1), entry.name, false).unwrap();
            assert_eq!((stat.inode, stat.file_type), (entry.inode, entry.file_type), "{}", entry.name);
            true
        })
        .unwrap();

    let file = fs.open_file(HOST, "/mnt/host/file", &OpenOptions::default()).unwrap();
    let mut buffer = [0; 4];
    assert_eq!(file.read_at(9, &mut buffer), Ok(4));
    assert_eq!(&buffer, b"host");
    assert_eq!(file.read_at(11, &mut buffer), Ok(2));
    assert_eq!(file.set_times(SetTime::Now, SetTime::Now), Err(Errno::Rofs));

    let at = |path: &'static str| (HOST, path);
    let write = OpenOptions { write: true, ..OpenOptions::default() };
    assert_eq!(fs.open(HOST, "/mnt/host/file", &write).map(drop), Err(Errno::Rofs));
    assert_eq!(fs.open(HOST, "/mnt/host/new", &CREATE).map(drop), Err(Errno::Rofs));
    assert_eq!(fs.create_directory(HOST, "/mnt/host/new", 0o755), Err(Errno::Rofs));
    assert_eq!(fs.create_directory(HOST, "/mnt/host/sub", 0o755), Err(Errno::Exist));
    assert_eq!(fs.unlink(HOST, "/mnt/host/file"), Err(Errno::Rofs));
    assert_eq!(fs.remove_directory(HOST, "/mnt/host/sub/deep"), Err(Errno::Rofs));
    assert_eq!(fs.rename(at("/mnt/host/file"), at("/mnt/host/g")), Err(Errno::Rofs));
    assert_eq!(fs.link(at("/mnt/host/file"), true, at("/mnt/host/g")), Err(Errno::Rofs));
    assert_eq!(fs.symlink("x", HOST, "/mnt/host/g"), Err(Errno::Rofs));
    assert_eq!(fs.set_mode(HOST, "/mnt/host/file", true, 0o777), Err(Errno::Rofs));
    assert_eq!(fs.set_times(HOST, "/mnt/host/file", true, SetTime::Now, SetTime::Now), Err(Errno::Rofs));
    assert_eq!(fs.write_file("/mnt/host/file", "x".into()), Err(Errno::Rofs));
    assert_eq!(fs.write_file("/mnt/host/a/b/c", "x".into()), Err(Errno::Rofs));
}

#[test]
fn nothing_leads_out_of_a_mount() {
    let (outer, fs) = mounted(MountAccess::ReadWrite);
    // A link means what it means in the sandbox.
    assert_eq!(fs.read_file("/mnt/host/escape"), Err(Errno::Noent));
    assert_eq!(fs.read_file("/mnt/host/absolute"), Err(Errno::Noent));
    assert_eq!(fs.read_file("/mnt/host/motd").unwrap(), "welcome\n");
    create(&fs, "/mnt/secret").write_at(0, b"the sandbox's").unwrap();
    assert_eq!(fs.read_file("/mnt/host/escape").unwrap(), "the sandbox's");
    assert_eq!(fs.read_file("/mnt/host/../../../../secret"), Err(Errno::Noent));
    assert!(fs.symlink(&outer.path().join("secret").display().to_string(), HOST, "/mnt/host/made").is_err());
    assert_eq!(std::fs::read_to_string(outer.path().join("secret")).unwrap(), "secret");
}

#[test]
fn a_writable_mount_changes_the_host() {
    let (outer, fs) = mounted(MountAccess::ReadWrite);
    let inside = outer.path().join("inside");
    let at = |path: &'static str| (HOST, path);
    let file = fs.open_file(HOST, "/mnt/host/sub/new", &OpenOptions { mode: 0o640, ..CREATE }).unwrap();
    assert_eq!(file.write_at(0, b"hello"), Ok(5));
    assert_eq!(file.append(b" world"), Ok((5, 6)));
    assert_eq!(std::fs::read_to_string(inside.join("sub/new")).unwrap(), "hello world");
    let id = file.content_id().unwrap();
    assert_eq!(file.content_id().unwrap(), id);
    file.set_len(4).unwrap();
    assert_ne!(file.content_id().unwrap(), id);
    assert_eq!(file.contents().unwrap(), "hell");
    file.set_times(SetTime::Keep, SetTime::At(5_000_000_000)).unwrap();
    assert_eq!(fs.stat(HOST, "/mnt/host/sub/new", true).unwrap().modified_ns, 5_000_000_000);
    fs.set_times(HOST, "/mnt/host/sub/new", true, SetTime::Keep, SetTime::At(6_000_000_000)).unwrap();
    assert_eq!(file.stat().unwrap().modified_ns, 6_000_000_000);
    fs.set_mode(HOST, "/mnt/host/sub/new", true, 0o4755).unwrap();
    assert_eq!(std::fs::metadata(inside.join("sub/new")).unwrap().permissions().mode() & 0o7777, 0o755);

    fs.rename(at("/mnt/host/sub/new"), at("/mnt/host/moved")).unwrap();
    fs.link(at("/mnt/host/moved"), true, at("/mnt/host/linked")).unwrap();
    assert_eq!(file.stat().unwrap().links, 2);
    fs.unlink(HOST, "/mnt/host/moved").unwrap();
    fs.create_directory(HOST, "/mnt/host/made", 0o700).unwrap();
    fs.symlink("../linked", HOST, "/mnt/host/made/link").unwrap();
    assert_eq!(fs.read_file("/mnt/host/made/link").unwrap(), "hell");
    assert_eq!(fs.remove_directory(HOST, "/mnt/host/made"), Err(Errno::Notempty));
    fs.unlink(HOST, "/mnt/host/made/link").unwrap();
    fs.remove_directory(HOST, "/mnt/host/made").unwrap();
    assert_eq!(fs.unlink(HOST, "/mnt/host/sub"), Err(Errno::Isdir));
    assert_eq!(fs.remove_directory(HOST, "/mnt/host/linked"), Err(Errno::Notdir));
    fs.write_file("/mnt/host/x/y/z", "written".into()).unwrap();
    assert_eq!(std::fs::read_to_string(inside.join("x/y/z")).unwrap(), "written");

    // Between file systems there is neither renaming nor linking.
    create(&fs, "/tmp/a");
    assert_eq!(fs.rename(at("/tmp/a"), at("/mnt/host/a")), Err(Errno::Xdev));
    assert_eq!(fs.rename(at("/mnt/host/linked"), at("/tmp/b")), Err(Errno::Xdev));
    assert_eq!(fs.link(at("/tmp/a"), true, at("/mnt/host/a")), Err(Errno::Xdev));
    assert_eq!(fs.space().bytes_used, 0, "what is on the host is not on the sandbox's account");
}

#[test]
fn mount_points_stay_and_branches_keep_the_hosts_mounts() {
    let (_outer, fs) = mounted(MountAccess::ReadOnly);
    assert_eq!(fs.remove_directory(HOST, "/mnt/host"), Err(Errno::Busy));
    assert_eq!(fs.rename((HOST, "/mnt/host"), (HOST, "/mnt/other")), Err(Errno::Busy));
    let directory = fs.open_directory(HOST, "/mnt/host/sub").unwrap();
    assert_eq!(fs.open_directory(At::directory(&directory, 1), "../..").unwrap().path().unwrap(), "/mnt");
    let branch = fs.branch(clock());
    assert_eq!(branch.read_file("/mnt/host/file").unwrap(), "from the host");
    assert_eq!(branch.mounts(), [("/mnt/host".to_owned(), true)]);
    let again = open_host_directory(std::path::Path::new("/")).unwrap();
    assert_eq!(fs.mount_host("/", again, MountAccess::ReadOnly), Err(Errno::Inval));
}

#[test]
fn a_pipe_of_the_host_is_not_opened() {
    let (outer, fs) = mounted(MountAccess::ReadOnly);
    let listener = std::os::unix::net::UnixListener::bind(outer.path().join("inside/socket")).unwrap();
    assert_eq!(fs.open(HOST, "/mnt/host/socket", &OpenOptions::default()).map(drop), Err(Errno::Nxio));
    drop(listener);
}
