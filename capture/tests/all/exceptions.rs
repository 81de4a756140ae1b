use crate::harness::{EACH_POLL, Program};
use stillbox_capture::host::{HostError, Outcome};

const HEAD: &str = r#"
    (import "h" "log" (func $log (param i32)))
    (import "h" "read" (func $read (param i32) (result i32)))
    (tag $t (param i32)) (tag $u)
    (func $work (param $n i32) (result i32) (local $i i32)
      (loop $again
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $again (i32.lt_s (local.get $i) (local.get $n))))
      (i32.mul (local.get $i) (i32.const 3)))
    (func $throws (param i32) (result i32)
      (drop (call $work (i32.const 2)))
      (if (i32.eqz (i32.rem_u (local.get 0) (i32.const 5))) (then (throw $u)))
      (if (i32.rem_u (local.get 0) (i32.const 3)) (then (throw $t (local.get 0))))
      (i32.add (call $work (local.get 0)) (call $read (local.get 0))))
"#;

fn program(rest: &str) -> Program {
    Program::of_text(&format!("(module {HEAD} {rest})"))
}

#[test]
fn what_is_thrown_after_a_restore_is_caught_where_it_would_have_been() {
    let program = program(
        r#"
      (func (export "f") (param $n i32) (result i64) (local $i i32) (local $sum i32) (local $in i32)
        (loop $l
          (local.set $sum (i32.add (i32.mul (local.get $sum) (i32.const 3))
            (block $caught (result i32)
              (block $other
                (try_table (result i32) (catch $t $caught) (catch_all $other)
                  (local.set $in (i32.add (local.get $i) (i32.const 1000)))
                  (i32.add (i32.const 10) (call $throws (local.get $i)))
                  (br $caught))
                (unreachable))
              (i32.add (local.get $in) (call $work (i32.const 3))))))
          (call $log (local.get $sum))
          (br_if $l (i32.lt_s (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
        (i64.extend_i32_s (local.get $sum)))"#,
    );
    assert!(program.check(17) > 100);
}

#[test]
fn loops_within_and_around_what_catches() {
    let program = program(
        r#"
      (func (export "f") (param $n i32) (result i64) (local $i i32) (local $sum i32)
        (loop $outer
          (block $caught (result i32)
            (try_table (catch $t $caught)
              (loop $inner
                (local.set $sum (i32.add (local.get $sum) (call $throws (i32.mul (local.get $i) (i32.const 3)))))
                (local.set $i (i32.add (local.get $i) (i32.const 1)))
                (if (i32.eqz (i32.rem_u (local.get $i) (i32.const 5))) (then (throw $t (local.get $i))))
                (br_if $inner (i32.lt_s (local.get $i) (local.get $n)))))
            (i32.const 7))
          (local.set $sum (i32.add (local.get $sum)))
          (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (br_if $outer (i32.lt_s (local.get $i) (local.get $n))))
        (i64.extend_i32_s (local.get $sum)))"#,
    );
    assert!(program.check(14) > 10);
}

/// A program that computes while it holds an exception, which it then throws again.
const HOLDS_EXCEPTION: &str = r#"
  (func $again (param $i i32) (result i32) (local $held exnref)
    (block $caught (result i32 exnref)
      (try_table (result i32) (catch_ref $t $caught) (call $throws (local.get $i)))
      (return))
    (local.set $held)
    (call $log (call $work (i32.const 4)))
    (drop (call $work))
    (throw_ref (local.get $held)))
  (func (export "f") (param $n i32) (result i64) (local $sum i32)
    (block $caught (result i32)
      (try_table (result i32) (catch $t $caught) (call $again (local.get $n))))
    (i64.extend_i32_s))"#;

#[test]
fn an_exception_in_a_frame_survives_in_its_store() {
    let program = program(HOLDS_EXCEPTION);
    let plain = program.plain(7);
    let (end, suspended) = program.hops(7, crate::harness::Hops { fresh: 0, ..EACH_POLL });
    assert_eq!(end, plain);
    assert!(suspended > 5);
}

#[test]
fn an_exception_in_a_frame_does_not_leave_its_store() {
    let program = program(HOLDS_EXCEPTION);
    let mut store = program.store(&EACH_POLL);
    let mut guest = program.guest(&mut store);
    let function = guest.instance().get_typed_func::<i32, i64>(&mut store, "f").expect("f");
    // SAFETY: the store is here.
    unsafe { guest.control(&store).request() };
    let mut outcome = guest.call(&mut store, &function, 7).expect("no trap");
    let mut refused = 0;
    while outcome == Outcome::Unwound {
        let stack = guest.take(&mut store).expect("a stack");
        match guest.save_stack(&mut store, &stack) {
            Ok(_) => {}
            Err(HostError::Reference(what)) => {
                assert!(what.contains("stack"), "{what}");
                refused += 1;
                // The exception is held by the second function from the outside.
                let frames = stillbox_capture::frames(&stack.frames).expect("frames");
                let held =
                    |frame: &stillbox_capture::Frame| program.analysis.references(frame.site).expect("a site")[2];
                assert_eq!(frames.iter().map(held).collect::<Vec<_>>()[..2], [0, 1]);
            }
            Err(error) => panic!("{error:?}"),
        }
        outcome = guest.resume(&mut store, &stack, &program.continuations).expect("no trap");
    }
    assert!(refused > 0);
}
