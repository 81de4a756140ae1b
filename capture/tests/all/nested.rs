use std::sync::Arc;

use stillbox_capture::Analysis;
use stillbox_capture::host::{Activation, CompiledContinuations, Exports, Guest, Outcome, SavedStack, Unwinder};
use wasmtime::{Caller, Linker, Module, Store};

use crate::harness::{engine, is_blocking};

/// A program whose handler is called by the host while it waits.
const PROGRAM: &str = r#"(module
  (import "h" "read" (func $read (param i32) (result i32)))
  (global $handled (mut i32) (i32.const 0))
  (func (export "handler") (param $n i32) (result i64) (local $i i32)
    (loop $l
      (global.set $handled (i32.add (global.get $handled) (local.get $n)))
      (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 10))))
    (i64.const 3))
  (func (export "f") (param $n i32) (result i64)
    (i64.extend_i32_s (i32.add (call $read (local.get $n)) (global.get $handled)))))"#;

struct Host {
    exports: Arc<Exports>,
    continuations: Arc<CompiledContinuations>,
    instance: Option<wasmtime::Instance>,
    unwinder: Option<Unwinder>,
    handler: Handler,
}

/// What became of the call of the handler.
enum Handler {
    ToBeCalled,
    Suspended(SavedStack),
    Done,
}

/// Waits, and calls the handler meanwhile. If that is suspended, so is the wait.
fn read(mut caller: Caller<'_, Host>, value: i32) -> wasmtime::Result<i32> {
    let instance = caller.data().instance.expect("an instance");
    let exports = caller.data().exports.clone();
    let continuations = caller.data().continuations.clone();
    let mut guest = Guest::new(&mut caller, exports, instance)?;
    let outcome = match std::mem::replace(&mut caller.data_mut().handler, Handler::Done) {
        Handler::ToBeCalled => {
            let handler = instance.get_typed_func::<i32, i64>(&mut caller, "handler")?;
            guest.call(&mut caller, &handler, 7)?
        }
        Handler::Suspended(saved) => {
            let stack = guest.load_stack(&mut caller, &saved)?;
            guest.resume::<i64>(&mut caller, &stack, &*continuations)?
        }
        Handler::Done => Outcome::Returned(3),
    };
    match outcome {
        Outcome::Returned(three) => {
            assert_eq!(three, 3);
            Ok(value + 1000)
        }
        Outcome::Unwound => {
            let stack: Activation = guest.take(&mut caller)?;
            let saved = guest.save_stack(&mut caller, &stack)?;
            caller.data_mut().handler = Handler::Suspended(saved);
            caller.data().unwinder.expect("a capturable program").unwind(&mut caller)?;
            Ok(0)
        }
    }
}

#[test]
fn a_handler_that_the_host_calls_is_suspended_with_what_waits_for_it() {
    let engine = engine();
    let wasm = wat::parse_str(PROGRAM).expect("a module");
    let analysis = Arc::new(Analysis::new(wasm, is_blocking).expect("a capturable program"));
    let module = Module::new(&engine, analysis.rewrite().expect("a rewritten program")).expect("a module");
    let exports = Arc::new(Exports::of(&module).expect("exports"));
    let continuations = Arc::new(CompiledContinuations::new(engine.clone(), analysis));
    let mut linker = Linker::new(&engine);
    linker.func_wrap("h", "read", read).expect("a new name");

    let start = |handler| {
        let host = Host {
            exports: exports.clone(),
            continuations: continuations.clone(),
            instance: None,
            unwinder: None,
            handler,
        };
        let mut store = Store::new(&engine, host);
        let instance = linker.instantiate(&mut store, &module).expect("an instance");
        let guest = Guest::new(&mut store, exports.clone(), instance).expect("a guest");
        store.data_mut().instance = Some(instance);
        store.data_mut().unwinder = guest.unwinder();
        // SAFETY: the store is here.
        unsafe { guest.control(&store).request() };
        (store, guest)
    };
    let (mut store, mut guest) = start(Handler::ToBeCalled);
    let function = guest.instance().get_typed_func::<i32, i64>(&mut store, "f").expect("f");
    let mut outcome = guest.call(&mut store, &function, 5).expect("no trap");
    let mut hops = 0;
    while outcome == Outcome::Unwound {
        hops += 1;
        let stack = guest.take(&mut store).expect("a stack");
        let stack = guest.save_stack(&mut store, &stack).expect("a stack that can be saved");
        let state = guest.state(&mut store).expect("a state that can be saved");
        (store, guest) = start(store.into_data().handler);
        guest.set_state(&mut store, &state).expect("the state of this program");
        let stack = guest.load_stack(&mut store, &stack).expect("the stack of this program");
        outcome = guest.resume(&mut store, &stack, &*continuations).expect("no trap");
    }
    assert_eq!(outcome, Outcome::Returned(5 + 1000 + 70));
    assert_eq!(hops, 10);
}
