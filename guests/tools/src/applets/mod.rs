//! The applets, one file each, or one for a few that are alike.

pub mod bc;
pub mod chmod;
pub mod cmp;
pub mod column;
pub mod df;
pub mod diff;
pub mod du;
pub mod env;
pub mod file;
pub mod getopt_command;
pub mod hex;
pub mod identity;
pub mod install;
pub mod kill;
pub mod lines;
pub mod patch;
pub mod pgrep;
pub mod ps;
pub mod stat;
pub mod stty;
pub mod system;
pub mod terminal;
pub mod timeout;
pub mod tree;
pub mod which;
pub mod wrappers;
