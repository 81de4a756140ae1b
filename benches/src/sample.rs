//! Medians and percentiles of single operations, ours and the yardsticks' taken in turns.

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::Result;

/// One of the things that are compared.
pub struct Side<'a> {
    name: &'a str,
    operation: Box<dyn FnMut() -> Result<Duration> + 'a>,
}

impl<'a> Side<'a> {
    /// Returns a side whose samples are how long `operation` takes.
    pub fn timed(name: &'a str, mut operation: impl FnMut() -> Result<()> + 'a) -> Self {
        let timed = move || {
            let start = Instant::now();
            operation()?;
            Ok(start.elapsed())
        };
        Self::measured(name, timed)
    }

    /// Returns a side whose samples `operation` measures itself.
    pub fn measured(name: &'a str, operation: impl FnMut() -> Result<Duration> + 'a) -> Self {
        Self { name, operation: Box::new(operation) }
    }
}

/// Half of the samples, and 99 of 100, took no longer than this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Percentiles {
    /// The median.
    pub p50: Duration,
    /// The 99th percentile.
    pub p99: Duration,
}

impl Percentiles {
    /// Returns the percentiles of samples.
    ///
    /// # Panics
    ///
    /// If there are none.
    pub fn of(mut samples: Vec<Duration>) -> Self {
        samples.sort_unstable();
        // The smallest sample that so many percent of all don't exceed.
        let at = |percent: usize| samples[(samples.len() * percent).div_ceil(100).max(1) - 1];
        Self { p50: at(50), p99: at(99) }
    }
}

/// The result of a comparison, which shows itself as a table.
pub struct Comparison<'a> {
    title: &'a str,
    samples: usize,
    /// Whether the sides do the same thing.
    has_ratios: bool,
    sides: Vec<(&'a str, Percentiles)>,
}

impl Comparison<'_> {
    /// Returns the sides, with their percentiles, in the order in which they were given.
    pub fn sides(&self) -> &[(&str, Percentiles)] {
        &self.sides
    }
}

/// Takes so many samples of each side in turns, so that whatever else the machine does meets all of them alike.
///
/// The first side is ours. One tenth more are taken before, and thrown away.
pub fn compare<'a>(title: &'a str, samples: usize, mut sides: Vec<Side<'a>>) -> Result<Comparison<'a>> {
    let mut taken = vec![Vec::with_capacity(samples); sides.len()];
    let warm_up = samples.div_ceil(10);
    for round in 0..warm_up + samples {
        for (side, taken) in sides.iter_mut().zip(&mut taken) {
            let sample = (side.operation)()?;
            if round >= warm_up {
                taken.push(sample);
            }
        }
    }
    let sides = sides.iter().zip(taken).map(|(side, taken)| (side.name, Percentiles::of(taken))).collect();
    Ok(Comparison { title, samples, has_ratios: true, sides })
}

/// Takes samples as [`compare`] does, of sides that do different things: no ratios are shown.
pub fn each<'a>(title: &'a str, samples: usize, sides: Vec<Side<'a>>) -> Result<Comparison<'a>> {
    Ok(Comparison { has_ratios: false, ..compare(title, samples, sides)? })
}

impl fmt::Display for Comparison<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} ({} samples each)", self.title, self.samples)?;
        let Some(((name, ours), yardsticks)) = self.sides.split_first() else { return Ok(()) };
        let width = self.sides.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
        writeln!(f, "  {name:width$}  p50 {:>10}  p99 {:>10}", Shown(ours.p50), Shown(ours.p99))?;
        for (name, theirs) in yardsticks {
            if !self.has_ratios {
                writeln!(f, "  {name:width$}  p50 {:>10}  p99 {:>10}", Shown(theirs.p50), Shown(theirs.p99))?;
                continue;
            }
            let ratio = |ours: Duration, theirs: Duration| ours.as_secs_f64() / theirs.as_secs_f64();
            writeln!(
                f,
                "  {name:width$}  p50 {:>10}  p99 {:>10}   ours takes {:.3} of it at p50, {:.3} at p99",
                Shown(theirs.p50),
                Shown(theirs.p99),
                ratio(ours.p50, theirs.p50),
                ratio(ours.p99, theirs.p99)
            )?;
        }
        Ok(())
    }
}

/// A duration with three digits or so.
struct Shown(Duration);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.as_nanos() as f64;
        let text = match nanos {
            ..1e3 => format!("{nanos:.0} ns"),
            ..1e6 => format!("{:.1} us", nanos / 1e3),
            ..1e9 => format!("{:.2} ms", nanos / 1e6),
            _ => format!("{:.2} s", nanos / 1e9),
        };
        f.pad(&text)
    }
}
