//! Checkpoints from anyone: no panic, bounded memory. Begin with `tests/goldens/v1`.
//!
//! The hashes in a checkpoint stop a fuzzer at the first byte that it changes, so they are put right before it is read.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;

#[path = "../../checkpoint/tests/hostile/exercise.rs"]
mod exercise;
#[path = "../../checkpoint/tests/hostile/reseal.rs"]
mod reseal;

fuzz_target!(|data: &[u8]| {
    let mut data = data.to_vec();
    reseal::reseal(&mut data);
    exercise::exercise(&Bytes::from(data));
});
