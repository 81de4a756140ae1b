//! Prints what capture costs: `cargo run --example overhead [PROGRAM.wasm ...]`.
//!
//! Without arguments, small kernels are run as they are, with epochs, and rewritten, one after the other, several times over;
//! the least CPU time of each counts. For programs, the size and the time of what is made of them is printed.

use std::time::{Duration, Instant};

use stillbox_capture::{Analysis, Site};
use wasmtime::{Config, Engine, Instance, Module, Store};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const ROUNDS: usize = 7;

/// Each exports `f`, from how much there is to do to something that depends on all of it.
const KERNELS: [(&str, i32, &str); 5] = [
    ("matmul", 180, MATMUL),
    ("fib", 30, FIB),
    ("sieve", 3_000_000, SIEVE),
    ("calls", 20_000_000, CALLS),
    ("copies", 3_000_000, COPIES),
];

const MATMUL: &str = r#"(module (memory 64)
  (func $at (param $base i32) (param $n i32) (param $i i32) (param $j i32) (result i32)
    (i32.add (local.get $base) (i32.shl (i32.add (i32.mul (local.get $i) (local.get $n)) (local.get $j)) (i32.const 3))))
  (func (export "f") (param $n i32) (result i64) (local $i i32) (local $j i32) (local $k i32) (local $sum f64) (local $a i32) (local $b i32) (local $size i32)
    (local.set $size (i32.shl (i32.mul (local.get $n) (local.get $n)) (i32.const 3)))
    (loop $fill
      (f64.store (local.get $i) (f64.convert_i32_s (i32.rem_u (local.get $i) (i32.const 97))))
      (br_if $fill (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 8))) (i32.shl (local.get $size) (i32.const 1)))))
    (local.set $i (i32.const 0))
    (loop $rows
      (local.set $j (i32.const 0))
      (loop $columns
        (local.set $sum (f64.const 0))
        (local.set $a (call $at (i32.const 0) (local.get $n) (local.get $i) (i32.const 0)))
        (local.set $b (call $at (local.get $size) (local.get $n) (i32.const 0) (local.get $j)))
        (local.set $k (local.get $n))
        (loop $products
          (local.set $sum (f64.add (local.get $sum) (f64.mul (f64.load (local.get $a)) (f64.load (local.get $b)))))
          (local.set $a (i32.add (local.get $a) (i32.const 8)))
          (local.set $b (i32.add (local.get $b) (i32.shl (local.get $n) (i32.const 3))))
          (br_if $products (local.tee $k (i32.sub (local.get $k) (i32.const 1)))))
        (f64.store (call $at (i32.shl (local.get $size) (i32.const 1)) (local.get $n) (local.get $i) (local.get $j)) (local.get $sum))
        (br_if $columns (i32.lt_s (local.tee $j (i32.add (local.get $j) (i32.const 1))) (local.get $n))))
      (br_if $rows (i32.lt_s (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
    (i64.reinterpret_f64 (local.get $sum))))"#;

const FIB: &str = r#"(module
  (func $fib (param i32) (result i64)
    (if (result i64) (i32.lt_s (local.get 0) (i32.const 2))
      (then (i64.extend_i32_s (local.get 0)))
      (else (i64.add (call $fib (i32.sub (local.get 0) (i32.const 1))) (call $fib (i32.sub (local.get 0) (i32.const 2)))))))
  (func (export "f") (param i32) (result i64) (call $fib (local.get 0))))"#;

const SIEVE: &str = r#"(module (memory 64)
  (func (export "f") (param $n i32) (result i64) (local $i i32) (local $j i32) (local $count i64)
    (memory.fill (i32.const 0) (i32.const 0) (local.get $n))
    (local.set $i (i32.const 2))
    (loop $numbers
      (if (i32.eqz (i32.load8_u (local.get $i)))
        (then
          (local.set $count (i64.add (local.get $count) (i64.const 1)))
          (local.set $j (i32.shl (local.get $i) (i32.const 1)))
          (block $done (loop $multiples
            (br_if $done (i32.ge_u (local.get $j) (local.get $n)))
            (i32.store8 (local.get $j) (i32.const 1))
            (local.set $j (i32.add (local.get $j) (local.get $i)))
            (br $multiples)))))
      (br_if $numbers (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
    (local.get $count)))"#;

const CALLS: &str = r#"(module
  (table 2 funcref) (elem (i32.const 0) $one $two)
  (type $step (func (param i64) (result i64)))
  (func $one (type $step) (i64.add (i64.mul (local.get 0) (i64.const 3)) (i64.const 1)))
  (func $two (type $step) (if (i64.eq (local.get 0) (i64.const 12345)) (then (loop $l (br_if $l (i64.eqz (local.get 0)))))) (i64.xor (local.get 0) (i64.const 77)))
  (func (export "f") (param $n i32) (result i64) (local $value i64)
    (loop $again
      (local.set $value (call_indirect (type $step) (local.get $value) (i32.and (local.get $n) (i32.const 1))))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $value)))"#;

const COPIES: &str = r#"(module (memory 2)
  (func (export "f") (param $n i32) (result i64)
    (loop $again
      (memory.copy (i32.const 1000) (i32.const 20000) (i32.and (local.get $n) (i32.const 127)))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (i64.load (i32.const 1000))))"#;

fn main() -> Result<()> {
    let programs: Vec<String> = std::env::args().skip(1).collect();
    if programs.is_empty() {
        return kernels();
    }
    programs.iter().try_for_each(|path| program(path))
}

fn config() -> Config {
    let mut config = Config::new();
    config.wasm_threads(true).wasm_multi_memory(true).wasm_branch_hinting(true).wasm_exceptions(true);
    config
}

/// Returns how long this thread has run on a processor.
fn cpu_time() -> Result<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let first = text.split_whitespace().next().ok_or("the kernel keeps no account of threads")?;
    Ok(Duration::from_nanos(first.parse()?))
}

fn kernels() -> Result<()> {
    let engine = Engine::new(&config())?;
    let with_epochs = Engine::new(config().epoch_interruption(true))?;
    println!("{:10} {:>10} {:>8} {:>8}", "kernel", "plain", "epochs", "capture");
    for (name, argument, text) in KERNELS {
        let wasm = wat::parse_str(text)?;
        let rewritten = Analysis::new(wasm.clone(), |_, _| false)?.rewrite()?;
        let modules =
            [Module::new(&engine, &wasm)?, Module::new(&with_epochs, &wasm)?, Module::new(&engine, rewritten)?];
        let mut least = [Duration::MAX; 3];
        for _ in 0..ROUNDS {
            for (module, least) in modules.iter().zip(&mut least) {
                *least = run(module, argument)?.min(*least);
            }
        }
        let ratio = |time: Duration| time.as_secs_f64() / least[0].as_secs_f64();
        println!(
            "{name:10} {:>7.1} ms {:>8.2} {:>8.2}",
            least[0].as_secs_f64() * 1e3,
            ratio(least[1]),
            ratio(least[2])
        );
    }
    Ok(())
}

fn run(module: &Module, argument: i32) -> Result<Duration> {
    let mut store = Store::new(module.engine(), ());
    store.set_epoch_deadline(1 << 40);
    let instance = Instance::new(&mut store, module, &[])?;
    let function = instance.get_typed_func::<i32, i64>(&mut store, "f")?;
    let before = cpu_time()?;
    function.call(&mut store, argument)?;
    Ok(cpu_time()? - before)
}

/// Prints what becomes of a program, and what its continuations take.
fn program(path: &str) -> Result<()> {
    const BLOCKING: [&str; 5] = ["fd_read", "fd_write", "poll_oneoff", "proc_join", "sock_recv"];
    let engine = Engine::new(config().parallel_compilation(false))?;
    let wasm = std::fs::read(path)?;
    let (before, began) = (cpu_time()?, Instant::now());
    let analysis = Analysis::new(wasm.clone(), |_, name| BLOCKING.contains(&name))?;
    let analyzed = cpu_time()? - before;
    let rewritten = analysis.rewrite()?;
    let all = cpu_time()? - before;
    println!(
        "{path}: analyzed in {analyzed:.1?}, rewritten in {:.1?} ({:.1?} passed)",
        all - analyzed,
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
