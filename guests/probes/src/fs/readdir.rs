//! Listing a directory names each entry once, also while entries are being removed.

use std::collections::BTreeSet;
use std::fs;

use super::Scratch;
use crate::check::{During, Outcome, equal, that};

const COUNT: usize = 500;

pub fn probe(_: &[String]) -> Outcome {
    let scratch = Scratch::new("readdir")?;
    let mut expected = BTreeSet::new();
    for number in 0..COUNT {
        let name = format!("an entry with a name that is not short {number}");
        scratch.write(&name, "")?;
        expected.insert(name);
    }
    let mut seen = BTreeSet::new();
    for entry in fs::read_dir(&scratch.0).during("list")? {
        let entry = entry.during("next entry")?;
        that("it is a file", entry.file_type().during("its type")?.is_file())?;
        let name = entry.file_name().to_string_lossy().into_owned();
        that(&format!("`{name}` comes once"), seen.insert(name.clone()))?;
    }
    that("all of them", seen == expected)?;

    let mut removed = 0;
    for entry in fs::read_dir(&scratch.0).during("list again")? {
        fs::remove_file(entry.during("next entry")?.path()).during("remove while listing")?;
        removed += 1;
    }
    equal("removed", removed, COUNT)?;
    equal("what is left", fs::read_dir(&scratch.0).during("list the rest")?.count(), 0)
}
