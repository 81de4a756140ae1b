//! A file with two names is one file, and lives until the last of them is gone.

use std::fs;

use super::{Scratch, names};
use crate::check::{During, Outcome, equal, error};

pub fn probe(_: &[String]) -> Outcome {
    let scratch = Scratch::new("links")?;
    let first = scratch.write("first", "one")?;
    let second = scratch.path("second");
    fs::hard_link(&first, &second).during("link")?;
    equal("names", names(&first).during("stat")?, 2)?;
    scratch.write("second", "changed through the other name")?;
    equal("content", scratch.read("first")?, "changed through the other name".to_owned())?;
    error("over a name that is taken", fs::hard_link(&first, &second), &[libc::EEXIST])?;
    fs::rename(&first, &second).during("rename onto the same file")?;
    equal("that does nothing", names(&first).during("stat")?, 2)?;
    fs::remove_file(&first).during("remove the first name")?;
    equal("names", names(&second).during("stat")?, 1)?;
    equal("content", scratch.read("second")?, "changed through the other name".to_owned())?;
    let directory = scratch.path("directory");
    fs::create_dir(&directory).during("create a directory")?;
    error("of a directory", fs::hard_link(&directory, scratch.path("third")), &[libc::EPERM])
}
