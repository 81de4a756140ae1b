//! Programs that compute: as they are, with the runtime's epochs, and so that they can be held still, beside the same in a
//! sandbox.

use std::cell::OnceCell;
use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use stillbox::Command;
use stillbox::blocking::{Engine, Sandbox};
use stillbox_cli::guests::{self, Store, catalog};
use stillbox_cli::home::Home;
use tempfile::TempDir;

use crate::plain::{Build, Plain};
use crate::{cache, run, sandbox};

/// Where programs find their script.
const DIR: &str = "/work";

/// A program, and what it is to compute.
#[derive(Clone, Copy, Debug)]
pub struct Work {
    /// What it is called in the reports.
    pub label: &'static str,
    program: &'static str,
    arguments: &'static [&'static str],
    /// Its name, and what it says.
    script: Option<(&'static str, &'static str)>,
}

/// An interpreter that reads a script.
const fn script(label: &'static str, program: &'static str, file: &'static str, text: &'static str) -> Work {
    Work { label, program, arguments: &[], script: Some((file, text)) }
}

/// A loop, compiled from Rust.
const fn kernel(label: &'static str, arguments: &'static [&'static str]) -> Work {
    Work { label, program: "/work/probes", arguments, script: None }
}

/// What is measured: interpreters, a database, and loops.
pub const WORKS: &[Work] = &[
    script("Lua", "/usr/bin/lua", "/work/work.lua", include_str!("work/work.lua")),
    script("QuickJS", "/opt/stillbox/quickjs/quickjs", "/work/work.js", include_str!("work/work.js")),
    script("CPython", "/usr/local/bin/python3.12", "/work/work.py", include_str!("work/work.py")),
    Work {
        arguments: &["-batch", ":memory:", ".read /work/work.sql"],
        ..script("SQLite", "/opt/stillbox/sqlite/sqlite3", "/work/work.sql", include_str!("work/work.sql"))
    },
    kernel("matmul", &["bench_matmul", "500"]),
    kernel("fib", &["bench_fib", "36"]),
    kernel("sort", &["bench_sort", "2000000"]),
    kernel("sieve", &["bench_sieve", "20000000"]),
    kernel("xorshift", &["bench_spin", "100000000"]),
];

/// What the programs are taken from.
pub struct Programs {
    sandbox: Sandbox,
}

impl Programs {
    /// Starts an engine whose sandboxes have the interpreters, which are fetched if they aren't there yet.
    pub fn new() -> Result<Self> {
        let home = Home { cache: cache(), data: cache().join("home") };
        let store = Store::open(&home)?;
        for name in ["python", "quickjs", "sqlite"] {
            let recipe = catalog::find(name).context("it is not in the catalog")?;
            guests::add_from_catalog(&store, recipe)?;
        }
        let sandbox = sandbox(&Engine::from(stillbox_cli::image::engine(&home, &store)?))?;
        let probes = stillbox_guests::find("probes").context("the probes are not prebuilt")?;
        sandbox.write_file("/work/probes", probes.bytes)?;
        Ok(Self { sandbox })
    }
}

/// Some work, ready to be done in each way.
pub struct Ready<'a> {
    work: &'a Work,
    programs: &'a Programs,
    builds: [Plain; 3],
    dir: TempDir,
    /// What the first one printed.
    printed: OnceCell<Vec<u8>>,
}

impl<'a> Ready<'a> {
    /// Compiles the program in each way.
    pub fn new(programs: &'a Programs, work: &'a Work) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        if let Some((file, text)) = work.script {
            programs.sandbox.write_file(file, text)?;
            let name = file.strip_prefix(DIR).context("a script is not in the directory")?;
            fs::write(dir.path().join(name.trim_start_matches('/')), text)?;
        }
        let wasm = programs.sandbox.read_file(work.program)?;
        let build = |build| Plain::new(build, &wasm);
        let builds = [build(Build::Captured)?, build(Build::Plain)?, build(Build::Epochs)?];
        Ok(Self { work, programs, builds, dir, printed: OnceCell::new() })
    }

    fn arguments(&self) -> impl Iterator<Item = &'static str> {
        let script = self.work.script.filter(|_| self.work.arguments.is_empty());
        self.work.arguments.iter().copied().chain(script.map(|(file, _)| file))
    }

    /// Returns how long the work takes in the runtime's own WASI.
    pub fn plain(&self, build: Build) -> Result<Duration> {
        let plain = match build {
            Build::Captured => &self.builds[0],
            Build::Plain => &self.builds[1],
            Build::Epochs => &self.builds[2],
        };
        let arguments: Vec<_> = [self.work.program].into_iter().chain(self.arguments()).collect();
        let (printed, took) = plain.run(&arguments, self.dir.path(), DIR)?;
        self.check(printed)?;
        Ok(took)
    }

    /// Returns how long the work takes in a sandbox, from the call that starts it to its end.
    pub fn sandboxed(&self) -> Result<Duration> {
        let begun = Instant::now();
        let result = run(&self.programs.sandbox, Command::new(self.work.program).args(self.arguments()))?;
        let took = begun.elapsed();
        self.check(result.stdout_bytes.into())?;
        Ok(took)
    }

    /// Fails unless each of them prints the same.
    fn check(&self, printed: Vec<u8>) -> Result<()> {
        let first = self.printed.get_or_init(|| printed.clone());
        ensure!(
            !printed.is_empty() && printed == *first,
            "{} printed {:?}",
            self.work.label,
            String::from_utf8_lossy(&printed)
        );
        Ok(())
    }
}
