//! What a directory holds.

/// One entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryEntry {
    /// Its name, without the directory's path.
    pub name: String,
    /// Whether it is itself a directory.
    pub is_dir: bool,
    /// Its size in bytes; `None` for directories.
    pub size: Option<u64>,
    /// When its content last changed, in milliseconds since the Unix epoch.
    pub modified_at_ms: Option<u64>,
}

impl DirectoryEntry {
    /// Sorts entries as [`list_directory`](crate::AsyncSandbox::list_directory) returns them: directories first, each
    /// kind by name.
    pub fn sort(entries: &mut [Self]) {
        entries.sort_by(|a, b| b.is_dir.cmp(&a.is_dir).then_with(|| a.name.cmp(&b.name)));
    }
}
