//! What tests of damage and of limits share: tiny modules written as text, and whether a sandbox still works.

use std::time::{Duration, Instant};

use stillbox::{AsyncSandboxExt as _, Command, CommandResult, Limits, SandboxSpec};
use stillbox_tests::{Fresh, PROBES, stdout};

/// What counts as promptly: far more than it takes, far less than a hang.
pub const PROMPTLY: Duration = Duration::from_secs(15);

/// Returns a sandbox that has the probes, within these limits.
pub fn probing(limits: Limits) -> SandboxSpec {
    SandboxSpec::default().image(PROBES).limits(limits)
}

/// Runs a probe to its end.
pub async fn probe(sandbox: &Fresh, name: &str, args: &[&str]) -> CommandResult {
    let begun = Instant::now();
    let result = sandbox.ran(Command::new("probes").arg(name).args(args.iter().copied())).await;
    assert!(begun.elapsed() < PROMPTLY, "{name} took {:?}", begun.elapsed());
    result
}

/// Returns a command with these imports and this code.
pub fn command(imports: &str, code: &str) -> Vec<u8> {
    wat::parse_str(format!(r#"(module {imports} (func (export "_start") {code}))"#)).expect("the module is well formed")
}

/// Returns a command that exits with what an expression gives.
pub fn exiting(imports: &str, expression: &str) -> Vec<u8> {
    let module = format!(
        r#"(module {imports}
            (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
            (memory (export "memory") 1)
            (func (export "_start") (call $exit {expression})))"#
    );
    wat::parse_str(module).expect("the module is well formed")
}

/// Writes a module into a sandbox and runs it.
pub async fn run_module(sandbox: &Fresh, module: Vec<u8>) -> CommandResult {
    sandbox.write("module.wasm", module).await.unwrap();
    sandbox.ran(Command::new("./module.wasm")).await
}

/// Asserts that a sandbox still does what sandboxes do.
pub async fn assert_works(sandbox: &Fresh) {
    let result = sandbox.sh("echo one two | tr a-z A-Z > works; cat works").await;
    assert_eq!(stdout(&result), "ONE TWO\n");
}

/// Asserts that a sandbox works again once what was killed in it is gone.
pub async fn assert_works_soon(sandbox: &Fresh) {
    let begun = Instant::now();
    while begun.elapsed() < PROMPTLY {
        if sandbox
            .run(Command::shell("true | true"))
            .await
            .is_ok_and(|result| result.success() && result.stderr.is_empty())
        {
            return assert_works(sandbox).await;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let left = sandbox.run(Command::new("ps")).await;
    panic!("the sandbox still doesn't work after {:?}: {left:?}", begun.elapsed());
}
