//! Every write to a file that is open for appending goes to its end, whoever made it longer.

use std::fs::OpenOptions;
use std::io::{Read, Seek, SeekFrom, Write};

use super::Scratch;
use crate::check::{During, Outcome, equal};

pub fn probe(_: &[String]) -> Outcome {
    let scratch = Scratch::new("append")?;
    let path = scratch.write("log", "0")?;
    let open = || OpenOptions::new().append(true).read(true).open(&path).during("open");
    let (mut first, mut second) = (open()?, open()?);
    for (file, text) in [(&mut first, "1"), (&mut second, "2")] {
        file.write_all(text.as_bytes()).during("write")?;
    }
    first.seek(SeekFrom::Start(0)).during("seek")?;
    first.write_all(b"3").during("write after seeking to the start")?;
    equal("content", scratch.read("log")?, "0123".to_owned())?;

    first.seek(SeekFrom::Start(1)).during("seek")?;
    let mut rest = String::new();
    first.read_to_string(&mut rest).during("read")?;
    equal("reading follows the seek", rest, "123".to_owned())
}
