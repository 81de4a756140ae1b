//! The ABI: what a guest imports, translated to the kernel's objects.
//!
//! `abi` is generated from the witx text; [`preview1`], [`wasix`] and [`stillbox`] implement a namespace each and are thin:
//! the work is done by what they share, [`fd_table`], [`files`], [`streams`], [`terminal`], [`poll`], [`clocks`] and
//! [`processes`].

#[expect(clippy::too_many_arguments, reason = "the ABI's functions have as many as they have")]
pub(crate) mod abi;
pub(crate) mod clocks;
pub(crate) mod fd_table;
pub(crate) mod files;
mod link;
mod memory;
pub(crate) mod poll;
mod preview1;
pub(crate) mod processes;
mod rights;
mod stillbox;
pub(crate) mod streams;
mod terminal;
mod unstable;
mod wasix;

pub(crate) use link::{BLOCKING, add_to_linker, is_blocking, stub_if_missing};
