//! Saving a file system and making it anew.

use std::collections::HashMap;
use std::sync::LazyLock;

use bytes::Bytes;
use stillbox_kernel::chunk::{ChunkError, ChunkId, ChunkReader, ChunkRef, ChunkWriter};
use stillbox_kernel::fs::persist::{
    BaseTree, ContentState, DirectoryState, EntryState, InodeState, LoadTreeError, NodeState, OpenDirState, TreeState,
};
use stillbox_kernel::fs::{
    Access, At, FileSystem, MountAccess, OpenOptions, Quota, Tree, TreeBuilder, open_host_directory,
};

use crate::support::{CREATE, clock, create, names};

/// Chunks in memory.
#[derive(Default)]
pub struct Chunks {
    list: Vec<(ChunkId, Bytes)>,
    known: HashMap<ChunkId, ChunkRef>,
}

impl ChunkWriter for Chunks {
    fn put(&mut self, id: ChunkId, bytes: Bytes) -> ChunkRef {
        assert_eq!(ChunkId::of(&bytes), id);
        *self.known.entry(id).or_insert_with(|| {
            self.list.push((id, bytes));
            ChunkRef(self.list.len() as u32 - 1)
        })
    }
}

impl ChunkReader for Chunks {
    fn len(&self, chunk: ChunkRef) -> Result<u32, ChunkError> {
        self.get(chunk).map(|(_, bytes)| bytes.len() as u32)
    }

    fn get(&self, chunk: ChunkRef) -> Result<(ChunkId, Bytes), ChunkError> {
        self.list.get(chunk.0 as usize).cloned().ok_or(ChunkError::Missing { index: chunk.0 })
    }
}

const IMAGE_BYTES: u64 = 1 << 20;

static IMAGE: LazyLock<Tree> = LazyLock::new(crate::support::image);

fn image() -> Tree {
    IMAGE.clone()
}

fn file_system() -> FileSystem {
    FileSystem::new(&IMAGE, Quota::default(), clock())
}

/// Saves a file system and returns it made anew: with the image at hand, or out of the checkpoint alone.
pub fn saved_and_loaded(fs: &FileSystem, image: &Tree, quota: Quota, carry_image: bool) -> FileSystem {
    let base = BaseTree::new(image.clone());
    let mut chunks = Chunks::default();
    let state = fs.tree().save(&base, carry_image, &mut chunks);
    let bases = if carry_image { vec![] } else { vec![base.clone()] };
    let (tree, loaded_base) = Tree::load(&state, &bases, IMAGE_BYTES, &chunks, &quota).unwrap();
    assert_eq!(loaded_base.digest(), base.digest());
    // Saved again, it is the same, and nothing is hashed or copied for it but what the checkpoint already has.
    let mut again = Chunks::default();
    assert_eq!(tree.save(&loaded_base, carry_image, &mut again), state);
    assert_eq!(again.list.len(), chunks.list.len());
    FileSystem::new(&tree, quota, clock())
}

fn load(state: &TreeState, chunks: &Chunks) -> Result<Tree, LoadTreeError> {
    let bases = [BaseTree::new(image())];
    Tree::load(state, &bases, IMAGE_BYTES, chunks, &Quota::default()).map(|(tree, _)| tree)
}

fn save(fs: &FileSystem, chunks: &mut Chunks) -> TreeState {
    fs.tree().save(&BaseTree::new(image()), false, chunks)
}

#[test]
fn only_what_changed_is_saved() {
    let (fs, mut chunks) = (file_system(), Chunks::default());
    let state = save(&fs, &mut chunks);
    assert_eq!((state.inodes.len(), state.removed.len(), chunks.list.len()), (0, 0, 0));

    create(&fs, "/etc/motd").write_at(0, b"W").unwrap();
    fs.unlink(At::HOST, "/usr/bin/alias").unwrap();
    let state = save(&fs, &mut chunks);
    assert_eq!((state.inodes.len(), state.removed.len(), chunks.list.len()), (2, 1, 1));
    let restored = FileSystem::new(&load(&state, &chunks).unwrap(), Quota::default(), clock());
    assert_eq!(restored.read_file("/etc/motd").unwrap(), "Welcome\n");
    assert!(restored.stat(At::HOST, "/usr/bin/alias", false).is_err());
    assert_eq!(restored.read_file("/usr/bin/tool").unwrap(), &b"\0asm"[..]);
}

#[test]
fn an_image_that_was_built_again_is_as_good() {
    let (fs, mut chunks) = (file_system(), Chunks::default());
    create(&fs, "/etc/motd").set_len(3).unwrap();
    let base = BaseTree::new(crate::support::image());
    let state = fs.tree().save(&base, false, &mut chunks);
    let (tree, _) = Tree::load(&state, &[base], 0, &chunks, &Quota::default()).unwrap();
    let restored = FileSystem::new(&tree, Quota::default(), clock());
    assert_eq!(restored.read_file("/etc/motd").unwrap(), "wel");
    assert_eq!(restored.space().bytes_used, 0);
}

#[test]
fn a_second_save_shares_the_chunks_of_the_first() {
    let (fs, mut chunks) = (file_system(), Chunks::default());
    let file = create(&fs, "/big");
    let content: Vec<u8> = (0..10 * 65_536_u32).map(|n| (n / 65_536 * 7 + n) as u8).collect();
    file.write_at(0, &content).unwrap();
    save(&fs, &mut chunks);
    let before = chunks.list.len();
    file.write_at(300_000, b"changed").unwrap();
    save(&fs, &mut chunks);
    assert_eq!(chunks.list.len(), before + 1);
}

#[test]
fn an_image_is_known_by_what_it_is() {
    let build = |time, motd: &'static [u8], mode| {
        let mut builder = TreeBuilder::new(time);
        builder.skeleton().unwrap().file("/etc/motd", motd, mode).unwrap();
        BaseTree::new(builder.finish().unwrap()).digest()
    };
    assert_eq!(build(1, b"a", 0o644), build(2, b"a", 0o644));
    assert_ne!(build(1, b"a", 0o644), build(1, b"b", 0o644));
    assert_ne!(build(1, b"a", 0o644), build(1, b"a", 0o600));
}

#[test]
fn without_the_image_nothing_is_loaded_unless_the_checkpoint_has_it() {
    let (fs, mut chunks) = (file_system(), Chunks::default());
    let base = BaseTree::new(image());
    let mut state = fs.tree().save(&base, false, &mut chunks);
    let other = [BaseTree::new(Tree::empty())];
    let load = |state: &TreeState, chunks: &Chunks, bytes_max| {
        Tree::load(state, &other, bytes_max, chunks, &Quota::default()).map(|(tree, _)| tree)
    };
    assert!(matches!(load(&state, &chunks, IMAGE_BYTES), Err(LoadTreeError::MissingBase { .. })));
    state = fs.tree().save(&base, true, &mut chunks);
    let restored = FileSystem::new(&load(&state, &chunks, IMAGE_BYTES).unwrap(), Quota::default(), clock());
    assert_eq!(restored.read_file("/etc/motd").unwrap(), "welcome\n");
    assert_eq!(restored.space().bytes_used, 0);
    assert!(matches!(load(&state, &chunks, 10), Err(LoadTreeError::Quota { .. })));
    state.base.digest = [0; 32];
    assert!(matches!(load(&state, &chunks, IMAGE_BYTES), Err(LoadTreeError::WrongBase)));
}

#[test]
fn what_is_open_stays_open() {
    let (fs, mut chunks) = (file_system(), Chunks::default());
    let host = tempfile::tempdir().unwrap();
    std::fs::write(host.path().join("note"), "of the host").unwrap();
    let mount = |fs: &FileSystem| {
        let directory = open_host_directory(host.path()).unwrap();
        fs.mount_host("/mnt/host", directory, MountAccess::ReadOnly).unwrap();
    };
    mount(&fs);
    let gone = create(&fs, "/tmp/gone");
    gone.write_at(0, b"still here").unwrap();
    fs.unlink(At::HOST, "/tmp/gone").unwrap();
    fs.create_directory(At::HOST, "/tmp/dir", 0o755).unwrap();
    let removed = fs.open_directory(At::HOST, "/tmp/dir").unwrap();
    fs.remove_directory(At::HOST, "/tmp/dir").unwrap();
    let note = fs.open_file(At::HOST, "/mnt/host/note", &OpenOptions::default()).unwrap();
    let mounted = fs.open_directory(At::root(7), "/mnt/host").unwrap();

    let files = [gone.save(&mut chunks).unwrap(), note.save(&mut chunks).unwrap()];
    let directories = [removed.save(), mounted.save()];
    assert_eq!(directories[1], OpenDirState::Mount { path: "/mnt/host".into(), caller: 7 });
    let state = save(&fs, &mut chunks);
    let restored = FileSystem::new(&load(&state, &chunks).unwrap(), Quota::default(), clock());
    assert!(restored.load_file(&files[1], &chunks).is_err(), "the mount is not there");
    mount(&restored);
    let [gone, note] = files.each_ref().map(|file| restored.load_file(file, &chunks).unwrap());
    let [removed, mounted] = directories.each_ref().map(|directory| restored.load_directory(directory).unwrap());
    restored.collect_orphans();
    assert_eq!(gone.contents().unwrap(), "still here");
    assert_eq!(gone.access(), Access { read: true, write: true });
    assert_eq!(gone.stat().unwrap().links, 0);
    assert_eq!(note.contents().unwrap(), "of the host");
    assert!(removed.path().is_err());
    assert_eq!(names(&mounted), [".", "..", "note"]);
    let used = restored.space().inodes_used;
    drop((gone, removed));
    assert_eq!(restored.space().inodes_used, used - 2);
}

#[test]
fn a_mounted_file_that_has_moved_is_not_savable() {
    let fs = file_system();
    let host = tempfile::tempdir().unwrap();
    std::fs::write(host.path().join("a"), "1").unwrap();
    fs.mount_host("/mnt", open_host_directory(host.path()).unwrap(), MountAccess::ReadOnly).unwrap();
    let file = fs.open_file(At::HOST, "/mnt/a", &OpenOptions::default()).unwrap();
    std::fs::rename(host.path().join("a"), host.path().join("b")).unwrap();
    assert_eq!(file.save(&mut Chunks::default()).unwrap_err().what, "/mnt/a");
    std::fs::write(host.path().join("a"), "2").unwrap();
    assert!(file.save(&mut Chunks::default()).is_err());
}

#[test]
fn a_sparse_file_stays_sparse() {
    let (fs, mut chunks) = (file_system(), Chunks::default());
    let file = create(&fs, "/sparse");
    file.set_len(1 << 40).unwrap();
    file.write_at(1 << 39, b"middle").unwrap();
    let state = save(&fs, &mut chunks);
    assert_eq!(chunks.list.len(), 1);
    let restored = FileSystem::new(&load(&state, &chunks).unwrap(), Quota::default(), clock());
    let file = restored.open_file(At::HOST, "/sparse", &OpenOptions { write: true, ..CREATE }).unwrap();
    assert_eq!((file.size().unwrap(), restored.space().bytes_used), (1 << 40, fs.space().bytes_used));
    let mut buffer = [1; 8];
    file.read_at((1 << 39) - 1, &mut buffer).unwrap();
    assert_eq!(&buffer, b"\0middle\0");
}

/// Changes a saved tree, and returns what loading it says.
fn tampered(change: impl FnOnce(&mut TreeState)) -> String {
    let (fs, mut chunks) = (file_system(), Chunks::default());
    fs.create_directories("/d/e").unwrap();
    create(&fs, "/d/f").write_at(0, b"content").unwrap();
    fs.link((At::HOST, "/d/f"), false, (At::HOST, "/d/e/g")).unwrap();
    let mut state = save(&fs, &mut chunks);
    assert!(load(&state, &chunks).is_ok());
    change(&mut state);
    load(&state, &chunks).map(drop).expect_err("a tree that can't be is refused").to_string()
}

fn directory(state: &mut TreeState, name: &str) -> (usize, u64) {
    let holds = |inode: &InodeState| match &inode.node {
        NodeState::Directory(directory) => directory.entries.iter().find(|entry| entry.name == name).map(|e| e.inode),
        _ => None,
    };
    let id = state.inodes.iter().find_map(holds).unwrap();
    (state.inodes.iter().position(|inode| inode.id == id).unwrap(), id)
}

fn entries(state: &mut TreeState, name: &str) -> (u64, DirectoryState) {
    let (at, id) = directory(state, name);
    match &state.inodes[at].node {
        NodeState::Directory(directory) => (id, directory.clone()),
        _ => panic!("{name} is a directory"),
    }
}

fn set_entries(state: &mut TreeState, name: &str, new: DirectoryState) {
    let (at, _) = directory(state, name);
    state.inodes[at].node = NodeState::Directory(new);
}

#[test]
fn trees_that_cannot_be_are_refused() {
    // A directory that holds the one that it is in: a cycle.
    let cycle = tampered(|state| {
        let (d, _) = entries(state, "d");
        let (_, mut e) = entries(state, "e");
        e.entries.push(EntryState { id: e.next_entry, name: "up".into(), inode: d });
        e.next_entry += 1;
        set_entries(state, "e", e);
    });
    assert!(cycle.contains("two names"), "{cycle}");
    // Two directories that hold each other, and that nothing else holds.
    let island = tampered(|state| {
        let next = state.next_inode;
        let mut push = |id, other| {
            let entry = EntryState { id: 2, name: "x".into(), inode: other };
            let node = NodeState::Directory(DirectoryState { parent: other, next_entry: 3, entries: vec![entry] });
            let (mode, links) = (0o755, 1);
            state.inodes.push(InodeState { id, mode, links, accessed_ns: 0, modified_ns: 0, changed_ns: 0, node });
        };
        push(next, next + 1);
        push(next + 1, next);
        state.next_inode += 2;
    });
    assert!(island.contains("as many names as it says"), "{island}");
    let dangling = tampered(|state| {
        let (_, mut e) = entries(state, "e");
        e.entries[0].inode = 1 << 40;
        set_entries(state, "e", e);
    });
    assert!(dangling.contains("not there"), "{dangling}");
    for links in [0, 1, 3, 70_000, u32::MAX] {
        let wrong = tampered(|state| state.inodes.iter_mut().filter(|i| i.links == 2).for_each(|i| i.links = links));
        assert!(wrong.contains("names"), "{wrong}");
    }
    for name in ["", ".", "..", "a/b", "a\0b", &"x".repeat(256)] {
        let bad = tampered(|state| {
            let (_, mut e) = entries(state, "e");
            e.entries[0].name = name.into();
            set_entries(state, "e", e);
        });
        assert!(bad.contains("name is none"), "{bad}");
    }
    let file = |change: fn(&mut ContentState)| {
        tampered(move |state| {
            let mut files = state.inodes.iter_mut().filter_map(|inode| match &mut inode.node {
                NodeState::File(content) => Some(content),
                _ => None,
            });
            change(files.next().unwrap());
        })
    };
    file(|content| content.len = u64::MAX);
    file(|content| content.len = 3);
    file(|content| content.base_len = 1);
    file(|content| content.chunks[0].0 = u64::MAX);
    file(|content| content.chunks[0].1 = ChunkRef(99));
    file(|content| content.chunks.push(content.chunks[0]));
    tampered(|state| state.next_inode = u64::MAX);
    tampered(|state| state.next_inode = 2);
    tampered(|state| state.removed = vec![1]);
    tampered(|state| state.removed = vec![5, 5]);
    tampered(|state| state.inodes.reverse());
    tampered(|state| state.inodes.push(state.inodes[0].clone()));
    tampered(|state| state.inodes[0].mode = 0o10_000);
    tampered(|state| {
        let (at, _) = directory(state, "e");
        state.inodes[at].node = NodeState::Symlink("/".into());
    });
    tampered(|state| state.inodes[0].node = NodeState::Symlink("root".into()));
}

#[test]
fn more_than_the_quota_is_refused() {
    let (fs, mut chunks) = (file_system(), Chunks::default());
    create(&fs, "/a").write_at(0, &[1; 1000]).unwrap();
    let state = save(&fs, &mut chunks);
    let bases = [BaseTree::new(image())];
    let with = |quota| Tree::load(&state, &bases, 0, &chunks, &quota).map(drop);
    let quota = Quota { bytes: 1000, inodes: 1, file_bytes: 1000, ..Quota::default() };
    assert!(with(quota).is_ok());
    assert!(matches!(with(Quota { bytes: 999, ..quota }), Err(LoadTreeError::Quota { .. })));
    assert!(matches!(with(Quota { inodes: 0, ..quota }), Err(LoadTreeError::Quota { .. })));
    assert!(matches!(with(Quota { file_bytes: 999, ..quota }), Err(LoadTreeError::Quota { .. })));
}

#[test]
fn many_bytes_out_of_one_chunk_are_refused_before_they_are_read() {
    let (fs, mut chunks) = (file_system(), Chunks::default());
    create(&fs, "/a").write_at(0, &[1; 65_536]).unwrap();
    let mut state = save(&fs, &mut chunks);
    let Some(NodeState::File(content)) = state.inodes.last_mut().map(|inode| &mut inode.node) else { panic!() };
    content.len = 1 << 40;
    content.chunks = (0..1 << 15).map(|at| (at, ChunkRef(0))).collect();
    assert!(matches!(load(&state, &chunks), Err(LoadTreeError::Quota { limit: "bytes" })));
}
