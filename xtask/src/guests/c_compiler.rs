//! The compiler for the parts of guests that are C: Debian's, or the one that `CC_wasm32_wasip1` names.

use std::env;
use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use super::toolchain::TARGET;
use crate::shell;

const CLANG: &str = "/usr/bin/clang-22";
const ARCHIVER: &str = "/usr/bin/llvm-ar-22";
const HEADERS: &str = "/usr/include/wasm32-wasi";

/// A compiler of C, and the headers of the C library.
pub struct CCompiler {
    program: String,
    /// Its variables for the crate `cc`, without the target that each name ends with.
    variables: Vec<(&'static str, String)>,
}

impl CCompiler {
    /// Finds a compiler: the one that the environment names, with what else is set there, or else Debian's.
    pub fn find() -> Result<Self> {
        if let Ok(program) = env::var(variable("CC")) {
            return Ok(Self { program, variables: Vec::new() });
        }
        let headers = format!("{HEADERS}/stdio.h");
        let needed = [(CLANG, "clang-22"), (ARCHIVER, "llvm-22"), (&headers, "wasi-libc")];
        let missing: Vec<_> =
            needed.iter().filter(|(file, _)| !Path::new(file).exists()).map(|(_, name)| *name).collect();
        if !missing.is_empty() {
            bail!(
                "no C compiler for {TARGET}: on Debian `apt-get install clang-22 llvm-22 wasi-libc` (missing: {}), or set \
                 {} to a clang that knows the target and its C library, of version 22 or newer",
                missing.join(" "),
                variable("CC")
            );
        }
        let variables = vec![
            ("CC", CLANG.to_owned()),
            ("AR", ARCHIVER.to_owned()),
            ("CFLAGS", format!("-nostdlibinc -isystem {HEADERS}")),
        ];
        Ok(Self { program: CLANG.to_owned(), variables })
    }

    /// Returns the first line of what the compiler says about itself.
    pub fn description(&self) -> Result<String> {
        let version = shell::output(Command::new(&self.program).arg("--version"))?;
        Ok(version.lines().next().unwrap_or_default().to_owned())
    }

    /// Has what `cargo` builds use this compiler.
    pub fn set(&self, cargo: &mut Command) {
        cargo.envs(self.variables.iter().map(|(name, value)| (variable(name), value)));
    }
}

fn variable(name: &str) -> String {
    format!("{name}_{}", TARGET.replace('-', "_"))
}
