//! Path resolution, as POSIX has it.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use super::filesystem::{Shared, State};
use super::foreign::{ForeignNode, ForeignPath};
use super::inode::{FileType, InodeId, Node};
use super::open_dir::OpenDir;
use super::path::{self, Component, LONGEST_NAME};
use super::tree::Tree;
use crate::Errno;

/// How many symlinks a path may go through.
const MOST_HOPS: u32 = 40;

/// Where a relative path starts, and who asks. An absolute path starts at the root in any case.
#[derive(Clone, Copy)]
pub struct At<'a> {
    /// The directory; the root if there is none.
    pub directory: Option<&'a OpenDir>,
    /// The pid of the process that asks, for `/proc/self`; 0 for the host.
    pub caller: u32,
}

impl<'a> At<'a> {
    /// The host, at the root.
    pub const HOST: At<'static> = At { directory: None, caller: 0 };

    /// Returns the root, for a process.
    pub fn root(caller: u32) -> Self {
        Self { directory: None, caller }
    }

    /// Returns a directory, for a process.
    pub fn directory(directory: &'a OpenDir, caller: u32) -> Self {
        Self { directory: Some(directory), caller }
    }
}

/// Where a walk is, or a directory handle.
#[derive(Clone)]
pub(crate) enum Place {
    Tree(InodeId),
    Foreign(ForeignPath),
}

/// What happens at the last component.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Last {
    /// A symlink is followed.
    Follow,
    /// A symlink is what is meant, unless a slash follows it.
    NoFollow,
    /// The entry itself is meant, whatever it is: for making, removing and renaming.
    Entry,
}

/// What a path ended with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End<N> {
    Name(N),
    Dot,
    DotDot,
    Root,
}

impl<N> End<N> {
    /// Returns the name, or `errno` for what is no name.
    pub fn name(self, errno: Errno) -> Result<N, Errno> {
        match self {
            Self::Name(name) => Ok(name),
            _ => Err(errno),
        }
    }
}

/// The end of a path, in the tree.
pub(crate) struct TreeTarget<'a> {
    /// The directory that holds the entry; the directory itself if the path did not end in a name.
    pub parent: InodeId,
    pub end: End<&'a str>,
    pub found: Option<InodeId>,
    /// A slash followed.
    pub slash: bool,
}

/// The end of a path, in a mount.
pub(crate) struct ForeignTarget<'a> {
    pub path: &'a ForeignPath,
    pub end: End<&'a str>,
    pub found: Option<&'a ForeignNode>,
    pub slash: bool,
}

/// A walk along a path.
///
/// The tree is walked under its lock, and mounts are walked without, since there the host or the embedder answers. So a
/// walk goes in legs: [`in_tree`](Self::in_tree) and [`outside`](Self::outside) take turns until one of them arrives.
#[derive(Clone)]
pub(crate) struct Walk<'p> {
    path: Cow<'p, str>,
    position: usize,
    pub at: Place,
    caller: u32,
    last: Last,
    hops: u32,
    end: End<Range<usize>>,
    slash: bool,
    found_in_tree: Option<InodeId>,
    found_outside: Option<Arc<ForeignNode>>,
}

impl<'p> Walk<'p> {
    pub fn new(shared: &Shared, at: At<'_>, path: &'p str, last: Last) -> Result<Self, Errno> {
        path::check(path, &shared.quota.get())?;
        let (place, end) = match at.directory {
            Some(directory) if !path.starts_with('/') => (directory.place_in(shared)?, End::Dot),
            _ => (Place::Tree(Tree::ROOT), End::Root),
        };
        Ok(Self {
            path: Cow::Borrowed(path),
            position: 0,
            at: place,
            caller: at.caller,
            last,
            hops: 0,
            end,
            slash: false,
            found_in_tree: None,
            found_outside: None,
        })
    }

    /// Walks on in the tree; `false` means that the path has led into a mount.
    pub fn in_tree(&mut self, state: &State) -> Result<bool, Errno> {
        let Place::Tree(mut at) = self.at else { return Ok(false) };
        while let Some(component) = path::component(&self.path, self.position) {
            let name = &self.path[component.start..component.end];
            self.slash = component.slash;
            let directory = match &state.tree.get(at)?.node {
                Node::Directory(directory) => directory,
                _ => return Err(Errno::Notdir),
            };
            match name {
                "." => self.end = End::Dot,
                ".." => {
                    self.end = End::DotDot;
                    at = directory.parent;
                }
                _ if name.len() > LONGEST_NAME => return Err(Errno::Nametoolong),
                _ => {
                    self.end = End::Name(component.start..component.end);
                    let Some(id) = directory.lookup(name) else {
                        return if component.is_last { self.arrive(at, None) } else { Err(Errno::Noent) };
                    };
                    let node = &state.tree.get(id)?.node;
                    let is_directory = matches!(node, Node::Directory(_));
                    if let Node::Symlink(target) = node
                        && self.follows(&component)
                    {
                        let target = Arc::clone(target);
                        self.follow(&target, component.end)?;
                        if target.starts_with('/') {
                            at = Tree::ROOT;
                        }
                        continue;
                    }
                    if component.is_last && self.last == Last::Entry {
                        return self.arrive(at, Some(id));
                    }
                    if !is_directory && (component.slash || !component.is_last) {
                        return Err(Errno::Notdir);
                    }
                    if is_directory && let Some(mount) = state.mounts.get(id) {
                        self.position = component.end;
                        self.at = Place::Foreign(ForeignPath::root(Arc::clone(mount)));
                        return Ok(false);
                    }
                    if component.is_last {
                        return self.arrive(at, Some(id));
                    }
                    at = id;
                }
            }
            self.position = component.end;
        }
        // The last component was none that could be looked up: the directory itself is meant.
        self.arrive(at, Some(at))
    }

    /// Walks on in a mount; `false` means that the path has led back into the tree.
    pub fn outside(&mut self) -> Result<bool, Errno> {
        let Place::Foreign(mut at) = self.at.clone() else { return Ok(false) };
        while let Some(component) = path::component(&self.path, self.position) {
            let name = &self.path[component.start..component.end];
            self.slash = component.slash;
            match name {
                "." => self.end = End::Dot,
                ".." => {
                    self.end = End::DotDot;
                    match at.parent() {
                        Some(parent) => at = parent,
                        None => {
                            // The walk goes on above the mount, from the directory that it covers.
                            self.at = Place::Tree(at.mount.point);
                            self.position = component.start;
                            return Ok(false);
                        }
                    }
                }
                _ if name.len() > LONGEST_NAME => return Err(Errno::Nametoolong),
                _ => {
                    self.end = End::Name(component.start..component.end);
                    let child = at.child(name);
                    let Some(node) = child.node(self.caller)? else {
                        return if component.is_last { self.arrive_outside(child, None) } else { Err(Errno::Noent) };
                    };
                    if node.is_followed() && self.follows(&component) {
                        let target = child.read_link(&node)?;
                        self.follow(&target, component.end)?;
                        if target.starts_with('/') {
                            self.at = Place::Tree(Tree::ROOT);
                            return Ok(false);
                        }
                        continue;
                    }
                    if component.is_last && self.last == Last::Entry {
                        return self.arrive_outside(child, Some(node));
                    }
                    if node.file_type() != FileType::Directory && (component.slash || !component.is_last) {
                        return Err(Errno::Notdir);
                    }
                    if component.is_last {
                        return self.arrive_outside(child, Some(node));
                    }
                    at = child;
                }
            }
            self.position = component.end;
        }
        let node = at.node(self.caller)?.ok_or(Errno::Noent)?;
        self.arrive_outside(at, Some(node))
    }

    /// Returns where [`in_tree`](Self::in_tree) arrived.
    pub fn tree_target(&self) -> TreeTarget<'_> {
        let Place::Tree(parent) = self.at else { unreachable!("the walk arrived in the tree") };
        TreeTarget { parent, end: self.end(), found: self.found_in_tree, slash: self.slash }
    }

    /// Returns where [`outside`](Self::outside) arrived.
    pub fn foreign_target(&self) -> ForeignTarget<'_> {
        let Place::Foreign(path) = &self.at else { unreachable!("the walk arrived in a mount") };
        ForeignTarget { path, end: self.end(), found: self.found_outside.as_deref(), slash: self.slash }
    }

    fn end(&self) -> End<&str> {
        match &self.end {
            End::Name(range) => End::Name(&self.path[range.clone()]),
            End::Dot => End::Dot,
            End::DotDot => End::DotDot,
            End::Root => End::Root,
        }
    }

    /// Tells whether a symlink at this component is followed.
    fn follows(&self, component: &Component) -> bool {
        match self.last {
            _ if !component.is_last => true,
            Last::Follow => true,
            Last::NoFollow => component.slash,
            Last::Entry => false,
        }
    }

    /// Puts a symlink's target in the place of what has been walked so far.
    fn follow(&mut self, target: &str, end: usize) -> Result<(), Errno> {
        self.hops += 1;
        if self.hops > MOST_HOPS {
            return Err(Errno::Loop);
        }
        self.path = Cow::Owned(format!("{target}{}", &self.path[end..]));
        self.position = 0;
        if target.starts_with('/') {
            self.end = End::Root;
        }
        Ok(())
    }

    fn arrive(&mut self, at: InodeId, found: Option<InodeId>) -> Result<bool, Errno> {
        self.at = Place::Tree(at);
        self.found_in_tree = found;
        Ok(true)
    }

    fn arrive_outside(&mut self, at: ForeignPath, found: Option<ForeignNode>) -> Result<bool, Errno> {
        self.at = Place::Foreign(at);
        self.found_outside = found.map(Arc::new);
        Ok(true)
    }
}
