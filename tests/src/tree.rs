//! A directory of the host as a value, so that it can be given to a sandbox and to a command of the host alike.

use std::fs;
use std::path::Path;

use stillbox::{AsyncSandbox, AsyncSandboxExt as _};

/// The files of a directory, each with its path in it.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    files: Vec<(String, Vec<u8>)>,
}

impl Tree {
    /// Reads a directory with all that is under it.
    ///
    /// # Panics
    ///
    /// If something can't be read, or has a name that isn't UTF-8.
    pub fn read(root: &Path) -> Self {
        let mut tree = Self::default();
        tree.add(root, "");
        tree.files.sort();
        tree
    }

    fn add(&mut self, dir: &Path, prefix: &str) {
        let entries = fs::read_dir(dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
        for entry in entries {
            let entry = entry.expect("the directory can be read");
            let name = entry.file_name().into_string().expect("a name is UTF-8");
            let path = format!("{prefix}{name}");
            if entry.file_type().expect("an entry has a type").is_dir() {
                self.add(&entry.path(), &format!("{path}/"));
            } else {
                self.files.push((path, fs::read(entry.path()).expect("the file can be read")));
            }
        }
    }

    /// Writes the files under a directory of the host.
    ///
    /// # Panics
    ///
    /// If that fails.
    pub fn write_to_host(&self, root: &Path) {
        for (path, content) in &self.files {
            let path = root.join(path);
            fs::create_dir_all(path.parent().expect("a file is in a directory")).expect("a directory can be made");
            fs::write(path, content).expect("a file can be written");
        }
    }

    /// Writes the files under a directory of a sandbox.
    ///
    /// # Panics
    ///
    /// If that fails.
    pub async fn write_to_sandbox(&self, sandbox: &dyn AsyncSandbox, root: &str) {
        for (path, content) in &self.files {
            sandbox.write(&format!("{root}/{path}"), content.clone()).await.expect("a file can be written");
        }
    }
}
