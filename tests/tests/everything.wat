(module
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))

  (memory $main (export "memory") 2)
  (memory $second 1 20)
  (type $step (func (param i64) (result i64)))
  (tag $odd (param i64))
  (table $steps funcref (elem $tail $floats $vectors $throws))
  (global $rounds (mut i64) (i64.const 0))
  (global $last (mut funcref) (ref.func $tail))
  (global $vector (mut v128) (v128.const i64x2 1 2))

  ;; 0: what is read. 8: where it is. 16: how much was. 32: a line. 56: where that is. 4096: some of the past.
  (data (memory $main) (i32.const 8) "\00\00\00\00\01\00\00\00")
  (data (memory $main) (i32.const 48) "\0a")
  (data (memory $main) (i32.const 56) "\20\00\00\00\11\00\00\00")

  ;; ---- Steps, which are called through the table.

  (func $tail (type $step) (return_call $mixed (local.get 0) (i32.const 12)))

  (func $mixed (param $x i64) (param $n i32) (result i64)
    (if (i32.eqz (local.get $n)) (then (return (local.get $x))))
    (return_call $mixed
      (i64.add
        (i64.mul (local.get $x) (i64.const 6364136223846793005))
        (i64.add (i64.shr_u (local.get $x) (i64.const 29)) (i64.extend_i32_u (local.get $n))))
      (i32.sub (local.get $n) (i32.const 1))))

  (func $floats (type $step) (local $f f64) (local $g f32)
    (local.set $f (f64.convert_i64_s (i64.shr_s (local.get 0) (i64.const 12))))
    (local.set $f (f64.div (f64.sqrt (f64.abs (local.get $f))) (f64.const 3.7)))
    (local.set $g (f32.demote_f64 (f64.mul (local.get $f) (f64.const 1e-3))))
    (local.set $f (f64.add (local.get $f) (f64.nearest (f64.promote_f32 (local.get $g)))))
    (i64.xor
      (i64.rotl (local.get 0) (i64.const 9))
      (i64.add
        (i64.reinterpret_f64 (local.get $f))
        (i64.extend_i32_u (i32.reinterpret_f32 (f32.floor (local.get $g)))))))

  (func $vectors (type $step) (local $v v128)
    (local.set $v (i64x2.add (i64x2.splat (local.get 0)) (global.get $vector)))
    (local.set $v (i16x8.mul (local.get $v) (i16x8.add (local.get $v) (v128.const i16x8 1 3 5 7 9 11 13 15))))
    (local.set $v
      (i8x16.shuffle 0 9 2 11 4 13 6 15 8 1 10 3 12 5 14 7 (local.get $v) (local.get $v)))
    (local.set $v
      (v128.xor (local.get $v) (f32x4.sqrt (f32x4.abs (f32x4.convert_i32x4_s (local.get $v))))))
    (global.set $vector (local.get $v))
    (i64.add
      (i64x2.extract_lane 0 (local.get $v))
      (i64.mul (i64x2.extract_lane 1 (local.get $v)) (i64.const 31))))

  (func $throws (type $step)
    (block $caught (result i64)
      (try_table (catch $odd $caught)
        (return (i64.rotl (call $unless_odd (local.get 0) (i32.const 5)) (i64.const 7))))
      (unreachable))
    (i64.xor (i64.const 0x5bd1e9955bd1e995)))

  (func $unless_odd (param $x i64) (param $depth i32) (result i64)
    (if (i32.eqz (local.get $depth))
      (then
        (if (i32.wrap_i64 (i64.and (local.get $x) (i64.const 1)))
          (then (throw $odd (i64.mul (local.get $x) (i64.const 3)))))
        (return (local.get $x))))
    (i64.add
      (call $unless_odd (local.get $x) (i32.sub (local.get $depth) (i32.const 1)))
      (i64.const 0x9e3779b97f4a7c15)))

  ;; ---- What is done in a round.

  ;; Calls the steps from the leaves of a tree, whose inner nodes have something left on the stack.
  (func $tree (param $x i64) (param $depth i32) (result i64)
    (if (i32.eqz (local.get $depth))
      (then
        (return
          (call_indirect $steps (type $step)
            (local.get $x)
            (i32.and (i32.wrap_i64 (i64.shr_u (local.get $x) (i64.const 33))) (i32.const 3))))))
    (i64.add
      (i64.extend_i32_u (local.get $depth))
      (call $tree
        (call $tree (local.get $x) (i32.sub (local.get $depth) (i32.const 1)))
        (i32.sub (local.get $depth) (i32.const 1)))))

  ;; Has two of the steps change places, one of them by way of a global.
  (func $swap (param $a i32) (param $b i32)
    (global.set $last (table.get $steps (local.get $a)))
    (table.set $steps (local.get $a) (table.get $steps (local.get $b)))
    (table.set $steps (local.get $b) (global.get $last)))

  ;; Notes a value in both memories, and takes one from the past.
  (func $remember (param $x i64) (result i64) (local $at i32)
    (local.set $at (i32.and (i32.wrap_i64 (i64.shr_u (local.get $x) (i64.const 17))) (i32.const 0xfff8)))
    (i64.store $second (local.get $at) (i64.xor (local.get $x) (i64.load $second (local.get $at))))
    (memory.copy $main $second
      (i32.add (i32.const 4096) (i32.and (local.get $at) (i32.const 0x7ff8)))
      (i32.and (local.get $at) (i32.const 0xff00))
      (i32.const 64))
    (i64.add (local.get $x) (i64.load $main (i32.add (i32.const 4096) (i32.shr_u (local.get $at) (i32.const 2))))))

  (func $compute (param $x i64) (param $rounds i32) (result i64)
    (loop $next
      (global.set $rounds (i64.add (global.get $rounds) (i64.const 1)))
      (local.set $x (call $remember (call $tree (local.get $x) (i32.const 3))))
      (call $swap
        (i32.and (i32.wrap_i64 (global.get $rounds)) (i32.const 3))
        (i32.and (i32.wrap_i64 (local.get $x)) (i32.const 3)))
      (br_if $next (local.tee $rounds (i32.sub (local.get $rounds) (i32.const 1)))))
    (drop (memory.grow $second (i32.const 1)))
    (i64.add (local.get $x) (i64.extend_i32_u (memory.size $second))))

  ;; ---- Bytes in, lines out.

  (func $print (param $x i64) (local $at i32) (local $digit i32)
    (local.set $at (i32.const 48))
    (loop $next
      (local.set $digit (i32.wrap_i64 (i64.and (local.get $x) (i64.const 15))))
      (local.set $x (i64.shr_u (local.get $x) (i64.const 4)))
      (local.set $at (i32.sub (local.get $at) (i32.const 1)))
      (i32.store8 $main (local.get $at)
        (i32.add
          (local.get $digit)
          (select (i32.const 48) (i32.const 87) (i32.lt_u (local.get $digit) (i32.const 10)))))
      (br_if $next (i32.gt_u (local.get $at) (i32.const 32))))
    (drop (call $write (i32.const 1) (i32.const 56) (i32.const 1) (i32.const 16))))

  (func (export "_start") (local $x i64)
    (loop $next
      (if (call $read (i32.const 0) (i32.const 8) (i32.const 1) (i32.const 16)) (then (unreachable)))
      (if (i32.load $main (i32.const 16))
        (then
          (local.set $x
            (call $compute
              (i64.xor (local.get $x) (i64.mul (i64.load8_u $main (i32.const 0)) (i64.const 0x100000001b3)))
              (i32.const 20000)))
          (call $print (local.get $x))
          (br $next)))))
)
