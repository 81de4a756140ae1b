//! Opening what is at a path.

use super::content::Content;
use super::device::Device;
use super::dynamic::DynamicNode;
use super::filesystem::{FileSystem, State};
use super::foreign::ForeignNode;
use super::inode::{FileType, InodeId, Node, Stat};
use super::open_dir::OpenDir;
use super::open_file::{Access, OpenFile};
use super::resolve::{At, ForeignTarget, Last, TreeTarget};
use crate::Errno;

/// How [`FileSystem::open`] opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenOptions {
    /// For reading.
    pub read: bool,
    /// For writing. A directory can't be: `ISDIR`.
    pub write: bool,
    /// Makes the file if it is not there: `O_CREAT`.
    pub create: bool,
    /// Fails with `EXIST` if it is there: `O_EXCL`, with `create`.
    pub exclusive: bool,
    /// Empties it: `O_TRUNC`.
    pub truncate: bool,
    /// Fails with `NOTDIR` if it is no directory: `O_DIRECTORY`.
    pub directory: bool,
    /// Follows a symlink at the end of the path; without, one is `LOOP`.
    pub follow: bool,
    /// The permission bits of a file that is made; the umask has been applied by the caller.
    pub mode: u32,
}

impl Default for OpenOptions {
    /// For reading, following symlinks.
    fn default() -> Self {
        Self {
            read: true,
            write: false,
            create: false,
            exclusive: false,
            truncate: false,
            directory: false,
            follow: true,
            mode: 0o666,
        }
    }
}

/// What a path opened as.
pub enum Opened {
    /// A regular file.
    File(OpenFile),
    /// A directory.
    Directory(OpenDir),
    /// A device, which the caller knows how to read and write. For those that stand for a descriptor see
    /// [`Device::descriptor`].
    Device(Device, Stat),
    /// A link to a descriptor of the caller, to be duplicated.
    Descriptor(u32),
}

impl FileSystem {
    /// Opens what is at a path.
    ///
    /// # Errors
    /// Those of `open(2)`: `NOENT`, `EXIST`, `ISDIR`, `NOTDIR`, `LOOP`, `NOSPC`, `ROFS`, `NAMETOOLONG`, and `INVAL` for a
    /// path with a NUL and for `create` with `directory`.
    pub fn open(&self, at: At<'_>, path: &str, options: &OpenOptions) -> Result<Opened, Errno> {
        if options.create && options.directory {
            return Err(Errno::Inval);
        }
        let last = if options.follow && !(options.create && options.exclusive) { Last::Follow } else { Last::NoFollow };
        let access = Access { read: options.read, write: options.write };
        let foreign = |target: &ForeignTarget<'_>| self.open_foreign(at.caller, target, options);
        if options.create || options.truncate {
            self.write(at, path, last, |state, target| self.open_or_create(state, target, options), foreign)
        } else {
            let open = |state: &State, target: &TreeTarget<'_>| {
                let id = target.found.ok_or(Errno::Noent)?;
                self.open_inode(state, id, options, access)
            };
            self.read(at, path, last, open, foreign)
        }
    }

    fn open_or_create(
        &self,
        state: &mut State,
        target: &TreeTarget<'_>,
        options: &OpenOptions,
    ) -> Result<Opened, Errno> {
        let access = Access { read: options.read, write: options.write };
        let Some(id) = target.found else {
            if !options.create {
                return Err(Errno::Noent);
            }
            if target.slash {
                return Err(Errno::Isdir);
            }
            let (name, now) = (target.end.clone().name(Errno::Isdir)?, self.0.clock.wall_ns());
            let file = Node::File(Content::default());
            let id = state.tree.create(target.parent, name, file, options.mode, now, &self.0.quota.get())?;
            return Ok(Opened::File(OpenFile::in_tree(self.0.pin(state, id), access)));
        };
        if options.create && options.exclusive {
            return Err(Errno::Exist);
        }
        if state.tree.is_directory(id) {
            return Err(Errno::Isdir);
        }
        if options.truncate && !options.directory && matches!(state.tree.get(id)?.node, Node::File(_)) {
            state.tree.set_len(id, 0, self.0.clock.wall_ns(), &self.0.quota.get())?;
        }
        self.open_inode(state, id, options, access)
    }

    fn open_inode(&self, state: &State, id: InodeId, options: &OpenOptions, access: Access) -> Result<Opened, Errno> {
        let inode = state.tree.get(id)?;
        match &inode.node {
            Node::Directory(_) if options.write => Err(Errno::Isdir),
            Node::Directory(_) => Ok(Opened::Directory(OpenDir::in_tree(self.0.pin(state, id)))),
            Node::Symlink(_) => Err(Errno::Loop),
            _ if options.directory => Err(Errno::Notdir),
            Node::File(_) => Ok(Opened::File(OpenFile::in_tree(self.0.pin(state, id), access))),
            Node::Device(device) => Ok(Opened::Device(*device, inode.stat(id))),
        }
    }

    fn open_foreign(&self, caller: u32, target: &ForeignTarget<'_>, options: &OpenOptions) -> Result<Opened, Errno> {
        let access = Access { read: options.read, write: options.write };
        let path = target.path;
        let file = |create| {
            let file = path.host()?.open(&path.path, options.read, options.write, options.truncate, create)?;
            Ok(Opened::File(OpenFile::on_host(file, path, &self.0, access)))
        };
        let Some(node) = target.found else {
            return match (options.create, target.slash) {
                (false, _) => Err(Errno::Noent),
                (true, true) => Err(Errno::Isdir),
                (true, false) => file(Some(options.mode)),
            };
        };
        if options.create && options.exclusive {
            return Err(Errno::Exist);
        }
        match (node, node.file_type()) {
            (_, FileType::Directory) if options.write || options.create || options.truncate => Err(Errno::Isdir),
            (_, FileType::Directory) => Ok(Opened::Directory(OpenDir::foreign(path.clone(), caller, &self.0))),
            (ForeignNode::Dynamic(DynamicNode::Descriptor { number, .. }), _) if options.follow => {
                Ok(Opened::Descriptor(*number))
            }
            (_, FileType::Symlink) => Err(Errno::Loop),
            _ if options.directory => Err(Errno::Notdir),
            (ForeignNode::Host(_), _) => file(None),
            (ForeignNode::Dynamic(_), _) if options.write || options.truncate => Err(Errno::Acces),
            (ForeignNode::Dynamic(DynamicNode::File(content)), _) => {
                let stat = path.stat(node, self.0.clock.wall_ns());
                Ok(Opened::File(OpenFile::fixed(content.clone(), stat, access)))
            }
            (ForeignNode::Dynamic(_), _) => Err(Errno::Nxio),
        }
    }

    /// Opens a regular file.
    ///
    /// # Errors
    /// As [`open`](Self::open); `ISDIR` for a directory, `INVAL` for a device or a descriptor.
    pub fn open_file(&self, at: At<'_>, path: &str, options: &OpenOptions) -> Result<OpenFile, Errno> {
        match self.open(at, path, options)? {
            Opened::File(file) => Ok(file),
            Opened::Directory(_) => Err(Errno::Isdir),
            Opened::Device(..) | Opened::Descriptor(_) => Err(Errno::Inval),
        }
    }

    /// Opens a directory.
    ///
    /// # Errors
    /// As [`open`](Self::open); `NOTDIR` for anything else.
    pub fn open_directory(&self, at: At<'_>, path: &str) -> Result<OpenDir, Errno> {
        match self.open(at, path, &OpenOptions { directory: true, ..OpenOptions::default() })? {
            Opened::Directory(directory) => Ok(directory),
            _ => Err(Errno::Notdir),
        }
    }
}
