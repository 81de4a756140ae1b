use std::sync::Arc;

use stillbox_capture::host::{CompiledContinuations, Exports, Guest, Outcome, Unwinder};
use stillbox_capture::{Analysis, frames};
use wasmtime::{Caller, Engine, Linker, Module, OptLevel, Store};

use crate::harness::{config, is_blocking};

const DEPTH: i32 = 100_000;

/// The sum of all numbers, which reads one more at its deepest.
const SUM: &str = r#"(module
  (import "h" "read" (func $read (param i32) (result i32)))
  (func $sum (param $n i32) (result i64)
    (if (result i64) (local.get $n)
      (then (i64.add (i64.extend_i32_u (local.get $n)) (call $sum (i32.sub (local.get $n) (i32.const 1)))))
      (else (i64.extend_i32_s (call $read (i32.const 7))))))
  (func (export "f") (param i32) (result i64) (call $sum (local.get 0))))"#;

#[test]
fn a_stack_of_a_hundred_thousand_frames() {
    // The native stack has to hold them.
    let thread = std::thread::Builder::new().stack_size(80 << 20).spawn(run).expect("a thread");
    thread.join().expect("the test");
}

/// The host: what suspends the guest, until it is taken away.
type Host = Option<Unwinder>;

fn run() {
    let config = config(OptLevel::Speed).async_stack_size(66 << 20).max_wasm_stack(64 << 20).clone();
    let engine = Engine::new(&config).expect("an engine");
    let wasm = wat::parse_str(SUM).expect("a module");
    let analysis = Arc::new(Analysis::new(wasm, is_blocking).expect("a capturable module"));
    let module = Module::new(&engine, analysis.rewrite().expect("a rewritten module")).expect("a module");
    let exports = Arc::new(Exports::of(&module).expect("exports"));
    let continuations = CompiledContinuations::new(engine.clone(), analysis);

    let mut linker = Linker::<Host>::new(&engine);
    let read = |mut caller: Caller<'_, Host>, value: i32| match caller.data_mut().take() {
        Some(unwinder) => unwinder.unwind(caller).map(|()| 0),
        None => Ok(value),
    };
    linker.func_wrap("h", "read", read).expect("a new name");
    let mut store = Store::new(&engine, None);
    let instance = linker.instantiate(&mut store, &module).expect("an instance");
    let mut guest = Guest::new(&mut store, exports, instance).expect("a guest");
    let function = instance.get_typed_func::<i32, i64>(&mut store, "f").expect("f");
    let expected = i64::from(DEPTH) * i64::from(DEPTH + 1) / 2 + 7;

    for _ in 0..3 {
        *store.data_mut() = guest.unwinder();
        assert_eq!(guest.call(&mut store, &function, DEPTH).expect("no trap"), Outcome::Unwound);
        let stack = guest.take(&mut store).expect("a stack");
        assert_eq!(frames(&stack.frames).expect("frames").len(), DEPTH as usize + 3);
        let outcome = guest.resume(&mut store, &stack, &continuations).expect("no trap");
        assert_eq!(outcome, Outcome::Returned(expected));
    }
}
