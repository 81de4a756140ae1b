mod generator;
mod smith;

use crate::harness::{Chance, EACH_POLL, Hops, Program, config, interpreter_config};
use wasmtime::{Engine, OptLevel, RegallocAlgorithm};

/// The most polls at which one program is suspended: some programs run for very long.
const POLLS_MAX: u64 = 300;

/// Returns how many programs of a sort are tried.
fn programs(usual: u64) -> u64 {
    std::env::var("STILLBOX_CAPTURE_PROGRAMS").ok().and_then(|number| number.parse().ok()).unwrap_or(usual)
}

/// Returns an engine that compiles quickly.
fn quick_engine() -> Engine {
    Engine::new(config(OptLevel::None).cranelift_regalloc_algorithm(RegallocAlgorithm::SinglePass)).expect("an engine")
}

/// Runs a program in hops of several sorts, which must all end as the plain program does.
fn check(name: &str, program: &Program, argument: i32, seed: u64) -> u64 {
    let plain = program.plain(argument);
    assert_eq!(program.uninterrupted(argument), plain, "{name}, uninterrupted");
    let mut chance = Chance::new(seed);
    let mut suspended = 0;
    for hops in [
        Hops { polls: POLLS_MAX, fresh: 3, ..EACH_POLL },
        Hops { polls: 0, asks: 3, blocks: 2, fresh: 2, ..EACH_POLL },
        Hops { polls: chance.below(20), asks: 1 + chance.below(9), blocks: 1 + chance.below(9), fresh: 1, ..EACH_POLL },
    ] {
        let hops =
            Hops { seed: chance.below(u64::MAX >> 12), blocks: if hops.blocks == 1 { 0 } else { hops.blocks }, ..hops };
        let (end, count) = program.hops(argument, hops);
        assert_eq!(end, plain, "{name}, {hops:?}");
        suspended += count;
    }
    suspended
}

#[test]
fn programs_with_everything() {
    let engine = quick_engine();
    let interpreter = Engine::new(&interpreter_config(OptLevel::None)).expect("an engine");
    let mut suspended = 0;
    let mut sites = 0;
    let total = programs(200);
    for seed in 0..total {
        let text = generator::program(seed);
        let name = format!("program {seed}");
        let wasm = wat::parse_str(&text).unwrap_or_else(|error| panic!("{name}: {error}\n{text}"));
        let program = Program::of(wasm, engine.clone()).unwrap_or_else(|error| panic!("{name}: {error:?}\n{text}"));
        suspended += check(&name, &program, 7, seed);
        if seed % 8 == 0 {
            let interpreted = Program::of(program.wasm.clone(), interpreter.clone()).expect("a capturable program");
            program.in_step(&interpreted, 7, Hops { seed, polls: POLLS_MAX / 3, blocks: 3, ..EACH_POLL });
        }
        sites += program.continuations.used();
    }
    println!("{total} programs were suspended {suspended} times, at {sites} different sites");
    assert!(suspended > total * 20, "suspended {suspended} times only");
}
