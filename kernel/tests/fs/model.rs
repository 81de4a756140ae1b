//! A file system that is too simple to be wrong: the oracle of the random sequences.

use std::collections::BTreeMap;

use stillbox_kernel::Errno;

pub type Id = usize;

/// A whole file system in a vector; nothing is ever freed, and a branch is a copy of everything.
#[derive(Clone)]
pub struct Model {
    nodes: Vec<Node>,
}

#[derive(Clone)]
pub enum Node {
    File { data: Vec<u8>, links: u64 },
    Directory { entries: BTreeMap<String, Id>, parent: Id, removed: bool },
    Symlink { target: String },
}

/// Where a path ends: the directory, the name, and what has it. No name: `.`, `..` or the root.
type Found = (Id, Option<String>, Option<Id>);

impl Model {
    pub fn new() -> Self {
        Self { nodes: vec![Node::Directory { entries: BTreeMap::new(), parent: 0, removed: false }] }
    }

    pub fn node(&self, id: Id) -> &Node {
        &self.nodes[id]
    }

    pub fn data(&mut self, id: Id) -> &mut Vec<u8> {
        match &mut self.nodes[id] {
            Node::File { data, .. } => data,
            _ => panic!("a handle is of a file"),
        }
    }

    pub fn entries(&self, id: Id) -> Result<&BTreeMap<String, Id>, Errno> {
        match &self.nodes[id] {
            Node::Directory { entries, .. } => Ok(entries),
            _ => Err(Errno::Notdir),
        }
    }

    fn entries_mut(&mut self, id: Id) -> &mut BTreeMap<String, Id> {
        match &mut self.nodes[id] {
            Node::Directory { entries, .. } => entries,
            _ => panic!("a parent is a directory"),
        }
    }

    fn is_directory(&self, id: Id) -> bool {
        matches!(self.nodes[id], Node::Directory { .. })
    }

    fn resolve(&self, from: Id, path: &str, follow: bool, hops: &mut u32) -> Result<Found, Errno> {
        let mut at = if path.starts_with('/') { 0 } else { from };
        let names: Vec<&str> = path.split('/').filter(|name| !name.is_empty()).collect();
        for (index, name) in names.iter().enumerate() {
            let last = index + 1 == names.len();
            let Node::Directory { entries, parent, .. } = &self.nodes[at] else { return Err(Errno::Notdir) };
            match *name {
                "." => {}
                ".." => at = *parent,
                name => {
                    let Some(&child) = entries.get(name) else {
                        return if last { Ok((at, Some(name.to_owned()), None)) } else { Err(Errno::Noent) };
                    };
                    if let Node::Symlink { target } = &self.nodes[child]
                        && (!last || follow)
                    {
                        *hops += 1;
                        if *hops > 40 {
                            return Err(Errno::Loop);
                        }
                        let found = self.resolve(at, target, true, hops)?;
                        if last {
                            return Ok(found);
                        }
                        at = found.2.ok_or(Errno::Noent)?;
                    } else if last {
                        return Ok((at, Some(name.to_owned()), Some(child)));
                    } else {
                        at = child;
                    }
                }
            }
            if !self.is_directory(at) {
                return Err(Errno::Notdir);
            }
        }
        Ok((at, None, Some(at)))
    }

    pub fn find(&self, path: &str, follow: bool) -> Result<Found, Errno> {
        self.resolve(0, path, follow, &mut 0)
    }

    pub fn get(&self, path: &str, follow: bool) -> Result<Id, Errno> {
        self.find(path, follow)?.2.ok_or(Errno::Noent)
    }

    /// Adds a node under a name that must be free.
    pub fn add(&mut self, path: &str, node: Node) -> Result<Id, Errno> {
        let (parent, name, found) = self.find(path, false)?;
        if found.is_some() {
            return Err(Errno::Exist);
        }
        let id = self.nodes.len();
        let node = match node {
            Node::Directory { .. } => Node::Directory { entries: BTreeMap::new(), parent, removed: false },
            node => node,
        };
        self.nodes.push(node);
        self.entries_mut(parent).insert(name.expect("what was not found has a name"), id);
        Ok(id)
    }

    /// Opens a file for writing, and makes it if it is not there.
    pub fn open(&mut self, path: &str, truncate: bool) -> Result<Id, Errno> {
        let (parent, name, found) = self.find(path, true)?;
        let id = match found {
            Some(id) if self.is_directory(id) => return Err(Errno::Isdir),
            Some(id) => id,
            None => {
                let id = self.nodes.len();
                self.nodes.push(Node::File { data: Vec::new(), links: 1 });
                self.entries_mut(parent).insert(name.expect("what was not found has a name"), id);
                id
            }
        };
        if truncate {
            self.data(id).clear();
        }
        Ok(id)
    }

    pub fn link(&mut self, from: &str, to: &str) -> Result<(), Errno> {
        let id = self.get(from, false)?;
        let (parent, name, found) = self.find(to, false)?;
        if found.is_some() {
            return Err(Errno::Exist);
        }
        match &mut self.nodes[id] {
            Node::Directory { .. } => return Err(Errno::Perm),
            Node::File { links, .. } => *links += 1,
            Node::Symlink { .. } => {}
        }
        self.entries_mut(parent).insert(name.expect("what was not found has a name"), id);
        Ok(())
    }

    pub fn unlink(&mut self, path: &str) -> Result<(), Errno> {
        let (parent, name, found) = self.find(path, false)?;
        let name = name.ok_or(Errno::Isdir)?;
        let id = found.ok_or(Errno::Noent)?;
        if self.is_directory(id) {
            return Err(Errno::Isdir);
        }
        self.drop_entry(parent, &name);
        Ok(())
    }

    pub fn remove_directory(&mut self, path: &str) -> Result<(), Errno> {
        let (parent, name, found) = self.find(path, false)?;
        let id = found.ok_or(Errno::Noent)?;
        let name = name.ok_or(Errno::Inval)?;
        if !self.entries(id)?.is_empty() {
            return Err(Errno::Notempty);
        }
        self.drop_entry(parent, &name);
        Ok(())
    }

    pub fn rename(&mut self, from: &str, to: &str) -> Result<(), Errno> {
        let (from_parent, from_name, from_found) = self.find(from, false)?;
        let (to_parent, to_name, to_found) = self.find(to, false)?;
        let (from_name, to_name) = (from_name.ok_or(Errno::Busy)?, to_name.ok_or(Errno::Busy)?);
        let id = from_found.ok_or(Errno::Noent)?;
        if to_found == Some(id) {
            return Ok(());
        }
        if self.is_directory(id) {
            let mut above = to_parent;
            while above != 0 && above != id {
                let Node::Directory { parent, .. } = self.nodes[above] else { unreachable!() };
                above = parent;
            }
            if above == id {
                return Err(Errno::Inval);
            }
        }
        if let Some(replaced) = to_found {
            match (self.is_directory(id), self.is_directory(replaced)) {
                (true, false) => return Err(Errno::Notdir),
                (false, true) => return Err(Errno::Isdir),
                (true, true) if !self.entries(replaced)?.is_empty() => return Err(Errno::Notempty),
                _ => self.drop_entry(to_parent, &to_name),
            }
        }
        self.entries_mut(from_parent).remove(&from_name);
        self.entries_mut(to_parent).insert(to_name, id);
        if let Node::Directory { parent, .. } = &mut self.nodes[id] {
            *parent = to_parent;
        }
        Ok(())
    }

    fn drop_entry(&mut self, parent: Id, name: &str) {
        let id = self.entries_mut(parent).remove(name).expect("the entry is there");
        match &mut self.nodes[id] {
            Node::File { links, .. } => *links -= 1,
            Node::Directory { removed, .. } => *removed = true,
            Node::Symlink { .. } => {}
        }
    }
}
