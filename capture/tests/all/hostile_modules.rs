use std::time::{Duration, Instant};

use stillbox_capture::{Analysis, CaptureError, polling};

use crate::harness::Chance;

/// Rewrites a module as far as that goes, which must not take long.
fn rewritten(wasm: Vec<u8>) -> Result<Vec<u8>, CaptureError> {
    let began = Instant::now();
    let result = Analysis::new(wasm, |_, _| false).and_then(|analysis| {
        let main = analysis.rewrite()?;
        for site in analysis.sites()?.iter().take(20) {
            analysis.continuation(*site)?;
        }
        Ok(main)
    });
    assert!(began.elapsed() < Duration::from_secs(60), "it took {:?}", began.elapsed());
    result
}

fn text(text: &str) -> Vec<u8> {
    wat::parse_str(text).expect("a module")
}

const CALLEE: &str = "(func $c (loop (br_if 0 (i32.const 0))))";

#[test]
fn bytes_by_chance() {
    let good = text("(module (memory 1) (func (export \"f\") (param i32) (loop (br_if 0 (local.get 0)))))");
    let mut chance = Chance::new(5);
    for _ in 0..3000 {
        let mut wasm = good.clone();
        for _ in 0..=chance.below(4) {
            let at = chance.below(wasm.len() as u64) as usize;
            wasm[at] = chance.below(256) as u8;
        }
        wasm.truncate(wasm.len() - chance.below(3) as usize);
        let _ = rewritten(wasm.clone());
        let _ = polling(wasm, stillbox_capture::Poll::Atomic);
    }
}

#[test]
fn very_many_locals() {
    let locals = "i64 ".repeat(49_990);
    let sets: String = (0..49_990).map(|local| format!("(local.set {local} (i64.const 1))")).collect();
    let gets: String = (0..49_990).map(|local| format!("(drop (local.get {local}))")).collect();
    // They are live across some calls, then across many.
    for calls in [2, 400] {
        let calls = "(call $c)".repeat(calls);
        let result = rewritten(text(&format!("(module {CALLEE} (func (local {locals}) {sets} {calls} {gets}))")));
        assert!(matches!(result, Ok(_) | Err(CaptureError::FunctionTooLarge { .. })));
    }
    let too_many = "i64 ".repeat(50_000);
    let result = rewritten(text(&format!("(module {CALLEE} (func (local {too_many}) {CALLS}))", CALLS = "(call $c)")));
    assert!(matches!(result, Err(CaptureError::FunctionTooLarge { what: "locals", .. })));
}

#[test]
fn very_many_operands_below_very_many_calls() {
    let operands = "(i32.const 1)".repeat(20_000);
    let calls = "(call $c)".repeat(20_000);
    let drops = "drop ".repeat(20_000);
    let result = rewritten(text(&format!("(module {CALLEE} (func {operands} {calls} {drops}))")));
    assert!(matches!(result, Err(CaptureError::FunctionTooLarge { .. })));
}

#[test]
fn very_deeply_nested_blocks() {
    let (open, close) = ("block ".repeat(20_000), "end ".repeat(20_000));
    let body = format!("{open} call $c {close}");
    rewritten(text(&format!("(module {CALLEE} (func {body}))"))).expect("blocks cost nothing");
    let operands = "i32.const 1 block ".repeat(20_000);
    let close = "end drop ".repeat(20_000);
    let result = rewritten(text(&format!("(module {CALLEE} (func {operands} call $c {close}))")));
    assert!(matches!(result, Ok(_) | Err(CaptureError::FunctionTooLarge { .. })));
}

#[test]
fn very_deeply_nested_loops() {
    let (open, close) = ("loop ".repeat(5_000), "end ".repeat(5_000));
    let result = rewritten(text(&format!("(module {CALLEE} (func {open} call $c {close}))")));
    assert!(matches!(result, Err(CaptureError::FunctionTooLarge { what: "nested loops", .. })));
}

#[test]
fn large_tables_of_branches() {
    let (open, close) = ("block ".repeat(1_000), "end call $c ".repeat(1_000));
    let labels: String = (0..50_000).map(|label| format!("{} ", label % 1_000)).collect();
    let tables = format!("block local.get 0 br_table {labels} end ").repeat(20);
    let result = rewritten(text(&format!("(module {CALLEE} (func (param i32) {open} {tables} {close}))")));
    assert!(matches!(result, Ok(_) | Err(CaptureError::FunctionTooLarge { .. })));
}

#[test]
fn loops_and_locals_that_take_many_walks() {
    let locals = 2_000;
    let mut body = String::new();
    for level in 0..150 {
        body += &format!("(loop $l{level} (local.set {level} (i32.add (local.get {}) (i32.const 1)))", level + 1);
    }
    body += &(0..2_000).map(|local| format!("(drop (local.get {}))", local % locals)).collect::<String>();
    for level in (0..150).rev() {
        body += &format!("(br_if $l{level} (local.get {level})))");
    }
    let types = "i32 ".repeat(locals);
    let result = rewritten(text(&format!("(module (func (local {types}) {body}))")));
    assert!(matches!(result, Ok(_) | Err(CaptureError::FunctionTooLarge { .. })));
}

#[test]
fn a_frame_that_is_too_large() {
    let locals = "v128 ".repeat(49_000);
    let sets: String = (0..49_000).map(|local| format!("(local.set {local} (v128.const i64x2 1 1))")).collect();
    let gets: String = (0..49_000).map(|local| format!("(drop (local.get {local}))")).collect();
    let calls = "(call $c)".repeat(2);
    let result = rewritten(text(&format!("(module {CALLEE} (func (local {locals}) {sets} {calls} {gets}))")));
    assert!(matches!(result, Ok(_) | Err(CaptureError::FunctionTooLarge { .. })));
}
