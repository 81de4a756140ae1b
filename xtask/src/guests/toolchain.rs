//! The compiler that builds guests: rustup's with its wasm target, or Debian's with a sysroot that is made here.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use anyhow::{Context, Result, bail};

use super::sysroot;
use crate::shell;

/// What guests are compiled for.
pub const TARGET: &str = "wasm32-wasip1";

/// A compiler that can build for [`TARGET`].
pub struct Toolchain {
    rustc: PathBuf,
    description: String,
    flags: Vec<String>,
}

impl Toolchain {
    /// Finds a compiler: the one in `PATH` if it has the target, or else Debian's.
    ///
    /// The first use of Debian's compiles the standard library once, which takes about a minute.
    pub fn find(guests: &Path) -> Result<Self> {
        let rustc = PathBuf::from(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
        if has_target(&rustc) {
            let description = format!("{}, rustup's {TARGET}", version(&rustc)?);
            return Ok(Self { rustc, description, flags: Vec::new() });
        }
        let rustc = PathBuf::from(sysroot::RUSTC);
        sysroot::require_packages()?;
        let description = format!("{}, Debian's wasi-libc", version(&rustc)?);
        let sysroot = sysroot::make(guests, &rustc)?;
        let flags = vec![
            format!("--sysroot={}", sysroot.display()),
            format!("-Clinker={}", sysroot::LINKER),
            format!("-Clink-arg={}", sysroot::shim(&sysroot).display()),
            "-Clink-arg=--wrap=linkat".to_owned(),
        ];
        Ok(Self { rustc, description, flags })
    }

    /// Returns how the compiler calls itself, and where its wasm library is from.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// Returns `cargo VERB` for the workspace in `guests`, set up for this compiler.
    pub fn cargo(&self, guests: &Path, verb: &str) -> Result<Command> {
        // The sources have to be there before their directories can be given names that are the same on every machine.
        shell::run(cargo(guests).args(["fetch", "--target", TARGET]).env("RUSTC", &self.rustc))?;
        let mut flags = self.flags.clone();
        flags.extend(stable_paths(guests)?);
        let mut cargo = cargo(guests);
        cargo.args([verb, "--release", "--target", TARGET, "--target-dir"]).arg(guests.join("target"));
        cargo.env("RUSTC", &self.rustc).env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"));
        Ok(cargo)
    }
}

/// Fails if `wasm` holds a path of the machine that it was built on.
pub fn refuse_machine_paths(guests: &Path, name: &str, wasm: &[u8]) -> Result<()> {
    for place in [cargo_home()?, guests.to_path_buf(), PathBuf::from(sysroot::SOURCES)] {
        let place = place.to_string_lossy();
        if wasm.windows(place.len()).any(|window| window == place.as_bytes()) {
            bail!("{name}.wasm contains the path {place}: it would differ from machine to machine");
        }
    }
    Ok(())
}

/// Returns Cargo, in `guests`.
pub fn cargo(guests: &Path) -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(guests);
    cargo
}

/// Returns flags that keep the machine's directories out of panic messages.
pub fn stable_paths(guests: &Path) -> Result<Vec<String>> {
    let remap = |from: &Path, to: &str| format!("--remap-path-prefix={}={to}", from.display());
    let home = cargo_home()?;
    let mut flags = vec![remap(&home, "/cargo"), remap(guests, "/guests")];
    let registries = home.join("registry/src");
    let mut directories: Vec<_> = match fs::read_dir(&registries) {
        Ok(entries) => entries.flatten().map(|entry| entry.path()).collect(),
        Err(_) => Vec::new(),
    };
    directories.sort();
    flags.extend(directories.iter().map(|directory| remap(directory, "/cargo/registry")));
    Ok(flags)
}

fn cargo_home() -> Result<PathBuf> {
    if let Some(home) = env::var_os("CARGO_HOME") {
        return Ok(home.into());
    }
    Ok(env::home_dir().context("neither CARGO_HOME nor a home directory is set")?.join(".cargo"))
}

fn has_target(rustc: &Path) -> bool {
    let libraries = Command::new(rustc).args(["--print", "target-libdir", "--target", TARGET]).output();
    libraries.is_ok_and(|output| Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir())
}

fn version(rustc: &Path) -> Result<String> {
    Ok(shell::output(Command::new(rustc).arg("--version"))?.trim().to_owned())
}
