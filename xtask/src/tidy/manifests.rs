//! What every crate's manifest says.

use super::File;

/// Crates that must not depend on the runtime, not even for a test.
const WITHOUT_RUNTIME: [&str; 3] = ["host-api/Cargo.toml", "kernel/Cargo.toml", "checkpoint/Cargo.toml"];

/// Returns the manifests that do not take the workspace's lints, or depend on what their crate must not know.
pub fn broken(files: &[File]) -> Vec<String> {
    let manifests = files.iter().filter(|file| file.path.ends_with("Cargo.toml"));
    manifests.flat_map(|file| [without_lints(file), with_runtime(file)]).flatten().collect()
}

fn without_lints(file: &File) -> Option<String> {
    let is_package = file.text.contains("[package]") && !file.path.starts_with("fuzz/");
    let broken = is_package && !file.text.contains("[lints]\nworkspace = true");
    broken.then(|| format!("{}: does not take the workspace's lints", file.path))
}

fn with_runtime(file: &File) -> Option<String> {
    let names_runtime = |line: &str| ["wasmtime", "wiggle", "stillbox "].iter().any(|name| line.starts_with(name));
    let broken = WITHOUT_RUNTIME.contains(&file.path.as_str()) && file.text.lines().any(names_runtime);
    broken.then(|| format!("{}: depends on the runtime", file.path))
}
