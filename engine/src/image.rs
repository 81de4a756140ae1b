//! Images: the files that sandboxes begin with.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use stillbox_guests::skeleton::{ENTRIES, Node};
use stillbox_kernel::Errno;
use stillbox_kernel::clock::Clock;
use stillbox_kernel::fs::persist::BaseTree;
use stillbox_kernel::fs::{At, FileSystem, OpenOptions, Quota, Tree, TreeBuilder};

use crate::program::Programs;
use crate::program::resolve::DEFAULT_PATH;

/// The files that sandboxes begin with, and the surroundings of the processes in them.
///
/// An image is read-only and shared: a sandbox costs what it changes, whatever the size of its image. Clones share
/// everything.
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut builder = stillbox::Image::standard()?.extend();
/// builder.file("/usr/local/bin/hello", std::fs::read("hello.wasm")?, 0o755)?.env("LANG", "C.UTF-8");
/// let engine = stillbox::Engine::builder().default_image(builder.finish()?).build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Image {
    pub(crate) base: Base,
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) working_dir: String,
    /// Programs whose digests are known, by path, so that nothing has to hash them.
    digests: Vec<(String, [u8; 32])>,
}

/// What the tree of a sandbox began as, with its identity once that was asked for. Clones share it.
#[derive(Clone)]
pub(crate) struct Base(Arc<(Tree, OnceLock<BaseTree>)>);

impl Base {
    fn new(tree: Tree) -> Self {
        Self(Arc::new((tree, OnceLock::new())))
    }

    /// Returns a base whose identity is known.
    pub(crate) fn of(base: BaseTree) -> Self {
        Self(Arc::new((base.tree().clone(), base.into())))
    }

    pub(crate) fn tree(&self) -> &Tree {
        &self.0.0
    }

    /// Returns the base with its identity. Hashes all that is in it when this is first asked for.
    pub(crate) fn identified(&self) -> &BaseTree {
        self.0.1.get_or_init(|| BaseTree::new(self.tree().clone()))
    }
}

/// An image can't hold a file.
#[derive(Debug, thiserror::Error)]
#[error("an image cannot hold {path:?}")]
pub struct ImageError {
    /// The path of the file.
    pub path: String,
    /// Why not.
    pub source: Errno,
}

impl Image {
    /// Returns the image that sandboxes begin with unless they ask for another: a shell, the usual tools and the usual
    /// directories. Processes start in `/root`.
    ///
    /// # Errors
    ///
    /// None, as long as what this crate was built with is in order.
    pub fn standard() -> Result<Self, ImageError> {
        let mut image = Self::builder()?;
        for entry in ENTRIES {
            match entry.node {
                Node::Directory { mode } => image.directory(entry.path, mode)?,
                Node::File { mode, content } => image.file(entry.path, content, mode)?,
                Node::Symlink { target } => image.symlink(entry.path, target)?,
            };
        }
        let mut first_names: BTreeMap<&str, String> = BTreeMap::new();
        for program in stillbox_guests::programs() {
            let path = program.path();
            match first_names.get(program.artifact.name) {
                Some(first) => image.hard_link(&path, first)?,
                None => {
                    image.file(&path, program.artifact.bytes, stillbox_guests::Program::MODE)?;
                    image.digests.push((path.clone(), program.artifact.hash));
                    first_names.insert(program.artifact.name, path);
                    &mut image
                }
            };
        }
        image.finish()
    }

    /// Returns a builder of an image with nothing but devices and the directories that programs expect, such as `/tmp`.
    ///
    /// # Errors
    ///
    /// None that a caller could cause.
    pub fn builder() -> Result<ImageBuilder, ImageError> {
        let mut tree = TreeBuilder::new(Clock::real().wall_ns());
        tree.skeleton().map_err(|source| ImageError { path: "/".into(), source })?;
        let env = [("HOME", "/root"), ("PATH", DEFAULT_PATH), ("USER", "root")];
        let env = env.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        Ok(ImageBuilder { tree, env, working_dir: "/root".into(), digests: Vec::new() })
    }

    /// Returns a builder that starts with what this image holds.
    pub fn extend(&self) -> ImageBuilder {
        let Self { base, env, working_dir, digests } = self.clone();
        ImageBuilder { tree: TreeBuilder::on(base.tree().clone(), Clock::real().wall_ns()), env, working_dir, digests }
    }

    /// Tells the digests that are known to those who would compute them.
    pub(crate) fn announce(&self, programs: &Programs) {
        let fs = FileSystem::new(self.base.tree(), Quota::default(), Clock::real());
        for (path, digest) in &self.digests {
            // A later file may have taken the place of a program.
            let file = fs.open_file(At::HOST, path, &OpenOptions::default());
            if let Ok(content_id) = file.and_then(|file| file.content_id()) {
                programs.know(content_id, *digest);
            }
        }
    }
}

/// Makes an [`Image`]. Paths are absolute, without `..`; directories that lead to them are made as needed.
#[derive(Debug)]
pub struct ImageBuilder {
    tree: TreeBuilder,
    env: BTreeMap<String, String>,
    working_dir: String,
    digests: Vec<(String, [u8; 32])>,
}

impl ImageBuilder {
    /// Adds a directory, or sets the permission bits of one that is there.
    ///
    /// # Errors
    ///
    /// If the path is none, or something else is in its way.
    pub fn directory(&mut self, path: &str, mode: u32) -> Result<&mut Self, ImageError> {
        self.tree.directory(path, mode).map_err(|source| error(path, source))?;
        Ok(self)
    }

    /// Adds a file with these permission bits, in the place of one that is there.
    ///
    /// # Errors
    ///
    /// As [`directory`](Self::directory).
    pub fn file(&mut self, path: &str, content: impl Into<Bytes>, mode: u32) -> Result<&mut Self, ImageError> {
        self.tree.file(path, content, mode).map_err(|source| error(path, source))?;
        self.digests.retain(|(known, _)| known != path);
        Ok(self)
    }

    /// Adds a symbolic link to `target`, in the place of a file that is there.
    ///
    /// # Errors
    ///
    /// As [`directory`](Self::directory).
    pub fn symlink(&mut self, path: &str, target: &str) -> Result<&mut Self, ImageError> {
        self.tree.symlink(path, target).map_err(|source| error(path, source))?;
        Ok(self)
    }

    /// Adds another name of a file that is there.
    ///
    /// # Errors
    ///
    /// If there is no such file, and as [`directory`](Self::directory).
    pub fn hard_link(&mut self, path: &str, existing: &str) -> Result<&mut Self, ImageError> {
        self.tree.hard_link(path, existing).map_err(|source| error(path, source))?;
        Ok(self)
    }

    /// Sets a variable of the environment that processes start with.
    pub fn env(&mut self, key: impl Into<String>, value: impl Into<String>) -> &mut Self {
        self.env.insert(key.into(), value.into());
        self
    }

    /// Sets the directory that processes start in: an absolute path.
    pub fn working_dir(&mut self, path: impl Into<String>) -> &mut Self {
        self.working_dir = path.into();
        self
    }

    /// Returns the image.
    ///
    /// # Errors
    ///
    /// If it holds a file of more than 4 GiB.
    pub fn finish(self) -> Result<Image, ImageError> {
        let Self { tree, env, working_dir, digests } = self;
        let tree = tree.finish().map_err(|source| error("/", source))?;
        Ok(Image { base: Base::new(tree), env, working_dir, digests })
    }
}

fn error(path: &str, source: Errno) -> ImageError {
    ImageError { path: path.to_owned(), source }
}
