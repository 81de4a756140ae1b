//! Symbolic links are followed, up to a bound, and can be looked at themselves.

use std::fs;
use std::path::Path;

use super::{Scratch, symlink};
use crate::check::{During, Outcome, equal, error, that};

pub fn probe(_: &[String]) -> Outcome {
    let scratch = Scratch::new("symlinks")?;
    fs::create_dir(scratch.path("directory")).during("create a directory")?;
    scratch.write("directory/file", "content")?;
    let (link, up, dangling) = (scratch.path("link"), scratch.path("directory/up"), scratch.path("dangling"));
    symlink("directory", &link).during("link to a directory")?;
    symlink("../link/file", &up).during("link through a link")?;
    symlink("nowhere", &dangling).during("link to nothing")?;
    equal("through one", scratch.read("link/file")?, "content".to_owned())?;
    equal("through three", scratch.read("link/up")?, "content".to_owned())?;
    equal("where it points", fs::read_link(&link).during("readlink")?.as_path(), Path::new("directory"))?;
    that("it is a link", fs::symlink_metadata(&link).during("lstat")?.is_symlink())?;
    that("to a directory", fs::metadata(&link).during("stat")?.is_dir())?;

    error("to nothing", fs::metadata(&dangling), &[libc::ENOENT])?;
    fs::write(&dangling, "made").during("write through a link to nothing")?;
    equal("made where it points", scratch.read("nowhere")?, "made".to_owned())?;
    symlink("round", &scratch.path("round")).during("link to itself")?;
    error("to itself", fs::read(scratch.path("round")), &[libc::ELOOP])?;
    fs::remove_file(&link).during("remove the link")?;
    equal("its target stays", scratch.read("directory/file")?, "content".to_owned())
}
