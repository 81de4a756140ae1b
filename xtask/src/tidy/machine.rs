//! Nothing committed depends on, or tells about, the machine that it was written on.

use std::env;

use super::File;
use crate::repository;

/// Parts of paths and host names that only make sense on some machine or in some network.
const WORDS: [&str; 8] = [
    "/root/.",
    "/.cargo/registry",
    "/.rustup/toolchains",
    "index.crates.io",
    "static.crates.io",
    "registry.npmjs.org",
    "files.pythonhosted.org",
    "deb.debian.org",
];

/// Returns the lines that hold a path of this machine or the host name of a registry.
pub fn broken(files: &[File]) -> Vec<String> {
    let mut words: Vec<String> = WORDS.map(str::to_owned).to_vec();
    words.push(format!("{}/", repository().display()));
    words.extend(env::home_dir().filter(|home| home.starts_with("/home")).map(|home| format!("{}/", home.display())));

    // The check and its test have to name the words.
    let files = files.iter().filter(|file| !file.path.starts_with("xtask/src/tidy/"));
    files.flat_map(|file| mentions(file, &words)).collect()
}

fn mentions(file: &File, words: &[String]) -> Vec<String> {
    let lines = file.text.lines().enumerate();
    let found = lines.filter_map(|(index, line)| Some((index + 1, words.iter().find(|word| line.contains(*word))?)));
    found.map(|(number, word)| format!("{}:{number}: `{word}` belongs to one machine or network", file.path)).collect()
}
