//! A file can be made shorter and longer, and what comes back after that is zeros.

use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};

use super::Scratch;
use crate::check::{During, Outcome, equal, error};

/// The error of preview 1 for a right that a file was not opened with, which no C library outside of it knows.
const NOT_CAPABLE: i32 = 76;

pub fn probe(_: &[String]) -> Outcome {
    let scratch = Scratch::new("truncate")?;
    let path = scratch.write("file", "0123456789")?;
    let mut file = File::options().read(true).write(true).open(&path).during("open")?;
    file.seek(SeekFrom::Start(8)).during("seek")?;
    file.set_len(4).during("shorten")?;
    equal("shorter", scratch.read("file")?, "0123".to_owned())?;
    file.set_len(6).during("lengthen")?;
    equal("longer", scratch.read("file")?, "0123\0\0".to_owned())?;
    file.write_all(b"x").during("write where the offset was")?;
    equal("the offset stays", scratch.read("file")?, "0123\0\0\0\0x".to_owned())?;
    drop(File::create(&path).during("create over it")?);
    equal("created anew", scratch.read("file")?, String::new())?;
    let read_only = File::open(&path).during("open for reading")?;
    // Capabilities and Unix see different mistakes in it.
    error("open for reading", read_only.set_len(1), &[libc::EINVAL, libc::EBADF, NOT_CAPABLE])?;
    error("a directory", fs::write(&scratch.0, ""), &[libc::EISDIR])
}
