//! The start of a process in a sandbox that lives, to its end, with its output read.

use anyhow::{Result, ensure};
use stillbox::Command;
use stillbox::blocking::Sandbox;

use crate::{host, run};

/// A program to start, here and on the host.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    /// What it is called in the reports.
    pub label: &'static str,
    /// The program, and its arguments.
    pub argv: &'static [&'static str],
    /// What it prints.
    pub prints: &'static str,
}

/// The programs: one that does nothing, one of many commands in one file, and a shell.
pub const PROGRAMS: &[Program] = &[
    Program { label: "true", argv: &["true"], prints: "" },
    Program { label: "echo", argv: &["/bin/echo", "hello"], prints: "hello\n" },
    Program { label: "sh", argv: &["sh", "-c", "echo $((6 * 7))"], prints: "42\n" },
];

impl Program {
    /// Runs it in a sandbox.
    pub fn sandboxed(&self, sandbox: &Sandbox) -> Result<()> {
        let result = run(sandbox, Command::new(self.argv[0]).args(self.argv[1..].iter().copied()))?;
        self.check(&result.stdout_bytes)
    }

    /// Runs its namesake on the host.
    pub fn native(&self) -> Result<()> {
        self.check(&host::run(self.argv[0], &self.argv[1..])?)
    }

    fn check(&self, printed: &[u8]) -> Result<()> {
        ensure!(printed == self.prints.as_bytes(), "{}: printed {:?}", self.label, String::from_utf8_lossy(printed));
        Ok(())
    }
}
