use std::collections::HashMap;

use parking_lot::Mutex;
use stillbox_capture::host::{ContinuationSource, HostError, Outcome, compile_continuations};
use stillbox_capture::{Analysis, CaptureError, Site, frames};
use wasmtime::Module;

use crate::harness::{EACH_POLL, Program};

const PROGRAM: &str = r#"(module
  (import "h" "read" (func $read (param i32) (result i32)))
  (import "h" "log" (func $log (param i32)))
  (func $inner (param $n i32) (result i32) (local $i i32)
    (loop $l
      (local.set $n (i32.add (local.get $n) (call $read (local.get $i))))
      (call $log (local.get $n))
      (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 3))))
    (local.get $n))
  (func (export "f") (param $n i32) (result i64) (local $sum i32)
    (loop $outer
      (loop $again
        (local.set $sum (i32.add (local.get $sum) (call $inner (local.get $n))))
        (br_if $again (i32.and (local.get $sum) (i32.const 1))))
      (br_if $outer (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (i64.extend_i32_s (local.get $sum))))"#;

/// Continuations that were compiled, and no others.
struct Kept(Mutex<HashMap<Site, Module>>);

impl ContinuationSource for Kept {
    fn continuation(&self, site: Site) -> Result<Module, HostError> {
        let missing = HostError::Continuation { site, source: CaptureError::NoSuchSite(site) };
        self.held(site).ok_or(missing)
    }

    fn held(&self, site: Site) -> Option<Module> {
        self.0.lock().get(&site).cloned()
    }
}

/// Compiles, and keeps what it compiled.
struct Keeping<'a>(&'a Program, Kept);

impl ContinuationSource for Keeping<'_> {
    fn continuation(&self, site: Site) -> Result<Module, HostError> {
        let module = self.0.continuations.continuation(site)?;
        self.1.0.lock().insert(site, module.clone());
        Ok(module)
    }

    fn held(&self, site: Site) -> Option<Module> {
        self.1.held(site)
    }
}

#[test]
fn what_was_compiled_ahead_is_all_that_a_stack_needs() {
    let program = Program::of_text(PROGRAM);
    let mut store = program.store(&EACH_POLL);
    let mut guest = program.guest(&mut store);
    let function = guest.instance().get_typed_func::<i32, i64>(&mut store, "f").expect("f");
    // SAFETY: the store is here.
    unsafe { guest.control(&store).request() };
    let mut outcome = guest.call(&mut store, &function, 2).expect("no trap");
    let mut suspended = 0;
    while outcome == Outcome::Unwound {
        suspended += 1;
        let stack = guest.take(&mut store).expect("a stack");
        let keeping = Keeping(&program, Kept(Mutex::default()));
        let compiled = compile_continuations([stack.frames.as_slice()], &keeping).expect("continuations");
        assert!(compiled >= frames(&stack.frames).expect("frames").len());
        let saved = guest.save_stack(&mut store, &stack).expect("a stack that can be saved");
        let state = guest.state(&mut store).expect("a state that can be saved");
        let host = store.into_data();
        store = wasmtime::Store::new(&program.engine, host);
        guest = program.guest(&mut store);
        guest.set_state(&mut store, &state).expect("the state of this program");
        let stack = guest.load_stack(&mut store, &saved).expect("the stack of this program");
        // SAFETY: the store is here.
        unsafe { guest.control(&store).request() };
        outcome = guest.resume(&mut store, &stack, &keeping.1).expect("everything is there");
    }
    assert!(suspended > 10);
    assert_eq!(outcome, Outcome::Returned(program.plain(2).result.expect("no trap")));
}

#[test]
fn sites_have_the_same_numbers_for_every_choice_of_blocking_imports() {
    let wasm = wat::parse_str(PROGRAM).expect("a module");
    let sites = |blocking: &'static [&'static str]| {
        let analysis = Analysis::new(wasm.clone(), |_, name| blocking.contains(&name)).expect("a capturable module");
        analysis.sites().expect("sites")
    };
    let (none, one, both) = (sites(&[]), sites(&["log"]), sites(&["read", "log"]));
    assert!(none.len() < one.len() && one.len() < both.len());
    assert!(none.iter().all(|site| one.contains(site)));
    assert!(one.iter().all(|site| both.contains(site)));
}
