//! Files and handles.

use bytes::Bytes;
use stillbox_kernel::Errno;
use stillbox_kernel::fs::{At, OpenOptions, Opened, Quota, SetTime};

use crate::support::{CREATE, clock, create, file_system, image, names};

const HOST: At<'static> = At::HOST;

#[test]
fn what_is_written_is_read_and_outlives_the_name() {
    let fs = file_system();
    let file = create(&fs, "/tmp/a");
    assert_eq!(file.write_at(3, b"hello").unwrap(), 5);
    assert_eq!(file.append(b"!").unwrap(), (8, 1));
    let mut buffer = [1; 20];
    assert_eq!(file.read_at(0, &mut buffer).unwrap(), 9);
    assert_eq!(&buffer[..9], b"\0\0\0hello!");

    fs.unlink(HOST, "/tmp/a").unwrap();
    assert_eq!(fs.stat(HOST, "/tmp/a", true).unwrap_err(), Errno::Noent);
    assert_eq!(file.stat().unwrap().links, 0);
    assert_eq!(file.read_at(3, &mut buffer).unwrap(), 6);
    assert_eq!((fs.space().bytes_used, fs.space().inodes_used), (9, 1), "an open file still counts");
    drop(file);
    assert_eq!((fs.space().bytes_used, fs.space().inodes_used), (0, 0));
}

#[test]
fn the_image_is_shared_and_costs_nothing_until_it_is_changed() {
    let image = image();
    let fs = stillbox_kernel::fs::FileSystem::new(&image, Quota::default(), clock());
    let other = stillbox_kernel::fs::FileSystem::new(&image, Quota::default(), clock());
    assert_eq!((fs.space().bytes_used, fs.space().inodes_used), (0, 0));
    let (first, second) = (fs.read_file("/etc/motd").unwrap(), other.read_file("/etc/motd").unwrap());
    assert_eq!(first.as_ptr(), second.as_ptr(), "no copy of a file of the image");
    let id = |fs: &stillbox_kernel::fs::FileSystem| {
        fs.open_file(HOST, "/usr/bin/alias", &OpenOptions::default()).unwrap().content_id().unwrap()
    };
    assert_eq!(id(&fs), id(&other));
    let tool = fs.open_file(HOST, "/usr/bin/tool", &OpenOptions::default()).unwrap();
    assert_eq!(tool.identified_contents(), Ok((id(&fs), Bytes::from_static(b"\0asm"))));

    create(&fs, "/etc/motd").append(b"more").unwrap();
    assert_eq!(fs.read_file("/etc/motd").unwrap(), "welcome\nmore");
    assert_eq!(other.read_file("/etc/motd").unwrap(), "welcome\n");
    assert_eq!(fs.space().bytes_used, 12);
    fs.unlink(HOST, "/usr/bin/tool").unwrap();
    assert_eq!(other.read_file("/usr/bin/tool").unwrap(), &b"\0asm"[..]);
    assert_eq!(fs.space().inodes_used, 0, "removing what the image has earns nothing");
}

#[test]
fn open_says_what_open_2_says() {
    let fs = file_system();
    let open = |path: &str, options: OpenOptions| fs.open(HOST, path, &options).map(drop);
    let read = OpenOptions::default();
    let exclusive = OpenOptions { exclusive: true, ..CREATE };
    assert_eq!(open("/tmp/none", read), Err(Errno::Noent));
    assert_eq!(open("/tmp/none/", CREATE), Err(Errno::Isdir));
    assert_eq!(open("/tmp", CREATE), Err(Errno::Isdir));
    assert_eq!(open("/tmp", OpenOptions { write: true, ..read }), Err(Errno::Isdir));
    assert_eq!(open("/etc/motd/", read), Err(Errno::Notdir));
    assert_eq!(open("/etc/motd/x", read), Err(Errno::Notdir));
    assert_eq!(open("/etc/motd", OpenOptions { directory: true, ..read }), Err(Errno::Notdir));
    assert_eq!(open("/etc/motd", exclusive), Err(Errno::Exist));
    assert_eq!(open("/usr/bin/alias", OpenOptions { follow: false, ..read }), Err(Errno::Loop));
    assert_eq!(open("/usr/bin/alias", exclusive), Err(Errno::Exist));
    assert_eq!(open("", read), Err(Errno::Noent));
    assert_eq!(open("/tmp/a\0b", CREATE), Err(Errno::Inval));
    assert_eq!(open(&format!("/tmp/{}", "x".repeat(256)), CREATE), Err(Errno::Nametoolong));
    assert_eq!(open(&"/".repeat(5000), read), Err(Errno::Nametoolong));
    assert_eq!(open(&format!("/tmp/{}", "x".repeat(255)), exclusive), Ok(()));
    assert!(matches!(fs.open(HOST, "/dev/null", &CREATE), Ok(Opened::Device(..))));

    // A dangling symlink is created through, but not with O_EXCL.
    fs.symlink("../tmp/goal", HOST, "/etc/dangling").unwrap();
    assert_eq!(open("/etc/dangling", exclusive), Err(Errno::Exist));
    assert_eq!(open("/etc/dangling", CREATE), Ok(()));
    assert!(fs.stat(HOST, "/tmp/goal", false).is_ok());

    let only_read = fs.open_file(HOST, "/tmp/goal", &read).unwrap();
    assert_eq!(only_read.write_at(0, b"x"), Err(Errno::Badf));
    assert_eq!(only_read.set_len(0), Err(Errno::Inval));
    let only_write = fs.open_file(HOST, "/tmp/goal", &OpenOptions { read: false, ..CREATE }).unwrap();
    assert_eq!(only_write.read_at(0, &mut [0]), Err(Errno::Badf));
}

#[test]
fn past_the_bounds_a_write_is_short_and_then_fails() {
    let quota = Quota { bytes: 100, inodes: 3, file_bytes: 200, path_bytes: 64 };
    let fs = stillbox_kernel::fs::FileSystem::new(&image(), quota, clock());
    let file = create(&fs, "/tmp/a");
    assert_eq!(file.write_at(0, &[1; 150]), Ok(100));
    assert_eq!(file.write_at(100, &[1; 1]), Err(Errno::Nospc));
    assert_eq!(file.write_at(0, &[2; 100]), Ok(100));
    assert_eq!(fs.symlink("x", HOST, "/tmp/s"), Err(Errno::Nospc));
    file.set_len(0).unwrap();
    file.set_len(200).unwrap();
    assert_eq!(file.set_len(201), Err(Errno::Fbig));
    assert_eq!(file.write_at(200, b"x"), Err(Errno::Fbig));
    assert_eq!(file.write_at(u64::MAX, b"x"), Err(Errno::Fbig));
    assert_eq!(file.allocate(u64::MAX, 1), Err(Errno::Fbig));
    assert_eq!(fs.write_file("/tmp/b", Bytes::from(vec![0; 101])), Err(Errno::Nospc));
    assert!(fs.stat(HOST, "/tmp/b", true).is_err(), "what does not fit leaves nothing behind");

    fs.create_directory(HOST, "/tmp/d", 0o755).unwrap();
    fs.link((HOST, "/tmp/a"), true, (HOST, "/tmp/l")).unwrap();
    assert_eq!(fs.link((HOST, "/tmp/a"), true, (HOST, "/tmp/m")), Err(Errno::Nospc));
    assert_eq!(fs.create_directory(HOST, "/tmp/e", 0o755), Err(Errno::Nospc));
    fs.unlink(HOST, "/tmp/l").unwrap();
    assert_eq!(fs.create_directory(HOST, "/tmp/e", 0o755), Ok(()));
    assert_eq!(fs.stat(HOST, &"a/".repeat(32), true), Err(Errno::Nametoolong));
}

/// A byte here and there costs the host much more than a byte.
#[test]
fn a_file_is_not_in_more_pieces_than_its_bytes_can_pay_for() {
    let quota = Quota { bytes: 100 << 10, inodes: 10, ..Quota::default() };
    let fs = stillbox_kernel::fs::FileSystem::new(&image(), quota, clock());
    let file = create(&fs, "/tmp/sparse");
    let far = |piece: u64| piece << 16;
    let pieces = (0..1_000).take_while(|&piece| file.write_at(far(piece), b"x") == Ok(1)).count();
    assert_eq!(pieces, 110);
    assert_eq!(file.write_at(far(110), b"x"), Err(Errno::Nospc));
    assert_eq!(file.write_at(far(3), b"y"), Ok(1), "what is there can be written to");
    file.set_len(far(100)).unwrap();
    assert_eq!(file.write_at(far(110), b"x"), Ok(1));
}

#[test]
fn a_path_deeper_than_paths_can_say_has_none() {
    let fs = file_system();
    let mut dir = fs.open_directory(HOST, "/tmp").unwrap();
    for _ in 0..50 {
        let name = "d".repeat(100);
        fs.create_directory(At::directory(&dir, 0), &name, 0o755).unwrap();
        dir = fs.open_directory(At::directory(&dir, 0), &name).unwrap();
    }
    assert_eq!(dir.path(), Err(Errno::Nametoolong));
    assert_eq!(
        fs.open_directory(At::directory(&dir, 0), &"../".repeat(45)).unwrap().path().unwrap().len(),
        4 + 5 * 101
    );
}

#[test]
fn times_and_modes_are_kept() {
    let fs = file_system();
    let file = create(&fs, "/tmp/a");
    let made = file.stat().unwrap();
    assert_eq!((made.accessed_ns, made.changed_ns), (made.modified_ns, made.modified_ns));
    file.write_at(0, b"x").unwrap();
    let written = file.stat().unwrap();
    assert!(written.modified_ns > made.modified_ns && written.changed_ns == written.modified_ns);
    assert_eq!(written.accessed_ns, made.accessed_ns);
    file.set_times(SetTime::At(5), SetTime::Keep).unwrap();
    let set = file.stat().unwrap();
    assert_eq!((set.accessed_ns, set.modified_ns), (5, written.modified_ns));
    assert!(set.changed_ns > written.changed_ns);
    fs.set_times(HOST, "/tmp/a", true, SetTime::Keep, SetTime::Now).unwrap();
    assert!(file.stat().unwrap().modified_ns > set.changed_ns);
    assert!(!file.stat().unwrap().is_executable());
    fs.set_mode(HOST, "/tmp/a", true, 0o100_755).unwrap();
    assert_eq!(file.stat().unwrap().st_mode(), 0o100_755);
    assert!(file.stat().unwrap().is_executable());
    let before = fs.stat(HOST, "/tmp", true).unwrap().modified_ns;
    fs.rename((HOST, "/tmp/a"), (HOST, "/tmp/b")).unwrap();
    assert!(fs.stat(HOST, "/tmp", true).unwrap().modified_ns > before);
}

#[test]
fn the_hosts_view_makes_parents_and_lists_directories_first() {
    let fs = file_system();
    fs.write_file("/data/deep/b.txt", Bytes::from_static(b"12345")).unwrap();
    fs.write_file("/data/deep/b.txt", Bytes::from_static(b"123")).unwrap();
    fs.write_file("/data/deep/a.txt", Bytes::new()).unwrap();
    fs.create_directories("/data/deep/z/y").unwrap();
    fs.symlink("z", HOST, "/data/deep/link").unwrap();
    fs.symlink("nowhere", HOST, "/data/deep/dangling").unwrap();
    let listed = fs.list_directory("/data/deep").unwrap();
    let brief: Vec<(&str, bool, u64)> = listed.iter().map(|file| (&*file.name, file.is_dir, file.size)).collect();
    assert_eq!(
        brief,
        [("link", true, 4096), ("z", true, 4096), ("a.txt", false, 0), ("b.txt", false, 3), ("dangling", false, 7)]
    );
    assert_eq!(listed[3].modified_ms, 1_000);
    assert_eq!(fs.read_file("/data/deep/b.txt").unwrap(), "123");
    assert_eq!(fs.read_file("/data/deep"), Err(Errno::Isdir));
    assert_eq!(fs.write_file("/data/deep", Bytes::new()), Err(Errno::Isdir));
    assert_eq!(fs.write_file("/etc/motd/x", Bytes::new()), Err(Errno::Notdir));
    assert_eq!(fs.list_directory("/etc/motd"), Err(Errno::Notdir));
    fs.delete_file("/data/deep/a.txt").unwrap();
    assert_eq!(fs.delete_file("/data/deep/a.txt"), Err(Errno::Noent));
    assert_eq!(fs.delete_file("/data/deep/z"), Err(Errno::Isdir));
}

#[test]
fn a_branch_never_sees_the_other_and_takes_its_open_files_along() {
    let fs = file_system();
    let file = create(&fs, "/tmp/a");
    file.write_at(0, b"one").unwrap();
    fs.unlink(HOST, "/tmp/a").unwrap();
    let lost = create(&fs, "/tmp/lost");
    lost.write_at(0, &[1; 50]).unwrap();
    fs.unlink(HOST, "/tmp/lost").unwrap();

    let branch = fs.branch(clock());
    let twin = branch.reopen_file(file.inode().unwrap(), file.access()).unwrap();
    branch.collect_orphans();
    assert_eq!((branch.space().bytes_used, fs.space().bytes_used), (3, 53));
    assert_eq!(branch.reopen_file(lost.inode().unwrap(), lost.access()).map(drop), Err(Errno::Stale));
    twin.write_at(0, b"two").unwrap();
    create(&branch, "/tmp/only-there");
    let mut buffer = [0; 3];
    file.read_at(0, &mut buffer).unwrap();
    assert_eq!(&buffer, b"one");
    twin.read_at(0, &mut buffer).unwrap();
    assert_eq!(&buffer, b"two");
    assert_eq!(names(&fs.open_directory(HOST, "/tmp").unwrap()), [".", ".."]);
    drop(twin);
    assert_eq!(branch.space().bytes_used, 0);
    let foreign = fs.open_directory(HOST, "/tmp").unwrap();
    assert_eq!(branch.stat(At::directory(&foreign, 0), "x", true), Err(Errno::Badf));
}
