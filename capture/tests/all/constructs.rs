use crate::harness::Program;

/// What most programs begin with.
const HEAD: &str = r#"
    (import "h" "log" (func $log (param i32)))
    (import "h" "read" (func $read (param i32) (result i32)))
    (memory (export "m") 1)
    (func $work (param $n i32) (result i32) (local $i i32)
      (loop $again
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $again (i32.lt_s (local.get $i) (local.get $n))))
      (i32.mul (local.get $i) (i32.const 3)))
"#;

/// Runs a program in all ways, and makes sure that it was suspended often enough to matter.
fn check(rest: &str, argument: i32, suspended_min: u64) {
    let program = Program::of_text(&format!("(module {HEAD} {rest})"));
    let suspended = program.check(argument);
    assert!(suspended >= suspended_min, "suspended {suspended} times only");
}

#[test]
fn loops_in_loops_with_arms_and_operands_below_calls() {
    let program = r#"
      (func (export "f") (param $n i32) (result i64) (local $i i32) (local $j i32) (local $sum i64) (local $real f64)
        (loop $outer
          (local.set $j (i32.const 0))
          (loop $inner
            (local.set $sum (i64.add (i64.mul (local.get $sum) (i64.const 31)) (i64.extend_i32_s
              (if (result i32) (i32.and (local.get $j) (i32.const 1))
                (then (i32.add (local.get $j) (call $work (local.get $i))))
                (else (i32.sub (call $work (local.get $j)) (call $work (i32.const 2))))))))
            (local.set $real (f64.add (local.get $real) (f64.convert_i32_s (call $read (local.get $j)))))
            (i32.store (i32.const 16) (call $work (i32.rem_u (i32.load (i32.const 16)) (i32.const 5))))
            (call $log (i32.wrap_i64 (local.get $sum)))
            (br_if $inner (i32.lt_s (local.tee $j (i32.add (local.get $j) (i32.const 1))) (local.get $n))))
          (br_if $outer (i32.lt_s (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
        (i64.add (local.get $sum) (i64.reinterpret_f64 (local.get $real))))"#;
    check(program, 5, 200);
}

#[test]
fn recursion() {
    let program = r#"
      (func $fib (param i32) (result i64)
        (if (result i64) (i32.lt_s (local.get 0) (i32.const 2))
          (then (i64.extend_i32_s (local.get 0)))
          (else (i64.add
            (call $fib (i32.sub (local.get 0) (i32.const 1)))
            (call $fib (i32.sub (local.get 0) (i32.const 2)))))))
      (func (export "f") (param i32) (result i64) (call $fib (local.get 0)))"#;
    check(program, 9, 100);
}

#[test]
fn mutual_recursion_through_a_table() {
    let program = r#"
      (type $step (func (param i32 i64) (result i64)))
      (table 4 funcref) (elem (i32.const 0) $reads $rotates $again $down)
      (global $g (export "g") (mut i64) (i64.const 5))
      (func $reads (type $step) (i64.add (local.get 1) (i64.extend_i32_u (call $read (local.get 0)))))
      (func $rotates (type $step) (local $i i32)
        (loop $l
          (local.set 1 (i64.rotl (i64.add (local.get 1) (i64.const 7)) (i64.const 3)))
          (global.set $g (i64.add (global.get $g) (local.get 1)))
          (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get 0))))
        (local.get 1))
      (func $again (type $step)
        (i64.xor (i64.const 99) (call_indirect (type $step)
          (i32.sub (local.get 0) (i32.const 1)) (local.get 1) (i32.rem_u (local.get 0) (i32.const 2)))))
      (func $down (type $step)
        (if (result i64) (local.get 0)
          (then (i64.add (local.get 1) (call_indirect (type $step)
            (i32.sub (local.get 0) (i32.const 1)) (i64.add (local.get 1) (i64.const 1))
            (i32.rem_u (local.get 0) (i32.const 4)))))
          (else (i64.const 1))))
      (func (export "f") (param $n i32) (result i64) (local $sum i64) (local $i i32)
        (loop $l
          (local.set $sum (i64.add (local.get $sum) (call_indirect (type $step)
            (local.get $i) (local.get $sum) (i32.rem_u (local.get $i) (i32.const 4)))))
          (call $log (i32.wrap_i64 (local.get $sum)))
          (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
        (i64.add (global.get $g) (local.get $sum)))"#;
    check(program, 30, 100);
}

#[test]
fn several_results_and_a_loop_with_parameters() {
    let program = r#"
      (func $two (param i32) (result i32 i64) (local $i i32)
        (loop $l (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 3))))
        (local.get 0) (i64.extend_i32_s (i32.mul (local.get 0) (i32.const 7))))
      (func $mix (param i32 i64) (result i64) (i64.xor (i64.extend_i32_s (local.get 0)) (local.get 1)))
      (func $next (param i32 i64) (result i32 i64 i32)
        (call $log (local.get 0))
        (i32.add (local.get 0) (i32.const 1))
        (i64.add (local.get 1) (i64.extend_i32_u (call $read (local.get 0))))
        (i32.lt_s (local.get 0) (i32.const 20)))
      (func (export "f") (param $n i32) (result i64) (local $x i32)
        i64.const 1000
        i32.const 0
        i64.const 1
        loop $l (param i32 i64) (result i32 i64)
          local.get $n
          call $two
          block (param i32 i64 i32 i64) (result i32 i64)
            drop
            i64.extend_i32_s
            i64.add
          end
          call $next
          local.tee $x
          i32.eqz
          if (param i32 i64) (result i32 i64)
            i64.const 3
            i64.mul
          else
            br $l
          end
        end
        i64.const 5
        i64.mul
        call $mix
        i64.add)"#;
    check(program, 7, 100);
}

#[test]
fn a_dispatch_loop() {
    let program = r#"
      (func (export "f") (param $n i32) (result i64) (local $pc i32) (local $acc i64) (local $count i32)
        (block $done
          (loop $vm
            (br_if $done (i32.gt_s (local.tee $count (i32.add (local.get $count) (i32.const 1))) (local.get $n)))
            (block $d (block $c (block $b (block $a
              (br_table $a $b $c $d $vm (i32.rem_u (local.tee $pc (i32.add (local.get $pc) (i32.const 1))) (i32.const 5))))
              (local.set $acc (i64.add (local.get $acc) (i64.extend_i32_s (call $work (i32.and (local.get $pc) (i32.const 7))))))
              (br $vm))
              (local.set $acc (i64.mul (local.get $acc) (i64.extend_i32_s (call $read (call $work (i32.const 1))))))
              (br $vm))
              (call $log (local.get $pc))
              (br $vm))
            (local.set $pc (i32.add (call $work (i32.and (local.get $pc) (i32.const 7))) (i32.const 3)))
            (if (i32.and (local.get $pc) (i32.const 8))
              (then (call $log (local.get $pc)) (br $vm))
              (else (drop (call $work (i32.const 4)))))
            (br $vm)))
        (local.get $acc))"#;
    check(program, 40, 50);
}

#[test]
fn tail_calls() {
    let program = r#"
      (type $t (func (param i32 i64) (result i64)))
      (table 1 funcref) (elem (i32.const 0) $odd)
      (func $even (type $t)
        (if (i32.eqz (local.get 0)) (then (return (local.get 1))))
        (return_call_indirect (type $t) (i32.sub (local.get 0) (i32.const 1))
          (i64.add (local.get 1) (i64.extend_i32_s (call $work (i32.const 2)))) (i32.const 0)))
      (func $odd (type $t)
        (if (i32.eqz (local.get 0)) (then (return (i64.const -1))))
        (return_call $even (i32.sub (local.get 0) (i32.const 1))
          (i64.add (local.get 1) (i64.extend_i32_s (call $read (local.get 0))))))
      (func (export "f") (param i32) (result i64)
        (i64.add (i64.const 5) (call $even (local.get 0) (i64.const 3))))"#;
    check(program, 20, 40);
}

#[test]
fn vectors_in_frames() {
    let program = r#"
      (func (export "f") (param $n i32) (result i64) (local $v v128) (local $i i32)
        (local.set $v (v128.const i64x2 1 2))
        (loop $l
          (local.set $v (i64x2.add (local.get $v)
            (i64x2.mul (v128.const i64x2 3 5) (i64x2.splat (i64.extend_i32_s (call $work (local.get $i)))))))
          (call $log (i32x4.extract_lane 2 (local.get $v)))
          (br_if $l (i32.lt_s (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
        (i64.xor (i64x2.extract_lane 0 (local.get $v)) (i64x2.extract_lane 1 (local.get $v))))"#;
    check(program, 6, 20);
}

#[test]
fn several_memories_that_grow() {
    let program = r#"
      (memory $other (export "other") 0 5)
      (func (export "f") (param $n i32) (result i64) (local $i i32)
        (loop $l
          (drop (memory.grow $other (i32.const 1)))
          (i32.store $other (i32.mul (i32.sub (memory.size $other) (i32.const 1)) (i32.const 65536)) (call $work (local.get $i)))
          (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.load $other (i32.const 65536))))
          (br_if $l (i32.lt_s (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
        (i64.extend_i32_s (i32.add (i32.load (i32.const 0)) (memory.grow (i32.const 1)))))"#;
    check(program, 4, 5);
}

#[test]
fn a_start_function_is_an_export() {
    let program = r#"
      (global $g (export "g") (mut i32) (i32.const 0))
      (func $begin (global.set $g (i32.const 41)))
      (start $begin)
      (func (export "f") (param i32) (result i64)
        (i64.extend_i32_s (i32.add (global.get $g) (call $work (local.get 0)))))"#;
    check(program, 3, 5);
}

#[test]
fn a_trap_after_a_restore_is_the_same_trap() {
    let program = r#"
      (func (export "f") (param i32) (result i64)
        (call $log (call $work (local.get 0)))
        (i64.extend_i32_s (i32.div_s (i32.const 1) (i32.sub (call $work (i32.const 4)) (i32.const 12)))))"#;
    check(program, 5, 5);
}

#[test]
fn unreachable_code_around_sites() {
    let program = r#"
      (func $all (param $n i32) (result i32)
        (block $out (result i32)
          (loop $l
            (if (call $work (local.get $n)) (then (br $out (call $work (i32.const 1)))) (else (return (i32.const 4))))
            (drop (call $work (i32.const 9)))
            (br $l)
            (loop (drop (call $work (i32.const 9)))))
          (unreachable)))
      (func (export "f") (param i32) (result i64) (i64.extend_i32_s (call $all (local.get 0))))"#;
    check(program, 3, 3);
}
