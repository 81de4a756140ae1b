//! A sysroot for [`TARGET`] out of Debian's packages.
//!
//! Debian has a compiler that knows the target, the standard library's source and a C library, but no compiled standard
//! library. Made once, the sysroot has the layout of rustup's, so that guests are built the same way with either.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::toolchain::{TARGET, cargo, stable_paths};
use crate::shell;

/// Debian's compiler, also where another one comes first in `PATH`.
pub const RUSTC: &str = "/usr/bin/rustc";
/// The linker of Debian's LLVM.
pub const LINKER: &str = "/usr/bin/wasm-ld-22";
/// Where Debian keeps the compiler's own source.
pub const SOURCES: &str = "/usr/src/rustc-";

const STD_SOURCE: &str = "/usr/lib/rustlib/src/rust/library";
const C_LIBRARY: &str = "/usr/lib/wasm32-wasi";

/// Fails, with the remedy, if a package is missing.
pub fn require_packages() -> Result<()> {
    let needed = [
        (RUSTC.to_owned(), "rustc-web"),
        (format!("{STD_SOURCE}/std/Cargo.toml"), "rust-web-src"),
        (format!("{C_LIBRARY}/libc.a"), "wasi-libc"),
        (LINKER.to_owned(), "lld-22"),
    ];
    let missing: Vec<_> = needed.iter().filter(|(file, _)| !Path::new(file).exists()).map(|(_, name)| *name).collect();
    if missing.is_empty() {
        return Ok(());
    }
    bail!(
        "no compiler for {TARGET}: run `rustup target add {TARGET}`, or on Debian `apt-get install rustc-web \
         rust-web-src wasi-libc lld-22` (missing: {})",
        missing.join(" ")
    )
}

/// Returns the object that has what newer C libraries have and Debian's has not.
pub fn shim(sysroot: &Path) -> PathBuf {
    sysroot.join("libc_shim.o")
}

/// Returns the sysroot for `rustc`, making it if there is none.
pub fn make(guests: &Path, rustc: &Path) -> Result<PathBuf> {
    let version = shell::output(Command::new(rustc).arg("-vV"))?;
    let place = guests.join("target").join(format!("sysroot-{}", &blake3::hash(version.as_bytes()).to_hex()[..12]));
    let libraries = place.join("lib/rustlib").join(TARGET).join("lib");
    if !place.join("complete").exists() {
        eprintln!("compiling the standard library for {TARGET}, once");
        let self_contained = libraries.join("self-contained");
        fs::create_dir_all(&self_contained).with_context(|| format!("cannot create {}", self_contained.display()))?;
        for library in build_std(guests, &place, rustc)? {
            copy_into(&library, &libraries)?;
        }
        for file in ["crt1-command.o", "crt1-reactor.o", "libc.a"] {
            copy_into(&Path::new(C_LIBRARY).join(file), &self_contained)?;
        }
        fs::write(place.join("complete"), version).context("cannot mark the sysroot as complete")?;
    }
    // Cheap, and its source is ours and may have changed.
    let source = guests.join("sysroot/libc_shim.rs");
    let flags = ["--edition=2024", "--crate-type=lib", "-Copt-level=s", "-Ccodegen-units=1", "--target", TARGET];
    let emit = format!("--emit=obj={}", shim(&place).display());
    let sysroot = format!("--sysroot={}", place.display());
    let mut compile = Command::new(rustc);
    compile.args(flags).args([emit, sysroot]).args(stable_paths(guests)?).arg(source).env("RUSTC_BOOTSTRAP", "1");
    shell::run(&mut compile)?;
    Ok(place)
}

/// Compiles the standard library as the only dependency of an empty crate, and returns its parts.
fn build_std(guests: &Path, place: &Path, rustc: &Path) -> Result<Vec<PathBuf>> {
    let package = place.join("std-build");
    fs::create_dir_all(&package).with_context(|| format!("cannot create {}", package.display()))?;
    let manifest = "[package]\nname = \"std-build\"\nedition = \"2024\"\n\n[lib]\npath = \"lib.rs\"\n\n[workspace]\n\n\
                    [profile.release]\npanic = \"abort\"\n";
    fs::write(package.join("Cargo.toml"), manifest).context("cannot write the manifest of std-build")?;
    fs::write(package.join("lib.rs"), "#![no_std]\n").context("cannot write the source of std-build")?;

    let source = fs::canonicalize(STD_SOURCE).with_context(|| format!("cannot resolve {STD_SOURCE}"))?;
    let mut flags = stable_paths(guests)?;
    flags.extend(
        [STD_SOURCE.as_ref(), source.as_path()].map(|from| format!("--remap-path-prefix={}=/std", from.display())),
    );
    // Without bitcode in the libraries, link-time optimisation would stop at the border to std.
    flags.push("-Cembed-bitcode=yes".to_owned());

    let mut build = cargo(&package);
    build.args(["build", "--release", "-Zbuild-std=std,panic_abort", "--target", TARGET, "--message-format=json"]);
    build.arg("--target-dir").arg(package.join("target"));
    build.env("RUSTC", rustc).env("RUSTC_BOOTSTRAP", "1").env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"));
    let messages = shell::output(&mut build)?;
    let artifacts = messages.lines().filter_map(|line| serde_json::from_str::<Message>(line).ok());
    let files = artifacts.filter(|message| message.reason == "compiler-artifact").flat_map(|message| message.filenames);
    Ok(files.filter(|file| file.ends_with(".rlib") && !file.contains("std_build")).map(PathBuf::from).collect())
}

#[derive(Deserialize)]
struct Message {
    reason: String,
    #[serde(default)]
    filenames: Vec<String>,
}

fn copy_into(file: &Path, directory: &Path) -> Result<()> {
    let name = file.file_name().with_context(|| format!("{} has no name", file.display()))?;
    fs::copy(file, directory.join(name)).with_context(|| format!("cannot copy {}", file.display()))?;
    Ok(())
}
