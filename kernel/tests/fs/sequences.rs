//! Random sequences of operations, on branches that must not see each other, against the model.

use proptest::prelude::*;
use stillbox_kernel::Errno;
use stillbox_kernel::fs::{At, FileSystem, FileType, OpenFile, OpenOptions, Quota, Tree, TreeBuilder};

use crate::model::{Id, Model, Node};
use crate::persist::{Chunks, saved_and_loaded};
use crate::support::{CREATE, clock};

const QUOTA: Quota = Quota { bytes: 600_000, inodes: 20, file_bytes: 1 << 20, path_bytes: 4096 };
const HANDLES: usize = 3;

#[derive(Clone, Debug)]
enum Op {
    Open { path: String, truncate: bool, handle: usize },
    Close { handle: usize },
    Write { handle: usize, offset: usize, len: usize, byte: u8 },
    Append { handle: usize, len: usize, byte: u8 },
    Read { handle: usize, offset: usize, len: usize },
    SetLen { handle: usize, len: usize },
    Allocate { handle: usize, offset: usize, len: usize },
    Put { path: String, len: usize, byte: u8 },
    MakeDirectory { path: String },
    RemoveDirectory { path: String },
    Symlink { path: String, target: String },
    Link { from: String, to: String },
    Unlink { path: String },
    Rename { from: String, to: String },
    Look { path: String, follow: bool },
    Branch,
    SaveAndLoad { carry_image: bool },
}

fn path() -> impl Strategy<Value = String> {
    let name = prop_oneof![5 => Just("a"), 5 => Just("b"), 3 => Just("c"), 1 => Just(".."), 1 => Just(".")];
    prop::collection::vec(name, 1..4).prop_map(|names| format!("/{}", names.join("/")))
}

fn plain_path() -> impl Strategy<Value = String> {
    prop::collection::vec(prop_oneof![Just("a"), Just("b"), Just("c")], 1..4)
        .prop_map(|names| format!("/{}", names.join("/")))
}

/// Positions around the edges of chunks.
fn position() -> impl Strategy<Value = usize> {
    prop_oneof![Just(0), Just(1), 0usize..300, 65_500usize..65_600, Just(65_536), 130_000usize..140_000]
}

fn op() -> impl Strategy<Value = Op> {
    let handle = || 0..HANDLES;
    prop_oneof![
        5 => (path(), any::<bool>(), handle()).prop_map(|(path, truncate, handle)| Op::Open { path, truncate, handle }),
        2 => handle().prop_map(|handle| Op::Close { handle }),
        5 => (handle(), position(), position(), any::<u8>())
            .prop_map(|(handle, offset, len, byte)| Op::Write { handle, offset, len, byte }),
        3 => (handle(), position(), any::<u8>()).prop_map(|(handle, len, byte)| Op::Append { handle, len, byte }),
        4 => (handle(), position(), position()).prop_map(|(handle, offset, len)| Op::Read { handle, offset, len }),
        3 => (handle(), position()).prop_map(|(handle, len)| Op::SetLen { handle, len }),
        1 => (handle(), position(), 1usize..70_000)
            .prop_map(|(handle, offset, len)| Op::Allocate { handle, offset, len }),
        2 => (plain_path(), position(), any::<u8>()).prop_map(|(path, len, byte)| Op::Put { path, len, byte }),
        4 => path().prop_map(|path| Op::MakeDirectory { path }),
        3 => path().prop_map(|path| Op::RemoveDirectory { path }),
        3 => (path(), prop_oneof![path(), Just("a".to_owned()), Just("../b".to_owned()), Just("b/c".to_owned())])
            .prop_map(|(path, target)| Op::Symlink { path, target }),
        3 => (path(), path()).prop_map(|(from, to)| Op::Link { from, to }),
        4 => path().prop_map(|path| Op::Unlink { path }),
        6 => (path(), path()).prop_map(|(from, to)| Op::Rename { from, to }),
        3 => (path(), any::<bool>()).prop_map(|(path, follow)| Op::Look { path, follow }),
        1 => Just(Op::Branch),
        1 => any::<bool>().prop_map(|carry_image| Op::SaveAndLoad { carry_image }),
    ]
}

/// A branch: the file system, what it should be, and what is open in it.
struct World {
    image: Tree,
    fs: FileSystem,
    model: Model,
    handles: [Option<(OpenFile, Id)>; HANDLES],
}

fn image() -> (Tree, Model) {
    let mut builder = TreeBuilder::new(1);
    let mut model = Model::new();
    let directory = || Node::Directory { entries: Default::default(), parent: 0, removed: false };
    model.add("/a", directory()).unwrap();
    builder.directory("/a", 0o755).unwrap();
    for (path, len) in [("/a/b", 150_000), ("/c", 70)] {
        builder.file(path, vec![b'i'; len], 0o644).unwrap();
        model.add(path, Node::File { data: vec![b'i'; len], links: 1 }).unwrap();
    }
    (builder.finish().unwrap(), model)
}

impl World {
    fn new() -> Self {
        let (tree, model) = image();
        Self { fs: FileSystem::new(&tree, QUOTA, clock()), image: tree, model, handles: Default::default() }
    }

    fn branch(&self) -> Self {
        let fs = self.fs.branch(clock());
        let handles = self.handles.each_ref().map(|handle| {
            let (file, id) = handle.as_ref()?;
            Some((fs.reopen_file(file.inode().unwrap(), file.access()).unwrap(), *id))
        });
        fs.collect_orphans();
        Self { image: self.image.clone(), fs, model: self.model.clone(), handles }
    }

    /// Goes on with what a checkpoint brings back.
    fn save_and_load(&mut self, carry_image: bool) {
        let fs = saved_and_loaded(&self.fs, &self.image, QUOTA, carry_image);
        assert_eq!(fs.space(), self.fs.space());
        let mut chunks = Chunks::default();
        for (file, _) in self.handles.iter_mut().flatten() {
            let state = file.save(&mut chunks).unwrap();
            *file = fs.load_file(&state, &chunks).unwrap();
        }
        fs.collect_orphans();
        self.fs = fs;
    }

    fn inodes_are_used_up(&self) -> bool {
        self.fs.space().inodes_used >= QUOTA.inodes
    }

    /// Does an operation on both sides, and compares what they say. Where the quota is in the way, of which the model knows
    /// nothing, the model does what the file system says it did.
    fn apply(&mut self, op: &Op) -> Result<(), TestCaseError> {
        match op {
            Op::Open { path, truncate, handle } => {
                let full = self.inodes_are_used_up();
                let options = OpenOptions { truncate: *truncate, ..CREATE };
                match self.fs.open_file(At::HOST, path, &options) {
                    Err(Errno::Nospc) => prop_assert!(full),
                    Ok(file) => {
                        let id = self.model.open(path, *truncate);
                        prop_assert!(id.is_ok());
                        self.handles[*handle] = Some((file, id.unwrap()));
                    }
                    Err(errno) => prop_assert_eq!(Err(errno), self.model.open(path, *truncate)),
                }
            }
            Op::Close { handle } => self.handles[*handle] = None,
            Op::Write { handle, offset, len, byte } => self.write(*handle, Some(*offset), &vec![*byte; *len])?,
            Op::Append { handle, len, byte } => self.write(*handle, None, &vec![*byte; *len])?,
            Op::Read { handle, offset, len } => {
                let Some((file, id)) = &self.handles[*handle] else { return Ok(()) };
                let mut buffer = vec![0xEE; *len];
                let read = file.read_at(*offset as u64, &mut buffer).unwrap();
                let data = self.model.data(*id);
                let expected = &data[data.len().min(*offset)..data.len().min(offset + len)];
                prop_assert_eq!(&buffer[..read], expected);
            }
            Op::SetLen { handle, len } => {
                let Some((file, id)) = &self.handles[*handle] else { return Ok(()) };
                let before = file.content_id().unwrap();
                file.set_len(*len as u64).unwrap();
                let data = self.model.data(*id);
                prop_assert!(data.len() == *len || file.content_id().unwrap() != before);
                data.resize(*len, 0);
            }
            Op::Allocate { handle, offset, len } => {
                let Some((file, id)) = &self.handles[*handle] else { return Ok(()) };
                match file.allocate(*offset as u64, *len as u64) {
                    Ok(()) => {
                        let data = self.model.data(*id);
                        data.resize(data.len().max(offset + len), 0);
                        let (used, written) = (self.fs.space().bytes_used, vec![1; *len]);
                        prop_assert_eq!(file.write_at(*offset as u64, &written), Ok(*len));
                        self.model.data(*id)[*offset..offset + len].fill(1);
                        prop_assert_eq!(self.fs.space().bytes_used, used, "allocated space was there");
                    }
                    Err(errno) => prop_assert_eq!(errno, Errno::Nospc),
                }
            }
            Op::Put { path, len, byte } => {
                let content = vec![*byte; *len];
                let result = self.fs.write_file(path, content.clone().into());
                self.take_over_parents(path.rsplit_once('/').unwrap().0);
                match (result, self.model.clone().open(path, true)) {
                    (Err(Errno::Nospc), _) => {}
                    (Ok(()), id) => {
                        prop_assert!(id.is_ok());
                        let id = self.model.open(path, true).unwrap();
                        *self.model.data(id) = content;
                    }
                    // A symlink that leads nowhere is in the way of a directory.
                    (Err(Errno::Noent | Errno::Exist), _) => {}
                    (Err(errno), id) => prop_assert_eq!(Err(errno), id),
                }
            }
            Op::MakeDirectory { path } => {
                let node = Node::Directory { entries: Default::default(), parent: 0, removed: false };
                let full = self.inodes_are_used_up();
                match self.fs.create_directory(At::HOST, path, 0o755) {
                    Err(Errno::Nospc) => prop_assert!(full),
                    result => prop_assert_eq!(result, self.model.add(path, node).map(drop)),
                }
            }
            Op::RemoveDirectory { path } => {
                let result = self.fs.remove_directory(At::HOST, path);
                // What a path without a name is refused with depends on how it ends, which the model does not know.
                match self.model.find(path, false) {
                    Ok((_, None, _)) => prop_assert!(result.is_err()),
                    _ => prop_assert_eq!(result, self.model.remove_directory(path)),
                }
            }
            Op::Symlink { path, target } => match self.fs.symlink(target, At::HOST, path) {
                Err(Errno::Nospc) => {}
                result => {
                    let node = Node::Symlink { target: target.clone() };
                    prop_assert_eq!(result, self.model.add(path, node).map(drop));
                }
            },
            Op::Link { from, to } => {
                let full = self.inodes_are_used_up();
                let result = self.fs.link((At::HOST, from), false, (At::HOST, to));
                match result {
                    Err(Errno::Nospc) => prop_assert!(full),
                    result => prop_assert_eq!(result, self.model.link(from, to)),
                }
            }
            Op::Unlink { path } => prop_assert_eq!(self.fs.unlink(At::HOST, path), self.model.unlink(path)),
            Op::Rename { from, to } => {
                let result = self.fs.rename((At::HOST, from), (At::HOST, to));
                prop_assert_eq!(result, self.model.rename(from, to));
            }
            Op::Look { path, follow } => {
                let stat = self.fs.stat(At::HOST, path, *follow);
                match self.model.get(path, *follow) {
                    Err(errno) => prop_assert_eq!(stat.unwrap_err(), errno),
                    Ok(id) => self.compare_stat(stat.unwrap(), id)?,
                }
            }
            Op::SaveAndLoad { carry_image } => self.save_and_load(*carry_image),
            Op::Branch => {}
        }
        Ok(())
    }

    fn write(&mut self, handle: usize, offset: Option<usize>, data: &[u8]) -> Result<(), TestCaseError> {
        let Some((file, id)) = &self.handles[handle] else { return Ok(()) };
        let model = self.model.data(*id);
        let at = offset.unwrap_or(model.len());
        let result = match offset {
            Some(offset) => file.write_at(offset as u64, data),
            None => file.append(data).map(|(at, written)| {
                assert_eq!(at, model.len() as u64);
                written
            }),
        };
        // A byte needs at most a whole chunk of the image to be copied, so there was less than that left.
        let space = self.fs.space();
        let nearly_full = space.bytes_used + 65_536 + at as u64 % 65_536 > QUOTA.bytes;
        match result {
            Err(Errno::Nospc) => prop_assert!(nearly_full && !data.is_empty()),
            Err(Errno::Fbig) => prop_assert!(at as u64 >= QUOTA.file_bytes),
            Err(errno) => prop_assert!(false, "{errno}"),
            Ok(written) => {
                prop_assert!(written == data.len() || nearly_full || at as u64 + written as u64 == QUOTA.file_bytes);
                if written > 0 {
                    model.resize(model.len().max(at + written), 0);
                    model[at..at + written].copy_from_slice(&data[..written]);
                }
            }
        }
        Ok(())
    }

    /// Makes the directories that `write_file` made.
    fn take_over_parents(&mut self, path: &str) {
        let mut so_far = String::new();
        for name in path.split('/').filter(|name| !name.is_empty()) {
            so_far = format!("{so_far}/{name}");
            if self.fs.stat(At::HOST, &so_far, true).is_ok() {
                let _ =
                    self.model.add(&so_far, Node::Directory { entries: Default::default(), parent: 0, removed: false });
            }
        }
    }

    fn compare_stat(&self, stat: stillbox_kernel::fs::Stat, id: Id) -> Result<(), TestCaseError> {
        match self.model.node(id) {
            Node::File { data, links } => {
                prop_assert_eq!(
                    (stat.file_type, stat.size, stat.links),
                    (FileType::Regular, data.len() as u64, *links)
                );
            }
            Node::Directory { entries, .. } => {
                let subdirectories =
                    entries.values().filter(|id| matches!(self.model.node(**id), Node::Directory { .. })).count();
                prop_assert_eq!((stat.file_type, stat.links), (FileType::Directory, 2 + subdirectories as u64));
            }
            Node::Symlink { target } => {
                prop_assert_eq!((stat.file_type, stat.size), (FileType::Symlink, target.len() as u64));
            }
        }
        Ok(())
    }

    /// Compares everything below a directory.
    fn compare(&mut self, path: &str, id: Id) -> Result<(), TestCaseError> {
        let stat = self.fs.stat(At::HOST, path, false).unwrap();
        self.compare_stat(stat, id)?;
        match self.model.node(id).clone() {
            Node::File { data, .. } => {
                let content = self.fs.open_file(At::HOST, path, &OpenOptions::default()).unwrap().contents().unwrap();
                prop_assert!(content == data, "{} differs", path);
            }
            Node::Symlink { target } => prop_assert_eq!(self.fs.read_link(At::HOST, path).unwrap(), target),
            Node::Directory { entries, .. } => {
                let mut seen = Vec::new();
                let mut numbers = Vec::new();
                self.fs
                    .open_directory(At::HOST, path)
                    .unwrap()
                    .read(0, |entry| {
                        seen.push(entry.name.to_owned());
                        numbers.push((entry.inode, entry.file_type));
                        true
                    })
                    .unwrap();
                for (name, number) in seen.iter().zip(&numbers) {
                    let stat = self.fs.stat(At::HOST, &format!("{path}/{name}"), false).unwrap();
                    prop_assert_eq!((stat.inode, stat.file_type), *number);
                }
                prop_assert_eq!(&seen[..2], &[".", ".."]);
                let mut seen = seen.split_off(2);
                seen.sort();
                prop_assert!(seen.iter().eq(entries.keys()), "{} has {:?}", path, seen);
                for (name, id) in entries {
                    self.compare(&format!("{}/{name}", path.trim_end_matches('/')), id)?;
                }
            }
        }
        Ok(())
    }

    fn check_account(&self) -> Result<(), TestCaseError> {
        let (space, counted) = (self.fs.space(), self.fs.tree().recount());
        prop_assert_eq!((space.bytes_used, space.inodes_used), (counted.bytes, counted.inodes));
        prop_assert!(space.bytes_used <= QUOTA.bytes && space.inodes_used <= QUOTA.inodes);
        Ok(())
    }
}

fn run(ops: &[(Op, prop::sample::Index)]) -> Result<(), TestCaseError> {
    let mut worlds = vec![World::new()];
    for (op, world) in ops {
        let index = world.index(worlds.len());
        let world = &mut worlds[index];
        world.apply(op)?;
        world.check_account()?;
        if matches!(op, Op::Branch) && worlds.len() < 4 {
            let branch = worlds[index].branch();
            branch.check_account()?;
            worlds.push(branch);
        }
    }
    for world in &mut worlds {
        world.compare("/", 0)?;
        for handle in &mut world.handles {
            if let Some((file, id)) = handle.take() {
                prop_assert!(file.contents().unwrap() == *world.model.data(id));
            }
        }
        world.check_account()?;
        let orphans = world.fs.space().inodes_used;
        world.fs.collect_orphans();
        prop_assert_eq!(world.fs.space().inodes_used, orphans, "the last handle frees what has no name");
    }
    // The image is as it was.
    let (tree, _) = image();
    prop_assert_eq!(FileSystem::new(&tree, QUOTA, clock()).read_file("/c").unwrap().len(), 70);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn random_sequences_do_what_the_model_does(
        ops in prop::collection::vec((op(), any::<prop::sample::Index>()), 1..100)
    ) {
        run(&ops)?;
    }
}
