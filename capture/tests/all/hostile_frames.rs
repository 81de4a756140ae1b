use crate::harness::{Chance, EACH_POLL, Program};
use stillbox_capture::host::{Activation, HostError, Outcome};
use stillbox_capture::{FrameError, frames};

fn frame(values: &[u8], site: u32) -> Vec<u8> {
    let mut bytes = values.to_vec();
    bytes.extend(site.to_le_bytes());
    bytes.extend((values.len() as u32 + 8).to_le_bytes());
    bytes
}

#[test]
fn bytes_that_are_no_frames() {
    assert_eq!(frames(&[]), Err(FrameError::None));
    assert_eq!(frames(&[1, 2, 3]), Err(FrameError::Size { end: 3, size: 0 }));
    assert_eq!(frames(&[0; 8]), Err(FrameError::Size { end: 8, size: 0 }));
    let mut good = frame(&[0; 16], 3);
    assert_eq!(frames(&good).map(|frames| frames.len()), Ok(1));
    good.extend(frame(&[0; 8], 4));
    assert_eq!(frames(&good).map(|frames| frames[0].site.0), Ok(4));
    for cut in 1..good.len() {
        if cut != 24 {
            assert!(frames(&good[..cut]).is_err(), "cut after {cut}");
        }
    }
    for size in [1, 4, 7, 9, 12, 32, 1 << 31, u32::MAX] {
        let mut bytes = frame(&[0; 16], 3);
        bytes[20..].copy_from_slice(&size.to_le_bytes());
        assert_eq!(frames(&bytes), Err(FrameError::Size { end: 24, size }));
    }
    let too_many = vec![0; 17 << 20];
    assert_eq!(frames(&too_many), Err(FrameError::TooMany(17 << 20)));
}

fn program() -> Program {
    Program::of_text(
        r#"(module
      (import "h" "read" (func $read (param i32) (result i32)))
      (memory (export "m") 1)
      (func $work (param $n i32) (result i32) (local $i i32)
        (loop $again
          (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (br_if $again (i32.lt_s (local.get $i) (local.get $n))))
        (local.get $i))
      (func $long (param i64) (result i64)
        (i64.add (local.get 0) (i64.extend_i32_s (call $work (i32.const 2)))))
      (func (export "f") (param $n i32) (result i64) (local $s i64)
        (loop $l
          (local.set $s (i64.add (local.get $s) (call $long (i64.extend_i32_s (call $read (local.get $n))))))
          (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
        (local.get $s)))"#,
    )
}

/// Resumes whatever it is. It must not do more harm than to end in an error.
fn resume(program: &Program, stack: &Activation) -> Result<Outcome<i64>, HostError> {
    let mut store = program.store(&EACH_POLL);
    let mut guest = program.guest(&mut store);
    guest.resume(&mut store, stack, &program.continuations)
}

fn stack_of(program: &Program, polls: u32) -> Activation {
    let mut store = program.store(&EACH_POLL);
    let mut guest = program.guest(&mut store);
    let function = guest.instance().get_typed_func::<i32, i64>(&mut store, "f").expect("f");
    // SAFETY: the store is here.
    unsafe { guest.control(&store).request() };
    let mut outcome = guest.call(&mut store, &function, 9).expect("no trap");
    for _ in 0..polls {
        assert_eq!(outcome, Outcome::Unwound);
        let stack = guest.take(&mut store).expect("a stack");
        outcome = guest.resume(&mut store, &stack, &program.continuations).expect("no trap");
    }
    guest.take(&mut store).expect("a stack")
}

#[test]
fn frames_of_sites_that_are_not_there() {
    let program = program();
    for site in [1_000_000, u32::MAX, u32::MAX - 1] {
        let stack = Activation { frames: frame(&[0; 16], site), ..Activation::default() };
        assert!(matches!(resume(&program, &stack), Err(HostError::Continuation { .. })));
    }
}

#[test]
fn every_site_with_every_other_within_it() {
    let program = program();
    let sites = program.analysis.sites().expect("sites");
    assert!(sites.len() >= 5);
    for outer in &sites {
        for inner in &sites {
            for size in [0, 8, 16, 24] {
                let mut bytes = frame(&vec![0; size], inner.0);
                bytes.extend(frame(&[0; 8], outer.0));
                let _ = resume(&program, &Activation { frames: bytes, ..Activation::default() });
            }
        }
    }
}

#[test]
fn real_frames_with_bytes_that_changed() {
    let program = program();
    let mut chance = Chance::new(11);
    for polls in 0..12 {
        let good = stack_of(&program, polls);
        for _ in 0..30 {
            let mut stack = good.clone();
            for _ in 0..=chance.below(3) {
                let at = chance.below(stack.frames.len() as u64) as usize;
                stack.frames[at] = chance.below(256) as u8;
            }
            // A number of rounds that changed may be a large one.
            let keeps_counters = stack.frames.iter().zip(&good.frames).all(|(new, old)| new <= old);
            if keeps_counters {
                let _ = resume(&program, &stack);
            }
        }
        for cut in (8..good.frames.len()).step_by(8) {
            let stack = Activation { frames: good.frames[..cut].to_vec(), ..good.clone() };
            let _ = resume(&program, &stack);
            let stack = Activation { frames: good.frames[cut..].to_vec(), ..good.clone() };
            let _ = resume(&program, &stack);
        }
    }
}
