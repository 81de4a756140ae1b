//! Every exception from a rule says why it is one.
//!
//! Clippy holds `allow` and `expect` attributes to that; here is what it does not see.

use super::File;

/// Returns tests that are ignored, and lints that are switched off in a manifest, without a reason.
pub fn broken(files: &[File]) -> Vec<String> {
    let tests = files.iter().filter(|file| file.is_rust()).flat_map(ignored_tests);
    let lints = files.iter().filter(|file| file.path.ends_with("Cargo.toml")).flat_map(ignored_lints);
    tests.chain(lints).collect()
}

fn ignored_tests(file: &File) -> Vec<String> {
    let bare = file.code().filter(|(_, line)| line.trim() == "#[ignore]");
    bare.map(|(number, _)| format!("{}:{number}: an ignored test without a reason", file.path)).collect()
}

fn ignored_lints(file: &File) -> Vec<String> {
    let mut broken = Vec::new();
    let mut in_lints = false;
    let mut previous = "";
    for (index, line) in file.text.lines().enumerate() {
        if line.starts_with('[') {
            in_lints = line.contains("lints");
        }
        if in_lints && line.contains("\"allow\"") && !previous.starts_with('#') && !line.contains('#') {
            broken.push(format!("{}:{}: a lint is switched off without a comment", file.path, index + 1));
        }
        previous = line;
    }
    broken
}
