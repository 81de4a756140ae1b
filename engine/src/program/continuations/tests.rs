//! Continuations that were compiled once are found by others, and what can't be captured says why.

use std::time::{Duration, Instant};

use stillbox_capture::host::compile_continuations;

use super::*;
use crate::program::ahead::Ahead;

/// A program with a loop, in which there is more than is worth compiling ahead, around another one, in which there is not.
fn program() -> Arc<[u8]> {
    let much = "(local.set $n (i32.add (local.get $n) (i32.const 1)))".repeat(1000);
    let text = format!(
        "(module (func (export \"_start\") (local $n i32)
          (loop $outer
            {much}
            (loop $inner (br_if $inner (i32.popcnt (local.get $n))))
            (br_if $outer (local.get $n)))))"
    );
    wat::parse_str(text).unwrap().into()
}

fn engine() -> Engine {
    Engine::new(&config::wasmtime_config(Arc::default(), Code::Native).unwrap()).unwrap()
}

/// Returns the continuations of a program, as an engine has them that keeps what it compiles in `dir`.
fn continuations(dir: &Path, wasm: Arc<[u8]>) -> Arc<Continuations> {
    let store = Arc::new(Store::new(engine(), Some(dir)));
    Arc::new(Continuations::new(store, [7; 32], wasm))
}

/// Returns the sites of the program's loops, the largest first.
fn loops(continuations: &Continuations) -> Vec<Site> {
    let mut loops = continuations.analyze().unwrap().loops().unwrap();
    loops.sort_unstable_by_key(|one| std::cmp::Reverse(one.operators));
    loops.into_iter().map(|one| one.site).collect()
}

/// Returns a stack of one frame without values, suspended at a site.
fn stack(site: Site) -> Vec<u8> {
    [site.0.to_le_bytes(), 8_u32.to_le_bytes()].concat()
}

#[test]
fn what_was_compiled_is_found_by_the_next_engine() {
    let dir = tempfile::tempdir().unwrap();
    let first = continuations(dir.path(), program());
    let inner = loops(&first)[1];
    let stacks = [stack(inner), stack(inner)];
    // The continuation of the inner loop is followed by that of the outer one.
    assert_eq!(compile_continuations(stacks.iter().map(Vec::as_slice), &*first).unwrap(), 2);
    assert!(first.held(inner).is_some());

    // Nothing can be made of this program, so all that there is comes from the directory.
    let second = continuations(dir.path(), Arc::from(*b"nothing"));
    assert!(second.held(inner).is_none());
    assert_eq!(compile_continuations([stack(inner).as_slice()], &*second).unwrap(), 2);
    assert!(second.continuation(Site(1000)).is_err());
    let without = Arc::new(Store::new(engine(), None));
    assert!(Continuations::new(without, [7; 32], Arc::from(*b"nothing")).continuation(inner).is_err());
}

#[test]
fn a_stack_of_another_program_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let program = continuations(dir.path(), program());
    let refused = compile_continuations([stack(Site(1000)).as_slice()], &*program);
    assert!(matches!(refused, Err(HostError::Continuation { site: Site(1000), .. })), "{refused:?}");
    assert!(matches!(compile_continuations([b"x".as_slice()], &*program), Err(HostError::Frames(_))));
}

#[test]
fn large_loops_are_compiled_ahead() {
    let dir = tempfile::tempdir().unwrap();
    let program = continuations(dir.path(), program());
    let ahead = Ahead::new(Arc::new(Gate::new(1)));
    ahead.compile(&program);
    let begun = Instant::now();
    while program.on_disk(crate::program::ahead::DONE) != Some(true) {
        assert!(begun.elapsed() < Duration::from_secs(60), "nothing was compiled");
        std::thread::sleep(Duration::from_millis(20));
    }
    let [outer, inner] = loops(&program)[..] else { panic!("two loops") };
    assert_eq!(program.on_disk(&outer.0.to_string()), Some(true));
    assert_eq!(program.on_disk(&inner.0.to_string()), Some(false));
    assert!(program.load(outer).is_some());
}

#[test]
fn what_can_not_be_captured_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let wasm = wat::parse_str(r#"(module (func (export "stillbox:mine")))"#).unwrap();
    let error = continuations(dir.path(), wasm.into()).why_not();
    assert_eq!(error.to_string(), "the program can't be captured");
    let reason = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(reason, "the module exports the reserved name \"stillbox:mine\"");
}
