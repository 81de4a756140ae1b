//! A file knows when it was read and written, and can be told otherwise.

use std::fs::{self, File, FileTimes};
use std::time::{Duration, SystemTime};

use super::Scratch;
use crate::check::{During, Outcome, equal, that};

pub fn probe(_: &[String]) -> Outcome {
    let scratch = Scratch::new("times")?;
    let path = scratch.write("file", "one")?;
    let modified = || fs::metadata(&path).and_then(|metadata| metadata.modified()).during("stat");
    let age = SystemTime::now().duration_since(modified()?).unwrap_or_default();
    that("a new file is new", age < Duration::from_secs(60))?;

    let then = SystemTime::UNIX_EPOCH + Duration::new(1_000_000_000, 123_456_789);
    let file = File::options().write(true).open(&path).during("open")?;
    file.set_times(FileTimes::new().set_modified(then).set_accessed(then)).during("set")?;
    equal("to the nanosecond", modified()?, then)?;
    equal("the other too", fs::metadata(&path).and_then(|metadata| metadata.accessed()).during("stat")?, then)?;
    drop(file);
    scratch.write("file", "two")?;
    that("writing makes it new", modified()? > then)?;

    let directory = || fs::metadata(&scratch.0).and_then(|metadata| metadata.modified()).during("stat");
    let before = directory()?;
    std::thread::sleep(Duration::from_millis(20));
    scratch.write("another", "")?;
    that("a new entry changes its directory", directory()? > before)
}
