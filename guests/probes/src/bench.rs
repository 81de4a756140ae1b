//! Work of a size, for benchmarks.

use std::fs::{self, File};
use std::hint::black_box;
use std::io::{Read, Write};
use std::time::Instant;

use crate::check::{During, Outcome, equal, number};

/// Creates, writes, reads and removes a file of 4 KiB, COUNT times; prints the nanoseconds that one round takes.
pub fn smallfile(arguments: &[String]) -> Outcome {
    let count = number(arguments, 0, 1_000)?;
    let written = [0x5a; 4096];
    let mut read = [0; 4096];
    let start = Instant::now();
    for _ in 0..count {
        let mut file = File::create("bench_smallfile.tmp").during("create")?;
        file.write_all(&written).during("write")?;
        drop(file);
        let mut file = File::open("bench_smallfile.tmp").during("open")?;
        file.read_exact(&mut read).during("read")?;
        drop(file);
        fs::remove_file("bench_smallfile.tmp").during("remove")?;
    }
    let elapsed = start.elapsed();
    equal("what was read", read, written)?;
    println!("{}", elapsed.as_nanos() / u128::from(count.max(1)));
    Ok(())
}

/// Computes for COUNT rounds and prints the result.
pub fn spin(arguments: &[String]) -> Outcome {
    let mut state = 1_u64;
    for _ in 0..number(arguments, 0, 100_000_000)? {
        // One round of xorshift: a chain of dependent operations that no compiler shortens.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
    }
    println!("{:016x}", black_box(state));
    Ok(())
}
