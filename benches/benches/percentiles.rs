//! Medians and 99th percentiles of single operations, ours and the yardsticks' taken in turns.

use std::time::Duration;

use anyhow::Result;
use stillbox_benches::sample::{Side, compare};
use stillbox_benches::{create, engine, exec, files, pipes, sandbox};

/// How many samples are taken of what takes less than a millisecond or so.
const MANY: usize = 1_000;

/// How many samples are taken of what takes longer.
const FEW: usize = 50;

/// How many rounds make one sample of what is too short to be timed alone.
const ROUNDS: u64 = 100;

/// What goes through the pipes, in bytes.
const PIPED: u64 = 32 << 20;

fn main() -> Result<()> {
    // Cargo passes options of the harness, such as `--bench`; and a name to run only what is called so.
    let wanted = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    for (name, comparison) in
        [("create", lives as fn() -> Result<()>), ("exec", starts), ("pipes", bytes), ("files", rounds)]
    {
        if wanted.as_deref().is_none_or(|wanted| name.contains(wanted)) {
            comparison()?;
        }
    }
    Ok(())
}

fn lives() -> Result<()> {
    let engine = engine()?;
    let mut sides =
        vec![Side::timed("stillbox", || create::life(&engine)), Side::timed("native /bin/true", create::native)];
    if create::has_bubblewrap() {
        sides.push(Side::timed("bubblewrap", create::bubblewrap));
    } else {
        println!("bubblewrap: skipped, bwrap is not installed or may not be used here");
    }
    println!("{}", compare("create: create, run(\"true\"), terminate", MANY, sides)?);
    let sides = vec![Side::timed("stillbox", || create::create_terminate(&engine))];
    println!("{}", compare("create: create, terminate", MANY, sides)?);
    Ok(())
}

fn starts() -> Result<()> {
    let engine = engine()?;
    let sandbox = sandbox(&engine)?;
    for program in exec::PROGRAMS {
        let title = format!("exec: {} in a live sandbox, to its end, output read", program.argv.join(" "));
        let sides =
            vec![Side::timed("stillbox", || program.sandboxed(&sandbox)), Side::timed("native", || program.native())];
        println!("{}", compare(&title, MANY, sides)?);
    }
    Ok(())
}

fn bytes() -> Result<()> {
    let engine = engine()?;
    let sandbox = sandbox(&engine)?;
    let title = format!("pipes: {} MiB through head | cat | wc", PIPED >> 20);
    let sides = vec![
        Side::timed("stillbox", || pipes::throughput(&sandbox, PIPED)),
        Side::timed("native", || pipes::native_throughput(PIPED)),
    ];
    println!("{}", compare(&title, FEW, sides)?);
    let title = format!("pipes: {ROUNDS} bytes to another process and back, one at a time, with its start");
    let sides = vec![
        Side::timed("stillbox", || pipes::round_trips(&sandbox, ROUNDS)),
        Side::timed("native", || pipes::native_round_trips(ROUNDS)),
    ];
    println!("{}", compare(&title, MANY / 4, sides)?);
    Ok(())
}

fn rounds() -> Result<()> {
    let engine = engine()?;
    let sandbox = sandbox(&engine)?;
    let plain = files::PlainWasi::new()?;
    let dir = files::directory()?;
    // The probe times its rounds together; a sample is the mean of them.
    let one = |total: Result<Duration>| total.map(|total| total / ROUNDS as u32);
    let sides = vec![
        Side::measured("stillbox", || one(files::sandboxed(&sandbox, ROUNDS))),
        Side::measured("native, in memory", || one(files::native(dir.path(), ROUNDS))),
        Side::measured("wasmtime-wasi p1", || one(plain.rounds(dir.path(), ROUNDS))),
    ];
    let title = format!("files: create, write 4 KiB, open, read, remove; means of {ROUNDS} rounds");
    println!("{}", compare(&title, MANY / 4, sides)?);
    Ok(())
}
