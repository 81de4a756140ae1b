//! Every test file is compiled: one that `main.rs` does not name would pass for ever.

use super::File;

const DIRECTORY: &str = "tests/tests/all/";

/// Returns the test files that the integration tests' contents page does not name.
pub fn broken(files: &[File]) -> Vec<String> {
    let Some(contents) = files.iter().find(|file| file.path == format!("{DIRECTORY}main.rs")) else {
        return Vec::new();
    };
    let modules = files.iter().filter_map(|file| file.path.strip_prefix(DIRECTORY)?.strip_suffix(".rs"));
    let forgotten = |module: &&str| {
        let declaration = format!("mod {};", module.strip_suffix("/mod").unwrap_or(module));
        !module.contains('/')
            && *module != "main"
            && !contents.text.lines().any(|line| line.trim().ends_with(&declaration))
    };
    modules.filter(forgotten).map(|module| format!("{DIRECTORY}{module}.rs: is not named in main.rs")).collect()
}
