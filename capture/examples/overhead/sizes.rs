//! How large the code is that is made of a program, and how long making it takes.

use std::time::{Duration, Instant};

use stillbox_capture::{Analysis, Site};
use wasmtime::{Engine, OptLevel, RegallocAlgorithm};

use crate::{BLOCKING, Result, config, cpu_time};

/// Prints what becomes of a program, and what its continuations take.
pub fn print(path: &str) -> Result<()> {
    let engine = Engine::new(config().parallel_compilation(false))?;
    let quick = Engine::new(
        config()
            .parallel_compilation(false)
            .cranelift_opt_level(OptLevel::None)
            .cranelift_regalloc_algorithm(RegallocAlgorithm::SinglePass),
    )?;
    let wasm = std::fs::read(path)?;
    let (began, start) = (Instant::now(), cpu_time()?);
    let analysis = Analysis::new(wasm.clone(), |_, name| BLOCKING.contains(&name))?;
    let analyzed = cpu_time()?;
    let rewritten = analysis.rewrite()?;
    println!(
        "{path}: analyzed in {:.1?}, rewritten in {:.1?} ({:.1?} passed)",
        analyzed - start,
        cpu_time()? - analyzed,
        began.elapsed()
    );
    let size = |wasm: &[u8]| -> Result<(usize, Duration)> {
        let before = cpu_time()?;
        let code = engine.precompile_module(wasm)?.len();
        Ok((code, cpu_time()? - before))
    };
    let ((plain_code, plain_time), (code, time)) = (size(&wasm)?, size(&rewritten)?);
    let ratio = |new: usize, old: usize| new as f64 / old as f64;
    println!(
        "  wasm {} bytes, x{:.2}; code {plain_code} bytes, x{:.2}; compiled in {plain_time:.1?}, x{:.2}",
        wasm.len(),
        ratio(rewritten.len(), wasm.len()),
        ratio(code, plain_code),
        time.as_secs_f64() / plain_time.as_secs_f64()
    );
    let sites = analysis.sites()?;
    continuations("sites", &analysis, &engine, &spread(&sites))?;
    continuations("sites, compiled quickly", &analysis, &quick, &spread(&sites))?;
    let mut loops = analysis.loops()?;
    loops.sort_unstable_by_key(|one| std::cmp::Reverse(one.operators));
    println!("  {} sites, of which {} are loops", sites.len(), loops.len());
    for least in [100_000, 30_000, 10_000, 3000, 1000, 300] {
        let larger = loops.partition_point(|one| one.operators >= least);
        let large: Vec<_> = loops.drain(..larger).collect();
        let operators: usize = large.iter().map(|one| one.operators).sum();
        let sample: Vec<Site> = large.iter().map(|one| one.site).collect();
        let what = format!("{larger} loops of at least {least} operators, {operators} in all,");
        continuations(&what, &analysis, &engine, &spread(&sample))?;
    }
    Ok(())
}

/// Returns some of many, evenly spread.
fn spread(sites: &[Site]) -> Vec<Site> {
    const SITES: usize = 40;
    sites.iter().step_by(sites.len().div_ceil(SITES).max(1)).copied().collect()
}

/// Prints what some continuations take.
fn continuations(what: &str, analysis: &Analysis, engine: &Engine, sites: &[Site]) -> Result<()> {
    if sites.is_empty() {
        return Ok(());
    }
    let (mut made, mut compiled, mut bytes, mut code) = (Duration::ZERO, Duration::ZERO, 0, 0);
    let mut longest = Duration::ZERO;
    for site in sites {
        let before = cpu_time()?;
        let continuation = analysis.continuation(*site)?;
        let between = cpu_time()?;
        code += engine.precompile_module(&continuation)?.len();
        let time = cpu_time()? - between;
        made += between - before;
        compiled += time;
        longest = longest.max(time);
        bytes += continuation.len();
    }
    let count = sites.len();
    println!(
        "  {what}: of {count}, one has {} bytes and {} of code; made in {:.1?}, compiled in {:.1?}, at most {longest:.1?}",
        bytes / count,
        code / count,
        made / count as u32,
        compiled / count as u32
    );
    Ok(())
}
