//! Bytes from one process to another.

use std::io::{Read as _, Write as _};
use std::process::{Command as HostCommand, Stdio};

use anyhow::{Context as _, Result, ensure};
use stillbox::Command;
use stillbox::blocking::Sandbox;

use crate::{host, run};

fn pipeline(bytes: u64) -> String {
    format!("head -c {bytes} /dev/zero | cat | wc -c")
}

fn check(printed: &[u8], bytes: u64) -> Result<()> {
    let printed = String::from_utf8_lossy(printed);
    ensure!(printed.trim() == bytes.to_string(), "{bytes} bytes went in, {printed} came out");
    Ok(())
}

/// Sends bytes through two pipes of a shell's pipeline, in a sandbox.
pub fn throughput(sandbox: &Sandbox, bytes: u64) -> Result<()> {
    check(&run(sandbox, Command::shell(pipeline(bytes)))?.stdout_bytes, bytes)
}

/// The yardstick: the same pipeline on the host.
pub fn native_throughput(bytes: u64) -> Result<()> {
    check(&host::run("sh", &["-c", &pipeline(bytes)])?, bytes)
}

/// Sends a byte to another process and back, so many times, in a sandbox.
pub fn round_trips(sandbox: &Sandbox, rounds: u64) -> Result<()> {
    run(sandbox, Command::new("probes").args(["pipe_pingpong".to_owned(), rounds.to_string()])).map(drop)
}

/// The yardstick: the same between this process and a `cat` on the host.
pub fn native_round_trips(rounds: u64) -> Result<()> {
    let mut cat = HostCommand::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let mut to = cat.stdin.take().context("it has a stdin")?;
    let mut from = cat.stdout.take().context("it has a stdout")?;
    for round in 0..rounds {
        let ball = [round as u8];
        to.write_all(&ball)?;
        let mut back = [0];
        from.read_exact(&mut back)?;
        ensure!(back == ball, "another byte came back");
    }
    drop(to);
    ensure!(cat.wait()?.success(), "cat failed");
    Ok(())
}
