//! Every piece of work runs and does what it says, at a small size.

use std::time::Duration;

use anyhow::Result;

use crate::captured::{Programs, Ready, WORKS};
use crate::job::Job;
use crate::plain::Build;
use crate::sample::{Percentiles, Side, compare};
use crate::still::{Load, Resident};
use crate::{async_engine, create, engine, exec, fan_out, files, load, pipes, sandbox, still};

#[test]
fn creating() -> Result<()> {
    let engine = engine()?;
    create::create_terminate(&engine)?;
    create::life(&engine)?;
    create::native()
}

#[test]
fn starting_processes() -> Result<()> {
    let engine = engine()?;
    let sandbox = sandbox(&engine)?;
    for program in exec::PROGRAMS {
        program.sandboxed(&sandbox)?;
        program.native()?;
    }
    Ok(())
}

#[test]
fn piping() -> Result<()> {
    let engine = engine()?;
    let sandbox = sandbox(&engine)?;
    pipes::throughput(&sandbox, 300_000)?;
    pipes::native_throughput(300_000)?;
    pipes::round_trips(&sandbox, 10)?;
    pipes::native_round_trips(10)
}

#[test]
fn small_files() -> Result<()> {
    let engine = engine()?;
    let dir = files::directory()?;
    assert!(files::sandboxed(&sandbox(&engine)?, 10)? > Duration::ZERO);
    assert!(files::native(dir.path(), 10)? > Duration::ZERO);
    assert!(files::PlainWasi::new()?.rounds(dir.path(), 10)? > Duration::ZERO);
    assert_eq!(dir.path().read_dir()?.count(), 0, "files are left over");
    Ok(())
}

#[test]
fn loads() -> Result<()> {
    let engine = engine()?;
    let sandbox = sandbox(&engine)?;
    let hogs = load::Hogs::start(&engine, 2)?;
    load::run_true(&sandbox)?;
    assert!(load::kill(&sandbox)? > Duration::ZERO);
    drop(hogs);
    let hogs = load::NativeHogs::start(2)?;
    load::native_true()?;
    assert!(load::native_kill()? > Duration::ZERO);
    drop(hogs);
    Ok(())
}

#[test]
fn fanning_out() -> Result<()> {
    let engine = async_engine()?;
    assert!(fan_out::sandboxes(&engine, 20)?.total > Duration::ZERO);
    assert_eq!(engine.metrics().sandboxes_terminated, 20);
    assert!(fan_out::native(20)?.total > Duration::ZERO);
    if create::has_bubblewrap() {
        assert!(fan_out::bubblewrap(2)?.total > Duration::ZERO);
    }
    assert!(fan_out::creation(&engine, 20)?.iter().all(|each| *each > Duration::ZERO));
    assert_eq!(engine.metrics().sandboxes_live, 0);
    Ok(())
}

/// What can be held still prints what the others do.
#[test]
fn computing() -> Result<()> {
    let programs = Programs::new()?;
    for work in WORKS {
        let ready = Ready::new(&programs, work)?;
        for build in [Build::Captured, Build::Plain, Build::Epochs] {
            assert!(ready.plain(build)? > Duration::ZERO);
        }
        assert!(ready.sandboxed()? > Duration::ZERO);
    }
    Ok(())
}

#[test]
fn holding_still() -> Result<()> {
    let dir = tempfile::tempdir()?;
    for dir in [None, Some(dir.path())] {
        let engine = still::engine(dir)?;
        let mut resident = Resident::start(&engine, 2)?;
        for percent in [0, 1, 10, 100] {
            let load = Load { mib: 2, percent };
            assert!(resident.no_pause(load)? > Duration::ZERO);
            assert!(resident.pause(load)? > Duration::ZERO);
            assert!(resident.copy(load)? > Duration::ZERO);
            let (took, snapshot) = resident.checkpoint(load)?;
            assert!(took > Duration::ZERO);
            assert!(resident.restore(&engine, &snapshot)? > Duration::ZERO);
            assert!(resident.suspend(load)? > Duration::ZERO);
            assert!(resident.resume()? > Duration::ZERO);
            resident.forget(&engine, &snapshot)?;
        }
        resident.terminate()?;
        assert_eq!(engine.metrics().sandboxes_live, 0);
    }
    let forked = Job::start(2)?.fork()?;
    assert!(forked.paused <= forked.answered);
    Ok(())
}

#[test]
fn percentiles_are_samples() {
    let millis = |range: std::ops::RangeInclusive<u64>| range.map(Duration::from_millis).collect::<Vec<_>>();
    let of = |samples| {
        let Percentiles { p50, p99 } = Percentiles::of(samples);
        (p50.as_millis(), p99.as_millis())
    };
    assert_eq!(of(millis(7..=7)), (7, 7));
    assert_eq!(of(millis(1..=2)), (1, 2));
    assert_eq!(of(millis(1..=100)), (50, 99));
    assert_eq!(of(millis(1..=1000).into_iter().rev().collect()), (500, 990));
}

#[test]
fn sides_take_turns() -> Result<()> {
    let order = std::cell::RefCell::new(String::new());
    let side = |name: &'static str, millis| {
        let order = &order;
        Side::measured(name, move || {
            order.borrow_mut().push_str(name);
            Ok(Duration::from_millis(millis))
        })
    };
    let comparison = compare("a title", 2, vec![side("a", 1), side("b", 4)])?;
    assert_eq!(*order.borrow(), "ababab", "one round is thrown away");
    assert_eq!(comparison.sides()[1].1.p50, Duration::from_millis(4));
    assert_eq!(
        comparison.to_string(),
        "a title (2 samples each)\n  a  p50    1.00 ms  p99    1.00 ms\n  b  p50    4.00 ms  p99    4.00 ms   ours takes \
         0.250 of it at p50, 0.250 at p99\n"
    );
    Ok(())
}
