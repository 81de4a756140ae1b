//! The file system as the layers above see it.

mod files;
mod support;
