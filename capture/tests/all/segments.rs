use crate::harness::Program;

#[test]
fn segments_are_used_and_dropped_across_restores() {
    let program = Program::of_text(
        r#"(module
      (import "h" "log" (func $log (param i32)))
      (memory (export "m") 1)
      (table 8 funcref)
      (type $t (func (param i32) (result i32)))
      (data $bytes "some bytes that are copied")
      (data (i32.const 64) "an active segment")
      (elem $functions func $work $next)
      (func $next (type $t) (i32.add (local.get 0) (i32.const 1)))
      (func $work (type $t) (local $i i32)
        (loop $again
          (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (br_if $again (i32.lt_s (local.get $i) (local.get 0))))
        (i32.mul (local.get $i) (i32.const 3)))
      (func $uses (param $at i32) (param $n i32) (result i32)
        (memory.init $bytes (local.get $at) (i32.const 5) (local.get $n))
        (table.init $functions (i32.rem_u (local.get $at) (i32.const 6)) (i32.const 0) (i32.const 2))
        (call $work (i32.const 3)))
      (func (export "f") (param $n i32) (result i64) (local $i i32) (local $sum i32)
        (loop $l
          (local.set $sum (i32.add (local.get $sum) (call $uses (local.get $i) (i32.const 6))))
          (local.set $sum (i32.add (local.get $sum)
            (call_indirect (type $t) (local.get $i) (i32.rem_u (local.get $i) (i32.const 6)))))
          (call $log (local.get $sum))
          (br_if $l (i32.lt_s (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
        (data.drop $bytes)
        (elem.drop $functions)
        (drop (call $work (i32.const 2)))
        ;; Nothing is left of them: none of nothing is allowed, and one of nothing traps.
        (memory.init $bytes (i32.const 0) (i32.const 0) (i32.const 0))
        (table.init $functions (i32.const 0) (i32.const 0) (i32.const 0))
        (drop (call $work (i32.const 2)))
        (memory.init $bytes (i32.const 0) (i32.const 0) (i32.const 1))
        (i64.extend_i32_s (local.get $sum))))"#,
    );
    assert_eq!(program.plain(9).result, Err("wasm trap: out of bounds memory access".to_owned()));
    assert!(program.check(9) > 50);
}
