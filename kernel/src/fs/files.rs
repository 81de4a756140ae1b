//! What the host does with a sandbox's files through the API, by absolute paths.

use bytes::Bytes;

use super::content::Content;
use super::filesystem::{FileSystem, State};
use super::inode::Node;
use super::open::OpenOptions;
use super::resolve::{At, Last, TreeTarget};
use crate::Errno;

/// An entry of [`FileSystem::list_directory`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedFile {
    /// The name.
    pub name: String,
    /// Whether it is a directory, or a symlink to one.
    pub is_dir: bool,
    /// The size in bytes.
    pub size: u64,
    /// When its content last changed, in milliseconds since the Unix epoch.
    pub modified_ms: u64,
}

impl FileSystem {
    /// Returns a file's content; not copied where it is in one piece, as files of an image and small files are.
    ///
    /// # Errors
    /// Those of [`open_file`](Self::open_file); `FBIG` past 4 GiB.
    pub fn read_file(&self, path: &str) -> Result<Bytes, Errno> {
        self.open_file(At::HOST, path, &OpenOptions::default())?.contents()
    }

    /// Writes a file, in the place of what it held; makes it, and the directories above it, if they are not there.
    ///
    /// # Errors
    /// `ISDIR` for a directory, `NOSPC`, `FBIG`, `ROFS`, and those of path resolution. In the sandbox's own tree
    /// either the whole content is written or none, though the directories above may have been made.
    pub fn write_file(&self, path: &str, content: Bytes) -> Result<(), Errno> {
        match self.put_file(path, content.clone()) {
            Err(Errno::Noent) => {
                let parent = path.trim_end_matches('/').rsplit_once('/').map_or("/", |(parent, _)| parent);
                self.create_directories(if parent.is_empty() { "/" } else { parent })?;
                self.put_file(path, content)
            }
            result => result,
        }
    }

    fn put_file(&self, path: &str, content: Bytes) -> Result<(), Errno> {
        let (now, quota) = (self.0.clock.wall_ns(), &self.0.quota.get());
        if content.len() as u64 > quota.file_bytes {
            return Err(Errno::Fbig);
        }
        let tree = |state: &mut State, target: &TreeTarget<'_>| {
            let content = Content::owned(content.clone());
            match target.found {
                Some(id) => state.tree.replace_content(id, content, now, quota),
                None if target.slash => Err(Errno::Isdir),
                None => {
                    let name = target.end.clone().name(Errno::Isdir)?;
                    state.tree.create(target.parent, name, Node::File(content), 0o644, now, quota).map(drop)
                }
            }
        };
        let on_mount = self.write(
            At::HOST,
            path,
            Last::Follow,
            |state, target| tree(state, target).map(|()| false),
            |_| Ok(true),
        )?;
        if !on_mount {
            return Ok(());
        }
        let options = OpenOptions {
            read: false,
            write: true,
            create: true,
            truncate: true,
            mode: 0o644,
            ..OpenOptions::default()
        };
        let file = self.open_file(At::HOST, path, &options)?;
        let mut done = 0;
        while done < content.len() {
            done += file.write_at(done as u64, &content[done..])?;
        }
        Ok(())
    }

    /// Removes a file or a symlink.
    ///
    /// # Errors
    /// Those of [`unlink`](Self::unlink).
    pub fn delete_file(&self, path: &str) -> Result<(), Errno> {
        self.unlink(At::HOST, path)
    }

    /// Lists a directory: directories first, then by name. `.` and `..` are left out.
    ///
    /// # Errors
    /// `NOTDIR`, `NOENT`, and what the host says of a directory of its own.
    pub fn list_directory(&self, path: &str) -> Result<Vec<ListedFile>, Errno> {
        let directory = self.open_directory(At::HOST, path)?;
        let mut names = Vec::new();
        directory.read(0, |entry| {
            if !matches!(entry.name, "." | "..") {
                names.push(entry.name.to_owned());
            }
            true
        })?;
        let at = At::directory(&directory, 0);
        let mut listed: Vec<ListedFile> = names
            .into_iter()
            .filter_map(|name| {
                // A symlink counts as what it leads to, or as itself if it leads nowhere; what is gone meanwhile is left out.
                let stat = self.stat(at, &name, true).or_else(|_| self.stat(at, &name, false)).ok()?;
                let (is_dir, size, modified_ms) = (stat.is_directory(), stat.size, stat.modified_ns / 1_000_000);
                Some(ListedFile { name, is_dir, size, modified_ms })
            })
            .collect();
        listed.sort_by(|a, b| b.is_dir.cmp(&a.is_dir).then_with(|| a.name.cmp(&b.name)));
        Ok(listed)
    }

    /// Makes a directory and those above it, where they are not there.
    ///
    /// # Errors
    /// `NOTDIR` when something else is in the way, `NOSPC`, `ROFS`, and those of path resolution.
    pub fn create_directories(&self, path: &str) -> Result<(), Errno> {
        super::path::check(path, &self.0.quota.get())?;
        let mut from = 0;
        while let Some(component) = super::path::component(path, from) {
            from = component.end;
            match self.create_directory(At::HOST, &path[..component.end], 0o755) {
                Ok(()) | Err(Errno::Exist) => {}
                // On a mount that can't be changed what is there may be enough.
                Err(errno @ (Errno::Rofs | Errno::Perm)) => {
                    self.stat(At::HOST, &path[..component.end], true).map_err(|_| errno)?;
                }
                Err(errno) => return Err(errno),
            }
        }
        if self.stat(At::HOST, path, true)?.is_directory() { Ok(()) } else { Err(Errno::Notdir) }
    }
}
