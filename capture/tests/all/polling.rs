use stillbox_capture::host::Exports;
use stillbox_capture::{Analysis, CaptureError, Poll, SAFEPOINT, polling};
use wasmtime::{Caller, Linker, Module, Store};

use crate::harness::{engine, is_blocking};

/// A program that uses structures, and so can't be captured.
const WITH_STRUCTURES: &str = r#"(module
  (type $pair (struct (field (mut i32)) (field (mut i32))))
  (func $step (param (ref $pair))
    (struct.set $pair 0 (local.get 0) (i32.add (struct.get $pair 0 (local.get 0)) (i32.const 1))))
  (func (export "f") (param $n i32) (result i32) (local $p (ref null $pair))
    (local.set $p (struct.new $pair (i32.const 0) (i32.const 0)))
    (loop $l
      (call $step (ref.as_non_null (local.get $p)))
      (br_if $l (i32.lt_u (struct.get $pair 0 (local.get $p)) (local.get $n))))
    (struct.get $pair 0 (local.get $p)))
  (func (export "stillbox:control") (result i32) (i32.const 1)))"#;

fn stoppable() -> (Store<u32>, wasmtime::Instance, stillbox_capture::host::Guest) {
    let engine = engine();
    let wasm = wat::parse_str(WITH_STRUCTURES).expect("a module");
    let module = Module::new(&engine, polling(wasm, Poll::Atomic).expect("a polled module")).expect("a valid module");
    let exports = Exports::of(&module).expect("exports");
    assert!(!exports.is_capturable());
    let mut linker = Linker::new(&engine);
    let safepoint = |mut caller: Caller<'_, u32>| {
        *caller.data_mut() += 1;
        if *caller.data() < 3 { Ok(()) } else { Err(wasmtime::format_err!("killed")) }
    };
    linker.func_wrap(SAFEPOINT.0, SAFEPOINT.1, safepoint).expect("a new name");
    let mut store = Store::new(&engine, 0);
    let instance = linker.instantiate(&mut store, &module).expect("an instance");
    let guest = stillbox_capture::host::Guest::new(&mut store, exports.into(), instance).expect("a guest");
    (store, instance, guest)
}

#[test]
fn what_can_not_be_captured_says_why() {
    let wasm = wat::parse_str(WITH_STRUCTURES).expect("a module");
    assert!(matches!(Analysis::new(wasm, is_blocking), Err(CaptureError::Unsupported(_))));
    let reserved = wat::parse_str(r#"(module (func (export "stillbox:start")))"#).expect("a module");
    let refused = Analysis::new(reserved, is_blocking);
    assert!(matches!(refused, Err(CaptureError::ReservedName(name)) if name == "stillbox:start"));
    assert!(matches!(Analysis::new(*b"no module", is_blocking), Err(CaptureError::Invalid(_))));
}

#[test]
fn what_is_only_polled_runs_and_can_be_stopped() {
    let (mut store, instance, guest) = stoppable();
    let function = instance.get_typed_func::<i32, i32>(&mut store, "f").expect("f");
    assert_eq!(function.call(&mut store, 1000).expect("no trap"), 1000);
    assert_eq!(*store.data(), 0, "the control word is not set");
    // SAFETY: the store is here.
    unsafe { guest.control(&store).request() };
    let error = function.call(&mut store, 1000).expect_err("it was killed");
    assert_eq!(error.root_cause().to_string(), "killed");
    assert_eq!(*store.data(), 3);
    assert!(guest.take(&mut store).is_err());
}

#[test]
fn a_long_fill_is_polled() {
    let engine = engine();
    let wasm = wat::parse_str(
        r#"(module (memory 1024) (func (export "f")
      (memory.fill (i32.const 0) (i32.const 1) (i32.const 0x3ffffff))))"#,
    );
    let module =
        Module::new(&engine, polling(wasm.expect("a module"), Poll::Atomic).expect("a polled module")).expect("valid");
    let mut linker = Linker::new(&engine);
    let safepoint = |mut caller: Caller<'_, u32>| *caller.data_mut() += 1;
    linker.func_wrap(SAFEPOINT.0, SAFEPOINT.1, safepoint).expect("a new name");
    let mut store = Store::new(&engine, 0);
    let instance = linker.instantiate(&mut store, &module).expect("an instance");
    let exports = Exports::of(&module).expect("exports");
    let guest = stillbox_capture::host::Guest::new(&mut store, exports.into(), instance).expect("a guest");
    // SAFETY: the store is here.
    unsafe { guest.control(&store).request() };
    let function = instance.get_typed_func::<(), ()>(&mut store, "f").expect("f");
    function.call(&mut store, ()).expect("no trap");
    assert!(*store.data() > 100);
}
