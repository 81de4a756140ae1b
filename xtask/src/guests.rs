//! `cargo xtask guests`: builds the programs of `guests/` into `guests/prebuilt/`.

mod c_compiler;
mod programs;
mod provenance;
mod sources;
mod sysroot;
mod toolchain;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::{repository, shell};
use c_compiler::CCompiler;
use programs::Program;
use provenance::{Entry, Provenance};
use toolchain::Toolchain;

pub use provenance::stale;

/// Build the programs that run inside a sandbox, and record what they were built from
#[derive(clap::Args)]
pub struct Guests {
    /// Programs or packages to build (all of them if none is named)
    names: Vec<String>,
    /// Build nothing; fail if a prebuilt program is older than its sources
    #[arg(long)]
    check: bool,
    /// How many jobs Cargo may run at once
    #[arg(long, short)]
    jobs: Option<u32>,
}

impl Guests {
    /// Returns the verb that only checks.
    pub fn check() -> Self {
        Self { names: Vec::new(), check: true, jobs: None }
    }

    /// Builds, or checks, the programs.
    pub fn run(self) -> Result<()> {
        let guests = repository().join("guests");
        if self.check {
            return check_prebuilt(&guests);
        }
        let programs = self.select(programs::all(&guests)?)?;
        build(&guests, &programs, self.jobs)
    }

    fn select(&self, all: Vec<Program>) -> Result<Vec<Program>> {
        if let Some(unknown) = self.names.iter().find(|name| !all.iter().any(|program| program.is_called(name))) {
            let known: Vec<_> = all.iter().map(|program| program.name.as_str()).collect();
            bail!("no guest is called `{unknown}`; there are: {}", known.join(" "));
        }
        let named = |program: &Program| self.names.iter().any(|name| program.is_called(name));
        Ok(all.into_iter().filter(|program| self.names.is_empty() || named(program)).collect())
    }
}

fn check_prebuilt(guests: &Path) -> Result<()> {
    let stale = stale(guests)?;
    if stale.is_empty() {
        return Ok(());
    }
    bail!("prebuilt guests are not what their sources say; run `cargo xtask guests`:\n  {}", stale.join("\n  "));
}

fn build(guests: &Path, programs: &[Program], jobs: Option<u32>) -> Result<()> {
    let toolchain = Toolchain::find(guests)?;
    let c_compiler = programs.iter().any(|program| program.has_c).then(CCompiler::find).transpose()?;
    let mut cargo = toolchain.cargo(guests, "build")?;
    if let Some(c_compiler) = &c_compiler {
        c_compiler.set(&mut cargo);
    }
    if let Some(jobs) = jobs {
        cargo.arg(format!("-j{jobs}"));
    }
    for program in programs {
        cargo.args(["--package", &program.package, "--bin", &program.name]);
    }
    // Taken before the build: what is edited while it runs counts as changed since.
    let fingerprints = programs.iter().map(|program| sources::fingerprint(guests, &program.package));
    let fingerprints = fingerprints.collect::<Result<Vec<_>>>()?;
    shell::run(&mut cargo)?;

    let mut provenance = Provenance::read(guests)?;
    let prebuilt = guests.join("prebuilt");
    fs::create_dir_all(&prebuilt).with_context(|| format!("cannot create {}", prebuilt.display()))?;
    for (program, fingerprint) in programs.iter().zip(fingerprints) {
        let file = format!("{}.wasm", program.name);
        let built = guests.join("target").join(toolchain::TARGET).join("release").join(&file);
        let wasm = fs::read(&built).with_context(|| format!("cannot read {}", built.display()))?;
        toolchain::refuse_machine_paths(guests, &program.name, &wasm)?;
        fs::write(prebuilt.join(&file), &wasm).with_context(|| format!("cannot write prebuilt/{file}"))?;
        println!("{:>10}  {file}", wasm.len());
        let mut built_by = toolchain.description().to_owned();
        if let Some(c_compiler) = c_compiler.as_ref().filter(|_| program.has_c) {
            built_by = format!("{built_by}, {}", c_compiler.description()?);
        }
        provenance.put(Entry::new(program, built_by, fingerprint, &wasm));
    }
    provenance.write(guests)
}

#[cfg(test)]
mod tests;
