//! Small programs, each with one loop or call that matters.

use std::time::Duration;

use wasmtime::{Instance, Module, Store};

use crate::{Result, cpu_time};

/// Each exports `f`, from how much there is to do to something that depends on all of it.
const KERNELS: [(&str, i32, &str); 5] = [
    ("matmul", 180, MATMUL),
    ("fib", 30, FIB),
    ("sieve", 3_000_000, SIEVE),
    ("calls", 20_000_000, CALLS),
    ("copies", 3_000_000, COPIES),
];

const MATMUL: &str = r#"(module (memory 64)
  (func $at (param $base i32) (param $n i32) (param $i i32) (param $j i32) (result i32)
    (i32.add (local.get $base) (i32.shl (i32.add (i32.mul (local.get $i) (local.get $n)) (local.get $j)) (i32.const 3))))
  (func (export "f") (param $n i32) (result i64) (local $i i32) (local $j i32) (local $k i32) (local $sum f64) (local $a i32) (local $b i32) (local $size i32)
    (local.set $size (i32.shl (i32.mul (local.get $n) (local.get $n)) (i32.const 3)))
    (loop $fill
      (f64.store (local.get $i) (f64.convert_i32_s (i32.rem_u (local.get $i) (i32.const 97))))
      (br_if $fill (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 8))) (i32.shl (local.get $size) (i32.const 1)))))
    (local.set $i (i32.const 0))
    (loop $rows
      (local.set $j (i32.const 0))
      (loop $columns
        (local.set $sum (f64.const 0))
        (local.set $a (call $at (i32.const 0) (local.get $n) (local.get $i) (i32.const 0)))
        (local.set $b (call $at (local.get $size) (local.get $n) (i32.const 0) (local.get $j)))
        (local.set $k (local.get $n))
        (loop $products
          (local.set $sum (f64.add (local.get $sum) (f64.mul (f64.load (local.get $a)) (f64.load (local.get $b)))))
          (local.set $a (i32.add (local.get $a) (i32.const 8)))
          (local.set $b (i32.add (local.get $b) (i32.shl (local.get $n) (i32.const 3))))
          (br_if $products (local.tee $k (i32.sub (local.get $k) (i32.const 1)))))
        (f64.store (call $at (i32.shl (local.get $size) (i32.const 1)) (local.get $n) (local.get $i) (local.get $j)) (local.get $sum))
        (br_if $columns (i32.lt_s (local.tee $j (i32.add (local.get $j) (i32.const 1))) (local.get $n))))
      (br_if $rows (i32.lt_s (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
    (i64.reinterpret_f64 (local.get $sum))))"#;

const FIB: &str = r#"(module
  (func $fib (param i32) (result i64)
    (if (result i64) (i32.lt_s (local.get 0) (i32.const 2))
      (then (i64.extend_i32_s (local.get 0)))
      (else (i64.add (call $fib (i32.sub (local.get 0) (i32.const 1))) (call $fib (i32.sub (local.get 0) (i32.const 2)))))))
  (func (export "f") (param i32) (result i64) (call $fib (local.get 0))))"#;

const SIEVE: &str = r#"(module (memory 64)
  (func (export "f") (param $n i32) (result i64) (local $i i32) (local $j i32) (local $count i64)
    (memory.fill (i32.const 0) (i32.const 0) (local.get $n))
    (local.set $i (i32.const 2))
    (loop $numbers
      (if (i32.eqz (i32.load8_u (local.get $i)))
        (then
          (local.set $count (i64.add (local.get $count) (i64.const 1)))
          (local.set $j (i32.shl (local.get $i) (i32.const 1)))
          (block $done (loop $multiples
            (br_if $done (i32.ge_u (local.get $j) (local.get $n)))
            (i32.store8 (local.get $j) (i32.const 1))
            (local.set $j (i32.add (local.get $j) (local.get $i)))
            (br $multiples)))))
      (br_if $numbers (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
    (local.get $count)))"#;

const CALLS: &str = r#"(module
  (table 2 funcref) (elem (i32.const 0) $one $two)
  (type $step (func (param i64) (result i64)))
  (func $one (type $step) (i64.add (i64.mul (local.get 0) (i64.const 3)) (i64.const 1)))
  (func $two (type $step) (if (i64.eq (local.get 0) (i64.const 12345)) (then (loop $l (br_if $l (i64.eqz (local.get 0)))))) (i64.xor (local.get 0) (i64.const 77)))
  (func (export "f") (param $n i32) (result i64) (local $value i64)
    (loop $again
      (local.set $value (call_indirect (type $step) (local.get $value) (i32.and (local.get $n) (i32.const 1))))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $value)))"#;

const COPIES: &str = r#"(module (memory 2)
  (func (export "f") (param $n i32) (result i64)
    (loop $again
      (memory.copy (i32.const 1000) (i32.const 20000) (i32.and (local.get $n) (i32.const 127)))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (i64.load (i32.const 1000))))"#;

/// Runs each kernel in every way.
pub fn compare() -> Result<()> {
    crate::print_head();
    for (name, argument, text) in KERNELS {
        crate::compare(name, &wat::parse_str(text)?, |module| run(module, argument))?;
    }
    Ok(())
}

fn run(module: &Module, argument: i32) -> Result<Duration> {
    let mut store = Store::new(module.engine(), ());
    store.set_epoch_deadline(1 << 40);
    let instance = Instance::new(&mut store, module, &[])?;
    let function = instance.get_typed_func::<i32, i64>(&mut store, "f")?;
    let before = cpu_time()?;
    function.call(&mut store, argument)?;
    Ok(cpu_time()? - before)
}
