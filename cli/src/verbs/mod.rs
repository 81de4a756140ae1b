//! The verbs of the command line.

pub(crate) mod guests;
pub(crate) mod run;
pub(crate) mod shell;
