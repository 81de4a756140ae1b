//! Time.

use std::thread;
use std::time::{Duration, Instant, SystemTime};

use crate::check::{During, Outcome, number, that};

/// Sleeps for MILLISECONDS and checks both clocks.
pub fn sleep(arguments: &[String]) -> Outcome {
    let time = Duration::from_millis(number(arguments, 0, 50)?);
    let (monotonic, wall) = (Instant::now(), SystemTime::now());
    thread::sleep(time);
    that("the monotonic clock went on as long", monotonic.elapsed() >= time)?;
    // The wall clock has no such promise, but it does not go backwards by itself.
    let passed = wall.elapsed().during("the wall clock went backwards")?;
    println!("{} {}", monotonic.elapsed().as_millis(), passed.as_millis());
    Ok(())
}
