//! Patterns, and the files that match them.

mod path;
mod pattern;

pub use path::expand_path;
pub use pattern::{Pattern, escape, has_magic};
