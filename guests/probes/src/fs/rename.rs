//! Renaming replaces what has the new name, in one step, where Unix allows that.

use std::fs;

use super::Scratch;
use crate::check::{During, Outcome, equal, error, that};

pub fn probe(_: &[String]) -> Outcome {
    let scratch = Scratch::new("rename")?;
    let path = |name: &str| scratch.path(name);
    scratch.write("a", "a")?;
    scratch.write("b", "b")?;
    fs::rename(path("a"), path("b")).during("over a file")?;
    equal("content", scratch.read("b")?, "a".to_owned())?;
    that("the old name is gone", !path("a").exists())?;
    error("what is not there", fs::rename(path("a"), path("c")), &[libc::ENOENT])?;

    fs::create_dir_all(path("full/inner")).during("create directories")?;
    fs::create_dir(path("empty")).during("create a directory")?;
    error("over a full directory", fs::rename(path("empty"), path("full")), &[libc::ENOTEMPTY])?;
    error("into itself", fs::rename(path("full"), path("full/inner/deeper")), &[libc::EINVAL])?;
    error("a directory over a file", fs::rename(path("full"), path("b")), &[libc::ENOTDIR])?;
    error("a file over a directory", fs::rename(path("b"), path("full")), &[libc::EISDIR])?;
    fs::rename(path("full"), path("empty")).during("over an empty directory")?;
    that("its content came along", path("empty/inner").is_dir() && !path("full").exists())?;
    fs::rename(path("b"), path("empty/inner/b")).during("into another directory")?;
    equal("content", scratch.read("empty/inner/b")?, "a".to_owned())
}
