//! The file system of a sandbox: copy-on-write, POSIX in meaning, in memory.
//!
//! From the bottom up: `radix` is the persistent array under everything; `content` and `directory` are what inodes hold;
//! [`Tree`] is all inodes as a value, whose clone is a branch; [`FileSystem`] is a live tree with its mounts and its open
//! handles; `resolve` walks paths through it, and `open` and
//! `operations` are what is done with paths. Handles are [`OpenFile`] and
//! [`OpenDir`]. What is not in the tree (a host's directory, `/proc`) is reached through `foreign`.
//!
//! ```
//! use stillbox_kernel::clock::Clock;
//! use stillbox_kernel::fs::{At, FileSystem, OpenOptions, Quota, TreeBuilder};
//!
//! # fn main() -> Result<(), stillbox_kernel::Errno> {
//! let mut image = TreeBuilder::new(0);
//! image.skeleton()?.file("/etc/motd", &b"welcome"[..], 0o644)?;
//! let fs = FileSystem::new(&image.finish()?, Quota::default(), Clock::real());
//!
//! let branch = fs.branch(Clock::real());
//! let options = OpenOptions { write: true, ..OpenOptions::default() };
//! branch.open_file(At::root(1), "/etc/motd", &options)?.append(b" back")?;
//! assert_eq!(branch.read_file("/etc/motd")?, "welcome back");
//! assert_eq!(fs.read_file("/etc/motd")?, "welcome");
//! # Ok(())
//! # }
//! ```

mod chunk;
mod content;
mod device;
mod directory;
mod dynamic;
mod files;
mod filesystem;
mod foreign;
mod image;
mod inode;
mod mount;
mod open;
mod open_dir;
mod open_file;
mod operations;
pub mod path;
pub mod persist;
mod quota;
mod radix;
mod resolve;
mod tree;

pub use device::Device;
pub use dynamic::{DynamicDir, DynamicEntry, DynamicNode};
pub use files::ListedFile;
pub use filesystem::FileSystem;
pub use image::TreeBuilder;
pub use inode::{FileType, InodeId, SetTime, Stat};
pub use mount::{MountAccess, open_host_directory};
pub use open::{OpenOptions, Opened};
pub use open_dir::{DirectoryEntry, OpenDir};
pub use open_file::{Access, OpenFile};
pub use quota::{Quota, SpaceInfo, Usage};
pub use resolve::At;
pub use tree::Tree;
