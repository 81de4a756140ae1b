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

/// Multiplies two matrices of SIZE rows and columns, and prints a number of the product.
pub fn matmul(arguments: &[String]) -> Outcome {
    let size = number(arguments, 0, 300)? as usize;
    let element = |i: usize| ((i * 7 + 3) % 101) as f64 / 101.0;
    let left: Vec<f64> = (0..size * size).map(element).collect();
    let right: Vec<f64> = (0..size * size).map(|i| element(i + 50)).collect();
    let mut product = vec![0.0; size * size];
    for row in 0..size {
        for column in 0..size {
            let mut sum = 0.0;
            for i in 0..size {
                sum += left[row * size + i] * right[i * size + column];
            }
            product[row * size + column] = sum;
        }
    }
    println!("{:.3}", black_box(&product)[size * size / 2]);
    Ok(())
}

/// Prints how many primes there are below COUNT.
pub fn sieve(arguments: &[String]) -> Outcome {
    let count = number(arguments, 0, 20_000_000)? as usize;
    let mut composite = vec![false; count];
    let mut primes = 0;
    for i in 2..count {
        if !composite[i] {
            primes += 1;
            for multiple in (i * i..count).step_by(i) {
                composite[multiple] = true;
            }
        }
    }
    println!("{primes}");
    Ok(())
}

/// Prints a number of Fibonacci's, by recursion.
pub fn fib(arguments: &[String]) -> Outcome {
    #[inline(never)]
    fn fib(n: u64) -> u64 {
        if n < 2 { n } else { fib(n - 1) + fib(n - 2) }
    }
    println!("{}", fib(number(arguments, 0, 35)?));
    Ok(())
}

/// Sorts COUNT numbers by comparing them, and prints the one in the middle.
pub fn sort(arguments: &[String]) -> Outcome {
    let count = number(arguments, 0, 3_000_000)?;
    let mut numbers: Vec<u64> = (0..count).map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20).collect();
    numbers.sort_unstable_by(|a, b| b.cmp(a));
    println!("{}", numbers[numbers.len() / 2]);
    Ok(())
}
