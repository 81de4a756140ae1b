//! Modules of `wasm-smith`, which knows nothing of what a program usually does.

use arbitrary::Unstructured;
use stillbox_capture::CaptureError;
use stillbox_capture::host::{Guest, HostError};
use wasmtime::{Engine, Func, Instance, Store, Val};

use super::{POLLS_MAX, programs, quick_engine};
use crate::harness::{Chance, EACH_POLL, Hops, Host, Program, linker, set, trap};

/// How many of a module's functions are called.
const CALLS_MAX: usize = 5;

/// Loops and calls of a module before it traps by itself.
const FUEL: u32 = 300;

fn config() -> wasm_smith::Config {
    let imports =
        r#"(module (import "h" "log" (func (param i32))) (import "h" "read" (func (param i32) (result i32))))"#;
    wasm_smith::Config {
        available_imports: Some(wat::parse_str(imports).expect("a module")),
        canonicalize_nans: true,
        export_everything: true,
        gc_enabled: false,
        max_imports: 6,
        max_instructions: 400,
        max_funcs: 12,
        min_funcs: 1,
        max_memories: 3,
        max_tables: 3,
        max_memory32_bytes: 4 << 20,
        max_memory64_bytes: 4 << 20,
        memory_max_size_required: true,
        max_table_elements: 1000,
        table_max_size_required: true,
        threads_enabled: false,
        ..wasm_smith::Config::default()
    }
}

/// Returns a module, if there is one for the seed that can be run.
fn module(seed: u64) -> Option<Vec<u8>> {
    let mut chance = Chance::new(seed);
    let bytes: Vec<u8> = (0..3000).map(|_| chance.below(256) as u8).collect();
    let mut module = wasm_smith::Module::new(config(), &mut Unstructured::new(&bytes)).ok()?;
    module.ensure_termination(FUEL).ok()?;
    Some(module.to_bytes())
}

/// The functions to call, with their arguments.
fn calls(store: &mut Store<Host>, program: &Program, instance: &Instance) -> Vec<(Func, Vec<Val>, usize)> {
    let names = program.plain.exports().filter(|export| export.ty().func().is_some()).take(CALLS_MAX);
    let mut calls = Vec::new();
    for name in names {
        let function = instance.get_func(&mut *store, name.name()).expect("an exported function");
        let ty = function.ty(&*store);
        let arguments = ty.params().map(|ty| Val::default_for_ty(&ty).expect("a nullable type")).collect();
        calls.push((function, arguments, ty.results().len()));
    }
    calls
}

/// What the functions returned and what they left behind.
type End = (Vec<Result<Vec<String>, String>>, crate::harness::End);

fn shown(results: &[Val]) -> Vec<String> {
    let show = |value: &Val| match value {
        Val::I32(_) | Val::I64(_) | Val::F32(_) | Val::F64(_) | Val::V128(_) => format!("{value:?}"),
        reference => format!("null: {:?}", reference.ref_().map(|reference| reference.is_null())),
    };
    results.iter().map(show).collect()
}

fn plain(program: &Program) -> Option<End> {
    let mut store = program.store(&Hops { blocks: 0, asks: 0, ..EACH_POLL });
    // A start function, or segments that don't fit, may trap.
    let instance = linker(&program.engine).instantiate(&mut store, &program.plain).ok()?;
    let mut ends = Vec::new();
    for (function, arguments, results) in calls(&mut store, program, &instance) {
        let mut results = vec![Val::I32(0); results];
        let result = function.call(&mut store, &arguments, &mut results);
        ends.push(result.map(|()| shown(&results)).map_err(|error| trap(&error)));
    }
    Some((ends, crate::harness::end_of(&mut store, &program.plain, &instance, Ok(0))))
}

fn hopping(program: &Program, hops: Hops) -> (End, u64) {
    let mut store = program.store(&hops);
    let mut guest = program.guest(&mut store);
    if let Some(start) = guest.start(&mut store).expect("a start function") {
        let outcome = guest.call(&mut store, &start, ());
        assert!(outcome.is_ok(), "the plain module's start did not trap");
    }
    let mut polls_left = hops.polls;
    let mut count = 0;
    let mut ends = Vec::new();
    let number = calls(&mut store, program, &guest.instance()).len();
    for call in 0..number {
        // The instance may be another one by now.
        let (function, arguments, results) = calls(&mut store, program, &guest.instance()).swap_remove(call);
        set(&guest, &store, polls_left > 0);
        let mut results = vec![Val::I32(0); results];
        let mut result = function.call(&mut store, &arguments, &mut results);
        while result.is_ok() && guest.is_unwinding(&mut store) {
            count += 1;
            let mut stack = guest.take(&mut store).expect("a stack");
            if store.data_mut().chance.one_in(hops.fresh) && can_move(&mut store, &guest, &stack) {
                (store, guest, stack) = program.moved(store, guest, stack);
            }
            polls_left = polls_left.saturating_sub(1);
            set(&guest, &store, polls_left > 0);
            let function = guest.put_back(&mut store, &stack, &program.continuations).expect("a stack");
            result = function.call(&mut store, &[], &mut results);
        }
        ends.push(result.map(|()| shown(&results)).map_err(|error| trap(&error)));
        if guest.is_unwinding(&mut store) {
            // A trap of the import that was suspending.
            guest.take(&mut store).expect("a stack");
        }
    }
    ((ends, crate::harness::end_of(&mut store, &program.plain, &guest.instance(), Ok(0))), count)
}

/// Returns whether all of a suspended program is plain data: an exception can't leave its store.
fn can_move(store: &mut Store<Host>, guest: &Guest, stack: &stillbox_capture::host::Activation) -> bool {
    match (guest.save_stack(&mut *store, stack), guest.state(&mut *store)) {
        (Ok(_), Ok(_)) => true,
        (Err(HostError::Reference(_)), _) | (_, Err(HostError::Reference(_))) => false,
        (stack, state) => panic!("{:?} {:?}", stack.err(), state.err()),
    }
}

fn try_one(engine: &Engine, seed: u64) -> Option<u64> {
    let wasm = module(seed)?;
    wasmtime::Module::new(engine, &wasm).ok()?;
    let program = match Program::of(wasm, engine.clone()) {
        Ok(program) => program,
        // References of types of their own are beyond what can be captured.
        Err(CaptureError::Unsupported(_)) => return None,
        Err(error) => panic!("module {seed}: {error:?}"),
    };
    let plain = plain(&program)?;
    let mut suspended = 0;
    for hops in [
        Hops { polls: 0, ..EACH_POLL },
        Hops { polls: POLLS_MAX, fresh: 3, ..EACH_POLL },
        Hops { polls: 10, asks: 2, blocks: 2, fresh: 2, ..EACH_POLL },
    ] {
        let (end, count) = hopping(&program, Hops { seed, ..hops });
        assert_eq!(end, plain, "module {seed}, {hops:?}");
        suspended += count;
    }
    Some(suspended)
}

#[test]
fn modules_without_sense() {
    let engine = quick_engine();
    let total = programs(300);
    let tried: Vec<u64> = (0..).filter_map(|seed| try_one(&engine, seed)).take(total as usize).collect();
    let suspended: u64 = tried.iter().sum();
    println!("{total} modules were suspended {suspended} times");
    assert!(suspended > total, "suspended {suspended} times only");
}
