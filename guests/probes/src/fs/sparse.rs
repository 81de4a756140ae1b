//! What was never written reads as zeros, and does not have to be there.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};

use super::Scratch;
use crate::check::{During, Outcome, equal, that};

const FAR: u64 = 8 << 20;

pub fn probe(_: &[String]) -> Outcome {
    let scratch = Scratch::new("sparse")?;
    let path = scratch.path("file");
    let mut file = File::options().read(true).write(true).create(true).truncate(true).open(&path).during("create")?;
    file.seek(SeekFrom::Start(FAR)).during("seek past the end")?;
    equal("seeking adds nothing", file.metadata().during("stat")?.len(), 0)?;
    file.write_all(b"end").during("write past the end")?;
    equal("size", file.metadata().during("stat")?.len(), FAR + 3)?;
    file.rewind().during("rewind")?;
    let mut content = Vec::new();
    file.read_to_end(&mut content).during("read")?;
    that("the hole is zeros", content[..FAR as usize].iter().all(|byte| *byte == 0))?;
    equal("the end", &content[FAR as usize..], b"end")
}
