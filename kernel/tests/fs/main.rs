//! The file system as the layers above see it.

mod directories;
mod files;
mod model;
mod mounts;
mod paths;
mod persist;
mod sequences;
mod support;
mod threads;
