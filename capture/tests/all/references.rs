use crate::harness::{EACH_POLL, Hops, Program};
use stillbox_capture::host::{HostError, Outcome};

const HEAD: &str = r#"
    (import "h" "log" (func $log (param i32)))
    (func $work (param $n i32) (result i32) (local $i i32)
      (loop $again
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $again (i32.lt_s (local.get $i) (local.get $n))))
      (i32.mul (local.get $i) (i32.const 3)))
"#;

#[test]
fn functions_in_frames_globals_and_tables() {
    let program = Program::of_text(&format!(
        r#"(module {HEAD}
      (type $t (func (param i32) (result i32)))
      (table $one 2 20 funcref) (table $two 1 funcref)
      (elem (table $one) (i32.const 0) func $double $work)
      (elem declare func $triple)
      (global $g (mut funcref) (ref.null func))
      (func $double (type $t) (i32.add (call $work (local.get 0)) (local.get 0)))
      (func $triple (type $t) (i32.mul (call $work (i32.const 2)) (local.get 0)))
      (func $call (param funcref i32) (result i32)
        (table.set $two (i32.const 0) (local.get 0))
        (call_indirect $two (type $t) (local.get 1) (i32.const 0)))
      (func (export "f") (param $n i32) (result i64) (local $i i32) (local $held funcref) (local $sum i32)
        (local.set $held (table.get $one (i32.const 0)))
        (loop $l
          (local.set $sum (i32.add (local.get $sum) (call $call (local.get $held) (local.get $i))))
          (global.set $g (local.get $held))
          (local.set $held (ref.func $triple))
          ;; A reference below a call.
          (ref.func $triple)
          (drop (call $work (i32.const 3)))
          (call $call (i32.const 3))
          (local.set $sum (i32.add (local.get $sum)))
          (drop (table.grow $one (global.get $g) (i32.const 1)))
          (local.set $sum (i32.add (local.get $sum)
            (call_indirect $one (type $t) (local.get $i) (i32.sub (table.size $one) (i32.const 1)))))
          (call $log (local.get $sum))
          (br_if $l (i32.lt_s (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
        (i64.extend_i32_s (i32.add (local.get $sum) (ref.is_null (table.get $two (i32.const 0))))))
    )"#
    ));
    assert!(program.check(6) > 50);
}

#[test]
fn what_belongs_to_the_host_stays_in_its_store() {
    let program = Program::of_text(&format!(
        r#"(module {HEAD}
      (global $g (export "g") (mut externref) (ref.null extern))
      (func (export "f") (param i32) (result i64) (local $held externref)
        (local.set $held (global.get $g))
        (global.set $g (ref.null extern))
        (drop (call $work (i32.const 3)))
        (global.set $g (local.get $held))
        (i64.extend_i32_s (ref.is_null (local.get $held)))))"#
    ));
    // Nothing is held: a null reference can leave.
    assert_eq!(program.hops(0, EACH_POLL).0.result, Ok(1));

    let hops = Hops { polls: 0, ..EACH_POLL };
    let mut store = program.store(&hops);
    let mut guest = program.guest(&mut store);
    let global = guest.instance().get_global(&mut store, "g").expect("g");
    let value = wasmtime::ExternRef::new(&mut store, 77u32).expect("a reference");
    global.set(&mut store, wasmtime::Val::ExternRef(Some(value))).expect("the type of the global");
    let function = guest.instance().get_typed_func::<i32, i64>(&mut store, "f").expect("f");
    // SAFETY: the store is here.
    unsafe { guest.control(&store).request() };
    let mut outcome = guest.call(&mut store, &function, 0).expect("no trap");
    let mut refused = 0;
    while outcome == Outcome::Unwound {
        let stack = guest.take(&mut store).expect("a stack");
        match guest.save_stack(&mut store, &stack) {
            Err(HostError::Reference(_)) => refused += 1,
            other => drop(other.expect("another stack")),
        }
        outcome = guest.resume(&mut store, &stack, &program.continuations).expect("no trap");
    }
    assert_eq!(outcome, Outcome::Returned(0));
    assert!(refused > 0);
    let held = global.get(&mut store).unwrap_externref().copied().expect("a reference");
    let data = held.data(&store).expect("its data").expect("data of the host");
    assert_eq!(data.downcast_ref::<u32>(), Some(&77));
}
