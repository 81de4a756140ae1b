//! A store on a disk that keeps only what was synced, and whose power fails at every step in turn.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use stillbox_checkpoint::format::sample;
use stillbox_checkpoint::store::disk::{Disk, DiskFile, LockKind};
use stillbox_checkpoint::{Checkpoint, CheckpointStore, DirectoryStore, SnapshotRecord, StoreError, StoreOptions};
use stillbox_kernel::chunk::ChunkRef;

/// What survives a failure beyond what was synced: a disk may write at any time, and in any order.
#[derive(Clone, Copy, Debug)]
enum Survives {
    Synced,
    /// Names too, also of files whose content was not synced.
    Names,
    Everything,
}

#[derive(Clone, Debug, Default)]
struct Content {
    written: Vec<u8>,
    synced: Vec<u8>,
}

type Names = BTreeMap<String, usize>;

#[derive(Debug, Default)]
struct Contents {
    files: Vec<Content>,
    names: Names,
    synced_names: Names,
    steps_left: Option<u64>,
    steps: u64,
}

impl Contents {
    /// Counts a step; once the power has failed, nothing works.
    fn step(&mut self) -> io::Result<()> {
        self.steps += 1;
        match &mut self.steps_left {
            Some(0) => Err(io::Error::other("the power has failed")),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

#[derive(Clone, Debug, Default)]
struct CrashDisk(Arc<Mutex<Contents>>);

impl CrashDisk {
    /// Returns the disk as it is after the power has failed.
    fn after_failure(&self, survives: Survives) -> Self {
        let contents = self.0.lock();
        let content = |content: &Content| match survives {
            Survives::Everything => Content { synced: content.written.clone(), ..content.clone() },
            _ => Content { written: content.synced.clone(), ..content.clone() },
        };
        let names = match survives {
            Survives::Synced => contents.synced_names.clone(),
            _ => contents.names.clone(),
        };
        let files = contents.files.iter().map(content).collect();
        let contents = Contents { files, synced_names: names.clone(), names, steps_left: None, steps: 0 };
        Self(Arc::new(Mutex::new(contents)))
    }
}

fn is_in(path: &str, directory: &str) -> bool {
    path.rsplit_once('/').map_or("", |(parent, _)| parent) == directory
}

struct OpenFile {
    disk: CrashDisk,
    at: usize,
}

impl Write for OpenFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut contents = self.disk.0.lock();
        if contents.step().is_err() {
            // The last write before the failure gets half way.
            let half = &bytes[..bytes.len() / 2];
            contents.files[self.at].written.extend_from_slice(half);
            return Err(io::Error::other("the power has failed"));
        }
        contents.files[self.at].written.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl DiskFile for OpenFile {
    fn sync(&mut self) -> io::Result<()> {
        let mut contents = self.disk.0.lock();
        contents.step()?;
        let content = &mut contents.files[self.at];
        content.synced = content.written.clone();
        Ok(())
    }
}

impl Disk for CrashDisk {
    fn create_directory(&self, _: &str) -> io::Result<()> {
        self.0.lock().step()
    }

    fn create(&self, path: &str) -> io::Result<Box<dyn DiskFile>> {
        let mut contents = self.0.lock();
        contents.step()?;
        contents.files.push(Content::default());
        let at = contents.files.len() - 1;
        assert!(contents.names.insert(path.to_owned(), at).is_none());
        Ok(Box::new(OpenFile { disk: self.clone(), at }))
    }

    fn map(&self, path: &str) -> io::Result<(Bytes, Option<Arc<File>>)> {
        let contents = self.0.lock();
        let at = contents.names.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok((contents.files[*at].written.clone().into(), None))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut contents = self.0.lock();
        contents.step()?;
        let at = contents.names.remove(from).ok_or(io::ErrorKind::NotFound)?;
        contents.names.insert(to.to_owned(), at);
        Ok(())
    }

    fn link(&self, from: &str, to: &str) -> io::Result<()> {
        let mut contents = self.0.lock();
        contents.step()?;
        let at = *contents.names.get(from).ok_or(io::ErrorKind::NotFound)?;
        if contents.names.contains_key(to) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        contents.names.insert(to.to_owned(), at);
        Ok(())
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        let mut contents = self.0.lock();
        contents.step()?;
        contents.names.remove(path).map(drop).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn list(&self, path: &str) -> io::Result<Vec<String>> {
        let contents = self.0.lock();
        let names = contents.names.keys().filter(|name| is_in(name, path));
        Ok(names.map(|name| name.rsplit('/').next().unwrap_or_default().to_owned()).collect())
    }

    fn sync_directory(&self, path: &str) -> io::Result<()> {
        let mut contents = self.0.lock();
        contents.step()?;
        let Contents { names, synced_names, .. } = &mut *contents;
        synced_names.retain(|name, _| !is_in(name, path));
        synced_names.extend(names.iter().filter(|(name, _)| is_in(name, path)).map(|(name, at)| (name.clone(), *at)));
        Ok(())
    }

    fn lock(&self, _: LockKind) -> io::Result<Box<dyn Send>> {
        Ok(Box::new(()))
    }
}

fn record(id: &str) -> SnapshotRecord {
    SnapshotRecord { id: id.into(), ..sample::record() }
}

/// Returns a checkpoint that shares some of its chunks with the sample, and is of a size of its own.
fn checkpoint(extra: u8) -> Checkpoint {
    use stillbox_checkpoint::ChunkTable;
    use stillbox_checkpoint::pages::Pages;
    use stillbox_kernel::chunk::ChunkWriter as _;

    let sample = sample::checkpoint();
    let mut chunks = ChunkTable::new();
    for index in 0..sample.chunks.count() {
        let (id, bytes) = sample.chunks.get(ChunkRef(index)).unwrap();
        chunks.put(id, bytes);
    }
    let memory: Vec<u8> = (0..96 << 10).map(|n: u32| (n >> 14) as u8 * 16 + extra).collect();
    Pages::new(&memory).save(&memory.into(), &mut chunks);
    Checkpoint { state: sample.state, chunks: Arc::new(chunks) }
}

/// What was reported complete, and what may be there because its deletion was not.
#[derive(Default)]
struct Reported {
    complete: BTreeMap<&'static str, u8>,
    deleting: BTreeMap<&'static str, u8>,
}

/// Works with a store until the power fails.
fn work(disk: &CrashDisk, reported: &mut Reported) -> Result<(), StoreError> {
    let store = DirectoryStore::on(Arc::new(disk.clone()), StoreOptions { compress: false })?;
    for (id, extra) in [("a", 1), ("b", 2), ("c", 1)] {
        store.put(&record(id), &checkpoint(extra))?;
        reported.complete.insert(id, extra);
    }
    for (id, extra) in [("a", 1), ("b", 2)] {
        reported.complete.remove(id);
        reported.deleting.insert(id, extra);
        store.delete(id)?;
        reported.deleting.remove(id);
    }
    store.collect_garbage()?;
    store.put(&record("d"), &checkpoint(3))?;
    reported.complete.insert("d", 3);
    store.collect_garbage()?;
    Ok(())
}

fn assert_is(store: &DirectoryStore, id: &str, extra: u8) {
    let (found, expected) = (store.get(id).unwrap(), checkpoint(extra));
    assert_eq!(found.state, expected.state);
    assert_eq!(found.chunks.count(), expected.chunks.count());
    store.verify(id).unwrap();
}

#[test]
fn nothing_that_was_reported_complete_is_lost_wherever_the_power_fails() {
    let whole = CrashDisk::default();
    work(&whole, &mut Reported::default()).unwrap();
    let steps = whole.0.lock().steps;
    assert!(steps > 40, "{steps} steps");
    for failing in 0..steps {
        for survives in [Survives::Synced, Survives::Names, Survives::Everything] {
            let disk = CrashDisk::default();
            disk.0.lock().steps_left = Some(failing);
            let mut reported = Reported::default();
            assert!(work(&disk, &mut reported).is_err());

            let disk = disk.after_failure(survives);
            let store = DirectoryStore::on(Arc::new(disk.clone()), StoreOptions::default())
                .unwrap_or_else(|error| panic!("after step {failing}, {survives:?}: {error:?}"));
            for (id, extra) in &reported.complete {
                assert_is(&store, id, *extra);
            }
            let listed = store.list().unwrap();
            for record in &listed {
                let deleted = reported.deleting.get(record.id.as_str());
                if let Some(extra) = deleted {
                    assert_is(&store, &record.id, *extra);
                }
            }
            // It goes on from there, and what is freed was not needed.
            store.put(&record("after"), &checkpoint(4)).unwrap();
            match store.collect_garbage() {
                Ok(_) => {}
                // A name survived whose content did not: that is what an unfinished snapshot can leave. It says so.
                Err(StoreError::Damaged { name, .. }) => {
                    assert!(!reported.complete.contains_key(name.as_str()), "{name} after step {failing}");
                    store.delete(&name).unwrap();
                    store.collect_garbage().unwrap();
                }
                Err(error) => panic!("after step {failing}, {survives:?}: {error:?}"),
            }
            for (id, extra) in reported.complete.iter().chain([(&"after", &4)]) {
                assert_is(&store, id, *extra);
            }
            assert!(disk.list("new").unwrap().is_empty(), "unfinished files are gone");
        }
    }
}
