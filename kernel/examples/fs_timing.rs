//! Prints what small operations of the file system cost. A manual aid, not a benchmark of record.
//!
//! `cargo run --release -p stillbox-kernel --example fs_timing`

use std::hint::black_box;
use std::time::Instant;

use stillbox_kernel::Errno;
use stillbox_kernel::clock::Clock;
use stillbox_kernel::fs::{At, FileSystem, OpenOptions, Quota, TreeBuilder};

fn main() -> Result<(), Errno> {
    let clock = Clock::real();
    let mut builder = TreeBuilder::new(clock.wall_ns());
    builder.skeleton()?;
    for index in 0..5_000 {
        builder.file(&format!("/usr/lib/package{}/module{index}", index / 100), &b"content"[..], 0o644)?;
    }
    let image = builder.finish()?;
    let fs = FileSystem::new(&image, Quota::default(), clock.clone());
    let tmp = fs.open_directory(At::HOST, "/tmp")?;
    let at = At::directory(&tmp, 1);
    let read = OpenOptions::default();
    let write = OpenOptions { write: true, create: true, truncate: true, ..read };
    let mut buffer = [0; 4096];

    measure("clock", || Ok(clock.wall_ns()));
    measure("stat /tmp", || fs.stat(At::HOST, "/tmp", true));
    measure("stat, 4 components", || fs.stat(At::HOST, "/usr/lib/package20/module2050", true));
    measure("stat, missing", || Ok(fs.stat(at, "missing", true).is_err()));
    measure("open and close", || fs.open_file(At::HOST, "/usr/lib/package20/module2050", &read));
    measure("open, write 100, read, close", || {
        let file = fs.open_file(at, "a", &write)?;
        file.write_at(0, &[1; 100])?;
        file.read_at(0, &mut buffer)
    });
    let file = fs.open_file(at, "a", &write)?;
    file.write_at(0, &[1; 4096])?;
    measure("read 4096", || file.read_at(0, &mut buffer));
    measure("overwrite 100", || file.write_at(50, &[2; 100]));
    measure("create, write 100, close, unlink", || {
        fs.open_file(at, "b", &write)?.write_at(0, &[1; 100])?;
        fs.unlink(at, "b")
    });
    measure("rename and back", || {
        fs.rename((at, "a"), (at, "c"))?;
        fs.rename((at, "c"), (at, "a"))
    });
    let log = fs.open_file(at, "log", &write)?;
    measure("append 100", || log.append(&[3; 100]));
    measure("branch and drop", || Ok(fs.branch(clock.clone())));
    measure("branch, first write to a new file", || {
        let branch = fs.branch(clock.clone());
        branch.open_file(At::HOST, "/tmp/new", &write)?.write_at(0, &[1; 100])
    });
    let big = vec![5; 1 << 20];
    let file = fs.open_file(at, "big", &write)?;
    measure("write 1 MiB, new", || {
        file.set_len(0)?;
        file.write_at(0, &big)
    });
    measure("overwrite 1 MiB", || file.write_at(0, &big));
    let mut big = big;
    measure("read 1 MiB", || file.read_at(0, &mut big));
    Ok(())
}

/// Prints the best of several rounds, which is what the machine's other work disturbs least.
fn measure<R>(what: &str, mut f: impl FnMut() -> Result<R, Errno>) {
    let mut best = f64::INFINITY;
    for _ in 0..20 {
        let (start, mut rounds) = (Instant::now(), 0);
        while start.elapsed().as_millis() < 5 {
            for _ in 0..10 {
                black_box(f()).unwrap_or_else(|errno| panic!("{what}: {errno}"));
            }
            rounds += 10;
        }
        best = best.min(start.elapsed().as_nanos() as f64 / f64::from(rounds));
    }
    println!("{what:<40} {best:>9.0} ns");
}
