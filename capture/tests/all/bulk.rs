use crate::harness::{Hops, Program};
use std::time::{Duration, Instant};
use stillbox_capture::host::Outcome;

/// Each operation, done in a part of a memory of `pages`, with an argument that picks the places.
fn program(address: &str, pages: u32) -> Program {
    Program::of_text(&format!(
        r#"(module
      (memory $m (export "m") {memory} {pages}) (memory $o (export "o") {memory} {pages})
      (data (memory $m) ({address}.const 0) "\01\02\03\04\05\06\07\08")
      (data (memory $m) ({address}.const 300000) "the middle of the memory")
      (data (memory $o) ({address}.const 777777) "the other memory")
      (func (export "f") (param $what i32) (result i64)
        (block $other (block $up (block $down (block $fill
          (br_table $fill $down $up $other (local.get $what)))
          (memory.fill $m ({address}.const 5) (i32.const 0xa7) ({address}.const 1500001)) (return (i64.const 1)))
          (memory.copy $m $m ({address}.const 10) ({address}.const 300000) ({address}.const 1200001)) (return (i64.const 2)))
          (memory.copy $m $m ({address}.const 200001) ({address}.const 0) ({address}.const 1300003)) (return (i64.const 3)))
        (memory.copy $m $o ({address}.const 1) ({address}.const 3) ({address}.const 1300003))
        (i64.const 4)))"#,
        memory = if address == "i64" { "i64" } else { "" },
    ))
}

#[test]
fn what_is_done_in_parts_is_the_same() {
    for address in ["i32", "i64"] {
        let program = program(address, 25);
        for what in 0..4 {
            assert!(program.check(what) > 3, "{what} was not interrupted");
        }
    }
}

#[test]
fn what_is_out_of_bounds_traps_and_writes_nothing() {
    for address in ["i32", "i64"] {
        let program = program(address, 19);
        for what in 0..4 {
            let plain = program.plain(what);
            assert_eq!(plain.result, Err("wasm trap: out of bounds memory access".to_owned()));
            assert_eq!(program.uninterrupted(what), plain);
        }
    }
}

#[test]
fn a_long_fill_is_suspended_in_the_middle() {
    let program = Program::of_text(
        r#"(module (memory 16384)
      (func (export "f") (param i32) (result i64)
        (memory.fill (i32.const 0) (i32.const 1) (i32.const 0x3fff0000)) (i64.const 0)))"#,
    );
    let mut store = program.store(&Hops { seed: 0, polls: 0, asks: 0, blocks: 0, fresh: 0 });
    let guest = program.guest(&mut store);
    let function = guest.instance().get_typed_func::<i32, i64>(&mut store, "f").expect("f");
    let control = guest.control(&store);
    let asked = std::thread::scope(|scope| {
        let asking = scope.spawn(move || {
            std::thread::sleep(Duration::from_millis(20));
            // SAFETY: the store lives until this thread has ended.
            unsafe { control.request() };
            Instant::now()
        });
        let outcome = guest.call(&mut store, &function, 0).expect("no trap");
        let ended = Instant::now();
        let asked = asking.join().expect("the thread");
        // On a machine that fills a gibibyte in 20 ms it is over before it is asked.
        assert!(outcome == Outcome::Unwound || ended < asked);
        ended.saturating_duration_since(asked)
    });
    assert!(asked < Duration::from_secs(1), "it took {asked:?}");
}
