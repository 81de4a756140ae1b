//! Medians and 99th percentiles of single operations, ours and the yardsticks' taken in turns.

use std::cell::RefCell;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use stillbox_benches::captured::{Programs, Ready, WORKS};
use stillbox_benches::job::{self, Job};
use stillbox_benches::plain::Build;
use stillbox_benches::sample::{Side, compare, each};
use stillbox_benches::still::{self, Load, Resident};
use stillbox_benches::{async_engine, create, engine, exec, fan_out, files, load, pipes, sandbox};

/// How many samples are taken of what takes less than a millisecond or so.
const MANY: usize = 1_000;

/// How many samples are taken of what takes longer.
const FEW: usize = 50;

/// How many sandboxes compute without end beside the one that is measured.
const HOGS: usize = 8;

/// How many sandboxes live at once, and how many of namespaces, which take much longer.
const AT_ONCE: usize = 1_000;
const NAMESPACES_AT_ONCE: usize = 100;

/// How many sandboxes are made that stay.
const MADE: usize = 10_000;

/// How many rounds make one sample of what is too short to be timed alone.
const ROUNDS: u64 = 100;

/// How many samples are taken of what computes for the better part of a second.
const LONG: usize = 10;

/// What goes through the pipes, in bytes.
const PIPED: u64 = 32 << 20;

/// What guests hold that are held still, in MiB, and how many samples are taken with each.
const RESIDENT: [(u64, usize); 4] = [(1, 50), (8, 50), (64, 15), (512, 3)];

/// Which part of that they write to between two operations, in percent.
const WRITTEN: [u64; 3] = [1, 10, 100];

fn main() -> Result<()> {
    // Cargo passes options of the harness, such as `--bench`; and a name to run only what is called so.
    let wanted = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    for (name, comparison) in [
        ("create", lives as fn() -> Result<()>),
        ("exec", starts),
        ("load", loads),
        ("fan_out", bursts),
        ("pipes", bytes),
        ("files", rounds),
        ("captured", captured),
        ("still", stills),
    ] {
        if wanted.as_deref().is_none_or(|wanted| name.contains(wanted)) {
            comparison()?;
        }
    }
    Ok(())
}

fn lives() -> Result<()> {
    let engine = engine()?;
    let sides =
        vec![Side::timed("stillbox", || create::life(&engine)), Side::timed("native /bin/true", create::native)];
    println!("{}", compare("create: create, run(\"true\"), terminate", MANY, sides)?);
    let sides = vec![Side::timed("stillbox", || create::create_terminate(&engine))];
    println!("{}", compare("create: create, terminate", MANY, sides)?);
    // Not in turns with the others: the kernel takes namespaces apart when this is over, beside whatever comes next.
    if create::has_bubblewrap() {
        let sides = vec![Side::timed("bubblewrap", create::bubblewrap)];
        println!("{}", compare("create: /bin/true in namespaces", MANY / 4, sides)?);
    } else {
        println!("bubblewrap: skipped, bwrap is not installed or may not be used here");
    }
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

fn loads() -> Result<()> {
    let engine = engine()?;
    let sandbox = sandbox(&engine)?;
    // Both kinds of hogs at once would be twice as many, so the two sides can't take turns.
    let hogs = load::Hogs::start(&engine, HOGS)?;
    let ours = vec![Side::timed("stillbox", || load::run_true(&sandbox))];
    println!("{}", compare(&format!("load: run(\"true\") beside {HOGS} sandboxes that compute"), MANY, ours)?);
    drop(hogs);
    let hogs = load::NativeHogs::start(HOGS)?;
    let native = vec![Side::timed("native", load::native_true)];
    println!("{}", compare(&format!("load: /bin/true beside {HOGS} processes that compute"), MANY, native)?);
    drop(hogs);
    let sides =
        vec![Side::measured("stillbox", || load::kill(&sandbox)), Side::measured("native shell", load::native_kill)];
    println!("{}", compare("load: from the kill of a tight loop to its end", MANY / 4, sides)?);
    Ok(())
}

fn bursts() -> Result<()> {
    let engine = async_engine()?;
    println!("fan_out: create, run(\"true\"), terminate, all at once");
    // The first burst makes the threads and the memory that the others find.
    for name in ["stillbox, first", "stillbox"] {
        println!("  {name:16} {AT_ONCE:5}: {:?}", fan_out::sandboxes(&engine, AT_ONCE)?);
    }
    println!("  {:16} {AT_ONCE:5}: {:?}", "native", fan_out::native(AT_ONCE)?);
    if create::has_bubblewrap() {
        println!("  {:16} {NAMESPACES_AT_ONCE:5}: {:?}", "bubblewrap", fan_out::bubblewrap(NAMESPACES_AT_ONCE)?);
    } else {
        println!("  bubblewrap: skipped, bwrap is not installed or may not be used here");
    }
    let [first, second] = fan_out::creation(&engine, MADE)?;
    println!("fan_out: create, of {MADE} that stay: {first:?} each in the first half, {second:?} in the second\n");
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

fn captured() -> Result<()> {
    let programs = Programs::new()?;
    for work in WORKS {
        let ready = Ready::new(&programs, work)?;
        let sides = vec![
            Side::measured("can be held still", || ready.plain(Build::Captured)),
            Side::measured("plain wasmtime", || ready.plain(Build::Plain)),
            Side::measured("with epochs", || ready.plain(Build::Epochs)),
            Side::measured("in a sandbox, with its start", || ready.sandboxed()),
        ];
        println!("{}", compare(&format!("captured: {}", work.label), LONG, sides)?);
    }
    Ok(())
}

fn stills() -> Result<()> {
    for (mib, samples) in RESIDENT {
        forks(mib, samples)?;
        for percent in WRITTEN {
            let load = Load { mib, percent };
            copies(load, samples)?;
            let dir = tempfile::tempdir()?;
            saved(load, samples, "in memory", &still::engine(None)?, None)?;
            saved(load, samples, "in a directory", &still::engine(Some(dir.path()))?, Some(dir.path()))?;
        }
    }
    Ok(())
}

/// The yardsticks: what a native process costs that holds as much.
fn forks(mib: u64, samples: usize) -> Result<()> {
    let native = RefCell::new(Job::start(mib)?);
    let sides = vec![
        Side::measured("fork(2), pause", || Ok(native.borrow_mut().fork()?.paused)),
        Side::measured("fork(2), until the child answers", || Ok(native.borrow_mut().fork()?.answered)),
    ];
    println!("{}", each(&format!("still: a native process, {mib} MiB resident"), samples, sides)?);
    match job::no_criu() {
        Some(reason) => println!("still: CRIU: skipped: {reason}\n"),
        None => println!("still: CRIU, {mib} MiB resident: dump, restore: {:?}\n", job::criu(mib)?),
    }
    Ok(())
}

fn copies(load: Load, samples: usize) -> Result<()> {
    let resident = RefCell::new(Resident::start(&still::engine(None)?, load.mib)?);
    let sides = vec![
        Side::measured("pause of a copy", || resident.borrow_mut().pause(load)),
        Side::measured("longest gap without one", || resident.borrow_mut().no_pause(load)),
        Side::measured("copy, until it answers", || resident.borrow_mut().copy(load)),
    ];
    let title = format!("still: {} MiB resident, {} % written since the last copy", load.mib, load.percent);
    println!("{}", each(&title, samples, sides)?);
    resident.into_inner().terminate()
}

/// Measures what needs a store. One in a directory is read by another engine.
fn saved(load: Load, samples: usize, place: &str, engine: &stillbox::Engine, dir: Option<&Path>) -> Result<()> {
    let resident = RefCell::new(Resident::start(engine, load.mib)?);
    let latest = RefCell::new(None);
    let sides = vec![
        Side::measured("checkpoint", || {
            let (took, snapshot) = resident.borrow_mut().checkpoint(load)?;
            if let Some(before) = latest.replace(Some(snapshot)) {
                resident.borrow().forget(engine, &before)?;
            }
            Ok(took)
        }),
        Side::measured("restore, until it answers", || {
            let snapshot = latest.borrow();
            let snapshot = snapshot.as_ref().context("nothing was saved")?;
            match dir {
                Some(dir) => resident.borrow().restore(&still::engine(Some(dir))?, snapshot),
                None => resident.borrow().restore(engine, snapshot),
            }
        }),
        Side::measured("suspend", || resident.borrow_mut().suspend(load)),
        Side::measured("resume, until it answers", || resident.borrow_mut().resume()),
    ];
    let title =
        format!("still: {} MiB resident, {} % written since the last checkpoint, kept {place}", load.mib, load.percent);
    println!("{}", each(&title, samples, sides)?);
    resident.into_inner().terminate()
}
