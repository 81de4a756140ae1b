//! A file that is open stays a file when its name is gone.

use std::fs::{self, File};
use std::io::{Read, Seek, Write};

use super::Scratch;
use crate::check::{During, Outcome, equal, that};

pub fn probe(_: &[String]) -> Outcome {
    let scratch = Scratch::new("unlink_open")?;
    let path = scratch.path("file");
    let mut file = File::options().read(true).write(true).create(true).truncate(true).open(&path).during("create")?;
    file.write_all(b"before, ").during("write")?;
    fs::remove_file(&path).during("remove")?;
    that("the name is gone", !path.exists())?;
    file.write_all(b"after").during("write without a name")?;
    scratch.write("file", "another file of that name")?;
    file.rewind().during("rewind")?;
    let mut content = String::new();
    file.read_to_string(&mut content).during("read without a name")?;
    equal("content", content, "before, after".to_owned())?;
    equal("the other", scratch.read("file")?, "another file of that name".to_owned())
}
