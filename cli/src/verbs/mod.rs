//! The verbs of the command line.

pub(crate) mod guests;
pub(crate) mod named;
pub(crate) mod run;
pub(crate) mod shell;
pub(crate) mod snapshots;
