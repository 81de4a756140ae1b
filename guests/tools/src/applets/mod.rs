//! The applets, one file each, or one for a few that are alike.

pub mod chmod;
pub mod cmp;
pub mod column;
pub mod diff;
pub mod env;
pub mod identity;
pub mod kill;
pub mod lines;
pub mod timeout;
pub mod which;
pub mod wrappers;
