//! The directories, links and configuration files of the default image.
//!
//! `/dev` and `/proc` are empty here: what appears in them is the kernel's.

/// One entry of the image.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its absolute path. Its parent directory is an earlier entry.
    pub path: &'static str,
    /// What it is.
    pub node: Node,
}

/// What an [`Entry`] is.
#[derive(Clone, Copy, Debug)]
pub enum Node {
    /// A directory.
    Directory {
        /// Its permissions.
        mode: u32,
    },
    /// A regular file.
    File {
        /// Its permissions.
        mode: u32,
        /// What it holds.
        content: &'static [u8],
    },
    /// A symbolic link.
    Symlink {
        /// What it points to.
        target: &'static str,
    },
}

/// Every entry, parents first.
pub const ENTRIES: &[Entry] = &[
    directory("/bin"),
    directory("/dev"),
    directory("/etc"),
    file("/etc/group", include_str!("etc/group")),
    file("/etc/hostname", include_str!("etc/hostname")),
    file("/etc/hosts", include_str!("etc/hosts")),
    file("/etc/os-release", include_str!("etc/os-release")),
    file("/etc/passwd", include_str!("etc/passwd")),
    file("/etc/profile", include_str!("etc/profile")),
    file("/etc/shells", include_str!("etc/shells")),
    directory("/home"),
    directory("/mnt"),
    directory("/opt"),
    directory("/proc"),
    Entry { path: "/root", node: Node::Directory { mode: 0o700 } },
    directory("/run"),
    symlink("/sbin", "bin"),
    directory("/srv"),
    anyones_directory("/tmp"),
    directory("/usr"),
    symlink("/usr/bin", "../bin"),
    directory("/usr/lib"),
    directory("/usr/local"),
    directory("/usr/local/bin"),
    directory("/usr/local/lib"),
    directory("/usr/local/share"),
    symlink("/usr/sbin", "../bin"),
    directory("/usr/share"),
    directory("/var"),
    directory("/var/cache"),
    directory("/var/lib"),
    directory("/var/log"),
    symlink("/var/run", "../run"),
    anyones_directory("/var/tmp"),
];

const fn directory(path: &'static str) -> Entry {
    Entry { path, node: Node::Directory { mode: 0o755 } }
}

/// Where anyone may make files but only remove their own.
const fn anyones_directory(path: &'static str) -> Entry {
    Entry { path, node: Node::Directory { mode: 0o1777 } }
}

const fn file(path: &'static str, content: &'static str) -> Entry {
    Entry { path, node: Node::File { mode: 0o644, content: content.as_bytes() } }
}

const fn symlink(path: &'static str, target: &'static str) -> Entry {
    Entry { path, node: Node::Symlink { target } }
}
