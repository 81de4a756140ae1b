use crate::harness::{EACH_POLL, Hops, Program};

/// Suspends at every second call of the blocking import, and nowhere else.
const IN_IMPORTS: Hops = Hops { seed: 9, polls: 0, asks: 0, blocks: 2, fresh: 1 };

fn check(text: &str) {
    let program = Program::of_text(text);
    let plain = program.plain(8);
    let (end, suspended) = program.hops(8, IN_IMPORTS);
    assert_eq!(end, plain);
    assert!(suspended > 3, "suspended {suspended} times only");
    let (end, _) = program.hops(8, Hops { blocks: 3, fresh: 4, ..EACH_POLL });
    assert_eq!(end, plain);
}

#[test]
fn a_blocking_import_is_called_again_with_its_arguments() {
    check(
        r#"(module (import "h" "read" (func $read (param i32) (result i32)))
          (func (export "f") (param $n i32) (result i64) (local $sum i64)
            (loop $l
              (local.set $sum (i64.add (i64.mul (local.get $sum) (i64.const 7))
                (i64.extend_i32_s (call $read (i32.mul (local.get $n) (i32.const 3))))))
              (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
            (local.get $sum)))"#,
    );
}

#[test]
fn a_blocking_import_in_a_table() {
    check(
        r#"(module (import "h" "read" (func $read (param i32) (result i32)))
          (table 1 funcref) (elem (i32.const 0) $read) (export "read" (func $read))
          (func (export "f") (param $n i32) (result i64) (local $sum i32)
            (loop $l
              (local.set $sum (i32.xor (local.get $sum)
                (call_indirect (param i32) (result i32) (local.get $n) (i32.const 0))))
              (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
            (i64.extend_i32_s (local.get $sum))))"#,
    );
}

#[test]
fn a_blocking_import_where_exceptions_are_caught() {
    check(
        r#"(module (import "h" "read" (func $read (param i32) (result i32))) (tag $t (param i32))
          (func $odd (param i32) (result i32)
            (if (i32.and (local.tee 0 (call $read (local.get 0))) (i32.const 1)) (then (throw $t (local.get 0))))
            (local.get 0))
          (func (export "f") (param $n i32) (result i64) (local $sum i32)
            (loop $l
              (local.set $sum (i32.add (i32.mul (local.get $sum) (i32.const 5))
                (block $caught (result i32)
                  (try_table (result i32) (catch $t $caught)
                    (i32.add (i32.const 100) (call $odd (call $read (local.get $n))))))))
              (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
            (i64.extend_i32_s (local.get $sum))))"#,
    );
}

#[test]
fn a_blocking_import_called_last() {
    check(
        r#"(module (import "h" "read" (func $read (param i32) (result i32)))
          (func $last (param i32) (result i32) (return_call $read (i32.add (local.get 0) (i32.const 1))))
          (func (export "f") (param $n i32) (result i64) (local $sum i32)
            (loop $l
              (local.set $sum (i32.xor (local.get $sum) (call $last (local.get $n))))
              (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
            (i64.extend_i32_s (local.get $sum))))"#,
    );
}
